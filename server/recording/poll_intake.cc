#include "server/recording/poll_intake.h"

#include "absl/strings/escaping.h"
#include "server/base/field_checks.h"
#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"
#include "server/rows/event_memory.h"
#include "server/rows/extension_names.h"
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

stored::v1::Value ValueOf(const v1::Event& event, const RoomId& room) {
  stored::v1::Value value;
  value.set_time_us(MicrosOf(event.time()));
  if (!event.meeting_id().empty()) value.set_room(std::string(room.view()));
  return value;
}

}  // namespace

absl::StatusOr<bool> PollIntake::IsHeld(const FiledKey& key) const {
  if (rows_.contains(key.Encode())) return true;
  return HasRow(holdings_.store, key);
}

absl::StatusOr<bool> PollIntake::HasCreation(const FiledKey& row) const {
  const std::string prefix = FiledPrefix(row.day, kPoll, row.pbx, row.owner);
  if (created_.contains(prefix)) return true;
  return HasRows(holdings_.store, prefix);
}

void PollIntake::File(const FiledKey& row, const stored::v1::Value& value, v1::RecordResult& result) {
  change_.File(row, Personal(value.SerializeAsString()), 1);
  rows_.insert(row.Encode());
  created_.insert(FiledPrefix(row.day, kPoll, row.pbx, row.owner));
  CountAccepted(result);
}

absl::StatusOr<std::optional<PollIntake::Given>> PollIntake::GivenIn(const FiledKey& row) const {
  if (const auto filed = answers_.find(row.Encode()); filed != answers_.end()) return filed->second;
  auto stored = GetRow(holdings_.store, row);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return std::nullopt;
  auto plaintext = holdings_.vault.Open(row, **stored);
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::Value value;
  if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a row of a poll does not parse");
  return Given{.time_us = value.time_us(), .event = value.event(), .erased = Vault::ValueCount(**stored) == 0};
}

absl::StatusOr<RoomId> PollIntake::RoomOfPoll(const PbxId& pbx, const v1::Event& event) const {
  if (event.meeting_id().empty()) return RoomId();
  return holdings_.names.Keep(holdings_.store, pbx, event.meeting_id(), change_.batch());
}

absl::Status PollIntake::Answer(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx,
                                v1::RecordResult& result) {
  const v1::PollAnswered& answered = event.poll_answered();
  // Its voters are told apart within their room, as long as it is there.
  const auto room = RoomOfPoll(pbx, event);
  if (!room.ok()) return room.status();
  const std::string voter = ParticipantName(holdings_.vault, pbx, *room, answered.participant_id());
  const FiledKey row = PollKey(holdings_.vault, pbx, answered.poll_id(), EventItem(holdings_.vault, pbx, voter));
  const Given now{.time_us = MicrosOf(event.time()), .event = fingerprint};
  const auto before = GivenIn(row);
  if (!before.ok()) return before.status();
  if (before->has_value() && !(*before)->IsBefore(now)) {
    CountDuplicate(result);
    return absl::OkStatus();
  }
  stored::v1::Value value = ValueOf(event, *room);
  value.set_event(fingerprint);
  *value.mutable_answer() = answered;
  value.mutable_answer()->set_participant_id(absl::BytesToHexString(voter));
  const bool filed_now = answers_.contains(row.Encode());
  if (before->has_value() && (*before)->erased) change_.DropMark(row);
  if (!before->has_value() || (*before)->erased) {
    change_.File(row, Personal(value.SerializeAsString()), 1);
  } else if (filed_now) {
    change_.Rewrite(row, Personal(value.SerializeAsString()), 1);
  } else {
    absl::Status status = change_.Replace(row, Personal(value.SerializeAsString()), 1);
    if (!status.ok()) return status;
  }
  rows_.insert(row.Encode());
  answers_[row.Encode()] = now;
  CountAccepted(result);
  return absl::OkStatus();
}

absl::StatusOr<bool> PollIntake::Delete(const PbxId& pbx, const FiledKey& row, std::string_view poll_id) {
  const auto found = pbxs_.DeletePoll(pbx, poll_id, kReasonPollDeleted, change_);
  if (!found.ok() || *found) return found;
  // Its creation may come yet: the mark meets it.
  change_.File(PollMarkKey(pbx, row.owner), Personal(std::string()), 0);
  return true;
}

absl::Status PollIntake::Finish() {
  finishing_ = true;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    absl::Status status = Take(*waiting.event, waiting.index, waiting.fingerprint, waiting.pbx, *waiting.result);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PollIntake::Take(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                              v1::RecordResult& result) {
  const std::string& poll_id = PollIdOf(event);
  const FiledKey row = PollKey(holdings_.vault, pbx, poll_id, EventItem(holdings_.vault, pbx, event.event_id()));
  const auto deleted = IsHeld(PollMarkKey(pbx, row.owner));
  if (!deleted.ok()) return deleted.status();
  const auto duplicate = IsHeld(row);
  if (!duplicate.ok()) return duplicate.status();
  if (*duplicate || *deleted) {
    CountDuplicate(result);  // what is deleted is over, whatever comes late of it
    return *duplicate || !event.has_poll_created() ? absl::OkStatus() : NoteAsked(event, fingerprint, pbx, result);
  }
  if (event.payload_case() == v1::Event::kPollDeleted) {
    const auto done = Delete(pbx, row, poll_id);
    if (!done.ok()) return done.status();
    CountAccepted(result);
    return absl::OkStatus();
  }
  const auto exists = HasCreation(row);
  if (!exists.ok()) return exists.status();
  if (event.payload_case() == v1::Event::kPollAnswered) {
    if (*exists) return Answer(event, fingerprint, pbx, result);
    if (finishing_) {
      Reject(index, v1::REJECTION_REASON_POLL_UNKNOWN, "poll_answered.poll_id", "no such poll is held", result);
    } else {
      waiting_.push_back({.event = &event, .index = index, .fingerprint = fingerprint, .pbx = pbx, .result = &result});
    }
    return absl::OkStatus();
  }
  if (*exists) {
    // Created once before, by another event: a poll has one owner, whose extension ends it.
    CountDuplicate(result);
    return NoteAsked(event, fingerprint, pbx, result);
  }
  return Create(event, index, fingerprint, row, result);
}

absl::StatusOr<std::optional<PollIntake::Owner>> PollIntake::OwnerOf(const PbxId& pbx, const v1::Event& event) const {
  auto holder = FindHolder(holdings_.store, holdings_.vault, pbx, ExtensionNameOf(event), MicrosOf(event.time()));
  if (!holder.ok()) return holder.status();
  if (!holder->has_value()) return std::nullopt;
  const auto fate = FateOfHolder(holdings_.store, holdings_.vault, pbx, **holder, MicrosOf(event.time()));
  if (!fate.ok()) return fate.status();
  if (*fate == HolderFate::kUnknown) return std::nullopt;
  return Owner{.holder = **holder, .removed = *fate == HolderFate::kRemoved};
}

absl::Status PollIntake::NoteAsked(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx,
                                   v1::RecordResult& result) {
  const auto owner = OwnerOf(pbx, event);
  if (!owner.ok()) return owner.status();
  return owner->has_value() ? NoteInCourse(event, fingerprint, pbx, result) : absl::OkStatus();
}

absl::Status PollIntake::NoteInCourse(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx,
                                      v1::RecordResult& result) {
  if (event.meeting_id().empty()) return absl::OkStatus();
  auto touched = meetings_.Touch(pbx, event);
  if (!touched.ok()) return touched.status();
  // A poll has no end with its meeting: it is held even if the course says no more of it.
  const auto contained = meetings_.Contains(**touched, event, fingerprint);
  if (!contained.ok()) return contained.status();
  // What came too late for the course is remembered besides.
  const auto came_before =
      IsRemembered(holdings_.store, MeetingEventMark(holdings_.vault, pbx, event), change_.today());
  if (!came_before.ok()) return came_before.status();
  if (*contained || *came_before) return absl::OkStatus();
  const Meeting* place = meetings_.PlaceOf(**touched, event, fingerprint);
  if (!TouchedMeetings::IsFull(*(*touched)->room, place, event)) {
    meetings_.AddToCourse(**touched, event, fingerprint, place, {}, result);
  }
  return absl::OkStatus();
}

absl::Status PollIntake::Create(const v1::Event& event, int index, uint64_t fingerprint, const FiledKey& row,
                                v1::RecordResult& result) {
  const auto owner = OwnerOf(row.pbx, event);
  if (!owner.ok()) return owner.status();
  if (!owner->has_value()) {
    Reject(index, v1::REJECTION_REASON_EXTENSION_UNKNOWN, "poll_created.owner_extension",
           "the PBX has no such extension", result);
    return absl::OkStatus();
  }
  if (absl::Status s = NoteInCourse(event, fingerprint, row.pbx, result); !s.ok()) return s;
  if ((*owner)->removed) {
    // It ended with its owner, though it is told only now.
    const FiledKey mark = PollMarkKey(row.pbx, row.owner);
    change_.File(mark, Personal(std::string()), 0);
    rows_.insert(mark.Encode());
    CountAccepted(result);
    CountPastDue(1, result);
    return absl::OkStatus();
  }
  const auto room = RoomOfPoll(row.pbx, event);
  if (!room.ok()) return room.status();
  stored::v1::Value value = ValueOf(event, *room);
  value.set_extension(std::string((*owner)->holder.view()));
  *value.mutable_poll() = event.poll_created();
  value.mutable_poll()->clear_owner_extension();  // they may have another number tomorrow
  File(row, value, result);
  return absl::OkStatus();
}

}  // namespace retention
