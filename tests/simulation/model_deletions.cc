// The oracle's deletions by operators.
#include <algorithm>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model.h"

namespace retention::simulation {

Ruling Model::DeleteMeeting(const std::string& pbx_id, const std::string& meeting_id, absl::Time now) {
  Ruling ruling;
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return {.refusal = "PBX_UNKNOWN"};
  const auto found = pbx->second.meetings.find(meeting_id);
  holds_.NoteTouched(pbx->second.number, meeting_id);
  if (found == pbx->second.meetings.end()) return {.refusal = "MEETING_UNKNOWN"};
  MeetingModel& meeting = found->second;
  const MeetingState state = meeting.At(now);
  const bool lives = state.known && !state.deleted;
  bool unsure = false;
  for (PlantedValue& value : meeting.values) {
    // Of a meeting whose history is over only these are found.
    const bool reached =
        lives || value.category == v1::DATA_CATEGORY_RECORDING || value.category == v1::DATA_CATEGORY_PDF_SHARE;
    if (!reached || value.held == Held::kNo) continue;
    if (value.held == Held::kYes) ++ruling.erased_min[value.category];
    unsure |= value.held == Held::kUnsure;
    // An object that may not be there was ordered erased when it came.
    EndValue(pbx_id, value);
  }
  if (!lives && ruling.erased_min.empty()) {
    ruling.refusal = "MEETING_UNKNOWN";
    ruling.either = unsure;
  }
  if (!lives) return ruling;
  v1::Event event;
  event.set_event_id("deletion-" + std::to_string(++deletions_));
  // Within what clocks may differ the order of arrival decides.
  constexpr absl::Duration kClocksDiffer = absl::Minutes(5);
  int64_t time_us = absl::ToUnixMicros(now - kClocksDiffer);
  for (const auto& [id, before] : meeting.events) time_us = std::max(time_us, Us(before.time()));
  Assign(time_us, *event.mutable_time());
  event.mutable_meeting_deleted();
  const absl::CivilDay day = DayAtUs(time_us);
  orphans_.push_back(
      {.collected = day, .due = policy_.LastDay(v1::DATA_CATEGORY_HISTORY, day), .events = 1, .sure = true});
  meeting.events.emplace(event.event_id(), event);
  Prediction scratch;
  Settle(pbx_id, meeting, now, scratch);
  ruling.filed = {{v1::DATA_CATEGORY_HISTORY, 1}};
  if (meeting.lost) ruling.filed.reset();
  return ruling;
}

Ruling Model::DeleteObject(const std::string& pbx_id, const std::string& meeting_id, v1::DataCategory category,
                           const std::string& object_id, absl::Time now) {
  Ruling ruling;
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return {.refusal = "PBX_UNKNOWN"};
  const auto found = pbx->second.meetings.find(meeting_id);
  holds_.NoteTouched(pbx->second.number, meeting_id);
  if (found == pbx->second.meetings.end()) return {.refusal = "MEETING_UNKNOWN"};
  bool unsure = false;
  for (PlantedValue& value : found->second.values) {
    if (value.category != category || value.owner != object_id || value.held == Held::kNo) continue;
    if (value.held == Held::kYes) ++ruling.erased_min[category];
    unsure |= value.held == Held::kUnsure;
    EndValue(pbx_id, value);
  }
  if (!ruling.erased_min.empty()) return ruling;
  ruling.refusal = found->second.At(now).known ? "OBJECT_UNKNOWN" : "MEETING_UNKNOWN";
  // A file that has ended waits for the sweep; its deletion may find it.
  ruling.either = unsure || category == v1::DATA_CATEGORY_FILE_SHARE;
  return ruling;
}

Ruling Model::DeletePoll(const std::string& pbx_id, const std::string& poll_id) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return {.refusal = "PBX_UNKNOWN"};
  const auto poll = pbx->second.polls.find(poll_id);
  if (poll == pbx->second.polls.end()) return {.refusal = "POLL_UNKNOWN"};
  EndPoll(pbx->second, poll);
  return {};
}

}  // namespace retention::simulation
