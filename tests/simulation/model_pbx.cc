// The oracle's PBXs and extensions: how they come, change and end.
#include <algorithm>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model.h"

namespace retention::simulation {
namespace {

std::string WordOf(v1::PbxEndCause cause) {
  switch (cause) {
    case v1::PBX_END_CAUSE_LICENCE_EXPIRED:
      return "LICENCE_EXPIRED";
    case v1::PBX_END_CAUSE_FQDN_UNRESOLVED:
      return "PBX_FQDN_UNRESOLVED";
    default:
      return "PBX_NO_CONTACT";
  }
}

}  // namespace

std::vector<LifeEnd> EndsOf(const LifeModel& life, const PolicyModel& policy) {
  std::vector<LifeEnd> ends = {{v1::PBX_END_CAUSE_NO_CONTACT, DueAfter(policy.LastSilentDay(life.contact))}};
  if (life.licence_until_us.has_value()) {
    ends.push_back({v1::PBX_END_CAUSE_LICENCE_EXPIRED, absl::FromUnixMicros(*life.licence_until_us)});
  }
  if (life.vain > 0) {
    const int left = std::max(0, policy.vain_days() - life.vain);
    ends.push_back({v1::PBX_END_CAUSE_FQDN_UNRESOLVED, DueAfter(*life.probed + left), left == 0});
  }
  return ends;
}

absl::Time OwnEndOf(const LifeModel& life, const PolicyModel& policy) {
  absl::Time first = absl::InfiniteFuture();
  for (const LifeEnd& end : EndsOf(life, policy)) {
    if (end.certain) first = std::min(first, end.time);
  }
  return first;
}

void Model::EndOverPbxs(absl::Time now) {
  for (auto pbx = pbxs_.begin(); pbx != pbxs_.end();) {
    const absl::Time end = OwnEndOf(pbx->second.life, policy_);
    if (now < end) {
      ++pbx;
      continue;
    }
    for (const LifeEnd& cause : EndsOf(pbx->second.life, policy_)) {
      if (cause.certain && cause.time == end) over_[pbx->first].insert(WordOf(cause.cause));
    }
    EndPbxData(pbx++, end);
  }
}

void Model::EnterEnd(const std::set<std::string>& reasons) {
  reasons.size() == 1 ? ++pbx_ends_[*reasons.begin()] : ++pbx_ends_of_any_;
}

void Model::NoteSwept() {
  for (const auto& [pbx_id, reasons] : over_) EnterEnd(reasons);
  over_.clear();
}

uint64_t Model::planted(const PlantedObject& object) const {
  const auto found = planted_.find(object);
  return found == planted_.end() ? 0 : found->second;
}

uint32_t Model::EndPdfs(const std::string& pbx_id, MeetingModel& meeting) {
  uint32_t ended = 0;
  for (PlantedValue& value : meeting.values) {
    if (value.category != v1::DATA_CATEGORY_PDF_SHARE || value.held == Held::kNo) continue;
    EndValue(pbx_id, value);
    ++ended;
  }
  return ended;
}

std::pair<uint32_t, uint32_t> Model::EndPerson(const std::string& pbx_id, PbxModel& pbx, Person person) {
  std::pair<uint32_t, uint32_t> ended{0, 0};
  for (auto poll = pbx.polls.begin(); poll != pbx.polls.end();) {
    if (poll->second.owner != person) {
      ++poll;
      continue;
    }
    EndPoll(pbx, poll++);
    ++ended.first;
  }
  for (auto& [id, meeting] : pbx.meetings) {
    if (meeting.organizer == person) ended.second += EndPdfs(pbx_id, meeting);
  }
  return ended;
}

bool Model::CameBefore(const Came& came, const std::string& of, const std::string& event_id, absl::Time now) {
  constexpr int64_t kSpanDays = 16;
  constexpr int64_t kSpansKept = 2;
  const auto found = came.find({of, event_id});
  const auto span = [](absl::CivilDay day) { return (day - absl::CivilDay(1970, 1, 1)) / kSpanDays; };
  return found != came.end() && span(DayAt(now)) - span(found->second) <= kSpansKept;
}

// Whether it says anything new.
bool Model::TakePbxEvent(PbxModel& pbx, const v1::Event& event) {
  const int64_t time_us = Us(event.time());
  StaffModel& extensions = pbx.extensions;
  if (event.has_pbx_synced()) return false;  // it came before
  if (event.has_extension_synced()) {
    std::vector<Person> removed;
    if (time_us < pbx.synced_us) return false;
    if (!extensions.SyncOne(event.extension_synced().extension(), time_us, removed)) return false;
    for (const Person person : removed) EndPerson(event.pbx_id(), pbx, person);
    return true;
  }
  const std::string& number = event.extension_removed().number();
  Person person = extensions.HeldWith(event.extension_id());
  if (person == 0) {
    person = extensions.HeldAt(number);
    const bool is_other =
        person != 0 && !event.extension_id().empty() && !extensions.held().at(person).extension.extension_id().empty();
    if (is_other) person = 0;
  }
  const std::string named = person == 0 ? number : extensions.NumberOf(person);
  if (time_us < std::max(pbx.synced_us, extensions.LastSaidOf(named))) return false;
  if (person == 0) {
    person = extensions.RemoveUnknown(number, event.extension_id(), time_us);
  } else {
    extensions.Remove(person, time_us);
  }
  if (person != 0) EndPerson(event.pbx_id(), pbx, person);
  return person != 0;
}

std::optional<uint32_t> Model::SyncPbx(const std::string& pbx_id, const v1::PbxSynced& synced, int64_t time_us,
                                       absl::Time now) {
  // One that has come to its end and comes back is a new one.
  if (const auto over = over_.find(pbx_id); over != over_.end()) {
    EnterEnd(over->second);
    over_.erase(over);
  }
  PbxModel& pbx = pbxs_[pbx_id];
  if (pbx.number == 0) holds_.NotePbx(pbx_id, pbx.number = ++last_pbx_);
  // Whoever sends something that is old is there all the same.
  pbx.life.contact = std::max(pbx.life.contact, DayAt(now));
  if (time_us < pbx.synced_us) return std::nullopt;
  if (synced.profile().licence_key() != pbx.data.profile().licence_key()) pbx.life.licence_until_us.reset();
  if (synced.profile().fqdn() != pbx.data.profile().fqdn()) {
    pbx.life.resolved.reset();
    pbx.life.probed.reset();
    pbx.life.vain = 0;
  }
  pbx.data = synced;
  pbx.synced_us = time_us;
  const std::vector<Person> removed = pbx.extensions.Sync(synced, time_us);
  for (const Person person : removed) EndPerson(pbx_id, pbx, person);
  return static_cast<uint32_t>(removed.size());
}

std::optional<std::pair<uint32_t, uint32_t>> Model::RemoveExtension(const std::string& pbx_id,
                                                                    const std::string& number, int64_t time_us) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return std::nullopt;
  StaffModel& extensions = pbx->second.extensions;
  const Person person = extensions.HeldAt(number);
  if (person == 0) return std::nullopt;
  extensions.Remove(person, std::max(time_us, extensions.LastSaidOf(number)));
  return EndPerson(pbx_id, pbx->second, person);
}

void Model::EndPbxData(std::map<std::string, PbxModel>::iterator pbx, absl::Time end) {
  // Until history of before is over; of an earlier PBX too.
  auto& [ended, remembered] = former_ends_.try_emplace(pbx->first, end, absl::CivilDay::min()).first->second;
  ended = end;
  remembered = std::max(remembered, policy_.LastDay(v1::DATA_CATEGORY_HISTORY, DayAt(end)));
  pbx_ends_now_ = true;
  for (auto& [id, meeting] : pbx->second.meetings) {
    for (PlantedValue& value : meeting.values) EndValue(pbx->first, value);
    if (!meeting.stored) continue;
    orphans_.push_back({.collected = meeting.At(absl::InfinitePast()).CollectionDay(),
                        .due = meeting.history_due,
                        .events = meeting.HistorySize(),
                        .sure = !meeting.lost});
  }
  pbxs_.erase(pbx);
  pbx_ends_now_ = false;
}

bool Model::EndPbx(const std::string& pbx_id, const std::string& reason, absl::Time now) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return false;
  EndPbxData(pbx, now);
  ++pbx_ends_[reason];
  return true;
}

std::optional<std::pair<uint32_t, uint32_t>> Model::ReportLicence(const std::string& key, absl::Time valid_until,
                                                                  bool registered, bool active, absl::Time now) {
  std::pair<uint32_t, uint32_t> outcome{0, 0};
  for (auto pbx = pbxs_.begin(); pbx != pbxs_.end();) {
    const auto each = pbx++;
    if (each->second.data.profile().licence_key() != key) continue;
    if (registered && active && valid_until > now) {
      each->second.life.licence_until_us = absl::ToUnixMicros(valid_until);
      ++outcome.first;
      continue;
    }
    EndPbxData(each, now);
    ++pbx_ends_[!registered ? "PBX_NOT_REGISTERED" : !active ? "PBX_INACTIVE" : "LICENCE_EXPIRED"];
    ++outcome.second;
  }
  if (outcome.first + outcome.second == 0) return std::nullopt;
  return outcome;
}

void Model::CountProbe(const std::string& pbx_id, bool resolved, absl::Time now) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return;
  LifeModel& life = pbx->second.life;
  if (life.probed.has_value() && *life.probed >= DayAt(now)) return;
  life.probed = DayAt(now);
  life.vain = resolved ? 0 : life.vain + 1;
  if (resolved) life.resolved = life.probed;
}

}  // namespace retention::simulation
