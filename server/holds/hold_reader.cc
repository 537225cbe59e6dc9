#include "server/holds/hold_reader.h"

#include <vector>

#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/base/waiting_caller.h"
#include "server/holds/hold_commands.h"
#include "server/holds/hold_intake.h"
#include "server/holds/hold_matcher.h"
#include "server/rows/row_walk.h"

namespace retention {

absl::StatusOr<v1::GetHoldResponse> HoldReader::GetHold(const v1::GetHoldRequest& request, absl::Time now) const {
  if (absl::Status s = CheckHoldId("hold_id", request.hold_id()); !s.ok()) return s;
  const HoldPtr hold = holds_.Find(request.hold_id());
  if (hold == nullptr || !hold->InForce(holdings_.LastDue(now))) return HoldUnknown();
  v1::GetHoldResponse response;
  *response.mutable_hold() = DescribeHold(*hold, holds_);
  const auto view = store_.Snapshot();
  const auto claims = std::make_shared<HoldClaims>();
  claims->Add(*hold);
  HoldMatcher matcher(*view, holdings_.vault, holdings_.counts,
                      [&claims](const PbxId&) { return HoldConcerns{{.claims = claims}}; });
  const std::vector<PbxId> pbxs = holds_.PbxsOf(*hold);
  for (size_t number = 1; number < kCategories; ++number) {
    const auto category = static_cast<CategoryNumber>(number);
    v1::HeldCount count;
    count.set_category(static_cast<v1::DataCategory>(category));
    for (const PbxId& pbx : pbxs) {
      const auto tally = [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
        if (absl::Status s = CheckCallerWaits(); !s.ok()) return s;
        auto plaintext = holdings_.vault.Open(key, envelope);
        if (!plaintext.ok()) return plaintext.status();
        stored::v1::KeptRow kept;
        if (!kept.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a row that is held does not parse");
        auto part = matcher.Match(key, kept.row(), Vault::ValueCount(envelope));
        if (!part.ok() || part->values == 0) return part.status();
        count.set_rows(count.rows() + 1);
        count.set_values(count.values() + part->values);
        return absl::OkStatus();
      };
      absl::Status status = VisitRows(*view, FiledPrefix(DueDay::Kept(), category, pbx), tally);
      if (!status.ok()) return status;
    }
    if (count.rows() > 0) *response.add_kept() = std::move(count);
  }
  return response;
}

absl::StatusOr<v1::ListHoldsResponse> HoldReader::ListHolds(const v1::ListHoldsRequest& request, absl::Time now) const {
  auto page_size = PageSize(request.page_size(), kDefaultHoldsPerPage, kMaxHoldsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  const DueDay last_due = holdings_.LastDue(now);
  v1::ListHoldsResponse response;
  for (const HoldPtr& hold : holds_.List(*position)) {
    if (!hold->InForce(last_due) || (request.review_due() && hold->Review() > last_due.Next())) continue;
    if (response.holds_size() == *page_size) {
      response.set_next_page_token(TokenOf(response.holds(*page_size - 1).hold_id(), request));
      break;
    }
    *response.add_holds() = DescribeHold(*hold, holds_);
  }
  return response;
}

HoldReader::Tally HoldReader::Count(absl::Time now) const {
  Tally tally;
  const DueDay last_due = holdings_.LastDue(now);
  for (const HoldPtr& hold : holds_.List("")) {
    if (!hold->InForce(last_due)) continue;
    ++tally.in_force;
    if (hold->Review() <= last_due.Next()) ++tally.review_due;
  }
  for (const BucketCount& count : holdings_.counts.Of(DueDay::Kept())) tally.values_kept += count.values;
  return tally;
}

}  // namespace retention
