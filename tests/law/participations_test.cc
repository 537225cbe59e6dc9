#include "server/law/participations.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "absl/time/civil_time.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

const absl::CivilDay kDay(2026, 3, 2);

// Courses out of hours since midnight (UTC) of a day.
class OwnScript {
 public:
  explicit OwnScript(v1::StatisticsProfile profile = v1::STATISTICS_PROFILE_DAILY) : profile_(profile) {}
  OwnScript& Add(CourseKind kind, double hour, const char* participant = "", DueDay released_through = DueDay::None()) {
    const absl::Time time = absl::FromCivil(kDay, absl::UTCTimeZone()) + absl::Hours(hour);
    CourseEvent event{.event = ++next_, .time_us = absl::ToUnixMicros(time), .kind = kind};
    event.participant = course_.WordFor(participant);
    event.released_through = released_through;
    event.rtt_ms = rtt_ms_;
    event.sitting = sitting_;
    if (kind == Entry::KIND_JOIN_FAILED) event.cause = v1::JOIN_FAILURE_CAUSE_MEDIA;
    if (kind == Entry::KIND_JOINED || kind == Entry::KIND_JOIN_FAILED)
      event.person = PersonToken{static_cast<uint8_t>(next_)};
    course_.Add(event);
    return *this;
  }
  // Of what is added from now on.
  OwnScript& Rtt(uint32_t milliseconds) {
    rtt_ms_ = milliseconds;
    return *this;
  }
  OwnScript& Sitting(uint64_t name) {
    sitting_ = name;
    return *this;
  }
  std::vector<OwnPresence> Fold() const {
    return FoldParticipations(course_, CutHistory(DefaultPolicy().cut()), ProfileHistory(profile_),
                              absl::UTCTimeZone());
  }

 private:
  const v1::StatisticsProfile profile_;
  uint64_t next_ = 0;
  uint32_t rtt_ms_ = 0;
  uint64_t sitting_ = 0;
  Course course_;
};

double HoursOf(const OwnPresence& presence) { return absl::ToDoubleHours(absl::Microseconds(presence.total_us)); }

TEST(Participations, WhoNeverLeftWasThereUntilTheirOwnLastSign_WhateverOthersDid) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_QUALITY, 10, "a").Add(Entry::KIND_JOINED, 9, "b");
  script.Add(Entry::KIND_QUALITY, 12, "b");
  EXPECT_EQ(HoursOf(script.Fold()[0]), 1);
  script.Add(Entry::KIND_ENDED, 13);
  EXPECT_EQ(HoursOf(script.Fold()[0]), 4) << "the end is nobody's";
}

TEST(Participations, NobodyElsesPresenceJoinsTwoStays) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 20, "a").Add(Entry::KIND_LEFT, 21, "a");
  script.Add(Entry::KIND_JOINED, 20, "b").Add(Entry::KIND_LEFT, 40, "b");
  script.Add(Entry::KIND_JOINED, 30, "a").Add(Entry::KIND_LEFT, 31, "a");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].cohort, CohortDays(DueDay(kDay)));
  EXPECT_EQ(all[1].cohort, CohortDays(DueDay(kDay + 1)));
  EXPECT_EQ(all[1].reconnections, 0u);
  EXPECT_NE(all[0].person, all[1].person);
}

TEST(Participations, WhoIsBackWithinTheHourGoesOn_WhoIsBackLaterComesAnew_ReconnectedOrNot) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_LEFT, 10, "a");
  script.Add(Entry::KIND_RECONNECTED, 11, "a").Add(Entry::KIND_LEFT, 11.5, "a");
  script.Add(Entry::KIND_RECONNECTED, 12.6, "a").Add(Entry::KIND_LEFT, 13, "a");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(HoursOf(all[0]), 1.5);
  EXPECT_EQ(all[0].reconnections, 1u);
  EXPECT_EQ(all[1].reconnections, 0u);
}

TEST(Participations, WhoWasNotHeardOfComesAnew_AsIfTheyHadLeft) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_QUALITY, 9.5, "a");
  script.Add(Entry::KIND_JOINED, 10.6, "a").Add(Entry::KIND_LEFT, 11, "a");
  // Others were there all the time.
  script.Add(Entry::KIND_JOINED, 9, "b").Add(Entry::KIND_LEFT, 12, "b");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(HoursOf(all[0]), 0.5) << "until their own last sign of life";
  EXPECT_NEAR(HoursOf(all[1]), 0.4, 1e-9);
}

TEST(Participations, ASittingOfAnotherNameIsAnotherParticipation) {
  OwnScript script;
  script.Sitting(1).Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_LEFT, 9.5, "a");
  script.Sitting(2).Add(Entry::KIND_JOINED, 9.6, "a").Add(Entry::KIND_LEFT, 10, "a");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].sitting, 1u);
  EXPECT_EQ(all[1].sitting, 2u);
}

TEST(Participations, TheEndOfTheMeetingCuts_ButNotWhoWasNotHeardOfForADay) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_ENDED, 10);
  script.Add(Entry::KIND_JOINED, 10.5, "a").Add(Entry::KIND_ENDED, 40);
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(HoursOf(all[0]), 1);
  EXPECT_EQ(HoursOf(all[1]), 0);
}

TEST(Participations, QualityIsTheMeanOfTheirOwnSamples) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "a").Rtt(10).Add(Entry::KIND_QUALITY, 9.1, "a").Rtt(30);
  script.Add(Entry::KIND_QUALITY, 9.2, "a").Add(Entry::KIND_JOINED, 9, "b").Rtt(500).Add(Entry::KIND_QUALITY, 9.3, "c");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 2u) << "a sample alone is nobody's participation";
  EXPECT_EQ(all[0].quality.value().rtt_ms, 20u);
  EXPECT_FALSE(all[1].quality.has_value());
}

TEST(Participations, AFailedTryIsOneByItself_AndNoSignOfLife) {
  OwnScript script;
  script.Add(Entry::KIND_JOIN_FAILED, 8, "a").Add(Entry::KIND_JOINED, 9, "a").Add(Entry::KIND_JOIN_FAILED, 9.9, "a");
  script.Add(Entry::KIND_JOINED, 10.5, "a");
  size_t failures = 0, runs = 0;
  for (const OwnPresence& each : script.Fold()) {
    failures += each.failure_cause == v1::JOIN_FAILURE_CAUSE_MEDIA;
    runs += each.failure_cause == 0;
  }
  EXPECT_EQ(failures, 2u);
  EXPECT_EQ(runs, 2u) << "an hour and a half without a sign of life";
}

TEST(Participations, AWeekIsOneCohort_AndWhatBeganInItIsOfIt) {
  OwnScript script(v1::STATISTICS_PROFILE_LARGE);
  script.Add(Entry::KIND_JOINED, 24 * 7 - 0.5, "a").Add(Entry::KIND_LEFT, 24 * 7 + 0.5, "a");
  script.Add(Entry::KIND_JOINED, 24 * 7 + 3, "a", DueDay(kDay + 6));
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].cohort.first, DueDay(kDay));
  EXPECT_EQ(all[0].cohort.last, DueDay(kDay + 6));
  EXPECT_EQ(all[0].day, DueDay(kDay + 6));
  EXPECT_TRUE(all[0].in_time && !all[0].late);
  EXPECT_EQ(all[1].cohort.first, DueDay(kDay + 7));
  EXPECT_TRUE(all[1].in_time) << "the week before was released, not this one";
}

// G6: what is counted of all of them is what is counted of each alone, whatever the others did.
TEST(Participations, OfEverybodyAreThoseOfEachAlone) {
  uint32_t seed = 7;
  const auto next = [&seed](uint32_t bound) { return (seed = seed * 1664525 + 1013904223) / 65536 % bound; };
  const CourseKind kinds[] = {Entry::KIND_JOINED, Entry::KIND_LEFT,  Entry::KIND_QUALITY,    Entry::KIND_RECONNECTED,
                              Entry::KIND_JOINED, Entry::KIND_ENDED, Entry::KIND_JOIN_FAILED};
  const char* const people[] = {"a", "b", "c", "d"};
  using Seen = std::multiset<std::tuple<int64_t, int64_t, uint32_t, uint64_t, uint32_t, bool>>;
  const auto seen = [](const OwnScript& script) {
    Seen all;
    for (const OwnPresence& of : script.Fold()) {
      all.emplace(of.begin_us, of.total_us, of.reconnections, of.sitting, of.failure_cause, of.late);
    }
    return all;
  };
  for (int round = 0; round < 300; ++round) {
    OwnScript everybody, alone[4];
    for (int i = 0; i < 40; ++i) {
      const CourseKind kind = kinds[next(7)];
      const double hour = next(60 * 40) / 60.0;
      const uint32_t who = next(4);
      const uint64_t sitting = next(5) == 0 ? 1 + next(2) : 0;
      const DueDay released = next(6) == 0 ? DueDay(kDay) : DueDay::None();
      everybody.Sitting(sitting).Add(kind, hour, kind == Entry::KIND_ENDED ? "" : people[who], released);
      for (uint32_t each = 0; each < 4; ++each) {
        if (kind != Entry::KIND_ENDED && each != who) continue;
        alone[each].Sitting(sitting).Add(kind, hour, kind == Entry::KIND_ENDED ? "" : people[each], released);
      }
    }
    Seen sum;
    for (const OwnScript& each : alone) sum.merge(seen(each));
    ASSERT_EQ(seen(everybody), sum);
  }
}

TEST(Participations, WhatCameAfterTheReleaseIsLate) {
  const DueDay day(kDay);
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 9, "in time").Add(Entry::KIND_LEFT, 10, "in time");
  script.Add(Entry::KIND_JOINED, 9, "changed").Add(Entry::KIND_LEFT, 10, "changed", day);
  script.Add(Entry::KIND_JOINED, 9, "late", day);
  script.Add(Entry::KIND_JOINED, 33, "in time", day);
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_TRUE(all[0].in_time && !all[0].late);
  EXPECT_TRUE(all[1].in_time && !all[1].late) << "of the next day, whose cohort is not released";
  EXPECT_TRUE(all[2].in_time && all[2].late);
  EXPECT_TRUE(!all[3].in_time && all[3].late);
}

}  // namespace
}  // namespace retention
