#include "tests/simulation/room_values.h"

#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {

absl::CivilDay LastDayOf(v1::DataCategory category, const OccurrenceModel& of, const PolicyModel& policy,
                         absl::Time now) {
  switch (policy.StartOf(category)) {
    case v1::STARTING_POINT_COLLECTION:
      return policy.LastDay(category, of.CollectionDay());
    case v1::STARTING_POINT_MEETING_END: {
      const bool still_that_day = of.IsOpen() && now < DueAfter(DayAt(of.LikelyEnd()));
      return policy.LastDay(category, DayAt(still_that_day ? of.LikelyEnd() : of.End()));
    }
    default:
      return policy.LastDay(category, of.PlannedDate());
  }
}

std::vector<RoomValue> ValuesOf(const OccurrenceModel& of, const PolicyModel& policy, absl::Time now) {
  std::vector<RoomValue> values;
  for (const v1::Event& event : of.events) {
    const int64_t time_us = Us(event.time());
    const auto add = [&](v1::DataCategory category, const std::string& participant, const std::string& text) {
      if (of.IsTakenBack(event, participant)) return;
      RoomValue& value = values.emplace_back();
      value.what = {
          .category = category, .event = FingerprintOf(event.event_id()), .participant = participant, .text = text};
      value.time_us = time_us;
      if (category == v1::DATA_CATEGORY_RECORDING) {
        value.due = policy.LastDay(category, DayAtUs(time_us));
      } else if (category == v1::DATA_CATEGORY_PDF_SHARE) {
        value.due = absl::CivilDay::max();
      } else if (category == v1::DATA_CATEGORY_FILE_SHARE) {
        value.due = DayAt(of.LastFileEnd());
        value.ends = of.FileEnd(event);
        value.ended = now >= value.ends;
      } else {
        value.due = LastDayOf(category, of, policy, now);
      }
    };
    const auto add_if = [&](v1::DataCategory category, const std::string& participant, const std::string& text) {
      if (!text.empty()) add(category, participant, text);
    };
    // Of whom nothing else is said there is the identifier, which lives as long as an address.
    const auto identify = [&](const std::string& participant, const std::string& said, const std::string& email) {
      if (!email.empty() || said.empty()) add(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, participant, email);
    };
    if (event.has_meeting_scheduled()) {
      const v1::MeetingScheduled& scheduled = event.meeting_scheduled();
      add_if(v1::DATA_CATEGORY_MEETING_NAME, "", scheduled.name());
      add_if(v1::DATA_CATEGORY_MEETING_COMMENT, "", scheduled.comment());
      for (const v1::Invitee& invitee : scheduled.invitees()) {
        add_if(v1::DATA_CATEGORY_PARTICIPANT_NAME, invitee.participant_id(), invitee.name());
        identify(invitee.participant_id(), invitee.name(), invitee.email());
      }
    } else if (event.has_participant_invited()) {
      const v1::Invitee& invitee = event.participant_invited().invitee();
      add_if(v1::DATA_CATEGORY_PARTICIPANT_NAME, invitee.participant_id(), invitee.name());
      identify(invitee.participant_id(), invitee.name(), invitee.email());
    } else if (event.has_participant_joined()) {
      const v1::ParticipantJoined& joined = event.participant_joined();
      add_if(v1::DATA_CATEGORY_PARTICIPANT_NAME, joined.participant_id(), joined.name());
      identify(joined.participant_id(), joined.name(), joined.email());
      add_if(v1::DATA_CATEGORY_PARTICIPANT_IP, joined.participant_id(), joined.ip());
    } else if (event.has_participant_reconnected()) {
      const v1::ParticipantReconnected& reconnected = event.participant_reconnected();
      identify(reconnected.participant_id(), reconnected.ip(), "");
      add_if(v1::DATA_CATEGORY_PARTICIPANT_IP, event.participant_reconnected().participant_id(),
             event.participant_reconnected().ip());
    } else if (event.has_chat_message_sent()) {
      add(v1::DATA_CATEGORY_CHAT_PROTOCOL, event.chat_message_sent().participant_id(),
          event.chat_message_sent().text());
    }
    add_if(v1::DATA_CATEGORY_MEETING_NAME, "", event.meeting_started().name());
    add_if(v1::DATA_CATEGORY_DIAL_IN, "", event.dial_in_assigned().conference_number());
    add_if(v1::DATA_CATEGORY_RECORDING, "", event.recording_created().object_ref());
    add_if(v1::DATA_CATEGORY_FILE_SHARE, "", event.file_shared().object_ref());
    add_if(v1::DATA_CATEGORY_PDF_SHARE, "", event.pdf_shared().object_ref());
  }
  return values;
}

bool IsHistoryDue(const OccurrenceModel& of, const PolicyModel& policy, absl::Time now) {
  return now >= DueAfter(LastDayOf(v1::DATA_CATEGORY_HISTORY, of, policy, now));
}

std::string OccurrenceOf(const OccurrenceModel& of, const SeenRoom& seen) {
  const auto found = seen.history.find(FingerprintOf(of.events.front().event_id()));
  return found == seen.history.end() ? "" : found->second.occurrence;
}

std::string TextOf(const OccurrenceModel& of) {
  std::string text;
  for (const v1::Event& event : of.events) text += event.ShortDebugString() + "\n";
  return text;
}

}  // namespace retention::simulation
