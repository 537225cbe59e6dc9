#include "server/engine/recorder.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/engine/errors.h"
#include "server/engine/pbx_desk.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

constexpr size_t kRandomNameBytes = 8;

CourseKind KindOf(v1::Event::PayloadCase payload) {
  switch (payload) {
    case v1::Event::kMeetingScheduled:
      return Entry::KIND_SCHEDULED;
    case v1::Event::kMeetingRescheduled:
      return Entry::KIND_RESCHEDULED;
    case v1::Event::kMeetingStarted:
      return Entry::KIND_STARTED;
    case v1::Event::kMeetingEnded:
      return Entry::KIND_ENDED;
    case v1::Event::kMeetingDeleted:
      return Entry::KIND_DELETED;
    case v1::Event::kParticipantJoined:
      return Entry::KIND_JOINED;
    case v1::Event::kParticipantLeft:
      return Entry::KIND_LEFT;
    case v1::Event::kParticipantReconnected:
      return Entry::KIND_RECONNECTED;
    case v1::Event::kMediaQualitySampled:
      return Entry::KIND_QUALITY;
    default:
      return Entry::KIND_NOTED;
  }
}

// Whether such an event makes a meeting known that was not.
bool MakesKnown(CourseKind kind) { return kind != Entry::KIND_NOTED && kind != Entry::KIND_DELETED; }

void Reject(RecordCommand& command, int index, v1::RejectionReason reason, std::string_view field,
            std::string_view description) {
  v1::Rejection& rejection = *command.result.add_rejections();
  rejection.set_index(static_cast<uint32_t>(index));
  rejection.set_reason(reason);
  rejection.set_field(std::string(field));
  rejection.set_description(std::string(description));
}

// Who a joining participant is across meetings: e-mail, else extension, else nobody else.
std::string IdentityOf(const v1::ParticipantJoined& joined, const v1::Event& event) {
  if (!joined.email().empty()) return absl::StrCat("e\n", absl::AsciiStrToLower(joined.email()));
  if (!joined.extension().empty()) return absl::StrCat("x\n", event.pbx_id(), "\n", joined.extension());
  return absl::StrCat("p\n", event.pbx_id(), "\n", event.meeting_id(), "\n", joined.participant_id());
}

absl::StatusOr<std::string> RandomName(RandomSource& random) {
  uint8_t bytes[kRandomNameBytes];
  if (absl::Status status = random.Fill(bytes, sizeof(bytes)); !status.ok()) return status;
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

bool HasOwnRow(CategoryNumber category) {
  return category == kRecording || category == kPdfShare || category == kFileShare;
}

}  // namespace

Recorder::Recorder(Holdings& holdings, const PbxRegistry& registry, MeetingBook& book, PbxDesk& pbx_desk)
    : holdings_(holdings), registry_(registry), book_(book), pbx_desk_(pbx_desk) {}

Recorder::~Recorder() = default;

absl::Status Recorder::Record(std::span<RecordCommand* const> commands, absl::Time now) {
  Change change(holdings_, now);
  for (RecordCommand* command : commands) {
    for (int i = 0; i < command->events->size(); ++i) {
      if (command->rejected[i].has_value()) {
        v1::Rejection& rejection = *command->result.add_rejections();
        rejection = *command->rejected[i];
        rejection.set_index(static_cast<uint32_t>(i));
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
  const auto pbx = registry_.Find(event.pbx_id());
  if (!pbx.has_value()) {
    Reject(command, index, v1::REJECTION_REASON_PBX_UNKNOWN, "pbx_id", "no such PBX is held");
    return absl::OkStatus();
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
      const auto outcome =
          pbx_desk_.RemoveExtension(event.pbx_id(), event.extension_removed().number(), time, change.now());
      if (outcome.ok()) {
        command.result.set_accepted(command.result.accepted() + 1);
      } else if (absl::IsNotFound(outcome.status())) {
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
    Reject(command, index, v1::REJECTION_REASON_MEETING_DELETED, "meeting_id", "the meeting was deleted");
  } else if (!meeting.known && kind == Entry::KIND_DELETED) {
    return DeleteForgotten(command, index, meeting, change);
  } else if (!meeting.known && !MakesKnown(kind)) {
    Reject(command, index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
  } else if (meeting.course.size() >= kMaxMeetingEvents) {
    Reject(command, index, v1::REJECTION_REASON_MEETING_FULL, "meeting_id", "at most 100,000 events per meeting");
  } else if (event.payload_case() == v1::Event::kChatMessageSent && !meeting.course.Fold(change.now()).protocolled) {
    Reject(command, index, v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED, "chat_message_sent",
           "the meeting was not announced as protocolled");
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
    Reject(command, index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
    return absl::OkStatus();
  }
  const std::string& pbx_id = (*command.events)[index].pbx_id();
  if (absl::Status status = EraseDeleted(meeting, pbx_id, change); !status.ok()) return status;
  command.result.set_accepted(command.result.accepted() + 1);
  // What was erased must not be found again by the rest of the group.
  return CommitGroup(change);
}

void Recorder::AddToCourse(Touched& touched, const v1::Event& event, uint64_t fingerprint, RecordCommand& command) {
  Course& course = touched.meeting->course;
  CourseEvent entry{.event = fingerprint, .time_us = MicrosOf(event.time()), .kind = KindOf(event.payload_case())};
  std::string identity;
  const auto extension_word = [&](const std::string& number) {
    return course.WordFor(ExtensionName(holdings_.vault, touched.meeting->pbx, number));
  };
  const auto set_plan = [&](const auto& plan) {
    entry.plan.start_us = MicrosOf(plan.planned_start());
    entry.plan.end_us =
        entry.plan.start_us + plan.planned_duration().seconds() * 1000000 + plan.planned_duration().nanos() / 1000;
  };
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled:
      set_plan(event.meeting_scheduled());
      entry.plan.organizer = extension_word(event.meeting_scheduled().organizer_extension());
      entry.plan.protocolled = event.meeting_scheduled().protocolled();
      break;
    case v1::Event::kMeetingRescheduled:
      set_plan(event.meeting_rescheduled());
      break;
    case v1::Event::kMeetingStarted:
      entry.plan.organizer = extension_word(event.meeting_started().organizer_extension());
      entry.plan.protocolled = event.meeting_started().protocolled();
      break;
    case v1::Event::kParticipantJoined: {
      const v1::ParticipantJoined& joined = event.participant_joined();
      entry.participant = course.WordFor(joined.participant_id());
      entry.client = course.WordFor(joined.client_kind());
      entry.site = course.WordFor(joined.media_site());
      identity = IdentityOf(joined, event);
      break;
    }
    case v1::Event::kParticipantLeft:
      entry.participant = course.WordFor(event.participant_left().participant_id());
      break;
    case v1::Event::kParticipantReconnected: {
      const v1::ParticipantReconnected& reconnected = event.participant_reconnected();
      entry.participant = course.WordFor(reconnected.participant_id());
      entry.client = course.WordFor(reconnected.client_kind());
      entry.site = course.WordFor(reconnected.media_site());
      break;
    }
    case v1::Event::kMediaQualitySampled: {
      const v1::MediaQualitySampled& sample = event.media_quality_sampled();
      entry.participant = course.WordFor(sample.participant_id());
      entry.rtt_ms = sample.rtt_ms();
      entry.loss_ppm = sample.loss_ppm();
      entry.jitter_ms = sample.jitter_ms();
      break;
    }
    case v1::Event::kPollCreated:
      entry.participant = course.WordFor(event.poll_created().poll_id());
      break;
    default:
      break;
  }
  // The first event of every row names the meeting, so that the portal's id can be given back.
  if (touched.fresh.empty()) {
    entry.meeting_id = course.WordFor(touched.meeting_id);
    touched.first_event_id = event.event_id();
  }
  course.Add(entry);
  touched.fresh.push_back(entry);
  touched.fresh_commands.push_back(&command);
  touched.identities.push_back(std::move(identity));
}

void Recorder::AddValues(Touched& touched, const v1::Event& event, RecordCommand& command) {
  const auto add = [&](CategoryNumber category, std::string_view participant = {},
                       std::string_view text = {}) -> stored::v1::Value& {
    touched.pending.push_back({.category = category, .event = &event, .command = &command});
    stored::v1::Value& value = touched.pending.back().value;
    value.set_time_us(MicrosOf(event.time()));
    value.set_participant_id(std::string(participant));
    value.set_text(std::string(text));
    return value;
  };
  const auto add_if = [&](CategoryNumber category, std::string_view participant, std::string_view text) {
    if (!text.empty()) add(category, participant, text);
  };
  const auto add_object = [&](CategoryNumber category, std::string_view id, std::string_view ref) {
    stored::v1::StoredObjectRef& object = *add(category).mutable_object();
    object.set_object_id(std::string(id));
    object.set_object_ref(std::string(ref));
  };
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled: {
      const v1::MeetingScheduled& scheduled = event.meeting_scheduled();
      add_if(kMeetingName, "", scheduled.name());
      add_if(kMeetingComment, "", scheduled.comment());
      for (const v1::Invitee& invitee : scheduled.invitees()) {
        add_if(kParticipantName, invitee.participant_id(), invitee.name());
        add_if(kParticipantEmail, invitee.participant_id(), invitee.email());
      }
      break;
    }
    case v1::Event::kMeetingStarted:
      add_if(kMeetingName, "", event.meeting_started().name());
      break;
    case v1::Event::kParticipantInvited: {
      const v1::Invitee& invitee = event.participant_invited().invitee();
      add_if(kParticipantName, invitee.participant_id(), invitee.name());
      add_if(kParticipantEmail, invitee.participant_id(), invitee.email());
      break;
    }
    case v1::Event::kParticipantJoined: {
      const v1::ParticipantJoined& joined = event.participant_joined();
      add_if(kParticipantName, joined.participant_id(), joined.name());
      add_if(kParticipantEmail, joined.participant_id(), joined.email());
      add_if(kParticipantIp, joined.participant_id(), joined.ip());
      break;
    }
    case v1::Event::kParticipantReconnected:
      add_if(kParticipantIp, event.participant_reconnected().participant_id(), event.participant_reconnected().ip());
      break;
    case v1::Event::kRecordingCreated:
      add_object(kRecording, event.recording_created().recording_id(), event.recording_created().object_ref());
      break;
    case v1::Event::kFileShared:
      add_object(kFileShare, event.file_shared().file_id(), event.file_shared().object_ref());
      break;
    case v1::Event::kPdfShared:
      add_object(kPdfShare, event.pdf_shared().pdf_id(), event.pdf_shared().object_ref());
      break;
    case v1::Event::kChatMessageSent:
      add(kChatProtocol, event.chat_message_sent().participant_id(), event.chat_message_sent().text());
      break;
    case v1::Event::kDialInAssigned:
      *add(kDialIn).mutable_dial_in() = event.dial_in_assigned();
      break;
    default:
      break;
  }
}

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
    Reject(command, index, v1::REJECTION_REASON_POLL_UNKNOWN, "poll_id", "no such poll is held");
    return absl::OkStatus();
  };
  if (*deleted) return unknown();
  stored::v1::Value value;
  value.set_time_us(MicrosOf(event.time()));
  value.set_meeting_id(event.meeting_id());
  if (event.payload_case() == v1::Event::kPollDeleted) {
    // The poll's rows may be part of this very group.
    if (absl::Status status = CommitGroup(change); !status.ok()) return status;
    const auto found = pbx_desk_.DeletePoll(pbx, poll_id, change);
    if (!found.ok()) return found.status();
    if (!*found) return unknown();
    group_poll_rows_.insert(marker.Encode());
    command.result.set_accepted(command.result.accepted() + 1);
    return absl::OkStatus();
  }
  if (event.payload_case() == v1::Event::kPollAnswered) {
    const std::string prefix = FiledPrefix(row.day, kPoll, pbx, row.owner);
    bool exists = holdings_.store.ScanPrefix(Family::kFiled, prefix)->Valid();
    for (const std::string& pending : group_poll_rows_) exists |= pending.compare(0, prefix.size(), prefix) == 0;
    if (!exists) return unknown();
    *value.mutable_answer() = event.poll_answered();
  } else {
    const FiledKey owner = ExtensionKey(holdings_.vault, pbx, event.poll_created().owner_extension());
    auto extension = holdings_.store.Get(Family::kFiled, owner.Encode());
    if (!extension.ok()) return extension.status();
    if (!extension->has_value() || Vault::ValueCount(**extension) == 0) {  // a removed one leaves a mark
      Reject(command, index, v1::REJECTION_REASON_EXTENSION_UNKNOWN, "poll_created.owner_extension",
             "the PBX has no such extension");
      return absl::OkStatus();
    }
    value.set_extension(std::string(owner.owner.view()));
    *value.mutable_poll() = event.poll_created();
    if (!event.meeting_id().empty()) {
      auto touched = Touch(pbx, event, change.last_due());
      if (!touched.ok()) return touched.status();
      Meeting& meeting = *(*touched)->meeting;
      if (!meeting.known || meeting.deleted) {
        Reject(command, index, v1::REJECTION_REASON_MEETING_UNKNOWN, "meeting_id", "no such meeting is held");
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

absl::Status Recorder::Finish(Touched& touched, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (touched.fresh.empty()) {
    if (!meeting.stored) book_.Forget(meeting.pbx, meeting.id);  // nothing was recorded for it
    return absl::OkStatus();
  }
  const MeetingLocator before = meeting.locator;
  const MeetingFacts facts = meeting.course.Fold(change.now());
  const Filing filing = FileMeeting(facts, holdings_.policy, change.now());
  if (facts.deleted) {
    if (absl::Status status = EraseDeleted(meeting, touched.pbx_id, change); !status.ok()) return status;
  }
  if (absl::Status status = Refile(meeting, touched.pbx_id, filing, change); !status.ok()) return status;
  const bool names_organizer = std::any_of(touched.fresh.begin(), touched.fresh.end(),
                                           [](const CourseEvent& event) { return event.plan.organizer != 0; });
  if (meeting.stored && names_organizer) {
    if (absl::Status status = RelabelPdfs(meeting, facts.organizer, change); !status.ok()) return status;
  }
  if (absl::Status status = FilePending(touched, facts, filing, change); !status.ok()) return status;
  if (absl::Status status = FileCourse(touched, facts, filing.days[kHistory], change); !status.ok()) return status;
  FileLocator(meeting, before, filing, change);
  return absl::OkStatus();
}

absl::Status Recorder::Refile(Meeting& meeting, const std::string& pbx_id, const Filing& filing, Change& change) {
  // Files that have ended stay so, whatever becomes of the meeting now.
  const int64_t held_end_us = meeting.locator.files_end_us;
  const bool ended = held_end_us != 0 && held_end_us <= absl::ToUnixMicros(change.now());
  if (ended || filing.files_end <= change.now()) {
    if (absl::Status status = EndFiles(meeting, pbx_id, kReasonMeetingEnded, change); !status.ok()) return status;
  } else if (!change.Takes(filing.days[kFileShare])) {
    // Not by moving: the portal must be told.
    if (absl::Status s = EndFiles(meeting, pbx_id, kReasonDayMovedIntoPast, change); !s.ok()) return s;
  }
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    const DueDay target = filing.days[category];
    if (held == DueDay() || held == target) continue;
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(held, category, meeting.pbx, meeting.id));
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      if (absl::Status status = change.Move(*key, cursor->value(), target); !status.ok()) return status;
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    const bool gone = !change.Takes(target) || held <= change.last_due();
    held = gone ? DueDay() : target;
  }
  return absl::OkStatus();
}

absl::Status Recorder::RelabelPdfs(const Meeting& meeting, Word organizer, Change& change) {
  const std::string& extension = meeting.course.Text(organizer);
  auto cursor =
      holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), kPdfShare, meeting.pbx, meeting.id));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    auto plaintext = holdings_.vault.Open(*key, cursor->value());
    stored::v1::Value value;
    if (!plaintext.ok()) return plaintext.status();
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PDF_SHARE row does not parse");
    if (value.extension() == extension) continue;
    value.set_extension(extension);
    if (absl::Status s = change.Rewrite(*key, Personal(value.SerializeAsString()), 1); !s.ok()) return s;
  }
  return cursor->status();
}

absl::Status Recorder::EndFiles(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change) {
  DueDay& held = meeting.locator.days[kFileShare];
  if (held == DueDay()) return absl::OkStatus();
  auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(held, kFileShare, meeting.pbx, meeting.id));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    auto plaintext = holdings_.vault.Open(*key, cursor->value());
    stored::v1::Value value;
    if (!plaintext.ok()) return plaintext.status();
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a FILE_SHARE row does not parse");
    if (absl::Status status = change.Order(kFileShare, pbx_id, value.object()); !status.ok()) return status;
    change.Erase(*key, Vault::ValueCount(cursor->value()), reason);
  }
  held = DueDay();
  return cursor->status();
}

absl::Status Recorder::EraseDeleted(Meeting& meeting, const std::string& pbx_id, Change& change) {
  if (absl::Status status = EndFiles(meeting, pbx_id, kReasonMeetingDeleted, change); !status.ok()) return status;
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    if (category == kHistory || held == DueDay()) continue;
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(held, category, meeting.pbx, meeting.id));
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      change.Erase(*key, Vault::ValueCount(cursor->value()), kReasonMeetingDeleted);
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    held = DueDay();
  }
  auto cursor =
      holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), kPdfShare, meeting.pbx, meeting.id));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    auto plaintext = holdings_.vault.Open(*key, cursor->value());
    stored::v1::Value value;
    if (!plaintext.ok()) return plaintext.status();
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PDF_SHARE row does not parse");
    if (absl::Status status = change.Order(kPdfShare, pbx_id, value.object()); !status.ok()) return status;
    change.Erase(*key, Vault::ValueCount(cursor->value()), kReasonMeetingDeleted);
  }
  return cursor->status();
}

absl::Status Recorder::FileObject(const PendingValue& pending, Touched& touched, DueDay day, bool ended,
                                  Change& change) {
  Meeting& meeting = *touched.meeting;
  if (ended || !change.Takes(day)) {
    // The portal holds the object all the same, and must delete it.
    pending.command->result.set_values_past_due(pending.command->result.values_past_due() + 1);
    return change.Order(pending.category, touched.pbx_id, pending.value.object());
  }
  const FiledKey key{
      .day = day,
      .category = pending.category,
      .pbx = meeting.pbx,
      .owner = meeting.id,
      .item = ItemId{holdings_.vault.Hash("item", meeting.pbx.view(),
                                          absl::StrCat(touched.meeting_id, "\n", pending.event->event_id()))}};
  if (pending.category == kFileShare) meeting.locator.days[kFileShare] = day;
  return change.File(key, Personal(pending.value.SerializeAsString()), 1);
}

absl::Status Recorder::FilePending(Touched& touched, const MeetingFacts& facts, const Filing& filing, Change& change) {
  Meeting& meeting = *touched.meeting;
  std::array<std::optional<stored::v1::ValueChunk>, kCategories> chunks;
  for (PendingValue& pending : touched.pending) {
    const bool dropped = facts.deleted && pending.category != kRecording;
    if (HasOwnRow(pending.category)) {
      DueDay day = filing.days[pending.category];
      bool ended = dropped;
      if (pending.category == kPdfShare) {
        day = DueDay::Open();
        pending.value.set_extension(meeting.course.Text(facts.organizer));
        pending.value.set_meeting_id(touched.meeting_id);
      } else if (pending.category == kRecording) {
        day = FileCreation(kRecording, absl::FromUnixMicros(pending.value.time_us()), holdings_.policy);
      } else {
        ended |= filing.files_end <= change.now();
        if (!ended) {
          auto name = RandomName(holdings_.random);
          if (!name.ok()) return name.status();
          pending.value.mutable_object()->set_display_name(*name);
        }
      }
      if (absl::Status status = FileObject(pending, touched, day, ended, change); !status.ok()) return status;
    } else if (dropped || !change.Takes(filing.days[pending.category])) {
      pending.command->result.set_values_past_due(pending.command->result.values_past_due() + 1);
    } else {
      auto& chunk = chunks[pending.category];
      if (!chunk.has_value()) chunk.emplace();
      *chunk->add_values() = std::move(pending.value);
    }
  }
  const ItemId item{
      holdings_.vault.Hash("item", meeting.pbx.view(), absl::StrCat(touched.meeting_id, "\n", touched.first_event_id))};
  for (size_t category = 1; category < kCategories; ++category) {
    if (!chunks[category].has_value()) continue;
    const stored::v1::ValueChunk& chunk = *chunks[category];
    const FiledKey key{.day = filing.days[category],
                       .category = static_cast<CategoryNumber>(category),
                       .pbx = meeting.pbx,
                       .owner = meeting.id,
                       .item = item};
    absl::Status status =
        change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.values_size()));
    if (!status.ok()) return status;
    meeting.locator.days[category] = key.day;
  }
  return absl::OkStatus();
}

absl::Status Recorder::FileCourse(Touched& touched, const MeetingFacts& facts, DueDay day, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (!change.Takes(day)) {
    for (RecordCommand* command : touched.fresh_commands) {
      command->result.set_values_past_due(command->result.values_past_due() + 1);
    }
    return absl::OkStatus();
  }
  const DueDay cohort(CollectionDay(facts, holdings_.policy));
  const bool countable = cohort > holdings_.ring.cohorts_destroyed_through();
  std::optional<SecretKey> cohort_key;
  for (size_t i = 0; i < touched.fresh.size(); ++i) {
    if (!countable || touched.identities[i].empty()) continue;
    if (!cohort_key.has_value()) {
      auto key = holdings_.ring.ForCohort(cohort);
      if (!key.ok()) return key.status();
      cohort_key = *key;
    }
    touched.fresh[i].person = Vault::HashWith(*cohort_key, touched.identities[i]);
  }
  const stored::v1::CourseChunk chunk = meeting.course.ChunkOf(touched.fresh, cohort);
  const FiledKey key{.day = day,
                     .category = kHistory,
                     .pbx = meeting.pbx,
                     .owner = meeting.id,
                     .item = ItemId{holdings_.vault.Hash(
                         "item", meeting.pbx.view(), absl::StrCat(touched.meeting_id, "\n", touched.first_event_id))}};
  absl::Status status =
      change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.entries_size()));
  if (status.ok()) meeting.locator.days[kHistory] = day;
  return status;
}

void Recorder::FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, Change& change) {
  MeetingLocator& after = meeting.locator;
  absl::Time timer = filing.review;
  after.files_end_us = 0;
  if (after.days[kFileShare] != DueDay()) {
    after.files_end_us = absl::ToUnixMicros(filing.files_end);
    timer = std::min(timer, filing.files_end);
  }
  const bool over = after.days[kHistory] == DueDay();
  if (over) timer = after.files_end_us == 0 ? absl::InfiniteFuture() : filing.files_end;
  after.timer_us = timer == absl::InfiniteFuture() ? 0 : absl::ToUnixMicros(timer);
  if (before.timer_us != after.timer_us) {
    if (before.timer_us != 0) {
      change.batch().Delete(Family::kState, FilesEndKey(before.timer_us, meeting.pbx, meeting.id));
    }
    if (after.timer_us != 0) {
      change.batch().Put(Family::kState, FilesEndKey(after.timer_us, meeting.pbx, meeting.id), "");
    }
  }
  if (meeting.stored && before == after) return;
  if (over) {
    // Its history is over: what it still holds ends on its own day, and the meeting is no longer known.
    if (meeting.stored) change.batch().Delete(Family::kState, LocatorKey(meeting.pbx, meeting.id));
    book_.Forget(meeting.pbx, meeting.id);
    return;
  }
  change.batch().Put(Family::kState, LocatorKey(meeting.pbx, meeting.id), after.Serialize());
  meeting.stored = true;
}

absl::StatusOr<bool> Recorder::Review(const FilesEnd& timer, absl::Time now) {
  Change change(holdings_, now);
  auto found = book_.Find(timer.pbx, timer.meeting, change.last_due());
  if (!found.ok()) return found.status();
  Meeting& meeting = **found;
  bool files_ended = false;
  change.batch().Delete(Family::kState, FilesEndKey(timer.instant_us, timer.pbx, timer.meeting));
  if (!meeting.stored) {
    // Its history is over. What files outlived it lie under the day of the timer.
    const absl::Time end = absl::FromUnixMicros(timer.instant_us);
    meeting.locator.days[kFileShare] = FileCreation(kFileShare, end, holdings_.policy);
    absl::Status status = EndFiles(meeting, registry_.ExternalId(timer.pbx), kReasonMeetingEnded, change);
    book_.Forget(timer.pbx, timer.meeting);
    if (!status.ok()) return status;
  } else if (meeting.locator.timer_us == timer.instant_us) {
    const MeetingLocator before = meeting.locator;
    const Filing filing = FileMeeting(meeting.course.Fold(now), holdings_.policy, now);
    absl::Status status = Refile(meeting, registry_.ExternalId(timer.pbx), filing, change);
    if (!status.ok()) return status;
    files_ended = before.days[kFileShare] != DueDay() && meeting.locator.days[kFileShare] == DueDay();
    FileLocator(meeting, before, filing, change);
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  return files_ended;
}

void Recorder::Forget() {
  touched_.clear();
  touched_by_meeting_.clear();
  group_poll_rows_.clear();
  book_.ForgetAll();
}

}  // namespace retention
