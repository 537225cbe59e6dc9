#include "server/recording/event_cutting.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "server/recording/event_intake.h"
#include "server/rows/row_keys.h"
#include "text/normal_address.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// A keyed hash of what the platform calls something in a room; 0 if it has no name.
uint64_t NumberOf(std::string_view kind, std::string_view name, const Room& room, const Vault& vault) {
  if (name.empty()) return 0;
  const std::string mark = PersonMark(vault, room.pbx, room.id, kind, name);
  uint64_t number = 0;
  for (const char byte : mark) number = number << 8 | static_cast<uint8_t>(byte);
  return std::max<uint64_t>(number, 1);
}

}  // namespace

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
    case v1::Event::kParticipantInvited:
    case v1::Event::kDialInAssigned:
      return Entry::KIND_PLANNED;
    case v1::Event::kParticipantUninvited:
      return Entry::KIND_UNINVITED;
    case v1::Event::kJoinFailed:
      return Entry::KIND_JOIN_FAILED;
    case v1::Event::kFileShared:
      return Entry::KIND_FILE;
    case v1::Event::kRecordingCreated:
      return Entry::KIND_RECORDED;
    default:
      return Entry::KIND_NOTED;
  }
}

RoomEvent BareRoomEventOf(const v1::Event& event, uint64_t fingerprint, const Room& room, const Vault& vault) {
  CourseEvent bare{.event = fingerprint, .time_us = MicrosOf(event.time()), .kind = KindOf(event.payload_case())};
  bare.sitting = NumberOf("occurrence", event.occurrence_id(), room, vault);
  if (event.has_meeting_scheduled()) bare.plan.start_us = MicrosOf(event.meeting_scheduled().planned_start());
  if (event.has_meeting_rescheduled()) bare.plan.start_us = MicrosOf(event.meeting_rescheduled().planned_start());
  Course course;
  if (event.has_participant_left() || event.has_media_quality_sampled()) {
    const std::string& participant = event.has_participant_left() ? event.participant_left().participant_id()
                                                                  : event.media_quality_sampled().participant_id();
    bare.participant = course.WordFor(room.NameOf(vault, participant));
    bare.connection = NumberOf("connection", event.connection_id(), room, vault);
  }
  return course.RoomEventOf(bare);
}

ExtensionName ExtensionNameOf(const v1::Event& event) {
  const std::string& id = event.extension_id();
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled:
      return {.number = event.meeting_scheduled().organizer_extension(), .id = id};
    case v1::Event::kMeetingStarted:
      return {.number = event.meeting_started().organizer_extension(), .id = id};
    case v1::Event::kParticipantJoined:
      return {.number = event.participant_joined().extension(), .id = id};
    case v1::Event::kPollCreated:
      return {.number = event.poll_created().owner_extension(), .id = id};
    case v1::Event::kExtensionRemoved:
      return {.number = event.extension_removed().number(), .id = id};
    default:
      return {};
  }
}

std::string IdentityOfAddress(std::string_view normal) { return absl::StrCat("e\n", std::string(normal)); }

PersonToken LateToken(const Vault& vault, DueDay cohort, std::string_view identity) {
  return vault.Hash("late", absl::StrCat(cohort.number()), identity);
}

std::string IdentityOf(const v1::Event& event, const NamedExtension& named) {
  std::string_view participant;
  if (event.has_participant_joined()) participant = event.participant_joined().participant_id();
  if (event.has_participant_reconnected()) participant = event.participant_reconnected().participant_id();
  if (event.has_join_failed()) participant = event.join_failed().participant_id();
  if (participant.empty()) return {};
  if (!event.user_id().empty()) return absl::StrCat("u\n", event.pbx_id(), "\n", event.user_id());
  const v1::ParticipantJoined& joined = event.participant_joined();
  if (!joined.email().empty()) return IdentityOfAddress(NormalAddress(joined.email()));
  if (named.holder.has_value()) return absl::StrCat("x\n", event.pbx_id(), "\n", std::string(named.holder->view()));
  return absl::StrCat("p\n", event.pbx_id(), "\n", event.meeting_id(), "\n", std::string(participant));
}

CourseEvent CourseEventOf(const v1::Event& event, uint64_t fingerprint, const NamedExtension& named, const Room& room,
                          const Vault& vault, const v1::StatisticsPolicy& lists, Course& course) {
  CourseEvent entry{.event = fingerprint, .time_us = MicrosOf(event.time()), .kind = KindOf(event.payload_case())};
  entry.connection = NumberOf("connection", event.connection_id(), room, vault);
  entry.sitting = NumberOf("occurrence", event.occurrence_id(), room, vault);
  const std::string holder(named.holder.has_value() ? named.holder->view() : std::string_view());
  const auto participant_word = [&](const std::string& id) { return course.WordFor(room.NameOf(vault, id)); };
  const auto add_same = [&](std::string_view kind, std::string_view text) {
    if (!text.empty()) entry.same.push_back(course.WordFor(PersonMark(vault, room.pbx, room.id, kind, text)));
  };
  // What is on no public list may be anything, and history outlives nearly all.
  const auto public_word = [&](const auto& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) == list.end() ? Word{0} : course.WordFor(text);
  };
  const auto set_plan = [&](const auto& plan) {
    entry.plan.start_us = MicrosOf(plan.planned_start());
    entry.plan.end_us =
        entry.plan.start_us + plan.planned_duration().seconds() * 1000000 + plan.planned_duration().nanos() / 1000;
  };
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled:
      set_plan(event.meeting_scheduled());
      entry.plan.organizer = course.WordFor(holder);
      entry.plan.protocolled = event.meeting_scheduled().protocolled();
      break;
    case v1::Event::kMeetingRescheduled:
      set_plan(event.meeting_rescheduled());
      break;
    case v1::Event::kMeetingStarted:
      entry.plan.organizer = course.WordFor(holder);
      entry.plan.protocolled = event.meeting_started().protocolled();
      break;
    case v1::Event::kParticipantJoined: {
      const v1::ParticipantJoined& joined = event.participant_joined();
      entry.participant = participant_word(joined.participant_id());
      entry.client = public_word(lists.client_kinds(), joined.client_kind());
      entry.site = public_word(lists.media_sites(), joined.media_site());
      add_same("user", event.user_id());
      const std::string address = NormalAddress(joined.email());
      add_same("address", address);
      if (named.address != address) add_same("address", named.address);
      add_same("extension", holder);
      break;
    }
    case v1::Event::kParticipantLeft:
      entry.participant = participant_word(event.participant_left().participant_id());
      break;
    case v1::Event::kParticipantReconnected: {
      const v1::ParticipantReconnected& reconnected = event.participant_reconnected();
      entry.participant = participant_word(reconnected.participant_id());
      entry.client = public_word(lists.client_kinds(), reconnected.client_kind());
      entry.site = public_word(lists.media_sites(), reconnected.media_site());
      add_same("user", event.user_id());
      break;
    }
    case v1::Event::kJoinFailed:
      entry.participant = participant_word(event.join_failed().participant_id());
      entry.client = public_word(lists.client_kinds(), event.join_failed().client_kind());
      entry.site = public_word(lists.media_sites(), event.join_failed().media_site());
      entry.cause = static_cast<uint32_t>(event.join_failed().cause());
      break;
    case v1::Event::kParticipantUninvited:
      entry.participant = participant_word(event.participant_uninvited().participant_id());
      break;
    case v1::Event::kMediaQualitySampled: {
      const v1::MediaQualitySampled& sample = event.media_quality_sampled();
      entry.participant = participant_word(sample.participant_id());
      entry.rtt_ms = sample.rtt_ms();
      entry.loss_ppm = sample.loss_ppm();
      entry.jitter_ms = sample.jitter_ms();
      break;
    }
    case v1::Event::kPollCreated:
      // Its id ends with the poll.
      entry.participant = course.WordFor(PollKey(vault, room.pbx, event.poll_created().poll_id(), {}).owner.view());
      break;
    default:
      break;
  }
  return entry;
}

void CutValues(const v1::Event& event, absl::FunctionRef<stored::v1::Value&(CategoryNumber category)> bring) {
  auto source = stored::v1::Value::SOURCE_UNSPECIFIED;
  const uint64_t fingerprint = FingerprintOf(event.event_id());
  const auto add = [&](CategoryNumber category, std::string_view participant = {},
                       std::string_view text = {}) -> stored::v1::Value& {
    stored::v1::Value& value = bring(category);
    value.set_event(fingerprint);
    if (source != stored::v1::Value::SOURCE_UNSPECIFIED) value.set_source(source);
    value.set_time_us(MicrosOf(event.time()));
    value.set_participant_id(participant.data(), participant.size());
    value.set_text(text.data(), text.size());
    return value;
  };
  const auto add_if = [&](CategoryNumber category, std::string_view participant, std::string_view text) {
    if (!text.empty()) add(category, participant, text);
  };
  // Of whom an event says nothing else, it says the identifier, which history knows as a hash alone: it is filed as an
  // empty address, and lives as long as one.
  const auto identify = [&](std::string_view participant, std::string_view said, std::string_view email) {
    if (!email.empty() || said.empty()) add(kParticipantEmail, participant, email);
  };
  const auto add_object = [&](CategoryNumber category, std::string_view id, std::string_view ref) {
    stored::v1::StoredObjectRef& object = *add(category).mutable_object();
    object.set_object_id(id.data(), id.size());
    object.set_object_ref(ref.data(), ref.size());
  };
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled: {
      const v1::MeetingScheduled& scheduled = event.meeting_scheduled();
      source = stored::v1::Value::SOURCE_PLAN;
      add_if(kMeetingName, "", scheduled.name());
      add_if(kMeetingComment, "", scheduled.comment());
      for (const v1::Invitee& invitee : scheduled.invitees()) {
        add_if(kParticipantName, invitee.participant_id(), invitee.name());
        identify(invitee.participant_id(), invitee.name(), invitee.email());
      }
      break;
    }
    case v1::Event::kMeetingStarted:
      add_if(kMeetingName, "", event.meeting_started().name());
      break;
    case v1::Event::kParticipantInvited: {
      const v1::Invitee& invitee = event.participant_invited().invitee();
      source = stored::v1::Value::SOURCE_INVITATION;
      add_if(kParticipantName, invitee.participant_id(), invitee.name());
      identify(invitee.participant_id(), invitee.name(), invitee.email());
      break;
    }
    case v1::Event::kParticipantJoined: {
      const v1::ParticipantJoined& joined = event.participant_joined();
      add_if(kParticipantName, joined.participant_id(), joined.name());
      identify(joined.participant_id(), joined.name(), joined.email());
      add_if(kParticipantIp, joined.participant_id(), joined.ip());
      break;
    }
    case v1::Event::kParticipantReconnected:
      identify(event.participant_reconnected().participant_id(), event.participant_reconnected().ip(), {});
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

}  // namespace retention
