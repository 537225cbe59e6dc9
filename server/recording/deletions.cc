// Deletions before the due day, by operators: of meetings, single objects and polls.
#include <algorithm>

#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/recording/event_intake.h"
#include "server/recording/recorder.h"
#include "server/recording/touched_meetings.h"
#include "server/rows/deleted_rooms.h"
#include "server/rows/row_keys.h"

namespace retention {
namespace {

constexpr size_t kRandomIdBytes = 16;

}  // namespace

absl::Status Recorder::DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id, std::string_view reason,
                                     Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  auto id = RandomHex(holdings_.random, kRandomIdBytes);
  if (!id.ok()) return id.status();
  v1::Event event;
  event.set_event_id(*std::move(id));
  event.set_pbx_id(std::string(pbx_id));
  event.set_meeting_id(std::string(meeting_id));
  event.mutable_meeting_deleted();
  v1::RecordResult result;
  TouchedMeetings meetings(cache_, holdings_, change, reason);
  auto touched = meetings.Touch(*pbx, event);
  if (!touched.ok()) return touched.status();
  Room& room = *(*touched)->room;
  // Within what the portal's clock may differ from this one the order of arrival decides: all that was reported by now
  // lies before it, and what is reported from now on after it.
  int64_t time_us = std::max(absl::ToUnixMicros(change.now() - kMaxAhead), room.cut.last_us());
  for (const auto& [number, meeting] : room.meetings) time_us = std::max(time_us, meeting.locator.facts.last_us);
  SetTime(time_us, *event.mutable_time());
  auto recordings = filer_.EraseObjects(room.pbx, room.id, event.pbx_id(), kRecording, {}, reason, change);
  if (!recordings.ok()) return recordings.status();
  bool any = false;    // of which anything is held
  bool lives = false;  // that is a meeting
  for (const auto& [number, meeting] : room.meetings) {
    any |= !meeting.locator.facts.deleted;
    lives |= !meeting.locator.facts.deleted && meeting.locator.facts.IsMeeting();
  }
  if (any) {
    (*touched)->deletion_reason = std::string(reason);
    (*touched)->deletes_recordings = true;
    // A deletion is of nothing that is fixed.
    meetings.AddToCourse(**touched, event, FingerprintOf(event.event_id()), /*place=*/nullptr, {}, result);
  } else {
    // What is left of a room that was deleted before, or whose history is over.
    auto pdfs = filer_.EraseObjects(room.pbx, room.id, event.pbx_id(), kPdfShare, {}, reason, change);
    if (!pdfs.ok()) return pdfs.status();
    // What is told of them once more stays deleted.
    if (*pdfs + *recordings > 0) {
      MeetingFiler::NoteDeletion({.time_us = time_us, .with_recordings = true}, room, change);
      change.ThenDo([this, pbx = room.pbx, id = room.id] { cache_.Forget(pbx, id); });
    }
  }
  if (absl::Status status = filer_.File(**touched, change); !status.ok()) return status;
  const CategoryCounts none{};
  return !lives && change.erased() == none && change.kept() == none ? MeetingUnknown() : absl::OkStatus();
}

absl::Status Recorder::DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                                    std::string_view object_id, std::string_view reason, Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  const auto named = holdings_.names.Find(holdings_.store, *pbx, meeting_id);
  if (!named.ok()) return named.status();
  const RoomId room = named->room;
  auto erased = filer_.EraseObjects(*pbx, room, std::string(pbx_id), category, {.id = object_id}, reason, change);
  if (!erased.ok()) return erased.status();
  if (*erased > 0) return absl::OkStatus();
  const auto locators = ReadLocators(holdings_.store, *pbx, room);
  if (!locators.ok()) return locators.status();
  const bool known = std::any_of(locators->begin(), locators->end(), [&](const auto& meeting) {
    const MeetingLocator& locator = meeting.second;
    return locator.days[kHistory] > change.last_due() && locator.facts.IsMeeting();
  });
  if (!known) return MeetingUnknown();
  return ErrorWithReason(absl::StatusCode::kNotFound, "OBJECT_UNKNOWN", "the meeting has no such object");
}

absl::Status Recorder::DeletePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason,
                                  Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  const auto found = pbxs_.DeletePoll(*pbx, poll_id, reason, change);
  if (!found.ok()) return found.status();
  if (*found) return absl::OkStatus();
  return ErrorWithReason(absl::StatusCode::kNotFound, "POLL_UNKNOWN", "the PBX has no such poll");
}

absl::StatusOr<ErasedMeeting> EraseMeeting(Recorder& recorder, const Commands& commands, std::string_view pbx_id,
                                           std::string_view meeting_id, std::string_view reason) {
  // What it ends was over before, and is not what is deleted.
  absl::Status refiled = commands.Do([&](Change& change) { return recorder.RefileFirst(pbx_id, meeting_id, change); });
  if (!refiled.ok()) return refiled;
  return commands.Do([&](Change& change) -> absl::StatusOr<ErasedMeeting> {
    if (absl::Status s = recorder.DeleteMeeting(pbx_id, meeting_id, reason, change); !s.ok()) return s;
    return ErasedMeeting{.values = change.erased(), .unread = change.unread()};
  });
}

absl::Status EraseObject(Recorder& recorder, const Commands& commands, std::string_view pbx_id,
                         std::string_view meeting_id, CategoryNumber category, std::string_view object_id,
                         std::string_view reason) {
  absl::Status refiled = commands.Do([&](Change& change) { return recorder.RefileFirst(pbx_id, meeting_id, change); });
  if (!refiled.ok()) return refiled;
  return commands.Do(
      [&](Change& change) { return recorder.DeleteObject(pbx_id, meeting_id, category, object_id, reason, change); });
}

}  // namespace retention
