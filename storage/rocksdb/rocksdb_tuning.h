// How the database is set up: families, bounds on memory, log and files, and what erasure asks of RocksDB.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_TUNING_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_TUNING_H_

#include <rocksdb/db.h>

#include <vector>

#include "storage/rocksdb/rocksdb_options.h"

namespace retention {

// Whether RocksDB remembers where in the memtable the last row with such a key went. No range may begin with one: what
// is remembered would be taken for a place among the ranges.
bool HasNearbyKeys(size_t key_bytes);

rocksdb::DBOptions DatabaseOptions(const RocksDbOptions& options);

// RocksDB's own "default" first, which holds nothing of ours, then ours in the order of their numbers.
std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(const RocksDbOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_TUNING_H_
