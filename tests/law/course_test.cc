#include "server/law/course.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

TEST(Course, ChunkGivesBackWhatWentIn) {
  Course course;
  const Word anna = course.WordFor("anna");
  std::vector<CourseEvent> events = {
      {.event = 1, .time_us = 10, .kind = Entry::KIND_SCHEDULED, .plan = {.start_us = 100, .end_us = 200}},
      {.event = 2, .time_us = 20, .kind = Entry::KIND_JOINED, .participant = anna, .connection = 7, .sitting = 8},
      {.event = 3, .time_us = 30, .kind = Entry::KIND_JOIN_FAILED, .participant = anna, .cause = 2}};
  events[1].same = {course.WordFor("mark"), course.WordFor("another")};
  events[1].person = PersonToken{1, 2, 3};
  const DueDay cohort(absl::CivilDay(2026, 3, 2));
  const stored::v1::CourseChunk chunk = course.ChunkOf(events, cohort);
  Course same;
  ASSERT_TRUE(same.AddChunk(chunk, cohort));
  ASSERT_EQ(same.size(), 3u);
  EXPECT_EQ(same.events()[0].plan.end_us, 200);
  const CourseEvent& joined = same.events()[1];
  EXPECT_EQ(same.Text(joined.participant), "anna");
  EXPECT_EQ(joined.connection, 7u);
  EXPECT_EQ(joined.sitting, 8u);
  ASSERT_EQ(joined.same.size(), 2u);
  EXPECT_EQ(same.Text(joined.same[1]), "another");
  EXPECT_EQ(joined.person, events[1].person);
  EXPECT_EQ(same.events()[2].cause, 2u);
  Course other;
  ASSERT_TRUE(other.AddChunk(chunk, cohort.Next()));
  EXPECT_FALSE(other.events()[1].person.has_value()) << "hashed for another cohort";
}

TEST(Course, AnEventIsInItOnceAndInOrderOfTime) {
  Course course;
  EXPECT_TRUE(course.Add({.event = 1, .time_us = 20, .kind = Entry::KIND_LEFT}));
  EXPECT_TRUE(course.Add({.event = 2, .time_us = 20, .kind = Entry::KIND_JOINED}));
  EXPECT_TRUE(course.Add({.event = 3, .time_us = 10, .kind = Entry::KIND_ENDED}));
  EXPECT_FALSE(course.Add({.event = 2, .time_us = 90, .kind = Entry::KIND_ENDED}));
  ASSERT_EQ(course.size(), 3u);
  EXPECT_EQ(course.events()[0].event, 3u);
  EXPECT_EQ(course.events()[1].event, 2u) << "of one instant, who comes before who goes";
}

TEST(Course, MalformedChunkIsRefused) {
  stored::v1::CourseChunk chunk;
  chunk.add_entries()->set_participant(7);  // no such word
  Course course;
  EXPECT_FALSE(course.AddChunk(chunk, DueDay::None()));
  stored::v1::CourseChunk another;
  another.add_entries()->add_same(7);
  EXPECT_FALSE(course.AddChunk(another, DueDay::None()));
}

}  // namespace
}  // namespace retention
