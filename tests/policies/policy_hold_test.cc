// Holds, and policies that change under them.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/holds/held.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

using Held = std::set<std::string>;

TEST(PolicyHolds, WhatAShorterPeriodEndsIsKept_AndGoesWithTheRelease) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday, "m");
  RecordMeeting(harness, kMonday, "n");
  ASSERT_TRUE(harness.engine().CreateHold(MeetingHold("claim", kMonday, "m"), kMonday).ok());
  harness.now = At("2026-03-06T10:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 3}, {kRecording, 3}}));
  EXPECT_EQ(harness.Participants("m")[0].name(), "") << "a hold hides nothing from the rules";
  harness.Sweep();
  EXPECT_EQ(harness.Participants("m")[0].name(), "");
  EXPECT_EQ(HeldTexts(harness.engine(), kParticipantName), Held{"Ada"});
  EXPECT_EQ(HeldTexts(harness.engine(), kRecording), Held{"recording-m"});
  EXPECT_EQ(harness.Values(kParticipantName), 1u) << "of the other meeting: gone";
  EXPECT_EQ(harness.Orders(), 1u) << "for the recording of the other meeting";

  PlanAndApply(harness, Days({{kParticipantName, 30}, {kRecording, 30}}));
  harness.Sweep();
  EXPECT_EQ(harness.Participants("m")[0].name(), "") << "a longer period revives nothing";
  EXPECT_EQ(HeldTexts(harness.engine(), kParticipantName), Held{"Ada"});

  ASSERT_TRUE(harness.engine().ReleaseHold("claim", harness.now).ok());
  ASSERT_TRUE(LetGo(harness.engine(), RunHere, harness.now).ok());
  EXPECT_EQ(harness.Values(kParticipantName) + harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 2u);
}

TEST(PolicyHolds, ARecordingOfAClosedDayThatWasHeldThenGetsItsOrder) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  ASSERT_TRUE(harness.engine().CreateHold(MeetingHold("claim", kMonday, "m"), kMonday).ok());
  harness.now = At("2026-03-09T23:30:00+01:00");
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 0u) << "its day is closed, and it is held";
  ASSERT_TRUE(harness.engine().ReleaseHold("claim", harness.now).ok());
  ASSERT_TRUE(LetGo(harness.engine(), RunHere, harness.now).ok());
  PlanAndApply(harness, Days({{kRecording, 3}}));
  harness.Sweep();
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
}

}  // namespace
}  // namespace retention
