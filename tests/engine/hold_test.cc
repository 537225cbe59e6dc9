// Holds: what they cover survives whatever would end it, unseen, and goes when the last of them goes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "tests/engine/harness.h"
#include "tests/engine/held.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;
using Texts = std::set<std::string>;

const absl::Time kMonday = At("2026-03-02T10:00:00+01:00");
// What was said on Monday is due here.
const absl::Time kDue = At("2026-03-10T00:00:00+01:00");
const absl::Duration kInstant = absl::Microseconds(1);

CommandRunner Directly() {
  return [](std::function<absl::Status()> task) { return task(); };
}

// An hour from now on, without invitees.
v1::Event Planned(absl::string_view meeting, absl::string_view id, absl::Time now,
                  absl::string_view organizer = "100") {
  v1::Event event = Scheduled(meeting, id, now, now, absl::Hours(1), organizer);
  event.mutable_meeting_scheduled()->clear_invitees();
  return event;
}

class Holds : public ::testing::Test {
 protected:
  Holds() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now += absl::Minutes(30);
    harness_.Record({Planned("m", "1", kMonday),
                     Joined("m", "2", kMonday, "p1", "Alice", "Alice@example.org", "192.0.2.1"),
                     Joined("m", "3", kMonday, "p2", "Bob", "bob@example.org", "192.0.2.2"),
                     Recording("m", "4", kMonday, "s3://rec"), Left("m", "5", kMonday + absl::Minutes(9), "p1"),
                     Left("m", "6", kMonday + absl::Minutes(9), "p2")});
  }

  void Place(const v1::Hold& hold) {
    const auto placed = engine().CreateHold(hold, harness_.now);
    ASSERT_TRUE(placed.ok()) << placed.status();
  }
  uint64_t Release(const std::string& id) {
    EXPECT_TRUE(engine().ReleaseHold(id, harness_.now).ok());
    auto values = LetGo(engine(), Directly(), harness_.now);
    EXPECT_TRUE(values.ok()) << values.status();
    return values.value_or(0);
  }
  void SweepAt(absl::Time time) {
    harness_.now = time;
    harness_.Sweep();
  }
  // Values in entries of a kind and reason, by category.
  std::map<int, uint64_t> Entered(LedgerEntry::Kind kind, const std::string& reason) {
    std::map<int, uint64_t> values;
    const absl::Status verified = VerifyLedger(engine().store(), [&](const LedgerEntry& entry) {
      if (entry.kind() != kind || entry.reason() != reason) return;
      for (const auto& count : entry.counts()) values[count.category()] += count.values();
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return values;
  }
  Texts Held(CategoryNumber category) { return HeldTexts(engine(), category); }
  Engine& engine() { return harness_.engine(); }

  Harness harness_;
};

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
  EXPECT_EQ(Entered(LedgerEntry::KIND_HELD, "DUE")[kParticipantName], 2u);
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

TEST_F(Holds, OfAPersonOnlyTheirValuesAreKept) {
  Place(EmailHold("case-1", harness_.now, "alice@EXAMPLE.org"));
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), Texts{"Alice"});
  EXPECT_EQ(Held(kParticipantEmail), Texts{"Alice@example.org"});
  EXPECT_EQ(Held(kParticipantIp), Texts{"192.0.2.1"});
  EXPECT_TRUE(Held(kRecording).empty()) << "a recording is no single person's";
  EXPECT_EQ(harness_.Orders(), 1u) << "and its order is issued once, though a hold concerns its PBX";
  EXPECT_EQ(Entered(LedgerEntry::KIND_PURGED, "DUE")[kParticipantName], 1u) << "Bob's";
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  const Texts course = Held(kHistory);
  EXPECT_TRUE(course.contains("p1"));
  EXPECT_FALSE(course.contains("p2"));
  EXPECT_EQ(HeldValues(engine(), kHistory), 4u) << "join, leave, plan and the mark of the recording";
  EXPECT_EQ(Release("case-1"), 4u + 3u) << "and name, address, IP";
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

TEST_F(Holds, OneThatIsPlacedBetweenTheStepsOfASweepIsHeeded) {
  harness_.Record({Planned("n", "8", harness_.now), Joined("n", "9", harness_.now, "p3", "Carol")});
  harness_.now = kDue;
  ASSERT_TRUE(engine().CloseDay(LastDueDay(kDue, DefaultPolicy().zone()), kDue).ok());
  Place(MeetingHold("case-0", harness_.now, "m"));
  EXPECT_FALSE(engine().TakeOutOfDueDays(kDue).value());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  Place(PbxHold("case-1", harness_.now));
  ASSERT_TRUE(engine().EndDays(kDue).ok());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob", "Carol"}));
  harness_.Sweep();
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob", "Carol"}));
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

TEST_F(Holds, EndsByItselfAtTheEndOfItsLastDay) {
  v1::Hold hold = PbxHold("case-1", harness_.now);
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_review_date());
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_end_date());
  Place(hold);
  SweepAt(At("2026-03-20T23:59:59+01:00"));
  EXPECT_EQ(Held(kParticipantName).size(), 2u);
  harness_.now = At("2026-03-21T00:00:00+01:00");
  EXPECT_EQ(engine().OldestOverdue(harness_.now + absl::Seconds(5)).value(), absl::Seconds(5));
  harness_.Sweep();
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(engine().holds().size(), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
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
  EXPECT_TRUE(engine().counts().Of(DueDay::Held())[kHistory].rows == 0);
}

TEST_F(Holds, AHoldOnAnExtensionKeepsItsDataItsPollsAndItsMeetings) {
  v1::Event poll = NewEvent("m", "poll", harness_.now);
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_question("Where?");
  poll.mutable_poll_created()->add_options("here");
  poll.mutable_poll_created()->add_options("there");
  poll.mutable_poll_created()->set_owner_extension("100");
  v1::Event answer = NewEvent("m", "answer", harness_.now);
  answer.mutable_poll_answered()->set_poll_id("lunch");
  answer.mutable_poll_answered()->set_participant_id("p2");
  answer.mutable_poll_answered()->add_option_indexes(0);
  const v1::RecordResult polled = harness_.Record({poll, answer});
  ASSERT_EQ(polled.accepted(), 2u) << polled.ShortDebugString();
  harness_.Record(
      {Planned("n", "8", harness_.now, "101"), Joined("n", "9", harness_.now, "p1", "Carol", "carol@example.org")});
  Place(ExtensionHold("case-1", harness_.now, "100"));
  ASSERT_TRUE(engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).ok());
  EXPECT_EQ(Held(kPbxSync), Texts{"100/"});
  EXPECT_EQ(Held(kPoll), (Texts{"lunch", "p2"}));
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"})) << "of the meeting that 100 scheduled";
  EXPECT_EQ(harness_.Values(kParticipantName), 2u);
}

TEST_F(Holds, ARemovedExtensionOfADyingPbxStaysHeld) {
  Place(ExtensionHold("case-1", harness_.now, "100"));
  ASSERT_TRUE(engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).ok());
  ASSERT_TRUE(engine().BeginEnd("pbx", kReasonPbxDeregistered, harness_.now).ok());
  EXPECT_FALSE(engine().RemoveExtension("pbx", "101", kReasonExtensionRemoved, harness_.now).ok());
  harness_.Sweep();
  EXPECT_EQ(Held(kPbxSync), Texts{"100/"});
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
}

TEST_F(Holds, WhatAReplacementEndsIsKept) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  v1::Extension& extension = *synced.add_extensions();
  extension.set_number("100");
  extension.set_email("old@example.org");
  ASSERT_TRUE(engine().SyncPbx("pbx", synced, harness_.now).ok());
  Place(EmailHold("case-1", harness_.now, "old@example.org"));
  harness_.now += absl::Minutes(1);
  synced.mutable_extensions(0)->set_email("new@example.org");
  ASSERT_TRUE(engine().SyncPbx("pbx", synced, harness_.now).ok());
  EXPECT_EQ(Held(kPbxSync), Texts{"100/old@example.org"});
}

TEST_F(Holds, FilesThatEndWithTheirMeetingAreKept) {
  harness_.Record({Started("n", "8", harness_.now), File("n", "9", harness_.now, "s3://file")});
  Place(MeetingHold("case-1", harness_.now, "n"));
  harness_.Record(Ended("n", "10", harness_.now));
  EXPECT_EQ(Held(kFileShare), Texts{"s3://file"});
  EXPECT_EQ(harness_.Get("n")->files_size(), 0);
  EXPECT_EQ(harness_.Orders(), 0u);
  Release("case-1");
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(Holds, OneOnAControllerCoversItsPbxsAsTheyCome) {
  v1::Hold hold = NewHold("case-1", harness_.now);
  hold.mutable_scope()->set_controller_id("controller");
  Place(hold);
  harness_.SyncPbx("later");
  EXPECT_EQ(engine().holds().Find("case-1")->pbxs.size(), 2u);
  v1::PbxSynced elsewhere;
  elsewhere.set_controller_id("somebody else");
  ASSERT_TRUE(engine().SyncPbx("later", elsewhere, harness_.now + absl::Minutes(1)).ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(engine().holds().Find("case-1")->pbxs.size(), 2u) << "a change of controller does not uncover it";
  ASSERT_TRUE(harness_.EndPbx("later").ok());
  EXPECT_TRUE(Held(kPbxSync).contains("later"));
}

TEST_F(Holds, AControllerWhosePbxsHaveAllComeToTheirEndIsUnknown) {
  v1::PbxSynced synced;
  synced.set_controller_id("short-lived");
  synced.mutable_profile()->set_license_key("licence");
  ASSERT_TRUE(engine().SyncPbx("brief", synced, harness_.now).ok());
  ASSERT_TRUE(engine().ReportLicence("licence", harness_.now + kInstant, true, true, harness_.now).ok());
  v1::Hold hold = NewHold("case-1", harness_.now);
  hold.mutable_scope()->set_controller_id("short-lived");
  harness_.now += kInstant;
  EXPECT_EQ(DetailsOf(engine().CreateHold(hold, harness_.now).status()).reason, "CONTROLLER_UNKNOWN");
}

TEST_F(Holds, OfADisplayNameOnlyThatMeetingIsMeant) {
  v1::Hold hold = NewHold("case-1", harness_.now);
  v1::HoldDisplayName& name = *hold.mutable_scope()->mutable_subject()->mutable_display_name();
  name.set_pbx_id("pbx");
  name.set_meeting_id("m");
  name.set_name("Bob");
  Place(hold);
  harness_.Record({Planned("n", "8", harness_.now), Joined("n", "9", harness_.now, "p7", "Bob", "other@example.org")});
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantEmail), Texts{"bob@example.org"});
}

TEST_F(Holds, ManyRowsAreTakenOutAndLetGoStepByStep) {
  constexpr int kMeetings = 2 * static_cast<int>(HoldDesk::kMaxStepRows) + 10;
  for (int first = 0; first < kMeetings; first += 400) {
    std::vector<v1::Event> events;
    for (int i = first; i < std::min(first + 400, kMeetings); ++i) {
      const std::string meeting = absl::StrCat("many-", i);
      events.push_back(Started(meeting, "s", harness_.now));
      events.push_back(Joined(meeting, "j", harness_.now, "p", absl::StrCat("Person ", i)));
    }
    harness_.Record(events);
  }
  Place(PbxHold("case-1", harness_.now));
  harness_.now = kDue;
  int steps = 1;
  while (engine().TakeOutOfDueDays(kDue).value()) ++steps;
  EXPECT_GE(steps, 3);
  harness_.Sweep();
  EXPECT_EQ(Held(kParticipantName).size(), static_cast<size_t>(kMeetings) + 2);
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  EXPECT_TRUE(engine().LetGo(harness_.now)->more);
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.Sweep();
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(engine().holds().size(), 0u);
}

TEST_F(Holds, ADamagedProofCostsOnlyWhatItAloneProved) {
  Place(ExtensionHold("case-1", harness_.now, "101"));
  Place(MeetingHold("case-2", harness_.now, "m"));
  auto cursor = harness_.store().ScanPrefix(Family::kFiled, "");
  Batch damage;
  for (; cursor->Valid(); cursor->Next()) {
    if (FiledKey::Decode(cursor->key())->category != kHistory) continue;
    std::string envelope(cursor->value());
    envelope.back() = static_cast<char>(envelope.back() ^ 1);
    damage.Put(Family::kFiled, std::string(cursor->key()), envelope);
  }
  cursor.reset();
  ASSERT_TRUE(harness_.store().Commit(damage).ok());
  harness_.now = kDue;
  Sweeper sweeper(engine(), Directly(), {});
  EXPECT_EQ(sweeper.RunOnce(kDue, true).status().code(), absl::StatusCode::kDataLoss) << "of the cohort";
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
}

TEST_F(Holds, AKeptRowThatIsDamagedGoesWithTheLastHold) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  auto cursor = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Held(), kParticipantName));
  Batch damage;
  std::string envelope(cursor->value());
  envelope.back() = static_cast<char>(envelope.back() ^ 1);
  damage.Put(Family::kFiled, std::string(cursor->key()), envelope);
  cursor.reset();
  ASSERT_TRUE(harness_.store().Commit(damage).ok());
  Release("case-1");
  EXPECT_EQ(HeldValues(engine(), kParticipantName), 0u);
  EXPECT_FALSE(harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Held(), kParticipantName))->Valid());
}

TEST_F(Holds, OnAnExtensionKeepsItsPdfsThoughTheirMeetingIsForgotten) {
  harness_.Record({Pdf("m", "7", harness_.now, "s3://pdf")});
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  Place(ExtensionHold("case-1", harness_.now, "100"));
  ASSERT_TRUE(engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).ok());
  EXPECT_EQ(Held(kPdfShare), Texts{"s3://pdf"});
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
  EXPECT_EQ(Entered(LedgerEntry::KIND_HELD, "DUE")[kHistory], HeldValues(engine(), kHistory));
  EXPECT_FALSE(harness_.Report("m").ok());
}

TEST_F(Holds, NothingIsAskedOfPbxsThatNoHoldConcerns) {
  harness_.SyncPbx("other");
  Place(PbxHold("case-1", harness_.now, "other"));
  EXPECT_TRUE(
      engine().holds().Concerning(*engine().registry().Held("pbx"), DueDay(absl::CivilDay(2026, 3, 1))).empty());
  SweepAt(kDue);
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
}

TEST_F(Holds, TheLedgerNamesThemByNumberAndHoldsNoWordOfThem) {
  Place(EmailHold("case-1", harness_.now, "alice@example.org"));
  v1::UpdateHoldRequest request;
  request.set_hold_id("case-1");
  request.set_reason("the claim was raised");
  const auto updated = engine().UpdateHold(request, harness_.now);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->reason(), "the claim was raised");
  EXPECT_EQ(updated->owner(), "legal department");
  Release("case-1");
  std::vector<int> kinds;
  const uint64_t number = std::stoull(updated->ledger_id(), nullptr, 16);
  ASSERT_TRUE(VerifyLedger(engine().store(), [&](const LedgerEntry& entry) {
                if (entry.hold() == number) kinds.push_back(entry.kind());
                for (const char* word : {"alice", "case-1", "claim", "legal department"}) {
                  EXPECT_EQ(entry.SerializeAsString().find(word), std::string::npos);
                }
              }).ok());
  EXPECT_EQ(kinds, (std::vector<int>{LedgerEntry::KIND_HOLD_PLACED, LedgerEntry::KIND_HOLD_UPDATED,
                                     LedgerEntry::KIND_HOLD_RELEASED}));
}

TEST_F(Holds, RefusesNamingTheFieldAndChangesNothing) {
  const auto refusal = [&](const std::function<void(v1::Hold&)>& edit) {
    v1::Hold hold = EmailHold("case-1", harness_.now, "alice@example.org");
    edit(hold);
    const auto placed = engine().CreateHold(hold, harness_.now);
    EXPECT_EQ(engine().holds().size(), 0u);
    const ErrorDetails details = DetailsOf(placed.status());
    return details.field.empty() ? details.reason : details.field;
  };
  EXPECT_EQ(refusal([](auto& hold) { hold.set_hold_id("Case 1"); }), "hold.hold_id");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_scope(); }), "hold.scope");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->clear_subject(); }),
            "hold.scope.subject");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->set_email("nobody"); }),
            "hold.scope.subject.email");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->clear_controller_id(); }),
            "hold.scope.subject.controller_id");
  EXPECT_EQ(refusal([](auto& hold) { hold.set_basis(v1::HOLD_BASIS_UNSPECIFIED); }), "hold.basis");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_owner(); }), "hold.owner");
  EXPECT_EQ(refusal([](auto& hold) { hold.set_reason(std::string(1001, 'x')); }), "hold.reason");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_end_date(); }), "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *hold.mutable_end_date()); }),
            "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2056, 3, 3)), *hold.mutable_end_date()); }),
            "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *hold.mutable_review_date()); }),
            "hold.review_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2030, 3, 1)), *hold.mutable_review_date()); }),
            "hold.review_date");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->set_controller_id("nobody"); }),
            "CONTROLLER_UNKNOWN");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->set_pbx_id("nothing"); }), "PBX_UNKNOWN");
  EXPECT_EQ(refusal([&](auto& hold) { hold = MeetingHold("case-1", harness_.now, "nothing"); }), "MEETING_UNKNOWN");
  EXPECT_EQ(refusal([&](auto& hold) { hold = ExtensionHold("case-1", harness_.now, "999"); }), "EXTENSION_UNKNOWN");

  const v1::Hold hold = PbxHold("case-1", harness_.now);
  Place(hold);
  Place(hold);  // again: nothing changes
  EXPECT_EQ(engine().holds().size(), 1u);
  v1::Hold other = hold;
  other.set_reason("something else");
  EXPECT_EQ(DetailsOf(engine().CreateHold(other, harness_.now).status()).reason, "HOLD_EXISTS");
  v1::UpdateHoldRequest update;
  update.set_hold_id("case-2");
  EXPECT_EQ(DetailsOf(engine().UpdateHold(update, harness_.now).status()).reason, "HOLD_UNKNOWN");
  EXPECT_EQ(DetailsOf(engine().ReleaseHold("case-2", harness_.now)).reason, "HOLD_UNKNOWN");
  EXPECT_EQ(engine().holds().Find("case-1")->terms.reason(), hold.reason());
}

}  // namespace
}  // namespace retention
