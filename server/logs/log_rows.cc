#include "server/logs/log_rows.h"

#include <algorithm>
#include <string>

namespace retention {
namespace {

constexpr size_t kNumberBytes = 8;

void WriteNumber(uint64_t number, uint8_t* bytes) {
  for (size_t i = 0; i < kNumberBytes; ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * (kNumberBytes - 1 - i)));
}

OwnerId LogOwner(int server) {
  OwnerId owner;
  owner.bytes.back() = static_cast<uint8_t>(server);
  return owner;
}

}  // namespace

DueDay LogDueDay(absl::CivilDay day, const std::optional<LogTerm>& term, const DeletionRule& rule) {
  const DueDay ordinary(LastDayOf(day, rule.period));
  if (!term.has_value() || rule.extended_period.unit == CivilPeriod::Unit::kNone) return ordinary;
  const DueDay longest(LastDayOf(day, rule.extended_period));
  return std::max(ordinary, std::min(longest, term->until));
}

FiledKey LogRowKey(DueDay day, int server, int64_t first_us, uint64_t sequence) {
  FiledKey key{.day = day, .category = kServerLog, .pbx = {}, .owner = LogOwner(server), .item = {}};
  WriteNumber(static_cast<uint64_t>(first_us), key.item.bytes.data());
  WriteNumber(sequence, key.item.bytes.data() + kNumberBytes);
  return key;
}

int LogServerOf(const FiledKey& key) { return key.owner.bytes.back(); }

int64_t FirstTimeOf(const FiledKey& key) {
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) number = number << 8 | key.item.bytes[i];
  return static_cast<int64_t>(number);
}

DueDay RightLogDay(const FiledKey& key, const LogTerms& terms, const Policy& policy) {
  const int server = LogServerOf(key);
  if (!IsLogServer(server)) return key.day;
  const auto& term = terms[static_cast<size_t>(server)];
  if (term.has_value() && key.day <= term->ended) return key.day;
  const absl::CivilDay day = DayOf(absl::FromUnixMicros(FirstTimeOf(key)), policy.zone());
  return LogDueDay(day, term, policy.rule(kServerLog));
}

LogRowWalk::LogRowWalk(const StoreView& view, const FiledKey& from, int server)
    : server_(server), cursor_(view.Scan(Family::kFiled, from.Encode(), FiledPrefix(DueDay::Kept()), AtLoss::kPass)) {
  Settle();
}

void LogRowWalk::Next() {
  cursor_->Next();
  Settle();
}

void LogRowWalk::Settle() {
  while (cursor_->Valid()) {
    key_ = FiledKey::Decode(cursor_->key());
    if (!key_.has_value()) {
      failure_ = absl::DataLossError("a key of family filed does not parse");
      return;
    }
    const std::string wanted = server_ == 0 ? FiledPrefix(key_->day, kServerLog)
                                            : FiledPrefix(key_->day, kServerLog, PbxId(), LogOwner(server_));
    if (cursor_->key().substr(0, wanted.size()) == wanted) return;
    cursor_->Seek(cursor_->key() < wanted ? wanted : FiledPrefix(key_->day.Next()));
  }
  key_.reset();
}

absl::Status LogRowWalk::status() const { return failure_.ok() ? cursor_->status() : failure_; }

}  // namespace retention
