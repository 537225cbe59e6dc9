#include "server/engine/pbx_desk.h"

#include <map>

#include "server/engine/errors.h"

namespace retention {
namespace {

absl::Status PbxUnknown() { return ErrorWithReason(absl::StatusCode::kNotFound, "PBX_UNKNOWN", "no such PBX is held"); }

std::string EntryKeyOf(const Vault& vault, std::string_view pbx_id) {
  return PbxEntryKey(OwnerId{vault.Hash("pbx", "", pbx_id)});
}

// Rows erased per commit while a PBX ends: bounds the batch's memory.
constexpr size_t kRowsPerChange = 20000;

}  // namespace

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
  Change change(holdings_, now);
  stored::v1::Value record;
  std::optional<PbxId> pbx = registry_.Find(pbx_id);
  outcome.created = !pbx.has_value();
  if (outcome.created) {
    uint8_t bytes[PbxId::kBytes];
    if (absl::Status status = holdings_.random.Fill(bytes, sizeof(bytes)); !status.ok()) return status;
    pbx = PbxId::From({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
    if (auto key = holdings_.ring.MintPbx(*pbx); !key.ok()) return key.status();
    stored::v1::PbxEntry entry;
    entry.set_pbx(std::string(pbx->view()));
    change.batch().Put(Family::kState, EntryKeyOf(holdings_.vault, pbx_id), entry.SerializeAsString());
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
      return outcome;
    }
    *record.mutable_pbx() = *std::move(held);
  }
  stored::v1::PbxRecord& data = *record.mutable_pbx();
  const int64_t time_us = absl::ToUnixMicros(time);
  const bool same = data.controller_id() == synced.controller_id() &&
                    data.profile().SerializeAsString() == synced.profile().SerializeAsString();
  data.set_pbx_id(std::string(pbx_id));
  data.set_controller_id(synced.controller_id());
  *data.mutable_profile() = synced.profile();
  data.set_synced_us(time_us);
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
    if (status = EraseExtension(*pbx, pbx_id, key, time_us, change, removal); !status.ok()) return status;
    ++outcome.extensions_removed;
  }
  if (status = change.Commit(); !status.ok()) return status;
  if (outcome.created) registry_.Insert(pbx_id, *pbx);
  return outcome;
}

absl::StatusOr<stored::v1::PbxRecord> PbxDesk::ReadRecord(const PbxId& pbx) const {
  const FiledKey key = PbxRecordKey(pbx);
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::DataLossError("a PBX has no record");
  auto plaintext = holdings_.vault.Open(key, **row);
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::Value value;
  if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PBX record does not parse");
  return value.pbx();
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
  const auto pbx = registry_.Find(pbx_id);
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
                                                                 std::optional<absl::Time> time, absl::Time now) {
  const auto pbx = registry_.Find(pbx_id);
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
  if (absl::Status status = EraseExtension(*pbx, pbx_id, key, time_us, change, outcome); !status.ok()) return status;
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  return outcome;
}

absl::Status PbxDesk::EraseExtension(const PbxId& pbx, std::string_view pbx_id, const FiledKey& extension,
                                     int64_t time_us, Change& change, RemovalOutcome& outcome) {
  change.Erase(extension, 1, kReasonExtensionRemoved);
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
        if (category == kPdfShare) {
          if (value.extension() != name) continue;
          if (absl::Status status = change.Order(category, pbx_id, value.object()); !status.ok()) return status;
          ++outcome.pdfs;
        } else if (value.has_poll()) {
          ++outcome.polls;
        }
        change.Erase(*key, Vault::ValueCount(cursor->value()), kReasonExtensionRemoved);
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

absl::StatusOr<bool> PbxDesk::DeletePoll(const PbxId& pbx, std::string_view poll_id, Change& change) {
  const FiledKey marker = PollKey(holdings_.vault, pbx, poll_id, ItemId{});
  auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(marker.day, kPoll, pbx, marker.owner));
  bool found = false;
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    change.Erase(*key, Vault::ValueCount(cursor->value()), kReasonPollDeleted);
    found = true;
  }
  if (!cursor->status().ok()) return cursor->status();
  if (!found) return false;
  if (absl::Status status = change.File(marker, Personal(), 0); !status.ok()) return status;
  return true;
}

absl::StatusOr<uint64_t> PbxDesk::Deregister(std::string_view pbx_id, absl::Time now) {
  const auto pbx = registry_.Find(pbx_id);
  if (!pbx.has_value()) return PbxUnknown();
  const std::string external(pbx_id);
  // From here on nobody can read it, and a crash finds it marked: the end will be finished on start.
  Change change(holdings_, now);
  stored::v1::PbxEntry entry;
  entry.set_pbx(std::string(pbx->view()));
  entry.set_ending(true);
  change.batch().Delete(Family::kState, EntryKeyOf(holdings_.vault, external));
  change.batch().Put(Family::kState, PbxEntryKey(OwnerId{holdings_.vault.Hash("ending", pbx->view(), "")}),
                     entry.SerializeAsString());
  stored::v1::LedgerEntry ledger_entry;
  ledger_entry.set_kind(stored::v1::LedgerEntry::KIND_PBX_ENDED);
  ledger_entry.set_reason(std::string(kReasonPbxDeregistered));
  ledger_entry.set_pbx(std::string(pbx->view()));
  change.Enter(std::move(ledger_entry));
  // Orders need the objects' references, which nobody can read once the key is gone.
  for (const CategoryNumber category : {kRecording, kPdfShare, kFileShare}) {
    for (const auto& [day, counts] : holdings_.counts.Read()) {
      if (counts[category].rows == 0) continue;
      auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(day, category, *pbx));
      for (; cursor->Valid(); cursor->Next()) {
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
        auto opened = holdings_.vault.Open(*key, cursor->value());
        stored::v1::Value value;
        if (!opened.ok()) return opened.status();
        if (!value.ParseFromString(opened->Reveal())) return absl::DataLossError("an object's row does not parse");
        if (absl::Status status = change.Order(category, external, value.object()); !status.ok()) return status;
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
    }
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  registry_.Erase(external);
  book_.ForgetPbx(*pbx);
  return FinishEnding(*pbx, kReasonPbxDeregistered, now);
}

absl::StatusOr<uint64_t> PbxDesk::FinishEnding(const PbxId& pbx, std::string_view reason, absl::Time now) {
  if (absl::Status status = holdings_.ring.DestroyPbx(pbx); !status.ok()) return status;
  holdings_.vault.ForgetPbx(pbx);
  uint64_t erased = 0;
  Change change(holdings_, now);
  size_t rows = 0;
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (counts[category].rows == 0 || !holdings_.policy.rule(category).ends_with_pbx) continue;
      auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(day, category, pbx));
      for (; cursor->Valid(); cursor->Next()) {
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
        const uint32_t values = Vault::ValueCount(cursor->value());
        change.Erase(*key, values, reason);
        erased += values;
        if (++rows % kRowsPerChange != 0) continue;
        if (absl::Status status = change.Commit(); !status.ok()) return status;
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
    }
  }
  // Locators only say where rows were; the timers of the meetings' files find nothing and go on their own.
  const std::string locators = LocatorPrefix(pbx);
  change.batch().DeleteRange(Family::kState, locators, PrefixEnd(locators));
  change.batch().Delete(Family::kState, PbxEntryKey(OwnerId{holdings_.vault.Hash("ending", pbx.view(), "")}));
  holdings_.marks.Note(DueDay(), now);
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  registry_.FinishEnding(pbx);
  return erased;
}

absl::Status PbxDesk::FinishEndings(absl::Time now) {
  for (const PbxId& pbx : registry_.Ending()) {
    if (auto erased = FinishEnding(pbx, kReasonPbxDeregistered, now); !erased.ok()) return erased.status();
  }
  return absl::OkStatus();
}

}  // namespace retention
