// A bad value costs itself, not its event.
#include "absl/strings/str_cat.h"
#include "server/recording/event_check.h"
#include "server/recording/event_intake.h"

namespace retention {
namespace {

// Leaves out those that `is_bad`, which is told the path, and all beyond the bound.
template <typename Element, typename IsBad>
void DropBadElements(const std::string& field, google::protobuf::RepeatedPtrField<Element>& elements, int bound,
                     const char* at_most, const IsBad& is_bad, std::vector<v1::Rejection>& dropped, uint32_t& unnamed) {
  if (elements.size() > bound) {
    Check check;
    check.Fail(field, at_most);
    dropped.push_back(*check.Take());
    unnamed += static_cast<uint32_t>(elements.size() - bound - 1);
    elements.DeleteSubrange(bound, elements.size() - bound);
  }
  int left = 0;
  for (int i = 0; i < elements.size(); ++i) {
    if (is_bad(absl::StrCat(field, "[", i, "]"), *elements.Mutable(i))) continue;
    elements.SwapElements(left++, i);
  }
  elements.DeleteSubrange(left, elements.size() - left);
}

}  // namespace

std::vector<v1::Rejection> DropBadValues(v1::Event& event, uint32_t& unnamed) {
  std::vector<v1::Rejection> dropped;
  // True if it is left out.
  const auto look = [&](const std::string& field, std::string* text, const auto& check_it) {
    Check check;
    check_it(check, field, *text);
    auto bad = check.Take();
    if (!bad.has_value()) return false;
    dropped.push_back(*std::move(bad));
    text->clear();
    return true;
  };
  const auto at_most = [](size_t bytes) {
    return
        [bytes](Check& check, const std::string& field, const std::string& text) { check.Length(field, text, bytes); };
  };
  const auto email = [](Check& check, const std::string& field, const std::string& text) { check.Email(field, text); };
  const auto fqdn = [](Check& check, const std::string& field, const std::string& text) { check.Fqdn(field, text); };
  const auto ip = [](Check& check, const std::string& field, const std::string& text) { check.Ip(field, text); };
  const auto word = [](Check& check, const std::string& field, const std::string& text) { check.Word(field, text); };
  const auto number = [](Check& check, const std::string& field, const std::string& text) {
    if (!text.empty()) check.Number(field, text);
  };
  const auto party = [](Check& check, const std::string& field, const std::string& text) {
    if (!text.empty()) check.PartyIdentifier(field, text);
  };
  const auto required_party = [](Check& check, const std::string& field, const std::string& text) {
    check.PartyIdentifier(field, text);
  };
  const auto identifier = [](Check& check, const std::string& field, const std::string& text) {
    check.OptionalIdentifier(field, text);
  };
  look("user_id", event.mutable_user_id(), party);
  look("connection_id", event.mutable_connection_id(), identifier);
  const auto look_at_invitee = [&](const std::string& field, v1::Invitee& invitee) {
    look(absl::StrCat(field, ".name"), invitee.mutable_name(), at_most(kMaxNameBytes));
    look(absl::StrCat(field, ".email"), invitee.mutable_email(), email);
  };
  const auto look_at_extension = [&](const std::string& field, v1::Extension& extension) {
    look(absl::StrCat(field, ".email"), extension.mutable_email(), email);
    look(absl::StrCat(field, ".vanity_url_name"), extension.mutable_vanity_url_name(), at_most(kMaxIdentifierBytes));
    look(absl::StrCat(field, ".first_name"), extension.mutable_first_name(), at_most(kMaxIdentifierBytes));
    look(absl::StrCat(field, ".last_name"), extension.mutable_last_name(), at_most(kMaxIdentifierBytes));
  };
  switch (event.payload_case()) {
    case v1::Event::kPbxSynced: {
      v1::PbxSynced& synced = *event.mutable_pbx_synced();
      v1::PbxProfile& profile = *synced.mutable_profile();
      look("pbx_synced.profile.ip", profile.mutable_ip(), ip);
      look("pbx_synced.profile.fqdn", profile.mutable_fqdn(), fqdn);
      look("pbx_synced.profile.webmeeting_fqdn", profile.mutable_webmeeting_fqdn(), fqdn);
      if (synced.extensions_size() > kMaxExtensions) break;
      for (int i = 0; i < synced.extensions_size(); ++i) {
        look_at_extension(absl::StrCat("pbx_synced.extensions[", i, "]"), *synced.mutable_extensions(i));
      }
      break;
    }
    case v1::Event::kExtensionSynced:
      look_at_extension("extension_synced.extension", *event.mutable_extension_synced()->mutable_extension());
      break;
    case v1::Event::kMeetingScheduled: {
      v1::MeetingScheduled& scheduled = *event.mutable_meeting_scheduled();
      look("meeting_scheduled.name", scheduled.mutable_name(), at_most(kMaxMeetingNameBytes));
      look("meeting_scheduled.comment", scheduled.mutable_comment(), at_most(kMaxCommentBytes));
      look("meeting_scheduled.organizer_extension", scheduled.mutable_organizer_extension(), number);
      // Who has no identifier that can be taken is nobody; the others are invited.
      const auto is_nobody = [&](const std::string& field, v1::Invitee& invitee) {
        if (look(absl::StrCat(field, ".participant_id"), invitee.mutable_participant_id(), required_party)) return true;
        look_at_invitee(field, invitee);
        return false;
      };
      DropBadElements("meeting_scheduled.invitees", *scheduled.mutable_invitees(), kMaxInvitees, kAtMostInvitees,
                      is_nobody, dropped, unnamed);
      break;
    }
    case v1::Event::kMeetingStarted:
      look("meeting_started.name", event.mutable_meeting_started()->mutable_name(), at_most(kMaxMeetingNameBytes));
      look("meeting_started.organizer_extension", event.mutable_meeting_started()->mutable_organizer_extension(),
           number);
      break;
    case v1::Event::kParticipantInvited:
      look_at_invitee("participant_invited.invitee", *event.mutable_participant_invited()->mutable_invitee());
      break;
    case v1::Event::kParticipantJoined: {
      v1::ParticipantJoined& joined = *event.mutable_participant_joined();
      look("participant_joined.name", joined.mutable_name(), at_most(kMaxNameBytes));
      look("participant_joined.email", joined.mutable_email(), email);
      look("participant_joined.ip", joined.mutable_ip(), ip);
      look("participant_joined.client_kind", joined.mutable_client_kind(), word);
      look("participant_joined.media_site", joined.mutable_media_site(), word);
      look("participant_joined.extension", joined.mutable_extension(), number);
      break;
    }
    case v1::Event::kJoinFailed:
      look("join_failed.client_kind", event.mutable_join_failed()->mutable_client_kind(), word);
      look("join_failed.media_site", event.mutable_join_failed()->mutable_media_site(), word);
      break;
    case v1::Event::kParticipantReconnected: {
      v1::ParticipantReconnected& reconnected = *event.mutable_participant_reconnected();
      look("participant_reconnected.ip", reconnected.mutable_ip(), ip);
      look("participant_reconnected.client_kind", reconnected.mutable_client_kind(), word);
      look("participant_reconnected.media_site", reconnected.mutable_media_site(), word);
      break;
    }
    case v1::Event::kPollCreated: {
      v1::PollCreated& poll = *event.mutable_poll_created();
      look("poll_created.question", poll.mutable_question(), at_most(kMaxQuestionBytes));
      if (poll.options_size() > kMaxPollOptions) break;
      for (int i = 0; i < poll.options_size(); ++i) {
        look(absl::StrCat("poll_created.options[", i, "]"), poll.mutable_options(i), at_most(kMaxMeetingNameBytes));
      }
      break;
    }
    case v1::Event::kDialInAssigned: {
      v1::DialInAssigned& dial_in = *event.mutable_dial_in_assigned();
      const size_t before = dropped.size();
      look("dial_in_assigned.conference_number", dial_in.mutable_conference_number(), word);
      const auto is_bad = [&](const std::string& field, std::string& number) {
        return look(field, &number, at_most(kMaxWordBytes));
      };
      DropBadElements("dial_in_assigned.dial_in_numbers", *dial_in.mutable_dial_in_numbers(), kMaxDialInNumbers,
                      kAtMostDialInNumbers, is_bad, dropped, unnamed);
      // It cannot do without all that it says.
      if (dial_in.conference_number().empty() && dial_in.dial_in_numbers().empty()) dropped.resize(before);
      break;
    }
    default:
      break;
  }
  return dropped;
}

}  // namespace retention
