#include "server/access/read_audit.h"

#include "server/base/errors.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

constexpr int64_t kHourSeconds = 3600;

absl::Time HourOf(absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  return absl::FromUnixSeconds(seconds - seconds % kHourSeconds);
}

}  // namespace

LedgerEntry ReadAudit::EntryOf(LedgerEntry::Kind kind, const Reader& reader) {
  LedgerEntry entry;
  entry.set_kind(kind);
  entry.set_role(std::get<0>(reader));
  entry.set_principal(std::get<1>(reader));
  entry.set_reason(std::get<2>(reader));
  return entry;
}

LedgerEntry ReadAudit::CountOf(const Reader& reader, const Hour& hour) {
  LedgerEntry entry = EntryOf(LedgerEntry::KIND_READS_COUNTED, reader);
  entry.set_reads(hour.reads);
  // From when on.
  entry.set_due_us(absl::ToUnixMicros(hour.begin));
  return entry;
}

absl::Status ReadAudit::Note(const Actor& actor, std::string_view what, absl::Time now) {
  Reader reader(actor.role, actor.principal, what);
  const MutexLock lock(mutex_);
  const auto known = hours_.find(reader);
  if (known != hours_.end() && known->second.begin == HourOf(now)) {
    ++known->second.reads;
    return absl::OkStatus();
  }
  std::vector<LedgerEntry> entries;
  if (known != hours_.end()) entries.push_back(CountOf(reader, known->second));
  entries.push_back(EntryOf(LedgerEntry::KIND_READ, reader));
  if (!enter_(entries).ok()) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE",
                           "that it is read cannot be entered in the ledger, so it is not answered");
  }
  hours_[std::move(reader)] = {.begin = HourOf(now), .reads = 1};
  return absl::OkStatus();
}

absl::Status ReadAudit::Close(absl::Time now) {
  const MutexLock lock(mutex_);
  std::vector<LedgerEntry> entries;
  for (const auto& [reader, hour] : hours_) {
    if (hour.begin + absl::Seconds(kHourSeconds) <= now) entries.push_back(CountOf(reader, hour));
  }
  if (entries.empty()) return absl::OkStatus();
  if (absl::Status status = enter_(entries); !status.ok()) return status;
  std::erase_if(hours_, [now](const auto& one) { return one.second.begin + absl::Seconds(kHourSeconds) <= now; });
  return absl::OkStatus();
}

}  // namespace retention
