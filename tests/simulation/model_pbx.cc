// The oracle's PBXs and extensions: how they come, change and end.
#include <algorithm>

#include "tests/simulation/calendar.h"
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
    EndPbxData(pbx++);
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

std::pair<uint32_t, uint32_t> Model::EndExtension(const std::string& pbx_id, PbxModel& pbx, const std::string& number) {
  std::pair<uint32_t, uint32_t> ended{0, 0};
  pbx.extensions.erase(number);
  for (auto poll = pbx.polls.begin(); poll != pbx.polls.end();) {
    if (poll->second.created.owner_extension() != number) {
      ++poll;
      continue;
    }
    EndPoll(pbx, poll++);
    ++ended.first;
  }
  for (auto& [id, meeting] : pbx.meetings) {
    if (meeting.organizer == number) ended.second += EndPdfs(pbx_id, meeting);
  }
  return ended;
}

void Model::PassOn(const std::string& pbx_id, PbxModel& pbx, const v1::Extension& extension) {
  const auto held = pbx.extensions.find(extension.number());
  if (held == pbx.extensions.end()) return;
  const v1::Extension& was = held->second.second;
  const bool another_name = was.first_name() != extension.first_name() || was.last_name() != extension.last_name();
  if (another_name && !was.email().empty() && was.email() != extension.email()) {
    EndExtension(pbx_id, pbx, extension.number());
  }
}

std::optional<uint32_t> Model::SyncPbx(const std::string& pbx_id, const v1::PbxSynced& synced, int64_t time_us,
                                       absl::Time now) {
  // One that has come to its end and comes back is a new one.
  if (const auto over = over_.find(pbx_id); over != over_.end()) {
    EnterEnd(over->second);
    over_.erase(over);
  }
  PbxModel& pbx = pbxs_[pbx_id];
  if (pbx.number == 0) holds_.NotePbx(pbx.number = ++last_pbx_);
  // Whoever sends something that is old is there all the same.
  pbx.life.contact = std::max(pbx.life.contact, DayAt(now));
  if (time_us < pbx.synced_us) return std::nullopt;
  if (synced.profile().license_key() != pbx.data.profile().license_key()) pbx.life.licence_until_us.reset();
  if (synced.profile().fqdn() != pbx.data.profile().fqdn()) {
    pbx.life.resolved.reset();
    pbx.life.probed.reset();
    pbx.life.vain = 0;
  }
  pbx.data = synced;
  pbx.synced_us = time_us;
  std::set<std::string> named;
  for (const v1::Extension& extension : synced.extensions()) {
    named.insert(extension.number());
    const auto held = pbx.extensions.find(extension.number());
    if (held != pbx.extensions.end() && held->second.first > time_us) continue;
    const auto removed = pbx.removed.find(extension.number());
    if (removed != pbx.removed.end() && removed->second > time_us) continue;
    PassOn(pbx_id, pbx, extension);
    pbx.extensions[extension.number()] = {time_us, extension};
  }
  std::vector<std::string> missing;
  for (const auto& [number, extension] : pbx.extensions) {
    if (!named.contains(number) && extension.first <= time_us) missing.push_back(number);
  }
  for (const std::string& number : missing) {
    EndExtension(pbx_id, pbx, number);
    pbx.removed[number] = time_us;
  }
  return static_cast<uint32_t>(missing.size());
}

std::optional<std::pair<uint32_t, uint32_t>> Model::RemoveExtension(const std::string& pbx_id,
                                                                    const std::string& number, int64_t time_us) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end() || !pbx->second.extensions.contains(number)) return std::nullopt;
  pbx->second.removed[number] = std::max(time_us, pbx->second.extensions.at(number).first);
  return EndExtension(pbx_id, pbx->second, number);
}

void Model::EndPbxData(std::map<std::string, PbxModel>::iterator pbx) {
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

bool Model::EndPbx(const std::string& pbx_id, const std::string& reason) {
  const auto pbx = pbxs_.find(pbx_id);
  if (pbx == pbxs_.end()) return false;
  EndPbxData(pbx);
  ++pbx_ends_[reason];
  return true;
}

std::optional<std::pair<uint32_t, uint32_t>> Model::ReportLicence(const std::string& key, absl::Time valid_until,
                                                                  bool registered, bool active, absl::Time now) {
  std::pair<uint32_t, uint32_t> outcome{0, 0};
  for (auto pbx = pbxs_.begin(); pbx != pbxs_.end();) {
    const auto each = pbx++;
    if (each->second.data.profile().license_key() != key) continue;
    if (registered && active && valid_until > now) {
      each->second.life.licence_until_us = absl::ToUnixMicros(valid_until);
      ++outcome.first;
      continue;
    }
    EndPbxData(each);
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
