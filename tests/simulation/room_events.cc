#include "tests/simulation/room_events.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {

std::string RoomEvents::Canary(const char* kind) { return absl::StrCat(kind, "-", meeting_id_, "-", ++canaries_); }

void RoomEvents::NameExtension(const std::string& number, v1::Event& event) {
  if (names_extensions_ && !number.empty() && dice_.Chance(60)) event.set_extension_id(kExtensionId + number);
}

v1::Event& RoomEvents::New(absl::Time time) {
  v1::Event& event = events_.emplace_back();
  event.set_event_id(Canary("event"));
  event.set_pbx_id("pbx");
  event.set_meeting_id(meeting_id_);
  Assign(absl::ToUnixMicros(time), *event.mutable_time());
  return event;
}

std::string RoomEvents::Anybody() {
  static const std::vector<std::string>& people =
      *new std::vector<std::string>{"ada", "bo", "cy@example.org", "dee", "Eli@Example.org"};
  return dice_.Pick(people);
}

v1::Event& RoomEvents::Scheduled(absl::Time time, absl::Time start, absl::Duration length) {
  v1::Event& event = New(time);
  v1::MeetingScheduled& scheduled = *event.mutable_meeting_scheduled();
  Assign(absl::ToUnixMicros(start), *scheduled.mutable_planned_start());
  scheduled.mutable_planned_duration()->set_seconds(absl::ToInt64Seconds(length));
  scheduled.set_name(Canary("name"));
  if (dice_.Chance(50)) scheduled.set_comment(Canary("comment"));
  if (dice_.Chance(70)) scheduled.set_organizer_extension(dice_.Chance(50) ? "100" : "101");
  NameExtension(scheduled.organizer_extension(), event);
  scheduled.set_protocolled(dice_.Chance(50));
  for (int64_t i = dice_.Between(0, 2); i > 0; --i) {
    v1::Invitee& invitee = *scheduled.add_invitees();
    invitee.set_participant_id(Anybody());
    invitee.set_name(Canary("invitee"));
    if (dice_.Chance(70)) invitee.set_email(Canary("mail") + "@example.org");
    if (i == 1 && dice_.Chance(10)) invitee.clear_name();  // one at most: what says nothing is told apart by nothing
  }
  return event;
}

v1::Event& RoomEvents::Rescheduled(absl::Time time, absl::Time start, absl::Duration length) {
  v1::Event& event = New(time);
  v1::MeetingRescheduled& rescheduled = *event.mutable_meeting_rescheduled();
  Assign(absl::ToUnixMicros(start), *rescheduled.mutable_planned_start());
  rescheduled.mutable_planned_duration()->set_seconds(absl::ToInt64Seconds(length));
  return event;
}

v1::Event& RoomEvents::Started(absl::Time time) {
  v1::Event& event = New(time);
  v1::MeetingStarted& started = *event.mutable_meeting_started();
  if (dice_.Chance(30)) started.set_name(Canary("quick"));
  if (dice_.Chance(30)) started.set_organizer_extension(dice_.Chance(50) ? "100" : "101");
  NameExtension(started.organizer_extension(), event);
  started.set_protocolled(dice_.Chance(30));
  return event;
}

v1::Event& RoomEvents::Ended(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_meeting_ended();
  return event;
}

v1::Event& RoomEvents::Deleted(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_meeting_deleted();
  return event;
}

v1::Event& RoomEvents::Joined(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  v1::ParticipantJoined& joined = *event.mutable_participant_joined();
  joined.set_participant_id(who);
  if (dice_.Chance(80)) joined.set_name(Canary("name"));
  if (dice_.Chance(40)) joined.set_email(dice_.Chance(30) ? "Shared@example.org" : who[0] + Canary("mail") + "@x.de");
  if (dice_.Chance(10)) joined.set_extension("100");
  NameExtension(joined.extension(), event);
  if (dice_.Chance(20)) event.set_user_id(absl::StrCat("user-", dice_.Below(3)));
  joined.set_ip(absl::StrCat("10.", dice_.Below(256), ".", dice_.Below(256), ".", dice_.Below(256)));
  joined.set_client_kind("ios");
  joined.set_media_site("fra");
  return event;
}

v1::Event& RoomEvents::Left(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_participant_left()->set_participant_id(who);
  return event;
}

v1::Event& RoomEvents::Reconnected(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_participant_reconnected()->set_participant_id(who);
  if (dice_.Chance(50)) event.mutable_participant_reconnected()->set_ip(absl::StrCat("10.0.0.", dice_.Below(256)));
  if (dice_.Chance(10)) event.set_user_id(absl::StrCat("user-", dice_.Below(3)));
  return event;
}

v1::Event& RoomEvents::Quality(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_media_quality_sampled()->set_participant_id(who);
  event.mutable_media_quality_sampled()->set_rtt_ms(40);
  return event;
}

v1::Event& RoomEvents::JoinFailed(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_join_failed()->set_participant_id(who);
  event.mutable_join_failed()->set_cause(v1::JOIN_FAILURE_CAUSE_NETWORK);
  return event;
}

v1::Event& RoomEvents::Invited(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  v1::Invitee& invitee = *event.mutable_participant_invited()->mutable_invitee();
  invitee.set_participant_id(who);
  invitee.set_name(Canary("invitee"));
  if (dice_.Chance(70)) invitee.set_email(Canary("mail") + "@example.org");
  return event;
}

v1::Event& RoomEvents::Uninvited(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_participant_uninvited()->set_participant_id(who);
  return event;
}

v1::Event& RoomEvents::DialIn(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_dial_in_assigned()->set_conference_number(absl::StrCat(dice_.Between(1000000, 9999999)));
  event.mutable_dial_in_assigned()->add_dial_in_numbers("+49 30 1234567");
  return event;
}

v1::Event& RoomEvents::File(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_file_shared()->set_file_id(Canary("file"));
  event.mutable_file_shared()->set_object_ref(Canary("file-ref"));
  return event;
}

v1::Event& RoomEvents::Pdf(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_pdf_shared()->set_pdf_id(Canary("pdf"));
  event.mutable_pdf_shared()->set_object_ref(Canary("pdf-ref"));
  return event;
}

v1::Event& RoomEvents::Recording(absl::Time time) {
  v1::Event& event = New(time);
  event.mutable_recording_created()->set_recording_id(Canary("recording"));
  event.mutable_recording_created()->set_object_ref(Canary("recording-ref"));
  return event;
}

v1::Event& RoomEvents::Chat(absl::Time time, const std::string& who) {
  v1::Event& event = New(time);
  event.mutable_chat_message_sent()->set_participant_id(who);
  event.mutable_chat_message_sent()->set_text(Canary("chat"));
  return event;
}

v1::Event& RoomEvents::Poll(absl::Time time) {
  v1::Event& event = New(time);
  v1::PollCreated& poll = *event.mutable_poll_created();
  poll.set_poll_id(Canary("poll"));
  poll.set_owner_extension(dice_.Chance(50) ? "100" : "101");
  NameExtension(poll.owner_extension(), event);
  poll.set_question(Canary("question"));
  poll.add_options(Canary("option"));
  return event;
}

v1::Event& RoomEvents::PollDeleted(absl::Time time, const std::string& poll_id) {
  v1::Event& event = New(time);
  event.mutable_poll_deleted()->set_poll_id(poll_id);
  return event;
}

void RoomEvents::AddAny(absl::Time time) {
  const absl::Time planned =
      time + absl::Minutes(dice_.Chance(50) ? dice_.Between(-60, 300) : dice_.Between(-600, 3000));
  const absl::Duration length = absl::Hours(dice_.Between(0, dice_.Chance(10) ? 60 : 4));
  switch (dice_.Below(25)) {
    case 0:
    case 1:
      Scheduled(time, planned, length);
      break;
    case 2:
      Rescheduled(time, planned, length);
      break;
    case 3:
    case 4:
      Started(time);
      break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      Joined(time, Anybody());
      break;
    case 10:
    case 11:
    case 12:
    case 13:
      Left(time, Anybody());
      break;
    case 14:
      Reconnected(time, Anybody());
      break;
    case 15:
      dice_.Chance(70) ? Quality(time, Anybody()) : JoinFailed(time, Anybody());
      break;
    case 16:
    case 17:
      Ended(time);
      break;
    case 18:
      dice_.Chance(60) ? Invited(time, Anybody()) : Uninvited(time, Anybody());
      break;
    case 19:
      dice_.Chance(50) ? DialIn(time) : Pdf(time);
      break;
    case 20:
      Recording(time);
      break;
    case 21:
      Chat(time, Anybody());
      break;
    case 22: {
      const std::string poll_id = Poll(time).poll_created().poll_id();
      if (dice_.Chance(50)) PollDeleted(time + absl::Minutes(dice_.Between(0, 60)), poll_id);
      break;
    }
    default:
      File(time);
  }
  if (dice_.Chance(15)) events_.back().set_occurrence_id(dice_.Chance(50) ? "sitting-1" : "sitting-2");
  if (dice_.Chance(30)) events_.back().set_connection_id(dice_.Chance(50) ? "connection-1" : "connection-2");
}

void RoomEvents::AddDenseSamples(absl::Time begin) {
  const std::vector<std::string> people = {Anybody(), Anybody()};
  const absl::Duration step = absl::Seconds(dice_.Chance(50) ? 10 : 20);
  absl::Time time = begin;
  for (int64_t left = dice_.Between(10, 90); left > 0; --left, time += step) {
    Quality(time, dice_.Pick(people));
    if (dice_.Chance(5)) events_.back().set_occurrence_id(dice_.Chance(50) ? "sitting-1" : "sitting-2");
    if (dice_.Chance(5)) time += absl::Minutes(dice_.Between(1, 90));
  }
}

void RoomEvents::AddStartedBeside(absl::Time begin) {
  const auto named = [&](const char* name, v1::Event& event) {
    if (dice_.Chance(60)) event.set_occurrence_id(name);
  };
  const absl::Time end = begin + absl::Minutes(dice_.Between(1, 200));
  const auto near = [&](absl::Time time) { return time + absl::Seconds(dice_.Between(-45, 45)); };
  const std::string who = Anybody();
  named("sitting-1", Joined(begin, who));
  for (int64_t left = dice_.Between(1, 2); left > 0; --left) {
    const bool amid = dice_.Chance(50);
    named("sitting-2", Started(amid ? begin + (end - begin) * dice_.Between(1, 9) / 10 : near(end)));
  }
  named("sitting-1", Left(end, who));
  for (int64_t left = dice_.Between(1, 4); left > 0; --left) {
    const absl::Time time = dice_.Chance(30) ? begin + (end - begin) * dice_.Between(1, 9) / 10 : near(end);
    switch (dice_.Below(5)) {
      case 0:
        Chat(time, who);
        break;
      case 1:
        Pdf(time);
        break;
      case 2:
        File(time);
        break;
      case 3:
        Recording(time);
        break;
      default:
        named("sitting-2", Joined(time, Anybody()));
    }
  }
}

void RoomEvents::AddMovedAway(absl::Time begin) {
  const absl::Duration length = absl::Minutes(dice_.Between(20, 90));
  const auto near = [&](absl::Time time) { return time + absl::Minutes(dice_.Between(-10, 20)); };
  Scheduled(begin - absl::Hours(1), begin, length);
  const std::string who = Anybody();
  Joined(near(begin), who);
  absl::Time time = begin + absl::Minutes(dice_.Between(-5, 40));
  for (int64_t left = dice_.Between(1, 3); left > 0; --left, time += absl::Minutes(dice_.Between(1, 40))) {
    const absl::Time next = begin + absl::Minutes(dice_.Chance(50) ? dice_.Between(60, 180) : dice_.Between(600, 3000));
    dice_.Chance(30) ? Scheduled(time, next, length) : Rescheduled(time, next, length);
    if (dice_.Chance(20)) Invited(time + absl::Seconds(1), Anybody());
    if (dice_.Chance(20)) File(time + absl::Seconds(2));
    // As it was, or prolonged.
    if (dice_.Chance(50)) Rescheduled(time + absl::Minutes(1), begin, dice_.Chance(60) ? length : length * 2);
  }
  if (dice_.Chance(70)) Left(near(begin + length), who);
  if (dice_.Chance(70)) Joined(near(time), Anybody());
}

std::vector<v1::Event> RoomEvents::Anything(absl::Time begin, absl::Duration span) {
  const int64_t minutes = dice_.Between(30, absl::ToInt64Minutes(span));
  for (int64_t left = dice_.Between(1, 40); left > 0; --left) AddAny(begin + absl::Minutes(dice_.Between(0, minutes)));
  if (dice_.Chance(15)) AddDenseSamples(begin + absl::Minutes(dice_.Between(0, minutes)));
  if (dice_.Chance(30)) AddStartedBeside(begin + absl::Minutes(dice_.Between(0, minutes)));
  if (dice_.Chance(30)) AddMovedAway(begin + absl::Minutes(dice_.Between(0, minutes)));
  if (dice_.Chance(10)) Deleted(begin + absl::Minutes(dice_.Between(0, minutes)));
  return Take();
}

}  // namespace retention::simulation
