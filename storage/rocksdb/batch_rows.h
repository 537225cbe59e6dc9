// A batch of the store as one of RocksDB.
#ifndef RETENTION_STORAGE_ROCKSDB_BATCH_ROWS_H_
#define RETENTION_STORAGE_ROCKSDB_BATCH_ROWS_H_

#include <rocksdb/write_batch.h>

#include <map>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/rocksdb/lost_spans.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/store.h"

namespace retention {

absl::StatusOr<rocksdb::WriteBatch> RowsOf(const RocksEngine& engine, const Batch& batch);

// What a batch changes of what is lost: it is no more where the batch deletes a range, and then `more` is.
class LostChanges {
 public:
  LostChanges(const RocksEngine& engine, const Batch& batch, const std::optional<LostRows>& more);
  absl::Status AddTo(rocksdb::WriteBatch& rows) const;
  // Once the rows are written.
  void Apply() const;

 private:
  const RocksEngine& engine_;
  std::map<Family, LostSpans> changed_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_BATCH_ROWS_H_
