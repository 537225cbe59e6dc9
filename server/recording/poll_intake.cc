#include "server/recording/poll_intake.h"

#include "server/base/field_checks.h"
#include "server/recording/event_intake.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

const std::string& PollIdOf(const v1::Event& event) {
  switch (event.payload_case()) {
    case v1::Event::kPollCreated:
      return event.poll_created().poll_id();
    case v1::Event::kPollAnswered:
      return event.poll_answered().poll_id();
    default:
      return event.poll_deleted().poll_id();
  }
}

stored::v1::Value ValueOf(const v1::Event& event) {
  stored::v1::Value value;
  value.set_time_us(MicrosOf(event.time()));
  value.set_meeting_id(event.meeting_id());
  return value;
}

}  // namespace

absl::StatusOr<bool> PollIntake::IsHeld(const FiledKey& key) const {
  if (rows_.contains(key.Encode())) return true;
  return HasRow(holdings_.store, key);
}

absl::StatusOr<bool> PollIntake::HasCreation(const FiledKey& row) const {
  const std::string prefix = FiledPrefix(row.day, kPoll, row.pbx, row.owner);
  for (const std::string& filed : rows_) {
    if (filed.compare(0, prefix.size(), prefix) == 0) return true;
  }
  return HasRows(holdings_.store, prefix);
}

void PollIntake::File(const FiledKey& row, const stored::v1::Value& value, v1::RecordResult& result) {
  change_.File(row, Personal(value.SerializeAsString()), 1);
  rows_.insert(row.Encode());
  CountAccepted(result);
}

absl::Status PollIntake::Take(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                              v1::RecordResult& result) {
  const std::string& poll_id = PollIdOf(event);
  const FiledKey row = PollKey(holdings_.vault, pbx, poll_id, EventItem(holdings_.vault, pbx, event.event_id()));
  const auto deleted = IsHeld(PollMarkKey(pbx, row.owner));
  if (!deleted.ok()) return deleted.status();
  const auto duplicate = IsHeld(row);
  if (!duplicate.ok()) return duplicate.status();
  if (*duplicate || (*deleted && event.payload_case() == v1::Event::kPollDeleted)) {
    CountDuplicate(result);
    return absl::OkStatus();
  }
  const auto reject_unknown = [&] {
    Reject(index, v1::REJECTION_REASON_POLL_UNKNOWN, "poll_id", "no such poll is held", result);
    return absl::OkStatus();
  };
  if (*deleted) return reject_unknown();
  if (event.payload_case() == v1::Event::kPollDeleted) {
    const auto found = pbxs_.DeletePoll(pbx, poll_id, kReasonPollDeleted, change_);
    if (!found.ok()) return found.status();
    if (!*found) return reject_unknown();
    CountAccepted(result);
    return absl::OkStatus();
  }
  // The first row of a poll is its creation: no answer is taken in before it.
  const auto exists = HasCreation(row);
  if (!exists.ok()) return exists.status();
  if (event.payload_case() == v1::Event::kPollAnswered) {
    if (!*exists) return reject_unknown();
    stored::v1::Value value = ValueOf(event);
    *value.mutable_answer() = event.poll_answered();
    File(row, value, result);
    return absl::OkStatus();
  }
  if (*exists) {
    // Created once before, by another event: a poll has one owner, whose extension ends it.
    CountDuplicate(result);
    return absl::OkStatus();
  }
  return Create(event, index, fingerprint, row, result);
}

absl::Status PollIntake::Create(const v1::Event& event, int index, uint64_t fingerprint, const FiledKey& row,
                                v1::RecordResult& result) {
  const FiledKey owner = ExtensionKey(holdings_.vault, row.pbx, event.poll_created().owner_extension());
  auto extension = holdings_.store.Get(Family::kFiled, owner.Encode());
  if (!extension.ok()) return extension.status();
  if (!extension->has_value() || Vault::ValueCount(**extension) == 0) {  // a removed one leaves a mark
    Reject(index, v1::REJECTION_REASON_EXTENSION_UNKNOWN, "poll_created.owner_extension",
           "the PBX has no such extension", result);
    return absl::OkStatus();
  }
  if (!event.meeting_id().empty()) {
    auto touched = meetings_.Touch(row.pbx, event);
    if (!touched.ok()) return touched.status();
    const Meeting& meeting = *(*touched)->meeting;
    if (!meeting.known || meeting.deleted) {
      Reject(index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held", result);
      return absl::OkStatus();
    }
    // A poll has no end with its meeting: it is held even if the course says no more of it.
    if (!meeting.course.Contains(fingerprint) && !TouchedMeetings::IsFull(meeting.course, event)) {
      meetings_.AddToCourse(**touched, event, fingerprint, result);
    }
  }
  stored::v1::Value value = ValueOf(event);
  value.set_extension(std::string(owner.owner.view()));
  *value.mutable_poll() = event.poll_created();
  File(row, value, result);
  return absl::OkStatus();
}

}  // namespace retention
