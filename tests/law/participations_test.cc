#include "server/law/participations.h"

#include <gtest/gtest.h>

#include "absl/time/civil_time.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

const absl::CivilDay kDay(2026, 3, 2);

// Courses out of hours since midnight (UTC) of a day.
class OwnScript {
 public:
  OwnScript& Add(CourseKind kind, double hour, const char* participant = "", DueDay released_through = DueDay::None()) {
    const absl::Time time = absl::FromCivil(kDay, absl::UTCTimeZone()) + absl::Hours(hour);
    CourseEvent event{.event = ++next_, .time_us = absl::ToUnixMicros(time), .kind = kind};
    event.participant = course_.WordFor(participant);
    event.released_through = released_through;
    if (kind == Entry::KIND_JOINED) event.person = PersonToken{static_cast<uint8_t>(next_)};
    course_.Add(event);
    return *this;
  }
  std::vector<OwnPresence> Fold() const {
    return FoldParticipations(course_, CutHistory(DefaultPolicy().cut()), absl::UTCTimeZone()).all;
  }

 private:
  uint64_t next_ = 0;
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
  EXPECT_EQ(all[0].cohort, DueDay(kDay));
  EXPECT_EQ(all[1].cohort, DueDay(kDay + 1));
  EXPECT_EQ(all[1].reconnections, 0u);
  EXPECT_NE(all[0].person, all[1].person);
}

TEST(Participations, WhoReconnectsGoesOnWithWhatTheyWereIn) {
  OwnScript script;
  script.Add(Entry::KIND_JOINED, 20, "a").Add(Entry::KIND_LEFT, 21, "a");
  script.Add(Entry::KIND_RECONNECTED, 30, "a").Add(Entry::KIND_LEFT, 31, "a");
  const auto all = script.Fold();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(HoursOf(all[0]), 2);
  EXPECT_EQ(all[0].reconnections, 1u);
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
