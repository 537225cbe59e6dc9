#include "server/rows/event_memory.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace retention {
namespace {

class EventMemoryTest : public ::testing::Test {
 protected:
  EventMemoryTest() : harness_(kMonday) { harness_.SyncPbx(); }

  v1::Event Removal(absl::Time time) {
    v1::Event event = NewEvent("", "removal", time);
    event.mutable_extension_removed()->set_number("100");
    return event;
  }
  size_t Remembered() {
    size_t events = 0;
    for (auto c = harness_.store().ScanPrefix(Family::kState, "E"); c->Valid(); c->Next()) ++events;
    return events;
  }
  // The first day of the span after those for which Monday's is remembered.
  static absl::Time TooOld() {
    const uint32_t monday = DueDay(absl::CivilDay(2026, 3, 2)).number();
    return kMonday + absl::Hours(24 * (kEventSpanDays * (kEventSpans + 1) - monday % kEventSpanDays));
  }

  Harness harness_;
};

TEST_F(EventMemoryTest, AnEventIsRememberedForAMonthAndNotForEver) {
  static_assert(kEventSpanDays * kEventSpans >= 31);
  EXPECT_EQ(harness_.Record(Removal(kMonday)).accepted(), 1u);
  EXPECT_EQ(Remembered(), 1u);
  harness_.now = TooOld() - absl::Hours(24);
  harness_.Sweep();
  EXPECT_EQ(harness_.Record(Removal(harness_.now)).duplicates(), 1u);
  EXPECT_EQ(Remembered(), 1u);
  harness_.now = TooOld();
  harness_.SyncPbx();
  EXPECT_EQ(harness_.Record(Removal(harness_.now)).accepted(), 1u) << "forgotten, swept or not";
  harness_.Sweep();
  EXPECT_EQ(Remembered(), 1u) << "the one of today";
}

TEST_F(EventMemoryTest, ARestartForgetsNothing) {
  harness_.Record(Removal(kMonday));
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.SyncPbx();
  EXPECT_EQ(harness_.Record(Removal(harness_.now)).duplicates(), 1u);
}

TEST_F(EventMemoryTest, WhatIsRefusedMayComeAgain) {
  v1::Event event = Removal(kMonday);
  event.set_pbx_id("another");
  EXPECT_EQ(harness_.Record(event).rejections_size(), 1);
  harness_.SyncPbx("another");
  EXPECT_EQ(harness_.Record(event).accepted(), 1u);
  EXPECT_EQ(harness_.Record(event).duplicates(), 1u);
}

TEST_F(EventMemoryTest, AnEventOfAMeetingThatIsOverForMonthsActsOnce) {
  const absl::Time long_ago = kMonday - absl::Hours(24 * 90);
  const v1::Event joined = Joined("old", "j", long_ago, "p", "Ada");
  v1::RecordResult result = harness_.Record({joined, joined});
  EXPECT_EQ(result.accepted(), 1u);
  EXPECT_EQ(result.duplicates(), 1u) << "within one batch";
  EXPECT_EQ(harness_.Record(joined).duplicates(), 1u);
  EXPECT_EQ(harness_.Record(Joined("older", "j", long_ago, "p", "Ada")).accepted(), 1u) << "of another meeting";
  harness_.SyncPbx("other");
  v1::Event other = joined;
  other.set_pbx_id("other");
  EXPECT_EQ(harness_.Record(other).accepted(), 1u) << "of another PBX";
}

TEST_F(EventMemoryTest, APbxThatCameBackIsANewOneForItsMeetings) {
  const v1::Event pdf = Pdf("old", "d", kMonday - absl::Hours(24 * 90), "ref");
  EXPECT_EQ(harness_.Record(pdf).accepted(), 1u);
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  harness_.SyncPbx();
  EXPECT_EQ(harness_.Record(pdf).rejections_size(), 1) << "it is of the former";
  // The same identifiers once more.
  const v1::Event again = Pdf("old", "d", harness_.now, "ref");
  EXPECT_EQ(harness_.Record(again).accepted(), 1u);
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
  EXPECT_EQ(harness_.Record(again).duplicates(), 1u);
}

}  // namespace
}  // namespace retention
