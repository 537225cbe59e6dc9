#include "server/law/course.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

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
  for (CourseEvent& event : events) event.released_through = DueDay(absl::CivilDay(2026, 3, 2));
  const stored::v1::CourseChunk chunk = course.ChunkOf(events, "m");
  EXPECT_EQ(MeetingIdIn(chunk), "m");
  Course same;
  ASSERT_TRUE(same.AddChunk(chunk));
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
  EXPECT_EQ(same.events()[2].released_through, DueDay(absl::CivilDay(2026, 3, 2)));
}

// When the events of a row happened, in order.
std::vector<int64_t> TimesIn(const stored::v1::CourseChunk& chunk) {
  Course course;
  EXPECT_TRUE(course.AddChunk(chunk));
  std::vector<int64_t> times;
  course.ForEach([&](const CourseEvent& event) { times.push_back(event.time_us); });
  return times;
}

TEST(Course, TimesOfARowAreDifferences) {
  const std::vector<CourseEvent> events = {{.event = 1, .time_us = 30, .kind = Entry::KIND_JOINED},
                                           {.event = 4, .time_us = 28, .kind = Entry::KIND_QUALITY},
                                           {.event = 2, .time_us = 10, .kind = Entry::KIND_STARTED},
                                           {.event = 5, .time_us = 22, .kind = Entry::KIND_QUALITY},
                                           {.event = 3, .time_us = 25, .kind = Entry::KIND_LEFT}};
  const stored::v1::CourseChunk chunk = Course().ChunkOf(events, "m");
  ASSERT_EQ(chunk.entries_size(), 3);
  EXPECT_EQ(chunk.entries(0).time_us(), 30);
  EXPECT_EQ(chunk.entries(1).time_us(), -20) << "from the entry before, not from the sample";
  EXPECT_EQ(chunk.entries(2).time_us(), 15);
  ASSERT_EQ(chunk.samples().time_us_size(), 2);
  EXPECT_EQ(chunk.samples().time_us(0), 28);
  EXPECT_EQ(chunk.samples().time_us(1), -6) << "from the sample before, not from the entry";
  EXPECT_EQ(TimesIn(chunk), (std::vector<int64_t>{10, 22, 25, 28, 30}));
}

TEST(Course, AnyTimesComeOutAsTheyWentIn) {
  const std::vector<int64_t> times = {INT64_MAX, INT64_MIN, 0, INT64_MAX, -1};
  std::vector<CourseEvent> events;
  for (const CourseKind kind : {Entry::KIND_JOINED, Entry::KIND_QUALITY}) {
    for (const int64_t time_us : times) events.push_back({.event = events.size(), .time_us = time_us, .kind = kind});
  }
  EXPECT_EQ(TimesIn(Course().ChunkOf(events, "m")),
            (std::vector<int64_t>{INT64_MIN, INT64_MIN, -1, -1, 0, 0, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}));
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

std::vector<CourseEvent> Samples(Course& course, uint64_t count, uint64_t people) {
  constexpr int64_t kBegin = 1'700'000'000'000'000;
  std::vector<CourseEvent> samples;
  for (uint64_t i = 0; i < count; ++i) {
    CourseEvent& sample =
        samples.emplace_back(CourseEvent{.event = 0x9e3779b97f4a7c15 * (i + 1),
                                         .time_us = kBegin + static_cast<int64_t>(i * 10'000'000 / people),
                                         .kind = Entry::KIND_QUALITY});
    sample.participant = course.WordFor("somebody-" + std::to_string(i % people));
    sample.rtt_ms = 40 + static_cast<uint32_t>(i % 100);
    sample.loss_ppm = static_cast<uint32_t>(i % 5000);
    sample.jitter_ms = static_cast<uint32_t>(i % 20);
  }
  return samples;
}

TEST(Course, SamplesAreGivenBackAmongWhatElseHappened) {
  Course course;
  std::vector<CourseEvent> events = Samples(course, 3, 2);
  events[1].connection = 7;
  events[2].sitting = 8;
  const CourseEvent joined{.event = 1, .time_us = events[0].time_us, .kind = Entry::KIND_JOINED};
  const CourseEvent left{.event = 2, .time_us = events[2].time_us, .kind = Entry::KIND_LEFT};
  std::vector<CourseEvent> mixed = {left, events[2], events[0], joined, events[1]};
  Course same;
  ASSERT_TRUE(same.AddChunk(course.ChunkOf(mixed, "m")));
  EXPECT_EQ(same.size(), 5u);
  EXPECT_EQ(same.events().size(), 2u);
  EXPECT_FALSE(same.Add(events[1])) << "it is in it";
  std::vector<CourseEvent> seen;
  same.ForEach([&](const CourseEvent& event) { seen.push_back(event); });
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen[0].event, joined.event) << "of one instant, who comes is before what is measured";
  EXPECT_EQ(seen[4].event, left.event) << "and who goes after it";
  for (size_t i = 0; i < events.size(); ++i) {
    const CourseEvent& sample = seen[i + 1];
    EXPECT_EQ(sample.event, events[i].event);
    EXPECT_EQ(sample.time_us, events[i].time_us);
    EXPECT_EQ(same.Text(sample.participant), course.Text(events[i].participant));
    EXPECT_EQ(sample.rtt_ms, events[i].rtt_ms);
    EXPECT_EQ(sample.loss_ppm, events[i].loss_ppm);
    EXPECT_EQ(sample.jitter_ms, events[i].jitter_ms);
    EXPECT_EQ(sample.connection, events[i].connection);
    EXPECT_EQ(sample.sitting, events[i].sitting);
  }
}

TEST(Course, ASampleOfManyTakesLittle) {
  Course course;
  const std::vector<CourseEvent> samples = Samples(course, 1000, 100);
  EXPECT_LE(course.ChunkOf(samples, "m").ByteSizeLong(), 1000 * 20u);
}

TEST(Course, SamplesThatAreNotWholeAreRefused) {
  Course course;
  std::vector<CourseEvent> samples = Samples(course, 2, 1);
  samples[0].connection = 7;
  const stored::v1::CourseChunk whole = course.ChunkOf(samples, "m");
  const auto is_refused = [&](const std::function<void(stored::v1::CourseSamples&)>& spoil) {
    stored::v1::CourseChunk chunk = whole;
    spoil(*chunk.mutable_samples());
    return !Course().AddChunk(chunk);
  };
  EXPECT_FALSE(is_refused([](auto&) {}));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_time_us()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_participant()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.set_participant(1, 77); })) << "no such word";
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_rtt_ms()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_loss_ppm()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_jitter_ms()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.mutable_connection()->RemoveLast(); }));
  EXPECT_TRUE(is_refused([](auto& samples) { samples.set_connection(1, 2); })) << "no such name";
  EXPECT_TRUE(is_refused([](auto& samples) { samples.set_sitting(1, 2); })) << "no such name";
}

TEST(Course, MalformedChunkIsRefused) {
  stored::v1::CourseChunk chunk;
  chunk.add_entries()->set_participant(7);  // no such word
  Course course;
  EXPECT_FALSE(course.AddChunk(chunk));
  stored::v1::CourseChunk another;
  another.add_entries()->add_same(7);
  EXPECT_FALSE(course.AddChunk(another));
}

}  // namespace
}  // namespace retention
