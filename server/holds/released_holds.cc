#include "server/holds/released_holds.h"

#include "absl/strings/str_format.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"
#include "storage/keys.h"

namespace retention {
namespace {

constexpr int kDefaultReleasedPerPage = 100;
constexpr int kMaxReleasedPerPage = 1000;

v1::ReleasedHold DescribeReleased(const stored::v1::ReleasedHold& stored, int64_t released_us) {
  v1::ReleasedHold hold;
  hold.set_ledger_id(absl::StrFormat("%016x", stored.number()));
  hold.set_basis(static_cast<v1::HoldBasis>(stored.basis()));
  const auto* const kind = v1::HoldScope::descriptor()->FindFieldByNumber(static_cast<int>(stored.scope_kind()));
  if (kind != nullptr) hold.set_scope_kind(kind->name());
  SetTime(stored.created_us(), *hold.mutable_create_time());
  SetTime(released_us, *hold.mutable_release_time());
  SetDate(DueDay::FromNumber(stored.end_day()), *hold.mutable_end_date());
  hold.set_released(stored.released());
  return hold;
}

}  // namespace

void PutReleased(const Hold& hold, bool by_itself, Batch& batch) {
  stored::v1::ReleasedHold stored;
  stored.set_number(hold.number);
  stored.set_basis(static_cast<uint32_t>(hold.terms.basis()));
  stored.set_scope_kind(static_cast<uint32_t>(hold.terms.scope().scope_case()));
  stored.set_created_us(absl::ToUnixMicros(hold.created));
  stored.set_end_day(hold.End().number());
  stored.set_released(!by_itself);
  batch.Put(Family::kState, ReleasedHoldKey(absl::ToUnixMicros(*hold.released), hold.number),
            stored.SerializeAsString());
}

// Those that were lost with a damaged file keep nothing from being released.
absl::Status ReleasedHolds::MakeRoom(size_t more, Change& change) {
  if (more == 0) return absl::OkStatus();
  auto cursor = store_.ScanPrefix(Family::kState, ReleasedHoldPrefix(), AtLoss::kPass);
  if (!count_.has_value()) {
    size_t count = 0;
    for (; cursor->Valid(); cursor->Next()) ++count;
    if (!cursor->status().ok()) return cursor->status();
    count_ = count;
  }
  size_t left = *count_;
  // The oldest come last.
  if (left + more > kMaxReleasedHolds) cursor->SeekBefore("");
  for (; left + more > kMaxReleasedHolds && cursor->Valid(); cursor->Previous(), --left) {
    change.batch().Delete(Family::kState, std::string(cursor->key()));
  }
  if (!cursor->status().ok()) return cursor->status();
  change.ThenDo([this, count = left + more] { count_ = count; });
  return absl::OkStatus();
}

absl::StatusOr<v1::ListReleasedHoldsResponse> ListReleased(const StoreView& store,
                                                           const v1::ListReleasedHoldsRequest& request) {
  const auto page_size = PageSize(request.page_size(), kDefaultReleasedPerPage, kMaxReleasedPerPage);
  if (!page_size.ok()) return page_size.status();
  const auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  v1::ListReleasedHoldsResponse response;
  std::string last;
  auto cursor = store.ScanPrefix(Family::kState, ReleasedHoldPrefix(), AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    const std::string key(cursor->key());
    if (!position->empty() && key <= *position) continue;
    if (response.holds_size() == *page_size) {
      response.set_next_page_token(TokenOf(last, request));
      break;
    }
    last = key;
    stored::v1::ReleasedHold stored;
    const auto released_us = DecodeReleasedHoldKey(key);
    if (!released_us.has_value() ||
        !stored.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      continue;  // it costs itself
    }
    *response.add_holds() = DescribeReleased(stored, *released_us);
  }
  if (!cursor->status().ok()) return cursor->status();
  return response;
}

}  // namespace retention
