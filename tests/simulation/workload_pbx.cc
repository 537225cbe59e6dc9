// The workload beside meetings: PBXs, deletions by operators, log lines, and where the clock goes.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/workload.h"

namespace retention::simulation {
std::string Workload::AnyPbx() {
  for (;;) {
    std::string pbx_id = "pbx-" + std::to_string(dice_.Below(kPbxs));
    if (pbx_id != quiet_) return pbx_id;
  }
}

std::string Workload::AnyLicence() { return licences_.empty() ? "licence-of-nobody" : dice_.Pick(licences_); }

v1::Extension Workload::NextExtension(const std::string& number) {
  v1::Extension& person = persons_[number];
  const bool is_new = person.first_name().empty() || dice_.Chance(8);
  if (is_new || dice_.Chance(20)) person.set_email(CanaryEmail());
  if (is_new || dice_.Chance(10)) {
    person.set_first_name(Canary("first"));
    person.set_last_name(Canary("last"));
  }
  if (is_new) person.set_extension_id(dice_.Chance(50) ? Canary("extension") : "");
  v1::Extension extension = person;
  extension.set_number(number);
  extension.set_vanity_url_name(Canary("vanity"));
  if (dice_.Chance(20)) absl::AsciiStrToUpper(extension.mutable_email());
  if (dice_.Chance(10)) extension.clear_email();
  if (dice_.Chance(30)) extension.clear_extension_id();
  return extension;
}

void Workload::ShufflePersons() {
  while (dice_.Chance(30)) std::swap(persons_[AnyExtension()], persons_[AnyExtension()]);
}

void Workload::NameExtension(const std::string& number, v1::Event& event) {
  if (dice_.Chance(25)) event.set_extension_id(persons_[number].extension_id());
}

v1::PbxSynced Workload::NextSync(const std::string& pbx_id) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  v1::PbxProfile& profile = profiles_[pbx_id];
  if (dice_.Chance(70)) profile.set_ip(CanaryIp());
  if (profile.fqdn().empty() || dice_.Chance(8)) profile.set_fqdn(Canary("fqdn") + ".example.org");
  if (dice_.Chance(3)) profile.clear_fqdn();
  if (profile.licence_key().empty() || dice_.Chance(8)) {
    // Now and then several PBXs have one licence.
    if (licences_.empty() || dice_.Chance(60)) licences_.push_back(Canary("licence"));
    profile.set_licence_key(licences_.back());
  }
  *synced.mutable_profile() = profile;
  ShufflePersons();
  for (uint64_t i = 0; i < kExtensions; ++i) {
    if (dice_.Chance(90)) *synced.add_extensions() = NextExtension(std::to_string(100 + i));
  }
  return synced;
}

v1::Event Workload::PbxEvent(absl::Time now) {
  v1::Event event = NewEvent(AnyPbx(), "", now);
  switch (dice_.Below(3)) {
    case 0:
      *event.mutable_pbx_synced() = NextSync(event.pbx_id());
      break;
    case 1:
      *event.mutable_extension_synced()->mutable_extension() = NextExtension(AnyExtension());
      break;
    default:
      event.mutable_extension_removed()->set_number(AnyExtension());
      NameExtension(event.extension_removed().number(), event);
  }
  MakeLatest(event, now);
  return event;
}

int64_t Workload::LastSaidOf(const std::string& pbx_id) const {
  const auto pbx = model_.pbxs().find(pbx_id);
  return pbx == model_.pbxs().end() ? 0 : std::max(pbx->second.synced_us, pbx->second.extensions.LastSaid());
}

void Workload::MakeLatest(v1::Event& event, absl::Time now) const {
  const int64_t now_us = absl::ToUnixMicros(now);
  const int64_t time_us = Us(event.time());
  if (time_us > now_us + absl::ToInt64Microseconds(absl::Minutes(5))) return;  // it is refused
  // Nor ahead: a call may follow, which is stamped by the server.
  Assign(std::max(std::min(time_us, now_us), LastSaidOf(event.pbx_id())), *event.mutable_time());
}

v1::Event Workload::SignOfLife(const std::string& pbx_id, absl::Time now) {
  v1::Event event = NewEvent(pbx_id, "", now);
  switch (dice_.Below(6)) {
    case 0:
      *event.mutable_pbx_synced() = NextSync(pbx_id);
      // Mostly older than what is held, of which it says nothing else.
      if (const auto pbx = model_.pbxs().find(pbx_id); pbx != model_.pbxs().end() && dice_.Chance(70)) {
        event.mutable_pbx_synced()->clear_extensions();
        for (const auto& [person, held] : pbx->second.extensions.held()) {
          *event.mutable_pbx_synced()->add_extensions() = held.extension;
        }
        Assign(EventTime(now - absl::Hours(24 * 5)), *event.mutable_time());
        return event;
      }
      MakeLatest(event, now);
      break;
    case 1:
      *event.mutable_extension_synced()->mutable_extension() = NextExtension(AnyExtension());
      MakeLatest(event, now);
      break;
    case 2:
      event.mutable_extension_removed()->set_number(AnyExtension());
      MakeLatest(event, now);
      break;
    case 3:
      event.mutable_poll_deleted()->set_poll_id("poll-nobody-knows");
      break;
    case 4:
      event.set_meeting_id("meeting-nobody-knows");
      event.mutable_chat_message_sent()->set_participant_id("p1");
      event.mutable_chat_message_sent()->set_text("nobody may keep this");
      break;
    default: {
      // What was sent and answered before is contact as well.
      for (const SentEvent& sent : sent_) {
        if (sent.event.pbx_id() == pbx_id && Predictable(sent.event, {}, now)) return sent.event;
      }
      event.mutable_poll_answered()->set_poll_id("poll-nobody-knows");
      event.mutable_poll_answered()->set_participant_id("p1");
    }
  }
  return event;
}

Workload::Target Workload::AnyMeeting() {
  std::vector<Target> targets = {{.pbx_id = AnyPbx(), .id = "meeting-nobody-knows"},
                                 {.pbx_id = "pbx-nobody-knows", .id = "meeting"}};
  if (dice_.Chance(5)) return dice_.Pick(targets);
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    for (const auto& [id, meeting] : pbx.meetings) {
      if (!meeting.lost) targets.push_back({.pbx_id = pbx_id, .id = id});
    }
  }
  for (const LiveMeeting& meeting : meetings_) {  // of PBXs that have ended
    if (!model_.pbxs().contains(meeting.pbx_id))
      targets.push_back({.pbx_id = meeting.pbx_id, .id = meeting.meeting_id});
  }
  return dice_.Pick(targets);
}

std::string Workload::AnyEmail() {
  std::vector<std::string> emails = {"nobody@example.org"};
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    for (const auto& [id, meeting] : pbx.meetings) {
      for (const PlantedValue& value : meeting.values) {
        if (value.category == v1::DATA_CATEGORY_PARTICIPANT_EMAIL && !value.text.empty()) emails.push_back(value.text);
      }
    }
  }
  return dice_.Pick(emails);
}

Workload::Target Workload::AnyObject() {
  std::vector<Target> targets;
  Target target = AnyMeeting();
  target.category = v1::DATA_CATEGORY_PDF_SHARE;
  target.object_id = "object-nobody-knows";
  targets.push_back(target);
  if (dice_.Chance(10)) return target;
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    for (const auto& [id, meeting] : pbx.meetings) {
      for (const PlantedValue& value : meeting.values) {
        if (meeting.lost || !IsObject(value.category)) continue;
        targets.push_back({.pbx_id = pbx_id, .id = id, .category = value.category, .object_id = value.owner});
      }
    }
  }
  return dice_.Pick(targets);
}

Workload::Target Workload::AnyPoll() {
  if (polls_.empty() || dice_.Chance(5)) return {.pbx_id = AnyPbx(), .id = "poll-nobody-knows"};
  const auto& [pbx_id, poll_id] = dice_.Pick(polls_);
  return {.pbx_id = pbx_id, .id = poll_id};
}

std::vector<v1::LogLine> Workload::NextLines(absl::Time now) {
  std::vector<v1::LogLine> lines(static_cast<size_t>(dice_.Between(1, 12)));
  v1::LogServer server = AnyServer();
  for (v1::LogLine& line : lines) {
    if (dice_.Chance(25)) server = AnyServer();
    line.set_server(server);
    line.set_severity(static_cast<v1::LogSeverity>(1 + dice_.Below(8)));
    absl::Time time = now - absl::Microseconds(dice_.Between(0, 90'000'000));
    if (dice_.Chance(25)) time -= absl::Hours(dice_.Between(0, dice_.Chance(50) ? 9 * 24 : 33 * 24));
    if (dice_.Chance(5)) time = now + absl::Seconds(dice_.Between(0, 299));
    Assign(absl::ToUnixMicros(time), *line.mutable_time());
    if (!dice_.Chance(2)) line.set_text(Canary("line"));
  }
  return lines;
}

absl::CivilDay Workload::NextUntil(absl::Time now) {
  const absl::CivilDay today = DayAt(now);
  if (dice_.Chance(15)) return MonthsAfter(today, 1) + dice_.Between(-1, 1);
  if (dice_.Chance(15)) return today + dice_.Between(-1, 1);
  return today + dice_.Between(0, 30);
}

absl::Time Workload::AnyEnd(absl::Time now) {
  std::vector<absl::Time> ends;
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    ends.push_back(OwnEndOf(pbx.life, model_.policy()));
    for (const auto& [id, meeting] : pbx.meetings) {
      if (meeting.stored) ends.push_back(meeting.files_end);
    }
  }
  std::erase_if(ends, [now](absl::Time end) { return end <= now || end > now + absl::Hours(24 * 20); });
  if (ends.empty()) return now + absl::Hours(1);
  return std::max(now, dice_.Pick(ends) + absl::Microseconds(dice_.Between(-1, 1)));
}

absl::Time Workload::NextInstant(absl::Time now) {
  const absl::CivilDay today = DayAt(now);
  const absl::Time midnight = DueAfter(today);
  switch (dice_.Below(10)) {
    case 0:
    case 1:
      return now + absl::Microseconds(dice_.Between(1, 600'000'000));
    case 2:
      return now + absl::Minutes(dice_.Between(1, 300));
    case 3:
      return dice_.Chance(60) ? AnyEnd(now) : now + absl::Hours(dice_.Between(1, 30));
    case 4:
      return std::max(now, midnight - absl::Microseconds(1));
    case 5:
      return midnight;
    case 6:  // into a lead window
      return std::max(now, midnight - absl::Minutes(dice_.Between(1, 60)));
    case 7:
    case 8:
      return std::max(now, DueAfter(today + dice_.Between(0, 9)) + absl::Minutes(dice_.Between(-90, 600)));
    default:  // nobody looked for weeks
      return DueAfter(today + dice_.Between(5, 30)) - absl::Minutes(dice_.Between(0, 1000));
  }
}

}  // namespace retention::simulation
