#include "server/law/occurrences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/law/room_script.h"

namespace retention {
namespace {

TEST(Occurrences, EveryWeekOfAStandingRoomIsOneOfItsOwn) {
  RoomScript room;
  for (int week = 0; week < 3; ++week) {
    const int64_t nine = week * 7 * kOneDay + 9 * kOneHour;
    room.Plan(nine - kOneDay, nine).Do(nine, Kind::kJoined, "a").Do(nine + 40 * kOneMinute, Kind::kLeft, "a");
  }
  EXPECT_EQ(Describe(Cut(room).walk), "9:0-9:40 of 0; 177:0-177:40 of 1; 345:0-345:40 of 2");
}

TEST(Occurrences, ARoomTestWeeksBeforeIsNoPartOfTheMeeting) {
  RoomScript room;
  room.Plan(0, 21 * kOneDay).Do(kOneHour, Kind::kJoined, "a").Do(2 * kOneHour, Kind::kLeft, "a");
  room.Do(21 * kOneDay + kOneMinute, Kind::kJoined, "a");
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(Describe(cut.walk), "1:0-2:0; 504:1- of 0");
  EXPECT_TRUE(cut.walk.plans()[0].took_place);
}

TEST(Occurrences, WhoComesBackWithinTheHourGoesOn) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a")
      .Do(kOneHour, Kind::kLeft, "a")
      .Do(2 * kOneHour, Kind::kJoined, "a")
      .Do(3 * kOneHour, Kind::kLeft, "a");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0-3:0");
  RoomScript later;
  later.Do(0, Kind::kJoined, "a").Do(kOneHour, Kind::kLeft, "a").Do(2 * kOneHour + 1, Kind::kJoined, "a");
  EXPECT_EQ(Describe(Cut(later).walk), "0:0-1:0; 2:0-");
}

TEST(Occurrences, ASittingBelongsToAPlanFromTwelveHoursBeforeToADayAfter) {
  const int64_t noon = 12 * kOneHour;
  const auto plan_of = [&](int64_t joined_us) {
    RoomScript room;
    room.Plan(-3 * kOneDay, noon).Do(joined_us, Kind::kJoined, "a");
    return Cut(room).walk.sittings()[0].plan.has_value();
  };
  EXPECT_FALSE(plan_of(-1));
  EXPECT_TRUE(plan_of(0));
  EXPECT_TRUE(plan_of(noon + kOneHour + kOneDay));
  EXPECT_FALSE(plan_of(noon + kOneHour + kOneDay + 1));
}

TEST(Occurrences, APlanThatTookPlaceIsNotMovedByTheNextOne) {
  RoomScript room;
  room.Plan(0, kOneDay).Do(kOneDay, Kind::kJoined, "a").Do(kOneDay + kOneHour, Kind::kLeft, "a");
  room.Plan(kOneDay + 2 * kOneHour, 8 * kOneDay, kOneHour, Kind::kRescheduled);
  const WalkedRoom cut = Cut(room);
  ASSERT_EQ(cut.walk.plans().size(), 2u);
  EXPECT_EQ(cut.walk.plans()[0].start_us, kOneDay);
  EXPECT_EQ(cut.walk.plans()[1].start_us, 8 * kOneDay);
}

TEST(Occurrences, APlanThatTookPlaceKeepsItsBegin_AndIsProlongedWhilePeopleAreThereAlone) {
  for (const bool left : {false, true}) {
    RoomScript room;
    room.Plan(0, kOneDay, kOneHour).Do(kOneDay, Kind::kJoined, "a");
    if (left) room.Do(kOneDay + kOneMinute, Kind::kLeft, "a");
    room.Plan(kOneDay + kOneMinute + left, kOneDay + kOneMinute + kOneHour, kOneHour, Kind::kRescheduled);
    const int64_t end_us = kOneDay + kOneHour + (left ? 0 : kOneMinute + kOneHour);
    EXPECT_EQ(Cut(room).walk.plans().back().end_us, end_us);
    room.Plan(kOneDay + kOneMinute + left, kOneDay + kOneMinute + kOneHour + 2, kOneHour, Kind::kRescheduled);
    ASSERT_EQ(Cut(room).walk.plans().size(), 2u);
    EXPECT_EQ(Cut(room).walk.plans().front().start_us, kOneDay);
  }
}

TEST(Occurrences, APlanThatMovesAwayLetsGoOfTheSittingThatWasTooEarlyForIt) {
  RoomScript room;
  room.Plan(0, 10 * kOneHour)
      .Do(kOneHour, Kind::kJoined, "a")
      .Do(2 * kOneHour, Kind::kLeft, "a")
      .Plan(3 * kOneHour, 5 * kOneDay);
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(Describe(cut.walk), "1:0-2:0");
  EXPECT_FALSE(cut.walk.plans()[0].took_place);
}

TEST(Occurrences, APlanMadeWhilePeopleSitThereIsTheirs) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Plan(kOneMinute, 5 * kOneMinute).Do(kOneHour, Kind::kLeft, "a");
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(Describe(cut.walk), "0:0-1:0 of 0");
  EXPECT_TRUE(cut.walk.plans()[0].took_place);
}

TEST(Occurrences, AfterALostLeaveTheNextDayIsAnotherSitting) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Do(25 * kOneHour, Kind::kJoined, "b").Do(51 * kOneHour, Kind::kJoined, "c");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0-; 51:0-");
  // A start says so before that, but not among people who are there.
  RoomScript started;
  started.Do(0, Kind::kJoined, "a").Do(30 * kOneMinute, Kind::kStarted).Do(3 * kOneHour, Kind::kStarted);
  EXPECT_EQ(Describe(Cut(started).walk), "0:0-; 3:0-");
}

TEST(Occurrences, NoSittingIsLongerThanAWeek_AndWhoIsThereIsThereInTheNext) {
  RoomScript room;
  for (int day = 0; day <= 8; ++day) room.Do(day * kOneDay, Kind::kJoined, absl::StrCat("p", day));
  room.Do(8 * kOneDay + kOneHour, Kind::kLeft, "p0");
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(Describe(cut.walk), "0:0-; 192:0-");
  EXPECT_EQ(cut.places.back(), (CutPlace{.of = Of::kSitting, .index = 1, .counts = true}));
}

TEST(Occurrences, APlanMovedOnAndOnDoesNotLengthenASitting) {
  RoomScript room;
  room.Plan(0, kOneHour).Do(kOneHour, Kind::kJoined, "a");
  for (int i = 1; i < 40; ++i)
    room.Plan(2 * kOneHour + i, kOneHour + i * 11 * kOneHour).Do(kOneHour + i * 11 * kOneHour, Kind::kJoined, "b");
  const WalkedRoom cut = Cut(room);
  for (const Sitting& sitting : cut.walk.sittings()) {
    EXPECT_LE(sitting.last_us - sitting.start_us, 7 * kOneDay + 12 * kOneHour);
  }
}

TEST(Occurrences, AnAbsenceOfNoLengthIsNone) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Do(kOneHour, Kind::kLeft, "a").Do(kOneHour, Kind::kJoined, "a");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0-");
  // Under one connection's name too.
  RoomScript named;
  named.Do(0, Kind::kJoined, "a").Through("c").Do(kOneHour, Kind::kJoined, "a").Through("c");
  named.Do(kOneHour, Kind::kLeft, "a").Through("c");
  EXPECT_EQ(Describe(Cut(named).walk), "0:0-");
  named.Do(2 * kOneHour, Kind::kLeft, "a").Through("c");
  EXPECT_EQ(Describe(Cut(named).walk), "0:0-2:0");
}

TEST(Occurrences, TheRoomIsEmptyWhenTheLastConnectionCloses) {
  RoomScript counted;
  counted.Do(0, Kind::kJoined, "a").Do(1, Kind::kJoined, "a").Do(kOneHour, Kind::kLeft, "a");
  EXPECT_EQ(Describe(Cut(counted).walk), "0:0-") << "a second device is still there";
  counted.Do(2 * kOneHour, Kind::kLeft, "a").Do(2 * kOneHour + 1, Kind::kLeft, "a");
  EXPECT_EQ(Describe(Cut(counted).walk), "0:0-2:0") << "never below none";

  RoomScript reconnected;
  reconnected.Do(0, Kind::kJoined, "a").Do(1, Kind::kReconnected, "a").Do(kOneHour, Kind::kLeft, "a");
  EXPECT_EQ(Describe(Cut(reconnected).walk), "0:0-1:0") << "who is there does not come a second time";

  RoomScript named;
  named.Do(0, Kind::kJoined, "a").Through("browser").Do(1, Kind::kJoined, "a").Through("phone");
  named.Do(2, Kind::kJoined, "a").Through("phone").Do(kOneHour, Kind::kLeft, "a").Through("phone");
  EXPECT_EQ(Describe(Cut(named).walk), "0:0-");
  named.Do(2 * kOneHour, Kind::kLeft, "a").Through("browser");
  EXPECT_EQ(Describe(Cut(named).walk), "0:0-2:0");

  RoomScript ended;
  ended.Do(0, Kind::kJoined, "a").Do(1, Kind::kJoined, "b").Do(kOneHour, Kind::kEnded);
  EXPECT_EQ(Describe(Cut(ended).walk), "0:0-1:0");
}

TEST(Occurrences, WhatSpeaksOfNothingOpenIsHistoryAndNothingMore) {
  RoomScript room;
  room.Do(0, Kind::kLeft, "a").Do(1, Kind::kQuality, "a").Do(2, Kind::kEnded).Do(3, Kind::kJoinFailed, "a");
  const WalkedRoom cut = Cut(room);
  EXPECT_TRUE(cut.walk.sittings().empty());
  for (const CutPlace& place : cut.places) EXPECT_EQ(place, CutPlace()) << "its own day";
  // One that was overlooked is found in the sitting in which it was open.
  RoomScript late;
  late.Do(0, Kind::kJoined, "a").Do(20 * kOneHour, Kind::kStarted).Do(21 * kOneHour, Kind::kLeft, "a");
  EXPECT_EQ(Cut(late).places.back(), (CutPlace{.of = Of::kSitting, .index = 0, .counts = true}));
}

TEST(Occurrences, WhoNeverLeftIsSpokenOfUntilTheSittingIsOver) {
  constexpr int64_t kOver = kOneHour + 25 * kOneHour;  // since it was last heard of
  const auto counts = [](int64_t time_us, Kind kind, const std::string& name = "") {
    RoomScript room;
    room.Do(0, Kind::kJoined, "a").Named(name).Do(kOneHour, Kind::kJoined, "b").Named(name);
    return Cut(room.Do(time_us, kind, "a").Named(name)).places.back().counts;
  };
  for (const Kind kind : {Kind::kQuality, Kind::kLeft}) {
    EXPECT_TRUE(counts(kOver, kind));
    EXPECT_FALSE(counts(kOver + 1, kind));
    EXPECT_TRUE(counts(kOver + 1, kind, "x")) << "a name lasts until the limit";
  }
  EXPECT_TRUE(counts(7 * kOneDay, Kind::kEnded)) << "the true end replaces the presumed one";
  EXPECT_FALSE(counts(7 * kOneDay + 1, Kind::kEnded));
  // But the end of another sitting does not.
  RoomScript another;
  another.Do(0, Kind::kJoined, "a").Do(6 * kOneDay, Kind::kJoined, "b").Do(6 * kOneDay + 1, Kind::kLeft, "b");
  EXPECT_EQ(Describe(Cut(another.Do(6 * kOneDay + 2, Kind::kEnded)).walk), "0:0-; 144:0-144:0");
}

TEST(Occurrences, TwoNamesAreNeverOneSitting_HoweverClose) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Named("x").Do(1, Kind::kJoined, "a").Named("y").Do(2, Kind::kLeft, "a").Named("x");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0-0:0 named x; 0:0- named y");
}

TEST(Occurrences, ANameThatComesUpLateNamesTheSittingThatIsThere) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Do(kOneMinute, Kind::kJoined, "b").Named("x");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0- named x");
  EXPECT_EQ(Cut(room).places.back().index, 0u);
}

TEST(Occurrences, ANamedSittingIsNotCutByAbsence_ButByTheLimit) {
  RoomScript room;
  room.Do(0, Kind::kJoined, "a").Named("x").Do(kOneHour, Kind::kLeft, "a").Named("x");
  room.Do(3 * kOneDay, Kind::kJoined, "a").Named("x");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0- named x");
  room.Do(8 * kOneDay, Kind::kJoined, "a").Named("x");
  EXPECT_EQ(Describe(Cut(room).walk), "0:0- named x; 192:0- named x");
}

TEST(Occurrences, APlanForANameIsOneBesideTheRoomsOwn) {
  RoomScript room;
  room.Plan(0, 10 * kOneHour).Plan(1, 12 * kOneHour).Named("x").Do(9 * kOneHour, Kind::kJoined, "a").Named("x");
  room.Do(9 * kOneHour + 1, Kind::kJoined, "b").Named("y");
  const WalkedRoom cut = Cut(room);
  ASSERT_EQ(cut.walk.plans().size(), 2u);
  EXPECT_EQ(Describe(cut.walk), "9:0- of 1 named x; 9:0- of 0 named y");
}

TEST(Occurrences, OfSeveralPlansASittingTakesTheNearestStart) {
  RoomScript room;
  room.Plan(0, 8 * kOneHour).Named("x").Plan(1, 11 * kOneHour).Named("y").Do(10 * kOneHour, Kind::kJoined, "a");
  EXPECT_EQ(Describe(Cut(room).walk), "10:0- of 1");
}

TEST(Occurrences, ADeletionEndsAllBeforeIt_AndTheIdentifierCanBeUsedAgain) {
  RoomScript room;
  room.Plan(0, kOneHour)
      .Do(kOneHour, Kind::kJoined, "a")
      .Do(kOneHour + 1, Kind::kDeleted)
      .Do(kOneHour + 2, Kind::kLeft, "a");
  room.Do(kOneHour + 3, Kind::kJoined, "a");
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(cut.places[3].of, Of::kDay) << "of what is gone";
  EXPECT_TRUE(cut.walk.IsDeleted(cut.walk.GroupOf(cut.places[1])));
  EXPECT_FALSE(cut.walk.IsDeleted(cut.walk.GroupOf(cut.places[3])));
  EXPECT_FALSE(cut.walk.IsDeleted(cut.walk.GroupOf(cut.places[4])));
  EXPECT_EQ(Describe(cut.walk), "1:0- of 0; 1:0-");
}

TEST(Occurrences, InvitationsGoToThePlan_ThenToTheSitting_ElseToAPlanWithoutADate) {
  RoomScript room;
  room.Do(0, Kind::kPlanned).Plan(1, kOneHour).Do(2, Kind::kPlanned).Do(kOneHour, Kind::kJoined, "a");
  room.Do(kOneHour + 1, Kind::kPlanned).Do(kOneHour + 2, Kind::kLeft, "a").Do(5 * kOneHour, Kind::kPlanned);
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(cut.places[0], cut.places[1]) << "a plan has no date until one is set";
  EXPECT_EQ(cut.places[2].of, Of::kPlan);
  EXPECT_EQ(cut.places[4].of, Of::kSitting);
  EXPECT_EQ(cut.places[6].of, Of::kPlan);
  EXPECT_FALSE(cut.walk.plans()[cut.places[6].index].dated);
}

TEST(Occurrences, FilesGoToThePlanThatIsToCome_ThenToTheLatestSitting_ThenToTheirDay) {
  RoomScript room;
  room.Do(0, Kind::kShared)
      .Do(kOneHour, Kind::kJoined, "a")
      .Do(2 * kOneHour, Kind::kLeft, "a")
      .Do(9 * kOneHour, Kind::kShared);
  room.Plan(10 * kOneHour, 20 * kOneHour).Do(11 * kOneHour, Kind::kShared);
  const WalkedRoom cut = Cut(room);
  EXPECT_EQ(cut.places[0].of, Of::kDay);
  EXPECT_EQ(cut.places[3].of, Of::kSitting);
  EXPECT_EQ(cut.places[5].of, Of::kPlan);
}

// Whatever happens in a room: random events, some of one instant, some with names.
std::vector<RoomEvent> AnyRoom(std::mt19937& random) {
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(random() % static_cast<uint64_t>(bound)); };
  RoomScript room;
  const int64_t span = kOneHour << below(11);
  for (int64_t left = 1 + below(60); left > 0; --left) {
    const auto kind = static_cast<Kind>(below(static_cast<int64_t>(Kind::kDeleted) + (below(20) == 0 ? 1 : 0)));
    const int64_t time = below(span) / kOneMinute * kOneMinute;
    if (kind == Kind::kScheduled || kind == Kind::kRescheduled) {
      room.Plan(time, time + below(4 * kOneDay) - kOneDay, kOneMinute + below(2 * kOneDay), kind);
    } else {
      room.Do(time, kind, absl::StrCat("p", below(4)));
    }
    if (below(5) == 0) room.Named(absl::StrCat("s", below(3)));
    if (below(4) == 0) room.Through(absl::StrCat("c", below(3)));
  }
  return room.events();
}

TEST(Occurrences, WhateverHappens_NothingIsLongerThanItMayBeAndEveryEventHasItsPlace) {
  std::mt19937 random(20260302);
  const CutRules rules = DefaultPolicy().cut();
  for (int round = 0; round < 10000; ++round) {
    std::vector<RoomEvent> events = AnyRoom(random);
    std::sort(events.begin(), events.end());
    RoomWalk walk{DefaultCuts()};
    for (const RoomEvent& event : events) {
      const CutPlace place = walk.Step(event);
      if (place.of == Of::kPlan) {
        ASSERT_LT(place.index, walk.plans().size());
      }
      if (place.of != Of::kSitting) continue;
      ASSERT_LT(place.index, walk.sittings().size());
      const Sitting& sitting = walk.sittings()[place.index];
      ASSERT_LE(sitting.start_us, event.time_us);
      if (!place.counts) continue;
      ASSERT_GE(sitting.last_us, event.time_us);
      ASSERT_TRUE(event.sitting == 0 || sitting.name == event.sitting || sitting.name == 0);
    }
    for (const Sitting& sitting : walk.sittings()) {
      const int64_t most = absl::ToInt64Microseconds(rules.longest_sitting + rules.early_within);
      ASSERT_LE(sitting.last_us, sitting.start_us + most);
      ASSERT_LE(sitting.emptied_us.value_or(sitting.last_us), sitting.last_us);
      if (!sitting.plan.has_value()) continue;
      ASSERT_LT(*sitting.plan, walk.plans().size());
    }
  }
}

TEST(Occurrences, AJoinThatNamesItsSittingLooksAtAsMany_HoweverManyOthersThereAre) {
  // A portal that gives every connection a name of its own, each of which is a sitting then.
  RoomScript script;
  constexpr int kConnections = 2000;
  for (int i = 0; i < kConnections; ++i) {
    const std::string name = absl::StrCat("c", i);
    script.Do(i * kOneMinute, Kind::kJoined, "p").Named(name);
    script.Do(i * kOneMinute + 1, Kind::kQuality, "p").Named(name);
    script.Do(i * kOneMinute + 2, Kind::kLeft, "p").Named(name);
  }
  const WalkedRoom cut = Cut(script);
  ASSERT_EQ(cut.walk.sittings().size(), static_cast<size_t>(kConnections));
  EXPECT_LE(cut.walk.looked_at(), 3u * kConnections);
}

TEST(Occurrences, AJoinLooksAtTheSittingsWithoutANameThatItMayBeOf) {
  RoomScript script;
  script.Do(0, Kind::kJoined, "p");
  script.Do(kOneHour, Kind::kJoined, "q").Named("a");      // names it
  script.Do(2 * kOneHour, Kind::kJoined, "r").Named("b");  // is another
  // Of the first; of the latest begun.
  script.Do(3 * kOneHour, Kind::kLeft, "p").Do(4 * kOneHour, Kind::kJoined, "s");
  const WalkedRoom cut = Cut(script);
  ASSERT_EQ(cut.walk.sittings().size(), 2u);
  for (const size_t i : {1, 2, 3, 4}) EXPECT_EQ(cut.places[i].index, (i + 1) % 2) << i;
}

TEST(Occurrences, AWalkThatIsTakenUpFromACopyGoesOnAlike) {
  std::mt19937 random(7);
  for (int round = 0; round < 1000; ++round) {
    std::vector<RoomEvent> events = AnyRoom(random);
    std::sort(events.begin(), events.end());
    const WalkedRoom whole = Cut(events);
    RoomWalk walk{DefaultCuts()};
    const size_t middle = random() % (events.size() + 1);
    for (size_t i = 0; i < middle; ++i) walk.Step(events[i]);
    RoomWalk taken_up = walk;
    for (size_t i = middle; i < events.size(); ++i) ASSERT_EQ(taken_up.Step(events[i]), whole.places[i]);
    ASSERT_EQ(Describe(taken_up), Describe(whole.walk));
  }
}

}  // namespace
}  // namespace retention
