#include "tests/privacy/canaries.h"

#include "server/meetings/meeting_view.h"

namespace retention::privacy {
namespace {

constexpr char kExtension[] = "9081726354";
constexpr char kPollId[] = "canarypollidentifier";

v1::PbxSynced CanarySync() {
  v1::PbxSynced synced;
  synced.set_controller_id("canarycontroller");
  synced.mutable_profile()->set_ip("203.113.97.211");
  synced.mutable_profile()->set_fqdn("canarypbxfqdn.example.org");
  synced.mutable_profile()->set_webmeeting_fqdn("canarywebmeetingfqdn.example.org");
  synced.mutable_profile()->set_licence_key("CANARY-LICENSE-KEY");
  v1::Extension& extension = *synced.add_extensions();
  extension.set_number(kExtension);
  extension.set_email("canaryextension@example.org");
  extension.set_vanity_url_name("canaryvanity");
  extension.set_first_name("CanaryFirst");
  extension.set_last_name("CanaryLast");
  extension.set_extension_id("canary-extension-id");
  return synced;
}

}  // namespace

std::vector<std::string> AllCanaries() {
  return {kCanaryPbx,
          kCanaryMeeting,
          kExtension,
          kCanaryParticipant,
          kPollId,
          "canarycontroller",
          "203.113.97.211",
          "canarypbxfqdn",
          "canarywebmeetingfqdn",
          "CANARY-LICENSE-KEY",
          "canaryextension@example.org",
          "canary-extension-id",
          "canaryvanity",
          "CanaryFirst",
          "CanaryLast",
          "canaryeventidentifier",
          "Canary Meeting Name",
          "Canary Meeting Comment",
          "canaryinviteeidentifier",
          "Canary Invitee Name",
          "canaryinvitee@example.org",
          "Canary Participant Name",
          "canaryparticipant@example.org",
          "2001:db8:ca7a::4711",
          "198.51.177.231",
          "canaryrecordingidentifier",
          "canaryrecordingref",
          "canaryfileidentifier",
          "canaryfileref",
          "canarypdfidentifier",
          "canarypdfref",
          "Canary Poll Question",
          "Canary Poll Option",
          "Canary Chat Text",
          "CANARYCONFERENCE",
          "+49123987654321"};
}

v1::Event CanaryEvent(absl::string_view id, absl::Time time) {
  v1::Event event = NewEvent(kCanaryMeeting, "canaryeventidentifier-" + std::string(id), time);
  event.set_pbx_id(kCanaryPbx);
  return event;
}

void Plant(Harness& harness, absl::Time start) {
  const auto outcome = harness.engine().SyncPbx(kCanaryPbx, CanarySync(), harness.now);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  std::vector<v1::Event> events;
  const auto add = [&](absl::string_view id, int minute) -> v1::Event& {
    events.push_back(CanaryEvent(id, start + absl::Minutes(minute)));
    return events.back();
  };
  auto& scheduled = *add("scheduled", -60).mutable_meeting_scheduled();
  scheduled.set_name("Canary Meeting Name");
  scheduled.set_comment("Canary Meeting Comment");
  scheduled.set_organizer_extension(kExtension);
  scheduled.set_protocolled(true);
  SetTime(absl::ToUnixMicros(start), *scheduled.mutable_planned_start());
  scheduled.mutable_planned_duration()->set_seconds(3600);
  v1::Invitee& invitee = *scheduled.add_invitees();
  invitee.set_participant_id("canaryinviteeidentifier");
  invitee.set_name("Canary Invitee Name");
  invitee.set_email("canaryinvitee@example.org");
  auto& joined = *add("joined", 0).mutable_participant_joined();
  joined.set_participant_id(kCanaryParticipant);
  joined.set_name("Canary Participant Name");
  joined.set_email("canaryparticipant@example.org");
  joined.set_ip("2001:db8:ca7a::4711");
  joined.set_extension(kExtension);
  auto& reconnected = *add("reconnected", 5).mutable_participant_reconnected();
  reconnected.set_participant_id(kCanaryParticipant);
  reconnected.set_ip("198.51.177.231");
  auto& recording = *add("recording", 6).mutable_recording_created();
  recording.set_recording_id("canaryrecordingidentifier");
  recording.set_object_ref("canaryrecordingref");
  auto& file = *add("file", 7).mutable_file_shared();
  file.set_file_id("canaryfileidentifier");
  file.set_object_ref("canaryfileref");
  auto& pdf = *add("pdf", 8).mutable_pdf_shared();
  pdf.set_pdf_id("canarypdfidentifier");
  pdf.set_object_ref("canarypdfref");
  auto& poll = *add("poll", 9).mutable_poll_created();
  poll.set_poll_id(kPollId);
  poll.set_owner_extension(kExtension);
  poll.set_question("Canary Poll Question");
  poll.add_options("Canary Poll Option");
  auto& answer = *add("answer", 10).mutable_poll_answered();
  answer.set_poll_id(kPollId);
  answer.set_participant_id(kCanaryParticipant);
  answer.add_option_indexes(0);
  auto& chat = *add("chat", 11).mutable_chat_message_sent();
  chat.set_participant_id(kCanaryParticipant);
  chat.set_text("Canary Chat Text");
  auto& dial_in = *add("dial", 12).mutable_dial_in_assigned();
  dial_in.set_conference_number("CANARYCONFERENCE");
  dial_in.add_dial_in_numbers("+49123987654321");
  const v1::RecordResult result = harness.Record(events);
  EXPECT_EQ(result.accepted(), events.size()) << result.ShortDebugString();
}

void End(Harness& harness, absl::Time time) {
  v1::Event event = CanaryEvent("ended", time);
  event.mutable_meeting_ended();
  EXPECT_EQ(harness.Record(event).accepted(), 1u);
}

absl::StatusOr<v1::Meeting> GetCanaryMeeting(const Reader& reader, absl::Time now) {
  v1::GetMeetingRequest request;
  request.set_pbx_id(kCanaryPbx);
  request.set_meeting_id(kCanaryMeeting);
  auto response = reader.GetMeeting(request, now);
  if (!response.ok()) return response.status();
  return response->meeting();
}

absl::StatusOr<v1::MeetingReport> GetCanaryReport(const Reader& reader, absl::Time now) {
  v1::GetMeetingReportRequest request;
  request.set_pbx_id(kCanaryPbx);
  request.set_meeting_id(kCanaryMeeting);
  auto response = reader.GetMeetingReport(request, now);
  if (!response.ok()) return response.status();
  return response->report();
}

std::vector<v1::Participant> GetCanaryParticipants(const Reader& reader, absl::Time now) {
  v1::ListParticipantsRequest request;
  request.set_pbx_id(kCanaryPbx);
  request.set_meeting_id(kCanaryMeeting);
  auto response = reader.ListParticipants(request, now);
  if (!response.ok()) return {};
  return {response->participants().begin(), response->participants().end()};
}

}  // namespace retention::privacy
