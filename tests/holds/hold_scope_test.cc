// What a hold covers, by its scope.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/escaping.h"
#include "server/law/course.h"
#include "server/ledger/ledger.h"
#include "server/rows/row_keys.h"
#include "tests/holds/hold_fixture.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;
using Texts = std::set<std::string>;
using HoldScopes = HoldFixture;

// When the events of all HISTORY happened, by event: of what is kept, or of what lives.
std::map<uint64_t, int64_t> HistoryTimes(TestEngine& engine, bool kept) {
  Course course;
  auto cursor = engine.store().ScanPrefix(Family::kFiled, "");
  for (; cursor->Valid(); cursor->Next()) {
    const FiledKey key = *FiledKey::Decode(cursor->key());
    if (key.category != kHistory || (key.day == DueDay::Kept()) != kept) continue;
    const auto plaintext = engine.vault().Open(key, cursor->value());
    stored::v1::KeptRow held;
    EXPECT_TRUE(plaintext.ok() && (!kept || held.ParseFromString(plaintext->Reveal())));
    stored::v1::CourseChunk chunk;
    EXPECT_TRUE(chunk.ParseFromString(kept ? held.row() : plaintext->Reveal()));
    EXPECT_TRUE(course.AddChunk(chunk));
  }
  std::map<uint64_t, int64_t> times;
  course.ForEach([&](const CourseEvent& event) { times[event.event] = event.time_us; });
  return times;
}

TEST_F(HoldScopes, OfAPersonOnlyTheirValuesAreKept) {
  Place(EmailHold("case-1", harness_.now, "alice@EXAMPLE.org"));
  const auto times = HistoryTimes(engine(), /*kept=*/false);
  const PbxId pbx = *engine().registry().Held("pbx");
  const RoomId room = engine().RoomNamed(pbx, "m");
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), Texts{"Alice"});
  EXPECT_EQ(Held(kParticipantEmail), Texts{"Alice@example.org"});
  EXPECT_EQ(Held(kParticipantIp), Texts{"192.0.2.1"});
  EXPECT_TRUE(Held(kRecording).empty()) << "a recording is no single person's";
  EXPECT_EQ(harness_.Orders(), 1u) << "and its order is issued once, though a hold concerns its PBX";
  EXPECT_EQ(Entered(LedgerEntry::KIND_PURGED, "DUE")[kParticipantName], 1u) << "Bob's";
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  const Texts course = Held(kHistory);
  EXPECT_TRUE(course.contains(ParticipantName(engine().vault(), pbx, room, "p1")));
  EXPECT_FALSE(course.contains(ParticipantName(engine().vault(), pbx, room, "p2")));
  EXPECT_EQ(HeldValues(engine(), kHistory), 4u) << "join, leave, plan and the mark of the recording";
  for (const auto& [event, time_us] : HistoryTimes(engine(), /*kept=*/true)) EXPECT_EQ(time_us, times.at(event));
  EXPECT_EQ(Release("case-1"), 4u + 3u) << "and name, address, IP";
}

TEST_F(HoldScopes, OfAPersonTheSamplesOfQualityAreKeptToo) {
  for (const std::string who : {"p1", "p2", "p1"}) {
    v1::Event sample = NewEvent("m", "q" + who + std::to_string(harness_.Values(kHistory)), kMonday);
    sample.mutable_media_quality_sampled()->set_participant_id(who);
    harness_.Record(sample);
  }
  Place(EmailHold("case-1", harness_.now, "alice@example.org"));
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  EXPECT_EQ(HeldValues(engine(), kHistory), 4u + 2u) << "hers, of the three";
}

TEST_F(HoldScopes, AHoldOnAnExtensionKeepsItsDataItsPollsAndItsMeetings) {
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
  const PbxId pbx = *engine().registry().Held("pbx");
  const RoomId room = engine().RoomNamed(pbx, "m");
  const std::string voter = absl::BytesToHexString(ParticipantName(engine().vault(), pbx, room, "p2"));
  EXPECT_EQ(Held(kPoll), (Texts{"lunch", voter}));
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"})) << "of the meeting that 100 scheduled";
  EXPECT_EQ(harness_.Values(kParticipantName), 2u);
}

TEST_F(HoldScopes, AHoldOnAnExtensionKeepsPollsAndPdfsOfItsOwnOccurrencesOnly) {
  const absl::Time begin = harness_.now;
  const auto poll = [&](const char* id, absl::Time time) {
    v1::Event event = NewEvent("room", id, time);
    event.mutable_poll_created()->set_poll_id(id);
    event.mutable_poll_created()->set_question("?");
    event.mutable_poll_created()->add_options("yes");
    event.mutable_poll_created()->set_owner_extension("101");
    return event;
  };
  harness_.Record({Scheduled("room", "w1", begin, begin, absl::Hours(1), "100"), Started("room", "b1", begin),
                   Pdf("room", "d1", begin, "s3://first"), poll("first", begin), Ended("room", "e1", begin)});
  harness_.now = begin + absl::Hours(24 * 2);
  const absl::Time second = harness_.now;
  harness_.Record({Scheduled("room", "w2", second, second, absl::Hours(1), "101"), Started("room", "b2", second),
                   Pdf("room", "d2", second, "s3://second"), Ended("room", "e2", second)});
  Place(ExtensionHold("case-1", harness_.now, "100"));
  harness_.Record(Deleted("room", "x", second));
  EXPECT_EQ(Held(kPdfShare), Texts{"s3://first"}) << "and not that of the week that 101 scheduled";
  ASSERT_TRUE(engine().DeletePoll("pbx", "first", "OPERATOR_UNLAWFUL", harness_.now).ok());
  EXPECT_EQ(Held(kPoll), Texts{"first"});
}

TEST_F(HoldScopes, ARemovedExtensionOfADyingPbxStaysHeld) {
  Place(ExtensionHold("case-1", harness_.now, "100"));
  ASSERT_TRUE(engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).ok());
  ASSERT_TRUE(engine().BeginEnd("pbx", kReasonPbxDeregistered, harness_.now).ok());
  EXPECT_FALSE(engine().RemoveExtension("pbx", "101", kReasonExtensionRemoved, harness_.now).ok());
  harness_.Sweep();
  EXPECT_EQ(Held(kPbxSync), Texts{"100/"});
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
}

TEST_F(HoldScopes, WhatAReplacementEndsIsKept) {
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

TEST_F(HoldScopes, OneOnAControllerCoversItsPbxsAsTheyCome) {
  v1::Hold hold = NewHold("case-1", harness_.now);
  hold.mutable_scope()->set_controller_id("controller");
  Place(hold);
  harness_.SyncPbx("later");
  EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("case-1")), 2u);
  v1::PbxSynced elsewhere;
  elsewhere.set_controller_id("somebody else");
  ASSERT_TRUE(engine().SyncPbx("later", elsewhere, harness_.now + absl::Minutes(1)).ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("case-1")), 2u)
      << "a change of controller does not uncover it";
  ASSERT_TRUE(harness_.EndPbx("later").ok());
  EXPECT_TRUE(Held(kPbxSync).contains("later"));
}

// The synchronisation that brings a PBX under a controller may end something of it itself.
TEST_F(HoldScopes, OneOnAControllerKeepsWhatTheVerySyncEndsThatBringsItsPbx) {
  v1::PbxSynced synced;
  synced.set_controller_id("next");
  ASSERT_TRUE(engine().SyncPbx("theirs", synced, harness_.now).ok());
  v1::Hold hold = NewHold("case-1", harness_.now);
  hold.mutable_scope()->set_controller_id("next");
  Place(hold);
  synced.add_extensions()->set_number("100");
  const auto outcome = engine().SyncPbx("pbx", synced, harness_.now + absl::Minutes(1));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->removed.size(), 1u);
  EXPECT_TRUE(Held(kPbxSync).contains("101/")) << "the extension that is not named any more";
}

TEST_F(HoldScopes, AControllerWhosePbxsHaveAllComeToTheirEndIsUnknown) {
  v1::PbxSynced synced;
  synced.set_controller_id("short-lived");
  synced.mutable_profile()->set_licence_key("licence");
  ASSERT_TRUE(engine().SyncPbx("brief", synced, harness_.now).ok());
  ASSERT_TRUE(engine().ReportLicence("licence", harness_.now + kInstant, true, true, harness_.now).ok());
  v1::Hold hold = NewHold("case-1", harness_.now);
  hold.mutable_scope()->set_controller_id("short-lived");
  harness_.now += kInstant;
  EXPECT_EQ(DetailsOf(engine().CreateHold(hold, harness_.now).status()).reason, "CONTROLLER_UNKNOWN");
}

TEST_F(HoldScopes, OfADisplayNameOnlyThatMeetingIsMeant) {
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

TEST_F(HoldScopes, ADamagedProofCostsOnlyWhatItAloneProved) {
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
  TestSweeper sweeper(engine(), Directly(), {});
  const auto outcome = sweeper.RunOnce(kDue, /*scrub_now=*/true);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_GT(outcome->cohorts_damaged, 0u) << "the cohort says what it lacks";
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
}

TEST_F(HoldScopes, OnAnExtensionKeepsItsPdfsThoughTheirMeetingIsForgotten) {
  harness_.Record({Pdf("m", "7", harness_.now, "s3://pdf")});
  SweepAt(At("2026-05-03T00:00:00+02:00"));
  Place(ExtensionHold("case-1", harness_.now, "100"));
  ASSERT_TRUE(engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).ok());
  EXPECT_EQ(Held(kPdfShare), Texts{"s3://pdf"});
}

TEST_F(HoldScopes, NothingIsAskedOfPbxsThatNoHoldConcerns) {
  harness_.SyncPbx("other");
  Place(PbxHold("case-1", harness_.now, "other"));
  EXPECT_TRUE(
      engine().holds().Concerning(*engine().registry().Held("pbx"), DueDay(absl::CivilDay(2026, 3, 1))).empty());
  SweepAt(kDue);
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
}

}  // namespace
}  // namespace retention
