#include "server/rows/object_references.h"

#include <algorithm>

#include "server/rows/row_walk.h"

namespace retention {
namespace {

absl::StatusOr<bool> Opens(const Holdings& holdings, const FiledKey& key) {
  const auto row = holdings.store.Get(Family::kFiled, key.Encode());
  if (IsUnreadable(row.status())) return false;
  if (!row.ok()) return row.status();
  if (!row->has_value()) return false;
  const absl::Status opened = holdings.vault.Open(key, **row).status();
  if (!opened.ok() && !IsUnreadable(opened)) return opened;
  return opened.ok();
}

}  // namespace

absl::StatusOr<bool> ObjectReferences::AnyLeft(const Holdings& holdings, const OwnerId& object) const {
  const std::string prefix = ObjectReferencePrefix(object);
  for (auto own = rows_.lower_bound(prefix); own != rows_.end() && own->first.starts_with(prefix); ++own) {
    if (own->second.has_value()) return true;
  }
  const auto cursor = holdings.store.ScanPrefix(Family::kState, prefix, AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    if (rows_.contains(std::string(cursor->key()))) continue;
    const auto row = DecodeObjectReference(cursor->key(), cursor->value());
    if (!row.has_value()) continue;
    const auto opens = Opens(holdings, *row);
    if (!opens.ok() || *opens) return opens;
  }
  if (!cursor->status().ok() && !absl::IsDataLoss(cursor->status())) return cursor->status();
  return false;
}

void ObjectReferences::Put(Batch& batch) const {
  for (const auto& [key, bucket] : rows_) {
    if (bucket.has_value()) {
      batch.Put(Family::kState, key, *bucket);
    } else {
      batch.Delete(Family::kState, key);
    }
  }
}

bool ObjectReferences::AnyEnded() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const auto& row) { return !row.second.has_value(); });
}

}  // namespace retention
