#include "server/holds/hold_reader.h"

#include <vector>

#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/holds/hold_intake.h"
#include "server/holds/hold_matcher.h"

namespace retention {

absl::StatusOr<v1::GetHoldResponse> HoldReader::GetHold(const v1::GetHoldRequest& request, absl::Time now) const {
  if (absl::Status s = CheckHoldId("hold_id", request.hold_id()); !s.ok()) return s;
  const HoldPtr hold = engine_.holds().Find(request.hold_id());
  if (hold == nullptr || !hold->InForce(LastDueDay(now, engine_.policy().zone()))) return HoldUnknown();
  v1::GetHoldResponse response;
  *response.mutable_hold() = DescribeHold(*hold, engine_.holds());
  const auto view = engine_.store().Snapshot();
  const auto claims = std::make_shared<HoldClaims>();
  claims->Add(*hold);
  HoldMatcher matcher(*view, engine_.vault(), engine_.counts(),
                      [&claims](const PbxId&) { return HoldConcerns{{.claims = claims}}; });
  const std::vector<PbxId> pbxs = engine_.holds().PbxsOf(*hold);
  for (size_t number = 1; number < kCategories; ++number) {
    const auto category = static_cast<CategoryNumber>(number);
    v1::HeldCount count;
    count.set_category(static_cast<v1::DataCategory>(category));
    for (const PbxId& pbx : pbxs) {
      auto cursor = view->ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Held(), category, pbx));
      for (; cursor->Valid(); cursor->Next()) {
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
        auto plaintext = engine_.vault().Open(*key, cursor->value());
        if (!plaintext.ok()) return plaintext.status();
        stored::v1::HeldRow held;
        if (!held.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a row that is held does not parse");
        auto part = matcher.Match(*key, held.row(), Vault::ValueCount(cursor->value()));
        if (!part.ok()) return part.status();
        if (part->values == 0) continue;
        count.set_rows(count.rows() + 1);
        count.set_values(count.values() + part->values);
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
    }
    if (count.rows() > 0) *response.add_kept() = std::move(count);
  }
  return response;
}

absl::StatusOr<v1::ListHoldsResponse> HoldReader::ListHolds(const v1::ListHoldsRequest& request, absl::Time now) const {
  auto page_size = PageSize(request.page_size(), kDefaultHoldsPerPage, kMaxHoldsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionOf(request.page_token());
  if (!position.ok()) return position.status();
  const DueDay last_due = LastDueDay(now, engine_.policy().zone());
  v1::ListHoldsResponse response;
  for (const HoldPtr& hold : engine_.holds().List(*position)) {
    if (!hold->InForce(last_due) || (request.review_due() && hold->Review() > last_due.Next())) continue;
    if (response.holds_size() == *page_size) {
      response.set_next_page_token(TokenOf(response.holds(*page_size - 1).hold_id()));
      break;
    }
    *response.add_holds() = DescribeHold(*hold, engine_.holds());
  }
  return response;
}

HoldReader::Tally HoldReader::Count(absl::Time now) const {
  Tally tally;
  const DueDay last_due = LastDueDay(now, engine_.policy().zone());
  for (const HoldPtr& hold : engine_.holds().List("")) {
    if (!hold->InForce(last_due)) continue;
    ++tally.in_force;
    if (hold->Review() <= last_due.Next()) ++tally.review_due;
  }
  for (const BucketCount& count : engine_.counts().Of(DueDay::Held())) tally.values_kept += count.values;
  return tally;
}

}  // namespace retention
