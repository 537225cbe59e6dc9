#include "server/rows/change.h"

#include <algorithm>
#include <utility>

#include "server/base/acting.h"
#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"
#include "server/rows/ring_generation.h"
#include "server/rows/row_walk.h"

namespace retention {

using stored::v1::LedgerEntry;

Change::Change(Holdings& holdings, absl::Time now) : holdings_(holdings), now_(now), last_due_(holdings.LastDue(now)) {}

void Change::SetRival(std::optional<absl::Time> rival) {
  rival_ = rival;
  if (rival.has_value()) rival_last_due_ = holdings_.LastDue(*rival);
}

Change::~Change() {
  for (const auto& undo : undos_) undo();
}

void Change::File(const FiledKey& key, Personal plaintext, uint32_t values) {
  FileRestricted(key, std::move(plaintext), values, /*restricted=*/false);
}

void Change::FileRestricted(const FiledKey& key, Personal plaintext, uint32_t values, bool restricted) {
  Seal(key, std::move(plaintext), values, restricted);
  count_changes_.Add(key.day, key.category, 1, values);
}

void Change::Rewrite(const FiledKey& key, Personal plaintext, uint32_t values) {
  EndStored(Family::kFiled, key.Encode(), /*erased=*/false);
  Seal(key, std::move(plaintext), values);
}

void Change::EndSealed(std::string_view envelope) {
  EndResealed(envelope);
  ended_owners_.erased = true;
}

void Change::EndResealed(std::string_view envelope) {
  if (const OwnerNumber owner = Vault::OwnerOf(envelope); owner != 0) ended_owners_.owners.push_back(owner);
}

absl::Status Change::DestroyRested() {
  const absl::Status status = holdings_.owner_ends.DestroyRested(holdings_.ring);
  holdings_.owner_ends.DeleteDone(batch_);
  return status;
}

void Change::Seal(const FiledKey& key, Personal plaintext, uint32_t values, bool restricted) {
  unsealed_.push_back({.position = batch_.changes().size(),
                       .key = key,
                       .plaintext = std::move(plaintext),
                       .values = values,
                       .restricted = restricted});
  batch_.Put(Family::kFiled, key.Encode(), {});
  Touch(key.category);
  Refer(key, unsealed_.back().plaintext);
}

absl::Status Change::Replace(const FiledKey& key, Personal plaintext, uint32_t values) {
  uint32_t kept = 0;
  if (Concerned(key.pbx)) {
    auto row = GetRow(holdings_.store, key);
    if (!row.ok()) return row.status();
    auto former = row->has_value() ? holdings_.vault.Open(key, **row) : absl::NotFoundError("no row");
    if (former.ok()) {
      auto part = Keep(key, {**row, *former, values}, "", kReasonReplaced);
      if (!part.ok()) return part.status();
      kept = *part;
    } else if (!IsUnreadable(former.status())) {
      return former.status();
    }
  }
  Mark(key);
  CountErased(key.category, key.day, values - kept, kReasonReplaced);
  EndStored(Family::kFiled, key.Encode(), /*erased=*/true);
  Seal(key, std::move(plaintext), values);
  return absl::OkStatus();
}

absl::Status Change::Move(const FiledKey& from, std::string_view envelope, DueDay to) {
  if (dropped_.contains(from.Encode())) return absl::OkStatus();
  const uint32_t values = Vault::ValueCount(envelope);
  if (!TakesMoved(to)) return Drop(from, envelope, "", kReasonDayMovedIntoPast);
  auto plaintext = holdings_.vault.Open(from, envelope);
  if (IsUnreadable(plaintext.status())) {
    return to < from.day ? Drop(from, envelope, "", kReasonDayMovedIntoPast) : absl::OkStatus();
  }
  if (!plaintext.ok()) return plaintext.status();
  const auto restricted = holdings_.vault.IsRestricted(envelope);
  if (!restricted.ok()) return restricted.status();
  FiledKey target = from;
  target.day = to;
  const auto object = ObjectIn(from, *plaintext);
  FileRestricted(target, *std::move(plaintext), values, *restricted);
  if (object.has_value()) OrderIfPassedOver(from, target, *object);
  batch_.Delete(Family::kFiled, from.Encode());
  EndResealed(envelope);
  count_changes_.Remove(from.day, from.category, 1, values);
  // Bytes left behind in an earlier day end with that day; bytes in a later day must not outlive the new one.
  if (to < from.day) Mark(from);
  return absl::OkStatus();
}

absl::Status Change::Divide(const FiledKey& from, std::string_view envelope, std::vector<RowPart> parts) {
  if (dropped_.contains(from.Encode())) return absl::OkStatus();
  const auto restricted = holdings_.vault.IsRestricted(envelope);
  if (!restricted.ok()) return restricted.status();
  for (RowPart& part : parts) {
    if (part.ends_for.empty()) continue;
    auto kept = Keep(from, {envelope, part.plaintext, part.values}, "", part.ends_for);
    if (!kept.ok()) return kept.status();
    if (const auto object = ObjectIn(from, part.plaintext); object.has_value()) {
      EndObject(from, object->pbx_id, object->reference, /*is_kept=*/*kept > 0);
    }
    CountErased(from.category, from.day, part.values - *kept, part.ends_for);
    EndSealed(envelope);
  }
  batch_.Delete(Family::kFiled, from.Encode());
  EndResealed(envelope);
  count_changes_.Remove(from.day, from.category, 1, Vault::ValueCount(envelope));
  Mark(from);
  for (RowPart& part : parts) {
    if (!part.ends_for.empty()) continue;
    const auto object = ObjectIn(from, part.plaintext);
    if (object.has_value()) references_.End(NameOf(*object), from);
    FileRestricted(part.key, std::move(part.plaintext), part.values, part.restricted || *restricted);
    if (object.has_value()) OrderIfPassedOver(from, part.key, *object);
  }
  return absl::OkStatus();
}

absl::Status Change::Drop(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                          std::string_view reason) {
  if (dropped_.contains(key.Encode())) return absl::OkStatus();
  const uint32_t values = Vault::ValueCount(envelope);
  const bool object = IsObject(key.category) && !pbx_id.empty();
  uint32_t kept = 0;
  if (object || Concerned(key.pbx)) {
    auto plaintext = holdings_.vault.Open(key, envelope);
    if (absl::IsNotFound(plaintext.status()) && object) return absl::OkStatus();
    stored::v1::Value value;
    if (IsUnreadable(plaintext.status()) || (object && plaintext.ok() && !value.ParseFromString(plaintext->Reveal()))) {
      DropUnread(key, envelope, reason);
      return absl::OkStatus();
    }
    if (!plaintext.ok()) return plaintext.status();
    auto part = Keep(key, {envelope, *plaintext, values}, pbx_id, reason);
    if (!part.ok()) return part.status();
    kept = *part;
    if (object) EndObject(key, pbx_id, value.object(), /*is_kept=*/kept > 0);
  }
  EndRow(key, envelope, values, kept, reason);
  return absl::OkStatus();
}

void Change::DropUnread(const FiledKey& key, std::string_view envelope, std::string_view reason) {
  if (dropped_.contains(key.Encode())) return;
  CountUnread(key.category, reason);
  EndRow(key, envelope, Vault::ValueCount(envelope), /*kept=*/0, reason);
}

void Change::CountUnread(CategoryNumber category, std::string_view reason) {
  ++unread_rows_.try_emplace(std::string(reason)).first->second;
  ++unread_.rows;
  unread_.objects += IsObject(category) ? 1 : 0;
}

void Change::DropGone(const FiledKey& key, std::string_view envelope) {
  if (dropped_.contains(key.Encode())) return;
  EndRow(key, envelope, Vault::ValueCount(envelope), 0, kReasonKeyGone);
}

void Change::EndRow(const FiledKey& key, std::string_view envelope, uint32_t values, uint32_t kept,
                    std::string_view reason) {
  Touch(key.category);
  EndSealed(envelope);
  std::string encoded = key.Encode();
  batch_.Delete(Family::kFiled, encoded);
  dropped_.insert(std::move(encoded));
  // A day that has its entry has this row's too, though its key could not be destroyed yet.
  if (CountOf(key.day, key.category).rows == 0) return;
  count_changes_.Remove(key.day, key.category, 1, values);
  Mark(key);
  CountErased(key.category, key.day, values - kept, reason);
}

void Change::DropRun(const std::string& prefix, DueDay day, CategoryNumber category, uint64_t rows, uint64_t values,
                     std::string_view reason) {
  Touch(category);
  batch_.DeleteRange(Family::kFiled, prefix, PrefixEnd(prefix));
  count_changes_.Remove(day, category, rows, values);
  mark_changes_.deletions[day].Add(prefix);
  CountErased(category, day, values, reason);
}

void Change::DropMark(const FiledKey& key) {
  EndStored(Family::kFiled, key.Encode(), /*erased=*/true);
  Touch(key.category);
  batch_.Delete(Family::kFiled, key.Encode());
  count_changes_.Remove(key.day, key.category, 1, 0);
}

void Change::CountErased(CategoryNumber category, DueDay day, uint64_t values, std::string_view reason) {
  const bool is_lost = reason == kReasonKeyGone && day.is_civil();
  erased_[{std::string(reason), is_lost ? day : DueDay::None()}][category] += values;
  erased_in_all_[category] += values;
}

void Change::PutSealed(const std::string& key, Personal plaintext) {
  EndStored(Family::kState, key, /*erased=*/true);
  unsealed_state_.emplace_back(batch_.changes().size(), std::move(plaintext));
  batch_.Put(Family::kState, key, {});
}

void Change::DeleteState(const std::string& key) {
  EndStored(Family::kState, key, /*erased=*/true);
  batch_.Delete(Family::kState, key);
  MarkState(key);
}

// How a change happens: first all of it in the store, then in memory.

absl::Status Change::SealRows() {
  int64_t objects = 0;
  for (const auto category : {kRecording, kPdfShare, kFileShare}) objects += count_changes_.RowsAdded(category);
  // What could not be ordered away is not taken in.
  const absl::Status room = objects > 0 ? holdings_.KeepRoomForObjects(objects) : absl::OkStatus();
  if (!room.ok()) return room;
  for (const Unsealed& row : unsealed_) {
    // What is kept outlives its PBX.
    const PbxKeyUse use =
        row.key.day == DueDay::Kept() ? PbxKeyUse::kNotNeeded : holdings_.policy().pbx_key(row.key.category);
    const auto owner = holdings_.ring.NewOwner(row.key.day);
    if (!owner.ok()) return owner.status();
    // Before anybody can find it.
    if (row.restricted) {
      if (absl::Status s = holdings_.ring.RestrictOwner(*owner, true); !s.ok()) return s;
    }
    auto envelope = holdings_.vault.Seal(row.key, use, row.plaintext, row.values, *owner);
    if (!envelope.ok()) return envelope.status();
    batch_.Fill(row.position, *std::move(envelope));
  }
  for (const auto& [position, plaintext] : unsealed_state_) {
    const auto owner = holdings_.ring.NewOwner(DueDay::Open());
    if (!owner.ok()) return owner.status();
    auto envelope = holdings_.vault.SealState(batch_.changes()[position].key, plaintext, *owner);
    if (!envelope.ok()) return envelope.status();
    batch_.Fill(position, *std::move(envelope));
  }
  return absl::OkStatus();
}

absl::Status Change::TakeStoredEnds() {
  for (const StoredEnd& end : stored_ends_) {
    auto row = holdings_.store.Get(end.family, end.key);
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    end.erased ? EndSealed(**row) : EndResealed(**row);
  }
  std::vector<OwnerNumber>& owners = ended_owners_.owners;
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return absl::OkStatus();
}

void Change::EnterCounts(LedgerEntry::Kind kind, const ByReason& by_reason) {
  for (const auto& [of, counts] : by_reason) {
    const auto& [reason, day] = of;
    if (counts == CategoryCounts{}) continue;  // all of it was kept
    LedgerEntry entry;
    entry.set_kind(kind);
    entry.set_reason(reason);
    if (day.is_civil()) entry.set_day(day.number());
    SetCounts(counts, entry);
    if (const auto unread = unread_rows_.find(reason); kind == LedgerEntry::KIND_PURGED && unread != unread_rows_.end())
      entry.set_rows_damaged(unread->second);
    entries_.push_back(std::move(entry));
  }
}

void Change::AppendEntries(uint64_t ring_generation, Ledger& ledger) {
  for (LedgerEntry& entry : entries_) {
    if (entry.policy_version() == 0) entry.set_policy_version(holdings_.policy().version());
    if (entry.ring_generation() == 0) entry.set_ring_generation(ring_generation);
    entry.set_clock(holdings_.clock);
    if (const Actor* actor = CurrentActor(); actor != nullptr && entry.role().empty()) {
      entry.set_role(actor->role);
      entry.set_principal(actor->principal);
    }
    const std::string leaf = ledger.Append(entry, now_, batch_);
    if (holdings_.on_entry) holdings_.on_entry(entry, leaf);
  }
}

uint64_t Change::NoticeNumber() {
  if (!notices_.has_value()) notices_ = holdings_.notices.counter();
  return notices_->Take(batch_);
}

absl::Status Change::Commit(Store& store) {
  EnterCounts(LedgerEntry::KIND_PURGED, erased_);
  EnterCounts(LedgerEntry::KIND_KEPT, kept_);
  if (absl::Status s = SealRows(); !s.ok()) return s;
  OrderNumbers::Counter counter = holdings_.orders.counter();
  if (absl::Status s = PutOrders(counter); !s.ok()) return s;
  references_.Put(batch_);
  references_.VisitEnded([this](const std::string& key) { MarkState(key); });
  const BucketCounts::Days counts = holdings_.counts.After(count_changes_);
  BucketCounts::Put(counts, batch_);
  PurgeMarks::Marks marks;
  if (!mark_changes_.empty()) {
    marks = holdings_.marks.After(mark_changes_, now_);
    PurgeMarks::Put(marks, mark_changes_, batch_);
  }
  if (absl::Status s = TakeStoredEnds(); !s.ok()) return s;
  for (const auto& prepare : preparations_) {
    if (absl::Status s = prepare(holdings_.ring); !s.ok()) return s;
  }
  const uint64_t generation = holdings_.ring.generation();
  Ledger ledger = holdings_.ledger;
  AppendEntries(generation, ledger);
  if (!batch_.empty()) {
    if (generation != holdings_.ring_generation) PutRingGeneration(generation, batch_);
    OwnerEnds::Put(ended_owners_, batch_);
    holdings_.owner_ends.DeleteDone(batch_);
    if (absl::Status s = store.Commit(batch_); !s.ok()) return s;
    holdings_.ring_generation = generation;
    holdings_.owner_ends.Committed(std::move(ended_owners_), holdings_.ring);
  }
  undos_.clear();
  if (touches_extensions_ && holdings_.on_extensions) holdings_.on_extensions();
  holdings_.ledger = std::move(ledger);
  holdings_.orders.Set(counter);
  if (notices_.has_value()) holdings_.notices.Set(*notices_);
  holdings_.counts.Set(counts);
  if (!mark_changes_.empty()) holdings_.marks.Set(marks, mark_changes_);
  Report();
  absl::Status first;
  for (const auto& effect : effects_) {
    if (absl::Status s = effect(); first.ok()) first = std::move(s);
  }
  return first;
}

void Change::Report() const {
  if (!orders_.empty() && holdings_.on_orders) holdings_.on_orders();
  if (notices_.has_value() && holdings_.on_notices) holdings_.on_notices();
  if (holdings_.on_entered) {
    for (const LedgerEntry& entry : entries_) holdings_.on_entered(entry);
  }
  if (!holdings_.on_erased) return;
  for (const auto& [why, counts] : erased_) {
    ForEachCount(counts, [&, of = std::string_view(why.first)](v1::DataCategory category, uint64_t values) {
      holdings_.on_erased(static_cast<CategoryNumber>(category), of, values);
    });
  }
}

void SetCounts(const CategoryCounts& counts, LedgerEntry& entry) {
  ForEachCount(counts, [&](v1::DataCategory category, uint64_t values) {
    stored::v1::CategoryCount& count = *entry.add_counts();
    count.set_category(category);
    count.set_values(values);
  });
}

}  // namespace retention
