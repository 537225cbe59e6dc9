#include "server/logs/log_retention.h"

#include <openssl/crypto.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

// Of a request id; 0 if there is none. Two batches are one if it, and server and instant of a row's first line, are
// alike.
uint64_t MarkOf(std::string_view request_id) {
  return request_id.empty() ? 0 : XXH3_64bits(request_id.data(), request_id.size());
}

// Rows of a batch that has a mark are found again: by it, and their place among the lines of their day.
uint64_t SequenceOf(uint64_t mark, size_t place) { return XXH3_64bits_withSeed(&place, sizeof(place), mark); }

// Lines of one server and civil day within a group; each batch with a mark is by itself.
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

// A short reason lies in the structure itself, where nothing else would come over it.
void Wipe(std::optional<LogExtension>& extension) {
  if (extension.has_value()) OPENSSL_cleanse(extension->reason.data(), extension->reason.size());
  extension.reset();
}

// The ledger's word for why: a category with the kind of server, never the text of the reason.
std::string LedgerReason(v1::LogServer server) {
  constexpr size_t kPrefix = sizeof("LOG_SERVER_") - 1;
  return absl::StrCat("DEBUGGING_", v1::LogServer_Name(server).substr(kPrefix));
}

absl::StatusOr<DueDay> UntilOf(const v1::ExtendLogRetentionRequest& request, const Policy& policy, absl::Time now) {
  if (!request.has_until()) return InvalidField("until", "required");
  auto until = DayOfDate(request.until(), "until");
  if (!until.ok()) return until;
  const CivilPeriod longest = policy.rule(kServerLog).extended_period;
  if (longest.unit == CivilPeriod::Unit::kNone) return InvalidField("until", "the policy allows no extension");
  const absl::CivilDay today = DayOf(now, policy.zone());
  if (*until < DueDay(today)) return InvalidField("until", "today or later");
  if (*until > DueDay(LastDayOf(today, longest))) {
    return InvalidField("until", "not beyond the policy's extended period from today");
  }
  return until;
}

}  // namespace

absl::StatusOr<DueDay> CheckLogExtension(const v1::ExtendLogRetentionRequest& request, const Policy& policy,
                                         absl::Time now) {
  FieldViolations violations;
  if (!IsLogServer(request.server())) violations.Add("server", "not a server that logs");
  if (request.reason().empty()) violations.Add("reason", "required");
  if (request.reason().size() > kMaxLogReasonBytes) violations.Add("reason", "at most 1,000 bytes");
  auto until = UntilOf(request, policy, now);
  violations.Add(until.status());
  if (!violations.ok()) return violations.status();
  return until;
}

absl::Status LogRetention::Load() {
  Extensions extensions;
  auto cursor = holdings_.store.ScanPrefix(Family::kState, LogExtensionPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    // In a copy from before it was over; or its key is lost.
    const auto gone = holdings_.vault.IsStateGone(cursor->value());
    if (!gone.ok()) return gone.status();
    if (*gone) continue;
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
  const MutexLock lock(mutex_);
  extensions_ = std::move(extensions);
  return absl::OkStatus();
}

absl::Status LogRetention::Append(std::span<LineBatch* const> batches, Change& change) {
  const LogTerms terms = Terms();
  CivilDays days(holdings_.policy().zone());
  using Key = std::tuple<int, absl::CivilDay, uint64_t>;  // server, day, mark
  std::map<Key, LinesOfDay> group;
  // Of batches with a mark, by it: the lines that no batch of the group has brought. What was rejected, as it was too
  // far ahead, may be good when it comes again.
  absl::flat_hash_map<uint64_t, std::vector<bool>> missing;
  Key last_key;
  LinesOfDay* last = nullptr;  // lines come in runs of one server and day
  for (LineBatch* batch : batches) {
    batch->tallies = {};
    const uint64_t mark = MarkOf(batch->request_id);
    std::vector<bool>* const its_missing = mark == 0 ? nullptr : &missing[mark];
    if (its_missing != nullptr) its_missing->resize(std::max(its_missing->size(), batch->size()), true);
    for (int i = 0; i < batch->lines->size(); ++i) {
      if (batch->rejected[static_cast<size_t>(i)]) continue;
      const v1::LogLine& line = (*batch->lines)[i];
      const int64_t time_us = MicrosOf(line.time());
      const Key key(line.server(), days.Of(time_us), mark);
      if (last == nullptr || key != last_key) {
        const auto [it, inserted] = group.try_emplace(key);
        if (inserted) {
          it->second.due = LogDueDay(std::get<absl::CivilDay>(key), terms[static_cast<size_t>(line.server())],
                                     holdings_.policy().rule(kServerLog));
          it->second.taken = change.Takes(it->second.due);
        }
        last = &it->second;
        last_key = key;
      }
      LogTally& tally = batch->tallies[static_cast<size_t>(line.server())];
      ++(last->taken ? tally.accepted : tally.past_due);
      if (!last->taken) continue;
      if (its_missing != nullptr) {
        auto is_missing = (*its_missing)[static_cast<size_t>(i)];  // refers to it
        if (!is_missing) continue;
        is_missing = false;
      }
      last->lines.emplace_back(time_us, &line);
    }
    uint32_t accepted = 0;
    uint32_t past_due = 0;
    for (const LogTally& tally : batch->tallies) {
      accepted += tally.accepted;
      past_due += tally.past_due;
    }
    batch->result.set_accepted(accepted);
    batch->result.set_past_due(past_due);
  }
  stored::v1::LogChunk chunk;
  for (auto& [key, of_day] : group) {
    const auto& [server, day, mark] = key;
    std::stable_sort(of_day.lines.begin(), of_day.lines.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t begin = 0; begin < of_day.lines.size();) {
      const uint64_t sequence = mark == 0 ? next_sequence_++ : SequenceOf(mark, begin);
      const FiledKey row = LogRowKey(of_day.due, server, of_day.lines[begin].first, sequence);
      if (mark != 0) {
        // Lines that were rejected before, as they were too far ahead, are later than all that were not: so what is
        // held of a day is its beginning, in rows that follow each other.
        const auto held = holdings_.store.Get(Family::kFiled, row.Encode());
        if (!held.ok()) return held.status();
        if (held->has_value()) {
          begin += std::max<size_t>(Vault::ValueCount(**held), 1);
          continue;
        }
      }
      chunk.Clear();
      chunk.set_server(static_cast<uint32_t>(server));
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
      change.File(row, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(end - std::exchange(begin, end)));
    }
  }
  return absl::OkStatus();
}

void LogRetention::PutExtension(int server, const LogExtension& extension, Change& change) {
  stored::v1::StoredLogExtension stored;
  stored.set_server(static_cast<uint32_t>(server));
  stored.set_reason(extension.reason);
  stored.set_until_day(extension.until.number());
  stored.set_created_us(absl::ToUnixMicros(extension.created));
  stored.set_refiling(extension.refiling);
  change.PutSealed(LogExtensionKey(static_cast<uint8_t>(server)), Personal(stored.SerializeAsString()));
  change.ThenDo([this, server, extension] {
    const MutexLock lock(mutex_);
    Wipe(extensions_[static_cast<size_t>(server)]);
    extensions_[static_cast<size_t>(server)] = extension;
  });
}

absl::StatusOr<v1::LogExtension> LogRetention::Extend(const v1::ExtendLogRetentionRequest& request, Change& change) {
  // Its lines may not lie where they are looked for.
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  const auto until = CheckLogExtension(request, holdings_.policy(), change.now());
  if (!until.ok()) return until.status();
  if (refiling()) return RefileUnderWay();
  const LogExtension extension{.reason = request.reason(),
                               .until = *until,
                               .created = absl::FromUnixMicros(absl::ToUnixMicros(change.now())),
                               .refiling = true};
  // The reason that is replaced goes with the next scrub.
  if (ExtensionOf(request.server()).has_value()) change.MarkState(LogExtensionPrefix());
  PutExtension(request.server(), extension, change);
  change.Before([](KeyRing& ring) { return ring.SuspendDue(); });
  stored::v1::LedgerEntry entry;
  entry.set_kind(stored::v1::LedgerEntry::KIND_LOGS_EXTENDED);
  entry.set_day(until->number());
  entry.set_reason(LedgerReason(request.server()));
  change.Enter(std::move(entry));
  return Describe(request.server(), extension);
}

std::optional<LogExtension> LogRetention::ExtensionOf(int server) const {
  const MutexLock lock(mutex_);
  return extensions_[static_cast<size_t>(server)];
}

int LogRetention::RefilingServer() const {
  const MutexLock lock(mutex_);
  for (size_t server = 1; server < kLogServers; ++server) {
    if (extensions_[server].has_value() && extensions_[server]->refiling) return static_cast<int>(server);
  }
  return 0;
}

bool LogRetention::refiling() const { return RefilingServer() != 0; }

absl::StatusOr<bool> LogRetention::RefileStep(Change& change) {
  const int server = RefilingServer();
  if (server == 0) return false;
  const LogExtension extension = *ExtensionOf(server);
  const std::pair of(server, extension.created);
  const FiledKey first = LogRowKey(holdings_.ring.destroyed_through().Next(), 0, 0, 0);
  const FiledKey from = refile_of_ == of ? refile_from_.value_or(first) : first;
  const LogTerms terms = Terms();
  LogRowWalk walk(holdings_.store, from, server);
  const StepBounds bounds;
  size_t bytes = 0;
  for (size_t rows = 0; walk.Valid() && rows < bounds.rows && bytes < bounds.bytes; walk.Next(), ++rows) {
    const FiledKey key = walk.key();
    const DueDay right = RightLogDay(key, terms, holdings_.policy());
    if (right == key.day) continue;
    bytes += walk.value().size();
    if (absl::Status s = change.Move(key, walk.value(), right); !s.ok()) return s;
  }
  if (!walk.Valid() && !walk.status().ok()) return walk.status();
  std::optional<FiledKey> next;
  if (walk.Valid()) next = walk.key();
  if (!next.has_value()) {
    LogExtension done = extension;
    done.refiling = false;
    PutExtension(server, done, change);
  }
  change.ThenDo([this, of, next] {
    refile_of_ = of;
    refile_from_ = next;
  });
  if (next.has_value()) return true;
  const MutexLock lock(mutex_);
  for (size_t other = 1; other < kLogServers; ++other) {
    const auto& its = extensions_[other];
    if (static_cast<int>(other) != server && its.has_value() && its->refiling) return true;
  }
  return false;
}

bool LogRetention::HasEnded(absl::Time now) const {
  const DueDay last = holdings_.LastDue(now);
  for (int server = 1; server < static_cast<int>(kLogServers); ++server) {
    if (HasEnded(server, last)) return true;
  }
  return false;
}

bool LogRetention::HasEnded(int server, DueDay last) const {
  const MutexLock lock(mutex_);
  const auto& extension = extensions_[static_cast<size_t>(server)];
  return extension.has_value() && extension->until <= last && !extension->refiling;
}

void LogRetention::DropEnded(Change& change) {
  for (int server = 1; server < static_cast<int>(kLogServers); ++server) {
    if (!HasEnded(server, change.last_due())) continue;
    change.DeleteState(LogExtensionKey(static_cast<uint8_t>(server)));
    change.ThenDo([this, server] {
      const MutexLock lock(mutex_);
      Wipe(extensions_[static_cast<size_t>(server)]);
    });
  }
}

LogTerms LogRetention::Terms() const {
  LogTerms terms;
  const MutexLock lock(mutex_);
  for (size_t server = 1; server < kLogServers; ++server) {
    const auto& extension = extensions_[server];
    if (!extension.has_value()) continue;
    terms[server] = LogTerm{.until = extension->until, .ended = holdings_.LastDue(extension->created)};
  }
  return terms;
}

v1::LogExtension LogRetention::Describe(int server, const LogExtension& extension) const {
  v1::LogExtension described;
  described.set_server(static_cast<v1::LogServer>(server));
  described.set_reason(extension.reason);
  SetDate(extension.until, *described.mutable_until());
  SetTime(absl::ToUnixMicros(extension.created), *described.mutable_create_time());
  return described;
}

std::optional<v1::LogExtension> LogRetention::InForce(int server, absl::Time now) const {
  const auto extension = ExtensionOf(server);
  if (!extension.has_value() || extension->until <= holdings_.LastDue(now)) return std::nullopt;
  return Describe(server, *extension);
}

std::vector<v1::LogExtension> LogRetention::InForce(absl::Time now) const {
  std::vector<v1::LogExtension> all;
  for (int server = 1; server < static_cast<int>(kLogServers); ++server) {
    if (auto described = InForce(server, now)) all.push_back(*std::move(described));
  }
  return all;
}

}  // namespace retention
