#include "client/simulation/simulated_platform.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <sstream>

#include "client/human_units.h"
#include "client/simulation/identities.h"
#include "retention/v1/event.pb.h"

namespace retention {
namespace {

std::vector<v1::Event> AllEvents(const PlatformOptions& options) {
  SimulatedPlatform platform(options);
  std::vector<v1::Event> all;
  std::vector<v1::Event> day;
  while (platform.NextDay(&day)) all.insert(all.end(), day.begin(), day.end());
  return all;
}

TEST(SimulatedPlatform, SameSeedGivesTheSameEventsAndAnotherSeedOthers) {
  PlatformOptions options;
  options.days = 5;
  const auto text = [&] {
    std::string joined;
    for (const auto& event : AllEvents(options)) joined += event.SerializeAsString();
    return joined;
  };
  const std::string first = text();
  EXPECT_EQ(first, text());
  options.seed = 2;
  EXPECT_NE(first, text());
}

TEST(SimulatedPlatform, NextDay_GivesEveryDayInOrderOfTimeWithinItsDay) {
  PlatformOptions options;
  options.start = absl::CivilDay(2026, 3, 27);  // The clock changes on the 29th.
  options.days = 5;
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  SimulatedPlatform platform(options);
  std::vector<v1::Event> events;
  int days = 0;
  while (platform.NextDay(&events)) {
    EXPECT_EQ(platform.day(), options.start + days);
    absl::Time before = absl::InfinitePast();
    for (const auto& event : events) {
      const absl::Time time = FromTimestamp(event.time());
      EXPECT_LE(before, time);
      before = time;
      if (days < options.days - 1) {
        EXPECT_EQ(absl::ToCivilDay(time, berlin), platform.day());
      }
    }
    ++days;
  }
  EXPECT_EQ(days, options.days);
  EXPECT_FALSE(platform.NextDay(&events));
  EXPECT_TRUE(events.empty());
}

TEST(SimulatedPlatform, EventIdsAreUniqueWithinTheirMeeting) {
  PlatformOptions options;
  options.days = 14;
  std::set<std::string> seen;
  for (const auto& event : AllEvents(options)) {
    EXPECT_TRUE(seen.insert(event.pbx_id() + " " + event.meeting_id() + " " + event.event_id()).second);
  }
}

TEST(SimulatedPlatform, FourWeeksLookLikeAPlatform) {
  PlatformOptions options;
  options.days = 28;
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  int started = 0, in_hours = 0, weekend = 0;
  std::map<int, int> count;
  std::map<std::string, std::set<absl::CivilDay>> days_of_person;
  std::map<std::string, int> size_of_meeting;
  std::set<std::string> guests;
  for (const auto& event : AllEvents(options)) {
    ++count[event.payload_case()];
    const auto civil = absl::ToCivilSecond(FromTimestamp(event.time()), berlin);
    if (event.has_meeting_started()) {
      ++started;
      in_hours += civil.hour() >= 7 && civil.hour() < 19;
      const auto weekday = absl::GetWeekday(civil);
      weekend += weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday;
    }
    if (event.has_participant_joined()) {
      const auto& joined = event.participant_joined();
      days_of_person[joined.email()].insert(absl::CivilDay(civil));
      ++size_of_meeting[event.meeting_id()];
      if (joined.extension().empty()) guests.insert(joined.email());
    }
  }
  // 20 working days with 40 meetings, give or take called-off ones.
  EXPECT_GT(started, 700);
  EXPECT_LT(started, 900);
  EXPECT_GT(in_hours, started * 0.98);
  EXPECT_GT(weekend, 0);
  EXPECT_LT(weekend, started * 0.05);
  int everyday = 0;
  for (const auto& [person, days] : days_of_person) everyday += days.size() >= 18;
  EXPECT_GT(everyday, 20);
  EXPECT_GT(guests.size(), 20u);
  int large = 0;
  for (const auto& [meeting, size] : size_of_meeting) large += size > 10;
  EXPECT_GT(large, started / 50);
  EXPECT_LT(large, started / 4);
  const int joins = count[v1::Event::kParticipantJoined];
  const int leaves = count[v1::Event::kParticipantLeft];
  EXPECT_LT(leaves, joins);
  EXPECT_GT(leaves, joins * 0.95);
  EXPECT_GT(count[v1::Event::kParticipantReconnected], joins / 30);
  EXPECT_LT(count[v1::Event::kParticipantReconnected], joins / 3);
  for (const auto payload : {v1::Event::kMeetingScheduled, v1::Event::kMeetingRescheduled, v1::Event::kMeetingEnded,
                             v1::Event::kMeetingDeleted, v1::Event::kMediaQualitySampled, v1::Event::kRecordingCreated,
                             v1::Event::kFileShared, v1::Event::kPdfShared, v1::Event::kPollCreated,
                             v1::Event::kPollAnswered, v1::Event::kChatMessageSent, v1::Event::kDialInAssigned}) {
    EXPECT_GT(count[payload], 0) << payload;
  }
}

TEST(SimulatedPlatform, ChatAndPollsKeepTheRules) {
  PlatformOptions options;
  options.days = 28;
  SimulatedPlatform platform(options);
  std::set<std::string> extensions, protocolled, scheduled;
  for (const auto& pbx : platform.pbxs()) {
    for (const auto& extension : pbx.sync.extensions()) extensions.insert(pbx.sync.pbx_id() + extension.number());
  }
  for (const auto& event : AllEvents(options)) {
    if (event.has_meeting_started() && event.meeting_started().protocolled()) protocolled.insert(event.meeting_id());
    if (event.has_chat_message_sent()) {
      EXPECT_TRUE(protocolled.contains(event.meeting_id()));
    }
    if (event.has_poll_created()) {
      EXPECT_TRUE(extensions.contains(event.pbx_id() + event.poll_created().owner_extension()));
    }
    if (event.has_meeting_scheduled()) {
      EXPECT_GE(event.meeting_scheduled().planned_start().seconds(), event.time().seconds());
      EXPECT_LE(event.meeting_scheduled().invitees_size(), 1000);
    }
  }
}

TEST(SimulatedPlatform, OnePersonAndOnePbxIsEnough) {
  PlatformOptions options;
  options.pbxs = 1;
  options.people = 1;
  options.days = 7;
  options.meetings_per_day = 1;
  EXPECT_GT(AllEvents(options).size(), 10u);
}

TEST(MeetingLoad, MeetingsHaveTheShapeOfTheBenchmark) {
  MeetingLoad load(MeetingLoadOptions{});
  google::protobuf::RepeatedPtrField<v1::Event> events;
  for (int i = 0; i < 3; ++i) load.AppendMeeting(&events);
  ASSERT_EQ(events.size(), 3 * MeetingLoad::kEventsPerMeeting);
  EXPECT_EQ(events[0].meeting_scheduled().invitees_size(), 8);
  std::map<int, int> count;
  for (int i = 0; i < MeetingLoad::kEventsPerMeeting; ++i) {
    ++count[events[i].payload_case()];
    EXPECT_GE(FromTimestamp(events[i].time()), MeetingLoadOptions().start);
    EXPECT_LE(FromTimestamp(events[i].time()), MeetingLoadOptions().start + absl::Hours(1));
  }
  EXPECT_EQ(count[v1::Event::kParticipantJoined], 8);
  EXPECT_EQ(count[v1::Event::kParticipantLeft], 8);
  EXPECT_EQ(count[v1::Event::kMediaQualitySampled], 5);
  EXPECT_EQ(count[v1::Event::kMeetingEnded], 1);
  EXPECT_EQ(load.meeting_id(), "load-0-2");
}

TEST(MeetingLoad, StreamsShareThePbxsButNoMeeting) {
  MeetingLoad first(MeetingLoadOptions{});
  MeetingLoadOptions options;
  options.stream = 1;
  MeetingLoad second(options);
  EXPECT_EQ(first.pbxs()[0].sync.SerializeAsString(), second.pbxs()[0].sync.SerializeAsString());
  google::protobuf::RepeatedPtrField<v1::Event> events;
  first.AppendMeeting(&events);
  second.AppendMeeting(&events);
  EXPECT_NE(events[0].meeting_id(), events[MeetingLoad::kEventsPerMeeting].meeting_id());
}

TEST(Identities, HoldEveryPersonalStringWithItsCategory) {
  v1::Event joined;
  joined.set_pbx_id("pbx-identifier");
  joined.mutable_participant_joined()->set_name("Emma Falkenstein");
  joined.mutable_participant_joined()->set_email("emma@nordlicht.example");
  joined.mutable_participant_joined()->set_ip("198.18.0.1");
  v1::Event scheduled;
  scheduled.mutable_meeting_scheduled()->set_comment("Confidential");
  scheduled.mutable_meeting_scheduled()->add_invitees()->set_name("Emma Falkenstein");
  Identities identities;
  identities.Add(joined);
  identities.Add(scheduled);
  v1::Extension extension;
  extension.set_number("1001");
  extension.set_last_name("Falkenstein");
  identities.Add(extension);
  std::ostringstream out;
  identities.Print(out);
  EXPECT_EQ(
      out.str(),
      "PARTICIPANT_NAME\tEmma Falkenstein\nPARTICIPANT_EMAIL\temma@nordlicht.example\nMEETING_COMMENT\tConfidential\n"
      "PARTICIPANT_IP\t198.18.0.1\nPBX_SYNC\tFalkenstein\n");
}

}  // namespace
}  // namespace retention
