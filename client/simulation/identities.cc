#include "client/simulation/identities.h"

#include "absl/strings/strip.h"

namespace retention {

void Identities::Add(v1::DataCategory category, const std::string& value) {
  if (value.size() >= kSearchableBytesMin) values_.emplace(category, value);
}

void Identities::Add(const v1::PbxProfile& profile) {
  Add(v1::DATA_CATEGORY_PBX_SYNC, profile.ip());
  Add(v1::DATA_CATEGORY_PBX_SYNC, profile.fqdn());
  Add(v1::DATA_CATEGORY_PBX_SYNC, profile.webmeeting_fqdn());
  Add(v1::DATA_CATEGORY_PBX_SYNC, profile.licence_key());
}

void Identities::Add(const v1::Extension& extension) {
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.number());
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.email());
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.vanity_url_name());
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.first_name());
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.last_name());
  Add(v1::DATA_CATEGORY_PBX_SYNC, extension.extension_id());
}

void Identities::Add(const v1::Event& event) {
  switch (event.payload_case()) {
    case v1::Event::kPbxSynced:
      Add(event.pbx_synced().profile());
      for (const auto& extension : event.pbx_synced().extensions()) Add(extension);
      break;
    case v1::Event::kExtensionSynced:
      Add(event.extension_synced().extension());
      break;
    case v1::Event::kPollCreated:
      Add(v1::DATA_CATEGORY_POLL, event.poll_created().question());
      for (const auto& option : event.poll_created().options()) Add(v1::DATA_CATEGORY_POLL, option);
      break;
    case v1::Event::kRecordingCreated:
      Add(v1::DATA_CATEGORY_RECORDING, event.recording_created().object_ref());
      break;
    case v1::Event::kFileShared:
      Add(v1::DATA_CATEGORY_FILE_SHARE, event.file_shared().object_ref());
      break;
    case v1::Event::kPdfShared:
      Add(v1::DATA_CATEGORY_PDF_SHARE, event.pdf_shared().object_ref());
      break;
    default:
      AddMeetingEvent(event);
  }
}

void Identities::AddMeetingEvent(const v1::Event& event) {
  const auto add_invitee = [this](const v1::Invitee& invitee) {
    Add(v1::DATA_CATEGORY_PARTICIPANT_NAME, invitee.name());
    Add(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, invitee.email());
  };
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled:
      Add(v1::DATA_CATEGORY_MEETING_NAME, event.meeting_scheduled().name());
      Add(v1::DATA_CATEGORY_MEETING_COMMENT, event.meeting_scheduled().comment());
      for (const auto& invitee : event.meeting_scheduled().invitees()) add_invitee(invitee);
      break;
    case v1::Event::kMeetingStarted:
      Add(v1::DATA_CATEGORY_MEETING_NAME, event.meeting_started().name());
      break;
    case v1::Event::kParticipantInvited:
      add_invitee(event.participant_invited().invitee());
      break;
    case v1::Event::kParticipantJoined:
      Add(v1::DATA_CATEGORY_PARTICIPANT_NAME, event.participant_joined().name());
      Add(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, event.participant_joined().email());
      Add(v1::DATA_CATEGORY_PARTICIPANT_IP, event.participant_joined().ip());
      break;
    case v1::Event::kParticipantReconnected:
      Add(v1::DATA_CATEGORY_PARTICIPANT_IP, event.participant_reconnected().ip());
      break;
    case v1::Event::kChatMessageSent:
      Add(v1::DATA_CATEGORY_CHAT_PROTOCOL, event.chat_message_sent().text());
      break;
    case v1::Event::kDialInAssigned:
      Add(v1::DATA_CATEGORY_DIAL_IN, event.dial_in_assigned().conference_number());
      for (const auto& number : event.dial_in_assigned().dial_in_numbers()) Add(v1::DATA_CATEGORY_DIAL_IN, number);
      break;
    default:
      break;
  }
}

void Identities::Print(std::ostream& out) const {
  for (const auto& [category, value] : values_) {
    out << absl::StripPrefix(v1::DataCategory_Name(category), "DATA_CATEGORY_") << "\t" << value << "\n";
  }
}

}  // namespace retention
