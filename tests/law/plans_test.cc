// Which plan a planned start and end is of, and when a plan takes place.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/law/filing.h"
#include "server/law/room_cut.h"
#include "tests/law/room_script.h"

namespace retention {
namespace {

constexpr int64_t kTen = 10 * kOneHour;
constexpr int64_t kWeek = 7 * kOneDay;

// "10:0-11:0 since 10:0; 34:0-35:0 waits".
std::string DescribePlans(const RoomWalk& walk) {
  const auto hours = [](int64_t time_us) {
    return absl::StrCat(time_us / kOneHour, ":", time_us % kOneHour / kOneMinute);
  };
  std::string text;
  for (const RoomPlan& plan : walk.plans()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", hours(plan.start_us), "-", hours(plan.end_us));
    if (plan.back_to.has_value()) absl::StrAppend(&text, " back");
    absl::StrAppend(&text, plan.took_place ? absl::StrCat(" since ", hours(plan.took_place_us)) : " waits");
  }
  return text;
}

// A meeting at ten, at which somebody is.
RoomScript AtTen() {
  RoomScript room;
  return room.Plan(0, kTen).Do(kTen, Kind::kJoined, "a");
}

TEST(Plans, TakePlaceWhenTheirStartComesWhilePeopleAreThere_ThoughNothingIsSaidAfterIt) {
  RoomScript room;
  room.Plan(0, kTen).Do(kTen - 2 * kOneMinute, Kind::kJoined, "a");
  room.Plan(kTen + 50 * kOneMinute, kTen + kWeek, kOneHour, Kind::kRescheduled);
  EXPECT_EQ(DescribePlans(Cut(room).walk), "10:0-11:0 since 10:0; 178:0-179:0 waits");
  EXPECT_EQ(Describe(Cut(room).walk), "9:58- of 0");
  // Not if they have left by then.
  RoomScript left;
  left.Plan(0, kTen).Do(kTen - 2 * kOneMinute, Kind::kJoined, "a").Do(kTen - 1, Kind::kLeft, "a");
  left.Plan(kTen + 50 * kOneMinute, kTen + kWeek, kOneHour, Kind::kRescheduled);
  EXPECT_EQ(DescribePlans(Cut(left).walk), "178:0-179:0 waits");
}

TEST(Plans, OfWhatHasBegunTakePlaceWhenTheyAreMadeIfPeopleAreThere) {
  RoomScript room;
  room.Do(kTen, Kind::kJoined, "a").Plan(kTen + kOneMinute, kTen + kOneMinute / 2);
  room.Plan(kTen + 2 * kOneMinute, kTen + kOneDay, kOneHour, Kind::kRescheduled);
  EXPECT_EQ(DescribePlans(Cut(room).walk), "10:0-11:0 since 10:1; 34:0-35:0 waits");
}

// The facts of the occurrence in which that event lies.
OccurrenceFacts FactsWith(const RoomCut& cut, uint64_t id) {
  for (const CutEvent& event : cut.events()) {
    uint32_t organizer = 0;
    if (event.event.id == id) return cut.FactsOf(event.occurrence, organizer);
  }
  return {};
}

TEST(Plans, MovedOnAndOn_KeepNothingOfAMeetingForLonger) {
  std::mt19937 random(55);
  const auto minutes = [&](int64_t from, int64_t to) {
    return kOneMinute * (from + static_cast<int64_t>(random() % static_cast<uint64_t>(to - from)));
  };
  const Policy policy = DefaultPolicy();
  for (int round = 0; round < 500; ++round) {
    // Somebody comes before or after the start, and may leave; a file is shared when both have been.
    const int64_t joined_us = kTen + minutes(-60, 60);
    const int64_t met_us = std::max(joined_us, kTen);
    RoomScript room;
    room.Plan(0, kTen).Do(joined_us, Kind::kJoined, "a").Do(met_us + kOneMinute, Kind::kFile);
    if (random() % 2 == 0) room.Do(met_us + minutes(2, 60), Kind::kLeft, "a");
    RoomCut cut(DefaultCuts());
    for (const RoomEvent& event : room.events()) cut.Add(event, 0);
    cut.Settle();
    const OccurrenceFacts before = FactsWith(cut, 2);
    const SharedFile file{.time_us = met_us + kOneMinute};
    ASSERT_TRUE(before.TookPlace());
    int64_t moved_us = met_us;
    for (int i = 0; i < 5; ++i) {
      moved_us += minutes(61, 3000);
      room.Plan(moved_us, moved_us + minutes(61, 20000), kOneHour,
                random() % 2 == 0 ? Kind::kScheduled : Kind::kRescheduled);
      cut.Add(room.events().back(), 0);
      cut.Settle();
      const OccurrenceFacts after = FactsWith(cut, 2);
      const absl::Time now = absl::FromUnixMicros(moved_us);
      ASSERT_LE(FileEndOf(after, file), FileEndOf(before, file));
      for (const CategoryNumber category : kFiledByMeeting) {
        ASSERT_LE(FileMeeting(after, policy, now).days[category], FileMeeting(before, policy, now).days[category])
            << "round " << round << ", category " << category << ", joined " << joined_us / kOneMinute;
      }
    }
  }
}

TEST(Plans, ThatAreNearBeginWithWhoComesWhenAllHaveLeft) {
  const auto comes = [](int64_t second, Kind kind = Kind::kJoined) {
    RoomScript room = AtTen();
    room.Plan(kTen + kOneMinute, kTen + 90 * kOneMinute).Do(kTen + 40 * kOneMinute, Kind::kLeft, "a");
    room.Do(kTen + second * kOneMinute / 60, kind, "b");
    return Describe(Cut(room).walk);
  };
  EXPECT_EQ(comes(3600), "10:0-10:40 of 0; 11:0- of 1") << "half an hour before the next";
  EXPECT_EQ(comes(95 * 60), "10:0-10:40 of 0; 11:35- of 1") << "five minutes late for it";
  EXPECT_EQ(comes(40 * 60 + 29), "10:0- of 0") << "a page that is refreshed";
  EXPECT_EQ(comes(3600, Kind::kReconnected), "10:0- of 0") << "comes to nothing else";
  RoomScript far = AtTen();
  far.Plan(kTen + kOneMinute, kTen + 101 * kOneMinute).Do(kTen + 40 * kOneMinute, Kind::kLeft, "a");
  far.Do(kTen + 41 * kOneMinute, Kind::kJoined, "a");
  EXPECT_EQ(Describe(Cut(far).walk), "10:0- of 0") << "an hour and more before the next";
  RoomScript there = AtTen();
  there.Plan(kTen + kOneMinute, kTen + 90 * kOneMinute).Do(kTen + 60 * kOneMinute, Kind::kJoined, "b");
  EXPECT_EQ(Describe(Cut(there).walk), "10:0- of 0") << "somebody is there";
}

TEST(Plans, ThatWait_AreMovedUnlessWhoIsThereIsNearerBy) {
  const auto moved = [](int64_t next_us, int64_t at_us, int64_t start_us, int64_t length_us = kOneHour) {
    RoomScript room = AtTen();
    room.Plan(kTen + 5 * kOneMinute, next_us, kOneHour, Kind::kRescheduled);
    room.Plan(at_us, start_us, length_us, Kind::kRescheduled);
    return DescribePlans(Cut(room).walk);
  };
  const int64_t later = kTen + 50 * kOneMinute;
  EXPECT_EQ(moved(kTen + kWeek, later, kTen + 2 * kWeek), "10:0-11:0 since 10:0; 346:0-347:0 waits") << "by a week";
  EXPECT_EQ(moved(kTen + kWeek, later, kTen + kWeek - 3 * kOneDay), "10:0-11:0 since 10:0; 106:0-107:0 waits");
  EXPECT_EQ(moved(kTen + kWeek, later, kTen + kOneDay), "10:0-11:0 since 10:0; 34:0-35:0 waits") << "to tomorrow";
  EXPECT_EQ(moved(kTen + 90 * kOneMinute, kTen + kOneHour, kTen, 2 * kOneHour),
            "10:0-12:0 since 10:0; 11:30-12:30 waits")
      << "prolonged by an hour, the next in half an hour";
  EXPECT_EQ(moved(kTen + 90 * kOneMinute, later, kTen + 100 * kOneMinute), "10:0-11:0 since 10:0; 11:40-12:40 waits");
  EXPECT_EQ(moved(kTen + 90 * kOneMinute, later, kTen + 10 * kOneMinute), "10:0-11:10 since 10:0; 11:30-12:30 waits")
      << "by minutes";
}

TEST(Plans, ThatAreMovedAwayAndBack_LeaveNoOther) {
  RoomScript room = AtTen();
  room.Plan(kTen + 5 * kOneMinute, kTen + kOneDay, kOneHour, Kind::kRescheduled);
  RoomScript invited = room;
  room.Plan(kTen + 6 * kOneMinute, kTen, kOneHour, Kind::kRescheduled);
  WalkedRoom cut = Cut(room);
  EXPECT_EQ(DescribePlans(cut.walk), "10:0-11:0 since 10:0; 34:0-35:0 back waits");
  EXPECT_EQ(cut.walk.GroupOf(cut.places[2]), cut.walk.GroupOf(cut.places[0])) << "all that was said is of the one";
  // And the meeting is moved on like any other.
  room.Do(kTen + kOneHour, Kind::kLeft, "a").Plan(kTen + 2 * kOneHour, kTen + kWeek, kOneHour, Kind::kRescheduled);
  cut = Cut(room);
  EXPECT_EQ(cut.walk.plans().back().follows, 0u);
  EXPECT_EQ(cut.walk.plans().back().start_us, kTen + kWeek);
  // Of which more is said, stays.
  invited.Do(kTen + 5 * kOneMinute + 1, Kind::kPlanned, "z")
      .Plan(kTen + 6 * kOneMinute, kTen, kOneHour, Kind::kRescheduled);
  EXPECT_EQ(DescribePlans(Cut(invited).walk), "10:0-11:0 since 10:0; 34:0-35:0 waits");
}

TEST(Plans, MadeWhenAMeetingIsOver_ForAnotherTime_AreOfAnother) {
  const auto planned = [](int64_t start_us, Kind kind) {
    RoomScript room = AtTen();
    room.Do(kTen + kOneHour, Kind::kLeft, "a").Plan(kTen + 5 * kOneHour, start_us, kOneHour, kind);
    return DescribePlans(Cut(room).walk);
  };
  EXPECT_EQ(planned(kTen + 30 * kOneMinute, Kind::kScheduled), "10:0-11:0 since 10:0; 10:30-11:30 waits");
  EXPECT_EQ(planned(kTen, Kind::kScheduled), "10:0-11:0 since 10:0") << "a correction";
  EXPECT_EQ(planned(kTen + 30 * kOneMinute, Kind::kRescheduled), "10:0-11:0 since 10:0") << "says no name";
}

}  // namespace
}  // namespace retention
