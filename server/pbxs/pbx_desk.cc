#include "server/pbxs/pbx_desk.h"

#include <map>

#include "server/base/errors.h"

namespace retention {

FiledKey PollKey(const Vault& vault, const PbxId& pbx, std::string_view poll_id, const ItemId& item) {
  return {.day = DueDay::Open(),
          .category = kPoll,
          .pbx = pbx,
          .owner = OwnerId{vault.Hash("poll", pbx.view(), poll_id)},
          .item = item};
}

absl::StatusOr<PbxDesk::SyncOutcome> PbxDesk::Sync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                   absl::Time time, absl::Time now) {
  SyncOutcome outcome;
  std::optional<PbxId> pbx = registry_.Find(pbx_id, now);
  if (const auto held = registry_.Held(pbx_id); held.has_value() && !pbx.has_value()) {
    // It has come to its end and comes back before the sweep: a new one all the same.
    const PbxEnd end = EndOf(registry_.StandingOf(*held)->life, holdings_.policy());
    if (absl::Status status = ender_.Begin(pbx_id, ReasonOf(end.cause), now); !status.ok()) return status;
  }
  Change change(holdings_, now);
  stored::v1::Value record;
  PbxStanding standing;
  outcome.created = !pbx.has_value();
  if (outcome.created) {
    uint8_t bytes[PbxId::kBytes];
    if (absl::Status status = holdings_.random.Fill(bytes, sizeof(bytes)); !status.ok()) return status;
    pbx = PbxId::From({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
    if (auto key = holdings_.ring.MintPbx(*pbx); !key.ok()) return key.status();
    stored::v1::PbxEntry entry;
    entry.set_pbx(std::string(pbx->view()));
    change.batch().Put(Family::kState, PbxEntryKeyOf(holdings_.vault, pbx_id), entry.SerializeAsString());
    stored::v1::LedgerEntry ledger_entry;
    ledger_entry.set_kind(stored::v1::LedgerEntry::KIND_PBX_REGISTERED);
    ledger_entry.set_pbx(std::string(pbx->view()));
    change.Enter(std::move(ledger_entry));
    record.mutable_pbx()->set_created_us(absl::ToUnixMicros(now));
  } else {
    auto held = ReadRecord(*pbx);
    if (!held.ok()) return held.status();
    if (absl::ToUnixMicros(time) < held->synced_us()) {
      outcome.stale = true;
      // It says nothing new, but who says it is there.
      NoteContacts({&*pbx, 1}, change);
      if (absl::Status status = change.Commit(); !status.ok()) return status;
      return outcome;
    }
    *record.mutable_pbx() = *std::move(held);
    standing = *registry_.StandingOf(*pbx);
  }
  stored::v1::PbxRecord& data = *record.mutable_pbx();
  const int64_t time_us = absl::ToUnixMicros(time);
  const std::string former_fqdn = data.profile().fqdn();
  const std::string former_controller = data.controller_id();
  const bool same = data.controller_id() == synced.controller_id() &&
                    data.profile().SerializeAsString() == synced.profile().SerializeAsString();
  data.set_pbx_id(std::string(pbx_id));
  data.set_controller_id(synced.controller_id());
  *data.mutable_profile() = synced.profile();
  data.set_synced_us(time_us);
  const std::string licence = LicenceName(holdings_.vault, synced.profile().license_key());
  // What was reported of another licence, or probed of another name, says nothing of the new one.
  if (licence != standing.licence) standing.life.set_licence_until_us(0);
  if (former_fqdn != synced.profile().fqdn()) {
    standing.named = now;
    standing.life.clear_resolved_day();
    standing.life.clear_probed_day();
    standing.life.clear_unresolved_days();
  }
  if (outcome.created || former_controller != synced.controller_id()) {
    holdings_.holds.Join(synced.controller_id(), *pbx, outcome.created, change.last_due(), holdings_.vault,
                         change.batch());
  }
  standing.licence = licence;
  standing.has_fqdn = !synced.profile().fqdn().empty();
  standing.life.set_contact_day(std::max(standing.life.contact_day(), change.today().number()));
  PutLife(*pbx, standing.life, change);
  const Personal plaintext(record.SerializeAsString());
  const FiledKey record_key = PbxRecordKey(*pbx);
  absl::Status status = outcome.created ? change.File(record_key, plaintext, 1)
                        : same          ? change.Rewrite(record_key, plaintext, 1)
                                        : change.Replace(record_key, plaintext, 1);
  if (!status.ok()) return status;

  // Extensions that are held and not named any more have been removed. What came by itself and is newer stays.
  std::map<OwnerId, HeldExtension> held;
  auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), kPbxSync, *pbx));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    if (key->owner == OwnerId{}) continue;
    auto extension = ParseExtension(*key, cursor->value());
    if (!extension.ok()) return extension.status();
    held.emplace(key->owner, *std::move(extension));
  }
  if (!cursor->status().ok()) return cursor->status();
  for (const v1::Extension& extension : synced.extensions()) {
    const FiledKey key = ExtensionKey(holdings_.vault, *pbx, extension.number());
    std::optional<HeldExtension> before;
    if (const auto it = held.find(key.owner); it != held.end()) {
      before = std::move(it->second);
      held.erase(it);
      if (before->time_us > time_us) continue;
      if (!before->removed && before->extension.SerializeAsString() == extension.SerializeAsString()) continue;
    }
    if (status = PutExtension(key, before, extension, time_us, change); !status.ok()) return status;
  }
  for (const auto& [owner, extension] : held) {
    if (extension.removed || extension.time_us > time_us) continue;
    FiledKey key = record_key;
    key.owner = owner;
    RemovalOutcome removal;
    if (status = EraseExtension(*pbx, pbx_id, key, time_us, kReasonExtensionRemoved, change, removal); !status.ok())
      return status;
    ++outcome.extensions_removed;
  }
  if (status = change.Commit(); !status.ok()) return status;
  if (outcome.created) {
    registry_.Insert(pbx_id, *pbx, std::move(standing));
  } else {
    registry_.Update(*pbx, std::move(standing));
  }
  return outcome;
}

absl::StatusOr<stored::v1::PbxRecord> PbxDesk::ReadRecord(const PbxId& pbx) const {
  auto record = ReadPbxRecord(holdings_.store, holdings_.vault, pbx);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::DataLossError("a PBX has no record");
  return **std::move(record);
}

absl::StatusOr<PbxDesk::HeldExtension> PbxDesk::ParseExtension(const FiledKey& key, std::string_view envelope) const {
  auto opened = holdings_.vault.Open(key, envelope);
  if (!opened.ok()) return opened.status();
  stored::v1::Value value;
  if (!value.ParseFromString(opened->Reveal())) return absl::DataLossError("an extension does not parse");
  return HeldExtension{
      .removed = !value.has_pbx_extension(), .time_us = value.time_us(), .extension = value.pbx_extension()};
}

absl::StatusOr<std::optional<PbxDesk::HeldExtension>> PbxDesk::ReadExtension(const FiledKey& key) const {
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  return ParseExtension(key, **row);
}

absl::Status PbxDesk::PutExtension(const FiledKey& key, const std::optional<HeldExtension>& held,
                                   const v1::Extension& extension, int64_t time_us, Change& change) {
  stored::v1::Value value;
  value.set_time_us(time_us);
  *value.mutable_pbx_extension() = extension;
  const Personal text(value.SerializeAsString());
  if (held.has_value() && !held->removed) {
    const bool same = held->extension.SerializeAsString() == extension.SerializeAsString();
    return same ? change.Rewrite(key, text, 1) : change.Replace(key, text, 1);
  }
  if (held.has_value()) change.RemoveMark(key);
  return change.File(key, text, 1);
}

absl::StatusOr<bool> PbxDesk::SyncExtension(std::string_view pbx_id, const v1::Extension& extension, absl::Time time,
                                            absl::Time now) {
  const auto pbx = registry_.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  const FiledKey key = ExtensionKey(holdings_.vault, *pbx, extension.number());
  auto held = ReadExtension(key);
  if (!held.ok()) return held.status();
  auto record = ReadRecord(*pbx);
  if (!record.ok()) return record.status();
  const int64_t time_us = absl::ToUnixMicros(time);
  if (time_us < record->synced_us() || (held->has_value() && time_us < (*held)->time_us)) return false;
  Change change(holdings_, now);
  if (absl::Status status = PutExtension(key, *held, extension, time_us, change); !status.ok()) return status;
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  return true;
}

absl::StatusOr<PbxDesk::RemovalOutcome> PbxDesk::RemoveExtension(std::string_view pbx_id, std::string_view number,
                                                                 std::optional<absl::Time> time,
                                                                 std::string_view reason, absl::Time now) {
  const auto pbx = registry_.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  const FiledKey key = ExtensionKey(holdings_.vault, *pbx, number);
  auto held = ReadExtension(key);
  if (!held.ok()) return held.status();
  bool held_newer = false;
  if (time.has_value() && held->has_value()) {
    auto record = ReadRecord(*pbx);
    if (!record.ok()) return record.status();
    held_newer = absl::ToUnixMicros(*time) < std::max((*held)->time_us, record->synced_us());
  }
  if (!held->has_value() || (*held)->removed || held_newer) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "EXTENSION_UNKNOWN", "the PBX has no such extension");
  }
  const int64_t time_us = std::max((*held)->time_us, absl::ToUnixMicros(time.value_or(now)));
  RemovalOutcome outcome;
  Change change(holdings_, now);
  if (absl::Status status = EraseExtension(*pbx, pbx_id, key, time_us, reason, change, outcome); !status.ok())
    return status;
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  return outcome;
}

absl::Status PbxDesk::EraseExtension(const PbxId& pbx, std::string_view pbx_id, const FiledKey& extension,
                                     int64_t time_us, std::string_view reason, Change& change,
                                     RemovalOutcome& outcome) {
  if (absl::Status s = change.Erase(extension, 1, reason); !s.ok()) return s;
  stored::v1::Value mark;
  mark.set_time_us(time_us);
  if (absl::Status s = change.File(extension, Personal(mark.SerializeAsString()), 0); !s.ok()) return s;
  const std::string_view name = extension.owner.view();
  for (const CategoryNumber category : {kPoll, kPdfShare}) {
    // A poll's rows share their owner; only the row of its creation names the extension.
    std::map<OwnerId, bool> ends;
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), category, pbx));
    for (const bool erasing : {false, true}) {
      for (cursor->Seek(FiledPrefix(DueDay::Open(), category, pbx)); cursor->Valid(); cursor->Next()) {
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
        if (Vault::ValueCount(cursor->value()) == 0) continue;  // mark of a deleted poll
        if (category == kPoll && erasing && !ends[key->owner]) continue;
        auto opened = holdings_.vault.Open(*key, cursor->value());
        stored::v1::Value value;
        if (!opened.ok()) return opened.status();
        if (!value.ParseFromString(opened->Reveal()))
          return absl::DataLossError("a row of an extension does not parse");
        if (!erasing) {
          if (value.extension() == name) ends[key->owner] = true;
          continue;
        }
        const uint32_t values = Vault::ValueCount(cursor->value());
        absl::Status ended;
        if (category == kPdfShare) {
          if (value.extension() != name) continue;
          ended = change.EraseObject(*key, value, values, pbx_id, reason);
          ++outcome.pdfs;
        } else {
          ended = change.Erase(*key, values, reason);
          outcome.polls += value.has_poll() ? 1 : 0;
        }
        if (!ended.ok()) return ended;
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
    }
    if (category != kPoll) continue;
    // A duplicate of its creation must not bring it back, should the extension return.
    for (const auto& [owner, ended] : ends) {
      if (!ended) continue;
      const FiledKey marker{.day = DueDay::Open(), .category = kPoll, .pbx = pbx, .owner = owner};
      if (absl::Status status = change.File(marker, Personal(), 0); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> PbxDesk::DeletePoll(const PbxId& pbx, std::string_view poll_id, std::string_view reason,
                                         Change& change) {
  const FiledKey marker = PollKey(holdings_.vault, pbx, poll_id, ItemId{});
  auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(marker.day, kPoll, pbx, marker.owner));
  bool found = false;
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    const uint32_t values = Vault::ValueCount(cursor->value());
    if (values == 0) return false;  // it was deleted before
    if (absl::Status s = change.Erase(*key, values, reason); !s.ok()) return s;
    found = true;
  }
  if (!cursor->status().ok()) return cursor->status();
  if (!found) return false;
  if (absl::Status status = change.File(marker, Personal(), 0); !status.ok()) return status;
  return true;
}

void PbxDesk::PutLife(const PbxId& pbx, const stored::v1::PbxLife& life, Change& change) {
  change.batch().Put(Family::kState, PbxLifeKey(pbx), life.SerializeAsString());
}

void PbxDesk::NoteContacts(std::span<const PbxId> pbxs, Change& change) {
  for (const PbxId& pbx : pbxs) {
    auto standing = registry_.StandingOf(pbx);
    if (!standing.has_value() || standing->life.contact_day() >= change.today().number()) continue;
    standing->life.set_contact_day(change.today().number());
    PutLife(pbx, standing->life, change);
    registry_.Update(pbx, *std::move(standing));
  }
}

absl::StatusOr<PbxDesk::LicenceOutcome> PbxDesk::ReportLicence(std::string_view licence_key, absl::Time valid_until,
                                                               bool registered, bool active, absl::Time now) {
  LicenceOutcome outcome;
  Change change(holdings_, now);
  std::vector<std::pair<PbxId, PbxStanding>> living;
  for (const std::string& pbx_id : registry_.WithLicence(LicenceName(holdings_.vault, licence_key))) {
    const auto pbx = registry_.Find(pbx_id, now);
    if (!pbx.has_value()) continue;
    if (!registered || !active || valid_until <= now) {
      const std::string_view reason = !registered ? kReasonPbxNotRegistered
                                      : !active   ? kReasonPbxInactive
                                                  : kReasonLicenceExpired;
      if (absl::Status status = ender_.Begin(pbx_id, reason, now); !status.ok()) return status;
      ++outcome.ended;
      continue;
    }
    PbxStanding standing = *registry_.StandingOf(*pbx);
    standing.life.set_licence_until_us(absl::ToUnixMicros(valid_until));
    PutLife(*pbx, standing.life, change);
    living.emplace_back(*pbx, std::move(standing));
  }
  outcome.living = static_cast<uint32_t>(living.size());
  if (outcome.living + outcome.ended == 0) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "LICENCE_UNKNOWN", "no PBX that is held has this licence key");
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  for (auto& [pbx, standing] : living) registry_.Update(pbx, std::move(standing));
  return outcome;
}

absl::Status PbxDesk::CountProbes(std::span<const Probe> probes, absl::Time asked, absl::Time now) {
  Change change(holdings_, now);
  std::vector<std::pair<PbxId, PbxStanding>> changed;
  for (const Probe& probe : probes) {
    auto standing = registry_.StandingOf(probe.pbx);
    if (!standing.has_value() || standing->named > asked) continue;
    if (EndOf(standing->life, holdings_.policy()).time <= now) continue;  // nothing brings it back
    CountProbe(probe.resolved, change.today().civil(), standing->life);
    PutLife(probe.pbx, standing->life, change);
    changed.emplace_back(probe.pbx, *std::move(standing));
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  for (auto& [pbx, standing] : changed) registry_.Update(pbx, std::move(standing));
  return absl::OkStatus();
}

}  // namespace retention
