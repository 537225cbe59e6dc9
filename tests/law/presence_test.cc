#include "server/law/presence.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/law/room_cut.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

constexpr int64_t kMinuteUs = 60'000'000;

// Builds courses out of minutes and participant names.
class PresenceScript {
 public:
  PresenceScript& Add(CourseKind kind, int64_t minute, const char* participant = "",
                      const std::vector<std::string>& same = {}) {
    CourseEvent event{.event = ++next_, .time_us = minute * kMinuteUs, .kind = kind};
    event.participant = course_.WordFor(participant);
    for (const std::string& mark : same) event.same.push_back(course_.WordFor(mark));
    course_.Add(event);
    return *this;
  }
  const Course& course() const { return course_; }
  std::vector<Presence> Fold(PresenceOf of = PresenceOf::kPersons) const {
    return FoldPresence(course_, of, DefaultCuts());
  }

 private:
  uint64_t next_ = 0;
  Course course_;
};

TEST(PresenceFold, AddsUpAllStaysOfAPerson) {
  PresenceScript script;
  script.Add(Entry::KIND_JOINED, 0, "a").Add(Entry::KIND_LEFT, 10, "a");
  script.Add(Entry::KIND_JOINED, 20, "a").Add(Entry::KIND_LEFT, 25, "a");
  const std::vector<Presence> lines = script.Fold();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].total_us, 15 * kMinuteUs);
  EXPECT_EQ(lines[0].reconnections, 1u);
  EXPECT_FALSE(lines[0].presumed);
}

TEST(PresenceFold, ParticipantsWhoShareAMarkAreOnePersonTransitively) {
  PresenceScript script;
  script.Add(Entry::KIND_JOINED, 0, "browser", {"anna@example.org"});
  script.Add(Entry::KIND_JOINED, 5, "phone", {"user-1"});
  script.Add(Entry::KIND_JOINED, 6, "tablet", {"user-1", "anna@example.org"});
  script.Add(Entry::KIND_JOINED, 7, "guest");
  script.Add(Entry::KIND_LEFT, 10, "browser").Add(Entry::KIND_LEFT, 12, "phone").Add(Entry::KIND_LEFT, 11, "tablet");
  script.Add(Entry::KIND_LEFT, 20, "guest");
  const std::vector<Presence> persons = script.Fold();
  ASSERT_EQ(persons.size(), 2u);
  EXPECT_EQ(persons[0].total_us, 12 * kMinuteUs) << "the union";
  EXPECT_EQ(persons[0].reconnections, 2u);
  EXPECT_EQ(persons[0].participants.size(), 3u);
  EXPECT_EQ(script.Fold(PresenceOf::kParticipants).size(), 4u);
}

TEST(PresenceFold, WhoIsInTwoSittingsAtOnceIsThereOnce) {
  Course course;
  uint64_t next = 0;
  const auto add = [&](CourseKind kind, int64_t minute, uint64_t sitting) {
    CourseEvent event{.event = ++next, .time_us = minute * kMinuteUs, .kind = kind};
    event.participant = course.WordFor("a");
    event.sitting = sitting;
    course.Add(event);
  };
  add(Entry::KIND_JOINED, 0, 1);
  add(Entry::KIND_JOINED, 10, 2);
  add(Entry::KIND_LEFT, 30, 1);
  add(Entry::KIND_LEFT, 40, 2);
  const std::vector<Presence> lines = FoldPresence(course, PresenceOf::kPersons, DefaultCuts());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].total_us, 40 * kMinuteUs);
  EXPECT_EQ(lines[0].reconnections, 1u);
}

TEST(PresenceFold, WhoNeverLeftIsThereUntilTheLastSignOfLife) {
  PresenceScript script;
  script.Add(Entry::KIND_JOINED, 0, "a").Add(Entry::KIND_JOINED, 1, "b").Add(Entry::KIND_QUALITY, 55, "b");
  const std::vector<Presence> lines = script.Fold();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].total_us, 55 * kMinuteUs);
  EXPECT_TRUE(lines[0].presumed);
  EXPECT_TRUE(lines[0].present);
}

TEST(PresenceFold, WhatIsSaidOfNobodyWhoIsThereCountsNothing) {
  PresenceScript script;
  script.Add(Entry::KIND_JOINED, 0, "a").Add(Entry::KIND_LEFT, 10, "a").Add(Entry::KIND_LEFT, 30, "a");
  script.Add(Entry::KIND_QUALITY, 40, "nobody").Add(Entry::KIND_JOIN_FAILED, 5, "b");
  const std::vector<Presence> lines = script.Fold();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].total_us, 10 * kMinuteUs);
}

TEST(PresenceFold, WhoWasThereWhenItBeganIsThereFromTheBeginOn) {
  PresenceScript script;
  script.Add(Entry::KIND_JOINED, 0, "b").Add(Entry::KIND_LEFT, 10, "b").Add(Entry::KIND_LEFT, 20, "a");
  script.Add(Entry::KIND_JOINED, 30, "c").Add(Entry::KIND_LEFT, 40, "c").Add(Entry::KIND_LEFT, 40, "d");
  OccurrenceFacts facts;
  SittingFacts& sitting = facts.sittings.emplace_back();
  for (const char* name : {"a", "c", "silent"}) {
    sitting.carried.push_back({.participant = ParticipantFingerprint(name), .connection = 0, .count = 1});
  }
  const auto lines = FoldPresence(script.course(), PresenceOf::kPersons, DefaultCuts(), BeforeThoseOf(facts));
  ASSERT_EQ(lines.size(), 3u) << "of who is silent nothing is known, and d was not there";
  EXPECT_EQ(lines[0].total_us, 10 * kMinuteUs);
  EXPECT_EQ(lines[0].reconnections, 0u);
  EXPECT_EQ(lines[1].total_us, 20 * kMinuteUs) << "from the begin to the leave";
  EXPECT_EQ(lines[1].first_join_us, 0);
  EXPECT_EQ(lines[1].reconnections, 0u);
  EXPECT_FALSE(lines[1].presumed);
  EXPECT_EQ(lines[2].total_us, 40 * kMinuteUs);
  EXPECT_EQ(lines[2].reconnections, 1u) << "they were there, and joined";
  EXPECT_TRUE(lines[2].presumed) << "with one of two connections";
}

TEST(PresenceFold, EventsOfAnOccurrenceSayWhatItWas) {
  EXPECT_FALSE(FactsOf(PresenceScript().Add(Entry::KIND_LEFT, 3, "a").course(), DefaultCuts()).IsMeeting());
  const OccurrenceFacts facts =
      FactsOf(PresenceScript().Add(Entry::KIND_LEFT, 3, "a").Add(Entry::KIND_JOINED, 4, "a").course(), DefaultCuts());
  ASSERT_EQ(facts.sittings.size(), 1u);
  EXPECT_EQ(facts.sittings[0].start_us, 4 * kMinuteUs);
}

}  // namespace
}  // namespace retention
