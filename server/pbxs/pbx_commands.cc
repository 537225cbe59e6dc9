#include "server/pbxs/pbx_commands.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/pbxs/extension_matching.h"
#include "server/pbxs/late_events.h"
#include "server/rows/deleted_objects.h"
#include "server/rows/object_rows.h"
#include "server/rows/opened_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

std::vector<const v1::Extension*> Told(const v1::PbxSynced& synced) {
  std::vector<const v1::Extension*> told;
  for (const v1::Extension& extension : synced.extensions()) told.push_back(&extension);
  return told;
}

// Whether what a holder told of at an instant ends.
bool EndsWith(const EndedHolders& holders, std::string_view holder, int64_t told_us) {
  const auto found = holders.find(holder);
  return found != holders.end() && told_us <= found->second;
}

}  // namespace

absl::StatusOr<PbxCommands::SyncOutcome> PbxCommands::Sync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                           absl::Time time, SyncMode mode, Change& change) {
  SyncOutcome outcome;
  const int64_t time_us = absl::ToUnixMicros(time);
  std::optional<PbxId> pbx = holdings_.registry.Find(pbx_id, change.now());
  std::optional<stored::v1::PbxRecord> record;
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
      // It is old, but who says it is there.
      NoteContacts({&*pbx, 1}, change);
      outcome.stale = mode != SyncMode::kAsTold;
      if (outcome.stale) return outcome;
      absl::Status status = SyncLate(*pbx, pbx_id, synced, record->synced_us(), time_us, change, outcome);
      if (!status.ok()) return status;
      return outcome;
    }
  }
  ExtensionBook book(holdings_, *pbx, change);
  if (absl::Status status = book.ReadAll(); !status.ok()) return status;

  auto plan = PlanOf(book, synced, time_us);
  if (!plan.ok()) return plan.status();
  for (const HeldExtension* extension : plan->ending) outcome.removed.push_back(extension->extension.number());
  std::sort(outcome.removed.begin(), outcome.removed.end());
  outcome.needs_confirmation = plan->ending.size() * 100 > book.All().size() * kMaxUnconfirmedPercent;
  if (outcome.needs_confirmation && mode == SyncMode::kGuarded) {
    // A list that is wrong comes from one that is there.
    NoteContacts({&*pbx, 1}, change);
    return outcome;
  }

  absl::Status status = PutPbx(pbx_id, *pbx, std::move(record), synced, time_us, change);
  if (!status.ok()) return status;
  // Of those that were told of later by themselves it says who was not there before.
  std::vector<const HeldExtension*> newer = book.All();
  const std::set<const HeldExtension*> ending(plan->ending.begin(), plan->ending.end());
  std::erase_if(newer, [&](const HeldExtension* held) { return ending.contains(held); });
  auto former = LateEvents(book, 0, kReasonExtensionRemoved).SyncAll(newer, Told(synced), time_us);
  if (!former.ok()) return former.status();
  auto ended = book.Rearrange(plan->arrivals, plan->ending, time_us, kReasonExtensionRemoved);
  if (!ended.ok()) return ended.status();
  ended->merge(*former);
  for (const v1::Extension* extension : plan->late) {
    auto passed = LateEvents(book, 0, kReasonExtensionRemoved).Pass(*extension, time_us);
    if (!passed.ok()) return passed.status();
    ended->merge(*passed);
  }
  RemovalOutcome removal;
  status = EraseOwned(*pbx, pbx_id, *ended, kReasonExtensionRemoved, change, removal);
  if (!status.ok()) return status;
  outcome.polls = removal.polls;
  outcome.pdfs = removal.pdfs;
  return outcome;
}

absl::Status PbxCommands::SyncLate(const PbxId& pbx, std::string_view pbx_id, const v1::PbxSynced& synced,
                                   int64_t synced_us, int64_t time_us, Change& change, SyncOutcome& outcome) const {
  ExtensionBook book(holdings_, pbx, change);
  if (absl::Status status = book.ReadAll(); !status.ok()) return status;
  LateEvents late(book, synced_us, kReasonExtensionRemoved);
  auto ended = late.SyncAll(book.All(), Told(synced), time_us);
  if (!ended.ok()) return ended.status();
  for (const v1::Extension& extension : synced.extensions()) {
    auto passed = late.Pass(extension, time_us);
    if (!passed.ok()) return passed.status();
    ended->merge(*passed);
  }
  outcome.stale = ended->empty();
  RemovalOutcome removal;
  absl::Status status = EraseOwned(pbx, pbx_id, *ended, kReasonExtensionRemoved, change, removal);
  outcome.polls = removal.polls;
  outcome.pdfs = removal.pdfs;
  return status;
}

absl::StatusOr<PbxCommands::SyncPlan> PbxCommands::PlanOf(ExtensionBook& book, const v1::PbxSynced& synced,
                                                          int64_t time_us) {
  // What came by itself and is newer stays.
  std::vector<const HeldExtension*> held = book.All();
  std::erase_if(held, [&](const HeldExtension* extension) { return extension->time_us > time_us; });
  std::vector<const v1::Extension*> told, late;
  for (const v1::Extension& extension : synced.extensions()) {
    const auto last_said = book.LastSaidOf(extension.number());
    if (!last_said.ok()) return last_said.status();
    const auto with_id = book.WithId(extension.extension_id());
    if (!with_id.ok()) return with_id.status();
    const bool was_elsewhere = *with_id != nullptr && (*with_id)->time_us > time_us;
    const auto removed = book.RemovedAt(extension.extension_id());
    if (!removed.ok()) return removed.status();
    if (*last_said <= time_us && !was_elsewhere && *removed <= time_us) {
      told.push_back(&extension);
    } else {
      late.push_back(&extension);
    }
  }
  SyncPlan plan = PlanOf(held, told);
  plan.late = std::move(late);
  std::erase_if(plan.arrivals, [](const ExtensionBook::Arrival& arrival) {
    return arrival.who != nullptr &&
           arrival.who->extension.SerializeAsString() == arrival.extension.SerializeAsString();
  });
  return plan;
}

PbxCommands::SyncPlan PbxCommands::PlanOf(std::span<const HeldExtension* const> held,
                                          std::span<const v1::Extension* const> told) {
  std::vector<const v1::Extension*> as_held;
  for (const HeldExtension* extension : held) as_held.push_back(&extension->extension);
  const auto matches = MatchExtensions(as_held, told);
  SyncPlan plan;
  std::vector<bool> stays(held.size());
  for (size_t i = 0; i < told.size(); ++i) {
    ExtensionBook::Arrival& arrival = plan.arrivals.emplace_back();
    arrival.extension = *told[i];
    if (!matches[i].has_value()) continue;
    arrival.who = held[*matches[i]];
    stays[*matches[i]] = true;
    // What leaves the id out does not say that there is none.
    if (!told[i]->extension_id().empty()) continue;
    arrival.extension.set_extension_id(arrival.who->extension.extension_id());
  }
  // Who is not among them any more has been removed.
  for (size_t i = 0; i < held.size(); ++i) {
    if (!stays[i]) plan.ending.push_back(held[i]);
  }
  return plan;
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
    change.PutSealed(PbxNameKey(pbx), Personal(std::string(pbx_id)));
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
  const std::string licence = LicenceName(holdings_.vault, synced.profile().licence_key());
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
  standing.controller = synced.controller_id();
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
      holdings_.registry.Insert(id, ExternalHash(holdings_.vault, id), pbx, standing);
    } else {
      holdings_.registry.Update(pbx, standing);
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<stored::v1::PbxRecord> PbxCommands::ReadRecord(const PbxId& pbx) const {
  auto record = ReadPbxRecord(holdings_.store, holdings_.vault, pbx);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::DataLossError("a PBX has no record");
  return **std::move(record);
}

absl::StatusOr<bool> PbxCommands::SyncExtension(std::string_view pbx_id, const v1::Extension& extension,
                                                absl::Time time, Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  auto record = ReadRecord(*pbx);
  if (!record.ok()) return record.status();
  ExtensionBook book(holdings_, *pbx, change);
  const int64_t time_us = absl::ToUnixMicros(time);
  const auto last_said = book.LastSaidOf(extension.number());
  if (!last_said.ok()) return last_said.status();
  const auto there = book.At(extension.number());
  if (!there.ok()) return there.status();
  const auto with_id = book.WithId(extension.extension_id());
  if (!with_id.ok()) return with_id.status();
  const auto removed = book.RemovedAt(extension.extension_id());
  if (!removed.ok()) return removed.status();
  RemovalOutcome outcome;
  const int64_t with_id_us = *with_id == nullptr ? 0 : (*with_id)->time_us;
  if (time_us < std::max({record->synced_us(), *last_said, with_id_us, *removed})) {
    const auto ended = LateEvents(book, record->synced_us(), kReasonExtensionRemoved).Sync(extension, time_us);
    if (!ended.ok()) return ended.status();
    if (absl::Status s = EraseOwned(*pbx, pbx_id, *ended, kReasonExtensionRemoved, change, outcome); !s.ok()) return s;
    return !ended->empty();
  }
  std::vector<const HeldExtension*> held;
  if (*there != nullptr) held.push_back(*there);
  if (*with_id != nullptr && *with_id != *there) held.push_back(*with_id);
  const v1::Extension* const told = &extension;
  const SyncPlan plan = PlanOf(held, {&told, 1});
  const auto ended = book.Rearrange(plan.arrivals, plan.ending, time_us, kReasonExtensionRemoved);
  if (!ended.ok()) return ended.status();
  if (absl::Status s = EraseOwned(*pbx, pbx_id, *ended, kReasonExtensionRemoved, change, outcome); !s.ok()) return s;
  return true;
}

absl::StatusOr<PbxCommands::RemovalOutcome> PbxCommands::RemoveExtension(std::string_view pbx_id,
                                                                         const ExtensionName& name,
                                                                         std::optional<absl::Time> time,
                                                                         std::string_view reason, Change& change) {
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  ExtensionBook book(holdings_, *pbx, change);
  auto held = book.WithId(name.id);
  if (!held.ok()) return held.status();
  if (*held == nullptr) {
    held = book.At(name.number);
    if (!held.ok()) return held.status();
    const bool is_other = *held != nullptr && !name.id.empty() && !(*held)->extension.extension_id().empty();
    if (is_other) held = nullptr;
  }
  const auto last_said = book.LastSaidOf(*held == nullptr ? std::string(name.number) : (*held)->extension.number());
  if (!last_said.ok()) return last_said.status();
  RemovalOutcome outcome;
  absl::StatusOr<EndedHolders> ended = EndedHolders();
  if (time.has_value()) {
    auto record = ReadRecord(*pbx);
    if (!record.ok()) return record.status();
    const int64_t then_us = absl::ToUnixMicros(*time);
    if (then_us < std::max(*last_said, record->synced_us())) {
      held = nullptr;
      ended = LateEvents(book, record->synced_us(), reason).Remove(name, then_us);
    } else if (*held == nullptr) {
      // Of what never came, or comes yet: that is met by it.
      ended = book.CloseNumber(name.number, then_us);
      if (absl::Status s = book.CloseId(std::string(name.id), then_us); !s.ok()) return s;
    }
  }
  if (*held != nullptr) {
    const int64_t time_us = std::max(*last_said, absl::ToUnixMicros(time.value_or(change.now())));
    ended = book.Rearrange({}, {&*held, 1}, time_us, reason);
  }
  if (!ended.ok()) return ended.status();
  if (ended->empty()) return ExtensionUnknown();
  if (absl::Status s = EraseOwned(*pbx, pbx_id, *ended, reason, change, outcome); !s.ok()) return s;
  return outcome;
}

absl::Status PbxCommands::EraseOwned(const PbxId& pbx, std::string_view pbx_id, const EndedHolders& holders,
                                     std::string_view reason, Change& change, RemovalOutcome& outcome) const {
  if (holders.empty()) return absl::OkStatus();
  if (absl::Status s = ErasePolls(pbx, holders, reason, change, outcome); !s.ok()) return s;
  DeletedObjects deleted(holdings_.vault);
  const auto erase = [&](const FiledKey& key, std::string_view row, const stored::v1::Value& value) {
    if (!EndsWith(holders, value.extension(), value.scheduled_us())) return absl::OkStatus();
    ++outcome.pdfs;
    deleted.Add(pbx, RoomOf(key.owner), kPdfShare, value.object(), value.time_us());
    return change.Drop(key, row, pbx_id, reason);
  };
  const std::string pdfs = FiledPrefix(DueDay::Open(), kPdfShare, pbx);
  if (absl::Status s = VisitObjects(holdings_.store, holdings_.vault, pdfs, erase); !s.ok()) return s;
  deleted.Mark(change);
  return absl::OkStatus();
}

absl::Status PbxCommands::ErasePolls(const PbxId& pbx, const EndedHolders& holders, std::string_view reason,
                                     Change& change, RemovalOutcome& outcome) const {
  const std::string prefix = FiledPrefix(DueDay::Open(), kPoll, pbx);
  // A poll's rows share their owner; only the row of its creation names the holder. Whose one is that nobody can read,
  // nobody can tell: it keeps the others from nothing.
  std::set<OwnerId> ends;
  const auto find = [&](const FiledKey& key, std::string_view envelope, const std::string& row) -> RowOutcome {
    if (Vault::ValueCount(envelope) == 0) return absl::OkStatus();  // mark of a deleted poll
    stored::v1::Value value;
    if (!value.ParseFromString(row)) return RowOutcome::Malformed();
    if (EndsWith(holders, value.extension(), value.time_us()) && ends.insert(key.owner).second) ++outcome.polls;
    return absl::OkStatus();
  };
  absl::Status found = VisitOpenedRows(holdings_.store, holdings_.vault, prefix, Opener::kEngine, find);
  if (!found.ok()) return found;
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
