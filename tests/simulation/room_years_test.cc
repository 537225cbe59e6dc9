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

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/meetings/meeting_cache.h"
#include "server/recording/event_intake.h"
#include "tests/engine/harness.h"
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
constexpr absl::Duration kForgetAfter = absl::Hours(24 * 130);

// What of an engine is held against the oracle: that nothing is due too late, or all.
enum class Looks { kAtDueDays, kAtAll };

std::string TextOf(const OccurrenceFacts& facts) {
  std::string text = absl::StrCat("first ", facts.first_us, " last ", facts.last_us, " waits ", facts.waits_until_us,
                                  " scheduled ", facts.scheduled_on_us.value_or(0), " deleted ", facts.deleted,
                                  facts.recordings_deleted, " present ", facts.present, " protocolled ",
                                  facts.protocolled, " organizer ", absl::BytesToHexString(facts.organizer),
                                  " only_started ", facts.only_started, " taken_over ", facts.taken_over);
  if (facts.plan.has_value()) {
    absl::StrAppend(&text, " plan ", facts.plan->start_us, "..", facts.plan->end_us, " took_place ",
                    facts.plan->took_place, " ", facts.plan->took_place_us, " in ", facts.plan->took_place_in, " name ",
                    facts.plan->name);
  }
  for (const SittingFacts& sitting : facts.sittings) {
    absl::StrAppend(&text, " sitting ", sitting.start_us, "..", sitting.last_us, " emptied ",
                    sitting.emptied_us.value_or(0), " limit ", sitting.limit_us, " gone ", sitting.gone_us, " name ",
                    sitting.name, " carried ", sitting.carried.size());
  }
  return text;
}

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
      for (const std::string& id : ids_) ExpectTheSameWhenReadBack(id);
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
      if (!recorded_.emplace(event.meeting_id(), event.event_id()).second) continue;
      // No day before the first is a cohort.
      const absl::CivilDay day = DayAtUs(Us(event.time()));
      if (day < DayAt(kMonday) || policy.ReleaseTime(day) <= swept_)
        late_.emplace(event.meeting_id(), event.event_id());
    }
    const auto result = harness_.Record(batch);
    EXPECT_EQ(result.rejections_size(), 0) << result.ShortDebugString();
    std::set<std::string> rooms;
    for (const v1::Event& event : batch) rooms.insert(event.meeting_id());
    for (const std::string& id : rooms) ExpectTheSameWhenReadBack(id);
  }

  // A room as it is read back is as it was in memory, whatever of it has been fixed since: what was filed tells.
  void ExpectTheSameWhenReadBack(const std::string& id) {
    const Holdings& holdings = harness_.engine().holdings();
    MeetingCache cache(holdings.store, holdings.vault, holdings.names, holdings.policies);
    const auto pbx = holdings.registry.Find("pbx", harness_.now);
    ASSERT_TRUE(pbx.has_value());
    const auto room = cache.Find(*pbx, id, holdings.LastDue(harness_.now));
    ASSERT_TRUE(room.ok()) << room.status();
    for (const auto& [number, meeting] : (*room)->meetings) {
      EXPECT_TRUE((*room)->FactsOf(number) == meeting.locator.facts)
          << "an occurrence of " << id << " that begins at " << absl::FromUnixMicros(meeting.locator.facts.first_us)
          << ", read back at " << harness_.now << "\n  as " << TextOf((*room)->FactsOf(number)) << "\n  was "
          << TextOf(meeting.locator.facts);
    }
  }

  void Look(int day) {
    const RoomScope scope{.in_order = !options_.disorder};
    const PolicyModel policy(harness_.engine().policy().proto());
    auto seen = LookAtRooms(harness_.engine(), harness_.now, ids_);
    const std::multiset<std::string> ordered = OrderedAway(harness_.engine());
    for (const std::string& id : ids_) {
      SCOPED_TRACE(absl::StrCat(id, " on day ", day));
      ExpectDueInTime(models_.at(id), seen[id], policy);
      if (looks_ == Looks::kAtDueDays) {
        models_.at(id).Forget(harness_.now - kForgetAfter);
        if (::testing::Test::HasFailure()) return;
        continue;
      }
      CompareRoomRows(models_.at(id), seen[id], ordered, policy, harness_.now, scope);
      CompareRoomReads(harness_.engine(), id, models_.at(id), seen[id], policy, harness_.now);
      models_.at(id).Forget(harness_.now - kForgetAfter);
      if (::testing::Test::HasFailure()) return;
    }
    if (looks_ == Looks::kAtDueDays) return;
    CompareCountsWithRows(harness_.engine());
    // What is planned for later has its participations, of who tried the room, there.
    const absl::CivilDay today = DayAt(harness_.now);
    const CohortsSeen cohorts =
        LookAtCohorts(harness_.engine(), harness_.now, ids_, today - kDaysOfCohorts, today + kDaysAhead);
    CompareCohorts(models_, seen, cohorts, policy, harness_.now, late_);
  }

  Dice dice_;
  const StoryOptions options_;
  const Looks looks_;
  Harness harness_;
  std::deque<Delivery> left_;
  std::vector<std::string> ids_;
  std::map<std::string, RoomModel> models_;
  absl::Time swept_ = absl::InfinitePast();
  std::set<std::pair<std::string, std::string>> recorded_;  // by meeting and event
  std::set<std::pair<std::string, std::string>> late_;      // by meeting and event: its cohort had been released
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
                                           RoomUse::kNamed, RoomUse::kSeries, RoomUse::kAlways));

}  // namespace
}  // namespace retention::simulation
