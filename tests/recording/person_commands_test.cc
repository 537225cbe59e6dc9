// What a person may ask for of what a room holds of them: it ends, is put right, or is out of sight; and nobody else
// notices.
#include "server/recording/person_commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/days/cohort_rows.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"

namespace retention {
namespace {

std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }

const PersonInRoom kAnna{.email = "ANNA@Example.org"};

// Anna and Bob meet; she writes, votes, breaks off and comes back by another participant id.
std::vector<v1::Event> AMeeting() {
  const absl::Time t = kMonday;
  v1::Event plan = Scheduled("m", "plan", t, t, absl::Hours(1));
  plan.mutable_meeting_scheduled()->set_protocolled(true);
  plan.mutable_meeting_scheduled()->clear_invitees();
  v1::Invitee& invited = *plan.mutable_meeting_scheduled()->add_invitees();
  invited.set_participant_id("invited");
  invited.set_name("Anna A.");
  invited.set_email("anna@example.org");
  v1::Event poll = NewEvent("m", "poll", t + absl::Minutes(2));
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->set_question("When?");
  for (const char* option : {"now", "later"}) poll.mutable_poll_created()->add_options(option);
  const auto vote = [&](const char* id, const char* who) {
    v1::Event event = NewEvent("m", id, t + absl::Minutes(3));
    event.mutable_poll_answered()->set_poll_id("lunch");
    event.mutable_poll_answered()->set_participant_id(who);
    event.mutable_poll_answered()->add_option_indexes(0);
    return event;
  };
  const auto chat = [&](const char* id, const char* who) {
    v1::Event event = Chat("m", id, t + absl::Minutes(4), absl::StrCat("said by ", who));
    event.mutable_chat_message_sent()->set_participant_id(who);
    return event;
  };
  return {plan,
          Joined("m", "a1", t + absl::Minutes(1), "anna-1", "Anna A.", "anna@example.org", "203.0.113.1"),
          Joined("m", "b1", t + absl::Minutes(2), "bob", "Bob B.", "bob@example.org", "203.0.113.2"),
          poll,
          vote("v1", "anna-1"),
          vote("v2", "bob"),
          chat("c1", "anna-1"),
          chat("c2", "bob"),
          Left("m", "a2", t + absl::Minutes(10), "anna-1"),
          Joined("m", "a3", t + absl::Minutes(20), "anna-2", "Anna", "anna@example.org", "203.0.113.3"),
          File("m", "f", t + absl::Minutes(25), "file"),
          Left("m", "b2", t + absl::Minutes(30), "bob"),
          Left("m", "a4", t + absl::Minutes(40), "anna-2")};
}

class PersonCommandsTest : public ::testing::Test {
 protected:
  PersonCommandsTest() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now = kMonday + absl::Minutes(35);
  }
  void Meet() { ASSERT_EQ(harness_.Record(AMeeting()).accepted(), AMeeting().size()); }
  std::set<std::string> Names() {
    std::set<std::string> names;
    for (const v1::Participant& participant : harness_.Participants("m")) names.insert(participant.name());
    return names;
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    const auto report = harness_.Report("m");
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return lines;
    for (const v1::ParticipantReport& line : report->participants()) {
      lines.push_back(absl::StrCat(line.name(), " ", line.total_time().seconds(), " ", line.reconnections()));
    }
    return lines;
  }
  size_t Counted() {
    const auto view = harness_.store().Snapshot();
    size_t counted = 0;
    const auto read = ReadCohort(*view, harness_.engine().vault(), harness_.engine().policies().current(),
                                 DueDay(absl::CivilDay(2026, 3, 2)), [&](const CountedPresence&) { ++counted; });
    EXPECT_TRUE(read.ok()) << read.status();
    return counted;
  }

  Harness harness_;
};

TEST_F(PersonCommandsTest, ErasedIsWhoTheyWereNotThatSomebodyWasThere) {
  Meet();
  harness_.now = kMonday + absl::Minutes(45);
  ASSERT_EQ(Lines(), (std::vector<std::string>{"Anna A. 1740 1", "Bob B. 1680 0"}));
  ASSERT_EQ(Counted(), 3u);
  const auto erased = harness_.engine().ErasePerson("pbx", "m", kAnna, harness_.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->erased[kParticipantName], 3u);
  EXPECT_EQ(erased->erased[kParticipantEmail], 3u);
  EXPECT_EQ(erased->erased[kParticipantIp], 2u);
  EXPECT_EQ(erased->erased[kChatProtocol], 1u);
  EXPECT_EQ(erased->erased[kPoll], 1u);
  EXPECT_EQ(erased->erased[kHistory], 4u);
  const auto look = [&] {
    EXPECT_EQ(Names(), (std::set<std::string>{"", "Bob B."}));
    // Whom nothing joins any more are two.
    EXPECT_EQ(Lines(), (std::vector<std::string>{"participant 1 540 0", "Bob B. 1680 0", "participant 3 1200 0"}));
    EXPECT_EQ(harness_.Values(kChatProtocol), 1u);
    EXPECT_EQ(harness_.Values(kPoll), 2u);
    EXPECT_EQ(Counted(), 1u);
    for (const v1::Participant& participant : harness_.Participants("m")) {
      EXPECT_FALSE(absl::StrContains(participant.participant_id(), "anna")) << participant.participant_id();
    }
  };
  look();
  // What is sent again brings nobody back.
  EXPECT_EQ(harness_.Record(AMeeting()).duplicates(), AMeeting().size());
  look();
  ASSERT_TRUE(harness_.Reopen().ok());
  look();
  EXPECT_EQ(harness_.Record(AMeeting()).duplicates(), AMeeting().size());
  look();
  const auto again = harness_.engine().ErasePerson("pbx", "m", kAnna, harness_.now);
  EXPECT_EQ(Reason(again.status()), "PERSON_UNKNOWN");
}

TEST_F(PersonCommandsTest, AnyNameOfThemWillDo) {
  for (const PersonInRoom& person :
       {PersonInRoom{.participant_id = "anna-2"}, PersonInRoom{.display_name = "Anna"}, kAnna}) {
    Harness harness(kMonday);
    harness.SyncPbx();
    harness.now = kMonday + absl::Minutes(45);
    harness.Record(AMeeting());
    ASSERT_TRUE(harness.engine().ErasePerson("pbx", "m", person, harness.now).ok());
    for (const v1::Participant& participant : harness.Participants("m")) {
      EXPECT_NE(participant.name(), "Anna");
      // Whoever is one person with them by an address is them; who was invited by it only by the address itself.
      EXPECT_FALSE(participant.name() == "Anna A." && participant.has_first_join_time());
    }
  }
}

TEST_F(PersonCommandsTest, WrongRequestsChangeNothing) {
  Meet();
  const auto reason_of = [&](const char* pbx, const char* meeting, const PersonInRoom& person) {
    return Reason(harness_.engine().ErasePerson(pbx, meeting, person, harness_.now).status());
  };
  EXPECT_EQ(reason_of("other", "m", kAnna), "PBX_UNKNOWN");
  EXPECT_EQ(reason_of("pbx", "other", kAnna), "MEETING_UNKNOWN");
  EXPECT_EQ(reason_of("pbx", "m", {.email = "carl@example.org"}), "PERSON_UNKNOWN");
  EXPECT_EQ(reason_of("pbx", "m", {}), "INVALID_FIELD");
  const auto rectify = [&](const Rectification& rectification) {
    return Reason(harness_.engine().RectifyPerson("pbx", "m", kAnna, rectification, harness_.now));
  };
  EXPECT_EQ(rectify({.category = kChatProtocol, .was = "x", .is = "y"}), "INVALID_FIELD");
  EXPECT_EQ(rectify({.category = kParticipantEmail, .was = "anna@example.org", .is = "nonsense"}), "INVALID_FIELD");
  EXPECT_EQ(rectify({.category = kParticipantName, .was = "Anna", .is = ""}), "INVALID_FIELD");
  EXPECT_EQ(rectify({.category = kParticipantName, .was = "Bob B.", .is = "B"}), "PERSON_UNKNOWN");
  EXPECT_EQ(Names(), (std::set<std::string>{"Anna", "Anna A.", "Bob B."}));
  EXPECT_EQ(Counted(), 3u);
}

TEST_F(PersonCommandsTest, ARectifiedAddressIsTheirsInAllThatFollows) {
  Meet();
  const Rectification address{.category = kParticipantEmail, .was = "Anna@example.org", .is = "annette@example.org"};
  ASSERT_TRUE(harness_.engine().RectifyPerson("pbx", "m", kAnna, address, harness_.now).ok());
  const PersonInRoom annette{.email = "annette@example.org"};
  ASSERT_TRUE(
      harness_.engine().RectifyPerson("pbx", "m", annette, {.was = "Anna", .is = "Annette"}, harness_.now).ok());
  const auto look = [&] {
    for (const v1::Participant& participant : harness_.Participants("m")) {
      const bool is_hers = absl::StartsWith(participant.name(), "Ann");
      EXPECT_EQ(participant.email(), is_hers ? "annette@example.org" : "bob@example.org");
    }
    EXPECT_EQ(Names(), (std::set<std::string>{"Annette", "Anna A.", "Bob B."}));
    EXPECT_EQ(Lines().size(), 2u);
  };
  look();
  ASSERT_TRUE(harness_.Reopen().ok());
  look();
  EXPECT_EQ(Reason(harness_.engine().ErasePerson("pbx", "m", kAnna, harness_.now).status()), "PERSON_UNKNOWN");
  // Who comes by the right address is the same person, to the report and to the cohort.
  harness_.now = kMonday + absl::Minutes(50);
  harness_.Record(Joined("m", "a5", harness_.now, "anna-3", "Annette", "annette@example.org"));
  EXPECT_EQ(Lines().size(), 2u);
  std::set<PersonToken> people;
  const auto view = harness_.store().Snapshot();
  ASSERT_TRUE(ReadCohort(*view, harness_.engine().vault(), harness_.engine().policies().current(),
                         DueDay(absl::CivilDay(2026, 3, 2)),
                         [&](const CountedPresence& of) { people.insert(of.participation.person); })
                  .ok());
  EXPECT_EQ(people.size(), 2u);
}

TEST_F(PersonCommandsTest, WhatIsRestrictedIsThereForNobodyUntilItIsNot) {
  Meet();
  harness_.now = kMonday + absl::Minutes(45);
  const std::vector<std::string> lines = Lines();
  const auto values = [&] {
    std::vector<uint64_t> values;
    for (const CategoryNumber category : {kParticipantName, kParticipantEmail, kParticipantIp, kChatProtocol, kHistory})
      values.push_back(harness_.Values(category));
    return values;
  };
  const std::vector<uint64_t> held = values();
  ASSERT_TRUE(harness_.engine().RestrictPerson("pbx", "m", kAnna, true, harness_.now).ok());
  const auto look = [&] {
    EXPECT_EQ(Names(), (std::set<std::string>{"Bob B."}));
    EXPECT_EQ(Lines(), (std::vector<std::string>{"Bob B. 1680 0"}));
    EXPECT_EQ(Counted(), 1u);
    EXPECT_EQ(values(), held);
  };
  look();
  ASSERT_TRUE(harness_.engine().RestrictPerson("pbx", "m", kAnna, true, harness_.now).ok());
  EXPECT_EQ(harness_.Record(AMeeting()).duplicates(), AMeeting().size());
  ASSERT_TRUE(harness_.Reopen().ok());
  look();
  ASSERT_TRUE(harness_.engine().RestrictPerson("pbx", "m", kAnna, false, harness_.now).ok());
  EXPECT_EQ(Lines(), lines);
  EXPECT_EQ(Counted(), 3u);
  EXPECT_EQ(values(), held);
}

// Rows that move, are divided or are kept by holds stay restricted.
TEST_F(PersonCommandsTest, WhatIsRestrictedStaysSoWhereverItGoes) {
  const absl::Time start = kMonday + absl::Hours(72);
  v1::Event plan = Scheduled("m", "plan", kMonday, start, absl::Hours(1));
  plan.mutable_meeting_scheduled()->clear_invitees();
  for (const char* who : {"anna", "bob"}) {
    v1::Invitee& invited = *plan.mutable_meeting_scheduled()->add_invitees();
    invited.set_participant_id(who);
    invited.set_name(who);
    invited.set_email(absl::StrCat(who, "@example.org"));
  }
  harness_.Record(plan);
  ASSERT_TRUE(harness_.engine().RestrictPerson("pbx", "m", kAnna, true, harness_.now).ok());
  ASSERT_EQ(Names(), (std::set<std::string>{"bob"}));
  // Within the early span: the same plan, on other days.
  harness_.Record(Rescheduled("m", "again", harness_.now, start - absl::Hours(11), absl::Hours(1)));
  EXPECT_EQ(Names(), (std::set<std::string>{"bob"}));
  // Another plan, of which nothing that is restricted is said.
  harness_.Record(Rescheduled("m", "anew", harness_.now + kTick, start + absl::Hours(48), absl::Hours(1)));
  EXPECT_EQ(Names(), (std::set<std::string>{"bob"}));
  ASSERT_TRUE(harness_.engine().CreateHold(PbxHold("case", harness_.now), harness_.now).ok());
  ASSERT_TRUE(harness_.engine().DeleteMeeting("pbx", "m", "asked for", harness_.now).ok());
  size_t restricted = 0;
  const auto view = harness_.store().Snapshot();
  auto rows = view->ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept(), kParticipantName));
  for (; rows->Valid(); rows->Next()) {
    const auto key = FiledKey::Decode(rows->key());
    const auto opened = harness_.engine().vault().Open(*key, rows->value(), Opener::kReader);
    restricted += absl::IsNotFound(opened.status()) ? 1 : 0;
    EXPECT_FALSE(opened.ok() && absl::StrContains(opened->Reveal(), "anna"));
  }
  EXPECT_GT(restricted, 0u);
}

TEST_F(PersonCommandsTest, AHoldKeepsWhatIsErased) {
  Meet();
  ASSERT_TRUE(harness_.engine().CreateHold(EmailHold("case", harness_.now, "anna@example.org"), harness_.now).ok());
  const auto erased = harness_.engine().ErasePerson("pbx", "m", kAnna, harness_.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->kept[kParticipantName], 3u);
  EXPECT_EQ(erased->erased[kParticipantName], 0u);
  EXPECT_EQ(erased->kept[kHistory], 4u);
  EXPECT_EQ(Names(), (std::set<std::string>{"", "Bob B."}));
  ASSERT_TRUE(harness_.engine().ReleaseHold("case", harness_.now).ok());
  harness_.Sweep();
  const auto counts = harness_.engine().counts().Read();
  EXPECT_TRUE(!counts.contains(DueDay::Kept()) || counts.at(DueDay::Kept())[kParticipantName].values == 0);
}

// Of a person who is there only their name ends: the meeting goes on as it was.
TEST_F(PersonCommandsTest, ErasedWhileTheMeetingRuns) {
  std::vector<v1::Event> events = AMeeting();
  std::vector<v1::Event> later(events.end() - 2, events.end());
  events.resize(events.size() - 2);
  harness_.now = kMonday + absl::Minutes(26);
  harness_.Record(events);
  ASSERT_TRUE(harness_.engine().ErasePerson("pbx", "m", kAnna, harness_.now).ok());
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  EXPECT_FALSE(harness_.Get("m")->has_end_time());
  harness_.now = kMonday + absl::Minutes(45);
  EXPECT_EQ(harness_.Record(later).accepted(), later.size());
  harness_.Record(Ended("m", "end", harness_.now));
  EXPECT_TRUE(harness_.Get("m")->has_end_time());
  harness_.now += absl::Minutes(1);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(Names(), (std::set<std::string>{"", "Bob B."}));
}

// Somebody stays until their meeting has lasted as long as it may, and is there in the next: so its locator says.
TEST(PersonsInRooms, WhoWentOverIsErasedFromWhatTheNextMeetingBeganWith) {
  Harness harness(kMonday);
  harness.SyncPbx();
  std::vector<v1::Event> events = {Joined("m", "a", kMonday, "anna", "Anna", "anna@example.org")};
  for (int half_day = 1; half_day <= 14; ++half_day) {
    v1::Event sample = NewEvent("m", absl::StrCat("s", half_day), kMonday + absl::Hours(12 * half_day));
    sample.mutable_media_quality_sampled()->set_participant_id("anna");
    events.push_back(sample);
  }
  harness.now = kMonday + absl::Hours(7 * 24 + 2);
  events.push_back(Joined("m", "b", harness.now - absl::Hours(1), "bob"));
  harness.Record(events);
  const Holdings& holdings = harness.engine().holdings();
  // Whom meetings began with, as what is stored says; and as it is when the room is read back.
  const auto began_with = [&] {
    MeetingCache cache(holdings.store, holdings.vault, holdings.names, holdings.policies);
    auto room = cache.Find(*holdings.registry.Find("pbx", harness.now), "m", holdings.LastDue(harness.now));
    EXPECT_TRUE(room.ok()) << room.status();
    std::set<bool> are_anna;
    for (const auto& [number, meeting] : (*room)->meetings) {
      EXPECT_TRUE((*room)->FactsOf(number) == meeting.locator.facts);
      for (const SittingFacts& sitting : meeting.locator.facts.sittings) {
        for (const CarriedConnection& carried : sitting.carried) {
          are_anna.insert(carried.participant == ParticipantFingerprint((*room)->NameOf(holdings.vault, "anna")));
        }
      }
    }
    return are_anna;
  };
  EXPECT_EQ(began_with(), std::set<bool>{true});
  ASSERT_TRUE(harness.engine().ErasePerson("pbx", "m", {.email = "anna@example.org"}, harness.now).ok());
  EXPECT_EQ(began_with(), std::set<bool>{false}) << "that somebody was there, and not who";
  harness.now += absl::Hours(24);
  harness.Sweep();
  EXPECT_EQ(began_with(), std::set<bool>{false}) << "nor when the former meeting is fixed";
}

// Random rooms: whoever is erased, nobody else's line, no end and no day changes, then or after a restart.
TEST(PersonsInRooms, NobodyElseNoticesAnErasure) {
  int erasures = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Harness harness(kMonday);
    harness.SyncPbx();
    std::vector<v1::Event> events;
    absl::Time time = kMonday;
    for (int i = 0; i < 40; ++i) {
      time += absl::Minutes(random() % 40);
      const std::string who = absl::StrCat("p", random() % 5);
      const std::string id = absl::StrCat("e", i);
      switch (random() % 5) {
        case 0:
          events.push_back(Left("m", id, time, who));
          break;
        case 1:
          events.push_back(Reconnected("m", id, time, who));
          break;
        case 2:
          events.push_back(random() % 8 == 0 ? Ended("m", id, time) : File("m", id, time, id));
          break;
        default:
          events.push_back(Joined("m", id, time, who, who, absl::StrCat(who, "@example.org")));
      }
      if (random() % 3 == 0) events.back().set_connection_id(absl::StrCat("c", random() % 3));
    }
    harness.now = time + absl::Minutes(random() % 100);
    harness.Record(events);
    // But for their own: of who has no name.
    const auto look = [&] {
      std::string all;
      v1::ListMeetingsRequest request;
      request.set_pbx_id("pbx");
      const auto listed = harness.reader().ListMeetings(request, harness.now);
      EXPECT_TRUE(listed.ok()) << listed.status();
      if (!listed.ok()) return all;
      for (const v1::Meeting& meeting : listed->meetings()) {
        absl::StrAppend(&all, meeting.ShortDebugString(), "\n");
        v1::GetMeetingReportRequest of;
        of.set_pbx_id("pbx");
        of.set_meeting_id("m");
        of.set_occurrence(meeting.occurrence());
        const auto report = harness.reader().GetMeetingReport(of, harness.now);
        if (!report.ok()) continue;
        std::vector<std::string> lines;
        for (const v1::ParticipantReport& line : report->report().participants()) {
          if (line.name() != "p0" && !absl::StartsWith(line.name(), "participant ")) {
            lines.push_back(line.ShortDebugString());
          }
        }
        std::sort(lines.begin(), lines.end());
        for (const std::string& line : lines) absl::StrAppend(&all, "  ", line, "\n");
      }
      for (const CategoryNumber category : kFiledByMeeting) {
        if (category != kParticipantName && category != kParticipantEmail && category != kParticipantIp) {
          absl::StrAppend(&all, category, ": ", harness.DueDayOf(category), " ", harness.Values(category), "\n");
        }
      }
      return all;
    };
    const std::string before = look();
    const auto erased = harness.engine().ErasePerson("pbx", "m", {.participant_id = "p0"}, harness.now);
    if (!erased.ok()) {
      EXPECT_EQ(Reason(erased.status()), "PERSON_UNKNOWN");
      continue;
    }
    ++erasures;
    EXPECT_EQ(look(), before);
    ASSERT_TRUE(harness.Reopen().ok());
    std::shuffle(events.begin(), events.end(), random);
    EXPECT_EQ(harness.Record(events).accepted(), 0u);
    EXPECT_EQ(look(), before);
    ExpectNothingDangles(harness.store(), harness.engine().policy());
  }
  EXPECT_GT(erasures, 50);
}

}  // namespace
}  // namespace retention
