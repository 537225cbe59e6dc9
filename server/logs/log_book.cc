#include "server/logs/log_book.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/meetings/meeting_view.h"
#include "server/recording/event_intake.h"

namespace retention {
namespace {

// Lines of one server and civil day within a group.
struct LinesOfDay {
  DueDay due;
  bool taken = false;
  std::vector<std::pair<int64_t, const v1::LogLine*>> lines;
};

// Finds the civil day of instants that mostly follow each other.
class CivilDays {
 public:
  explicit CivilDays(const absl::TimeZone& zone) : zone_(zone) {}
  absl::CivilDay Of(int64_t time_us) {
    if (time_us < begin_us_ || time_us >= end_us_) {
      day_ = DayOf(absl::FromUnixMicros(time_us), zone_);
      begin_us_ = absl::ToUnixMicros(FirstInstantOf(day_, zone_));
      end_us_ = absl::ToUnixMicros(FirstInstantOf(day_ + 1, zone_));
    }
    return day_;
  }

 private:
  const absl::TimeZone& zone_;
  absl::CivilDay day_;
  int64_t begin_us_ = 0;
  int64_t end_us_ = 0;
};

// The ledger's word for why: a category with the kind of server, never the text of the reason.
std::string LedgerReason(v1::LogServer server) {
  constexpr size_t kPrefix = sizeof("LOG_SERVER_") - 1;
  return absl::StrCat("DEBUGGING_", v1::LogServer_Name(server).substr(kPrefix));
}

}  // namespace

absl::StatusOr<DueDay> CheckLogExtension(const v1::ExtendLogRetentionRequest& request, const Policy& policy,
                                         absl::Time now) {
  if (!IsLogServer(request.server())) return InvalidField("server", "not a server that logs");
  if (request.reason().empty()) return InvalidField("reason", "required");
  if (request.reason().size() > kMaxLogReasonBytes) return InvalidField("reason", "at most 1,000 bytes");
  if (!request.has_until()) return InvalidField("until", "required");
  auto until = DayOfDate(request.until(), "until");
  if (!until.ok()) return until.status();
  const CivilPeriod longest = policy.rule(kServerLog).extended_period;
  if (longest.unit == CivilPeriod::Unit::kNone) return InvalidField("until", "the policy allows no extension");
  const absl::CivilDay today = DayOf(now, policy.zone());
  if (*until < DueDay(today)) return InvalidField("until", "today or later");
  if (*until > DueDay(LastDayOf(today, longest))) {
    return InvalidField("until", "not beyond the policy's extended period from today");
  }
  return until;
}

absl::Status LogBook::Load() {
  Extensions extensions;
  auto cursor = holdings_.store.ScanPrefix(Family::kState, LogExtensionPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    auto plaintext = holdings_.vault.OpenState(cursor->key(), cursor->value());
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::StoredLogExtension stored;
    if (!stored.ParseFromString(plaintext->Reveal()) || !IsLogServer(static_cast<int>(stored.server()))) {
      return absl::DataLossError("an extension of the logs' retention does not parse");
    }
    extensions[stored.server()] = LogExtension{.reason = stored.reason(),
                                               .until = DueDay::FromNumber(stored.until_day()),
                                               .created = absl::FromUnixMicros(stored.created_us()),
                                               .refiling = stored.refiling()};
  }
  if (!cursor->status().ok()) return cursor->status();
  // A sequence that begins at random: a row that was written before a restart is never written over, whatever its time.
  std::array<uint8_t, sizeof(uint64_t)> random{};
  if (absl::Status s = holdings_.random.Fill(random.data(), random.size()); !s.ok()) return s;
  next_sequence_ = 0;
  for (const uint8_t byte : random) next_sequence_ = next_sequence_ << 8 | byte;
  next_sequence_ >>= 1;  // room to count on
  std::lock_guard lock(mutex_);
  extensions_ = std::move(extensions);
  return absl::OkStatus();
}

absl::Status LogBook::Append(std::span<LogCommand* const> commands, Change& change) {
  const LogTerms terms = Terms();
  CivilDays days(holdings_.policy().zone());
  std::map<std::pair<int, absl::CivilDay>, LinesOfDay> group;
  std::pair<int, absl::CivilDay> last_key;
  LinesOfDay* last = nullptr;  // lines come in runs of one server and day
  for (LogCommand* command : commands) {
    for (int i = 0; i < command->lines->size(); ++i) {
      if (command->rejected[static_cast<size_t>(i)]) continue;
      const v1::LogLine& line = (*command->lines)[i];
      const int64_t time_us = MicrosOf(line.time());
      const std::pair<int, absl::CivilDay> key(line.server(), days.Of(time_us));
      if (last == nullptr || key != last_key) {
        const auto [it, inserted] = group.try_emplace(key);
        if (inserted) {
          it->second.due =
              LogDueDay(key.second, terms[static_cast<size_t>(key.first)], holdings_.policy().rule(kServerLog));
          it->second.taken = change.Takes(it->second.due);
        }
        last = &it->second;
        last_key = key;
      }
      LogTally& tally = command->tallies[static_cast<size_t>(key.first)];
      ++(last->taken ? tally.accepted : tally.past_due);
      if (last->taken) last->lines.emplace_back(time_us, &line);
    }
    uint32_t accepted = 0;
    uint32_t past_due = 0;
    for (const LogTally& tally : command->tallies) {
      accepted += tally.accepted;
      past_due += tally.past_due;
    }
    command->result.set_accepted(accepted);
    command->result.set_past_due(past_due);
  }
  stored::v1::LogChunk chunk;
  for (auto& [key, of_day] : group) {
    std::stable_sort(of_day.lines.begin(), of_day.lines.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t begin = 0; begin < of_day.lines.size();) {
      chunk.Clear();
      chunk.set_server(static_cast<uint32_t>(key.first));
      size_t end = begin;
      for (size_t bytes = 0; end < of_day.lines.size() && end - begin < kMaxRowLines; ++end) {
        const auto& [time_us, line] = of_day.lines[end];
        bytes += line->text().size();
        if (bytes > kMaxRowTextBytes && end > begin) break;
        stored::v1::LogEntry& entry = *chunk.add_lines();
        entry.set_time_us(time_us);
        entry.set_severity(static_cast<uint32_t>(line->severity()));
        entry.set_text(line->text());
      }
      const FiledKey row = LogRowKey(of_day.due, key.first, of_day.lines[begin].first, next_sequence_++);
      const Personal plaintext(chunk.SerializeAsString());
      if (absl::Status s = change.File(row, plaintext, static_cast<uint32_t>(end - begin)); !s.ok()) return s;
      begin = end;
    }
  }
  return absl::OkStatus();
}

absl::Status LogBook::PutExtension(int server, const LogExtension& extension, Change& change) {
  stored::v1::StoredLogExtension stored;
  stored.set_server(static_cast<uint32_t>(server));
  stored.set_reason(extension.reason);
  stored.set_until_day(extension.until.number());
  stored.set_created_us(absl::ToUnixMicros(extension.created));
  stored.set_refiling(extension.refiling);
  const std::string key = LogExtensionKey(static_cast<uint8_t>(server));
  auto envelope = holdings_.vault.SealState(key, Personal(stored.SerializeAsString()));
  if (!envelope.ok()) return envelope.status();
  change.batch().Put(Family::kState, key, *std::move(envelope));
  return absl::OkStatus();
}

absl::Status LogBook::Extend(const v1::ExtendLogRetentionRequest& request, DueDay until, absl::Time now) {
  // The last one must have been carried out: which rows had ended by now would be anybody's guess otherwise. Mostly
  // nothing is left of it, and never more than one step is done here.
  const auto more = Refile(now);
  if (!more.ok()) return more.status();
  if (*more) return RefileUnderWay();
  Change change(holdings_, now);
  const LogExtension extension{.reason = request.reason(),
                               .until = until,
                               .created = absl::FromUnixMicros(absl::ToUnixMicros(now)),
                               .refiling = true};
  if (absl::Status s = PutExtension(request.server(), extension, change); !s.ok()) return s;
  auto& held = extensions_[static_cast<size_t>(request.server())];
  // The reason that is replaced goes with the next scrub.
  if (held.has_value()) holdings_.marks.Note(DueDay(), now);
  stored::v1::LedgerEntry entry;
  entry.set_kind(stored::v1::LedgerEntry::KIND_LOGS_EXTENDED);
  entry.set_day(until.number());
  entry.set_reason(LedgerReason(request.server()));
  change.Enter(std::move(entry));
  if (absl::Status s = change.Commit(); !s.ok()) return s;
  {
    std::lock_guard lock(mutex_);
    held = extension;
  }
  return absl::OkStatus();
}

int LogBook::RefilingServer() const {
  std::lock_guard lock(mutex_);
  for (size_t server = 1; server < kLogServers; ++server) {
    if (extensions_[server].has_value() && extensions_[server]->refiling) return static_cast<int>(server);
  }
  return 0;
}

bool LogBook::refiling() const { return RefilingServer() != 0; }

absl::StatusOr<bool> LogBook::Refile(absl::Time now) {
  const int server = RefilingServer();
  if (server == 0) return false;
  auto& held = extensions_[static_cast<size_t>(server)];
  if (const std::pair of(server, held->created); refile_of_ != of) {
    refile_of_ = of;
    refile_from_.reset();
  }
  const LogTerms terms = Terms();
  Change change(holdings_, now);
  const FiledKey first = LogRowKey(holdings_.ring.destroyed_through().Next(), 0, 0, 0);
  LogRowWalk walk(holdings_.store, refile_from_.value_or(first), server);
  size_t bytes = 0;
  for (size_t rows = 0; walk.Valid() && rows < kMaxStepRows && bytes < kMaxStepBytes; walk.Next(), ++rows) {
    const FiledKey key = walk.key();
    const DueDay right = RightLogDay(key, terms, holdings_.policy());
    if (right == key.day) continue;
    bytes += walk.value().size();
    if (absl::Status s = change.Relocate(key, walk.value(), right); !s.ok()) return s;
  }
  if (!walk.Valid() && !walk.status().ok()) return walk.status();
  std::optional<FiledKey> next;
  if (walk.Valid()) next = walk.key();
  LogExtension done = *held;
  done.refiling = next.has_value();
  if (!next.has_value()) {
    if (absl::Status s = PutExtension(server, done, change); !s.ok()) return s;
  }
  if (absl::Status s = change.Commit(); !s.ok()) return s;
  refile_from_ = next;
  std::lock_guard lock(mutex_);
  held = std::move(done);
  return std::any_of(extensions_.begin(), extensions_.end(),
                     [](const auto& e) { return e.has_value() && e->refiling; });
}

bool LogBook::HasEnded(absl::Time now) const {
  const DueDay last = LastDueDay(now, holdings_.policy().zone());
  std::lock_guard lock(mutex_);
  return std::any_of(extensions_.begin(), extensions_.end(),
                     [&](const auto& e) { return e.has_value() && e->until <= last && !e->refiling; });
}

absl::Status LogBook::DropEnded(absl::Time now) {
  Change change(holdings_, now);
  Extensions left = extensions_;
  for (size_t server = 1; server < kLogServers; ++server) {
    if (!left[server].has_value() || left[server]->until > change.last_due() || left[server]->refiling) continue;
    change.batch().Delete(Family::kState, LogExtensionKey(static_cast<uint8_t>(server)));
    holdings_.marks.Note(DueDay(), now);
    left[server].reset();
  }
  if (change.empty()) return absl::OkStatus();
  if (absl::Status s = change.Commit(); !s.ok()) return s;
  std::lock_guard lock(mutex_);
  extensions_ = std::move(left);
  return absl::OkStatus();
}

LogTerms LogBook::Terms() const {
  LogTerms terms;
  std::lock_guard lock(mutex_);
  for (size_t server = 1; server < kLogServers; ++server) {
    const auto& extension = extensions_[server];
    if (!extension.has_value()) continue;
    terms[server] =
        LogTerm{.until = extension->until, .ended = LastDueDay(extension->created, holdings_.policy().zone())};
  }
  return terms;
}

std::optional<v1::LogExtension> LogBook::InForce(int server, absl::Time now) const {
  std::lock_guard lock(mutex_);
  const auto& extension = extensions_[static_cast<size_t>(server)];
  if (!extension.has_value() || extension->until <= LastDueDay(now, holdings_.policy().zone())) return std::nullopt;
  v1::LogExtension described;
  described.set_server(static_cast<v1::LogServer>(server));
  described.set_reason(extension->reason);
  SetDate(extension->until, *described.mutable_until());
  SetTime(absl::ToUnixMicros(extension->created), *described.mutable_create_time());
  return described;
}

std::vector<v1::LogExtension> LogBook::InForce(absl::Time now) const {
  std::vector<v1::LogExtension> all;
  for (int server = 1; server < static_cast<int>(kLogServers); ++server) {
    if (auto described = InForce(server, now)) all.push_back(*std::move(described));
  }
  return all;
}

}  // namespace retention
