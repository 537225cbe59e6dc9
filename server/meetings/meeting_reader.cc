#include "server/meetings/meeting_reader.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/meetings/meeting_fold.h"
#include "server/meetings/meeting_view.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

absl::Status CheckMeetingName(const std::string& pbx_id, const std::string& meeting_id) {
  FieldViolations violations;
  violations.Add(CheckIdentifier("pbx_id", pbx_id));
  violations.Add(CheckIdentifier("meeting_id", meeting_id));
  return violations.status();
}

// The number of an occurrence in a request; 0 for none.
absl::StatusOr<uint64_t> NumberIn(const std::string& text) {
  if (text.empty()) return 0;
  constexpr size_t kDigits = 16;
  uint64_t number = 0;
  const bool proper = text.size() == kDigits && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  if (!proper || !absl::SimpleHexAtoi(text, &number) || number == 0) {
    return InvalidField("occurrence", "16 hexadecimal digits, as in Meeting.occurrence");
  }
  return number;
}

// As in the number of an occurrence (row_keys.h).
int64_t SecondOf(int64_t time_us) { return static_cast<uint32_t>(time_us / 1000000); }

// A page of participants goes on after a position.
constexpr size_t kPositionDigits = 16;

std::string TokenOfParticipant(const FoldedParticipant& participant, const v1::ListParticipantsRequest& request) {
  const auto [joined, second, third, fourth] = participant.Position();
  return TokenOf(absl::StrCat(absl::Hex(joined, absl::kZeroPad16), absl::Hex(second, absl::kZeroPad16),
                              absl::Hex(third, absl::kZeroPad16), absl::Hex(fourth, absl::kZeroPad16)),
                 request);
}

absl::StatusOr<std::optional<FoldedParticipant::Place>> ParticipantPosition(
    const v1::ListParticipantsRequest& request) {
  const auto text = PositionIn(request);
  if (!text.ok()) return text.status();
  if (text->empty()) return std::nullopt;
  std::array<uint64_t, 4> numbers{};
  bool proper = text->size() == numbers.size() * kPositionDigits;
  for (size_t i = 0; proper && i < numbers.size(); ++i) {
    proper = absl::SimpleHexAtoi(text->substr(i * kPositionDigits, kPositionDigits), &numbers[i]);
  }
  if (!proper) return InvalidField("page_token", "not a token of this server");
  return FoldedParticipant::Place(static_cast<int64_t>(numbers[0]), static_cast<int64_t>(numbers[1]), numbers[2],
                                  numbers[3]);
}

// As much of somebody as lives; without an identifier if nothing does and they never came.
absl::Status DescribeParticipant(const FoldedParticipant& folded, PlacedValues& values, v1::Participant& participant) {
  const auto naming = values.Naming(folded);
  if (!naming.ok()) return naming.status();
  if (*naming != nullptr) {
    participant.set_participant_id((*naming)->participant_id());
  } else if (folded.number != 0) {
    participant.set_participant_id(absl::StrCat("participant ", folded.number));
  }
  const auto name = values.Read(folded.name);
  if (!name.ok()) return name.status();
  if (*name != nullptr) participant.set_name((*name)->text());
  const auto email = values.Read(folded.email);
  if (!email.ok()) return email.status();
  if (*email != nullptr) participant.set_email((*email)->text());
  for (const ValuePlace& place : folded.ips) {
    const auto ip = values.Read(place);
    if (!ip.ok()) return ip.status();
    if (*ip != nullptr) participant.add_ips((*ip)->text());
  }
  if (folded.number != 0) SetTime(folded.first_join_us, *participant.mutable_first_join_time());
  return absl::OkStatus();
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
  const auto number = NumberIn(request.occurrence());
  if (!number.ok()) return number.status();
  auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  scene = {.view = store_.Snapshot(), .pbx = *pbx, .now = now};
  const auto named = holdings_.names.Find(*scene.view, *pbx, request.meeting_id());
  if (!named.ok()) return named.status();
  if (*number == 0) return ChooseMeeting(scene, named->room, next_counts);
  const OwnerId asked = OccurrenceOwner(named->room, *number);
  const auto held = scene.view->Get(Family::kState, LocatorKey(*pbx, asked));
  if (!held.ok()) return held.status();
  auto meeting = held->has_value()
                     ? MeetingView::Read(*scene.view, holdings_.vault, holdings_.policies.current(), *pbx, asked, now)
                     : FindJoined(scene, asked);
  if (!meeting.ok() || !meeting->has_value()) return meeting;
  const auto shows = Shows(**meeting);
  if (!shows.ok()) return shows.status();
  return *shows ? *std::move(meeting) : std::nullopt;
}

absl::StatusOr<std::optional<MeetingView>> MeetingReader::FindJoined(const Scene& scene, const OwnerId& former) const {
  auto locators = ReadLocators(*scene.view, scene.pbx, RoomOf(former));
  if (!locators.ok()) return locators.status();
  const int64_t founded_s = FoundedSecond(former);
  for (auto& [id, locator] : *locators) {
    if (SecondOf(locator.facts.first_us) > founded_s || SecondOf(locator.facts.last_us) < founded_s) continue;
    auto meeting = MeetingView::Of(*scene.view, holdings_.vault, holdings_.policies.current(), scene.pbx, id,
                                   std::move(locator), scene.now);
    if (!meeting.has_value()) continue;
    const auto history = meeting->ReadHistory();
    if (IsUnreadable(history.status())) continue;  // its day ended this very moment, or it is damaged
    if (!history.ok()) return history.status();
    bool founded_by = false;
    history->ForEach([&](const CourseEvent& event) {
      founded_by |= SecondOf(event.time_us) == founded_s &&
                    OccurrenceNumber(holdings_.vault, scene.pbx, RoomOf(former), event.time_us, event.event) ==
                        OccurrenceOf(former);
    });
    if (founded_by) return meeting;
  }
  return std::nullopt;
}

absl::StatusOr<bool> MeetingReader::Shows(const MeetingView& meeting) const {
  if (meeting.ShowsAnything()) return true;
  const auto fold = FoldOf(meeting);
  if (absl::IsNotFound(fold.status())) return false;  // its day ended this very moment
  if (!fold.ok()) return fold.status();
  return meeting.Contains((*fold)->polls);
}

absl::StatusOr<std::optional<MeetingView>> MeetingReader::ChooseMeeting(const Scene& scene, const RoomId& room,
                                                                        bool next_counts) const {
  // Running ones first, then what is to come, the nearest first, then what is over, the latest first.
  using Rank = std::tuple<int, absl::Duration, absl::Duration>;
  const PolicyVersion& version = holdings_.policies.current();
  const auto rank_of = [&](const OccurrenceFacts& facts) {
    const absl::Time end = MeetingEndOf(facts);
    const absl::Duration age = scene.now - absl::FromUnixMicros(facts.first_us);  // decides where all else is alike
    if (IsRunningAt(scene.now, facts, end)) {
      return Rank(0, scene.now - absl::FromUnixMicros(facts.sittings.back().start_us), age);
    }
    const bool to_come = facts.plan.has_value() && !facts.plan->took_place && scene.now <= end;
    if (to_come && next_counts) return Rank(1, absl::FromUnixMicros(facts.plan->start_us) - scene.now, age);
    if (facts.TookPlace() || (next_counts && facts.IsMeeting())) return Rank(2, scene.now - end, age);
    return Rank(3, scene.now - absl::FromUnixMicros(facts.last_us), age);
  };
  // A room may hold a thousand: only the first of them is looked at closer than its rank needs, and those before it
  // that show nothing any more.
  std::vector<std::pair<Rank, OwnerId>> ranked;
  const auto locators = ReadLocators(*scene.view, scene.pbx, room);
  if (!locators.ok()) return locators.status();
  for (const auto& [meeting, locator] : *locators) {
    const OccurrenceFacts& facts = locator.facts;
    if (facts.deleted || (!next_counts && facts.sittings.empty())) continue;
    ranked.emplace_back(rank_of(facts), meeting);
  }
  // The first is on top; of equals the one with the lower number.
  const auto comes_later = [](const auto& a, const auto& b) { return b < a; };
  std::make_heap(ranked.begin(), ranked.end(), comes_later);
  for (; !ranked.empty(); ranked.pop_back()) {
    std::pop_heap(ranked.begin(), ranked.end(), comes_later);
    auto meeting = MeetingView::Read(*scene.view, holdings_.vault, version, scene.pbx, ranked.back().second, scene.now);
    if (!meeting.ok()) return meeting.status();
    if (!meeting->has_value()) continue;
    const auto shows = Shows(**meeting);
    if (!shows.ok()) return shows.status();
    if (*shows) return meeting;
  }
  return std::nullopt;
}

absl::StatusOr<v1::GetMeetingResponse> MeetingReader::GetMeeting(const v1::GetMeetingRequest& request,
                                                                 absl::Time now) const {
  Scene scene;
  auto meeting = FindMeeting(request, /*next_counts=*/true, now, scene);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) return MeetingUnknown();
  auto described = (*meeting)->Describe();
  if (!described.ok()) return described.status();
  const auto fold = FoldOf(**meeting);
  if (absl::IsNotFound(fold.status())) return MeetingUnknown();
  if (!fold.ok()) return fold.status();
  if (absl::Status s = (*meeting)->AddContent((*fold)->polls, *described); !s.ok()) return s;
  v1::GetMeetingResponse response;
  *response.mutable_meeting() = *std::move(described);
  return response;
}

absl::StatusOr<std::shared_ptr<const MeetingFold>> MeetingReader::FoldOf(const MeetingView& meeting) const {
  if (auto known = folds_.Find(meeting)) return known;
  auto fold = MeetingFold::Of(meeting);
  if (fold.ok()) folds_.Keep(meeting, *fold);
  return fold;
}

template <typename Request>
std::shared_ptr<const MeetingFold> MeetingReader::PeekFold(const Request& request, bool next_counts, absl::Time now,
                                                           bool& large, bool& has_chat) const {
  Scene scene;
  const auto meeting = FindMeeting(request, next_counts, now, scene);
  large = meeting.ok() && meeting->has_value() && (*meeting)->events() > kLargeEvents;
  has_chat = large && (*meeting)->Lives(kChatProtocol);
  return large ? folds_.Find(**meeting) : nullptr;
}

bool MeetingReader::TakesLong(const v1::GetMeetingRequest& request, absl::Time now) const {
  bool large = false;
  bool has_chat = false;
  const auto fold = PeekFold(request, /*next_counts=*/true, now, large, has_chat);
  return large && (fold == nullptr || has_chat);
}

bool MeetingReader::TakesLong(const v1::ListParticipantsRequest& request, absl::Time now) const {
  bool large = false;
  bool has_chat = false;
  return PeekFold(request, /*next_counts=*/true, now, large, has_chat) == nullptr && large;
}

bool MeetingReader::TakesLong(const v1::GetMeetingReportRequest& request, absl::Time now) const {
  bool large = false;
  bool has_chat = false;
  const auto fold = PeekFold(request, /*next_counts=*/false, now, large, has_chat);
  return large && (fold == nullptr || fold->participants.size() > kLargePeople);
}

absl::StatusOr<v1::ListParticipantsResponse> MeetingReader::ListParticipants(const v1::ListParticipantsRequest& request,
                                                                             absl::Time now) const {
  auto page_size = PageSize(request.page_size(), kDefaultParticipantsPerPage, kMaxParticipantsPerPage);
  if (!page_size.ok()) return page_size.status();
  const auto last_seen = ParticipantPosition(request);
  if (!last_seen.ok()) return last_seen.status();
  Scene scene;
  auto meeting = FindMeeting(request, /*next_counts=*/true, now, scene);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value()) return MeetingUnknown();
  const MeetingView& seen = **meeting;
  const auto fold = FoldOf(seen);
  if (absl::IsNotFound(fold.status())) return MeetingUnknown();
  if (!fold.ok()) return fold.status();

  PlacedValues values(seen, **fold);
  v1::ListParticipantsResponse response;
  const std::vector<FoldedParticipant>& all = (*fold)->participants;
  auto it = all.begin();
  if (last_seen->has_value()) {
    it = std::upper_bound(all.begin(), all.end(), **last_seen,
                          [](const auto& position, const auto& of) { return position < of.Position(); });
  }
  for (; it != all.end() && response.participants_size() < *page_size; ++it) {
    v1::Participant participant;
    if (absl::Status s = DescribeParticipant(*it, values, participant); !s.ok()) return s;
    participant.set_present(it->present && seen.IsRunning());
    // Who was only invited is forgotten with what was told of them.
    if (!participant.participant_id().empty()) *response.add_participants() = std::move(participant);
  }
  if (it != all.end()) response.set_next_page_token(TokenOfParticipant(*std::prev(it), request));
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
  // Of a meeting to which nobody came there is none.
  if (!meeting->has_value() || (*meeting)->facts().sittings.empty()) return anonymised();
  const MeetingView& seen = **meeting;

  auto meeting_name = seen.LatestText(kMeetingName);
  if (!meeting_name.ok()) return meeting_name.status();
  auto meeting_id = seen.MeetingId();
  if (!meeting_id.ok()) return meeting_id.status();
  const auto fold = FoldOf(seen);
  if (absl::IsNotFound(fold.status())) return anonymised();  // its day ended this very moment
  if (!fold.ok()) return fold.status();

  v1::GetMeetingReportResponse response;
  v1::MeetingReport& report = *response.mutable_report();
  report.set_meeting_id(*meeting_id);
  report.set_occurrence(seen.Occurrence());
  report.set_meeting_name(*meeting_name);
  report.set_names_held(seen.NamesMayLive());
  const OccurrenceFacts& facts = seen.facts();
  if (!facts.sittings.empty()) SetTime(facts.sittings.front().start_us, *report.mutable_start_time());
  if (facts.TookPlace() && !IsOpen(facts)) SetTime(absl::ToUnixMicros(seen.End()), *report.mutable_end_time());
  PlacedValues values(seen, **fold);
  for (const FoldedPerson& person : (*fold)->persons) {
    v1::ParticipantReport& line = *report.add_participants();
    for (const uint32_t at : person.participants) {
      const FoldedParticipant& participant = (*fold)->participants[at];
      const auto naming = values.Naming(participant);
      if (!naming.ok()) return naming.status();
      if (*naming == nullptr) continue;
      line.add_participant_ids((*naming)->participant_id());
      const auto name = values.Read(participant.name);
      if (!name.ok()) return name.status();
      if (line.name().empty() && *name != nullptr) line.set_name((*name)->text());
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
