#include "server/orders/erasure_orders.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {
namespace {

// google.protobuf.Duration: beyond these bounds a value is malformed.
constexpr int64_t kDurationSecondsMax = 315576000000;
constexpr int32_t kNanosMax = 999999999;

// A page token names the last order that was looked at, by its key.
absl::StatusOr<uint64_t> LastSeen(const v1::ListErasureOrdersRequest& request) {
  const auto key = PositionIn(request);
  if (!key.ok()) return key.status();
  if (key->empty()) return 0;
  const auto sequence = DecodeOrderKey(*key);
  if (!sequence.has_value()) return InvalidField("page_token", "not a token of this server");
  return *sequence;
}

v1::ErasureOrder Describe(uint64_t sequence, stored::v1::ErasureOrder& held) {
  v1::ErasureOrder order;
  order.set_order_id(sequence);
  order.set_category(held.category());
  order.set_pbx_id(std::move(*held.mutable_pbx_id()));
  order.set_object_id(std::move(*held.mutable_object()->mutable_object_id()));
  order.set_object_ref(std::move(*held.mutable_object()->mutable_object_ref()));
  SetTime(held.issued_us(), *order.mutable_issue_time());
  return order;
}

}  // namespace

absl::Time IssueTimeOf(const v1::ErasureOrder& order) {
  return absl::FromUnixSeconds(order.issue_time().seconds()) + absl::Nanoseconds(order.issue_time().nanos());
}

absl::StatusOr<stored::v1::ErasureOrder> ErasureOrders::Open(std::string_view key, std::string_view envelope) const {
  auto plaintext = holdings_.vault.OpenState(key, envelope);
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::ErasureOrder held;
  if (!held.ParseFromString(plaintext->Reveal())) return absl::DataLossError("an erasure order does not parse");
  return held;
}

absl::StatusOr<uint64_t> ErasureOrders::Scan(uint64_t after, uint64_t through,
                                             absl::FunctionRef<bool(v1::ErasureOrder& order)> visit) const {
  // Before the snapshot, so that the snapshot holds all of them.
  through = std::min(through, holdings_.orders.last_issued());
  const uint64_t first_left = holdings_.orders.first_left();
  const bool from_the_first = after < first_left;
  if (after >= through) return std::max(after, through);
  const uint64_t begin = std::max(after + 1, first_left);
  if (begin > through) return through;
  const auto view = store_.Snapshot();
  auto cursor = view->Scan(Family::kState, OrderKey(begin), OrderKey(through + 1), AtLoss::kPass);
  if (from_the_first && cursor->status().ok()) {
    const auto first = cursor->Valid() ? DecodeOrderKey(cursor->key()) : through + 1;
    if (first.has_value()) holdings_.orders.RaiseFirstLeft(*first);
  }
  uint64_t seen = after;
  for (int scanned = 0; cursor->Valid(); cursor->Next()) {
    const auto sequence = DecodeOrderKey(cursor->key());
    if (!sequence.has_value()) return absl::DataLossError("an erasure order's key does not parse");
    if (scanned++ == kMaxOrdersScanned) return seen;
    auto held = Open(cursor->key(), cursor->value());
    // A damaged order keeps no other from its delivery. It stays unconfirmed, and so is seen in the metrics. One
    // without a key was confirmed since the snapshot was taken.
    if (!held.ok() && !IsUnreadable(held.status())) return held.status();
    if (held.ok()) {
      v1::ErasureOrder order = Describe(*sequence, *held);
      if (!visit(order)) return *sequence - 1;
    }
    seen = *sequence;
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  return through;
}

absl::StatusOr<CategorySet> ErasureOrders::CheckCategories(
    const google::protobuf::RepeatedField<int>& categories) const {
  CategorySet set;
  FieldViolations violations;
  if (categories.empty()) set.set();
  for (int i = 0; i < categories.size(); ++i) {
    const int category = categories[i];
    if (category <= 0 || category >= static_cast<int>(kCategories) ||
        !holdings_.policy().rule(static_cast<CategoryNumber>(category)).erasure_order) {
      violations.Add(absl::StrCat("categories[", i, "]"), "not a category with erasure orders");
    } else {
      set.set(static_cast<size_t>(category));
    }
  }
  if (!violations.ok()) return violations.status();
  return set;
}

absl::StatusOr<v1::ListErasureOrdersResponse> ErasureOrders::List(const v1::ListErasureOrdersRequest& request,
                                                                  absl::Time now) const {
  FieldViolations violations;
  const google::protobuf::Duration& age = request.min_age();
  if (age.seconds() < 0 || age.seconds() > kDurationSecondsMax || age.nanos() < 0 || age.nanos() > kNanosMax) {
    violations.Add("min_age", "0 or more");
  }
  const auto categories = CheckCategories(request.categories());
  violations.Add(categories.status());
  if (!request.pbx_id().empty()) violations.Add(CheckIdentifier("pbx_id", request.pbx_id()));
  const auto page_size = PageSize(request.page_size(), kDefaultOrdersPerPage, kMaxOrdersPerPage);
  violations.Add(page_size.status());
  const auto position = LastSeen(request);
  violations.Add(position.status());
  if (!violations.ok()) return violations.status();

  const absl::Time issued_by = now - absl::Seconds(age.seconds()) - absl::Nanoseconds(age.nanos());
  const uint64_t last = last_issued();
  v1::ListErasureOrdersResponse response;
  auto seen = Scan(*position, last, [&](v1::ErasureOrder& order) {
    if (response.orders_size() == *page_size) return false;
    if (categories->test(static_cast<size_t>(order.category())) && IssueTimeOf(order) <= issued_by &&
        (request.pbx_id().empty() || request.pbx_id() == order.pbx_id())) {
      *response.add_orders() = std::move(order);
    }
    return true;
  });
  if (!seen.ok()) return seen.status();
  if (*seen < last) response.set_next_page_token(TokenOf(OrderKey(*seen), request));
  return response;
}

absl::StatusOr<CategorySet> ErasureOrders::CheckWatch(const v1::WatchErasureOrdersRequest& request) const {
  // A caller that knows orders of another store would wait a day for those of this one.
  if (request.after_order_id() > last_issued()) {
    return InvalidField("after_order_id", "no such order was ever issued");
  }
  return CheckCategories(request.categories());
}

absl::Status ErasureOrders::CheckConfirm(const v1::ConfirmErasureOrdersRequest& request) {
  if (request.confirmations().empty() || request.confirmations_size() > kMaxConfirmations) {
    return InvalidField("confirmations", "1 to 1,000 confirmations");
  }
  FieldViolations violations;
  for (int i = 0; i < request.confirmations_size(); ++i) {
    const v1::ErasureConfirmation& confirmation = request.confirmations(i);
    if (confirmation.order_id() == 0) {
      violations.Add(absl::StrCat("confirmations[", i, "].order_id"), "required");
    }
    if (!v1::ErasureOutcome_IsValid(confirmation.outcome()) || confirmation.outcome() == 0) {
      violations.Add(absl::StrCat("confirmations[", i, "].outcome"), "required: ERASED, NOT_FOUND or FAILED");
    }
  }
  return violations.status();
}

absl::StatusOr<v1::ConfirmErasureOrdersResponse> ErasureOrders::Confirm(const v1::ConfirmErasureOrdersRequest& request,
                                                                        ReachesPbx reaches, Change& change) const {
  v1::ConfirmErasureOrdersResponse response;
  CategoryCounts erased{};
  CategoryCounts not_found{};
  std::set<uint64_t> forgotten;
  for (const v1::ErasureConfirmation& confirmation : request.confirmations()) {
    const uint64_t id = confirmation.order_id();
    const std::string key = OrderKey(id);
    auto row = holdings_.store.Get(Family::kState, key);
    if (!row.ok()) return row.status();
    if (!row->has_value() || forgotten.contains(id)) {
      response.set_unknown(response.unknown() + 1);
      continue;
    }
    auto held = Open(key, **row);
    if (!held.ok()) return held.status();
    const auto is_theirs = reaches(held->pbx_id());
    if (!is_theirs.ok()) return is_theirs.status();
    if (!*is_theirs) {
      response.set_unknown(response.unknown() + 1);
    } else if (confirmation.outcome() == v1::ERASURE_OUTCOME_FAILED) {
      response.set_failed(response.failed() + 1);
    } else {
      const auto category = static_cast<size_t>(held->category());
      if (category >= kCategories) return absl::DataLossError("an erasure order's category is unknown");
      ++(confirmation.outcome() == v1::ERASURE_OUTCOME_ERASED ? erased : not_found)[category];
      change.ForgetOrder(id);
      forgotten.insert(id);
      response.set_done(response.done() + 1);
    }
  }
  if (forgotten.empty()) return response;
  for (const auto& [reason, counts] : {std::pair("ERASED", &erased), std::pair("NOT_FOUND", &not_found)}) {
    if (std::all_of(counts->begin(), counts->end(), [](uint64_t count) { return count == 0; })) continue;
    stored::v1::LedgerEntry entry;
    entry.set_kind(stored::v1::LedgerEntry::KIND_ORDERS_CONFIRMED);
    entry.set_reason(reason);
    SetCounts(*counts, entry);
    change.Enter(std::move(entry));
  }
  CrashPoint("orders.before_confirm");
  change.ThenDo([] { CrashPoint("orders.after_confirm"); });
  return response;
}

absl::StatusOr<std::optional<absl::Time>> ErasureOrders::OldestIssue() const {
  std::optional<absl::Time> oldest;
  auto seen = Scan(0, UINT64_MAX, [&](v1::ErasureOrder& order) {
    if (oldest.has_value()) return false;
    oldest = IssueTimeOf(order);
    return true;
  });
  if (!seen.ok()) return seen.status();
  return oldest;
}

}  // namespace retention
