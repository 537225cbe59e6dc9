// A webinar of which many samples of quality come: more than other events may be in a room.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

constexpr int kPeople = 400;
constexpr int kSamplesOfEach = 300;
constexpr absl::Duration kStep = absl::Seconds(10);
constexpr uint64_t kSamples = uint64_t{kPeople} * kSamplesOfEach;
// Who leaves does before the last samples of them.
const absl::Duration kLength = kStep * (kSamplesOfEach - 60);

v1::Event Sample(int person, int number) {
  v1::Event event = NewEvent("webinar", absl::StrCat("q-", person, "-", number),
                             kMonday + absl::Minutes(1) + kStep * number + absl::Milliseconds(10 * person));
  auto& sample = *event.mutable_media_quality_sampled();
  sample.set_participant_id(absl::StrCat("p-", person));
  sample.set_rtt_ms(20 + static_cast<uint32_t>(person % 50));
  return event;
}

class Webinar : public ::testing::Test {
 protected:
  Webinar() : harness_(kMonday + absl::Hours(12)) { harness_.SyncPbx(); }

  // So many at a time.
  v1::RecordResult RecordAll(const std::vector<v1::Event>& events) {
    constexpr size_t kBatch = 1000;
    v1::RecordResult all;
    for (size_t at = 0; at < events.size(); at += kBatch) {
      const auto begin = events.begin() + static_cast<std::ptrdiff_t>(at);
      const v1::RecordResult part = harness_.Record(
          std::vector<v1::Event>(begin, begin + static_cast<std::ptrdiff_t>(std::min(kBatch, events.size() - at))));
      all.set_accepted(all.accepted() + part.accepted());
      all.set_duplicates(all.duplicates() + part.duplicates());
      for (const v1::Rejection& rejection : part.rejections()) *all.add_rejections() = rejection;
    }
    return all;
  }
  void Come(const std::string& meeting) {
    std::vector<v1::Event> events;
    for (int i = 0; i < kPeople; ++i) {
      const std::string who = absl::StrCat("p-", i);
      events.push_back(Joined(meeting, "j-" + who, kMonday + absl::Milliseconds(i), who, "Name of " + who));
    }
    EXPECT_EQ(RecordAll(events).accepted(), events.size());
  }
  // All but the last, of whom nobody says that they left.
  void Go(const std::string& meeting) {
    std::vector<v1::Event> events;
    for (int i = 0; i + 1 < kPeople; ++i) {
      const std::string who = absl::StrCat("p-", i);
      events.push_back(Left(meeting, "l-" + who, kMonday + kLength - absl::Milliseconds(i), who));
    }
    EXPECT_EQ(RecordAll(events).accepted(), events.size());
  }
  static std::vector<std::string> Lines(const v1::MeetingReport& report) {
    std::vector<std::string> lines;
    for (const auto& line : report.participants()) lines.push_back(line.ShortDebugString());
    return lines;
  }

  Harness harness_;
};

TEST_F(Webinar, EverySampleIsTakenInOnceInAnyOrder) {
  Come("webinar");
  // Each ten seconds of all people; every eighth of them comes half an hour late, in reverse.
  std::vector<v1::Event> in_order;
  std::vector<v1::Event> late;
  for (int number = 0; number < kSamplesOfEach; ++number) {
    for (int person = 0; person < kPeople; ++person) {
      (person % 8 == 0 ? late : in_order).push_back(Sample(person, number));
    }
  }
  const v1::RecordResult taken = RecordAll(in_order);
  EXPECT_EQ(taken.accepted(), in_order.size());
  EXPECT_EQ(taken.rejections_size(), 0);
  std::reverse(late.begin(), late.end());
  EXPECT_EQ(RecordAll(late).accepted(), late.size());
  Go("webinar");
  EXPECT_EQ(harness_.Values(kHistory), kSamples + 2 * kPeople - 1);

  ASSERT_TRUE(harness_.Reopen().ok());
  const v1::RecordResult again = RecordAll(in_order);
  EXPECT_EQ(again.duplicates(), in_order.size()) << "read back, they are known";
  EXPECT_EQ(again.accepted(), 0u);
  EXPECT_EQ(harness_.Values(kHistory), kSamples + 2 * kPeople - 1);

  // A report says what it would if only the last sample of who is still there had come.
  Come("quiet");
  v1::Event last = Sample(kPeople - 1, kSamplesOfEach - 1);
  last.set_meeting_id("quiet");
  harness_.Record(last);
  Go("quiet");
  const auto report = harness_.Report("webinar");
  const auto quiet = harness_.Report("quiet");
  ASSERT_TRUE(report.ok() && quiet.ok()) << report.status() << quiet.status();
  ASSERT_EQ(report->participants_size(), kPeople);
  EXPECT_EQ(Lines(*report), Lines(*quiet));
  EXPECT_TRUE(report->participants(kPeople - 1).presumed()) << report->participants(kPeople - 1).ShortDebugString();
}

TEST_F(Webinar, ALatePlanTakesItsSamplesAlong) {
  Come("webinar");
  std::vector<v1::Event> samples;
  for (int number = 0; number < 3; ++number) {
    for (int person = 0; person < kPeople; ++person) samples.push_back(Sample(person, number));
  }
  RecordAll(samples);
  Go("webinar");
  EXPECT_EQ(harness_.Values(kHistory), samples.size() + 2 * kPeople - 1);
  const v1::RecordResult planned =
      harness_.Record(Scheduled("webinar", "plan", kMonday - absl::Hours(2), kMonday - absl::Hours(1), absl::Hours(2)));
  EXPECT_EQ(planned.accepted(), 1u);
  EXPECT_EQ(harness_.Values(kHistory), samples.size() + 2 * kPeople);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(RecordAll(samples).duplicates(), samples.size());
  const auto report = harness_.Report("webinar");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->participants_size(), kPeople);
}

}  // namespace
}  // namespace retention
