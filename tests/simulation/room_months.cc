#include "tests/simulation/room_months.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "server/recording/event_intake.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model_words.h"

namespace retention::simulation {
namespace {

constexpr int kFaultPercent = 15;
constexpr int kAttempts = 4;
// Standing rooms a run, each of another use, and every so many days one in which anything happens.
constexpr int kStandingRooms = 4;
constexpr int kDaysBetweenAnything = 13;
// What is looked at rarely, for its cost.
constexpr uint64_t kStepsBetweenReads = 3;
constexpr uint64_t kStepsBetweenCohorts = 12;
constexpr int kCohortDaysBefore = 63;
constexpr int kCohortDaysAhead = 30;
// After that no event can matter to the cut of what comes.
constexpr absl::Duration kEventsMatter = absl::Hours(24 * 130);

// Eves of what is odd in a calendar: both changes of the clocks, the ends of February and of the year.
absl::Time BeginOf(uint64_t seed) {
  static constexpr absl::CivilHour kBegins[] = {absl::CivilHour(2026, 3, 2, 8), absl::CivilHour(2026, 3, 16, 8),
                                                absl::CivilHour(2026, 10, 12, 8), absl::CivilHour(2027, 12, 13, 8),
                                                absl::CivilHour(2028, 2, 14, 8)};
  return absl::FromCivil(kBegins[seed % std::size(kBegins)], Berlin());
}

// Names as no portal should give them, and some do.
std::string WildName(Dice& dice, size_t room) {
  static const std::vector<std::string>& names = *new std::vector<std::string>{
      "room", "ROOM", "..", "room/%2F../?a=b&c=d", "{\"id\":1}", "'--;<b>", std::string(40, 'x')};
  return absl::StrCat(dice.Pick(names), "-", room);
}

}  // namespace

const std::vector<RoomMonths::Act>& RoomMonths::Acts() {
  static const std::vector<Act>& acts = *new std::vector<Act>{
      {470, &RoomMonths::Deliver},       {160, &RoomMonths::PassTime},        {120, &RoomMonths::Sweep},
      {50, &RoomMonths::Restart},        {50, &RoomMonths::SendAgain},        {20, &RoomMonths::SendTooEarly},
      {12, &RoomMonths::DeleteByPortal}, {12, &RoomMonths::DeleteByOperator}, {30, &RoomMonths::DeleteAnyObject},
      {40, &RoomMonths::Confirm}};
  return acts;
}

RoomMonths::RoomMonths(uint64_t seed, uint64_t steps)
    : seed_(seed),
      steps_(steps),
      tracing_(FromEnvironment("RETENTION_TRACE", 0) != 0),
      dice_(seed),
      machine_(directory_.path(), PatientPolicy(), seed),
      policy_(PatientPolicy().proto()),
      now_(BeginOf(seed)),
      first_day_(DayAt(now_)),
      cohorts_(policy_, first_day_),
      swept_(now_) {
  constexpr uint64_t kStepsOfDay = 3;
  TellStories(static_cast<int>(steps / kStepsOfDay) + 30);
}

RoomMonths::~RoomMonths() { machine_.Stop(); }

void RoomMonths::TellStories(int days) {
  std::vector<Delivery> all;
  const auto tell = [&](RoomUse use, absl::Time begin, int of_days) {
    rooms_.push_back(std::make_unique<RoomEvents>(dice_, WildName(dice_, ids_.size())));
    RoomEvents& events = *rooms_.back();
    events.NameExtensions();
    ids_.push_back(events.meeting_id());
    models_.emplace(events.meeting_id(), RoomModel(CutsModel(policy_.text().cut())));
    for (Delivery& each : StoryOf(use, events, begin, of_days, {.disorder = true, .chat = true}, dice_)) {
      all.push_back(std::move(each));
    }
  };
  std::vector<RoomUse> uses(std::begin(kRoomUses), std::end(kRoomUses));
  std::erase(uses, RoomUse::kAnything);
  // What is said of somebody after the limit of their sitting, and told when that is fixed, is of a day of its own:
  // that is not what the walk of all events says (room_years_test.cc has such rooms, told in time).
  std::erase(uses, RoomUse::kAlways);
  for (int i = 0; i < kStandingRooms; ++i) {
    const size_t drawn = dice_.Below(uses.size());
    tell(uses[drawn], now_, days);
    uses.erase(uses.begin() + static_cast<std::ptrdiff_t>(drawn));
  }
  for (int day = 0; day < days; day += kDaysBetweenAnything) tell(RoomUse::kAnything, now_ + absl::Hours(24 * day), 1);
  std::stable_sort(all.begin(), all.end(), [](const Delivery& a, const Delivery& b) { return a.at < b.at; });
  left_.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
}

void RoomMonths::Go() {
  std::cout << "seed " << seed_ << ", " << steps_ << " steps" << std::endl;
  const absl::Status started = machine_.Start(now_);
  ASSERT_TRUE(started.ok()) << started;
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  for (const char* number : {"100", "101"}) {
    v1::Extension& extension = *synced.add_extensions();
    extension.set_number(number);
    extension.set_extension_id(absl::StrCat(RoomEvents::kExtensionId, number));
  }
  ASSERT_TRUE(machine_.engine().SyncPbx("pbx", synced, now_).ok());
  account_ = Account::Of(machine_.engine());
  for (step_ = 0; step_ < steps_ && !::testing::Test::HasFailure(); ++step_) {
    {
      SCOPED_TRACE(Where() + ", in the step after " + last_);
      Step();
    }
    if (tracing_) std::cout << Where() << ": " << last_ << std::endl;
    SCOPED_TRACE(Where() + ", after " + last_);
    Judge();
  }
  std::cout << "seed " << seed_ << " reached " << absl::FormatTime(now_, Berlin()) << ": " << events_ << " events, "
            << sweeps_ << " sweeps, " << restarts_ << " restarts, " << failures_ << " failed commands, " << deletions_
            << " deletions, " << witness_.cohorts() << " cohorts, " << portal_.orders() << " orders" << std::endl;
}

void RoomMonths::Step() {
  // Nobody counts on a server that is not swept for days.
  constexpr absl::Duration kLongestUnswept = absl::Hours(40);
  if (now_ - swept_ > kLongestUnswept) return Sweep();
  uint64_t sum = 0;
  for (const Act& act : Acts()) sum += act.weight;
  uint64_t drawn = dice_.Below(sum);
  for (const Act& act : Acts()) {
    if (drawn < act.weight) return (this->*act.run)();
    drawn -= act.weight;
  }
}

bool RoomMonths::IsClosing() const { return now_ >= DueAfter(DayAt(now_)) - kLeadWindow; }

void RoomMonths::Execute(bool one_write, const std::function<absl::Status()>& command) {
  restarted_ = false;
  if (dice_.Chance(kFaultPercent)) FailAnyhow(machine_, dice_);
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = command();
    if (!status.ok()) ++failures_;
    if (machine_.crashed()) {
      last_ += " (crashed)";
      Restart();
      restarted_ = true;
      if (::testing::Test::HasFailure()) return;
    } else if (!status.ok()) {
      last_ += " (failed)";
      EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << "not typed: " << status;
      // Nothing of it is visible, and reading goes on.
      if (one_write) CompareRooms(/*reads=*/true);
    }
    machine_.Heal();
    if (status.ok() || ::testing::Test::HasFailure()) return;
    if (attempt == kAttempts) {
      ADD_FAILURE() << "fails on a sound machine: " << status;
      return;
    }
  }
}

std::map<std::string, SeenRoom> RoomMonths::Look() {
  auto seen = LookAtRooms(machine_.engine(), now_, ids_);
  for (auto& [id, room] : seen) {
    for (const auto& [told, known] : known_as_) {
      auto entry = room.history.extract(told);
      if (entry.empty()) continue;
      entry.key() = known;
      room.history.insert(std::move(entry));
    }
  }
  return seen;
}

void RoomMonths::CompareRooms(bool reads) {
  auto seen = Look();
  portal_.Look(machine_.engine(), now_);
  std::multiset<std::string> ordered;
  for (const auto& [object, times] : portal_.ordered()) {
    for (uint64_t i = 0; i < times; ++i) ordered.insert(object.ref);
  }
  const RoomScope scope{.in_order = false, .swept = swept_, .deleted = deleted_};
  for (const std::string& id : ids_) {
    RoomModel& model = models_.at(id);
    model.Forget(now_ - kEventsMatter);
    if (model.events().empty() && seen[id].history.empty()) continue;
    SCOPED_TRACE(id);
    CompareRoomRows(model, seen[id], ordered, policy_, now_, scope);
    ExpectDueInTime(model, seen[id], policy_);
    if (reads) CompareRoomReads(machine_.engine(), id, model, seen[id], policy_, now_);
    if (::testing::Test::HasFailure()) return;
  }
  CompareCountsWithRows(machine_.engine());
}

void RoomMonths::Judge() {
  if (::testing::Test::HasFailure()) return;
  CompareRooms(step_ % kStepsBetweenReads == 0);
  Account account = Account::Of(machine_.engine());
  account.ExpectFollows(account_, std::nullopt);
  account_ = std::move(account);
  if (step_ % kStepsBetweenCohorts != 0 || ::testing::Test::HasFailure()) return;
  const absl::CivilDay today = DayAt(now_);
  const CohortsSeen counted =
      LookAtCohorts(machine_.engine(), now_, ids_, today - kCohortDaysBefore, today + kCohortDaysAhead);
  CompareCohorts(models_, Look(), counted, policy_, now_, late_);
  witness_.Look(machine_.engine(), cohorts_, /*refiling=*/false, now_);
  portal_.Watch(machine_.engine(), now_);
  ExpectNothingDangles(machine_.engine().store(), machine_.engine().policy());
}

std::string RoomMonths::Where() const {
  return absl::StrCat("RETENTION_SEED=", seed_, " step ", step_, " at ",
                      absl::FormatTime(absl::RFC3339_full, now_, Berlin()));
}

}  // namespace retention::simulation
