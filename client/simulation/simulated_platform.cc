#include "client/simulation/simulated_platform.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/human_units.h"

namespace retention {
namespace {

constexpr int kPlannedAheadDays = 10;
constexpr double kWeekendShare = 0.05;
constexpr int kQualitySampleMinutes = 10;
// Begin of a meeting by hour, from 7 to 18: two peaks and a lunch break.
constexpr int kFirstHour = 7;
constexpr std::array<double, 12> kHourWeights = {2, 6, 14, 16, 12, 4, 8, 14, 12, 7, 3, 1};
constexpr std::array<int, 5> kPlannedMinutes = {15, 30, 45, 60, 90};
constexpr std::array<double, 5> kPlannedMinutesWeights = {10, 35, 10, 35, 10};
// Sizes: 2, 3 to 5, 6 to 10, 11 to 25, 26 to 60.
constexpr std::array<std::pair<int, int>, 5> kSizes = {{{2, 2}, {3, 5}, {6, 10}, {11, 25}, {26, 60}}};
constexpr std::array<double, 5> kSizeWeights = {28, 37, 22, 10, 3};

absl::TimeZone LoadZone() {
  absl::TimeZone zone;
  // Without time zone data the calendar is the same, an hour or two off.
  if (!absl::LoadTimeZone("Europe/Berlin", &zone)) zone = absl::FixedTimeZone(3600);
  return zone;
}

bool IsWeekend(absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday;
}

// `count` different ones out of 0 to size - 1, beginning with `first`.
std::vector<int> PickDifferent(int first, int count, int size, SeededRandom& random) {
  std::vector<int> picked = {first};
  while (static_cast<int>(picked.size()) < std::min(count, size)) {
    const int candidate = static_cast<int>(random.Below(size));
    if (std::find(picked.begin(), picked.end(), candidate) == picked.end()) picked.push_back(candidate);
  }
  return picked;
}

}  // namespace

// A meeting that will take place, unless it is called off.
struct SimulatedPlatform::Plan {
  const SimulatedPbx* pbx = nullptr;
  std::string meeting_id;
  std::string name;
  std::vector<const SimulatedPerson*> people;  // The first one organises.
  int day = 0;
  int lead_days = 0;   // Days from scheduling to begin.
  bool quick = false;  // Not planned at all.
  bool protocolled = false;
  absl::Time planned_start;
  absl::Duration planned_length;
  absl::Time begin;  // Really.
  absl::Time end;
  bool called_off = false;
};

SimulatedPlatform::SimulatedPlatform(const PlatformOptions& options)
    : options_(options), zone_(LoadZone()), random_(options.seed) {
  const int staff = std::max(1, options.people / std::max(1, options.pbxs));
  for (int i = 0; i < options.pbxs; ++i) {
    pbxs_.push_back(MakeSimulatedPbx(i + 1, staff, std::max(4, staff / 2), random_));
  }
  FormTeams();
}

std::vector<v1::Event> SimulatedPlatform::PbxEvents() const {
  std::vector<v1::Event> events;
  for (const auto& pbx : pbxs_) {
    v1::Event& event = events.emplace_back();
    event.set_event_id("sync-1");
    event.set_pbx_id(pbx.sync.pbx_id());
    *event.mutable_time() = ToTimestamp(At(0, 0));
    auto* synced = event.mutable_pbx_synced();
    synced->set_controller_id(pbx.sync.controller_id());
    *synced->mutable_profile() = pbx.sync.profile();
    *synced->mutable_extensions() = pbx.sync.extensions();
  }
  return events;
}

// Teams that meet every working day: at most two fifths of a day's meetings, nobody in two of them.
void SimulatedPlatform::FormTeams() {
  const int teams_max = options_.meetings_per_day * 2 / 5;
  for (size_t pbx = 0; pbx < pbxs_.size(); ++pbx) {
    const int staff = static_cast<int>(pbxs_[pbx].staff.size());
    for (int first = 0; first < staff && static_cast<int>(teams_.size()) * static_cast<int>(pbxs_.size()) <
                                             teams_max * static_cast<int>(pbx + 1);) {
      Team team;
      team.pbx = static_cast<int>(pbx);
      const int size = std::min(random_.Between(4, 9), staff - first);
      for (int i = 0; i < size; ++i) team.members.push_back(first + i);
      first += size;
      team.start_minute = 8 * 60 + 30 + 15 * random_.Between(0, 7);
      team.name = absl::StrCat("Daily of ", pbxs_[pbx].staff[team.members[0]].name);
      if (size >= 2) teams_.push_back(std::move(team));
    }
  }
}

bool SimulatedPlatform::NextDay(std::vector<v1::Event>* events) {
  events->clear();
  if (next_day_ >= options_.days || pbxs_.empty()) return false;
  while (planned_days_ <= std::min(next_day_ + kPlannedAheadDays, options_.days - 1)) PlanDay(planned_days_++);
  const int today = next_day_++;
  const bool last = next_day_ == options_.days;
  while (!pending_.empty() && pending_.begin()->first <= today + (last ? 1 : 0)) {
    auto& due = pending_.begin()->second;
    std::move(due.begin(), due.end(), std::back_inserter(*events));
    pending_.erase(pending_.begin());
  }
  std::stable_sort(events->begin(), events->end(), [](const v1::Event& a, const v1::Event& b) {
    return std::make_pair(a.time().seconds(), a.time().nanos()) < std::make_pair(b.time().seconds(), b.time().nanos());
  });
  return true;
}

void SimulatedPlatform::PlanDay(int day) {
  const bool weekend = IsWeekend(options_.start + day);
  int meetings = options_.meetings_per_day;
  if (weekend) {
    const double wanted = meetings * kWeekendShare;
    meetings = static_cast<int>(wanted) + (random_.Chance(wanted - std::floor(wanted)) ? 1 : 0);
  } else {
    // Days differ by up to a fifth.
    meetings = std::max(1, static_cast<int>(std::lround(meetings * (0.8 + 0.4 * random_.Unit()))));
    for (const Team& team : teams_) {
      Plan plan = PlanTeamMeeting(team, day);
      Enact(plan);
    }
    meetings -= static_cast<int>(teams_.size());
  }
  for (int i = 0; i < meetings; ++i) {
    Plan plan = PlanMeeting(day);
    Enact(plan);
  }
}

SimulatedPlatform::Plan SimulatedPlatform::PlanTeamMeeting(const Team& team, int day) {
  Plan plan;
  plan.pbx = &pbxs_[team.pbx];
  plan.name = team.name;
  for (const int member : team.members) plan.people.push_back(&plan.pbx->staff[member]);
  plan.day = day;
  plan.lead_days = std::min(day, 7);
  plan.planned_start = At(day, team.start_minute * 60);
  plan.planned_length = absl::Minutes(15);
  return plan;
}

SimulatedPlatform::Plan SimulatedPlatform::PlanMeeting(int day) {
  Plan plan;
  plan.pbx = &random_.Pick(pbxs_);
  const int staff = static_cast<int>(plan.pbx->staff.size());
  const auto [low, high] = kSizes[random_.Weighted(kSizeWeights)];
  const int size = random_.Between(low, high);
  const int guests = random_.Chance(0.35) ? random_.Between(1, std::max(1, size / 2)) : 0;
  for (const int index : PickDifferent(random_.Below(staff), std::max(1, size - guests), staff, random_)) {
    plan.people.push_back(&plan.pbx->staff[index]);
  }
  if (guests > 0) {
    const int known = static_cast<int>(plan.pbx->guests.size());
    for (const int index : PickDifferent(random_.Below(known), guests, known, random_)) {
      plan.people.push_back(&plan.pbx->guests[index]);
    }
  }
  plan.name = MakeMeetingName(random_);
  plan.day = day;
  plan.quick = random_.Chance(0.12);
  plan.lead_days = plan.quick ? 0 : std::min(day, static_cast<int>(random_.Below(kPlannedAheadDays + 1)));
  plan.protocolled = !plan.quick && random_.Chance(0.04);
  const int hour = kFirstHour + random_.Weighted(kHourWeights);
  plan.planned_start = At(day, hour * 3600 + 900 * random_.Between(0, 3));
  plan.planned_length = absl::Minutes(kPlannedMinutes[random_.Weighted(kPlannedMinutesWeights)]);
  plan.called_off = !plan.quick && random_.Chance(0.03);
  return plan;
}

void SimulatedPlatform::Enact(Plan& plan) {
  plan.meeting_id = absl::StrCat("meeting-", next_meeting_++);
  next_event_ = 1;
  if (!plan.quick) EnactScheduling(plan);
  if (plan.called_off || plan.day >= options_.days) return;
  plan.begin = plan.planned_start + absl::Seconds(random_.Between(-120, 240));
  plan.end = plan.begin + plan.planned_length * (0.6 + 0.6 * random_.Unit());
  auto* started = Append(plan, plan.begin)->mutable_meeting_started();
  if (plan.quick) started->set_name(plan.name);
  started->set_organizer_extension(plan.people[0]->extension);
  started->set_protocolled(plan.protocolled);
  bool organizer = true;
  for (const SimulatedPerson* person : plan.people) {
    EnactParticipant(plan, *person, organizer);
    organizer = false;
  }
  EnactExtras(plan);
  // One in thirty never reports its end; the last one to leave ends it, or the presumption does.
  if (!random_.Chance(0.03)) Append(plan, plan.end + absl::Seconds(45))->mutable_meeting_ended();
}

void SimulatedPlatform::EnactScheduling(Plan& plan) {
  // In office hours of an earlier day; on the same day, from one to three hours before.
  const absl::Time scheduled_at = plan.lead_days > 0
                                      ? At(plan.day - plan.lead_days, random_.Between(8 * 3600, 17 * 3600))
                                      : plan.planned_start - absl::Minutes(random_.Between(60, 180));
  auto* scheduled = Append(plan, scheduled_at)->mutable_meeting_scheduled();
  scheduled->set_name(plan.name);
  if (random_.Chance(0.4)) scheduled->set_comment(MakeMeetingComment(random_));
  *scheduled->mutable_planned_start() = ToTimestamp(plan.planned_start);
  *scheduled->mutable_planned_duration() = ToProtoDuration(plan.planned_length);
  scheduled->set_organizer_extension(plan.people[0]->extension);
  scheduled->set_protocolled(plan.protocolled);
  for (size_t i = 1; i < plan.people.size(); ++i) {
    auto* invitee = scheduled->add_invitees();
    invitee->set_participant_id(plan.people[i]->participant_id);
    invitee->set_name(plan.people[i]->name);
    invitee->set_email(plan.people[i]->email);
  }
  if (random_.Chance(0.3)) {
    auto* dial_in = Append(plan, scheduled_at + absl::Seconds(1))->mutable_dial_in_assigned();
    dial_in->set_conference_number(absl::StrCat(2'000'000 + random_.Below(7'999'999)));
    for (const auto& number : plan.pbx->dial_in_numbers) dial_in->add_dial_in_numbers(number);
  }
  const absl::Time before = plan.planned_start - absl::Minutes(random_.Between(20, 50));
  if (plan.called_off) {
    Append(plan, before)->mutable_meeting_deleted();
  } else if (plan.lead_days > 0 && random_.Chance(0.04)) {
    const int days = random_.Between(1, 3);
    plan.day += days;
    plan.planned_start += absl::Hours(24 * days);
    auto* rescheduled = Append(plan, before)->mutable_meeting_rescheduled();
    *rescheduled->mutable_planned_start() = ToTimestamp(plan.planned_start);
    *rescheduled->mutable_planned_duration() = ToProtoDuration(plan.planned_length);
  }
}

void SimulatedPlatform::EnactParticipant(const Plan& plan, const SimulatedPerson& person, bool organizer) {
  if (!organizer && random_.Chance(0.08)) return;  // Did not come.
  absl::Time joined_at = plan.begin + absl::Seconds(organizer ? 1 : random_.Between(0, 300));
  joined_at = std::min(joined_at, plan.end - absl::Minutes(1));
  absl::Time left_at = plan.end + absl::Seconds(random_.Between(0, 40));
  if (!organizer && random_.Chance(0.1)) left_at = joined_at + (plan.end - joined_at) * (0.3 + 0.6 * random_.Unit());
  auto* joined = Append(plan, joined_at)->mutable_participant_joined();
  joined->set_participant_id(person.participant_id);
  joined->set_name(person.name);
  joined->set_email(person.email);
  joined->set_ip(person.ip);
  joined->set_client_kind(person.client_kind);
  joined->set_media_site(person.media_site);
  joined->set_extension(person.extension);
  const bool on_phone = person.client_kind == "android" || person.client_kind == "ios";
  for (absl::Time at = joined_at + absl::Minutes(random_.Between(1, kQualitySampleMinutes)); at < left_at;
       at += absl::Minutes(kQualitySampleMinutes)) {
    const double badness = (1 - person.connection_quality) * (on_phone ? 1.5 : 1) + 0.02;
    auto* quality = Append(plan, at)->mutable_media_quality_sampled();
    quality->set_participant_id(person.participant_id);
    quality->set_rtt_ms(15 + random_.Below(30) + static_cast<uint32_t>(badness * random_.Below(600)));
    quality->set_loss_ppm(static_cast<uint32_t>(badness * random_.Below(60'000)));
    quality->set_jitter_ms(1 + random_.Below(5) + static_cast<uint32_t>(badness * random_.Below(120)));
  }
  int reconnections = 0;
  while (reconnections < 12 && random_.Chance(1 - person.connection_quality)) ++reconnections;
  for (int i = 0; i < reconnections; ++i) {
    auto* reconnected = Append(plan, joined_at + (left_at - joined_at) * (0.05 + 0.9 * random_.Unit()))
                            ->mutable_participant_reconnected();
    reconnected->set_participant_id(person.participant_id);
    reconnected->set_ip(random_.Chance(0.4) ? MakeAddress(random_) : person.ip);
    reconnected->set_client_kind(person.client_kind);
    reconnected->set_media_site(person.media_site);
  }
  // One in forty goes without a word.
  if (!random_.Chance(0.025)) {
    Append(plan, left_at)->mutable_participant_left()->set_participant_id(person.participant_id);
  }
}

void SimulatedPlatform::EnactExtras(const Plan& plan) {
  const auto during = [&] { return plan.begin + (plan.end - plan.begin) * (0.1 + 0.8 * random_.Unit()); };
  const std::string store = absl::StrCat("store/", plan.pbx->sync.pbx_id(), "/", plan.meeting_id);
  if (random_.Chance(0.15)) {
    auto* recording = Append(plan, during())->mutable_recording_created();
    recording->set_recording_id("recording-1");
    recording->set_object_ref(absl::StrCat(store, "/recording-1.webm"));
  }
  for (int i = 1; i <= 3 && random_.Chance(0.25); ++i) {
    auto* file = Append(plan, during())->mutable_file_shared();
    file->set_file_id(absl::StrCat("file-", i));
    file->set_object_ref(absl::StrCat(store, "/file-", i));
  }
  if (random_.Chance(0.2)) {
    auto* pdf = Append(plan, during())->mutable_pdf_shared();
    pdf->set_pdf_id("pdf-1");
    pdf->set_object_ref(absl::StrCat(store, "/slides-1.pdf"));
  }
  if (random_.Chance(0.08)) {
    const absl::Time asked_at = plan.begin + (plan.end - plan.begin) * 0.5;
    const std::vector<std::string> words = MakePoll(random_);
    auto* poll = Append(plan, asked_at)->mutable_poll_created();
    poll->set_poll_id(absl::StrCat("poll-", plan.meeting_id));
    poll->set_owner_extension(plan.people[0]->extension);
    poll->set_question(words[0]);
    for (size_t i = 1; i < words.size(); ++i) poll->add_options(words[i]);
    for (size_t i = 1; i < plan.people.size(); ++i) {
      if (!random_.Chance(0.7)) continue;
      auto* answer = Append(plan, asked_at + absl::Seconds(5 + random_.Below(50)))->mutable_poll_answered();
      answer->set_poll_id(absl::StrCat("poll-", plan.meeting_id));
      answer->set_participant_id(plan.people[i]->participant_id);
      answer->add_option_indexes(random_.Below(3));
    }
  }
  for (int i = 0; plan.protocolled && i < 5; ++i) {
    auto* message = Append(plan, during())->mutable_chat_message_sent();
    message->set_participant_id(plan.people[0]->participant_id);
    message->set_text(MakeChatText(random_));
  }
}

v1::Event* SimulatedPlatform::Append(const Plan& plan, absl::Time time) {
  time = std::max(time, At(0, 1));
  const absl::CivilDay day = absl::ToCivilDay(time, zone_);
  v1::Event& event = pending_[static_cast<int>(day - options_.start)].emplace_back();
  event.set_event_id(absl::StrCat("event-", next_event_++));
  event.set_pbx_id(plan.pbx->sync.pbx_id());
  event.set_meeting_id(plan.meeting_id);
  *event.mutable_time() = ToTimestamp(absl::FromUnixMillis(absl::ToUnixMillis(time)));
  return &event;
}

absl::Time SimulatedPlatform::At(int day, int second) const {
  const absl::CivilDay date = options_.start + day;
  return absl::FromCivil(absl::CivilSecond(date.year(), date.month(), date.day()) + second, zone_);
}

}  // namespace retention
