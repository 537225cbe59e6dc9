#include "server/law/course.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

constexpr int64_t kMinute = 60'000'000;
const absl::Time kLater = absl::FromUnixMicros(1000 * kMinute);

// Builds courses out of minutes and participant names.
class Script {
 public:
  Script& Add(CourseKind kind, int64_t minute, const char* participant = "") {
    CourseEvent event{.event = ++next_, .time_us = minute * kMinute, .kind = kind};
    event.participant = course_.WordFor(participant);
    events_.push_back(event);
    course_.Add(event);
    return *this;
  }
  Script& Plan(CourseKind kind, int64_t minute, int64_t start, int64_t end) {
    CourseEvent event{.event = ++next_, .time_us = minute * kMinute, .kind = kind};
    event.plan = {.start_us = start * kMinute, .end_us = end * kMinute};
    events_.push_back(event);
    course_.Add(event);
    return *this;
  }
  Course& course() { return course_; }
  const std::vector<CourseEvent>& events() const { return events_; }
  MeetingFacts Fold() const { return course_.Fold(kLater); }

 private:
  uint64_t next_ = 0;
  Course course_;
  std::vector<CourseEvent> events_;
};

TEST(Course, EndIsWhenTheLastPresentParticipantLeaves) {
  Script script;
  script.Add(Entry::KIND_JOINED, 1, "a").Add(Entry::KIND_JOINED, 2, "b").Add(Entry::KIND_LEFT, 10, "a");
  EXPECT_FALSE(script.Fold().end_us.has_value());
  script.Add(Entry::KIND_LEFT, 12, "b").Add(Entry::KIND_ENDED, 20);
  EXPECT_EQ(script.Fold().end_us, 12 * kMinute);
}

TEST(Course, ExplicitEndBeforeTheLastOneLeft) {
  Script script;
  script.Add(Entry::KIND_JOINED, 1, "a").Add(Entry::KIND_ENDED, 5).Add(Entry::KIND_LEFT, 6, "a");
  const MeetingFacts facts = script.Fold();
  EXPECT_EQ(facts.end_us, 5 * kMinute);
  EXPECT_EQ(facts.participants[0].total_us, 4 * kMinute);
  EXPECT_EQ(facts.present_count, 0u);
}

TEST(Course, MeetingResumesWhenSomebodyComesBackAfterAllLeft) {
  Script script;
  script.Add(Entry::KIND_JOINED, 1, "a").Add(Entry::KIND_LEFT, 2, "a").Add(Entry::KIND_JOINED, 5, "a");
  EXPECT_FALSE(script.Fold().end_us.has_value());
  script.Add(Entry::KIND_LEFT, 9, "a");
  EXPECT_EQ(script.Fold().end_us, 9 * kMinute);
}

TEST(Course, ReportAddsUpAllConnections) {
  Script script;
  script.Add(Entry::KIND_JOINED, 0, "a")
      .Add(Entry::KIND_RECONNECTED, 3, "a")
      .Add(Entry::KIND_LEFT, 10, "a")
      .Add(Entry::KIND_JOINED, 20, "a")
      .Add(Entry::KIND_LEFT, 25, "a");
  const MeetingFacts facts = script.Fold();
  EXPECT_EQ(facts.participants[0].total_us, 15 * kMinute);
  EXPECT_EQ(facts.participants[0].reconnections, 1u);
}

TEST(Course, OpenConnectionCountsToNow) {
  Script script;
  script.Add(Entry::KIND_JOINED, 1, "a");
  EXPECT_EQ(script.course().Fold(absl::FromUnixMicros(8 * kMinute)).participants[0].total_us, 7 * kMinute);
}

TEST(Course, ReconnectWithoutJoinIsAJoin) {
  Script script;
  script.Add(Entry::KIND_RECONNECTED, 3, "a").Add(Entry::KIND_LEFT, 5, "a");
  const MeetingFacts facts = script.Fold();
  EXPECT_EQ(facts.participants[0].total_us, 2 * kMinute);
  EXPECT_EQ(facts.start_us, 3 * kMinute);
}

TEST(Course, LatestPlanWinsWhateverTheOrderOfArrival) {
  Script script;
  script.Plan(Entry::KIND_RESCHEDULED, 5, 300, 360).Plan(Entry::KIND_SCHEDULED, 1, 100, 160);
  EXPECT_EQ(script.Fold().plan->start_us, 300 * kMinute);
  EXPECT_EQ(script.Fold().scheduled_on_us, 1 * kMinute);
}

TEST(Course, DisorderAndDuplicatesChangeNothing) {
  Script script;
  script.Plan(Entry::KIND_SCHEDULED, 0, 10, 40)
      .Add(Entry::KIND_STARTED, 10)
      .Add(Entry::KIND_JOINED, 10, "a")
      .Add(Entry::KIND_JOINED, 11, "b")
      .Add(Entry::KIND_LEFT, 14, "a")
      .Add(Entry::KIND_RECONNECTED, 15, "b")
      .Add(Entry::KIND_JOINED, 20, "a")
      .Add(Entry::KIND_LEFT, 30, "b")
      .Add(Entry::KIND_LEFT, 31, "a")
      .Add(Entry::KIND_ENDED, 33);
  const MeetingFacts expected = script.Fold();
  std::vector<CourseEvent> shuffled = script.events();
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    Course course;
    for (const char* word : {"a", "b"}) course.WordFor(word);
    for (const CourseEvent& event : shuffled) {
      EXPECT_TRUE(course.Add(event));
      EXPECT_FALSE(course.Add(event));
    }
    const MeetingFacts facts = course.Fold(kLater);
    ASSERT_EQ(facts.end_us, expected.end_us);
    ASSERT_EQ(facts.start_us, expected.start_us);
    ASSERT_EQ(facts.participants.size(), expected.participants.size());
    for (size_t i = 0; i < facts.participants.size(); ++i) {
      ASSERT_EQ(facts.participants[i].total_us, expected.participants[i].total_us);
      ASSERT_EQ(facts.participants[i].reconnections, expected.participants[i].reconnections);
    }
  }
}

TEST(Course, ChunkGivesBackWhatWentIn) {
  Script script;
  script.Plan(Entry::KIND_SCHEDULED, 0, 10, 40).Add(Entry::KIND_JOINED, 10, "a").Add(Entry::KIND_LEFT, 14, "a");
  std::vector<CourseEvent> events = script.events();
  events[1].person = PersonToken{1, 2, 3};
  const DueDay cohort(absl::CivilDay(2026, 3, 2));
  const stored::v1::CourseChunk chunk = script.course().ChunkOf(events, cohort);
  Course same;
  ASSERT_TRUE(same.AddChunk(chunk, cohort));
  EXPECT_EQ(same.Fold(kLater).participants[0].total_us, 4 * kMinute);
  EXPECT_EQ(same.Fold(kLater).participants[0].person, events[1].person);
  Course other;
  ASSERT_TRUE(other.AddChunk(chunk, cohort.Next()));
  EXPECT_FALSE(other.Fold(kLater).participants[0].person.has_value()) << "hashed for another cohort";
}

TEST(Course, MalformedChunkIsRefused) {
  stored::v1::CourseChunk chunk;
  chunk.add_entries()->set_participant(7);  // no such word
  Course course;
  EXPECT_FALSE(course.AddChunk(chunk, DueDay::None()));
}

}  // namespace
}  // namespace retention
