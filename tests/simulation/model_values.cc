// The oracle's values: what an event plants, under which day it belongs, how it ends.
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model.h"

namespace retention::simulation {
namespace {

using Category = v1::DataCategory;

}  // namespace

MeetingModel& Model::MeetingOf(PbxModel& pbx, const std::string& meeting_id) {
  return pbx.meetings.try_emplace(meeting_id, NewMeeting()).first->second;
}

absl::CivilDay Model::LastDayOf(const PlantedValue& value, const MeetingState& state, const PolicyModel& policy) {
  switch (policy.StartOf(value.category)) {
    case v1::STARTING_POINT_NONE:
      return NoDay();
    case v1::STARTING_POINT_CREATION:
      return policy.LastDay(value.category, DayAtUs(value.time_us));
    case v1::STARTING_POINT_MEETING_END:
      if (value.category == v1::DATA_CATEGORY_FILE_SHARE) return DayAt(state.FilesEnd());
      return policy.LastDay(value.category, DayAt(state.End()));
    case v1::STARTING_POINT_MEETING_SCHEDULED_ON:
      if (state.scheduled_us.has_value()) return policy.LastDay(value.category, DayAtUs(*state.scheduled_us));
      return policy.LastDay(value.category, state.PlannedDate());
    default:
      return policy.LastDay(value.category, state.PlannedDate());
  }
}

std::optional<absl::CivilDay> Model::LikelyDayOf(const PlantedValue& value, const MeetingState& state,
                                                 const PolicyModel& policy) {
  const auto likely = state.LikelyEndDay();
  if (!likely.has_value() || !policy.RunsFromEnd(value.category)) return std::nullopt;
  const absl::CivilDay day = policy.LastDay(value.category, *likely);
  return day == value.due ? std::nullopt : std::optional(day);
}

void Model::EndValue(const std::string& pbx_id, PlantedValue& value) {
  if (value.held == Held::kNo) return;
  holds_.NoteEnd({.category = value.category,
                  .pbx_id = pbx_id,
                  .pbx = value.pbx,
                  .meeting_id = value.meeting_id,
                  .due = value.due,
                  .text = value.text},
                 /*certain=*/value.held == Held::kYes && !value.fresh,
                 pbx_ends_now_      ? HoldModel::When::kWithItsPbx
                 : policy_ends_now_ ? HoldModel::When::kByPolicy
                 : by_time_         ? HoldModel::When::kByDay
                                    : HoldModel::When::kNow);
  value.held = Held::kNo;
  if (!IsObject(value.category)) return;
  gone_objects_.insert({value.category, pbx_id, value.text});
  if (!by_time_) ended_objects_.insert({value.category, pbx_id, value.text});
}

void Model::Plant(MeetingModel& meeting, const v1::Event& event) {
  const auto plant_any = [&](Category category, const std::string& owner, const std::string& text) {
    meeting.values.push_back({.category = category,
                              .time_us = Us(event.time()),
                              .owner = owner,
                              .text = text,
                              .plan = event.has_meeting_scheduled() ? event.event_id() : "",
                              .pbx = pbxs_.at(event.pbx_id()).number,
                              .meeting_id = event.meeting_id()});
    if (IsObject(category)) ++planted_[{category, event.pbx_id(), text}];
  };
  const auto plant = [&](Category category, const std::string& owner, const std::string& text) {
    if (!text.empty()) plant_any(category, owner, text);
  };
  if (event.has_meeting_scheduled()) {
    plant(v1::DATA_CATEGORY_MEETING_NAME, "", event.meeting_scheduled().name());
    plant(v1::DATA_CATEGORY_MEETING_COMMENT, "", event.meeting_scheduled().comment());
    for (const v1::Invitee& invitee : event.meeting_scheduled().invitees()) {
      plant(v1::DATA_CATEGORY_PARTICIPANT_NAME, invitee.participant_id(), invitee.name());
      plant(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, invitee.participant_id(), invitee.email());
    }
  } else if (event.has_meeting_started()) {
    plant(v1::DATA_CATEGORY_MEETING_NAME, "", event.meeting_started().name());
  } else if (event.has_participant_invited()) {
    const v1::Invitee& invitee = event.participant_invited().invitee();
    plant(v1::DATA_CATEGORY_PARTICIPANT_NAME, invitee.participant_id(), invitee.name());
    plant(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, invitee.participant_id(), invitee.email());
  } else if (event.has_participant_joined()) {
    const v1::ParticipantJoined& joined = event.participant_joined();
    plant(v1::DATA_CATEGORY_PARTICIPANT_NAME, joined.participant_id(), joined.name());
    plant(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, joined.participant_id(), joined.email());
    plant(v1::DATA_CATEGORY_PARTICIPANT_IP, joined.participant_id(), joined.ip());
  } else if (event.has_participant_reconnected()) {
    plant(v1::DATA_CATEGORY_PARTICIPANT_IP, event.participant_reconnected().participant_id(),
          event.participant_reconnected().ip());
    // Their identifier alone lives as long as an address.
    if (event.participant_reconnected().ip().empty()) {
      plant_any(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, event.participant_reconnected().participant_id(), "");
    }
  } else if (event.has_recording_created()) {
    plant(v1::DATA_CATEGORY_RECORDING, event.recording_created().recording_id(),
          event.recording_created().object_ref());
  } else if (event.has_file_shared()) {
    plant(v1::DATA_CATEGORY_FILE_SHARE, event.file_shared().file_id(), event.file_shared().object_ref());
  } else if (event.has_pdf_shared()) {
    plant(v1::DATA_CATEGORY_PDF_SHARE, event.pdf_shared().pdf_id(), event.pdf_shared().object_ref());
  } else if (event.has_chat_message_sent()) {
    plant(v1::DATA_CATEGORY_CHAT_PROTOCOL, event.chat_message_sent().participant_id(),
          event.chat_message_sent().text());
  } else if (event.has_dial_in_assigned()) {
    plant(v1::DATA_CATEGORY_DIAL_IN, "", event.dial_in_assigned().conference_number());
    const auto& numbers = event.dial_in_assigned().dial_in_numbers();
    meeting.values.back().numbers.assign(numbers.begin(), numbers.end());
  }
}

}  // namespace retention::simulation
