#include "storage/rocksdb/batch_rows.h"

#include <string>
#include <utility>

#include "storage/rocksdb/key_order.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"

namespace retention {
namespace {

// Beyond every key, as the end of a range deletion that has none: no key is as long.
const std::string& BeyondAllKeys() {
  static const std::string key(128, '\xFF');
  return key;
}

// Deletes [begin, end) with `rows`. Where a range may not begin with that key, the key is deleted by itself.
rocksdb::Status AddRange(rocksdb::ColumnFamilyHandle* family, std::string begin, const std::string& end,
                         rocksdb::WriteBatch& rows) {
  // RocksDB would take an empty range to its log and only then refuse it.
  if (begin >= end) return rocksdb::Status::OK();
  if (HasNearbyKeys(begin.size())) {
    if (rocksdb::Status deleted = rows.Delete(family, SliceOf(begin)); !deleted.ok()) return deleted;
    begin.push_back('\0');
    if (begin == end) return rocksdb::Status::OK();
  }
  return rows.DeleteRange(family, SliceOf(begin), SliceOf(end));
}

}  // namespace

absl::StatusOr<rocksdb::WriteBatch> RowsOf(const RocksEngine& engine, const Batch& batch) {
  size_t bytes = 0;
  for (const Batch::Change& change : batch.changes()) bytes += change.key.size() + change.value.size() + 12;
  rocksdb::WriteBatch rows(bytes);
  for (const Batch::Change* in_order : InKeyOrder(batch)) {
    const Batch::Change& change = *in_order;
    rocksdb::ColumnFamilyHandle* family = engine.family(change.family);
    rocksdb::Status added;
    switch (change.verb) {
      case Batch::Verb::kPut:
        added = rows.Put(family, SliceOf(change.key), SliceOf(change.value));
        break;
      case Batch::Verb::kDelete:
        added = rows.Delete(family, SliceOf(change.key));
        break;
      case Batch::Verb::kDeleteRange:
        added = AddRange(family, change.key, change.value.empty() ? BeyondAllKeys() : change.value, rows);
        break;
    }
    if (!added.ok()) return StatusFromRocksDb(added);
  }
  return rows;
}

LostChanges::LostChanges(const RocksEngine& engine, const Batch& batch, const std::optional<LostRows>& more)
    : engine_(engine) {
  const auto spans_of = [&](Family family) -> LostSpans& {
    const auto [found, is_new] = changed_.try_emplace(family);
    if (const auto lost = engine.Lost(family); is_new && lost != nullptr) found->second = *lost;
    return found->second;
  };
  for (const Batch::Change& change : batch.changes()) {
    if (change.verb != Batch::Verb::kDeleteRange || engine.Lost(change.family) == nullptr) continue;
    LostSpans& spans = spans_of(change.family);
    spans = Without(spans, {change.key, change.value});
  }
  if (!more) return;
  LostSpans& spans = spans_of(more->family);
  spans = With(spans, more->span);
}

absl::Status LostChanges::AddTo(rocksdb::WriteBatch& rows) const {
  for (const auto& [family, spans] : changed_) {
    if (absl::Status added = engine_.WriteLost(family, spans, rows); !added.ok()) return added;
  }
  return absl::OkStatus();
}

void LostChanges::Apply() const {
  for (const auto& [family, spans] : changed_) engine_.SetLost(family, spans);
}

}  // namespace retention
