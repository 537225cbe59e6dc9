// A room that is used again and again, as its values show it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/row_keys.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

class Rooms : public ::testing::Test {
 protected:
  Rooms() : harness_(kMonday - absl::Hours(24)) { harness_.SyncPbx(); }

  void RecordAt(absl::Time now, std::vector<v1::Event> events) {
    harness_.now = std::max(harness_.now, now);
    harness_.Record(std::move(events));
  }
  // A meeting of an hour, of whoever comes.
  std::vector<v1::Event> Hour(absl::Time begin, const std::string& who) {
    const std::string id = absl::StrCat(++ids_, "-", who);
    return {Joined("room", id + "j", begin, who, absl::StrCat("Name ", who), absl::StrCat(who, "@example.org")),
            Left("room", id + "l", begin + absl::Hours(1), who)};
  }
  std::vector<v1::Meeting> List(const std::string& room = "room") {
    v1::ListMeetingsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id(room);
    request.set_page_size(200);
    const auto response = Reader(harness_.engine()).ListMeetings(request, harness_.now);
    EXPECT_TRUE(response.ok()) << response.status();
    return {response->meetings().begin(), response->meetings().end()};
  }
  std::set<std::string> NamesNow() {
    std::set<std::string> names;
    for (const v1::Meeting& meeting : List()) {
      v1::ListParticipantsRequest request;
      request.set_pbx_id("pbx");
      request.set_meeting_id("room");
      request.set_occurrence(meeting.occurrence());
      const auto response = Reader(harness_.engine()).ListParticipants(request, harness_.now);
      EXPECT_TRUE(response.ok()) << response.status();
      for (const v1::Participant& participant : response->participants()) {
        if (!participant.name().empty()) names.insert(participant.name());
      }
    }
    return names;
  }

  Harness harness_;
  int ids_ = 0;
};

TEST_F(Rooms, EveryDayOfAStandingRoomEndsByItself) {
  constexpr int kDays = 365;
  for (int day = 0; day < kDays; ++day) {
    const absl::Time begin = kMonday + absl::Hours(24) * day;
    RecordAt(begin + absl::Hours(1), Hour(begin, absl::StrCat("guest", day)));
    harness_.Sweep(/*scrub=*/false);
    EXPECT_LE(NamesNow().size(), 8u);
    EXPECT_FALSE(NamesNow().contains(absl::StrCat("Name guest", day - 8)));
    EXPECT_TRUE(NamesNow().contains(absl::StrCat("Name guest", std::max(0, day - 6))));
  }
  EXPECT_LE(List().size(), 64u);
  EXPECT_GE(List().size(), 59u) << "two months of history";
}

TEST_F(Rooms, ALateEventThatJoinsTwoMeetingsMovesWhatTheySaid) {
  const absl::Time second = kMonday + absl::Minutes(150);
  RecordAt(kMonday + absl::Hours(4), Hour(kMonday, "ada"));
  RecordAt(kMonday + absl::Hours(4), Hour(second, "bo"));
  ASSERT_EQ(List().size(), 2u);
  const auto before = harness_.engine().counts().TotalRows();
  RecordAt(kMonday + absl::Hours(5), {Joined("room", "between", kMonday + absl::Minutes(100), "cy", "Name cy")});
  ASSERT_EQ(List().size(), 1u) << "she was there between";
  EXPECT_EQ(harness_.Participants("room").size(), 3u);
  EXPECT_EQ(harness_.Values(kParticipantName), 3u);
  EXPECT_EQ(harness_.Values(kParticipantEmail), 2u);
  EXPECT_EQ(harness_.Values(kHistory), 5u);
  EXPECT_GE(harness_.engine().counts().TotalRows(), before);
  ASSERT_TRUE(harness_.Reopen().ok());
  ASSERT_EQ(List().size(), 1u);
  EXPECT_EQ(NamesNow(), (std::set<std::string>{"Name ada", "Name bo", "Name cy"}));
  EXPECT_EQ(harness_.Report("room")->participants_size(), 3);
}

TEST_F(Rooms, ALatePlanTakesItsMeetingOutOfTheOneBefore) {
  // Nobody had left for all that was known, and half a day later others came: one meeting, until the plan is known.
  RecordAt(kMonday + absl::Hours(16),
           {Joined("room", "j1", kMonday, "ada", "Name ada"), Pdf("room", "d", kMonday, "bucket/pdf"),
            Joined("room", "j2", kMonday + absl::Hours(14), "bo", "Name bo"),
            Recording("room", "r", kMonday + absl::Hours(14) + absl::Minutes(1), "bucket/rec")});
  ASSERT_EQ(List().size(), 1u);
  RecordAt(kMonday + absl::Hours(16),
           {Scheduled("room", "s", kMonday + absl::Hours(1), kMonday + absl::Hours(14), absl::Hours(1))});
  ASSERT_EQ(List().size(), 2u);
  const auto planned = harness_.Get("room");
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->recordings_size(), 1) << "it was made in the planned one";
  EXPECT_EQ(harness_.Values(kRecording), 1u);
  EXPECT_EQ(planned->pdfs_size(), 1) << "PDFs are the room's";
}

TEST_F(Rooms, WhatComesTwiceChangesNothingWhateverHasEnded) {
  std::vector<v1::Event> events = {
      Scheduled("room", "s", kMonday - absl::Hours(2), kMonday, absl::Hours(1)),
      Rescheduled("room", "r", kMonday - absl::Hours(1), kMonday + absl::Hours(26), absl::Hours(1))};
  for (const v1::Event& event : Hour(kMonday + absl::Hours(26), "ada")) events.push_back(event);
  RecordAt(kMonday + absl::Hours(28), events);
  for (const int days : {2, 9, 30, 61, 70}) {
    harness_.now = kMonday + absl::Hours(24 * days);
    harness_.Sweep();
    const auto rows = harness_.engine().counts().TotalRows();
    const auto values = harness_.Values(kHistory);
    const v1::RecordResult again = harness_.Record(events);
    EXPECT_EQ(again.rejections_size(), 0) << again.ShortDebugString();
    EXPECT_EQ(harness_.engine().counts().TotalRows(), rows) << "after " << days << " days";
    EXPECT_EQ(harness_.Values(kHistory), values);
  }
}

TEST_F(Rooms, APlanThatIsSentAgainTakesBackWhatItSaidBefore) {
  v1::Event first = Scheduled("room", "s1", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  first.mutable_meeting_scheduled()->set_comment("confidential");
  v1::Invitee& invitee = *first.mutable_meeting_scheduled()->add_invitees();
  invitee.set_participant_id("x");
  invitee.set_name("Name x");
  v1::Event second = Scheduled("room", "s2", kMonday - absl::Hours(2), kMonday, absl::Hours(1));
  second.mutable_meeting_scheduled()->clear_comment();
  RecordAt(kMonday, {first});
  EXPECT_TRUE(NamesNow().contains("Name x"));
  RecordAt(kMonday, {second});
  EXPECT_FALSE(NamesNow().contains("Name x"));
  EXPECT_EQ(harness_.Values(kMeetingComment), 0u);
  EXPECT_EQ(harness_.Values(kMeetingName), 1u);
  // In the other order it comes to the same.
  Harness other(kMonday);
  other.SyncPbx();
  other.Record(second);
  other.Record(first);
  EXPECT_EQ(other.Values(kMeetingComment), 0u);
  EXPECT_EQ(other.Values(kParticipantName), harness_.Values(kParticipantName));
}

TEST_F(Rooms, AnInvitationThatIsWithdrawnIsGone) {
  v1::Event invited = NewEvent("room", "i", kMonday - absl::Hours(2));
  invited.mutable_participant_invited()->mutable_invitee()->set_participant_id("x");
  invited.mutable_participant_invited()->mutable_invitee()->set_name("Name x");
  v1::Event withdrawn = NewEvent("room", "w", kMonday - absl::Hours(1));
  withdrawn.mutable_participant_uninvited()->set_participant_id("x");
  RecordAt(kMonday, {Scheduled("room", "s", kMonday - absl::Hours(3), kMonday + absl::Hours(1), absl::Hours(1))});
  RecordAt(kMonday, {invited});
  EXPECT_TRUE(NamesNow().contains("Name x"));
  RecordAt(kMonday, {withdrawn});
  EXPECT_FALSE(NamesNow().contains("Name x"));
  EXPECT_EQ(harness_.Record(invited).duplicates(), 1u);
  RecordAt(kMonday, {Joined("room", "j", kMonday, "x", "Name x")});
  EXPECT_TRUE(NamesNow().contains("Name x")) << "who comes all the same has come";
}

TEST_F(Rooms, AFollowUpIsPlannedWithWhatWasSaidOfTheMeeting) {
  v1::Event plan = Scheduled("room", "s", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  plan.mutable_meeting_scheduled()->set_name("Review");
  RecordAt(kMonday - absl::Hours(3), {plan});
  RecordAt(kMonday + absl::Hours(2), Hour(kMonday, "ada"));
  RecordAt(kMonday + absl::Hours(3),
           {Rescheduled("room", "r", kMonday + absl::Hours(3), kMonday + absl::Hours(24 * 14), absl::Hours(1))});
  ASSERT_EQ(List().size(), 2u);
  EXPECT_EQ(harness_.Get("room")->name(), "Review") << "the next one";
  EXPECT_EQ(harness_.Values(kMeetingName), 2u);
  harness_.now = kMonday + absl::Hours(24 * 8);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kMeetingName), 1u) << "each goes on its own day";
  EXPECT_FALSE(NamesNow().contains("Name ada"));
}

TEST_F(Rooms, WhatWasDueIsNotRevivedByAPlanThatComesLate) {
  const absl::Time planned = At("2026-03-02T22:00:00+01:00");
  v1::Event invited = NewEvent("room", "i", kMonday);
  invited.mutable_participant_invited()->mutable_invitee()->set_participant_id("x");
  invited.mutable_participant_invited()->mutable_invitee()->set_name("Name x");
  RecordAt(kMonday, {Scheduled("room", "s1", kMonday - absl::Hours(1), planned, absl::Hours(1)), invited});
  // Due, and not yet swept.
  RecordAt(At("2026-03-10T00:00:05+01:00"),
           {Scheduled("room", "s2", kMonday - absl::Minutes(10), planned + absl::Hours(10), absl::Hours(1))});
  EXPECT_FALSE(NamesNow().contains("Name x"));
  harness_.Sweep();
  EXPECT_FALSE(NamesNow().contains("Name x"));
}

TEST_F(Rooms, ADeletedRoomIsUsedAgainAtOnce) {
  RecordAt(kMonday + absl::Hours(2), Hour(kMonday, "ada"));
  harness_.Record(Deleted("room", "x", kMonday + absl::Minutes(90)));
  EXPECT_TRUE(List().empty());
  RecordAt(kMonday + absl::Hours(4), Hour(kMonday + absl::Hours(2), "bo"));
  EXPECT_EQ(NamesNow(), std::set<std::string>{"Name bo"});
  // What was before comes late, and stays away.
  RecordAt(kMonday + absl::Hours(4), {Joined("room", "late", kMonday + absl::Minutes(30), "cy", "Name cy"),
                                      File("room", "f", kMonday + absl::Minutes(31), "bucket/file")});
  EXPECT_EQ(NamesNow(), std::set<std::string>{"Name bo"});
  EXPECT_EQ(harness_.Orders(), 1u) << "the portal holds the file all the same";
}

TEST_F(Rooms, WhatADeletionDeletedStaysDeletedThoughMonthsPass) {
  const auto invited = [](const std::string& id, absl::Time time) {
    v1::Event event = NewEvent("room", id, time);
    event.mutable_participant_invited()->mutable_invitee()->set_participant_id(id);
    event.mutable_participant_invited()->mutable_invitee()->set_name("Name " + id);
    return event;
  };
  const absl::Time planned = kMonday + absl::Hours(24 * 150);
  RecordAt(kMonday + absl::Hours(2),
           {Scheduled("room", "s", kMonday, planned, absl::Hours(1)), invited("early", kMonday + absl::Minutes(10))});
  ASSERT_EQ(List().size(), 1u);
  harness_.Record(Deleted("room", "x", kMonday + absl::Hours(1)));
  for (const int days : {10, 20, 45, 80, 120}) {
    SCOPED_TRACE(days);
    harness_.now = kMonday + absl::Hours(24 * days);
    harness_.Sweep();
    if (days == 80) {
      ASSERT_TRUE(harness_.Reopen().ok());
    }
    const std::string id = absl::StrCat("late", days);
    // Told so late, of before the deletion: of the plan that was deleted, and of another.
    harness_.Record(
        {invited(id, kMonday + absl::Minutes(days)),
         Scheduled("room", id + "s", kMonday + absl::Minutes(30), planned + absl::Hours(24 * days), absl::Hours(1))});
    EXPECT_TRUE(List().empty());
    RecordAt(harness_.now, Hour(harness_.now - absl::Hours(2), id + "-guest"));
    EXPECT_EQ(NamesNow(), std::set<std::string>{absl::StrCat("Name ", id, "-guest")});
    EXPECT_EQ(harness_.Values(kMeetingName), 0u);
    const v1::RecordResult again = harness_.Record(Deleted("room", absl::StrCat("x", days), harness_.now));
    EXPECT_EQ(again.accepted(), 1u);
    EXPECT_TRUE(List().empty());
  }
}

TEST_F(Rooms, WhatIsToldOfADeletedMeetingInTimeIsHistoryOfIt) {
  const absl::Time planned = kMonday + absl::Hours(24 * 21);
  RecordAt(kMonday, {Scheduled("room", "s", kMonday, planned, absl::Hours(1))});
  RecordAt(planned + absl::Hours(8), {Deleted("room", "x", planned + absl::Hours(8))});
  RecordAt(planned + absl::Hours(66), Hour(planned, "ada"));
  size_t occurrences = 0;
  for (auto row = harness_.store().ScanPrefix(Family::kState, LocatorPrefix()); row->Valid(); row->Next()) {
    ++occurrences;
  }
  EXPECT_EQ(occurrences, 2u) << "the meeting, though it was planned long before, and the day of the deletion";
  EXPECT_TRUE(List().empty());
}

TEST_F(Rooms, AFileThatHasEndedIsNotMovedWithThoseThatLive) {
  const auto of_sitting = [](v1::Event event, const std::string& name) {
    event.set_occurrence_id(name);
    return event;
  };
  const absl::Time next_day = kMonday + absl::Hours(24);
  RecordAt(kMonday + absl::Minutes(10),
           {Scheduled("room", "s", kMonday - absl::Hours(1), kMonday, absl::Hours(1)),
            of_sitting(Joined("room", "ja", kMonday, "ada"), "a"), of_sitting(Joined("room", "jb", kMonday, "bo"), "b"),
            of_sitting(File("room", "fa", kMonday + absl::Minutes(5), "bucket/a"), "a"),
            of_sitting(File("room", "fb", kMonday + absl::Minutes(5), "bucket/b"), "b")});
  ASSERT_EQ(List().size(), 1u);
  ASSERT_EQ(harness_.Values(kFileShare), 2u);
  RecordAt(kMonday + absl::Hours(1), {of_sitting(Left("room", "la", kMonday + absl::Hours(1), "ada"), "a")});
  // No sweep has looked at it yet, and the other sitting goes on for a day more.
  RecordAt(next_day, {of_sitting(Reconnected("room", "rb", next_day, "bo"), "b")});
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  EXPECT_EQ(harness_.Orders(), 1u);
  RecordAt(next_day + absl::Hours(1), {of_sitting(Left("room", "lb", next_day + absl::Hours(1), "bo"), "b")});
  harness_.now = next_day + absl::Hours(2);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(harness_.Orders(), 2u);
}

TEST_F(Rooms, WhatOvertakesItsJoinIsOfNoFixedMeetingThatIsOver) {
  // Nobody left on Monday, for all that is known. Of the next Sunday's meeting all comes when Monday's is fixed.
  const absl::Time next = kMonday + absl::Hours(6 * 24 + 18);
  std::vector<int> order = {0, 1, 2};
  std::vector<std::string> rooms;
  for (int i = 0; i < 6; ++i) rooms.push_back(absl::StrCat("room", i));
  for (const std::string& room : rooms) RecordAt(kMonday + absl::Hours(1), {Joined(room, room, kMonday, "bo")});
  harness_.now = kMonday + absl::Hours(24 * 9);
  harness_.Sweep();
  for (const std::string& room : rooms) {
    const std::vector<v1::Event> events = {Joined(room, room + "j", next, "cy", "Name cy"),
                                           Left(room, room + "l", next + absl::Minutes(30), "cy"),
                                           Ended(room, room + "e", next + absl::Minutes(31))};
    for (const int i : order) EXPECT_EQ(harness_.Record(events[i]).accepted(), 1u);
    for (const int i : order) EXPECT_EQ(harness_.Record(events[i]).duplicates(), 1u);
    std::set<int64_t> begun;
    for (const v1::Meeting& meeting : List(room)) begun.insert(meeting.start_time().seconds());
    EXPECT_EQ(begun, (std::set<int64_t>{absl::ToUnixSeconds(kMonday), absl::ToUnixSeconds(next)})) << room;
    std::next_permutation(order.begin(), order.end());
  }
  EXPECT_EQ(harness_.Values(kParticipantName), rooms.size()) << "her name lives as long as that of any meeting";
}

TEST_F(Rooms, WhoIsToldLateToHaveComeIntoAFixedMeetingLeavesIt) {
  const std::vector<std::string> rooms = {"batch", "batches"};
  for (const std::string& room : rooms) {
    RecordAt(kMonday + absl::Hours(1),
             {Joined(room, room, kMonday, "ada"), Left(room, room + "l", kMonday + absl::Minutes(40), "ada")});
  }
  harness_.now = kMonday + absl::Hours(24 * 9);
  harness_.Sweep();
  for (const std::string& room : rooms) {
    const v1::Event joined = Joined(room, room + "j2", kMonday + absl::Minutes(35), "cy");
    const v1::Event left = Left(room, room + "l2", kMonday + absl::Minutes(50), "cy");
    if (room == "batches") harness_.Record(joined);
    EXPECT_EQ(harness_.Record({joined, left, left}).accepted(), room == "batches" ? 1u : 2u);
    ASSERT_EQ(List(room).size(), 1u);
    const auto report = harness_.Report(room);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->end_time().seconds(), absl::ToUnixSeconds(kMonday + absl::Minutes(50)));
    EXPECT_FALSE(report->presumed());
    ASSERT_EQ(report->participants_size(), 2);
    EXPECT_EQ(report->participants(1).total_time().seconds(), 15 * 60);
  }
}

TEST_F(Rooms, ABadValueCostsItselfAndIsNamed) {
  v1::Event plan = Scheduled("room", "s", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  v1::Invitee& invitee = *plan.mutable_meeting_scheduled()->add_invitees();
  invitee.set_participant_id("x");
  invitee.set_name("Name x");
  invitee.set_email("no address");
  const std::string path =
      absl::StrCat("meeting_scheduled.invitees[", plan.meeting_scheduled().invitees_size() - 1, "].email");
  v1::Event join = Joined("room", "j", kMonday - absl::Hours(2), "p", "Ada", "ada@example.org", "300.1.2.3");
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record({plan, join});
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(result.rejections_size(), 0);
  EXPECT_EQ(result.values_rejected(), 2u);
  ASSERT_EQ(result.value_rejections_size(), 2);
  EXPECT_EQ(result.value_rejections(0).field(), path);
  EXPECT_EQ(result.value_rejections(1).index(), 1u);
  EXPECT_EQ(result.value_rejections(1).field(), "participant_joined.ip");
  EXPECT_EQ(harness_.Values(kParticipantIp), 0u);
  EXPECT_TRUE(NamesNow().contains("Name x"));
}

TEST_F(Rooms, ABadClientOrSiteOfAFailedJoinCostsItselfAlone) {
  v1::Event failed = NewEvent("room", "f", kMonday);
  failed.mutable_join_failed()->set_participant_id("p");
  failed.mutable_join_failed()->set_cause(v1::JOIN_FAILURE_CAUSE_FULL);
  failed.mutable_join_failed()->set_client_kind("a b");
  failed.mutable_join_failed()->set_media_site(std::string(33, 'y'));
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record(failed);
  EXPECT_EQ(result.accepted(), 1u);
  ASSERT_EQ(result.value_rejections_size(), 2);
  EXPECT_EQ(result.value_rejections(0).field(), "join_failed.client_kind");
  EXPECT_EQ(result.value_rejections(1).field(), "join_failed.media_site");
}

TEST_F(Rooms, AnEventIsRefusedForWhatCannotBeLeftOutOfIt) {
  v1::Event plan = Scheduled("room", "s", kMonday - absl::Hours(3), kMonday, absl::Hours(1));
  plan.mutable_meeting_scheduled()->set_name(std::string(kMaxMeetingNameBytes + 1, 'n'));
  plan.mutable_meeting_scheduled()->clear_planned_start();
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record(plan);
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).field(), "meeting_scheduled.planned_start");
}

TEST_F(Rooms, AnObjectOfARefusedEventIsOrderedAway) {
  v1::Event malformed = Recording("room", "r", kMonday - absl::Hours(2), "bucket/rec");
  malformed.set_meeting_id("no identifier");
  v1::Event stranger = File("room", "f", kMonday - absl::Hours(2), "bucket/file");
  stranger.set_pbx_id("nobody");
  v1::Event early = Pdf("room", "d", kMonday + absl::Hours(2), "bucket/pdf");
  harness_.now = kMonday;
  const v1::RecordResult result = harness_.Record({malformed, stranger, early});
  EXPECT_EQ(result.rejections_size(), 3);
  EXPECT_EQ(result.objects_ordered_away(), 2u) << "the third only came too early";
  EXPECT_EQ(harness_.Orders(), 2u);
}

TEST_F(Rooms, AnAddressAsParticipantIdGoesWithTheAddress) {
  const std::string address = "ina.kunz@example.org";
  RecordAt(kMonday + absl::Hours(2), {Joined("room", "j", kMonday, address), Left("room", "l", kMonday, address)});
  ASSERT_EQ(harness_.Participants("room").size(), 1u);
  EXPECT_EQ(harness_.Participants("room")[0].participant_id(), address);
  EXPECT_EQ(harness_.Report("room")->participants(0).participant_ids(0), address);
  harness_.now = At("2026-03-10T00:00:00+01:00");
  ASSERT_EQ(harness_.Participants("room").size(), 1u);
  EXPECT_EQ(harness_.Participants("room")[0].participant_id(), "participant 1");
  EXPECT_EQ(harness_.Report("room")->participants(0).participant_ids_size(), 0);
}

// A plan beside it began the second sitting: that is another meeting's, and is not read with it.
TEST_F(Rooms, WhatAnotherPlanCutStaysCutOnceItIsFixed) {
  const auto begin = [](int hours, int minutes) { return kMonday + absl::Hours(hours) + absl::Minutes(minutes); };
  v1::Event named = Scheduled("m", "named", begin(-1, 0), begin(4, 0), absl::Hours(4));
  named.set_occurrence_id("a");
  harness_.now = begin(5, 0);
  harness_.Record({named, Scheduled("m", "beside", begin(-1, 0), begin(9, 0), absl::Hours(1)),
                   Joined("m", "first", begin(0, 0), "p"), Joined("m", "second", begin(3, 0), "q"),
                   Rescheduled("m", "moved", begin(4, 0), begin(100, 0), absl::Hours(1))});
  harness_.now = begin(24 * 9, 0);
  harness_.Sweep();
  const Holdings& holdings = harness_.engine().holdings();
  MeetingCache cache(holdings.store, holdings.vault, holdings.names, holdings.policies);
  const auto room = cache.Find(*holdings.registry.Find("pbx", harness_.now), "m", holdings.LastDue(harness_.now));
  ASSERT_TRUE(room.ok()) << room.status();
  size_t of_two = 0;
  for (const auto& [number, meeting] : (*room)->meetings) {
    if (meeting.locator.facts.sittings.size() == 2) ++of_two;
    if (meeting.fixed) ASSERT_TRUE(cache.CutOf(**room, meeting).ok());
    EXPECT_EQ((*room)->FactsOf(number), meeting.locator.facts);
  }
  EXPECT_EQ(of_two, 1u);
}

}  // namespace
}  // namespace retention
