#include "server/recording/event_intake.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/recording/event_check.h"

namespace retention {
namespace {

void CheckInvitee(const v1::Invitee& invitee, const std::string& field, Check& check) {
  check.PartyIdentifier(absl::StrCat(field, ".participant_id"), invitee.participant_id());
  check.Length(absl::StrCat(field, ".name"), invitee.name(), kMaxNameBytes);
  check.Email(absl::StrCat(field, ".email"), invitee.email());
}

template <typename Plan>
void CheckPlan(const Plan& plan, const v1::Event& event, const std::string& field, Check& check) {
  const std::string start = absl::StrCat(field, ".planned_start");
  if (!plan.has_planned_start()) return check.Fail(start, "required");
  if (!IsEventTime(plan.planned_start())) return check.Fail(start, "not a time since 2000-01-01");
  if (plan.planned_start().seconds() - event.time().seconds() > absl::ToInt64Seconds(kMaxPlannedAhead)) {
    return check.Fail(start, "at most 10 years from the event");
  }
  const auto& length = plan.planned_duration();
  const int64_t longest = absl::ToInt64Seconds(kMaxPlannedDuration);
  const bool proper = length.seconds() >= 0 && length.nanos() >= 0 && length.nanos() < 1000000000;
  if (!proper || length.seconds() > longest || (length.seconds() == longest && length.nanos() > 0)) {
    check.Fail(absl::StrCat(field, ".planned_duration"), "0 to 7 days");
  }
}

void CheckExtension(const v1::Extension& extension, const std::string& field, Check& check) {
  check.Number(absl::StrCat(field, ".number"), extension.number());
  check.Email(absl::StrCat(field, ".email"), extension.email());
  check.Length(absl::StrCat(field, ".vanity_url_name"), extension.vanity_url_name(), kMaxIdentifierBytes);
  check.Length(absl::StrCat(field, ".first_name"), extension.first_name(), kMaxIdentifierBytes);
  check.Length(absl::StrCat(field, ".last_name"), extension.last_name(), kMaxIdentifierBytes);
  if (extension.extension_id().empty()) return;
  check.PartyIdentifier(absl::StrCat(field, ".extension_id"), extension.extension_id());
}

void CheckSynced(const v1::PbxSynced& synced, const std::string& prefix, Check& check) {
  check.PartyIdentifier(absl::StrCat(prefix, "controller_id"), synced.controller_id());
  const std::string profile = absl::StrCat(prefix, "profile");
  check.Ip(absl::StrCat(profile, ".ip"), synced.profile().ip());
  check.Fqdn(absl::StrCat(profile, ".fqdn"), synced.profile().fqdn());
  check.Fqdn(absl::StrCat(profile, ".webmeeting_fqdn"), synced.profile().webmeeting_fqdn());
  check.Length(absl::StrCat(profile, ".licence_key"), synced.profile().licence_key(), kMaxIdentifierBytes);
  if (synced.extensions_size() > kMaxExtensions) {
    return check.Fail(absl::StrCat(prefix, "extensions"), "at most 10,000");
  }
  std::set<std::string_view> numbers;
  std::set<std::string_view> ids;
  for (int i = 0; i < synced.extensions_size(); ++i) {
    const std::string field = absl::StrCat(prefix, "extensions[", i, "]");
    CheckExtension(synced.extensions(i), field, check);
    if (!numbers.insert(synced.extensions(i).number()).second) {
      check.Fail(absl::StrCat(field, ".number"), "each number once");
    }
    const std::string& id = synced.extensions(i).extension_id();
    if (!id.empty() && !ids.insert(id).second) check.Fail(absl::StrCat(field, ".extension_id"), "each id once");
  }
}

void CheckScheduled(const v1::Event& event, Check& check) {
  const v1::MeetingScheduled& scheduled = event.meeting_scheduled();
  check.Length("meeting_scheduled.name", scheduled.name(), kMaxMeetingNameBytes);
  check.Length("meeting_scheduled.comment", scheduled.comment(), kMaxCommentBytes);
  CheckPlan(scheduled, event, "meeting_scheduled", check);
  if (!scheduled.organizer_extension().empty()) {
    check.Number("meeting_scheduled.organizer_extension", scheduled.organizer_extension());
  }
  if (scheduled.invitees_size() > kMaxInvitees) return check.Fail("meeting_scheduled.invitees", kAtMostInvitees);
  for (int i = 0; i < scheduled.invitees_size() && !check.failed(); ++i) {
    CheckInvitee(scheduled.invitees(i), absl::StrCat("meeting_scheduled.invitees[", i, "]"), check);
  }
}

void CheckJoined(const v1::ParticipantJoined& joined, Check& check) {
  check.PartyIdentifier("participant_joined.participant_id", joined.participant_id());
  check.Length("participant_joined.name", joined.name(), kMaxNameBytes);
  check.Email("participant_joined.email", joined.email());
  check.Ip("participant_joined.ip", joined.ip());
  check.Word("participant_joined.client_kind", joined.client_kind());
  check.Word("participant_joined.media_site", joined.media_site());
  if (!joined.extension().empty()) check.Number("participant_joined.extension", joined.extension());
}

void CheckPoll(const v1::PollCreated& poll, Check& check) {
  check.Identifier("poll_created.poll_id", poll.poll_id());
  check.Number("poll_created.owner_extension", poll.owner_extension());
  check.Length("poll_created.question", poll.question(), kMaxQuestionBytes);
  if (poll.options_size() > kMaxPollOptions) return check.Fail("poll_created.options", "at most 50");
  for (int i = 0; i < poll.options_size(); ++i) {
    check.Length(absl::StrCat("poll_created.options[", i, "]"), poll.options(i), kMaxMeetingNameBytes);
  }
}

void CheckAnswer(const v1::PollAnswered& answer, Check& check) {
  check.Identifier("poll_answered.poll_id", answer.poll_id());
  check.PartyIdentifier("poll_answered.participant_id", answer.participant_id());
  if (answer.option_indexes_size() > kMaxPollOptions) return check.Fail("poll_answered.option_indexes", "at most 50");
  std::set<uint32_t> seen;
  for (int i = 0; i < answer.option_indexes_size(); ++i) {
    const uint32_t index = answer.option_indexes(i);
    if (index >= static_cast<uint32_t>(kMaxPollOptions) || !seen.insert(index).second) {
      return check.Fail(absl::StrCat("poll_answered.option_indexes[", i, "]"), "0 to 49, each once");
    }
  }
}

void CheckPayload(const v1::Event& event, Check& check) {
  switch (event.payload_case()) {
    case v1::Event::kPbxSynced:
      return CheckSynced(event.pbx_synced(), "pbx_synced.", check);
    case v1::Event::kExtensionSynced:
      return CheckExtension(event.extension_synced().extension(), "extension_synced.extension", check);
    case v1::Event::kExtensionRemoved:
      return check.Number("extension_removed.number", event.extension_removed().number());
    case v1::Event::kMeetingScheduled:
      return CheckScheduled(event, check);
    case v1::Event::kMeetingRescheduled:
      return CheckPlan(event.meeting_rescheduled(), event, "meeting_rescheduled", check);
    case v1::Event::kMeetingStarted:
      check.Length("meeting_started.name", event.meeting_started().name(), kMaxMeetingNameBytes);
      if (!event.meeting_started().organizer_extension().empty()) {
        check.Number("meeting_started.organizer_extension", event.meeting_started().organizer_extension());
      }
      return;
    case v1::Event::kMeetingEnded:
    case v1::Event::kMeetingDeleted:
      return;
    case v1::Event::kParticipantInvited:
      return CheckInvitee(event.participant_invited().invitee(), "participant_invited.invitee", check);
    case v1::Event::kParticipantUninvited:
      return check.PartyIdentifier("participant_uninvited.participant_id",
                                   event.participant_uninvited().participant_id());
    case v1::Event::kJoinFailed: {
      const auto& failed = event.join_failed();
      check.PartyIdentifier("join_failed.participant_id", failed.participant_id());
      check.Word("join_failed.client_kind", failed.client_kind());
      check.Word("join_failed.media_site", failed.media_site());
      const bool known =
          failed.cause() != v1::JOIN_FAILURE_CAUSE_UNSPECIFIED && v1::JoinFailureCause_IsValid(failed.cause());
      return known ? void() : check.Fail("join_failed.cause", "one of the causes of JoinFailureCause");
    }
    case v1::Event::kParticipantJoined:
      return CheckJoined(event.participant_joined(), check);
    case v1::Event::kParticipantLeft:
      return check.PartyIdentifier("participant_left.participant_id", event.participant_left().participant_id());
    case v1::Event::kParticipantReconnected: {
      const auto& reconnected = event.participant_reconnected();
      check.PartyIdentifier("participant_reconnected.participant_id", reconnected.participant_id());
      check.Ip("participant_reconnected.ip", reconnected.ip());
      check.Word("participant_reconnected.client_kind", reconnected.client_kind());
      return check.Word("participant_reconnected.media_site", reconnected.media_site());
    }
    case v1::Event::kMediaQualitySampled: {
      const auto& sample = event.media_quality_sampled();
      check.PartyIdentifier("media_quality_sampled.participant_id", sample.participant_id());
      if (sample.rtt_ms() > kMaxMillis) check.Fail("media_quality_sampled.rtt_ms", "0 to 60,000");
      if (sample.loss_ppm() > kMaxPpm) check.Fail("media_quality_sampled.loss_ppm", "0 to 1,000,000");
      if (sample.jitter_ms() > kMaxMillis) check.Fail("media_quality_sampled.jitter_ms", "0 to 60,000");
      return;
    }
    case v1::Event::kRecordingCreated:
      check.Identifier("recording_created.recording_id", event.recording_created().recording_id());
      return check.Required("recording_created.object_ref", event.recording_created().object_ref(), kMaxObjectRefBytes);
    case v1::Event::kFileShared:
      check.Identifier("file_shared.file_id", event.file_shared().file_id());
      return check.Required("file_shared.object_ref", event.file_shared().object_ref(), kMaxObjectRefBytes);
    case v1::Event::kPdfShared:
      check.Identifier("pdf_shared.pdf_id", event.pdf_shared().pdf_id());
      return check.Required("pdf_shared.object_ref", event.pdf_shared().object_ref(), kMaxObjectRefBytes);
    case v1::Event::kPollCreated:
      return CheckPoll(event.poll_created(), check);
    case v1::Event::kPollAnswered:
      return CheckAnswer(event.poll_answered(), check);
    case v1::Event::kPollDeleted:
      return check.Identifier("poll_deleted.poll_id", event.poll_deleted().poll_id());
    case v1::Event::kChatMessageSent:
      check.PartyIdentifier("chat_message_sent.participant_id", event.chat_message_sent().participant_id());
      return check.Required("chat_message_sent.text", event.chat_message_sent().text(), kMaxChatBytes);
    case v1::Event::kDialInAssigned: {
      const auto& dial_in = event.dial_in_assigned();
      check.Word("dial_in_assigned.conference_number", dial_in.conference_number());
      if (dial_in.dial_in_numbers_size() > kMaxDialInNumbers) {
        return check.Fail("dial_in_assigned.dial_in_numbers", kAtMostDialInNumbers);
      }
      for (int i = 0; i < dial_in.dial_in_numbers_size(); ++i) {
        check.Length(absl::StrCat("dial_in_assigned.dial_in_numbers[", i, "]"), dial_in.dial_in_numbers(i),
                     kMaxWordBytes);
      }
      return;
    }
    case v1::Event::PAYLOAD_NOT_SET:
      return check.Fail("payload", "required: the event says nothing that this server knows");
  }
}

enum class MeetingField { kRequired, kOptional, kEmpty };

MeetingField MeetingFieldOf(v1::Event::PayloadCase payload) {
  switch (payload) {
    case v1::Event::kPbxSynced:
    case v1::Event::kExtensionSynced:
    case v1::Event::kExtensionRemoved:
      return MeetingField::kEmpty;
    case v1::Event::kPollCreated:
    case v1::Event::kPollAnswered:
    case v1::Event::kPollDeleted:
      return MeetingField::kOptional;
    default:
      return MeetingField::kRequired;
  }
}

}  // namespace

std::optional<v1::Rejection> CheckEvent(const v1::Event& event, absl::Time now) {
  Check check;
  check.Identifier("event_id", event.event_id());
  check.Identifier("pbx_id", event.pbx_id());
  switch (MeetingFieldOf(event.payload_case())) {
    case MeetingField::kRequired:
      check.Identifier("meeting_id", event.meeting_id());
      break;
    case MeetingField::kOptional:
      check.OptionalIdentifier("meeting_id", event.meeting_id());
      break;
    case MeetingField::kEmpty:
      if (!event.meeting_id().empty()) check.Fail("meeting_id", "must be empty for events of a PBX");
      break;
  }
  check.OptionalIdentifier("occurrence_id", event.occurrence_id());
  check.OptionalIdentifier("connection_id", event.connection_id());
  if (!event.user_id().empty()) check.PartyIdentifier("user_id", event.user_id());
  if (!event.extension_id().empty()) {
    check.PartyIdentifier("extension_id", event.extension_id());
    if (event.has_pbx_synced() || event.has_extension_synced()) check.Fail("extension_id", "extensions have their own");
  }
  if (!event.has_time()) {
    check.Fail("time", "required");
  } else if (!IsEventTime(event.time())) {
    check.Fail("time", "not a time since 2000-01-01");
  } else if (MicrosOf(event.time()) > absl::ToUnixMicros(now + kMaxAhead)) {
    check.Fail("time", "more than 5 minutes ahead of the server's clock", v1::REJECTION_REASON_FROM_FUTURE);
  }
  if (!check.failed()) CheckPayload(event, check);
  return check.Take();
}

absl::Status CheckPbxSynced(const v1::PbxSynced& synced, std::string_view prefix) {
  Check check;
  CheckSynced(synced, std::string(prefix), check);
  return check.status();
}

absl::Status EventBatch::Prepare(absl::Time now) {
  if (events->empty()) return InvalidField("events", "at least one event");
  if (events->size() > kMaxBatchEvents) return InvalidField("events", "at most 1,000 events");
  fingerprints.reserve(events->size());
  rejected.reserve(events->size());
  for (const v1::Event& event : *events) {
    fingerprints.push_back(FingerprintOf(event.event_id()));
    auto rejection = CheckEvent(event, now);
    if (rejection.has_value()) {
      Mended mended{.event = event, .bad_values = {}};
      mended.bad_values = DropBadValues(mended.event, mended.unnamed_bad_values);
      if (!mended.bad_values.empty()) {
        // What is wrong beside the values is what it is refused for.
        rejection = CheckEvent(mended.event, now);
        if (!rejection.has_value()) without_bad_values.emplace(static_cast<int>(rejected.size()), std::move(mended));
      }
    }
    rejected.push_back(std::move(rejection));
  }
  return absl::OkStatus();
}

}  // namespace retention
