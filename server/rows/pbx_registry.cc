#include "server/rows/pbx_registry.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/rows/policy_versions.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {

absl::StatusOr<std::optional<stored::v1::PbxRecord>> ReadPbxRecord(const StoreView& store, Vault& vault,
                                                                   const PbxId& pbx) {
  const FiledKey key = PbxRecordKey(pbx);
  auto row = store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  auto plaintext = vault.Open(key, **row);
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::Value value;
  if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PBX record does not parse");
  return std::move(*value.mutable_pbx());
}

// Whether its key is; else it is damaged.
static absl::StatusOr<bool> IsPbxRecordGone(const StoreView& store, Vault& vault, const PbxId& pbx) {
  const FiledKey key = PbxRecordKey(pbx);
  auto row = store.Get(Family::kFiled, key.Encode());
  if (absl::IsDataLoss(row.status())) return false;
  if (!row.ok()) return row.status();
  return row->has_value() ? vault.IsGone(key, **row) : true;
}

absl::StatusOr<std::string> ReadPbxName(const StoreView& store, Vault& vault, const PbxId& pbx) {
  const std::string key = PbxNameKey(pbx);
  auto row = store.Get(Family::kState, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::string();
  const auto gone = vault.IsStateGone(**row);
  if (!gone.ok()) return gone.status();
  if (*gone) return std::string();
  auto name = vault.OpenState(key, **row);
  if (!name.ok()) return name.status();
  return name->Reveal();
}

absl::Status PbxRegistry::Take(const StoreView& store, Vault& vault, const PbxId& pbx, std::string_view entry_key,
                               Entries& known) {
  const auto record = ReadPbxRecord(store, vault, pbx);
  if (!record.ok() && !IsUnreadable(record.status())) return record.status();
  const auto is_gone = record.ok() ? false : IsPbxRecordGone(store, vault, pbx);
  if (!is_gone.ok()) return is_gone.status();
  Entry entry{.pbx = pbx};
  std::string pbx_id;
  if (record.ok() && record->has_value()) {
    const v1::PbxProfile& profile = (*record)->profile();
    entry.standing.licence = LicenceName(vault, profile.licence_key());
    entry.standing.has_fqdn = !profile.fqdn().empty();
    entry.standing.controller = (*record)->controller_id();
    pbx_id = (*record)->pbx_id();
  } else {
    const auto name = ReadPbxName(store, vault, pbx);
    if (!name.ok()) return name.status();
    pbx_id = *name;
    const bool lives = vault.HasKeyOf(pbx);
    if (!lives || pbx_id.empty() || record.ok() || *is_gone) {
      lost_.push_back(
          {.pbx = pbx, .entry_key = std::string(entry_key), .pbx_id = pbx_id, .lives = lives && !pbx_id.empty()});
      return absl::OkStatus();
    }
  }
  auto life = store.Get(Family::kState, PbxLifeKey(pbx));
  if (!life.ok()) return life.status();
  if (!life->has_value() || !entry.standing.life.ParseFromString(**life)) {
    return absl::DataLossError("a PBX has no row of its life, or one that does not parse");
  }
  entry.end = PbxEndOf(entry.standing.life, policies_.in_force());
  known.emplace(std::move(pbx_id), std::move(entry));
  return absl::OkStatus();
}

absl::Status PbxRegistry::Load(const StoreView& store, Vault& vault) {
  Entries known;
  FormerPbxs former;
  std::map<PbxId, EndingPbx> ending;
  lost_.clear();
  auto cursor = store.ScanPrefix(Family::kState, PbxEntryPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    stored::v1::PbxEntry row;
    if (!row.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size())) ||
        row.pbx().size() != PbxId::kBytes) {
      return absl::DataLossError("a row of the PBX registry does not parse");
    }
    const PbxId pbx = PbxId::From(row.pbx());
    if (!row.ending()) {
      if (absl::Status s = Take(store, vault, pbx, cursor->key(), known); !s.ok()) return s;
      continue;
    }
    // In a copy from before its end was finished its name has gone, and so have its orders.
    auto name = ReadPbxName(store, vault, pbx);
    if (!name.ok()) return name.status();
    ending.emplace(pbx, EndingPbx{.pbx = pbx,
                                  .reason = row.end_reason(),
                                  .pbx_id = *std::move(name),
                                  .held = row.held(),
                                  .begun = absl::FromUnixMicros(row.end_begun_us())});
  }
  if (absl::Status s = cursor->status(); !s.ok()) return s;
  auto ends = store.ScanPrefix(Family::kState, PbxEndPrefix());
  for (; ends->Valid(); ends->Next()) {
    const auto end = DecodePbxEndKey(ends->key());
    stored::v1::FormerPbx row;
    if (!end.has_value() || !row.ParseFromArray(ends->value().data(), static_cast<int>(ends->value().size()))) {
      return absl::DataLossError("a row of a PBX that ended does not parse");
    }
    former.insert_or_assign(end->external, FormerPbx{.end = absl::FromUnixMicros(row.ended_us()), .until = end->until});
  }
  if (absl::Status s = ends->status(); !s.ok()) return s;
  for (auto& [pbx_id, entry] : known) {
    const auto found = former.find(ExternalHash(vault, pbx_id));
    if (found != former.end()) entry.former = found->second;
  }
  const WriterLock lock(mutex_);
  index_.clear();
  names_.clear();
  former_ = std::move(former);
  known_ = std::move(known);
  for (auto it = known_.begin(); it != known_.end(); ++it) {
    index_.emplace(it->first, it);
    names_.emplace(it->second.pbx, it);
  }
  ending_ = std::move(ending);
  return absl::OkStatus();
}

std::optional<PbxId> PbxRegistry::Find(std::string_view pbx_id, absl::Time now) const {
  const auto known = FindKnown(pbx_id, now);
  return known.has_value() ? std::make_optional(known->pbx) : std::nullopt;
}

std::optional<PbxRegistry::Known> PbxRegistry::FindKnown(std::string_view pbx_id, absl::Time now) const {
  const ReaderLock lock(mutex_);
  const auto found = index_.find(absl::string_view(pbx_id.data(), pbx_id.size()));
  if (found == index_.end() || found->second->second.end.time <= now) return std::nullopt;
  return Known{.pbx = found->second->second.pbx, .former = found->second->second.former};
}

std::optional<PbxRegistry::FormerPbx> PbxRegistry::FormerOf(const OwnerId& external) const {
  const ReaderLock lock(mutex_);
  const auto found = former_.find(external);
  return found == former_.end() ? std::nullopt : std::optional(found->second);
}

std::string PbxRegistry::ExternalId(const PbxId& pbx) const {
  const ReaderLock lock(mutex_);
  const auto found = names_.find(pbx);
  if (found != names_.end()) return found->second->first;
  const auto ending = ending_.find(pbx);
  return ending == ending_.end() ? std::string() : ending->second.pbx_id;
}

bool PbxRegistry::Lives(const PbxId& pbx) const {
  const ReaderLock lock(mutex_);
  return names_.contains(pbx);
}

std::vector<std::pair<std::string, PbxId>> PbxRegistry::List(std::string_view after, size_t limit,
                                                             absl::Time now) const {
  const ReaderLock lock(mutex_);
  std::vector<std::pair<std::string, PbxId>> page;
  for (auto it = known_.upper_bound(after); it != known_.end() && page.size() < limit; ++it) {
    if (it->second.end.time > now) page.emplace_back(it->first, it->second.pbx);
  }
  return page;
}

std::optional<PbxStanding> PbxRegistry::StandingOf(const PbxId& pbx) const {
  const ReaderLock lock(mutex_);
  const auto found = names_.find(pbx);
  if (found == names_.end()) return std::nullopt;
  return found->second->second.standing;
}

bool PbxRegistry::HasContacted(const PbxId& pbx, DueDay day) const {
  const ReaderLock lock(mutex_);
  const auto found = names_.find(pbx);
  return found != names_.end() && found->second->second.standing.life.contact_day() >= day.number();
}

absl::StatusOr<std::vector<PbxId>> PbxRegistry::OfController(std::string_view controller_id, const StoreView& store,
                                                             Vault& vault, absl::Time now) const {
  std::vector<PbxId> pbxs;
  for (const auto& [pbx_id, pbx] : List("", size(), now)) {
    const auto record = ReadPbxRecord(store, vault, pbx);
    if (absl::IsNotFound(record.status())) continue;  // it ended this very moment
    if (!record.ok()) return record.status();
    if (record->has_value() && (*record)->controller_id() == controller_id) pbxs.push_back(pbx);
  }
  return pbxs;
}

std::map<std::string, uint32_t> PbxRegistry::CountByController(absl::Time now) const {
  const ReaderLock lock(mutex_);
  std::map<std::string, uint32_t> counts;
  for (const auto& [id, entry] : known_) {
    if (entry.end.time > now && !entry.standing.controller.empty()) ++counts[entry.standing.controller];
  }
  return counts;
}

uint32_t PbxRegistry::CountOfController(std::string_view controller_id, absl::Time now) const {
  const ReaderLock lock(mutex_);
  return static_cast<uint32_t>(std::count_if(known_.begin(), known_.end(), [&](const auto& known) {
    return known.second.end.time > now && known.second.standing.controller == controller_id;
  }));
}

std::vector<std::string> PbxRegistry::WithLicence(std::string_view licence) const {
  const ReaderLock lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, entry] : known_) {
    if (!licence.empty() && entry.standing.licence == licence) ids.push_back(id);
  }
  return ids;
}

std::vector<std::pair<std::string, PbxEnd>> PbxRegistry::Over(absl::Time now) const {
  const ReaderLock lock(mutex_);
  std::vector<std::pair<std::string, PbxEnd>> over;
  for (const auto& [id, entry] : known_) {
    if (entry.end.time <= now) over.emplace_back(id, entry.end);
  }
  std::sort(over.begin(), over.end(), [](const auto& a, const auto& b) { return a.second.time < b.second.time; });
  return over;
}

std::vector<std::pair<PbxId, DueDay>> PbxRegistry::Named() const {
  const ReaderLock lock(mutex_);
  std::vector<std::pair<PbxId, DueDay>> named;
  for (const auto& [id, entry] : known_) {
    if (!entry.standing.has_fqdn) continue;
    named.emplace_back(entry.pbx, DueDay::FromNumber(entry.standing.life.probed_day()));
  }
  return named;
}

std::map<std::pair<v1::PbxEndCause, uint32_t>, uint64_t> PbxRegistry::Warned(absl::Time now) const {
  const ReaderLock lock(mutex_);
  std::map<std::pair<v1::PbxEndCause, uint32_t>, uint64_t> warned;
  for (const auto& [id, entry] : known_) {
    if (entry.end.time <= now) continue;  // too late for a warning
    for (const v1::PbxWarning& warning : WarningsOf(entry.standing.life, policies_.in_force(), now)) {
      ++warned[{warning.cause(), warning.warning_days()}];
    }
  }
  return warned;
}

std::vector<PbxRegistry::EndingPbx> PbxRegistry::Ending() const {
  const ReaderLock lock(mutex_);
  std::vector<EndingPbx> all;
  for (const auto& [pbx, ending] : ending_) all.push_back(ending);
  return all;
}

std::optional<PbxRegistry::EndingPbx> PbxRegistry::FindEnding(const PbxId& pbx) const {
  const ReaderLock lock(mutex_);
  const auto found = ending_.find(pbx);
  return found == ending_.end() ? std::nullopt : std::optional(found->second);
}

size_t PbxRegistry::size() const {
  const ReaderLock lock(mutex_);
  return known_.size();
}

PbxRegistry::MovedEnds PbxRegistry::EndsUnder(const Policy& policy, absl::Time now) const {
  const ReaderLock lock(mutex_);
  MovedEnds moved;
  for (const auto& [id, entry] : known_) {
    const absl::Time end = PbxEndOf(entry.standing.life, policy).time;
    if (entry.end.time <= now || end == entry.end.time) continue;
    ++(end <= now ? moved.gone : end < entry.end.time ? moved.earlier : moved.later);
  }
  return moved;
}

void PbxRegistry::ReckonEnds() {
  const WriterLock lock(mutex_);
  for (auto& [id, entry] : known_) entry.end = PbxEndOf(entry.standing.life, policies_.in_force());
}

void PbxRegistry::Insert(std::string_view pbx_id, const OwnerId& external, const PbxId& pbx, PbxStanding standing) {
  const WriterLock lock(mutex_);
  Entry entry{.pbx = pbx, .standing = std::move(standing)};
  if (const auto former = former_.find(external); former != former_.end()) entry.former = former->second;
  entry.end = PbxEndOf(entry.standing.life, policies_.in_force());
  const auto [it, inserted] = known_.insert_or_assign(std::string(pbx_id), std::move(entry));
  index_.insert_or_assign(it->first, it);
  names_.insert_or_assign(pbx, it);
}

void PbxRegistry::Update(const PbxId& pbx, PbxStanding standing) {
  const WriterLock lock(mutex_);
  Entry& entry = names_.at(pbx)->second;
  entry.standing = std::move(standing);
  entry.end = PbxEndOf(entry.standing.life, policies_.in_force());
}

void PbxRegistry::BeginEnding(EndingPbx ending) {
  const WriterLock lock(mutex_);
  if (const auto name = names_.find(ending.pbx); name != names_.end()) {
    const auto it = name->second;
    names_.erase(name);
    index_.erase(it->first);
    known_.erase(it);
  }
  ending_.insert_or_assign(ending.pbx, std::move(ending));
}

void PbxRegistry::FinishEnding(const PbxId& pbx) {
  const WriterLock lock(mutex_);
  ending_.erase(pbx);
}

void PbxRegistry::NoteEnd(const OwnerId& external, FormerPbx former) {
  const WriterLock lock(mutex_);
  former_.insert_or_assign(external, former);
}

void PbxRegistry::ForgetEnds(DueDay last_due) {
  const WriterLock lock(mutex_);
  std::erase_if(former_, [&](const auto& former) { return former.second.until <= last_due; });
}

}  // namespace retention
