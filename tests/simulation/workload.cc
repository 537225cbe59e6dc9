#include "tests/simulation/workload.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {
std::string Workload::CanaryIp() {
  const uint64_t number = ++canaries_;
  return "10." + std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." +
         std::to_string(number & 255);
}

// No two events share a microsecond, so that "the latest" is always one.
int64_t Workload::EventTime(absl::Time now) {
  absl::Time time = now;
  const uint64_t kind = dice_.Below(100);
  if (kind < 80) {
    time -= absl::Microseconds(dice_.Between(0, 90'000'000));
  } else if (kind < 90) {
    time -= absl::Seconds(dice_.Between(0, 36 * 3600));
  } else if (kind < 94) {
    time -= absl::Hours(dice_.Between(0, 12 * 24));
  } else if (kind < 98) {
    time += absl::Seconds(dice_.Between(0, 290));
  } else {
    time += absl::Seconds(dice_.Between(302, 86400));
  }
  int64_t time_us = absl::ToUnixMicros(time);
  while (!used_times_.insert(time_us).second) --time_us;
  return time_us;
}

v1::Event Workload::NewEvent(const std::string& pbx_id, const std::string& meeting_id, absl::Time now) {
  v1::Event event;
  event.set_event_id("event-" + std::to_string(++events_));
  event.set_pbx_id(pbx_id);
  event.set_meeting_id(meeting_id);
  Assign(EventTime(now), *event.mutable_time());
  return event;
}

void Workload::SetPlan(google::protobuf::Timestamp& start, google::protobuf::Duration& length, absl::Time now) {
  absl::Time planned = now;
  switch (dice_.Below(5)) {
    case 0:
      planned += absl::Minutes(dice_.Between(-120, 240));
      break;
    case 1:
      planned += absl::Hours(dice_.Between(-30, 48));
      break;
    case 2:  // just before or after midnight
      planned = DueAfter(DayAt(now) + dice_.Between(-1, 10)) + absl::Minutes(dice_.Between(-90, 30));
      break;
    case 3:
      planned += absl::Hours(24) * static_cast<double>(dice_.Between(-9, 25));
      break;
    default:
      planned += absl::Hours(dice_.Between(1, 200));
  }
  Assign(absl::ToUnixMicros(planned), start);
  length.set_seconds(60 * dice_.Between(0, dice_.Chance(20) ? 2000 : 120));
}

v1::Event Workload::FirstEvent(LiveMeeting& meeting, absl::Time now) {
  v1::Event event = NewEvent(meeting.pbx_id, meeting.meeting_id, now);
  if (dice_.Chance(70)) {
    auto& scheduled = *event.mutable_meeting_scheduled();
    SetPlan(*scheduled.mutable_planned_start(), *scheduled.mutable_planned_duration(), now);
    scheduled.set_name(Canary("meeting"));
    if (dice_.Chance(60)) scheduled.set_comment(Canary("comment"));
    if (dice_.Chance(80)) scheduled.set_organizer_extension(AnyExtension());
    NameExtension(scheduled.organizer_extension(), event);
    scheduled.set_protocolled(meeting.protocolled);
    for (int64_t i = dice_.Between(0, 3); i > 0; --i) {
      v1::Invitee& invitee = *scheduled.add_invitees();
      invitee.set_participant_id("p" + std::to_string(i));
      invitee.set_name(Canary("name"));
      invitee.set_email(CanaryEmail());
    }
  } else {
    auto& started = *event.mutable_meeting_started();
    if (dice_.Chance(50)) started.set_name(Canary("meeting"));
    if (dice_.Chance(50)) started.set_organizer_extension(AnyExtension());
    NameExtension(started.organizer_extension(), event);
    started.set_protocolled(meeting.protocolled);
  }
  return event;
}

v1::Event Workload::MeetingEvent(LiveMeeting& meeting, absl::Time now) {
  const uint64_t kind = dice_.Below(110);
  if (kind < 5) return FirstEvent(meeting, now);  // scheduled again, or started when it was scheduled
  v1::Event event = NewEvent(meeting.pbx_id, meeting.meeting_id, now);
  if (kind < 13) {
    auto& rescheduled = *event.mutable_meeting_rescheduled();
    SetPlan(*rescheduled.mutable_planned_start(), *rescheduled.mutable_planned_duration(), now);
  } else if (kind < 18) {
    v1::Invitee& invitee = *event.mutable_participant_invited()->mutable_invitee();
    invitee.set_participant_id(AnyParticipant());
    invitee.set_name(Canary("name"));
    if (dice_.Chance(70)) invitee.set_email(CanaryEmail());
  } else if (kind < 22) {
    event.mutable_meeting_started();
  } else if (kind < 45) {
    auto& joined = *event.mutable_participant_joined();
    joined.set_participant_id(AnyParticipant());
    if (dice_.Chance(80)) joined.set_name(Canary("name"));
    if (joined.name().empty() || dice_.Chance(60)) joined.set_email(CanaryEmail());
    joined.set_ip(CanaryIp());
    joined.set_client_kind(dice_.Chance(80) ? "ios" : "toaster");
    joined.set_media_site("fra");
  } else if (kind < 65) {
    event.mutable_participant_left()->set_participant_id(AnyParticipant());
  } else if (kind < 72) {
    event.mutable_participant_reconnected()->set_participant_id(AnyParticipant());
    if (dice_.Chance(70)) event.mutable_participant_reconnected()->set_ip(CanaryIp());
  } else if (kind < 78) {
    event.mutable_media_quality_sampled()->set_participant_id(AnyParticipant());
    event.mutable_media_quality_sampled()->set_rtt_ms(40);
  } else if (kind < 82) {
    event.mutable_meeting_ended();
  } else if (kind < 87) {
    event.mutable_recording_created()->set_recording_id(Canary("recording"));
    event.mutable_recording_created()->set_object_ref(Canary("recording-ref"));
  } else if (kind < 93) {
    event.mutable_file_shared()->set_file_id(Canary("file"));
    event.mutable_file_shared()->set_object_ref(Canary("file-ref"));
  } else if (kind < 97) {
    event.mutable_pdf_shared()->set_pdf_id(Canary("pdf"));
    event.mutable_pdf_shared()->set_object_ref(Canary("pdf-ref"));
  } else if (kind < 104) {
    event.mutable_chat_message_sent()->set_participant_id(AnyParticipant());
    event.mutable_chat_message_sent()->set_text(Canary("chat"));
  } else if (kind < 109) {
    event.mutable_dial_in_assigned()->set_conference_number(Canary("conference"));
    event.mutable_dial_in_assigned()->add_dial_in_numbers(Canary("dial"));
  } else {
    event.mutable_meeting_deleted();
  }
  return event;
}

v1::Event Workload::PollEvent(absl::Time now) {
  if (polls_.empty() || dice_.Chance(35)) {
    std::string pbx_id = AnyPbx();
    std::string meeting_id;
    if (!meetings_.empty() && dice_.Chance(70)) {
      const LiveMeeting& meeting = dice_.Pick(meetings_);
      pbx_id = meeting.pbx_id;
      meeting_id = meeting.meeting_id;
    }
    polls_.emplace_back(pbx_id, Canary("poll"));
    v1::Event event = NewEvent(pbx_id, meeting_id, now);
    auto& poll = *event.mutable_poll_created();
    poll.set_poll_id(polls_.back().second);
    poll.set_owner_extension(AnyExtension());
    NameExtension(poll.owner_extension(), event);
    poll.set_question(Canary("question"));
    for (int i = 0; i < 3; ++i) poll.add_options(Canary("option"));
    return event;
  }
  const auto& [pbx_id, poll_id] = dice_.Pick(polls_);
  v1::Event event = NewEvent(pbx_id, "", now);
  if (dice_.Chance(85)) {
    event.mutable_poll_answered()->set_poll_id(poll_id);
    event.mutable_poll_answered()->set_participant_id(AnyParticipant());
    event.mutable_poll_answered()->add_option_indexes(static_cast<uint32_t>(dice_.Below(3)));
  } else {
    event.mutable_poll_deleted()->set_poll_id(poll_id);
  }
  return event;
}

v1::Event Workload::OddEvent(absl::Time now) {
  switch (dice_.Below(3)) {
    case 0: {
      v1::Event event = NewEvent("pbx-nobody-knows", "meeting", now);
      event.mutable_meeting_started();
      return event;
    }
    case 1: {
      v1::Event event = NewEvent(AnyPbx(), "meeting-malformed", now);
      event.set_event_id("malformed-" + event.event_id());
      event.mutable_participant_joined()->set_participant_id("p 1");
      return event;
    }
    default: {
      v1::Event event = NewEvent(AnyPbx(), "meeting-empty", now);
      event.set_event_id("malformed-" + event.event_id());
      return event;
    }
  }
}

// Meetings stay one occurrence of which nothing has been due. (What becomes of a room with many: room_months.h.)
bool Workload::Predictable(const v1::Event& event, const std::vector<v1::Event>& batch, absl::Time now) const {
  const auto pbx = model_.pbxs().find(event.pbx_id());
  const bool malformed = event.event_id().rfind("malformed-", 0) == 0;
  if (OfPbx(event) && !model_.CameBefore(event, now)) {
    int64_t last_us = LastSaidOf(event.pbx_id());
    for (const v1::Event& before : batch) {
      if (OfPbx(before) && before.pbx_id() == event.pbx_id()) last_us = std::max(last_us, Us(before.time()));
    }
    if (Us(event.time()) < last_us) return false;
  }
  if (event.meeting_id().empty() || malformed || pbx == model_.pbxs().end() || model_.Refuses(event, now)) return true;
  const auto found = pbx->second.meetings.find(event.meeting_id());
  MeetingModel meeting = found == pbx->second.meetings.end() ? model_.NewMeeting() : found->second;
  if (found != pbx->second.meetings.end() && (!meeting.stored || meeting.lost || meeting.was_due)) return false;
  if (meeting.events.contains(event.event_id())) return true;
  if (meeting.At(now).deleted) return false;
  const auto may_be_refused = [&](const v1::Event& any) {
    return any.has_chat_message_sent() || Us(any.time()) > absl::ToUnixMicros(now);
  };
  MeetingModel surely = meeting;  // whatever of the batch is refused
  for (const v1::Event& before : batch) {
    if (before.pbx_id() != event.pbx_id() || before.meeting_id() != event.meeting_id()) continue;
    if (model_.Refuses(before, now)) continue;
    meeting.events.emplace(before.event_id(), before);
    if (!may_be_refused(before)) surely.events.emplace(before.event_id(), before);
  }
  if (!meeting.IsOneWith(event) || !surely.IsOneWith(event)) return false;
  if (may_be_refused(event) && surely.events.empty()) return false;
  const auto nothing_was_due = [&](const MeetingState& state) {
    constexpr v1::DataCategory kByMeeting[] = {v1::DATA_CATEGORY_PARTICIPANT_NAME, v1::DATA_CATEGORY_PARTICIPANT_EMAIL,
                                               v1::DATA_CATEGORY_PARTICIPANT_IP,   v1::DATA_CATEGORY_MEETING_NAME,
                                               v1::DATA_CATEGORY_MEETING_COMMENT,  v1::DATA_CATEGORY_DIAL_IN,
                                               v1::DATA_CATEGORY_CHAT_PROTOCOL};
    return std::all_of(std::begin(kByMeeting), std::end(kByMeeting), [&](v1::DataCategory category) {
      absl::CivilDay from = std::min(state.PlannedDate(), state.LikelyEndDay().value_or(DayAt(state.End())));
      const bool scheduled = model_.policy().StartOf(category) == v1::STARTING_POINT_MEETING_SCHEDULED_ON;
      if (scheduled && state.scheduled_us.has_value()) from = std::min(from, DayAtUs(*state.scheduled_us));
      return now < DueAfter(model_.policy().LastDay(category, from)) - kLeadWindow;
    });
  };
  if (found != pbx->second.meetings.end() && !nothing_was_due(found->second.At(now))) return false;
  meeting.events.emplace(event.event_id(), event);
  return nothing_was_due(meeting.At(now));
}

// Whether it is refused as things are, and would be taken if the rest of the batch had been recorded before: of such a
// batch, sent again after a lost answer, nobody can say what it does.
bool Workload::NeedsItsMeeting(const v1::Event& event, const std::vector<v1::Event>& batch) const {
  if (!event.has_chat_message_sent()) return false;
  const auto pbx = model_.pbxs().find(event.pbx_id());
  if (pbx == model_.pbxs().end()) return false;
  const auto found = pbx->second.meetings.find(event.meeting_id());
  MeetingModel meeting = found == pbx->second.meetings.end() ? model_.NewMeeting() : found->second;
  const bool before = meeting.ProtocolledAt(Us(event.time()));
  for (const v1::Event& other : batch) {
    if (other.pbx_id() == event.pbx_id() && other.meeting_id() == event.meeting_id()) {
      meeting.events.emplace(other.event_id(), other);
    }
  }
  return before != meeting.ProtocolledAt(Us(event.time()));
}

void Workload::DropFinishedMeetings() {
  std::erase_if(meetings_, [&](const LiveMeeting& meeting) {
    const auto pbx = model_.pbxs().find(meeting.pbx_id);
    if (pbx == model_.pbxs().end()) return true;
    const auto found = pbx->second.meetings.find(meeting.meeting_id);
    if (found == pbx->second.meetings.end()) return dice_.Chance(3);
    return !found->second.stored || found->second.lost || dice_.Chance(2);
  });
}

std::vector<v1::Event> Workload::NextBatch(absl::Time now) {
  DropFinishedMeetings();
  std::vector<v1::Event> batch;
  for (int64_t left = dice_.Between(1, 12); left > 0; --left) {
    const uint64_t kind = dice_.Below(100);
    v1::Event event;
    bool old = false;
    if (kind < 8 && !sent_.empty()) {
      event = sent_[dice_.Below(sent_.size())].event;
      old = true;
    } else if (kind < 11 && !delayed_.empty()) {
      const size_t index = dice_.Below(delayed_.size());
      event = delayed_[index];
      delayed_.erase(delayed_.begin() + static_cast<std::ptrdiff_t>(index));
      old = true;
    } else if (kind < 18) {
      event = PollEvent(now);
    } else if (kind < 22) {
      event = PbxEvent(now);
    } else if (kind < 24) {
      event = OddEvent(now);
    } else if (meetings_.empty() || (kind < 30 && meetings_.size() < kMeetingsMax)) {
      meetings_.push_back({AnyPbx(), "meeting-" + std::to_string(++events_), dice_.Chance(50)});
      event = FirstEvent(meetings_.back(), now);
    } else {
      event = MeetingEvent(meetings_[dice_.Below(meetings_.size())], now);
    }
    if (event.has_pbx_synced() && !model_.pbxs().contains(event.pbx_id())) {
      // It must not make sense of what a first, lost attempt was refused: alone in its batch.
      if (!old && batch.empty()) return {event};
      continue;
    }
    if (!Predictable(event, batch, now) || event.pbx_id() == quiet_) continue;
    if (NeedsItsMeeting(event, batch)) {
      if (!old && batch.empty()) return {event};
      continue;
    }
    if (!old && dice_.Chance(4)) {
      delayed_.push_back(event);
      continue;
    }
    batch.push_back(event);
    if (dice_.Chance(3)) batch.push_back(event);
    if (!old) sent_.push_back({now, event});
  }
  while (!sent_.empty() && (sent_.size() > 300 || now - sent_.front().sent > kDuplicateAge)) sent_.pop_front();
  return batch;
}

}  // namespace retention::simulation
