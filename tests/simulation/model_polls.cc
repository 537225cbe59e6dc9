#include "server/recording/event_intake.h"
#include "tests/simulation/instants.h"
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
    if (found == pbx.polls.end()) {
      pbx.ended_polls.insert(poll_id);  // before it came
    } else {
      EndPoll(pbx, found);
    }
    ++prediction.accepted;
    return std::nullopt;
  }
  const bool ended = pbx.ended_polls.contains(poll_id);
  if (event.has_poll_answered() && ended) {
    ++prediction.duplicates;
    return std::nullopt;
  }
  if (event.has_poll_answered()) {
    if (found == pbx.polls.end()) return v1::REJECTION_REASON_POLL_UNKNOWN;
    const std::pair<int64_t, uint64_t> given(Us(event.time()), FingerprintOf(event.event_id()));
    const auto [answer, inserted] =
        found->second.answers.try_emplace(event.poll_answered().participant_id(), given, event.poll_answered());
    const bool counts = inserted || given > answer->second.first;
    if (counts) answer->second = {given, event.poll_answered()};
    ++(counts ? prediction.accepted : prediction.duplicates);
    return std::nullopt;
  }
  const Person owner =
      pbx.extensions.Named(event.poll_created().owner_extension(), event.extension_id(), Us(event.time()));
  const bool removed = pbx.extensions.IsRemoved(owner);
  const bool owned = removed || pbx.extensions.IsHeld(owner);
  const bool known = ended || found != pbx.polls.end();
  if (!owned && !known) return v1::REJECTION_REASON_EXTENSION_UNKNOWN;
  // That it was asked is history, whatever has become of it.
  if (owned && !event.meeting_id().empty()) {
    MeetingModel& meeting = MeetingOf(pbx, event.meeting_id());
    meeting.events.emplace(event.event_id(), event);
    NotePast(meeting, now);
    touched.insert({pbx_id, event.meeting_id()});
  }
  if (known) {
    ++prediction.duplicates;
    return std::nullopt;
  }
  if (removed) {
    // It ended with its owner.
    pbx.ended_polls.insert(poll_id);
    ++prediction.accepted;
    ++prediction.past_due_min;
    ++prediction.past_due_max;
    return std::nullopt;
  }
  pbx.polls[poll_id] = {
      .created = event.poll_created(), .owner = owner, .meeting_id = event.meeting_id(), .event_id = event.event_id()};
  ++prediction.accepted;
  return std::nullopt;
}

void Model::EndPoll(PbxModel& pbx, std::map<std::string, PollModel>::iterator poll) {
  pbx.ended_polls.insert(poll->first);
  pbx.polls.erase(poll);
}

}  // namespace retention::simulation
