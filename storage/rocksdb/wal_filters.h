// What looks at a log while it is replayed.
#ifndef RETENTION_STORAGE_ROCKSDB_WAL_FILTERS_H_
#define RETENTION_STORAGE_ROCKSDB_WAL_FILTERS_H_

#include <rocksdb/types.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace retention {

// Finds out whether a batch is missing between others, and takes none in.
class GapFinder : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "retention.GapFinder"; }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string& log, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override;
  bool gap() const { return !gap_log_.empty(); }
  // The path of the log in which the first is missing.
  const std::string& gap_log() const { return gap_log_; }

 private:
  uint64_t next_ = 0;
  std::string gap_log_;
};

// Leaves out of recovery what was logged but not acknowledged.
class UnacknowledgedFilter : public rocksdb::WalFilter {
 public:
  explicit UnacknowledgedFilter(rocksdb::SequenceNumber acknowledged) : acknowledged_(acknowledged) {}
  const char* Name() const override { return "retention.Unacknowledged"; }
  WalProcessingOption LogRecord(const rocksdb::WriteBatch& batch, rocksdb::WriteBatch* new_batch,
                                bool* batch_changed) const override;

 private:
  const rocksdb::SequenceNumber acknowledged_;
};

using RowNeeded = bool (*)(Family family, std::string_view key);

// Takes in batches in which something is needed, or that say what was lost, and sees how far the others go.
class NeededFilter : public rocksdb::WalFilter {
 public:
  // `families`: their names, RocksDB's own first, then ours in the order of their numbers, that of
  // what was lost at last.
  NeededFilter(std::vector<std::string> families, RowNeeded needs, rocksdb::SequenceNumber& last)
      : names_(std::move(families)), needs_(needs), last_(last) {}
  const char* Name() const override { return "retention.Needed"; }
  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>&,
                                const std::map<std::string, uint32_t>& ids) override;
  WalProcessingOption LogRecordFound(unsigned long long, const std::string& log, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override;
  // The path of the last log of which something was read; empty: of none.
  const std::string& last_log() const { return last_log_; }

 private:
  std::string last_log_;
  const std::vector<std::string> names_;
  std::map<uint32_t, Family> families_;
  std::optional<uint32_t> of_losses_;
  const RowNeeded needs_;
  rocksdb::SequenceNumber& last_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_WAL_FILTERS_H_
