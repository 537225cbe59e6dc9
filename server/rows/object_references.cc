#include "server/rows/object_references.h"

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

// The row that stands while they are found anew: the beginning of all others, and none of an object.
std::string SearchKey() { return ObjectReferencePrefix(OwnerId()).substr(0, 1); }

absl::Status NobodyCanTell() {
  return absl::UnavailableError("rows that objects have were lost, and are found anew; try again");
}

}  // namespace

absl::StatusOr<bool> ObjectReferences::AreLost(const Store& store) {
  const std::string end = PrefixEnd(SearchKey());
  for (const LostRows& lost : store.Lost()) {
    if (lost.family != Family::kState || lost.span.begin >= end) continue;
    if (lost.span.end.empty() || lost.span.end > SearchKey()) return true;
  }
  const auto search = store.Get(Family::kState, SearchKey());
  if (!search.ok()) return search.status();
  return search->has_value();
}

void ObjectReferences::Forget(Batch& batch) {
  batch.DeleteRange(Family::kState, SearchKey(), PrefixEnd(SearchKey()));
  batch.Put(Family::kState, SearchKey(), "");
}

void ObjectReferences::AllFound(Batch& batch) { batch.Delete(Family::kState, SearchKey()); }

absl::StatusOr<bool> ObjectReferences::AnyLeft(const Holdings& holdings, const OwnerId& object) const {
  const std::string prefix = ObjectReferencePrefix(object);
  for (auto own = rows_.lower_bound(prefix); own != rows_.end() && own->first.starts_with(prefix); ++own) {
    if (own->second.has_value()) return true;
  }
  const auto search = holdings.store.Get(Family::kState, SearchKey());
  if (!search.ok() && !absl::IsDataLoss(search.status())) return search.status();
  if (!search.ok() || search->has_value()) return NobodyCanTell();
  const auto cursor = holdings.store.ScanPrefix(Family::kState, prefix, AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    if (rows_.contains(std::string(cursor->key()))) continue;
    const auto row = DecodeObjectReference(cursor->key(), cursor->value());
    if (!row.has_value()) continue;
    const auto opens = Opens(holdings, *row);
    if (!opens.ok() || *opens) return opens;
  }
  if (!cursor->status().ok() && !absl::IsDataLoss(cursor->status())) return cursor->status();
  if (!cursor->status().ok() || cursor->losses() > 0) return NobodyCanTell();
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

void ObjectReferences::VisitEnded(absl::FunctionRef<void(const std::string& key)> visit) const {
  for (const auto& [key, bucket] : rows_) {
    if (!bucket.has_value()) visit(key);
  }
}

}  // namespace retention
