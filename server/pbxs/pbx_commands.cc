#include "server/pbxs/pbx_commands.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/base/normal_address.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {

// An extension is a person at a number: whose name and address are both others is somebody else, to whom nothing of the
// former goes. (A list that leaves them out says nothing of who it is.)
bool PbxCommands::IsPassedOn(const HeldExtension& before, const v1::Extension& after) {
  const v1::Extension& was = before.extension;
  return !before.removed && NormalAddress(was.email()) != NormalAddress(after.email()) &&
         (was.first_name() != after.first_name() || was.last_name() != after.last_name()) && !was.email().empty() &&
         !after.email().empty();
}

absl::StatusOr<PbxCommands::SyncOutcome> PbxCommands::Sync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                           absl::Time time, SyncMode mode, Change& change) {
  SyncOutcome outcome;
  const int64_t time_us = absl::ToUnixMicros(time);
  std::optional<PbxId> pbx = holdings_.registry.Find(pbx_id, change.now());
  std::optional<stored::v1::PbxRecord> record;
  std::map<OwnerId, HeldExtension> held;
  outcome.created = !pbx.has_value();
  if (outcome.created) {
    // Nothing of it is held, so nothing is removed; but its key would be in the ring, change or no change.
    if (mode == SyncMode::kValidate) return outcome;
    // One that has come to its end and comes back before the sweep is a new one all the same.
    if (absl::Status status = ender_.BeginOver(pbx_id, change); !status.ok()) return status;
    uint8_t bytes[PbxId::kBytes];
    if (absl::Status status = holdings_.random.Fill(bytes, sizeof(bytes)); !status.ok()) return status;
    pbx = PbxId::From({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
    if (auto key = holdings_.ring.MintPbx(*pbx); !key.ok()) return key.status();
  } else {
    auto read = ReadRecord(*pbx);
    if (!read.ok()) return read.status();
    record = *std::move(read);
    if (time_us < record->synced_us()) {
      outcome.stale = true;
      // It says nothing new, but who says it is there.
      NoteContacts({&*pbx, 1}, change);
      return outcome;
    }
    auto extensions = ReadExtensions(*pbx);
    if (!extensions.ok()) return extensions.status();
    held = *std::move(extensions);
  }

  // Extensions that are held and not named any more have been removed. What came by itself and is newer stays.
  std::set<OwnerId> named;
  for (const v1::Extension& extension : synced.extensions()) {
    named.insert(ExtensionKey(holdings_.vault, *pbx, extension.number()).owner);
  }
  uint64_t living = 0;
  std::vector<EndingExtension> ending;
  for (const auto& [owner, extension] : held) {
    if (extension.removed) continue;
    ++living;
    if (named.contains(owner) || extension.time_us > time_us) continue;
    FiledKey key = PbxRecordKey(*pbx);
    key.owner = owner;
    ending.push_back({.key = key, .envelope = extension.envelope, .time_us = time_us});
    outcome.removed.push_back(extension.extension.number());
  }
  outcome.needs_confirmation = ending.size() * 100 > living * kMaxUnconfirmedPercent;
  if (outcome.needs_confirmation && mode == SyncMode::kGuarded) {
    // A list that is wrong comes from one that is there.
    NoteContacts({&*pbx, 1}, change);
    return outcome;
  }
  std::sort(outcome.removed.begin(), outcome.removed.end());

  absl::Status status = PutPbx(pbx_id, *pbx, std::move(record), synced, time_us, change);
  if (!status.ok()) return status;
  Names passed_on;
  for (const v1::Extension& extension : synced.extensions()) {
    const FiledKey key = ExtensionKey(holdings_.vault, *pbx, extension.number());
    std::optional<HeldExtension> before;
    if (const auto it = held.find(key.owner); it != held.end()) {
      before = std::move(it->second);
      if (before->time_us > time_us) continue;
      if (!before->removed && before->extension.SerializeAsString() == extension.SerializeAsString()) continue;
    }
    if (before.has_value() && IsPassedOn(*before, extension)) passed_on.emplace(key.owner.view());
    if (status = PutExtension(key, before, extension, time_us, change); !status.ok()) return status;
  }
  RemovalOutcome removal;
  status = EraseOwned(*pbx, pbx_id, passed_on, kReasonExtensionRemoved, change, removal);
  if (!status.ok()) return status;
  status = EraseExtensions(*pbx, pbx_id, ending, kReasonExtensionRemoved, change, removal);
  if (!status.ok()) return status;
  outcome.polls = removal.polls;
  outcome.pdfs = removal.pdfs;
  return outcome;
}

absl::Status PbxCommands::PutPbx(std::string_view pbx_id, const PbxId& pbx, std::optional<stored::v1::PbxRecord> held,
                                 const v1::PbxSynced& synced, int64_t time_us, Change& change) {
  stored::v1::Value record;
  PbxStanding standing;
  const bool created = !held.has_value();
  if (created) {
    stored::v1::PbxEntry entry;
    entry.set_pbx(std::string(pbx.view()));
    change.batch().Put(Family::kState, PbxEntryKeyOf(holdings_.vault, pbx_id), entry.SerializeAsString());
    stored::v1::LedgerEntry ledger_entry;
    ledger_entry.set_kind(stored::v1::LedgerEntry::KIND_PBX_REGISTERED);
    ledger_entry.set_pbx(std::string(pbx.view()));
    change.Enter(std::move(ledger_entry));
    record.mutable_pbx()->set_created_us(absl::ToUnixMicros(change.now()));
  } else {
    *record.mutable_pbx() = *std::move(held);
    standing = *holdings_.registry.StandingOf(pbx);
  }
  stored::v1::PbxRecord& data = *record.mutable_pbx();
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
    standing.named = change.now();
    standing.life.clear_resolved_day();
    standing.life.clear_probed_day();
    standing.life.clear_unresolved_days();
  }
  if (created || former_controller != synced.controller_id()) {
    holds_.Join(synced.controller_id(), pbx, created, holdings_.vault, change);
  }
  standing.licence = licence;
  standing.has_fqdn = !synced.profile().fqdn().empty();
  standing.life.set_contact_day(std::max(standing.life.contact_day(), change.today().number()));
  PutLife(pbx, standing.life, change);
  Personal plaintext(record.SerializeAsString());
  const FiledKey record_key = PbxRecordKey(pbx);
  if (created) {
    change.File(record_key, std::move(plaintext), 1);
  } else if (same) {
    change.Rewrite(record_key, std::move(plaintext), 1);
  } else if (absl::Status s = change.Replace(record_key, std::move(plaintext), 1); !s.ok()) {
    return s;
  }
  change.ThenDo([this, id = std::string(pbx_id), pbx, created, standing] {
    if (created) {
      holdings_.registry.Insert(id, pbx, standing);
    } else {
      holdings_.registry.Update(pbx, standing);
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<std::map<OwnerId, PbxCommands::HeldExtension>> PbxCommands::ReadExtensions(const PbxId& pbx) const {
  std::map<OwnerId, HeldExtension> held;
  const auto read = [&](const FiledKey& key, std::string_view envelope) {
    if (key.owner == OwnerId{}) return absl::OkStatus();  // the record
    auto extension = ParseExtension(key, envelope);
    if (extension.ok()) held.emplace(key.owner, *std::move(extension));
    return extension.status();
  };
  absl::Status status = VisitRows(holdings_.store, FiledPrefix(DueDay::Open(), kPbxSync, pbx), read);
  if (!status.ok()) return status;
  return held;
}

absl::StatusOr<stored::v1::PbxRecord> PbxCommands::ReadRecord(const PbxId& pbx) const {
  auto record = ReadPbxRecord(holdings_.store, holdings_.vault, pbx);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::DataLossError("a PBX has no record");
  return **std::move(record);
}

absl::StatusOr<PbxCommands::HeldExtension> PbxCommands::ParseExtension(const FiledKey& key,
                                                                       std::string_view envelope) const {
  auto opened = holdings_.vault.Open(key, envelope);
  if (!opened.ok()) return opened.status();
  stored::v1::Value value;
  if (!value.ParseFromString(opened->Reveal())) return absl::DataLossError("an extension does not parse");
  return HeldExtension{.removed = !value.has_pbx_extension(),
                       .envelope = std::string(envelope),
                       .time_us = value.time_us(),
                       .extension = value.pbx_extension()};
}

absl::StatusOr<std::optional<PbxCommands::HeldExtension>> PbxCommands::ReadExtension(const FiledKey& key) const {
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  return ParseExtension(key, **row);
}

absl::Status PbxCommands::PutExtension(const FiledKey& key, const std::optional<HeldExtension>& held,
                                       const v1::Extension& extension, int64_t time_us, Change& change) {
  stored::v1::Value value;
  value.set_time_us(time_us);
  *value.mutable_pbx_extension() = extension;
  Personal text(value.SerializeAsString());
  if (held.has_value() && !held->removed) {
    if (held->extension.SerializeAsString() != extension.SerializeAsString()) {
      return change.Replace(key, std::move(text), 1);
    }
    change.Rewrite(key, std::move(text), 1);
    return absl::OkStatus();
  }
  if (held.has_value()) change.DropMark(key);
  change.File(key, std::move(text), 1);
  return absl::OkStatus();
}

absl::StatusOr<bool> PbxCommands::SyncExtension(std::string_view pbx_id, const v1::Extension& extension,
                                                absl::Time time, Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  const FiledKey key = ExtensionKey(holdings_.vault, *pbx, extension.number());
  auto held = ReadExtension(key);
  if (!held.ok()) return held.status();
  auto record = ReadRecord(*pbx);
  if (!record.ok()) return record.status();
  const int64_t time_us = absl::ToUnixMicros(time);
  if (time_us < record->synced_us() || (held->has_value() && time_us < (*held)->time_us)) return false;
  const bool passed_on = held->has_value() && IsPassedOn(**held, extension);
  if (absl::Status status = PutExtension(key, *held, extension, time_us, change); !status.ok()) return status;
  if (!passed_on) return true;
  RemovalOutcome outcome;
  absl::Status status =
      EraseOwned(*pbx, std::string(pbx_id), {std::string(key.owner.view())}, kReasonExtensionRemoved, change, outcome);
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<PbxCommands::RemovalOutcome> PbxCommands::RemoveExtension(std::string_view pbx_id,
                                                                         std::string_view number,
                                                                         std::optional<absl::Time> time,
                                                                         std::string_view reason, Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
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
  if (!held->has_value() && time.has_value()) {
    // An event of what never came, or comes yet: the mark meets it.
    RemovalOutcome outcome;
    const EndingExtension ending{.key = key, .envelope = {}, .time_us = absl::ToUnixMicros(*time)};
    absl::Status status = EraseExtensions(*pbx, pbx_id, {&ending, 1}, reason, change, outcome);
    if (!status.ok()) return status;
    return outcome;
  }
  if (!held->has_value() || (*held)->removed || held_newer) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "EXTENSION_UNKNOWN", "the PBX has no such extension");
  }
  const int64_t time_us = std::max((*held)->time_us, absl::ToUnixMicros(time.value_or(change.now())));
  RemovalOutcome outcome;
  const EndingExtension ending{.key = key, .envelope = std::move((*held)->envelope), .time_us = time_us};
  absl::Status status = EraseExtensions(*pbx, pbx_id, {&ending, 1}, reason, change, outcome);
  if (!status.ok()) return status;
  return outcome;
}

absl::Status PbxCommands::EraseExtensions(const PbxId& pbx, std::string_view pbx_id,
                                          std::span<const EndingExtension> ending, std::string_view reason,
                                          Change& change, RemovalOutcome& outcome) const {
  if (ending.empty()) return absl::OkStatus();
  Names names;
  for (const EndingExtension& extension : ending) {
    if (!extension.envelope.empty()) {
      if (absl::Status s = change.Drop(extension.key, extension.envelope, "", reason); !s.ok()) return s;
    }
    stored::v1::Value mark;
    mark.set_time_us(extension.time_us);
    change.File(extension.key, Personal(mark.SerializeAsString()), 0);
    names.emplace(extension.key.owner.view());
  }
  return EraseOwned(pbx, pbx_id, names, reason, change, outcome);
}

absl::Status PbxCommands::EraseOwned(const PbxId& pbx, std::string_view pbx_id, const Names& names,
                                     std::string_view reason, Change& change, RemovalOutcome& outcome) const {
  if (names.empty()) return absl::OkStatus();
  if (absl::Status s = ErasePolls(pbx, names, reason, change, outcome); !s.ok()) return s;
  const auto erase = [&](const FiledKey& key, std::string_view row, const stored::v1::Value& value) {
    if (!names.contains(value.extension())) return absl::OkStatus();
    ++outcome.pdfs;
    return change.Drop(key, row, pbx_id, reason);
  };
  return VisitObjects(holdings_.store, holdings_.vault, FiledPrefix(DueDay::Open(), kPdfShare, pbx), erase);
}

absl::Status PbxCommands::ErasePolls(const PbxId& pbx, const Names& extensions, std::string_view reason, Change& change,
                                     RemovalOutcome& outcome) const {
  const std::string prefix = FiledPrefix(DueDay::Open(), kPoll, pbx);
  // A poll's rows share their owner; only the row of its creation names the extension.
  std::set<OwnerId> ends;
  const auto find = [&](const FiledKey& key, std::string_view row) -> absl::Status {
    if (Vault::ValueCount(row) == 0) return absl::OkStatus();  // mark of a deleted poll
    auto opened = holdings_.vault.Open(key, row);
    stored::v1::Value value;
    if (!opened.ok()) return opened.status();
    if (!value.ParseFromString(opened->Reveal())) return absl::DataLossError("a row of a poll does not parse");
    if (extensions.contains(value.extension()) && ends.insert(key.owner).second) ++outcome.polls;
    return absl::OkStatus();
  };
  if (absl::Status s = VisitRows(holdings_.store, prefix, find); !s.ok()) return s;
  const auto erase = [&](const FiledKey& key, std::string_view row) {
    const bool theirs = Vault::ValueCount(row) > 0 && ends.contains(key.owner);
    return theirs ? change.Drop(key, row, "", reason) : absl::OkStatus();
  };
  if (absl::Status s = VisitRows(holdings_.store, prefix, erase); !s.ok()) return s;
  // A duplicate of its creation must not bring it back, should the extension return.
  for (const OwnerId& owner : ends) change.File(PollMarkKey(pbx, owner), Personal(), 0);
  return absl::OkStatus();
}

absl::StatusOr<bool> PbxCommands::DeletePoll(const PbxId& pbx, std::string_view poll_id, std::string_view reason,
                                             Change& change) {
  const FiledKey mark = PollKey(holdings_.vault, pbx, poll_id, ItemId{});
  bool deleted_before = false;
  std::vector<std::pair<FiledKey, std::string>> rows;
  const auto find = [&](const FiledKey& key, std::string_view row) {
    deleted_before |= Vault::ValueCount(row) == 0;
    rows.emplace_back(key, row);
    return absl::OkStatus();
  };
  absl::Status status = VisitRows(holdings_.store, FiledPrefix(mark.day, kPoll, pbx, mark.owner), find);
  if (!status.ok()) return status;
  if (rows.empty() || deleted_before) return false;
  for (const auto& [key, row] : rows) {
    if (absl::Status s = change.Drop(key, row, "", reason); !s.ok()) return s;
  }
  change.File(mark, Personal(), 0);
  return true;
}

void PbxCommands::PutLife(const PbxId& pbx, const stored::v1::PbxLife& life, Change& change) {
  change.batch().Put(Family::kState, PbxLifeKey(pbx), life.SerializeAsString());
}

void PbxCommands::NoteContacts(std::span<const PbxId> pbxs, Change& change) {
  for (const PbxId& pbx : pbxs) {
    auto standing = holdings_.registry.StandingOf(pbx);
    if (!standing.has_value() || standing->life.contact_day() >= change.today().number()) continue;
    standing->life.set_contact_day(change.today().number());
    PutStanding(pbx, *std::move(standing), change);
  }
}

void PbxCommands::PutStanding(const PbxId& pbx, PbxStanding standing, Change& change) {
  PutLife(pbx, standing.life, change);
  change.ThenDo([this, pbx, standing = std::move(standing)] { holdings_.registry.Update(pbx, standing); });
}

absl::StatusOr<PbxCommands::LicenceOutcome> PbxCommands::ReportLicence(std::string_view licence_key,
                                                                       absl::Time valid_until, bool registered,
                                                                       bool active, Change& change) {
  LicenceOutcome outcome;
  for (const std::string& pbx_id : holdings_.registry.WithLicence(LicenceName(holdings_.vault, licence_key))) {
    const auto pbx = holdings_.registry.Find(pbx_id, change.now());
    if (!pbx.has_value()) continue;
    if (!registered || !active || valid_until <= change.now()) {
      const std::string_view reason = !registered ? kReasonPbxNotRegistered
                                      : !active   ? kReasonPbxInactive
                                                  : kReasonLicenceExpired;
      if (absl::Status status = ender_.Begin(pbx_id, reason, change); !status.ok()) return status;
      ++outcome.ended;
      continue;
    }
    PbxStanding standing = *holdings_.registry.StandingOf(*pbx);
    standing.life.set_licence_until_us(absl::ToUnixMicros(valid_until));
    PutStanding(*pbx, std::move(standing), change);
    ++outcome.living;
  }
  if (outcome.living + outcome.ended == 0) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "LICENCE_UNKNOWN", "no PBX that is held has this licence key");
  }
  return outcome;
}

absl::Status PbxCommands::CountProbes(std::span<const Probe> probes, absl::Time asked, Change& change) {
  for (const Probe& probe : probes) {
    auto standing = holdings_.registry.StandingOf(probe.pbx);
    if (!standing.has_value() || standing->named > asked) continue;
    if (PbxEndOf(standing->life, holdings_.policy()).time <= change.now()) continue;  // nothing brings it back
    CountProbe(probe.resolved, change.today().civil(), standing->life);
    PutStanding(probe.pbx, *std::move(standing), change);
  }
  return absl::OkStatus();
}

}  // namespace retention
