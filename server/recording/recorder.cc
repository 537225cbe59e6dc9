#include "server/recording/recorder.h"

#include <algorithm>
#include <utility>

#include "server/base/errors.h"
#include "server/pbxs/pbx_desk.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// Whether such an event makes a meeting known that was not.
bool MakesKnown(CourseKind kind) { return kind != Entry::KIND_NOTED && kind != Entry::KIND_DELETED; }

// When history that was collected with `event` is due.
DueDay CollectedDueDay(const v1::Event& event, const Policy& policy) {
  const absl::CivilDay day = DayOf(absl::FromUnixMicros(MicrosOf(event.time())), policy.zone());
  return DueDay(LastDayOf(day, policy.rule(kHistory).period));
}

// The course entry and the values that `event` would have brought.
uint32_t ValuesIn(const v1::Event& event) {
  const v1::ParticipantJoined& joined = event.participant_joined();
  return 1u + !joined.name().empty() + !joined.email().empty() + !joined.ip().empty() +
         !event.participant_reconnected().ip().empty() + !event.meeting_started().name().empty();
}

}  // namespace

Recorder::Recorder(Holdings& holdings, const PbxRegistry& registry, MeetingBook& book, PbxDesk& pbx_desk)
    : holdings_(holdings), registry_(registry), book_(book), pbx_desk_(pbx_desk) {}

Recorder::~Recorder() = default;

absl::Status Recorder::Record(std::span<RecordCommand* const> commands, Change& change) {
  for (RecordCommand* command : commands) {
    for (int i = 0; i < command->events->size(); ++i) {
      if (const auto& failed = command->rejected[i]; failed.has_value()) {
        command->Reject(i, failed->reason(), failed->field(), failed->description());
        continue;
      }
      const auto payload = (*command->events)[i].payload_case();
      const bool of_pbx = payload == v1::Event::kPbxSynced || payload == v1::Event::kExtensionSynced ||
                          payload == v1::Event::kExtensionRemoved;
      if (of_pbx) {
        // It reads and changes rows at large: what came before it must be in the store.
        if (absl::Status status = CommitGroup(change); !status.ok()) return status;
      }
      if (absl::Status status = Take(*command, i, change); !status.ok()) return status;
    }
  }
  return CommitGroup(change);
}

absl::Status Recorder::CommitGroup(Change& change) {
  size_t grown = 0;
  for (const auto& touched : touched_) {
    grown += touched->fresh.size();
    if (absl::Status status = Finish(*touched, change); !status.ok()) return status;
  }
  touched_.clear();
  touched_by_meeting_.clear();
  group_poll_rows_.clear();
  pbx_desk_.NoteContacts(contacts_, change);
  contacts_.clear();
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  book_.Trim(grown);
  return absl::OkStatus();
}

absl::Status Recorder::Take(RecordCommand& command, int index, Change& change) {
  const v1::Event& event = (*command.events)[index];
  const absl::Time time = absl::FromUnixMicros(MicrosOf(event.time()));
  if (event.payload_case() == v1::Event::kPbxSynced) {
    const auto outcome = pbx_desk_.Sync(event.pbx_id(), event.pbx_synced(), time, change.now());
    if (!outcome.ok()) return outcome.status();
    outcome->stale ? command.result.set_duplicates(command.result.duplicates() + 1)
                   : command.result.set_accepted(command.result.accepted() + 1);
    return absl::OkStatus();
  }
  const auto pbx = registry_.Find(event.pbx_id(), change.now());
  if (!pbx.has_value()) {
    command.Reject(index, v1::REJECTION_REASON_PBX_UNKNOWN, "pbx_id", "no such PBX is held");
    return absl::OkStatus();
  }
  if (!registry_.HasContacted(*pbx, change.today()) &&
      std::find(contacts_.begin(), contacts_.end(), *pbx) == contacts_.end()) {
    contacts_.push_back(*pbx);
  }
  switch (event.payload_case()) {
    case v1::Event::kExtensionSynced: {
      const auto fresh =
          pbx_desk_.SyncExtension(event.pbx_id(), event.extension_synced().extension(), time, change.now());
      if (!fresh.ok()) return fresh.status();
      *fresh ? command.result.set_accepted(command.result.accepted() + 1)
             : command.result.set_duplicates(command.result.duplicates() + 1);
      return absl::OkStatus();
    }
    case v1::Event::kExtensionRemoved: {
      const auto outcome = pbx_desk_.RemoveExtension(event.pbx_id(), event.extension_removed().number(), time,
                                                     kReasonExtensionRemoved, change.now());
      if (outcome.ok()) {
        command.result.set_accepted(command.result.accepted() + 1);
      } else if (IsRefusal(outcome.status())) {
        command.result.set_duplicates(command.result.duplicates() + 1);
      } else {
        return outcome.status();
      }
      return absl::OkStatus();
    }
    case v1::Event::kPollCreated:
    case v1::Event::kPollAnswered:
    case v1::Event::kPollDeleted:
      return TakePollEvent(command, index, *pbx, change);
    default:
      return TakeMeetingEvent(command, index, *pbx, change);
  }
}

absl::StatusOr<Recorder::Touched*> Recorder::Touch(const PbxId& pbx, const v1::Event& event, DueDay last_due) {
  auto meeting = book_.Find(pbx, event.meeting_id(), last_due);
  if (!meeting.ok()) return meeting.status();
  auto [it, inserted] = touched_by_meeting_.try_emplace(*meeting);
  if (inserted) {
    touched_.push_back(std::make_unique<Touched>());
    it->second = touched_.back().get();
    it->second->meeting = *meeting;
    it->second->meeting_id = event.meeting_id();
    it->second->pbx_id = event.pbx_id();
  }
  return it->second;
}

absl::Status Recorder::TakeMeetingEvent(RecordCommand& command, int index, const PbxId& pbx, Change& change) {
  const v1::Event& event = (*command.events)[index];
  if (absl::Status status = RefileFirst(pbx, event.meeting_id(), change); !status.ok()) return status;
  auto touched = Touch(pbx, event, change.last_due());
  if (!touched.ok()) return touched.status();
  Meeting& meeting = *(*touched)->meeting;
  const uint64_t fingerprint = command.fingerprints[index];
  if (meeting.course.Contains(fingerprint)) {
    command.result.set_duplicates(command.result.duplicates() + 1);
    return absl::OkStatus();
  }
  const CourseKind kind = KindOf(event.payload_case());
  if (meeting.deleted) {
    command.Reject(index, v1::REJECTION_REASON_MEETING_DELETED, "meeting_id", "the meeting was deleted");
  } else if (!meeting.known && kind == Entry::KIND_DELETED) {
    return DeleteForgotten(command, index, meeting, change);
  } else if (!meeting.known && !MakesKnown(kind)) {
    command.Reject(index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
  } else if (meeting.course.size() >= kMaxMeetingEvents) {
    command.Reject(index, v1::REJECTION_REASON_MEETING_FULL, "meeting_id", "at most 100,000 events per meeting");
  } else if (event.payload_case() == v1::Event::kChatMessageSent && !meeting.course.Fold(change.now()).protocolled) {
    command.Reject(index, v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED, "chat_message_sent",
                   "the meeting was not announced as protocolled");
  } else if (BelongsToCourseProper(kind) && !change.Holds(CollectedDueDay(event, holdings_.policy()))) {
    // Its own day is over: it must not drag the whole meeting there.
    command.result.set_accepted(command.result.accepted() + 1);
    command.result.set_values_past_due(command.result.values_past_due() + ValuesIn(event));
  } else {
    AddToCourse(**touched, event, fingerprint, command);
    AddValues(**touched, event, command);
    meeting.known |= MakesKnown(kind);
    meeting.deleted |= kind == Entry::KIND_DELETED;
    command.result.set_accepted(command.result.accepted() + 1);
  }
  return absl::OkStatus();
}

absl::Status Recorder::DeleteForgotten(RecordCommand& command, int index, Meeting& meeting, Change& change) {
  const std::string pdfs = FiledPrefix(DueDay::Open(), kPdfShare, meeting.pbx, meeting.id);
  auto cursor = holdings_.store.ScanPrefix(Family::kFiled, pdfs);
  if (!cursor->Valid()) {
    if (!cursor->status().ok()) return cursor->status();
    command.Reject(index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
    return absl::OkStatus();
  }
  const std::string& pbx_id = (*command.events)[index].pbx_id();
  if (absl::Status status = EraseDeleted(meeting, pbx_id, kReasonMeetingDeleted, change); !status.ok()) return status;
  command.result.set_accepted(command.result.accepted() + 1);
  // What was erased must not be found again by the rest of the group.
  return CommitGroup(change);
}

absl::StatusOr<size_t> Recorder::Review(std::span<const MeetingTimer> timers, absl::Time now) {
  Change change(holdings_, now);
  size_t files_ended = 0;
  size_t read = 0;
  for (const MeetingTimer& timer : timers) {
    change.batch().Delete(Family::kState, MeetingTimerKey(timer.instant_us, timer.pbx, timer.meeting));
    // Its PBX is ending, and its files end with it.
    if (!registry_.Lives(timer.pbx)) continue;
    auto found = book_.Find(timer.pbx, timer.meeting, change.last_due());
    if (!found.ok()) return found.status();
    Meeting& meeting = **found;
    if (!meeting.stored) {
      const auto ended = ReviewForgotten(timer, meeting, change);
      book_.Forget(timer.pbx, timer.meeting);
      if (!ended.ok()) return ended.status();
      if (*ended) ++files_ended;
      continue;
    }
    read += meeting.course.size();
    if (meeting.locator.timer_us != timer.instant_us) continue;
    const MeetingLocator before = meeting.locator;
    const Filing filing = FileMeeting(meeting.course.Fold(now), holdings_.policy(), now);
    absl::Status status = Refile(meeting, registry_.ExternalId(timer.pbx), filing, now, change);
    if (!status.ok()) return status;
    if (before.days[kFileShare] != DueDay() && meeting.locator.days[kFileShare] == DueDay()) ++files_ended;
    FileLocator(meeting, before, filing, change);
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  book_.Trim(read);
  return files_ended;
}

absl::StatusOr<bool> Recorder::ReviewForgotten(const MeetingTimer& timer, Meeting& meeting, Change& change) {
  // Where its files are is said by its locator, which goes with the day of its history; after that they lie under the
  // timer's own day.
  auto locator = ReadLocator(holdings_.store, timer.pbx, timer.meeting, DueDay());
  if (!locator.ok()) return locator.status();
  const bool located = locator->has_value() && (*locator)->files_end_us != 0;
  if (located && (*locator)->files_end_us > absl::ToUnixMicros(change.now())) {
    change.batch().Put(Family::kState, MeetingTimerKey((*locator)->files_end_us, timer.pbx, timer.meeting), "");
    return false;
  }
  meeting.locator.days[kFileShare] =
      located ? (*locator)->days[kFileShare]
              : FileCreation(kFileShare, absl::FromUnixMicros(timer.instant_us), holdings_.policy());
  const std::string prefix = FiledPrefix(meeting.locator.days[kFileShare], kFileShare, timer.pbx, timer.meeting);
  const bool held = holdings_.store.ScanPrefix(Family::kFiled, prefix)->Valid();
  absl::Status status = EndFiles(meeting, registry_.ExternalId(timer.pbx), kReasonMeetingEnded, change);
  if (!status.ok()) return status;
  if (located) {
    MeetingLocator left = **locator;
    left.days[kFileShare] = DueDay();
    left.files_end_us = 0;
    left.timer_us = 0;
    change.batch().Put(Family::kState, LocatorKey(timer.pbx, timer.meeting), left.Serialize());
  }
  return held;
}

void Recorder::Forget() {
  touched_.clear();
  touched_by_meeting_.clear();
  group_poll_rows_.clear();
  contacts_.clear();
  book_.ForgetAll();
}

}  // namespace retention
