// What turns at the last moment, and turns back: plans, licences, extensions of PBXs that are dying.
#include <gtest/gtest.h>

#include "tests/simulation/calendar.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

constexpr absl::Duration kMoment = absl::Microseconds(1);

}  // namespace

// A meeting goes to another day and back: in one batch, or with whatever comes in between.
void Months::RescheduleToAndFro() {
  last_ = "reschedule nothing";
  const Workload::Target target = workload_.AnyMeeting();
  if (target.pbx_id == workload_.quiet() || !workload_.IsLiving(target, now_)) return;
  const absl::Time fro = now_ + absl::Hours(dice_.Between(-100, 300));
  const absl::Time to = fro + absl::Hours(24) * static_cast<double>(dice_.Between(-12, 25));
  const v1::Event there = workload_.Rescheduled(target, to, now_);
  if (!workload_.Predictable(there, {}, now_)) return;
  const v1::Event back = workload_.Rescheduled(target, fro, now_);
  if (dice_.Chance(35) && workload_.Predictable(back, {there}, now_)) return Record({there, back});
  Record({there});
  switch (dice_.Below(6)) {
    case 0:
      agenda_.push_back([this] { Sweep(); });
      break;
    case 1:
      agenda_.push_back([this] { MoveTo(DueAfter(DayAt(now_)) - absl::Microseconds(dice_.Between(0, 1))); });
      break;
    case 2:
      agenda_.push_back([this] { SweepAmongOthers(); });
      break;
    case 3:
      agenda_.push_back([this] { Restart(); });
      break;
    case 4:
      agenda_.push_back([this] { ChangeAnyPolicy(); });
      break;
    default:
      break;
  }
  agenda_.push_back([this, target, fro] {
    last_ = "reschedule nothing";
    if (!workload_.IsLiving(target, now_)) return;
    const v1::Event again = workload_.Rescheduled(target, fro, now_);
    if (workload_.Predictable(again, {}, now_)) Record({again});
  });
}

// An instant before its end a licence can be renewed; from its end on it is too late.
void Months::RenewAnyLicence() {
  last_ = "renew nothing";
  const auto pbx = model_.pbxs().find(workload_.AnyPbx());
  if (pbx == model_.pbxs().end()) return;
  const std::string& pbx_id = pbx->first;
  const std::string key = pbx->second.data.profile().licence_key();
  const absl::Time until = now_ + absl::Microseconds(dice_.Between(2, 5'000'000'000));
  const auto renew = [this, key] { ReportLicence(key, now_ + absl::Hours(24 * dice_.Between(1, 60)), true, true); };
  ReportLicence(key, until, true, true);
  agenda_.push_back([this, until] { MoveTo(until - kMoment); });
  if (dice_.Chance(50)) agenda_.push_back(renew);
  if (dice_.Chance(30)) agenda_.push_back([this] { SweepAmongOthers(); });
  agenda_.push_back([this, until, late = dice_.Between(0, 1)] { MoveTo(until + late * kMoment); });
  if (dice_.Chance(30)) agenda_.push_back([this] { dice_.Chance(50) ? Sweep() : Restart(); });
  agenda_.push_back(renew);
  if (dice_.Chance(50)) agenda_.push_back([this, pbx_id] { Sync(pbx_id); });
}

// Its end has begun, and its rows are there; or its end has come, and no sweep.
void Months::RemoveExtensionOfTheDying() {
  const std::string pbx_id = workload_.AnyPbx();
  const std::string number = workload_.AnyExtension();
  const auto remove = [this, pbx_id, number] { RemoveExtension(pbx_id, number); };
  if (dice_.Chance(40)) agenda_.push_back(remove);
  if (dice_.Chance(60) || !model_.pbxs().contains(pbx_id)) {
    agenda_.push_back([this, pbx_id] { BeginEndOf(pbx_id, AnyOperatorReason()); });
  } else {
    const absl::Time until = now_ + absl::Seconds(1);
    ReportLicence(model_.pbxs().at(pbx_id).data.profile().licence_key(), until, true, true);
    agenda_.push_back([this, until] { MoveTo(until); });
  }
  agenda_.push_back(remove);
  if (dice_.Chance(30)) {
    agenda_.push_back([this, pbx_id] { Sync(pbx_id); });  // another one, while rows of this one are left
    agenda_.push_back(remove);
  }
  agenda_.push_back([this] { dice_.Chance(50) ? FinishLate() : SweepAmongOthers(); });
  last_ = "extension of the dying " + pbx_id;
}

}  // namespace retention::simulation
