// Holds: what they cover survives whatever would end it, unseen, and goes when the last of them goes.
#include <gtest/gtest.h>

#include "server/ledger/ledger.h"
#include "tests/holds/hold_fixture.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;
using Texts = std::set<std::string>;
using Holds = HoldFixture;

TEST_F(Holds, WhatIsHeldSurvivesItsDayUnseenAndGoesWithTheHold) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue - kInstant);
  EXPECT_EQ(harness_.Participants("m").size(), 2u);
  EXPECT_EQ(harness_.Participants("m")[0].name(), "Alice") << "it is not yet due, and is seen as ever";
  SweepAt(kDue);
  EXPECT_TRUE(harness_.Participants("m")[0].name().empty());
  EXPECT_TRUE(harness_.Participants("m")[0].email().empty());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  EXPECT_EQ(Held(kParticipantEmail), (Texts{"Alice@example.org", "bob@example.org"}));
  EXPECT_EQ(Held(kParticipantIp), (Texts{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(Held(kRecording), Texts{"s3://rec"});
  EXPECT_EQ(harness_.Orders(), 0u) << "the portal is not told to delete what is held";
  EXPECT_EQ(Entered(LedgerEntry::KIND_KEPT, "DUE")[kParticipantName], 2u);
  EXPECT_EQ(engine().OldestOverdue(harness_.now).value(), absl::ZeroDuration());

  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  EXPECT_EQ(Release("case-1"), 9u) << "the meeting's name and comment, too";
  for (size_t category = 1; category < kCategories; ++category) {
    EXPECT_TRUE(Held(static_cast<CategoryNumber>(category)).empty()) << category;
    EXPECT_EQ(HeldValues(engine(), static_cast<CategoryNumber>(category)), 0u);
  }
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(Entered(LedgerEntry::KIND_PURGED, "HOLD_RELEASED")[kParticipantName], 2u);
  EXPECT_EQ(engine().holds().size(), 0u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(engine().holds().size(), 0u);
}

TEST_F(Holds, WhatIsNotDueWhenAHoldIsReleasedStaysUntilItsDay) {
  Place(PbxHold("case-1", harness_.now));
  EXPECT_EQ(Release("case-1"), 0u);
  EXPECT_EQ(harness_.Participants("m")[0].name(), "Alice");
  SweepAt(kDue);
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(Holds, AValueGoesWhenTheLastHoldOnItGoes) {
  Place(MeetingHold("case-1", harness_.now, "m"));
  SweepAt(kDue);
  // Placed on what is kept already.
  Place(EmailHold("case-2", harness_.now, "bob@example.org"));
  Release("case-1");
  EXPECT_EQ(Held(kParticipantName), Texts{"Bob"});
  EXPECT_EQ(Held(kParticipantEmail), Texts{"bob@example.org"});
  EXPECT_TRUE(Held(kMeetingName).empty());
  EXPECT_EQ(harness_.Orders(), 1u);
  Release("case-2");
  EXPECT_TRUE(Held(kParticipantName).empty());
}

TEST_F(Holds, OneThatIsPlacedAfterTheDayHasClosedIsHeeded) {
  SweepAt(kDue - absl::Minutes(30));
  EXPECT_EQ(harness_.Orders(), 1u) << "the portal has been told";
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
}

TEST_F(Holds, OneThatIsReleasedBetweenCloseAndEndLeavesTheOrderToTheEnd) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue - absl::Minutes(30));
  EXPECT_EQ(harness_.Orders(), 0u);
  Release("case-1");
  SweepAt(kDue);
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(harness_.Values(kRecording), 0u);
}

TEST_F(Holds, ADeletionOrTheEndOfThePbxKeepsWhatIsHeldAndOrdersTheRest) {
  harness_.Record({Pdf("m", "7", harness_.now, "s3://pdf")});
  harness_.SyncPbx("other");
  Place(MeetingHold("case-1", harness_.now, "m"));
  harness_.Record({Planned("n", "8", harness_.now), Joined("n", "9", harness_.now, "p1", "Carol", "carol@example.org"),
                   Recording("n", "10", harness_.now, "s3://rec-n")});
  ASSERT_TRUE(engine().DeleteMeeting("pbx", "m", "OPERATOR_UNLAWFUL", harness_.now).ok());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  EXPECT_EQ(Held(kPdfShare), Texts{"s3://pdf"});
  EXPECT_EQ(Held(kRecording), Texts{"s3://rec"});
  EXPECT_EQ(harness_.Orders(), 0u);
  EXPECT_FALSE(harness_.Get("m").ok());

  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_FALSE(harness_.Get("n").ok());
  EXPECT_EQ(harness_.Orders(), 1u) << "of the other meeting's recording";
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  EXPECT_EQ(Held(kRecording), Texts{"s3://rec"});
  EXPECT_EQ(Release("case-1"), 10u);
  EXPECT_EQ(harness_.Orders(), 3u);
}

TEST_F(Holds, APbxThatEndsUnderAHoldOnAllOfItIsKeptWholeWithoutItsKey) {
  const PbxId pbx = *engine().registry().Held("pbx");
  Place(PbxHold("case-1", harness_.now));
  ASSERT_TRUE(engine().BeginEnd("pbx", kReasonPbxDeregistered, harness_.now).ok());
  EXPECT_FALSE(harness_.Get("m").ok()) << "nothing finds it from now on";
  ASSERT_TRUE(harness_.Reopen().ok());  // as after a crash
  harness_.Sweep();
  EXPECT_FALSE(harness_.ring().FindPbx(pbx).has_value());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  EXPECT_EQ(Held(kPbxSync), (Texts{"pbx", "100/", "101/"}));
  EXPECT_EQ(harness_.Orders(), 0u);
  harness_.SyncPbx();
  EXPECT_FALSE(harness_.Get("m").ok()) << "who comes back is new";
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  EXPECT_FALSE(Held(kHistory).empty());
  Release("case-1");
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_TRUE(engine().counts().Of(DueDay::Kept())[kHistory].rows == 0);
}

TEST_F(Holds, FilesThatEndWithTheirMeetingAreKept) {
  harness_.Record({Started("n", "8", harness_.now), File("n", "9", harness_.now, "s3://file")});
  Place(MeetingHold("case-1", harness_.now, "n"));
  harness_.Record(Ended("n", "10", harness_.now));
  SweepAt(harness_.now + absl::Seconds(30));
  EXPECT_EQ(Held(kFileShare), Texts{"s3://file"});
  EXPECT_EQ(harness_.Get("n")->files_size(), 0);
  EXPECT_EQ(harness_.Orders(), 0u);
  Release("case-1");
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(Holds, ADeletionOfWhatIsHeldIsNoDeletionOfTheUnknown) {
  harness_.Record({Pdf("m", "7", harness_.now, "s3://pdf")});
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  Place(PbxHold("case-1", harness_.now));
  EXPECT_TRUE(engine().DeleteMeeting("pbx", "m", "OPERATOR_UNLAWFUL", harness_.now).ok());
  EXPECT_EQ(Held(kPdfShare), Texts{"s3://pdf"});
}

TEST_F(Holds, AStatisticsCohortIsDrawnAllTheSame) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  EXPECT_FALSE(Held(kHistory).empty());
  EXPECT_EQ(Entered(LedgerEntry::KIND_KEPT, "DUE")[kHistory], HeldValues(engine(), kHistory));
  EXPECT_FALSE(harness_.Report("m").ok());
}

}  // namespace
}  // namespace retention
