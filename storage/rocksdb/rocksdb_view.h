// Reads from an opened RocksDB.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_VIEW_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_VIEW_H_

#include <rocksdb/snapshot.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/store.h"

namespace retention {

// The value of `key` at `snapshot`, or now if that is null.
absl::StatusOr<std::optional<std::string>> GetRow(const RocksEngine& engine, const rocksdb::Snapshot* snapshot,
                                                  Family family, std::string_view key);

// A cursor that keeps the engine open.
std::unique_ptr<RowCursor> ScanRows(std::shared_ptr<const RocksEngine> engine, const rocksdb::Snapshot* snapshot,
                                    Family family, KeySpan span, AtLoss at_loss);

// A cursor over nothing that reports `status`.
std::unique_ptr<RowCursor> FailedScan(absl::Status status);

// The moment of its making.
std::unique_ptr<StoreView> MakeSnapshot(std::shared_ptr<const RocksEngine> engine);

// A view that fails every read with `status`.
std::unique_ptr<StoreView> FailedView(absl::Status status);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_VIEW_H_
