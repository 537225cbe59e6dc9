#include "server/recording/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/recording/event_intake.h"
#include "server/recording/touched_meetings.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest() : harness_(kMonday) { harness_.SyncPbx(); }
  // A meeting on Monday at 11, planned to 12.
  void Schedule(absl::string_view meeting = "m") {
    harness_.Record(Scheduled(meeting, "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1)));
  }
  Harness harness_;
};

TEST_F(RecorderTest, EveryValueIsFiledUnderItsDay) {
  Schedule();
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-03-09");
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-09");
  EXPECT_EQ(harness_.DueDayOf(kMeetingName), "2026-03-09");
  EXPECT_EQ(harness_.DueDayOf(kMeetingComment), "2026-03-09");
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-05-02");
}

TEST_F(RecorderTest, AnInviteeWithoutAnIdentifierCostsItselfAlone) {
  v1::Event plan = Scheduled("room", "s", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  auto& invitees = *plan.mutable_meeting_scheduled()->mutable_invitees();
  invitees.Clear();
  for (const char* id : {"x", "", "no identifier", "y"}) {
    v1::Invitee& invitee = *invitees.Add();
    invitee.set_participant_id(id);
    invitee.set_name(absl::StrCat("Name ", id));
  }
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record(plan);
  EXPECT_EQ(result.accepted(), 1u);
  ASSERT_EQ(result.value_rejections_size(), 2);
  EXPECT_EQ(result.value_rejections(0).field(), "meeting_scheduled.invitees[1].participant_id");
  EXPECT_EQ(result.value_rejections(1).field(), "meeting_scheduled.invitees[2].participant_id");
  EXPECT_EQ(harness_.Participants("room").size(), 2u);
}

TEST_F(RecorderTest, InviteesBeyondTheLimitCostThemselvesAlone) {
  v1::Event plan = Scheduled("room", "s", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  auto& invitees = *plan.mutable_meeting_scheduled()->mutable_invitees();
  invitees.Clear();
  for (int i = 0; i < kMaxInvitees + 2; ++i) invitees.Add()->set_participant_id(absl::StrCat("p", i));
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record(plan);
  EXPECT_EQ(result.accepted(), 1u);
  ASSERT_EQ(result.value_rejections_size(), 1);
  EXPECT_EQ(result.value_rejections(0).field(), "meeting_scheduled.invitees");
  EXPECT_EQ(result.values_rejected(), 2u);
}

// In whatever order they come.
TEST_F(RecorderTest, AddressesStandInTheOrderOfTheirFirstUse) {
  std::vector<v1::Event> events;
  for (int i = 0; i < 3; ++i) {
    events.push_back(Joined("m", absl::StrCat("j", i), kMonday - absl::Minutes(30 - i), "p", "Ada", "",
                            absl::StrCat("192.0.2.", i + 1)));
  }
  std::reverse(events.begin(), events.end());
  for (const v1::Event& event : events) harness_.Record(event);
  const auto participants = harness_.Participants("m");
  ASSERT_EQ(participants.size(), 1u);
  EXPECT_EQ(absl::StrJoin(participants[0].ips(), " "), "192.0.2.1 192.0.2.2 192.0.2.3");
}

TEST_F(RecorderTest, ADuplicateChangesNothingInAnyPath) {
  const std::vector<v1::Event> events = {Scheduled("m", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1)),
                                         Joined("m", "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                                         Recording("m", "r", kMonday, "bucket/rec"),
                                         Pdf("m", "d", kMonday, "bucket/pdf")};
  EXPECT_EQ(harness_.Record(events).accepted(), 4u);
  const auto before = harness_.engine().counts().TotalRows();
  v1::RecordResult result = harness_.Record(events);
  EXPECT_EQ(result.duplicates(), 4u);
  EXPECT_EQ(result.accepted(), 0u);
  ASSERT_TRUE(harness_.Reopen().ok());
  result = harness_.Record(events);
  EXPECT_EQ(result.duplicates(), 4u) << "read back from HISTORY";
  std::vector<v1::Event> twice = {Left("m", "l", kMonday, "p"), Left("m", "l", kMonday, "p")};
  result = harness_.Record(twice);
  EXPECT_EQ(result.accepted(), 1u);
  EXPECT_EQ(result.duplicates(), 1u) << "within one batch";
  EXPECT_EQ(harness_.engine().counts().TotalRows(), before + 1);
}

TEST_F(RecorderTest, ADuplicateOfWhatItsCourseNeverHeldFilesNothingTwice) {
  // Planned and begun so long ago that its history is over; the PDF lives on.
  const absl::Time long_ago = At("2025-11-03T10:00:00+01:00");
  const std::vector<v1::Event> events = {Scheduled("m", "s", long_ago, long_ago, absl::Hours(1)),
                                         Started("m", "b", long_ago), Pdf("m", "d", kMonday, "bucket/pdf")};
  harness_.Record(events);
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
  harness_.Record(events);
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.Record(events);
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
}

TEST(TouchedMeetings, AMeetingThatIsFullTakesWhatEndsItOrMustEnd) {
  RoomCut::Load load{.events = kMaxMeetingEvents - 1, .in_memory = kMaxMeetingEvents - 1};
  const auto full = [&](const v1::Event& event) { return TouchedMeetings::IsFull(load, event); };
  EXPECT_FALSE(full(Reconnected("m", "e", kMonday, "p")));
  load.events = kMaxMeetingEvents;
  EXPECT_TRUE(full(Reconnected("m", "e", kMonday, "p")));
  v1::Event uninvited = NewEvent("m", "e", kMonday);
  uninvited.mutable_participant_uninvited()->set_participant_id("p");
  const std::vector<v1::Event> ending = {Left("m", "e", kMonday, "p"),
                                         Ended("m", "e", kMonday),
                                         uninvited,
                                         File("m", "e", kMonday, "bucket/file"),
                                         Pdf("m", "e", kMonday, "bucket/p"),
                                         Recording("m", "e", kMonday, "bucket/r")};
  for (const v1::Event& event : ending) EXPECT_FALSE(full(event)) << event.payload_case();
  load.events = kMaxMeetingEvents + kMaxEndingEvents;
  for (const v1::Event& event : ending) EXPECT_TRUE(full(event)) << event.payload_case();
  load.in_memory = kMaxRoomEvents;
  EXPECT_FALSE(full(Deleted("m", "e", kMonday))) << "always";
  EXPECT_TRUE(TouchedMeetings::IsFull({.in_memory = kMaxRoomEvents}, Joined("m", "j", kMonday, "p")));
}

TEST(TouchedMeetings, SamplesOfQualityLeaveRoomForWhoComesAndGoes) {
  v1::Event sample = Left("m", "q", kMonday, "p");
  sample.mutable_media_quality_sampled()->set_participant_id("p");
  EXPECT_FALSE(TouchedMeetings::IsFull({.quality_samples = kMaxQualitySamples - 1}, sample));
  EXPECT_FALSE(TouchedMeetings::IsFull({.events = kMaxMeetingEvents, .in_memory = kMaxRoomEvents}, sample));
  EXPECT_TRUE(TouchedMeetings::IsFull({.quality_samples = kMaxQualitySamples}, sample));
  EXPECT_FALSE(TouchedMeetings::IsFull({.quality_samples = kMaxQualitySamples}, Joined("m", "j", kMonday, "p")));
}

TEST(TouchedMeetings, WhatWasDeletedMakesRoomButForSamples) {
  RoomCut cut(DefaultCuts());
  const auto add = [&](uint64_t id, RoomEventKind kind) {
    cut.Add({.id = id, .time_us = static_cast<int64_t>(id), .kind = kind, .participant = 1}, 0);
  };
  add(10, RoomEventKind::kJoined);
  add(20, RoomEventKind::kQuality);
  add(40, RoomEventKind::kDeleted);
  cut.Settle();
  EXPECT_EQ(cut.load().events, 0u);
  EXPECT_EQ(cut.load().quality_samples, 1u);
  EXPECT_EQ(cut.load().in_memory, 2u);
  add(50, RoomEventKind::kJoined);
  add(60, RoomEventKind::kQuality);
  add(30, RoomEventKind::kQuality);  // late
  cut.Settle();
  EXPECT_EQ(cut.load().events, 1u);
  EXPECT_EQ(cut.load().quality_samples, 3u);
  add(35, RoomEventKind::kDeleted);
  add(45, RoomEventKind::kDeleted);
  cut.Settle();
  EXPECT_EQ(cut.load().events, 1u);
  EXPECT_EQ(cut.load().in_memory, 5u);
}

TEST_F(RecorderTest, ReschedulingMovesThePlannedDateAndWhatHangsOnIt) {
  Schedule();
  harness_.Record(Rescheduled("m", "r", kMonday, At("2026-03-12T10:00:00+01:00"), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-03-19");
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-19") << "the presumed end moved as well";
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-05-12");
  harness_.Record(Rescheduled("m", "r2", kMonday + absl::Minutes(1), kMonday + absl::Hours(1), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-03-09") << "and back";
  EXPECT_EQ(harness_.Get("m")->name(), "Quarterly review");
}

TEST_F(RecorderTest, LaterPlanThatArrivedFirstStaysInForce) {
  harness_.Record(Rescheduled("m", "r", kMonday + absl::Minutes(5), At("2026-03-12T10:00:00+01:00"), absl::Hours(1)));
  Schedule();
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-03-19");
}

TEST_F(RecorderTest, TrueEndReplacesThePresumption) {
  Schedule();
  harness_.now = kMonday + absl::Minutes(61);
  harness_.Record(Joined("m", "j", harness_.now, "p", "Ada", "ada@example.org", "192.0.2.1"));
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-09") << "likely to end on its day";
  harness_.now = At("2026-03-03T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-10") << "still running: presumed to end on Tuesday";
  EXPECT_EQ(harness_.DueDayOf(kParticipantIp), "2026-03-10");
  harness_.Record(Left("m", "l", kMonday + absl::Hours(2), "p"));
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-09");
  EXPECT_EQ(harness_.DueDayOf(kParticipantIp), "2026-03-09");
}

TEST_F(RecorderTest, FilesGoWithTheLastParticipantAndAnOrderIsIssued) {
  harness_.Record(
      {Joined("m", "j1", kMonday, "a"), Joined("m", "j2", kMonday, "b"), File("m", "f", kMonday, "bucket/file")});
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  ASSERT_EQ(harness_.Get("m")->files_size(), 1);
  EXPECT_EQ(harness_.Get("m")->files(0).display_name().size(), 16u) << "a random name";
  harness_.Record(Left("m", "l1", kMonday, "a"));
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  EXPECT_EQ(harness_.Orders(), 0u);
  harness_.Record(Left("m", "l2", kMonday, "b"));
  harness_.now = kMonday + absl::Seconds(30) - absl::Microseconds(1);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kFileShare), 1u) << "a page that is refreshed ends nothing";
  harness_.now = kMonday + absl::Seconds(30);
  EXPECT_EQ(harness_.Get("m")->files_size(), 0);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(harness_.Get("m")->files_size(), 0);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(RecorderTest, AFileThatArrivesAfterItsMeetingIsNotStoredButOrderedAway) {
  harness_.Record({Joined("m", "j", kMonday, "a"), Left("m", "l", kMonday + absl::Minutes(1), "a")});
  harness_.now = kMonday + absl::Minutes(2);
  const v1::RecordResult result = harness_.Record(File("m", "f", kMonday, "bucket/file"));
  EXPECT_EQ(result.accepted(), 1u);
  EXPECT_EQ(result.values_past_due(), 1u);
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(RecorderTest, LateValuesAreCountedAndNotStored) {
  harness_.now = kMonday + absl::Hours(24 * 10);
  const v1::RecordResult result = harness_.Record(
      {Joined("m", "j", kMonday, "a", "Ada", "ada@example.org", "192.0.2.1"), Left("m", "l", kMonday, "a")});
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(result.values_past_due(), 3u);
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
  EXPECT_EQ(harness_.Values(kHistory), 2u) << "the rest of the event is stored";
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "participant 1");
}

TEST_F(RecorderTest, AnEndReportedLateErasesWhatIsOverdueByIt) {
  Schedule();
  harness_.now = kMonday + absl::Hours(1);
  harness_.Record(Joined("m", "j", harness_.now, "a", "Ada", "ada@example.org"));
  harness_.now = At("2026-03-03T00:00:00+01:00");
  harness_.Sweep();
  harness_.now = At("2026-03-10T01:00:00+01:00");  // presumed end + 7 days is still to come, true end + 7 days is not
  EXPECT_EQ(harness_.Values(kParticipantEmail), 2u);
  harness_.Record(Ended("m", "e", kMonday + absl::Hours(2)));
  EXPECT_EQ(harness_.Values(kParticipantEmail), 0u);
}

TEST_F(RecorderTest, WhatIsDueIsNeverRevivedByRescheduling) {
  Schedule();
  harness_.now = At("2026-03-10T00:00:00+01:00");
  harness_.Record(Rescheduled("m", "r", harness_.now, At("2026-03-20T10:00:00+01:00"), absl::Hours(1)));
  EXPECT_EQ(harness_.Get("m")->name(), "");
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kMeetingName), 0u);
}

TEST_F(RecorderTest, ChatIsTakenInOnlyWhenAnnouncedAsProtocolled) {
  Schedule("plain");
  v1::RecordResult result = harness_.Record(Chat("plain", "c", kMonday, "hello"));
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED);
  v1::Event announced = Scheduled("kept", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1));
  announced.mutable_meeting_scheduled()->set_protocolled(true);
  result = harness_.Record({announced, Chat("kept", "c", kMonday, "hello")});
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(harness_.Get("kept")->chat(0).text(), "hello");
}

// What happens in a room, in the order in which it is told.
std::vector<v1::Event> ToldOf(const std::string& room) {
  v1::Event announced = Scheduled(room, "s", kMonday, kMonday, absl::Hours(1));
  announced.mutable_meeting_scheduled()->set_protocolled(true);
  const absl::Time later = kMonday + absl::Minutes(10);
  return {Chat(room, "c1", kMonday, "too early"),
          announced,
          Chat(room, "c2", kMonday, "hello"),
          Joined(room, "j", kMonday, "p", "Ada", "ada@example.org"),
          Joined(room, "j", kMonday, "p", "Ada", "ada@example.org"),
          File(room, "f", kMonday, "bucket/file-" + room),
          Left(room, "l", later, "p")};
}

TEST_F(RecorderTest, RoomsThatComeMixedAreTakenInAsIfTheyCameOneAfterTheOther) {
  const std::vector<std::string> rooms = {"m1", "m2", "m3"};
  Harness apart(kMonday);
  apart.SyncPbx();
  apart.now = harness_.now = kMonday + absl::Hours(1);
  uint32_t accepted = 0;
  std::vector<v1::Event> mixed;
  std::set<uint32_t> refused;
  for (const std::string& room : rooms) {
    accepted += apart.Record(ToldOf(room)).accepted();
  }
  for (size_t i = 0; i < ToldOf("").size(); ++i) {
    for (const std::string& room : rooms) {
      if (i == 0) refused.insert(static_cast<uint32_t>(mixed.size()));
      mixed.push_back(ToldOf(room)[i]);
    }
  }
  const v1::RecordResult result = harness_.Record(mixed);
  EXPECT_EQ(result.accepted(), accepted);
  EXPECT_EQ(result.duplicates(), rooms.size());
  std::set<uint32_t> rejected;
  for (const v1::Rejection& rejection : result.rejections()) {
    EXPECT_EQ(rejection.reason(), v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED);
    rejected.insert(rejection.index());
  }
  EXPECT_EQ(rejected, refused) << "what was said before the plan that has it kept";
  for (const CategoryNumber category : {kHistory, kParticipantName, kParticipantEmail, kChatProtocol, kFileShare}) {
    EXPECT_EQ(harness_.Values(category), apart.Values(category)) << int{category};
  }
  EXPECT_EQ(harness_.Orders(), rooms.size());
  for (const std::string& room : rooms) {
    auto report = harness_.Report(room);
    ASSERT_TRUE(report.ok()) << report.status();
    report->set_occurrence(apart.Report(room)->occurrence());  // follows from the ring's own keys
    EXPECT_EQ(report->DebugString(), apart.Report(room)->DebugString());
  }
}

TEST_F(RecorderTest, OfOnePollInTwoRoomsTheFirstThatComesIsHeld) {
  const auto poll = [](absl::string_view room, absl::string_view id, absl::string_view owner) {
    v1::Event event = NewEvent(room, id, kMonday);
    event.mutable_poll_created()->set_poll_id("lunch");
    event.mutable_poll_created()->set_owner_extension(std::string(owner));
    return event;
  };
  const v1::RecordResult result = harness_.Record(
      {Joined("b", "j", kMonday, "p"), poll("a", "p1", "100"), poll("b", "p2", "101"), Left("b", "l", kMonday, "p")});
  EXPECT_EQ(result.accepted(), 3u);
  EXPECT_EQ(result.duplicates(), 1u);
  ASSERT_TRUE(harness_.engine().RemoveExtension("pbx", "101", kReasonExtensionRemoved, kMonday).ok());
  EXPECT_EQ(harness_.Values(kPoll), 1u) << "it is not theirs";
  ASSERT_TRUE(harness_.engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, kMonday).ok());
  EXPECT_EQ(harness_.Values(kPoll), 0u);
}

TEST_F(RecorderTest, AnEventOfAnUnknownPbxIsRejectedByItself) {
  v1::Event stranger = Joined("m", "j", kMonday, "p");
  stranger.set_pbx_id("other");
  const v1::RecordResult result =
      harness_.Record({stranger, Pdf("nowhere", "d", kMonday, "ref"), Joined("m", "j", kMonday, "p")});
  EXPECT_EQ(result.accepted(), 2u) << "no event is refused because its room is not known yet";
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_PBX_UNKNOWN);
  EXPECT_EQ(result.rejections(0).index(), 0u);
}

TEST_F(RecorderTest, DeletedMeetingLosesAllButRecordingsAndHistory) {
  Schedule();
  harness_.Record({Pdf("m", "d", kMonday, "bucket/pdf"), Recording("m", "r", kMonday, "bucket/rec")});
  harness_.Record(Deleted("m", "x", kMonday));
  EXPECT_EQ(harness_.Values(kPdfShare), 0u);
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
  EXPECT_EQ(harness_.Values(kMeetingName), 0u);
  EXPECT_EQ(harness_.Values(kRecording), 1u);
  EXPECT_EQ(harness_.Orders(), 1u) << "for the PDF";
  EXPECT_EQ(harness_.Get("m").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(harness_.Record(Joined("m", "j", kMonday - absl::Minutes(1), "p", "Ada")).values_past_due(), 1u)
      << "it was before the deletion";
  EXPECT_EQ(harness_.Get("m").status().code(), absl::StatusCode::kNotFound);
  harness_.Record(Joined("m", "k", kMonday + absl::Minutes(1), "p", "Ada"));
  EXPECT_TRUE(harness_.Get("m").ok()) << "the identifier may be used again at once";
}

TEST_F(RecorderTest, ReportFoldsOverTheWholeMeeting) {
  harness_.now = kMonday + absl::Hours(1);
  harness_.Record({Left("m", "l", kMonday + absl::Minutes(50), "p"),
                   Joined("m", "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                   Reconnected("m", "r", kMonday + absl::Minutes(20), "p")});
  const auto report = harness_.Report("m");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->participants(0).name(), "Ada");
  EXPECT_EQ(report->participants(0).total_time().seconds(), 50 * 60);
  EXPECT_EQ(report->participants(0).reconnections(), 1u);
  EXPECT_TRUE(report->names_held());
}

}  // namespace
}  // namespace retention
