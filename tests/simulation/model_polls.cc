#include "tests/simulation/model.h"

namespace retention::simulation {

std::optional<Model::Reason> Model::TakePollEvent(const std::string& pbx_id, PbxModel& pbx, const v1::Event& event,
                                                  absl::Time now, Prediction& prediction,
                                                  std::set<std::pair<std::string, std::string>>& touched) {
  const std::string& poll_id = event.has_poll_created()    ? event.poll_created().poll_id()
                               : event.has_poll_answered() ? event.poll_answered().poll_id()
                                                           : event.poll_deleted().poll_id();
  const auto found = pbx.polls.find(poll_id);
  if (event.has_poll_deleted()) {
    if (pbx.ended_polls.contains(poll_id)) {
      ++prediction.duplicates;
      return std::nullopt;
    }
    if (found == pbx.polls.end()) return v1::REJECTION_REASON_POLL_UNKNOWN;
    EndPoll(pbx, found);
    ++prediction.accepted;
    return std::nullopt;
  }
  if (pbx.ended_poll_events.contains(event.event_id())) return v1::REJECTION_REASON_UNSPECIFIED;
  if (pbx.ended_polls.contains(poll_id)) return v1::REJECTION_REASON_POLL_UNKNOWN;
  if (event.has_poll_answered()) {
    if (found == pbx.polls.end()) return v1::REJECTION_REASON_POLL_UNKNOWN;
    const bool inserted = found->second.answers.emplace(event.event_id(), event.poll_answered()).second;
    ++(inserted ? prediction.accepted : prediction.duplicates);
    return std::nullopt;
  }
  if (found != pbx.polls.end()) {
    ++prediction.duplicates;
    return std::nullopt;
  }
  if (!pbx.extensions.contains(event.poll_created().owner_extension())) {
    return v1::REJECTION_REASON_EXTENSION_UNKNOWN;
  }
  if (!event.meeting_id().empty()) {
    const auto meeting = pbx.meetings.find(event.meeting_id());
    if (meeting == pbx.meetings.end() || !meeting->second.At(now).known || meeting->second.At(now).deleted) {
      return v1::REJECTION_REASON_MEETING_UNKNOWN;
    }
    meeting->second.events.emplace(event.event_id(), event);
    NotePast(meeting->second, now);
    touched.insert({pbx_id, event.meeting_id()});
  }
  pbx.polls[poll_id] = {
      .created = event.poll_created(), .meeting_id = event.meeting_id(), .event_id = event.event_id()};
  ++prediction.accepted;
  return std::nullopt;
}

void Model::EndPoll(PbxModel& pbx, std::map<std::string, PollModel>::iterator poll) {
  pbx.ended_polls.insert(poll->first);
  pbx.ended_poll_events.insert(poll->second.event_id);
  for (const auto& [event_id, answer] : poll->second.answers) pbx.ended_poll_events.insert(event_id);
  pbx.polls.erase(poll);
}

}  // namespace retention::simulation
