#include "server/engine/forecast.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/base/waiting_caller.h"
#include "server/rows/bucket_counts.h"
#include "storage/keys.h"

namespace retention {
namespace {

constexpr size_t kRowsBetweenLooks = 1000;

// Which buckets are asked for.
struct Range {
  DueDay from;
  DueDay to = DueDay::Open();
  std::set<int> categories;  // all if empty

  bool Takes(DueDay day, size_t category) const {
    return day >= from && day <= to && (categories.empty() || categories.contains(static_cast<int>(category)));
  }
};

absl::StatusOr<Range> ReadRange(const v1::ListDueDaysRequest& request) {
  Range range;
  FieldViolations violations;
  if (request.has_first_day()) {
    auto day = DayOfDate(request.first_day(), "first_day");
    if (const DueDay* from = violations.Take(day)) range.from = *from;
  }
  if (request.has_last_day()) {
    auto day = DayOfDate(request.last_day(), "last_day");
    if (const DueDay* to = violations.Take(day)) range.to = *to;
  }
  if (range.to < range.from) violations.Add("last_day", "not before `first_day`");
  for (int i = 0; i < request.categories_size(); ++i) {
    if (request.categories(i) <= 0 || request.categories(i) >= static_cast<int>(kCategories)) {
      violations.Add(absl::StrCat("categories[", i, "]"), "not a category");
    }
    range.categories.insert(request.categories(i));
  }
  if (!violations.ok()) return violations.status();
  return range;
}

// The buckets of `held` that the range takes and that hold anything, in the order of their keys.
struct Bucket {
  DueDay day;
  CategoryNumber category = 0;
  BucketCount count;
  std::optional<uint64_t> values_held;  // where that is asked for
};
std::vector<Bucket> BucketsOf(const std::map<DueDay, DayCount>& held, const Range& range) {
  std::vector<Bucket> buckets;
  for (const auto& [day, counts] : held) {
    for (size_t category = 1; category < kCategories; ++category) {
      if (counts[category].rows == 0 || !range.Takes(day, category)) continue;
      buckets.push_back({.day = day, .category = static_cast<CategoryNumber>(category), .count = counts[category]});
    }
  }
  return buckets;
}

void Describe(const Bucket& bucket, const Policy& policy, v1::DueBucket& described) {
  described.set_category(static_cast<v1::DataCategory>(bucket.category));
  described.set_rows(bucket.count.rows);
  described.set_values(bucket.count.values);
  if (bucket.values_held.has_value()) described.set_values_held(*bucket.values_held);
  described.set_kept(bucket.day == DueDay::Kept());
  if (!bucket.day.is_civil()) return;
  SetDate(bucket.day, *described.mutable_due_day());
  SetTime(absl::ToUnixMicros(DueInstant(bucket.day, policy.zone())), *described.mutable_due_time());
}

// The PBXs in scope, sorted as keys are.
absl::StatusOr<std::vector<PbxId>> PbxsInScope(const Holdings& holdings, const StoreView& view,
                                               const v1::ListDueDaysRequest& request, absl::Time now) {
  const PbxRegistry& registry = holdings.registry;
  if (!request.pbx_id().empty()) {
    if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
    const auto pbx = registry.Find(request.pbx_id(), now);
    if (!pbx.has_value()) return PbxUnknown();
    return std::vector<PbxId>{*pbx};
  }
  if (absl::Status s = CheckPartyIdentifier("controller_id", request.controller_id()); !s.ok()) return s;
  auto pbxs = registry.OfController(request.controller_id(), view, holdings.vault, now);
  if (!pbxs.ok()) return pbxs.status();
  if (pbxs->empty()) return ControllerUnknown();
  std::sort(pbxs->begin(), pbxs->end());
  return pbxs;
}

// How many values of a row holds would keep beyond its end.
using HeldOf = std::function<absl::StatusOr<uint32_t>(const FiledKey& key, std::string_view envelope)>;

// Counts the rows of `pbxs` in one bucket, from `from` on (none if that lies behind it), and takes them from what the
// page may still look at. False if that was too little: then the cursor stands on the next row.
absl::StatusOr<bool> CountRows(RowCursor& cursor, const std::vector<PbxId>& pbxs, const std::string& from,
                               Bucket& bucket, size_t& budget, const HeldOf& held_of) {
  const std::string prefix = FiledPrefix(bucket.day, bucket.category);
  auto pbx = pbxs.begin();
  cursor.Seek(std::max(from, FiledPrefix(bucket.day, bucket.category, *pbx)));
  while (cursor.Valid() && cursor.key().substr(0, prefix.size()) == prefix) {
    const auto key = FiledKey::Decode(cursor.key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    pbx = std::lower_bound(pbx, pbxs.end(), key->pbx);
    if (pbx == pbxs.end()) return true;
    if (budget == 0) return false;
    if (budget-- % kRowsBetweenLooks == 0) {
      if (absl::Status s = CheckCallerWaits(); !s.ok()) return s;
    }
    if (*pbx == key->pbx) {
      ++bucket.count.rows;
      bucket.count.values += Vault::ValueCount(cursor.value());
      if (held_of) {
        auto held = held_of(*key, cursor.value());
        if (!held.ok()) return held.status();
        *bucket.values_held += *held;
      }
      cursor.Next();
    } else {
      cursor.Seek(FiledPrefix(bucket.day, bucket.category, *pbx));
    }
  }
  if (!cursor.status().ok()) return cursor.status();
  return true;
}

absl::StatusOr<v1::ListDueDaysResponse> ForecastInScope(const Store& store, const Holdings& holdings,
                                                        const HoldRegister& holds,
                                                        const v1::ListDueDaysRequest& request, const Range& range,
                                                        absl::Time now, size_t budget) {
  auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  if (!position->empty() && position->size() != FiledKey::kBytes) {
    return InvalidField("page_token", "not a token of this server");
  }
  const auto view = store.Snapshot();
  const auto pbxs = PbxsInScope(holdings, *view, request, now);
  if (!pbxs.ok()) return pbxs.status();
  // Rows of days that have ended may still lie there: the counts of the same state know which days are held.
  BucketCounts held;
  if (absl::Status status = held.Load(*view); !status.ok()) return status;
  v1::ListDueDaysResponse response;
  const DueDay last_due = LastDueDay(now, holdings.policy().zone());
  const auto parts = holds.PartsIn(*view, holdings.vault, held, last_due);
  HeldOf held_of;
  if (request.with_holds()) {
    held_of = [&](const FiledKey& key, std::string_view envelope) -> absl::StatusOr<uint32_t> {
      if (key.day == DueDay::Kept()) return Vault::ValueCount(envelope);
      if (!holds.Concerns(key.pbx, last_due)) return 0;
      auto plaintext = holdings.vault.Open(key, envelope);
      if (absl::IsNotFound(plaintext.status())) return 0;  // it ended this very moment
      if (!plaintext.ok()) return plaintext.status();
      auto part = parts->Match(key, plaintext->Reveal(), Vault::ValueCount(envelope));
      if (!part.ok()) return part.status();
      return part->values;
    };
    budget = std::min(budget, kForecastPageRowsOpened);
  }
  const auto cursor = view->Scan(Family::kFiled, "", "", AtLoss::kPass);
  for (Bucket& bucket : BucketsOf(held.Read(), range)) {
    bucket.count = {};
    if (request.with_holds()) bucket.values_held = 0;
    const auto whole = CountRows(*cursor, *pbxs, *position, bucket, budget, held_of);
    if (!whole.ok()) return whole.status();
    if (bucket.count.rows > 0) Describe(bucket, holdings.policy(), *response.add_buckets());
    if (*whole) continue;
    response.set_next_page_token(TokenOf(cursor->key(), request));
    break;
  }
  return response;
}

}  // namespace

absl::StatusOr<v1::ListDueDaysResponse> Forecast(const Store& store, const Holdings& holdings,
                                                 const HoldRegister& holds, const LogRetention& logs,
                                                 const v1::ListDueDaysRequest& request, absl::Time now,
                                                 size_t page_rows) {
  const auto range = ReadRange(request);
  if (!range.ok()) return range.status();
  if (!request.pbx_id().empty() && !request.controller_id().empty()) {
    return InvalidField("controller_id", "not together with `pbx_id`");
  }
  if (!request.pbx_id().empty() || !request.controller_id().empty()) {
    return ForecastInScope(store, holdings, holds, request, *range, now, page_rows);
  }
  if (request.with_holds()) return InvalidField("with_holds", "only with `pbx_id` or `controller_id`");
  if (!request.page_token().empty()) return InvalidField("page_token", "only with `pbx_id` or `controller_id`");
  v1::ListDueDaysResponse response;
  for (const Bucket& bucket : BucketsOf(holdings.counts.Read(), *range)) {
    Describe(bucket, holdings.policy(), *response.add_buckets());
  }
  if (range->categories.empty() || range->categories.contains(kServerLog)) {
    for (v1::LogExtension& extension : logs.InForce(now)) *response.add_log_extensions() = std::move(extension);
  }
  return response;
}

}  // namespace retention
