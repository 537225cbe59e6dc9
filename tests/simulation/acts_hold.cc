// Holds: placed, changed and released, and what comes right before and after.
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
void Months::Place(v1::Hold hold, absl::CivilDay end) {
  hold.set_hold_id("case-" + std::to_string(++holds_));
  hold.set_basis(v1::HOLD_BASIS_LEGAL_CLAIMS);
  hold.set_owner(workload_.Canary("owner"));
  hold.set_reason(workload_.Canary("reason"));
  SetDate(DueDay(DayAt(now_)), *hold.mutable_review_date());
  SetDate(DueDay(end), *hold.mutable_end_date());
  last_ = "place " + hold.ShortDebugString();
  const v1::HoldScope& scope = hold.scope();
  const std::string& pbx_id = scope.has_pbx_id()      ? scope.pbx_id()
                              : scope.has_meeting()   ? scope.meeting().pbx_id()
                              : scope.has_extension() ? scope.extension().pbx_id()
                                                      : "";
  const auto pbx = model_.pbxs().find(pbx_id);
  const bool known = pbx != model_.pbxs().end();
  std::set<PbxNumber> living;
  for (const auto& [id, each] : model_.pbxs()) living.insert(each.number);
  model_.holds().BeginPlacing(hold, known ? std::optional(pbx->second.number) : std::nullopt, living);

  absl::Status outcome;
  Execute(true, [&] {
    outcome = machine_.engine().CreateHold(hold, now_).status();
    return DetailsOf(outcome).reason.ends_with("_UNKNOWN") ? absl::OkStatus() : outcome;
  });

  std::string refusal;
  if (scope.has_controller_id() || scope.subject().has_email()) {
    // What has come to its end may be the controller's yet.
    if (living.empty()) refusal = DetailsOf(outcome).reason;
    EXPECT_TRUE(refusal.empty() || refusal == "CONTROLLER_UNKNOWN") << outcome;
  } else if (!known) {
    refusal = "PBX_UNKNOWN";
  } else if (scope.has_extension()) {
    refusal = pbx->second.extensions.HeldAt(scope.extension().number()) != 0 ? "" : "EXTENSION_UNKNOWN";
  } else if (scope.has_meeting()) {
    const auto meeting = pbx->second.meetings.find(scope.meeting().meeting_id());
    const bool lives = meeting != pbx->second.meetings.end() && Model::Visible(meeting->second, now_);
    // Of one that is over or was deleted something may be left.
    refusal = lives ? "" : DetailsOf(outcome).reason;
    EXPECT_TRUE(refusal.empty() || refusal == "MEETING_UNKNOWN") << outcome;
  }
  if (outcome.ok() && model_.holds().MayCoverFormer(hold.hold_id())) refusal.clear();
  EXPECT_EQ(DetailsOf(outcome).reason, refusal) << outcome;
  if (!outcome.ok()) return model_.holds().Refused(hold.hold_id());
  model_.holds().Done(hold.hold_id());
  model_.holds().FindInDays(hold.hold_id(), LastEndedDay(machine_.engine()));
}

void Months::PlaceAnyHold() {
  if (model_.holds().InForce().size() >= kHoldsMax) return ReleaseAnyHold();
  v1::Hold hold;
  v1::HoldScope& scope = *hold.mutable_scope();
  absl::CivilDay end = DayAt(now_) + dice_.Between(0, dice_.Chance(60) ? 12 : 70);
  switch (dice_.Below(10)) {
    case 0:
      scope.set_controller_id("controller");
      end = DayAt(now_) + dice_.Between(0, 4);
      break;
    case 1:
      scope.mutable_extension()->set_pbx_id(workload_.AnyPbx());
      scope.mutable_extension()->set_number(workload_.AnyExtension());
      break;
    case 2:
      scope.mutable_subject()->set_controller_id("controller");
      scope.mutable_subject()->set_email(workload_.AnyEmail());
      break;
    case 3:
    case 4:
    case 5:
      scope.set_pbx_id(workload_.AnyPbx());
      break;
    default: {
      const Workload::Target target = workload_.AnyMeeting();
      scope.mutable_meeting()->set_pbx_id(target.pbx_id);
      scope.mutable_meeting()->set_meeting_id(target.id);
      if (dice_.Chance(20)) agenda_.push_back([this, target] { Delete(target); });
    }
  }
  // To its end, an instant before it, and a sweep.
  if (dice_.Chance(15)) {
    agenda_.push_back([this, end] { MoveTo(DueAfter(end) - absl::Microseconds(1)); });
    if (dice_.Chance(40)) agenda_.push_back([this] { Sweep(); });
    if (dice_.Chance(30)) agenda_.push_back([this] { ChangeAnyHold(); });
    agenda_.push_back([this, end] { MoveTo(DueAfter(end)); });
    agenda_.push_back([this] { dice_.Chance(50) ? Sweep() : SweepAmongOthers(); });
  }
  Place(std::move(hold), end);
}

void Months::HoldPbx(const std::string& pbx_id) {
  v1::Hold hold;
  hold.mutable_scope()->set_pbx_id(pbx_id);
  Place(std::move(hold), DayAt(now_) + dice_.Between(0, 20));
}

void Months::ChangeAnyHold() {
  last_ = "change no hold";
  const std::vector<std::string> ids = model_.holds().InForce();
  if (ids.empty()) return;
  const absl::CivilDay end = DayAt(now_) + dice_.Between(0, 20);
  v1::UpdateHoldRequest request;
  request.set_hold_id(dice_.Pick(ids));
  SetDate(DueDay(end), *request.mutable_end_date());
  last_ = "change " + request.ShortDebugString();
  model_.holds().BeginChange(request.hold_id(), end);
  Execute(true, [&] { return machine_.engine().UpdateHold(request, now_).status(); });
  model_.holds().Done(request.hold_id());
}

void Months::ReleaseAnyHold() {
  last_ = "release no hold";
  const std::vector<std::string> ids = model_.holds().InForce();
  if (ids.empty()) return;
  const std::string id = dice_.Pick(ids);
  last_ = "release " + id;
  model_.holds().BeginRelease(id);
  absl::Status outcome;
  const bool first = Execute(true, [&] {
    outcome = machine_.engine().ReleaseHold(id, now_);
    return DetailsOf(outcome).reason == "HOLD_UNKNOWN" ? absl::OkStatus() : outcome;
  });
  EXPECT_TRUE(!first || outcome.ok()) << outcome;
  model_.holds().Done(id);
  // Else the sweeper lets go, or the next release.
  if (dice_.Chance(60)) LetGoOfAll();
}

void Months::LetGoOfAll() {
  last_ += ", let go";
  Execute(false, [&] { return machine_.LetGo(now_); });
  model_.holds().NoteLetGo();
}

}  // namespace retention::simulation
