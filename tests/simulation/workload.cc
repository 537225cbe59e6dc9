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
    if (dice_.Chance(60)) joined.set_email(CanaryEmail());
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
  switch (dice_.Below(4)) {
    case 0: {
      v1::Event event = NewEvent("pbx-nobody-knows", "meeting", now);
      event.mutable_meeting_started();
      return event;
    }
    case 1: {
      v1::Event event = NewEvent(AnyPbx(), "meeting-nobody-knows", now);
      event.mutable_recording_created()->set_recording_id(Canary("recording"));
      event.mutable_recording_created()->set_object_ref(Canary("recording-ref"));
      return event;
    }
    case 2: {
      v1::Event event = NewEvent(AnyPbx(), "meeting-malformed", now);
      event.set_event_id("malformed-" + event.event_id());
      event.mutable_participant_joined()->set_participant_id("p1");
      event.mutable_participant_joined()->set_ip("300.1.2.3");
      return event;
    }
    default: {
      v1::Event event = NewEvent(AnyPbx(), "meeting-empty", now);
      event.set_event_id("malformed-" + event.event_id());
      return event;
    }
  }
}

bool Workload::Predictable(const v1::Event& event) const {
  const auto pbx = model_.pbxs().find(event.pbx_id());
  if (pbx == model_.pbxs().end()) return true;
  const auto meeting = pbx->second.meetings.find(event.meeting_id());
  if (meeting == pbx->second.meetings.end()) return true;
  return meeting->second.stored && !meeting->second.lost;
}

// Whether it is refused as things are, and would be taken if the rest of the batch had been recorded before: of such a
// batch, sent again after a lost answer, nobody can say what it does.
bool Workload::NeedsItsMeeting(const v1::Event& event, const std::vector<v1::Event>& batch, absl::Time now) const {
  if (event.meeting_id().empty() || event.has_meeting_scheduled() || event.has_meeting_rescheduled() ||
      event.has_meeting_started()) {
    return false;
  }
  const bool named = std::any_of(batch.begin(), batch.end(), [&](const v1::Event& before) {
    return before.pbx_id() == event.pbx_id() && before.meeting_id() == event.meeting_id() &&
           (before.has_meeting_scheduled() || before.has_meeting_started()) &&
           before.time().seconds() < absl::ToUnixSeconds(now) + 300;
  });
  const auto pbx = model_.pbxs().find(event.pbx_id());
  if (pbx == model_.pbxs().end()) return false;
  const auto meeting = pbx->second.meetings.find(event.meeting_id());
  if (meeting == pbx->second.meetings.end()) return !named || event.has_chat_message_sent();
  return event.has_chat_message_sent() && !meeting->second.At(absl::InfinitePast()).protocolled;
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
    if (!Predictable(event) || event.pbx_id() == quiet_) continue;
    if (NeedsItsMeeting(event, batch, now)) {
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
