// Deletions before the due day: of meetings, by their users and by operators, and of single objects.
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/recording/recorder.h"
#include "server/rows/object_rows.h"

namespace retention {
namespace {

constexpr size_t kRandomIdBytes = 16;

}  // namespace

absl::StatusOr<CategoryCounts> Recorder::DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id,
                                                       std::string_view reason, absl::Time now) {
  const auto pbx = registry_.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  uint8_t id[kRandomIdBytes];
  if (absl::Status status = holdings_.random.Fill(id, sizeof(id)); !status.ok()) return status;
  v1::Event event;
  event.set_event_id(absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(id), sizeof(id))));
  event.set_pbx_id(std::string(pbx_id));
  event.set_meeting_id(std::string(meeting_id));
  event.mutable_time()->set_seconds(absl::ToUnixSeconds(now));
  event.mutable_meeting_deleted();
  RecordCommand command;
  // What it ends was over before, and is not what is deleted.
  Change refile(holdings_, now);
  if (absl::Status status = RefileFirst(*pbx, meeting_id, refile); !status.ok()) return status;
  Change change(holdings_, now);
  auto touched = Touch(*pbx, event, change.last_due());
  if (!touched.ok()) return touched.status();
  Meeting& meeting = *(*touched)->meeting;
  auto recordings = EraseObjects(meeting, event.pbx_id(), kRecording, "", reason, change);
  if (!recordings.ok()) return recordings.status();
  if (meeting.known && !meeting.deleted) {
    AddToCourse(**touched, event, FingerprintOf(event.event_id()), command);
    meeting.deleted = true;
    (*touched)->deletion_reason = std::string(reason);
  } else if (absl::Status status = EraseDeleted(meeting, event.pbx_id(), reason, change); !status.ok()) {
    // What is left of a meeting that was deleted before, or whose history is over.
    return status;
  }
  const bool known = meeting.known;
  if (absl::Status status = CommitGroup(change); !status.ok()) return status;
  const CategoryCounts erased = change.erased();
  if (!known && erased == CategoryCounts{} && change.held() == 0) return MeetingUnknown();
  return erased;
}

absl::Status Recorder::DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                                    std::string_view object_id, std::string_view reason, absl::Time now) {
  const auto pbx = registry_.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  Change change(holdings_, now);
  if (absl::Status status = RefileFirst(*pbx, meeting_id, change); !status.ok()) return status;
  auto meeting = book_.Find(*pbx, meeting_id, change.last_due());
  if (!meeting.ok()) return meeting.status();
  auto erased = EraseObjects(**meeting, std::string(pbx_id), category, object_id, reason, change);
  const bool known = (*meeting)->known;
  if (!(*meeting)->stored) book_.Forget(*pbx, (*meeting)->id);
  if (!erased.ok()) return erased.status();
  if (*erased == 0 && !known) return MeetingUnknown();
  if (*erased == 0) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "OBJECT_UNKNOWN", "the meeting has no such object");
  }
  return change.Commit();
}

absl::Status Recorder::EraseDeleted(Meeting& meeting, const std::string& pbx_id, std::string_view reason,
                                    Change& change) {
  if (absl::Status status = EndFiles(meeting, pbx_id, reason, change); !status.ok()) return status;
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    if (category == kHistory || held == DueDay()) continue;
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(held, category, meeting.pbx, meeting.id));
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      if (absl::Status s = change.Erase(*key, Vault::ValueCount(cursor->value()), reason); !s.ok()) return s;
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    held = DueDay();
  }
  return EraseObjects(meeting, pbx_id, kPdfShare, "", reason, change).status();
}

absl::StatusOr<uint64_t> Recorder::EraseObjects(Meeting& meeting, const std::string& pbx_id, CategoryNumber category,
                                                std::string_view object_id, std::string_view reason, Change& change) {
  uint64_t erased = 0;
  // Until it is refiled, what is kept longer now lies under days that may be over.
  const DueDay ended =
      LastDueDay(holdings_.policies.refiling_since().value_or(change.now()), holdings_.policy().zone());
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (counts[category].rows == 0 || day == DueDay::Held() || (day.is_civil() && day <= ended)) continue;
    const std::string prefix = FiledPrefix(day, category, meeting.pbx, meeting.id);
    const auto erase = [&](const FiledKey& key, const stored::v1::Value& value, uint32_t values) -> absl::Status {
      if (!object_id.empty() && value.object().object_id() != object_id) return absl::OkStatus();
      erased += values;
      return change.EraseObject(key, value, values, pbx_id, reason);
    };
    if (absl::Status status = VisitObjects(holdings_.store, holdings_.vault, prefix, erase); !status.ok()) {
      return status;
    }
  }
  return erased;
}

}  // namespace retention
