#include "server/meetings/meeting_reader.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"
#include "server/meetings/meeting_view.h"
#include "server/rows/row_keys.h"

namespace retention {
namespace {

absl::Status CheckMeetingName(const std::string& pbx_id, const std::string& meeting_id) {
  if (absl::Status status = CheckIdentifier("pbx_id", pbx_id); !status.ok()) return status;
  return CheckIdentifier("meeting_id", meeting_id);
}

}  // namespace

absl::StatusOr<PbxId> MeetingReader::FindPbx(std::string_view pbx_id, absl::Time now) const {
  const auto pbx = holdings_.registry.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  return *pbx;
}

absl::StatusOr<v1::GetMeetingResponse> MeetingReader::GetMeeting(const v1::GetMeetingRequest& request,
                                                                 absl::Time now) const {
  if (absl::Status s = CheckMeetingName(request.pbx_id(), request.meeting_id()); !s.ok()) return s;
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  const auto view = store_.Snapshot();
  auto meeting = MeetingView::Read(*view, holdings_.vault, holdings_.policies.current(), *pbx,
                                   MeetingOwner(holdings_.vault, *pbx, request.meeting_id()), now);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) return MeetingUnknown();
  auto described = (*meeting)->Describe(/*with_content=*/true);
  if (!described.ok()) return described.status();
  v1::GetMeetingResponse response;
  *response.mutable_meeting() = *std::move(described);
  return response;
}

absl::StatusOr<v1::ListMeetingsResponse> MeetingReader::ListMeetings(const v1::ListMeetingsRequest& request,
                                                                     absl::Time now) const {
  if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
  auto page_size = PageSize(request.page_size(), kDefaultMeetingsPerPage, kMaxMeetingsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionOf(request.page_token());
  if (!position.ok()) return position.status();
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  const std::string prefix = LocatorPrefix(*pbx);
  if (!position->empty() && position->size() != OwnerId::kBytes) {
    return InvalidField("page_token", "not a token of this server");
  }
  const std::string organizer = ExtensionName(holdings_.vault, *pbx, request.organizer_extension());
  const auto view = store_.Snapshot();
  v1::ListMeetingsResponse response;
  auto cursor = view->ScanPrefix(Family::kState, prefix);
  if (!position->empty()) cursor->Seek(prefix + *position);
  for (int scanned = 0; cursor->Valid(); cursor->Next(), ++scanned) {
    const auto name = DecodeLocatorKey(cursor->key());
    if (!name.has_value()) return absl::DataLossError("a locator's key does not parse");
    if (response.meetings_size() == *page_size || scanned == kMaxMeetingsScanned) {
      response.set_next_page_token(TokenOf(name->meeting.view()));
      break;
    }
    auto meeting = MeetingView::Read(*view, holdings_.vault, holdings_.policies.current(), *pbx, name->meeting, now);
    if (!meeting.ok()) return meeting.status();
    if (!meeting->has_value()) continue;
    const MeetingView& seen = **meeting;
    if (!organizer.empty() && seen.course().Text(seen.facts().organizer) != organizer) continue;
    auto described = seen.Describe(/*with_content=*/false);
    if (!described.ok()) return described.status();
    *response.add_meetings() = *std::move(described);
  }
  if (!cursor->status().ok()) return cursor->status();
  return response;
}

absl::StatusOr<v1::ListParticipantsResponse> MeetingReader::ListParticipants(const v1::ListParticipantsRequest& request,
                                                                             absl::Time now) const {
  if (absl::Status s = CheckMeetingName(request.pbx_id(), request.meeting_id()); !s.ok()) return s;
  auto page_size = PageSize(request.page_size(), kDefaultParticipantsPerPage, kMaxParticipantsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionOf(request.page_token());
  if (!position.ok()) return position.status();
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  const auto view = store_.Snapshot();
  auto meeting = MeetingView::Read(*view, holdings_.vault, holdings_.policies.current(), *pbx,
                                   MeetingOwner(holdings_.vault, *pbx, request.meeting_id()), now);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) return MeetingUnknown();
  const MeetingView& seen = **meeting;

  std::map<std::string, v1::Participant> participants;
  std::map<std::string, LatestValue> names;
  std::map<std::string, LatestValue> addresses;
  absl::Status status = seen.ForEachValue(kParticipantName, [&](const stored::v1::Value& value) {
    if (names[value.participant_id()].Is(value)) participants[value.participant_id()].set_name(value.text());
  });
  if (!status.ok()) return status;
  status = seen.ForEachValue(kParticipantEmail, [&](const stored::v1::Value& value) {
    if (addresses[value.participant_id()].Is(value)) participants[value.participant_id()].set_email(value.text());
  });
  if (!status.ok()) return status;
  status = seen.ForEachValue(kParticipantIp, [&](const stored::v1::Value& value) {
    v1::Participant& participant = participants[value.participant_id()];
    if (std::find(participant.ips().begin(), participant.ips().end(), value.text()) == participant.ips().end()) {
      participant.add_ips(value.text());
    }
  });
  if (!status.ok()) return status;
  for (const ParticipantFacts& facts : seen.facts().participants) {
    v1::Participant& participant = participants[seen.course().Text(facts.participant)];
    SetTime(facts.first_join_us, *participant.mutable_first_join_time());
    participant.set_present(facts.present);
  }
  v1::ListParticipantsResponse response;
  for (auto it = participants.lower_bound(*position); it != participants.end(); ++it) {
    if (response.participants_size() == *page_size) {
      response.set_next_page_token(TokenOf(it->first));
      break;
    }
    it->second.set_participant_id(it->first);
    *response.add_participants() = std::move(it->second);
  }
  return response;
}

absl::StatusOr<v1::GetMeetingReportResponse> MeetingReader::GetMeetingReport(const v1::GetMeetingReportRequest& request,
                                                                             absl::Time now) const {
  if (absl::Status s = CheckMeetingName(request.pbx_id(), request.meeting_id()); !s.ok()) return s;
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  const auto view = store_.Snapshot();
  auto meeting = MeetingView::Read(*view, holdings_.vault, holdings_.policies.current(), *pbx,
                                   MeetingOwner(holdings_.vault, *pbx, request.meeting_id()), now);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "ANONYMISED",
                           "no report is held: it was anonymised or deleted, or there never was one");
  }
  const MeetingView& seen = **meeting;

  std::map<std::string, std::pair<LatestValue, std::string>> names;
  absl::Status status = seen.ForEachValue(kParticipantName, [&](const stored::v1::Value& value) {
    auto& [latest, name] = names[value.participant_id()];
    if (latest.Is(value)) name = value.text();
  });
  if (!status.ok()) return status;
  auto meeting_name = seen.LatestText(kMeetingName);
  if (!meeting_name.ok()) return meeting_name.status();

  v1::GetMeetingReportResponse response;
  v1::MeetingReport& report = *response.mutable_report();
  report.set_meeting_id(seen.meeting_id());
  report.set_meeting_name(*meeting_name);
  report.set_names_held(seen.Lives(kParticipantName));
  if (seen.facts().start_us.has_value()) SetTime(*seen.facts().start_us, *report.mutable_start_time());
  if (seen.facts().end_us.has_value()) SetTime(*seen.facts().end_us, *report.mutable_end_time());
  for (const ParticipantFacts& facts : seen.facts().participants) {
    v1::ParticipantReport& participant = *report.add_participants();
    const auto name = names.find(seen.course().Text(facts.participant));
    participant.set_name(name != names.end() ? name->second.second
                                             : absl::StrCat("participant ", report.participants_size()));
    participant.mutable_total_time()->set_seconds(facts.total_us / 1000000);
    participant.mutable_total_time()->set_nanos(static_cast<int32_t>(facts.total_us % 1000000) * 1000);
    participant.set_reconnections(facts.reconnections);
  }
  return response;
}

}  // namespace retention
