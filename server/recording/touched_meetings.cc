#include "server/recording/touched_meetings.h"

#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"

namespace retention {

absl::StatusOr<TouchedMeeting*> TouchedMeetings::Touch(const PbxId& pbx, const v1::Event& event) {
  auto meeting = cache_.Find(pbx, event.meeting_id(), change_.last_due());
  if (!meeting.ok()) return meeting.status();
  auto [it, inserted] = by_meeting_.try_emplace(*meeting);
  if (inserted) {
    all_.push_back(std::make_unique<TouchedMeeting>());
    it->second = all_.back().get();
    it->second->meeting = *meeting;
    it->second->meeting_id = event.meeting_id();
    it->second->pbx_id = event.pbx_id();
    cache_.Edit(**meeting, change_);
  }
  return it->second;
}

void TouchedMeetings::AddToCourse(TouchedMeeting& touched, const v1::Event& event, uint64_t fingerprint,
                                  v1::RecordResult& result) {
  Course& course = touched.meeting->course;
  CourseEvent entry = CourseEventOf(event, fingerprint, touched.meeting->pbx, vault_, course);
  // The first event of every row names the meeting, so that the portal's id can be given back.
  if (touched.fresh.empty()) {
    entry.meeting_id = course.WordFor(touched.meeting_id);
    touched.first_event_id = event.event_id();
  }
  course.Add(entry);
  touched.fresh.push_back(entry);
  touched.fresh_results.push_back(&result);
  touched.fresh_events.push_back(&event);
  if (entry.kind == stored::v1::CourseEntry::KIND_SCHEDULED || entry.kind == stored::v1::CourseEntry::KIND_STARTED) {
    touched.protocolled.reset();
  }
}

bool TouchedMeetings::IsFull(const Course& course, const v1::Event& event) {
  switch (event.payload_case()) {
    case v1::Event::kParticipantLeft:
    case v1::Event::kMeetingEnded:
    case v1::Event::kMeetingDeleted:
    case v1::Event::kRecordingCreated:
    case v1::Event::kPdfShared:
    case v1::Event::kFileShared:
      return course.size() >= kMaxMeetingEvents + kMaxEndingEvents;
    default:
      return course.size() >= kMaxMeetingEvents;
  }
}

bool TouchedMeetings::IsProtocolled(TouchedMeeting& touched) const {
  if (!touched.protocolled.has_value()) {
    touched.protocolled = touched.meeting->course.Fold(change_.now()).protocolled;
  }
  return *touched.protocolled;
}

}  // namespace retention
