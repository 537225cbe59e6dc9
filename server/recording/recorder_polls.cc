#include "server/pbxs/pbx_desk.h"
#include "server/recording/recorder.h"

namespace retention {
absl::Status Recorder::TakePollEvent(RecordCommand& command, int index, const PbxId& pbx, Change& change) {
  const v1::Event& event = (*command.events)[index];
  const std::string& poll_id = event.payload_case() == v1::Event::kPollCreated    ? event.poll_created().poll_id()
                               : event.payload_case() == v1::Event::kPollAnswered ? event.poll_answered().poll_id()
                                                                                  : event.poll_deleted().poll_id();
  const FiledKey marker = PollKey(holdings_.vault, pbx, poll_id, ItemId{});
  const FiledKey row =
      PollKey(holdings_.vault, pbx, poll_id, ItemId{holdings_.vault.Hash("item", pbx.view(), event.event_id())});
  const auto held = [&](const FiledKey& key) -> absl::StatusOr<bool> {
    const std::string encoded = key.Encode();
    if (group_poll_rows_.contains(encoded)) return true;
    auto value = holdings_.store.Get(Family::kFiled, encoded);
    if (!value.ok()) return value.status();
    return value->has_value();
  };
  auto deleted = held(marker);
  if (!deleted.ok()) return deleted.status();
  auto duplicate = held(row);
  if (!duplicate.ok()) return duplicate.status();
  if (*duplicate || (*deleted && event.payload_case() == v1::Event::kPollDeleted)) {
    command.result.set_duplicates(command.result.duplicates() + 1);
    return absl::OkStatus();
  }
  const auto unknown = [&] {
    command.Reject(index, v1::REJECTION_REASON_POLL_UNKNOWN, "poll_id", "no such poll is held");
    return absl::OkStatus();
  };
  if (*deleted) return unknown();
  stored::v1::Value value;
  value.set_time_us(MicrosOf(event.time()));
  value.set_meeting_id(event.meeting_id());
  if (event.payload_case() == v1::Event::kPollDeleted) {
    // The poll's rows may be part of this very group.
    if (absl::Status status = CommitGroup(change); !status.ok()) return status;
    const auto found = pbx_desk_.DeletePoll(pbx, poll_id, kReasonPollDeleted, change);
    if (!found.ok()) return found.status();
    if (!*found) return unknown();
    group_poll_rows_.insert(marker.Encode());
    command.result.set_accepted(command.result.accepted() + 1);
    return absl::OkStatus();
  }
  // The first row of a poll is its creation: no answer is taken in before it.
  const std::string prefix = FiledPrefix(row.day, kPoll, pbx, row.owner);
  bool exists = holdings_.store.ScanPrefix(Family::kFiled, prefix)->Valid();
  for (const std::string& pending : group_poll_rows_) exists |= pending.compare(0, prefix.size(), prefix) == 0;
  if (event.payload_case() == v1::Event::kPollAnswered) {
    if (!exists) return unknown();
    *value.mutable_answer() = event.poll_answered();
  } else if (exists) {
    // Created once before, by another event: a poll has one owner, whose extension ends it.
    command.result.set_duplicates(command.result.duplicates() + 1);
    return absl::OkStatus();
  } else {
    const FiledKey owner = ExtensionKey(holdings_.vault, pbx, event.poll_created().owner_extension());
    auto extension = holdings_.store.Get(Family::kFiled, owner.Encode());
    if (!extension.ok()) return extension.status();
    if (!extension->has_value() || Vault::ValueCount(**extension) == 0) {  // a removed one leaves a mark
      command.Reject(index, v1::REJECTION_REASON_EXTENSION_UNKNOWN, "poll_created.owner_extension",
                     "the PBX has no such extension");
      return absl::OkStatus();
    }
    value.set_extension(std::string(owner.owner.view()));
    *value.mutable_poll() = event.poll_created();
    if (!event.meeting_id().empty()) {
      if (absl::Status status = RefileFirst(pbx, event.meeting_id(), change); !status.ok()) return status;
      auto touched = Touch(pbx, event, change.last_due());
      if (!touched.ok()) return touched.status();
      Meeting& meeting = *(*touched)->meeting;
      if (!meeting.known || meeting.deleted) {
        command.Reject(index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
        return absl::OkStatus();
      }
      if (!meeting.course.Contains(command.fingerprints[index])) {
        AddToCourse(**touched, event, command.fingerprints[index], command);
      }
    }
  }
  if (absl::Status status = change.File(row, Personal(value.SerializeAsString()), 1); !status.ok()) return status;
  group_poll_rows_.insert(row.Encode());
  command.result.set_accepted(command.result.accepted() + 1);
  return absl::OkStatus();
}

}  // namespace retention
