#include "server/rows/change.h"

#include <algorithm>

#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"
#include "storage/keys.h"

namespace retention {

absl::Status DayGate::Load(const StoreView& store, const KeyRing& ring) {
  closed_.clear();
  ended_through_ = ring.destroyed_through();
  const auto days = ReadDayProgress(store, DueDay::Open());
  if (!days.ok()) return days.status();
  for (const auto& [day, progress] : *days) closed_.insert(day);
  return absl::OkStatus();
}

void DayGate::EndThrough(DueDay last) {
  ended_through_ = std::max(ended_through_, last);
  closed_.erase(closed_.begin(), closed_.upper_bound(last));
}

absl::Status PurgeMarks::Load(const StoreView& store) {
  Marks marks;
  auto cursor = store.ScanPrefix(Family::kState, PurgeMarkPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    stored::v1::PurgeMark mark;
    if (!day.has_value() || !mark.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a purge mark does not parse");
    }
    marks.emplace(*day, mark);
  }
  std::lock_guard lock(mutex_);
  marks_ = std::move(marks);
  changed_.clear();
  return cursor->status();
}

void PurgeMarks::Note(DueDay day, absl::Time now) {
  std::lock_guard lock(mutex_);
  stored::v1::PurgeMark& mark = marks_[day];
  if (mark.deletions() == 0) mark.set_first_us(absl::ToUnixMicros(now));
  mark.set_deletions(mark.deletions() + 1);
  changed_.insert(day);
}

void PurgeMarks::Flush(Batch& batch) {
  std::lock_guard lock(mutex_);
  for (const DueDay day : changed_) {
    const auto it = marks_.find(day);
    if (it == marks_.end()) {
      batch.Delete(Family::kState, PurgeMarkKey(day));
    } else {
      batch.Put(Family::kState, PurgeMarkKey(day), it->second.SerializeAsString());
    }
  }
  changed_.clear();
}

PurgeMarks::Marks PurgeMarks::Read() const {
  std::lock_guard lock(mutex_);
  return marks_;
}

void PurgeMarks::Clear(const Marks& scrubbed, absl::Time since) {
  std::lock_guard lock(mutex_);
  for (const auto& [day, mark] : scrubbed) {
    const auto it = marks_.find(day);
    if (it == marks_.end()) continue;
    changed_.insert(day);
    if (it->second.deletions() <= mark.deletions()) {
      marks_.erase(it);
    } else {
      it->second.set_deletions(it->second.deletions() - mark.deletions());
      it->second.set_first_us(absl::ToUnixMicros(since));
    }
  }
}

absl::Status Change::File(const FiledKey& key, const Personal& plaintext, uint32_t values) {
  if (absl::Status status = Rewrite(key, plaintext, values); !status.ok()) return status;
  holdings_.counts.Add(key.day, key.category, 1, values);
  return absl::OkStatus();
}

absl::Status Change::Replace(const FiledKey& key, const Personal& plaintext, uint32_t values) {
  auto kept = KeepStored(key, "", kReasonReplaced);
  if (!kept.ok()) return kept.status();
  holdings_.marks.Note(key.day, now_);
  CountErased(key.category, values - *kept, kReasonReplaced);
  return Rewrite(key, plaintext, values);
}

void Change::RemoveMark(const FiledKey& key) {
  batch_.Delete(Family::kFiled, key.Encode());
  holdings_.counts.Remove(key.day, key.category, 1, 0);
}

absl::Status Change::Rewrite(const FiledKey& key, const Personal& plaintext, uint32_t values) {
  // What is held outlives its PBX.
  const PbxKeyUse use = key.day == DueDay::Held() ? PbxKeyUse::kNotNeeded : holdings_.policy().pbx_key(key.category);
  auto envelope = holdings_.vault.Seal(key, use, plaintext, values);
  if (!envelope.ok()) return envelope.status();
  batch_.Put(Family::kFiled, key.Encode(), *std::move(envelope));
  return absl::OkStatus();
}

absl::Status Change::Erase(const FiledKey& key, uint32_t values, std::string_view reason) {
  auto kept = KeepStored(key, "", reason);
  if (!kept.ok()) return kept.status();
  EndRow(key, values, *kept, reason);
  return absl::OkStatus();
}

absl::Status Change::EraseObject(const FiledKey& key, const stored::v1::Value& object, uint32_t values,
                                 std::string_view pbx_id, std::string_view reason) {
  auto kept = KeepStored(key, pbx_id, reason);
  if (!kept.ok()) return kept.status();
  if (*kept == 0) {
    if (absl::Status status = Order(key.category, pbx_id, object.object()); !status.ok()) return status;
  }
  EndRow(key, values, *kept, reason);
  return absl::OkStatus();
}

void Change::EndRow(const FiledKey& key, uint32_t values, uint32_t kept, std::string_view reason) {
  batch_.Delete(Family::kFiled, key.Encode());
  // A day that has its entry has this row's too, though its key could not be destroyed yet.
  if (holdings_.counts.Of(key.day)[key.category].rows == 0) return;
  holdings_.counts.Remove(key.day, key.category, 1, values);
  holdings_.marks.Note(key.day, now_);
  CountErased(key.category, values - kept, reason);
}

HoldMatcher& Change::Matcher() {
  if (!matcher_.has_value()) {
    matcher_.emplace(holdings_.store, holdings_.vault, holdings_.counts,
                     [this](const PbxId& pbx) { return holdings_.holds.Concerning(pbx, last_due_); });
  }
  return *matcher_;
}

absl::StatusOr<uint32_t> Change::KeepStored(const FiledKey& key, std::string_view pbx_id, std::string_view reason) {
  if (!Concerned(key.pbx) || holdings_.counts.Of(key.day)[key.category].rows == 0) return 0;
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  return row->has_value() ? Keep(key, **row, pbx_id, reason) : 0;
}

absl::StatusOr<uint32_t> Change::Keep(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                                      std::string_view reason) {
  const uint32_t values = Vault::ValueCount(envelope);
  if (values == 0) return 0;
  auto plaintext = holdings_.vault.Open(key, envelope);
  // It has ended, or is damaged, and cannot be kept any more.
  if (absl::IsNotFound(plaintext.status()) || absl::IsDataLoss(plaintext.status())) return 0;
  if (!plaintext.ok()) return plaintext.status();
  auto part = Matcher().Match(key, plaintext->Reveal(), values);
  if (!part.ok()) return part.status();
  if (part->values == 0) return 0;
  stored::v1::HeldRow held;
  held.set_due_day(key.day.number());
  held.set_ended_us(absl::ToUnixMicros(now_));
  held.set_reason(std::string(reason));
  if (IsObject(key.category)) held.set_pbx_id(std::string(pbx_id));
  held.set_row(part->whole ? plaintext->Reveal() : part->row);
  FiledKey target = key;
  target.day = DueDay::Held();
  if (absl::Status s = holdings_.random.Fill(target.item.bytes.data(), target.item.bytes.size()); !s.ok()) return s;
  if (absl::Status s = File(target, Personal(held.SerializeAsString()), part->values); !s.ok()) return s;
  held_.try_emplace(std::string(reason), CategoryCounts{}).first->second[key.category] += part->values;
  held_in_all_ += part->values;
  return part->values;
}

absl::StatusOr<bool> Change::IsHeld(const FiledKey& key, std::string_view envelope) {
  auto plaintext = holdings_.vault.Open(key, envelope);
  if (!plaintext.ok()) return plaintext.status();
  auto part = Matcher().Match(key, plaintext->Reveal(), Vault::ValueCount(envelope));
  if (!part.ok()) return part.status();
  return part->values > 0;
}

absl::StatusOr<bool> Change::TakeOut(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                                     std::string_view reason) {
  auto kept = Keep(key, envelope, pbx_id, reason);
  if (!kept.ok() || *kept == 0) return kept.status().ok() ? absl::StatusOr<bool>(false) : kept.status();
  EndRow(key, Vault::ValueCount(envelope), *kept, reason);
  return true;
}

absl::Status Change::EndWithOrder(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                                  std::string_view reason) {
  auto plaintext = holdings_.vault.Open(key, envelope);
  // Its key is gone: it ended before, with its order.
  if (absl::IsNotFound(plaintext.status())) return absl::OkStatus();
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::Value object;
  if (!object.ParseFromString(plaintext->Reveal())) return absl::DataLossError("an object's row does not parse");
  if (absl::Status s = Order(key.category, pbx_id, object.object()); !s.ok()) return s;
  EndRow(key, Vault::ValueCount(envelope), 0, reason);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Change::LetGo(const FiledKey& key, std::string_view envelope) {
  const uint32_t values = Vault::ValueCount(envelope);
  auto plaintext = holdings_.vault.Open(key, envelope);
  stored::v1::HeldRow held;
  const bool damaged =
      absl::IsDataLoss(plaintext.status()) || (plaintext.ok() && !held.ParseFromString(plaintext->Reveal()));
  if (damaged && !Concerned(key.pbx)) {
    // Nobody would come by it again.
    EndRow(key, values, 0, kReasonHoldReleased);
    return values;
  }
  if (damaged) return 0;
  if (!plaintext.ok()) return plaintext.status();
  auto part = Matcher().Match(key, held.row(), values);
  if (!part.ok()) return part.status();
  if (part->values == values) return 0;
  if (part->values > 0) {
    holdings_.marks.Note(key.day, now_);
    CountErased(key.category, values - part->values, kReasonHoldReleased);
    held.set_row(part->row);
    holdings_.counts.Remove(key.day, key.category, 0, values - part->values);
    if (absl::Status s = Rewrite(key, Personal(held.SerializeAsString()), part->values); !s.ok()) return s;
    return values - part->values;
  }
  if (IsObject(key.category)) {
    stored::v1::Value object;
    if (!object.ParseFromString(held.row())) return absl::DataLossError("an object's row does not parse");
    if (absl::Status s = Order(key.category, held.pbx_id(), object.object()); !s.ok()) return s;
  }
  EndRow(key, values, 0, kReasonHoldReleased);
  return values;
}

void Change::CountErased(CategoryNumber category, uint64_t values, std::string_view reason) {
  erased_.try_emplace(std::string(reason), CategoryCounts{}).first->second[category] += values;
  erased_in_all_[category] += values;
}

void Change::EraseRun(const std::string& prefix, DueDay day, CategoryNumber category, uint64_t rows, uint64_t values,
                      std::string_view reason) {
  batch_.DeleteRange(Family::kFiled, prefix, PrefixEnd(prefix));
  holdings_.counts.Remove(day, category, rows, values);
  holdings_.marks.Note(day, now_);
  CountErased(category, values, reason);
}

absl::Status Change::Move(const FiledKey& from, std::string_view envelope, DueDay to) {
  if (from.day.is_civil() && from.day <= last_due_) {
    return Erase(from, Vault::ValueCount(envelope), kReasonDayMovedIntoPast);
  }
  return MoveLate(from, envelope, to);
}

absl::Status Change::MoveLate(const FiledKey& from, std::string_view envelope, DueDay to) {
  const uint32_t values = Vault::ValueCount(envelope);
  if (!Holds(to)) return Erase(from, values, kReasonDayMovedIntoPast);
  auto plaintext = holdings_.vault.Open(from, envelope);
  if (!plaintext.ok()) return plaintext.status();
  FiledKey target = from;
  target.day = to;
  if (absl::Status status = File(target, *plaintext, values); !status.ok()) return status;
  batch_.Delete(Family::kFiled, from.Encode());
  holdings_.counts.Remove(from.day, from.category, 1, values);
  // Bytes left behind in an earlier day end with that day; bytes in a later day must not outlive the new one.
  if (to < from.day) holdings_.marks.Note(from.day, now_);
  return absl::OkStatus();
}

absl::Status Change::Relocate(const FiledKey& from, std::string_view envelope, DueDay to) {
  absl::Status status = MoveLate(from, envelope, to);
  if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
  return to < from.day ? Erase(from, Vault::ValueCount(envelope), kReasonDayMovedIntoPast) : absl::OkStatus();
}

absl::Status Change::Order(CategoryNumber category, std::string_view pbx_id,
                           const stored::v1::StoredObjectRef& object) {
  if (!holdings_.policy().rule(category).erasure_order || object.object_ref().empty()) return absl::OkStatus();
  stored::v1::ErasureOrder order;
  order.set_category(static_cast<v1::DataCategory>(category));
  order.set_pbx_id(std::string(pbx_id));
  *order.mutable_object() = object;
  order.set_issued_us(absl::ToUnixMicros(now_));
  orders_.emplace_back(order.SerializeAsString());
  return absl::OkStatus();
}

void Change::ForgetOrder(uint64_t sequence) {
  batch_.Delete(Family::kState, OrderKey(sequence));
  holdings_.marks.Note(DueDay(), now_);
  ++orders_forgotten_;
}

absl::Status Change::PutOrders() {
  for (const Personal& order : orders_) {
    const std::string key = OrderKey(holdings_.orders.Next());
    auto envelope = holdings_.vault.SealState(key, order);
    if (!envelope.ok()) return envelope.status();
    batch_.Put(Family::kState, key, *std::move(envelope));
  }
  if (!orders_.empty() || orders_forgotten_ > 0) holdings_.orders.Flush(orders_.size(), orders_forgotten_, batch_);
  return absl::OkStatus();
}

void Change::Rehearse() {
  Rehearsal& rehearsal = *holdings_.rehearsal;
  rehearsal.orders += orders_.size();
  for (size_t category = 0; category < kCategories; ++category) {
    for (const auto& [reason, counts] : erased_) rehearsal.erased[category] += counts[category];
    for (const auto& [reason, counts] : held_) rehearsal.held[category] += counts[category];
  }
  batch_.Clear();
  erased_.clear();
  held_.clear();
  entries_.clear();
  orders_.clear();
}

absl::Status Change::Commit() {
  if (holdings_.rehearsal != nullptr) {
    Rehearse();
    return absl::OkStatus();
  }
  for (const auto& [reason, counts] : erased_) {
    stored::v1::LedgerEntry entry;
    if (counts == CategoryCounts{}) continue;  // all of it was held
    entry.set_kind(stored::v1::LedgerEntry::KIND_PURGED);
    entry.set_reason(reason);
    SetCounts(counts, entry);
    entries_.push_back(std::move(entry));
  }
  for (const auto& [reason, counts] : held_) {
    stored::v1::LedgerEntry entry;
    entry.set_kind(stored::v1::LedgerEntry::KIND_HELD);
    entry.set_reason(reason);
    SetCounts(counts, entry);
    entries_.push_back(std::move(entry));
  }
  for (stored::v1::LedgerEntry& entry : entries_) {
    if (entry.policy_version() == 0) entry.set_policy_version(holdings_.policy().version());
    holdings_.ledger->Append(std::move(entry), now_, batch_);
  }
  if (absl::Status status = PutOrders(); !status.ok()) return status;
  holdings_.counts.Flush(batch_);
  holdings_.marks.Flush(batch_);
  if (batch_.empty()) return absl::OkStatus();
  if (absl::Status status = holdings_.store.Commit(batch_); !status.ok()) return status;
  holdings_.orders.Publish();
  if (!orders_.empty() && holdings_.on_orders) holdings_.on_orders();
  if (holdings_.on_erased) {
    for (const auto& [reason, counts] : erased_) {
      for (size_t category = 1; category < kCategories; ++category) {
        if (counts[category] > 0) holdings_.on_erased(static_cast<CategoryNumber>(category), reason, counts[category]);
      }
    }
  }
  batch_.Clear();
  erased_.clear();
  held_.clear();
  matcher_.reset();
  entries_.clear();
  orders_.clear();
  orders_forgotten_ = 0;
  return absl::OkStatus();
}

void SetCounts(const CategoryCounts& counts, stored::v1::LedgerEntry& entry) {
  for (size_t category = 1; category < kCategories; ++category) {
    if (counts[category] == 0) continue;
    stored::v1::CategoryCount& count = *entry.add_counts();
    count.set_category(static_cast<v1::DataCategory>(category));
    count.set_values(counts[category]);
  }
}

}  // namespace retention
