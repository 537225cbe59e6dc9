#include "server/recording/touched_meetings.h"

#include "server/recording/event_cutting.h"

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
  touched.identities.push_back(IdentityOf(event));
}

}  // namespace retention
