// Meetings under a new policy.
#include <utility>

#include "server/policies/placement.h"
#include "server/recording/recorder.h"

namespace retention {

absl::Status Recorder::RefileMeeting(const LocatorName& name, const MeetingLocator& locator, const Filing& filing,
                                     absl::Time applied, Change& change) {
  auto found = book_.Find(name.pbx, name.meeting, LastDueDay(applied, holdings_.policy().zone()));
  if (!found.ok() && !IsUnreadable(found.status())) return found.status();
  Meeting unreadable{.pbx = name.pbx, .id = name.meeting, .course = {}, .locator = locator, .stored = true};
  Meeting& meeting = found.ok() ? **found : unreadable;
  const MeetingLocator before = meeting.locator;
  const absl::Status files = EndFilesInTime(meeting, registry_.ExternalId(name.pbx), filing, applied, change);
  if (IsUnreadable(files)) {
    meeting.locator.days[kFileShare] = DueDay();  // a file that cannot be read ends with its day
  } else if (!files.ok()) {
    return files;
  }
  absl::Status status = MoveMisfiled(meeting, filing, applied, change);
  if (status.ok()) FileLocator(meeting, before, filing, change);
  return status;
}

void Recorder::MarkRefiled(const Meeting& meeting, Batch& batch) {
  for (const CategoryNumber category : kFiledByMeeting) {
    const DueDay day = meeting.locator.days[category];
    if (day == DueDay()) continue;
    batch.Put(Family::kState, RefiledMarkKey(day, category, meeting.pbx, meeting.id), "");
  }
}

absl::Status Recorder::RefileFirst(const PbxId& pbx, std::string_view meeting_id, Change& change) {
  const auto applied = holdings_.policies.refiling_since();
  if (!applied.has_value()) return absl::OkStatus();
  const DueDay ended = LastDueDay(*applied, holdings_.policy().zone());
  const auto found = book_.Find(pbx, meeting_id, ended);
  if (!found.ok()) return found.status();
  const Meeting& meeting = **found;
  // Once in a group is enough: what moves a meeting files it under the policy in force.
  if (!meeting.stored || touched_by_meeting_.contains(&meeting)) return absl::OkStatus();
  const Filing filing = FileMeeting(meeting.course.Fold(change.now()), holdings_.policy(), change.now());
  if (!Misfiled(meeting.locator, filing, ended)) return absl::OkStatus();
  const LocatorName name{.pbx = pbx, .meeting = meeting.id};
  const MeetingLocator locator = meeting.locator;
  // What came before it in the group must be in the store, and so must what is moved, before the rest looks at it.
  if (absl::Status status = CommitGroup(change); !status.ok()) return status;
  if (absl::Status status = RefileMeeting(name, locator, filing, *applied, change); !status.ok()) return status;
  return CommitGroup(change);
}

}  // namespace retention
