// Values of meetings that end before their day: files with the meeting, the rest with its deletion.
#include <algorithm>
#include <set>
#include <string>

#include "server/recording/meeting_filer.h"
#include "server/rows/deleted_objects.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_walk.h"

namespace retention {

absl::Status MeetingFiler::EndFiles(Meeting& meeting, const std::string& pbx_id,
                                    absl::FunctionRef<bool(const SharedFile& file)> end, std::string_view reason,
                                    Change& change) {
  DueDay& held = meeting.locator.days[kFileShare];
  if (held == DueDay::None()) return absl::OkStatus();
  if (change.CountOf(held, kFileShare).rows == 0) {
    // Their day has its entry, and they their orders, though its key could not be destroyed yet.
    held = DueDay::None();
    return absl::OkStatus();
  }
  bool any_left = false;
  const auto visit = [&](const FiledKey& key, std::string_view row, const stored::v1::Value& value) {
    if (end(FileOf(value))) return change.Drop(key, row, pbx_id, reason);
    any_left = true;
    return absl::OkStatus();
  };
  const std::string prefix = FiledPrefix(held, kFileShare, meeting.pbx, meeting.id);
  if (absl::Status s = VisitObjects(holdings_.store, holdings_.vault, prefix, visit); !s.ok()) return s;
  if (!any_left) held = DueDay::None();
  return absl::OkStatus();
}

absl::Status MeetingFiler::EraseDeleted(Meeting& meeting, const std::string& pbx_id, std::string_view reason,
                                        Change& change) {
  absl::Status status = EndFiles(meeting, pbx_id, kAllFiles, reason, change);
  if (!status.ok()) return status;
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    if (category == kHistory || held == DueDay::None()) continue;
    const auto erase = [&](const FiledKey& key, std::string_view row) { return change.Drop(key, row, "", reason); };
    status = VisitRows(holdings_.store, FiledPrefix(held, category, meeting.pbx, meeting.id), erase);
    if (!status.ok()) return status;
    held = DueDay::None();
  }
  return absl::OkStatus();
}

absl::Status MeetingFiler::EndLost(const LocatorName& name, const MeetingLocator& locator, std::string_view reason,
                                   Change& change) {
  Meeting meeting;
  meeting.pbx = name.pbx;
  meeting.id = name.meeting;
  meeting.locator = locator;
  meeting.stored = true;
  // What lies under days that have ended goes with those.
  for (DueDay& day : meeting.locator.days) {
    if (day.is_civil() && day <= holdings_.ring.destroyed_through()) day = DueDay::None();
  }
  const std::string pbx_id = holdings_.registry.ExternalId(name.pbx);
  if (absl::Status s = EraseDeleted(meeting, pbx_id, reason, change); !s.ok()) return s;
  // Nobody would look for it without a locator.
  const auto erase = [&](const FiledKey& key, std::string_view row) { return change.Drop(key, row, "", reason); };
  DueDay& history = meeting.locator.days[kHistory];
  if (history != DueDay::None()) {
    absl::Status course = VisitRows(holdings_.store, FiledPrefix(history, kHistory, meeting.pbx, meeting.id), erase);
    if (!course.ok()) return course;
  }
  history = DueDay::None();
  meeting.locator.sealed_id.clear();
  meeting.locator.sealed_carried.clear();
  Filing filing;
  filing.review = absl::InfiniteFuture();
  FileLocator(meeting, locator, filing, /*report_changed=*/false, change);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MeetingFiler::EraseObjects(const PbxId& pbx, const RoomId& room, const std::string& pbx_id,
                                                    CategoryNumber category, const WhichObjects& which,
                                                    std::string_view reason, Change& change) {
  // Until it is refiled, what is kept longer now lies under days that may be over.
  const DueDay ended = holdings_.LastDue(holdings_.policies.refiling_since().value_or(change.now()));
  const auto visit_all = [&](auto visit) {
    for (const auto& [day, counts] : holdings_.counts.Read()) {
      if (counts[category].rows == 0 || day == DueDay::Kept() || (day.is_civil() && day <= ended)) continue;
      const std::string prefix = FiledPrefix(day, category, pbx, room);
      if (absl::Status s = VisitObjects(holdings_.store, holdings_.vault, prefix, visit); !s.ok()) return s;
    }
    return absl::OkStatus();
  };
  const auto is_over = [&](const FiledKey& key, const stored::v1::Value& value) {
    const bool refiled = category != kRecording || !value.has_object();
    const absl::Time time = absl::FromUnixMicros(value.time_us());
    const DueDay day = refiled ? key.day : CreationDueDay(kRecording, time, holdings_.policy());
    return day.is_civil() && day <= change.last_due();
  };
  // Whoever told of it besides, by another id, told of the same.
  std::set<std::string> references;
  const auto note = [&](const FiledKey&, std::string_view, const stored::v1::Value& value) {
    if (value.object().object_id() == which.id) references.insert(value.object().object_ref());
    return absl::OkStatus();
  };
  absl::Status status = which.id.empty() ? absl::OkStatus() : visit_all(note);
  if (!status.ok()) return status;
  uint64_t erased = 0;
  DeletedObjects deleted(holdings_.vault);
  const auto erase = [&](const FiledKey& key, std::string_view row, const stored::v1::Value& value) {
    if (!which.id.empty() && !references.contains(value.object().object_ref())) return absl::OkStatus();
    if (value.time_us() > which.until_us || is_over(key, value)) return absl::OkStatus();
    erased += Vault::ValueCount(row);
    const int64_t now_us = absl::ToUnixMicros(change.now());
    const int64_t until_us = which.until_us == INT64_MAX ? std::max(now_us, value.time_us()) : which.until_us;
    deleted.Add(pbx, room, category, value.object(), until_us);
    return change.Drop(key, row, pbx_id, reason);
  };
  if (status = visit_all(erase); !status.ok()) return status;
  deleted.Mark(change);
  return erased;
}

}  // namespace retention
