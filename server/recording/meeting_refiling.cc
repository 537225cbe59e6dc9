// Rows of meetings that are filed elsewhere than they belong: after an event, a timer, another policy.
#include <algorithm>
#include <utility>

#include "server/recording/meeting_filer.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_walk.h"

namespace retention {

absl::Status MeetingFiler::FollowFiling(Meeting& meeting, const std::string& pbx_id, const OccurrenceFacts& before,
                                        Filing& filing, Change& change) {
  if (absl::Status s = EndFilesInTime(meeting, pbx_id, before, filing, change); !s.ok()) return s;
  // Not by moving: the portal must be told.
  if (!change.TakesMoved(filing.days[kFileShare])) {
    if (absl::Status s = EndFiles(meeting, pbx_id, kAllFiles, kReasonDayMovedIntoPast, change); !s.ok()) return s;
  }
  return MoveMisfiled(meeting, filing, change.now(), change);
}

absl::Status MeetingFiler::EndFilesInTime(Meeting& meeting, const std::string& pbx_id, const OccurrenceFacts& before,
                                          Filing& filing, Change& change) {
  const OccurrenceFacts& facts = meeting.locator.facts;
  const absl::Time now = change.now();
  if (!MayFilesHaveEnded(before, now) && !MayFilesHaveEnded(facts, now)) return absl::OkStatus();
  // Files that have ended stay so, whatever becomes of the meeting now.
  const auto end = [&](const SharedFile& file) {
    const absl::Time ends = FileEndOf(facts, file);
    if (FileEndOf(before, file) <= now || ends <= now) return true;
    filing.review = std::min(filing.review, ends);
    return false;
  };
  return EndFiles(meeting, pbx_id, end, kReasonMeetingEnded, change);
}

absl::Status MeetingFiler::MoveMisfiled(Meeting& meeting, const Filing& filing, absl::Time decided, Change& change) {
  const DueDay last_due = LastDueDay(decided, holdings_.policy().zone());
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    const DueDay target = filing.days[category];
    if (held == DueDay::None() || held == target) continue;
    if (held <= holdings_.ring.destroyed_through()) {
      held = DueDay::None();  // its rows are ended and counted, and wait to be dropped
      meeting.locator.fixed = true;
      continue;
    }
    const bool over = held <= last_due;
    const auto move = [&](const FiledKey& key, std::string_view row) {
      return over ? change.Drop(key, row, "", kReasonDayMovedIntoPast) : change.Move(key, row, target);
    };
    absl::Status status = VisitRows(holdings_.store, FiledPrefix(held, category, meeting.pbx, meeting.id), move);
    if (!status.ok()) return status;
    const bool ended = over || !change.TakesMoved(target);
    meeting.locator.fixed |= ended;
    held = ended ? DueDay::None() : target;
  }
  return absl::OkStatus();
}

absl::StatusOr<Meeting*> MeetingFiler::FindMeeting(const PbxId& pbx, const OwnerId& id, DueDay last_due,
                                                   Meeting& holder, Change& change) {
  if (Room* room = cache_.Peek(pbx, RoomOf(id))) {
    const auto known = room->meetings.find(OccurrenceOf(id));
    if (known == room->meetings.end() || !known->second.stored || known->second.locator.days[kHistory] <= last_due) {
      return nullptr;
    }
    cache_.Edit(*room, change);
    return &known->second;
  }
  auto locator = ReadLocator(holdings_.store, pbx, id, last_due);
  if (!locator.ok()) return locator.status();
  if (!locator->has_value()) return nullptr;
  if (absl::Status s = OpenCarried(holdings_.vault, pbx, id, **locator); !s.ok()) return s;
  holder = {.pbx = pbx, .id = id, .locator = **locator, .stored = true};
  return &holder;
}

absl::StatusOr<size_t> MeetingFiler::Review(std::span<const MeetingTimer> timers, Change& change) {
  size_t files_ended = 0;
  for (const MeetingTimer& timer : timers) {
    change.batch().Delete(Family::kState, MeetingTimerKey(timer.instant_us, timer.pbx, timer.meeting));
    // Its PBX is ending, and its files end with it.
    if (!holdings_.registry.Lives(timer.pbx)) continue;
    Meeting holder;
    auto found = FindMeeting(timer.pbx, timer.meeting, change.last_due(), holder, change);
    if (!found.ok()) return found.status();
    if (*found == nullptr) {
      const auto ended = ReviewForgotten(timer, change);
      if (!ended.ok()) return ended.status();
      if (*ended) ++files_ended;
      continue;
    }
    Meeting& meeting = **found;
    if (meeting.locator.timer_us != timer.instant_us) continue;
    const MeetingLocator before = meeting.locator;
    Filing filing = FileMeeting(meeting.locator.facts, holdings_.policy(), change.now());
    absl::Status status = FollowFiling(meeting, holdings_.registry.ExternalId(timer.pbx), before.facts, filing, change);
    if (!status.ok()) return status;
    if (before.days[kFileShare] != DueDay::None() && meeting.locator.days[kFileShare] == DueDay::None()) ++files_ended;
    if (absl::Status s = Seal(meeting, before, "", change); !s.ok()) return s;
    const bool over = FileLocator(meeting, before, filing, /*report_changed=*/false, change);
    // What became fixed by this is cut no more: the room is read anew.
    if (over || IsFixed(meeting.locator, change.last_due()) != meeting.fixed)
      cache_.Forget(timer.pbx, RoomOf(timer.meeting));
  }
  return files_ended;
}

absl::StatusOr<bool> MeetingFiler::ReviewForgotten(const MeetingTimer& timer, Change& change) {
  // Where its files are is said by its locator, which goes with the day of its history; after that they lie under the
  // timer's own day.
  auto locator = ReadLocator(holdings_.store, timer.pbx, timer.meeting, DueDay::None());
  if (!locator.ok()) return locator.status();
  const bool located = locator->has_value() && (*locator)->files_end_us != 0;
  if (located && (*locator)->files_end_us > absl::ToUnixMicros(change.now())) {
    change.batch().Put(Family::kState, MeetingTimerKey((*locator)->files_end_us, timer.pbx, timer.meeting), "");
    return false;
  }
  Meeting meeting{.pbx = timer.pbx, .id = timer.meeting};
  meeting.locator.days[kFileShare] =
      located ? (*locator)->days[kFileShare]
              : CreationDueDay(kFileShare, absl::FromUnixMicros(timer.instant_us), holdings_.policy());
  const std::string prefix = FiledPrefix(meeting.locator.days[kFileShare], kFileShare, timer.pbx, timer.meeting);
  const auto held = HasRows(holdings_.store, prefix);
  if (!held.ok()) return held.status();
  absl::Status status =
      EndFiles(meeting, holdings_.registry.ExternalId(timer.pbx), kAllFiles, kReasonMeetingEnded, change);
  if (!status.ok()) return status;
  if (located) {
    MeetingLocator left = **locator;
    left.days[kFileShare] = DueDay::None();
    left.files_end_us = 0;
    left.timer_us = 0;
    change.batch().Put(Family::kState, LocatorKey(timer.pbx, timer.meeting), left.Serialize());
  }
  return held;
}

absl::Status MeetingFiler::RefileMeeting(const LocatorName& name, Filing filing, absl::Time applied, Change& change) {
  Meeting holder;
  auto found = FindMeeting(name.pbx, name.meeting, holdings_.LastDue(applied), holder, change);
  if (!found.ok()) return found.status();
  if (*found == nullptr) return absl::OkStatus();
  Meeting& meeting = **found;
  const MeetingLocator before = meeting.locator;
  // Files end at an instant that no policy moves. Its timer is set anew: what it was for must not wait for the next.
  absl::Status status = EndFilesInTime(meeting, holdings_.registry.ExternalId(name.pbx), before.facts, filing, change);
  if (!status.ok()) return status;
  if (absl::Status s = MoveMisfiled(meeting, filing, applied, change); !s.ok()) return s;
  if (absl::Status s = Seal(meeting, before, "", change); !s.ok()) return s;
  const bool over = FileLocator(meeting, before, filing, /*report_changed=*/false, change);
  // What became fixed by this is cut no more: the room is read anew.
  if (over || IsFixed(meeting.locator, change.last_due()) != meeting.fixed)
    cache_.Forget(name.pbx, RoomOf(name.meeting));
  return absl::OkStatus();
}

void MeetingFiler::MarkRefiled(const Meeting& meeting, Batch& batch) {
  for (const CategoryNumber category : kFiledByMeeting) {
    const DueDay day = meeting.locator.days[category];
    if (day == DueDay::None()) continue;
    batch.Put(Family::kState, RefiledMarkKey(day, category, meeting.pbx, meeting.id), "");
  }
}

}  // namespace retention
