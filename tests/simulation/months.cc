#include "tests/simulation/months.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/engine/harness.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/faults.h"

namespace retention::simulation {
namespace {

// Eves of what is odd in a calendar: 29 February, both changes of the clocks, ends of months of different length.
absl::Time StartOf(uint64_t seed) {
  static constexpr absl::CivilSecond kStarts[] = {
      absl::CivilSecond(2027, 12, 20, 9, 0, 0), absl::CivilSecond(2026, 8, 28, 14, 0, 0),
      absl::CivilSecond(2026, 3, 20, 22, 30, 0), absl::CivilSecond(2026, 12, 27, 8, 0, 0),
      absl::CivilSecond(2026, 10, 20, 23, 10, 0)};
  return absl::FromCivil(kStarts[seed % std::size(kStarts)], Berlin());
}

}  // namespace

const std::vector<Months::Act>& Months::Acts() {
  static const std::vector<Act>& acts = *new std::vector<Act>{
      {460, &Months::RecordBatch},
      {150, &Months::PassTime},
      {95, &Months::Sweep},
      {50, &Months::Restart},
      {35, &Months::SyncAny},
      {25, &Months::RemoveAnyExtension},
      {12, &Months::EndAnyPbx},
      {30, &Months::ReportAnyLicence},
      {30, &Months::Probe},
      {8, &Months::VainDays},
      {14, &Months::LicenceRunsOut},
      {4, &Months::Silence},
      {15, &Months::DeleteAnyMeeting},
      {30, &Months::DeleteAnyObject},
      {20, &Months::DeleteAnyPoll},
      {35, &Months::SweepAmongOthers},
      {15, &Months::FinishLate},
      {40, &Months::Confirm},
      {50, &Months::AppendLogs},
      {25, &Months::ExtendLogs},
      {15, &Months::RefileLogs},
      {20, &Months::Hail},
      {45, &Months::PlaceAnyHold},
      {10, &Months::ChangeAnyHold},
      {15, &Months::ReleaseAnyHold},
      {30, &Months::ChangeAnyPolicy},
      {10, &Months::RefileSome},
      {15, &Months::RescheduleToAndFro},
      {8, &Months::RenewAnyLicence},
      {8, &Months::RemoveExtensionOfTheDying},
  };
  return acts;
}

const std::vector<Months::Act>& Months::ActsOfAClockThatGoesWrong() {
  static const std::vector<Act>& acts = *[] {
    auto* all = new std::vector<Act>(Acts());
    all->insert(all->end(), {{60, &Months::ClockJumps}, {30, &Months::ClockIsSlewed}, {30, &Months::MachineIsOff}});
    return all;
  }();
  return acts;
}

Months::Months(uint64_t seed, bool clock_goes_wrong)
    : seed_(seed),
      acts_(clock_goes_wrong ? ActsOfAClockThatGoesWrong() : Acts()),
      tracing_(FromEnvironment("RETENTION_TRACE", 0) != 0),
      dice_(seed),
      time_(StartOf(seed)),
      machine_(directory_.path(), DefaultPolicy(), seed),
      model_(PolicyModel(DefaultPolicy().proto())),
      logs_(model_.policy()),
      workload_(dice_, model_),
      now_(StartOf(seed)),
      cohorts_(model_.policy(), DayAt(now_)) {}

Months::~Months() { machine_.Stop(); }

void Months::Go(uint64_t steps) {
  std::cout << "seed " << seed_ << ", " << steps << " steps" << std::endl;
  machine_.GuardClockOver(time_);
  const absl::Status started = machine_.Start(now_);
  ASSERT_TRUE(started.ok()) << started;
  for (int i = 0; i < 3; ++i) Sync("pbx-" + std::to_string(i));
  account_ = Account::Of(machine_.engine());
  for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) {
    {
      SCOPED_TRACE(Where() + ", in the step after " + last_);
      Step();
    }
    Trace(last_);
    SCOPED_TRACE(Where() + ", after " + last_);
    Judge();
  }
  std::cout << "seed " << seed_ << " reached " << absl::FormatTime(now_, Berlin()) << ": " << events_ << " events, "
            << sweeps_ << " sweeps, " << restarts_ << " restarts, " << failures_ << " failed commands, "
            << witness_.cohorts() << " cohorts, " << witness_.pbxs_ended() << " ends of PBXs, " << portal_.orders()
            << " orders, " << logs_.extended() << " log extensions, " << model_.holds().placed() << " holds, "
            << model_.holds().kept() << " values kept, " << policies_ << " changes of policy" << std::endl;
}

void Months::Step() {
  filed_ = Totals();
  erased_min_.clear();
  if (!agenda_.empty()) {
    const auto next = std::move(agenda_.front());
    agenda_.pop_front();
    return next();
  }
  uint64_t sum = 0;
  for (const Act& act : acts_) sum += act.weight;
  uint64_t drawn = dice_.Below(sum);
  for (const Act& act : acts_) {
    if (drawn < act.weight) return (this->*act.run)();
    drawn -= act.weight;
  }
}

void Months::Judge() {
  NoticeRefile();
  Compare();
  Account account = Account::Of(machine_.engine());
  account.ExpectFollows(account_, filed_);
  account.ExpectKeptBalances();
  for (const auto& [reason, erased] : erased_min_) {
    for (const auto& [category, least] : erased) {
      EXPECT_GE(account.by_reason[reason][category], account_.by_reason[reason][category] + least)
          << v1::DataCategory_Name(category) << " ended by " << reason;
    }
  }
  account_ = std::move(account);
  if (step_ % 5 != 0) return;
  witness_.Look(machine_.engine(), cohorts_, model_.refiled_from().has_value(), now_);
  witness_.ExpectActs(model_, portal_, logs_.extended());
  portal_.Watch(machine_.engine(), now_);
}

void Months::Compare() {
  CompareWithModel(machine_.engine(), model_, logs_, portal_, now_);
  CompareHolds(machine_.engine(), model_, pbxs_, portal_);
}

void Months::NamePbxs() {
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    if (const auto held = machine_.engine().registry().Held(pbx_id)) pbxs_[*held] = pbx.number;
  }
}

void Months::MoveTo(absl::Time time) {
  if (time > now_) {
    time_.Pass(time - now_);
    FollowClock(time);
    EXPECT_EQ(now_, time);
  }
  last_ = "time";
}

absl::Status Months::TrySweep(bool scrub) {
  model_.NoteRefileBegun();
  const absl::Status status = machine_.Sweep(now_, scrub).status();
  if (!status.ok()) {
    cohorts_.NoteFailed(now_);
    return status;
  }
  NoticeRefile();
  cohorts_.NoteSwept(now_);
  model_.NoteSwept();
  model_.holds().NoteSwept();
  return status;
}

void Months::Restart() {
  ++restarts_;
  if (!machine_.crashed()) last_ = "restart";
  const bool power = dice_.Chance(60);
  const absl::Status status = machine_.Restart(now_, power, dice_.Pick(std::vector<uint64_t>{0, 7, 1000, 1 << 20}));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(machine_.clock().Now(), now_) << "the same boot";
  NoticePolicy();
}

bool Months::Execute(bool one_write, const std::function<absl::Status()>& command, int fault_percent) {
  if (!sweeping_ && dice_.Chance(fault_percent)) FailAnyhow(machine_, dice_);
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = command();
    if (!status.ok()) ++failures_;
    if (machine_.crashed()) {
      last_ += " (crashed)";
      Restart();
      // A server sweeps before it serves.
      if (!::testing::Test::HasFailure() && dice_.Chance(70)) {
        const absl::Status swept = TrySweep(false);
        EXPECT_TRUE(swept.ok()) << swept;
      }
    } else if (!status.ok()) {
      last_ += " (failed)";
      EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << "not typed: " << status;
      // Nothing of it is visible, and reading goes on.
      if (one_write) Compare();
    }
    machine_.Heal();
    if (status.ok() || ::testing::Test::HasFailure()) return attempt == 1;
    if (attempt == 4) {
      ADD_FAILURE() << "fails on a sound machine: " << status;
      return false;
    }
  }
}

std::string Months::Where() const {
  return (acts_.size() > Acts().size() ? "RETENTION_CLOCK=1 RETENTION_SEED=" : "RETENTION_SEED=") +
         std::to_string(seed_) + " step " + std::to_string(step_) + " at " +
         absl::FormatTime(absl::RFC3339_full, now_, Berlin());
}

void Months::Trace(const std::string& text) const {
  if (tracing_) std::cout << Where() << ": " << text << std::endl;
}

}  // namespace retention::simulation
