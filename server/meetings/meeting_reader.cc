#include "server/meetings/meeting_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"
#include "server/law/presence.h"
#include "server/meetings/meeting_cache.h"
#include "server/meetings/meeting_view.h"
#include "server/rows/extension_names.h"
#include "server/rows/row_keys.h"

namespace retention {
namespace {

absl::Status CheckMeetingName(const std::string& pbx_id, const std::string& meeting_id) {
  if (absl::Status status = CheckIdentifier("pbx_id", pbx_id); !status.ok()) return status;
  return CheckIdentifier("meeting_id", meeting_id);
}

// The number of an occurrence in a request; 0 for none.
absl::StatusOr<uint64_t> OccurrenceNumber(const std::string& text) {
  if (text.empty()) return 0;
  constexpr size_t kDigits = 16;
  uint64_t number = 0;
  const bool proper = text.size() == kDigits && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  if (!proper || !absl::SimpleHexAtoi(text, &number) || number == 0) {
    return InvalidField("occurrence", "16 hexadecimal digits, as in Meeting.occurrence");
  }
  return number;
}

absl::Status CheckTimes(const v1::ListMeetingsRequest& request) {
  if (request.has_ends_after() && !IsEventTime(request.ends_after())) {
    return InvalidField("ends_after", "not a time since 2000-01-01");
  }
  if (request.has_begins_before() && !IsEventTime(request.begins_before())) {
    return InvalidField("begins_before", "not a time since 2000-01-01");
  }
  return absl::OkStatus();
}

bool IsWithin(const v1::ListMeetingsRequest& request, const MeetingView& meeting) {
  const OccurrenceFacts& facts = meeting.facts();
  int64_t begin_us = facts.plan.has_value() ? facts.plan->start_us : facts.first_us;
  if (!facts.sittings.empty()) begin_us = std::min(begin_us, facts.sittings.front().start_us);
  if (request.has_begins_before() && begin_us >= MicrosOf(request.begins_before())) return false;
  return !request.has_ends_after() || absl::ToUnixMicros(meeting.End()) > MicrosOf(request.ends_after());
}

}  // namespace

absl::StatusOr<PbxId> MeetingReader::FindPbx(std::string_view pbx_id, absl::Time now) const {
  const auto pbx = holdings_.registry.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  return *pbx;
}

template <typename Request>
absl::StatusOr<std::optional<MeetingView>> MeetingReader::FindMeeting(const Request& request, bool next_counts,
                                                                      absl::Time now, Scene& scene) const {
  if (absl::Status s = CheckMeetingName(request.pbx_id(), request.meeting_id()); !s.ok()) return s;
  const auto number = OccurrenceNumber(request.occurrence());
  if (!number.ok()) return number.status();
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  scene = {.view = store_.Snapshot(), .pbx = *pbx, .now = now};
  const RoomId room = RoomNamed(holdings_.vault, *pbx, request.meeting_id());
  if (*number == 0) return ChooseMeeting(scene, room, next_counts);
  return MeetingView::Read(*scene.view, holdings_.vault, holdings_.policies.current(), *pbx,
                           OccurrenceOwner(room, *number), now);
}

absl::StatusOr<std::optional<MeetingView>> MeetingReader::ChooseMeeting(const Scene& scene, const RoomId& room,
                                                                        bool next_counts) const {
  std::optional<MeetingView> chosen;
  // Running ones first, then what is to come, the nearest first, then what is over, the latest first.
  using Rank = std::pair<int, absl::Duration>;
  std::optional<Rank> best;
  auto cursor = scene.view->ScanPrefix(Family::kState, LocatorPrefix(scene.pbx, room));
  for (; cursor->Valid(); cursor->Next()) {
    const auto name = DecodeLocatorKey(cursor->key());
    auto locator = MeetingLocator::Parse(cursor->value());
    if (!name.has_value() || !locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    auto meeting = MeetingView::Of(*scene.view, holdings_.vault, holdings_.policies.current(), scene.pbx, name->meeting,
                                   *std::move(locator), scene.now);
    if (!meeting.has_value()) continue;
    const OccurrenceFacts& facts = meeting->facts();
    if (next_counts ? !meeting->ShowsAnything() : !facts.IsMeeting()) continue;
    const bool to_come = facts.plan.has_value() && !facts.plan->took_place && scene.now <= meeting->End();
    Rank rank(3, scene.now - absl::FromUnixMicros(facts.last_us));
    if (meeting->IsRunning()) {
      rank = {0, scene.now - absl::FromUnixMicros(facts.sittings.back().start_us)};
    } else if (to_come && next_counts) {
      rank = {1, absl::FromUnixMicros(facts.plan->start_us) - scene.now};
    } else if (facts.TookPlace()) {
      rank = {2, scene.now - meeting->End()};
    }
    if (best.has_value() && *best <= rank) continue;
    best = rank;
    chosen = std::move(meeting);
  }
  if (!cursor->status().ok()) return cursor->status();
  return chosen;
}

absl::StatusOr<v1::GetMeetingResponse> MeetingReader::GetMeeting(const v1::GetMeetingRequest& request,
                                                                 absl::Time now) const {
  Scene scene;
  auto meeting = FindMeeting(request, /*next_counts=*/true, now, scene);
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
  if (absl::Status s = CheckTimes(request); !s.ok()) return s;
  std::string prefix = LocatorPrefix(*pbx);
  if (!position->empty() && position->size() != OwnerId::kBytes) {
    return InvalidField("page_token", "not a token of this server");
  }
  if (!request.meeting_id().empty()) {
    if (absl::Status s = CheckIdentifier("meeting_id", request.meeting_id()); !s.ok()) return s;
    prefix = LocatorPrefix(*pbx, RoomNamed(holdings_.vault, *pbx, request.meeting_id()));
  }
  const auto view = store_.Snapshot();
  const auto organizer = FindHolder(*view, holdings_.vault, *pbx, {.number = request.organizer_extension()}, kLastSaid);
  if (!organizer.ok()) return organizer.status();
  v1::ListMeetingsResponse response;
  auto cursor = view->ScanPrefix(Family::kState, prefix);
  if (!position->empty()) cursor->Seek(LocatorPrefix(*pbx) + *position);
  for (int scanned = 0; cursor->Valid(); cursor->Next(), ++scanned) {
    const auto name = DecodeLocatorKey(cursor->key());
    if (!name.has_value()) return absl::DataLossError("a locator's key does not parse");
    if (response.meetings_size() == *page_size || scanned == kMaxMeetingsScanned) {
      response.set_next_page_token(TokenOf(name->meeting.view()));
      break;
    }
    auto locator = MeetingLocator::Parse(cursor->value());
    if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    const auto meeting = MeetingView::Of(*view, holdings_.vault, holdings_.policies.current(), *pbx, name->meeting,
                                         *std::move(locator), now);
    if (!meeting.has_value() || !meeting->facts().IsMeeting()) continue;
    const MeetingView& seen = *meeting;
    if (!request.organizer_extension().empty() &&
        (!organizer->has_value() || seen.facts().organizer != (*organizer)->view())) {
      continue;
    }
    if (!IsWithin(request, seen)) continue;
    auto described = seen.Describe(/*with_content=*/false);
    if (!described.ok()) return described.status();
    *response.add_meetings() = *std::move(described);
  }
  if (!cursor->status().ok()) return cursor->status();
  return response;
}

absl::StatusOr<v1::ListParticipantsResponse> MeetingReader::ListParticipants(const v1::ListParticipantsRequest& request,
                                                                             absl::Time now) const {
  auto page_size = PageSize(request.page_size(), kDefaultParticipantsPerPage, kMaxParticipantsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionOf(request.page_token());
  if (!position.ok()) return position.status();
  Scene scene;
  auto meeting = FindMeeting(request, /*next_counts=*/true, now, scene);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) return MeetingUnknown();
  const MeetingView& seen = **meeting;

  std::map<std::string, LatestValue> names;
  std::map<std::string, LatestValue> emails;
  std::map<std::string, v1::Participant> participants;
  std::map<std::string, std::set<std::string>> ips;
  std::map<std::string, std::string> id_of;  // by the name that history gives
  const auto add = [&](const std::string& id) -> v1::Participant& {
    const auto [it, inserted] = participants.try_emplace(id);
    if (inserted) id_of[seen.NameOf(id)] = id;
    return it->second;
  };
  absl::Status status = seen.ForEachValue(kParticipantName, [&](const stored::v1::Value& value) {
    v1::Participant& participant = add(value.participant_id());
    if (names[value.participant_id()].Is(value)) participant.set_name(value.text());
  });
  if (!status.ok()) return status;
  status = seen.ForEachValue(kParticipantEmail, [&](const stored::v1::Value& value) {
    v1::Participant& participant = add(value.participant_id());
    if (!value.text().empty() && emails[value.participant_id()].Is(value)) participant.set_email(value.text());
  });
  if (!status.ok()) return status;
  status = seen.ForEachValue(kParticipantIp, [&](const stored::v1::Value& value) {
    v1::Participant& participant = add(value.participant_id());
    if (ips[value.participant_id()].insert(value.text()).second) participant.add_ips(value.text());
  });
  if (!status.ok()) return status;
  auto course = seen.ReadHistory();
  if (absl::IsNotFound(course.status())) return MeetingUnknown();  // its day ended this very moment
  if (!course.ok()) return course.status();
  size_t nameless = 0;
  for (const Presence& presence : FoldPresence(*course, PresenceOf::kParticipants)) {
    ++nameless;
    const auto id = id_of.find(course->Text(presence.participants.front()));
    v1::Participant& participant =
        id != id_of.end() ? participants[id->second] : participants[absl::StrCat("participant ", nameless)];
    SetTime(presence.first_join_us, *participant.mutable_first_join_time());
    participant.set_present(presence.present && seen.IsRunning());
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
  Scene scene;
  auto meeting = FindMeeting(request, /*next_counts=*/false, now, scene);
  if (!meeting.ok()) return meeting.status();
  const auto anonymised = [] {
    return ErrorWithReason(absl::StatusCode::kNotFound, "ANONYMISED",
                           "no report is held: it was anonymised or deleted, or there never was one");
  };
  if (!meeting->has_value()) return anonymised();
  const MeetingView& seen = **meeting;

  std::map<std::string, LatestValue> latest;
  std::map<std::string, std::pair<std::string, std::string>> named;  // id and name, by the name that history gives
  absl::Status status = seen.ForEachValue(kParticipantName, [&](const stored::v1::Value& value) {
    if (!latest[value.participant_id()].Is(value)) return;
    named[seen.NameOf(value.participant_id())] = {value.participant_id(), value.text()};
  });
  if (!status.ok()) return status;
  status = seen.ForEachValue(kParticipantEmail, [&](const stored::v1::Value& value) {
    named.try_emplace(seen.NameOf(value.participant_id()), value.participant_id(), "");
  });
  if (!status.ok()) return status;
  auto meeting_name = seen.LatestText(kMeetingName);
  if (!meeting_name.ok()) return meeting_name.status();
  auto meeting_id = seen.MeetingId();
  if (!meeting_id.ok()) return meeting_id.status();
  auto course = seen.ReadHistory();
  if (absl::IsNotFound(course.status())) return anonymised();  // its day ended this very moment
  if (!course.ok()) return course.status();

  v1::GetMeetingReportResponse response;
  v1::MeetingReport& report = *response.mutable_report();
  report.set_meeting_id(*meeting_id);
  report.set_occurrence(seen.Occurrence());
  report.set_meeting_name(*meeting_name);
  report.set_names_held(seen.Lives(kParticipantName));
  const OccurrenceFacts& facts = seen.facts();
  if (!facts.sittings.empty()) SetTime(facts.sittings.front().start_us, *report.mutable_start_time());
  if (facts.TookPlace() && !IsOpen(facts)) SetTime(absl::ToUnixMicros(seen.End()), *report.mutable_end_time());
  for (const Presence& person : FoldPresence(*course, PresenceOf::kPersons)) {
    v1::ParticipantReport& line = *report.add_participants();
    for (const Word participant : person.participants) {
      const auto found = named.find(course->Text(participant));
      if (found == named.end()) continue;
      line.add_participant_ids(found->second.first);
      if (line.name().empty()) line.set_name(found->second.second);
    }
    if (line.name().empty()) line.set_name(absl::StrCat("participant ", report.participants_size()));
    line.mutable_total_time()->set_seconds(person.total_us / 1000000);
    line.mutable_total_time()->set_nanos(static_cast<int32_t>(person.total_us % 1000000) * 1000);
    line.set_reconnections(person.reconnections);
    line.set_presumed(person.presumed);
    report.set_presumed(report.presumed() || person.presumed);
  }
  return response;
}

}  // namespace retention
