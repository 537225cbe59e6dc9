// Rooms for a year, one engine for every ten of them, swept every night: the oracle of rooms says what is held, where
// and until when, and that nothing is due later than its own occurrence allows (I11).
//
// RETENTION_ROOM_YEARS changes the number of room-years, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_stories.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultRoomYears = 10;
constexpr int kDays = 365;
constexpr int kDaysBetweenLooks = 9;
// So often there is a room in which anything happens: a new one each time, since what is said weeks after a sitting is
// said of nothing.
constexpr int kDaysOfAnything = 21;
constexpr int kDaysBetweenRestarts = 50;
// Of the history that is held.
constexpr int kDaysOfCohorts = 63;
constexpr int kDaysAhead = 30;
// After that no event can matter to the cut of what comes.
constexpr absl::Duration kForgetAfter = absl::Hours(24 * 100);

// No value is due later than its period after the later of its own event and its planned end, and the longest sitting,
// and what people may be late, or an end is presumed after.
void ExpectDueInTime(const RoomModel& model, const SeenRoom& seen, const PolicyModel& policy) {
  std::map<uint64_t, int64_t> from_us;  // by event
  for (const OccurrenceModel& of : model.Occurrences()) {
    for (const v1::Event& event : of.events) {
      from_us[FingerprintOf(event.event_id())] =
          std::max(Us(event.time()), of.plan.has_value() ? of.plan->end_us : INT64_MIN);
    }
  }
  const auto expect = [&](v1::DataCategory category, uint64_t event, const SeenPlace& place) {
    if (place.day == absl::CivilDay::max() || !from_us.contains(event)) return;
    const absl::CivilDay latest = DayAtUs(from_us.at(event) + model.cuts().LongestUs());
    const bool at_once = category == v1::DATA_CATEGORY_FILE_SHARE;
    EXPECT_LE(place.day, at_once ? latest : policy.LastDay(category, latest)) << v1::DataCategory_Name(category);
  };
  for (const auto& [event, place] : seen.history) expect(v1::DATA_CATEGORY_HISTORY, event, place);
  for (const auto& [value, place] : seen.values) expect(value.category, value.event, place);
}

// What of an engine is held against the oracle: that nothing is due too late, or all.
enum class Looks { kAtDueDays, kAtAll };

class RoomYear {
 public:
  // A room for each use.
  RoomYear(uint64_t seed, const std::vector<RoomUse>& uses, StoryOptions options, Looks looks)
      : dice_(seed), options_(options), looks_(looks), harness_(kMonday) {
    harness_.SyncPbx();
    std::vector<Delivery> all;
    const auto tell = [&](RoomUse use, absl::Time begin, int days) {
      RoomEvents events(dice_, absl::StrCat("room-", ids_.size()));
      ids_.push_back(events.meeting_id());
      models_.emplace(events.meeting_id(), RoomModel(CutsModel(harness_.engine().policy().proto().cut())));
      for (Delivery& each : StoryOf(use, events, begin, days, options, dice_)) all.push_back(std::move(each));
    };
    for (const RoomUse use : uses) {
      if (use != RoomUse::kAnything) {
        tell(use, kMonday, kDays);
        continue;
      }
      for (int day = 0; day < kDays; day += kDaysOfAnything) tell(use, kMonday + absl::Hours(24 * day), 1);
    }
    std::stable_sort(all.begin(), all.end(), [](const Delivery& a, const Delivery& b) { return a.at < b.at; });
    left_.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  }

  void Live() {
    for (int day = 0; day <= kDays && !::testing::Test::HasFailure(); ++day) {
      const absl::CivilDay date = DayAt(kMonday) + day;
      // Not in the hour before midnight, in which days are closed.
      for (const int hour : {12, 16, 22}) DeliverBy(absl::FromCivil(absl::CivilHour(date) + hour, Berlin()));
      harness_.now = absl::FromCivil(absl::CivilHour(date + 1) + 3, Berlin());
      harness_.Sweep(/*scrub=*/false);
      swept_ = harness_.now;
      if (day % kDaysBetweenRestarts == kDaysBetweenRestarts - 1) {
        ASSERT_TRUE(harness_.Reopen().ok());
      }
      if (day % kDaysBetweenLooks == 0) Look(day);
    }
  }

 private:
  void DeliverBy(absl::Time time) {
    std::vector<v1::Event> batch;
    for (; !left_.empty() && left_.front().at <= time; left_.pop_front()) {
      const v1::Event& event = left_.front().event;
      models_.at(event.meeting_id()).Add(event);
      batch.push_back(event);
      if (options_.disorder) continue;
      harness_.now = std::max(harness_.now, left_.front().at);
      Record(std::exchange(batch, {}));
    }
    harness_.now = std::max(harness_.now, time);
    for (size_t i = batch.size(); i > 1; --i) std::swap(batch[i - 1], batch[dice_.Below(i)]);
    for (size_t begin = 0; begin < batch.size();) {
      const size_t end = std::min<size_t>(batch.size(), begin + static_cast<size_t>(dice_.Between(1, 40)));
      Record({batch.begin() + static_cast<std::ptrdiff_t>(begin), batch.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
    }
  }

  void Record(const std::vector<v1::Event>& batch) {
    const PolicyModel policy(harness_.engine().policy().proto());
    for (const v1::Event& event : batch) {
      // No day before the first is a cohort.
      const absl::CivilDay day = DayAtUs(Us(event.time()));
      if (day < DayAt(kMonday) || policy.ReleaseTime(day) <= swept_)
        late_.emplace(event.meeting_id(), event.event_id());
    }
    const auto result = harness_.Record(batch);
    EXPECT_EQ(result.rejections_size(), 0) << result.ShortDebugString();
  }

  void Look(int day) {
    const RoomScope scope{.in_order = !options_.disorder};
    const PolicyModel policy(harness_.engine().policy().proto());
    auto seen = LookAtRooms(harness_, ids_);
    const std::multiset<std::string> ordered = OrderedAway(harness_);
    for (const std::string& id : ids_) {
      SCOPED_TRACE(absl::StrCat(id, " on day ", day));
      ExpectDueInTime(models_.at(id), seen[id], policy);
      if (looks_ == Looks::kAtDueDays) {
        models_.at(id).Forget(harness_.now - kForgetAfter);
        if (::testing::Test::HasFailure()) return;
        continue;
      }
      CompareRoomRows(models_.at(id), seen[id], ordered, policy, harness_.now, scope);
      CompareRoomReads(harness_, id, models_.at(id), seen[id], policy);
      models_.at(id).Forget(harness_.now - kForgetAfter);
      if (::testing::Test::HasFailure()) return;
    }
    if (looks_ == Looks::kAtDueDays) return;
    CompareCountsWithRows(harness_);
    // What is planned for later has its participations, of who tried the room, there.
    const absl::CivilDay today = DayAt(harness_.now);
    CompareCohorts(models_, seen, LookAtCohorts(harness_, ids_, today - kDaysOfCohorts, today + kDaysAhead), policy,
                   harness_.now, late_);
  }

  Dice dice_;
  const StoryOptions options_;
  const Looks looks_;
  Harness harness_;
  std::deque<Delivery> left_;
  std::vector<std::string> ids_;
  std::map<std::string, RoomModel> models_;
  absl::Time swept_ = absl::InfinitePast();
  std::set<std::pair<std::string, std::string>> late_;  // by meeting and event: its cohort had been released
};

void LiveYears(Looks looks) {
  const uint64_t rooms = FromEnvironment("RETENTION_ROOM_YEARS", kDefaultRoomYears);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  constexpr uint64_t kRoomsPerEngine = std::size(kRoomUses);
  for (uint64_t begun = 0; begun < rooms && !::testing::Test::HasFailure(); begun += kRoomsPerEngine) {
    SCOPED_TRACE(absl::StrCat("RETENTION_SEED=", first + begun));
    RoomYear(first + begun, {std::begin(kRoomUses), std::end(kRoomUses)}, {.disorder = true}, looks).Live();
  }
}

TEST(RoomYears, EverythingIsHeldUntilItsOwnDayAndNoLonger) { LiveYears(Looks::kAtAll); }

TEST(RoomYears, NothingIsDueLaterThanItsOwnOccurrenceAllows) { LiveYears(Looks::kAtDueDays); }

// Everything comes when it happens: also files end when they must, and everybody is counted.
class RoomLife : public ::testing::TestWithParam<RoomUse> {};

TEST_P(RoomLife, AYearIsAsTheRulesSay) { RoomYear(1, {GetParam()}, {.disorder = false}, Looks::kAtAll).Live(); }

INSTANTIATE_TEST_SUITE_P(Uses, RoomLife,
                         ::testing::Values(RoomUse::kDaily, RoomUse::kWeekly, RoomUse::kWeeklyUnended, RoomUse::kTested,
                                           RoomUse::kReopened, RoomUse::kDevices, RoomUse::kSupport, RoomUse::kMoved,
                                           RoomUse::kNamed));

}  // namespace
}  // namespace retention::simulation
