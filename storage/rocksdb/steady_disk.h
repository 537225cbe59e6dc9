// What keeps RocksDB from ending the process when the disk fails. Debian's 7.8 is built with its assertions, two of
// which a disk can break: tests/storage/rocksdb_assertion_test.cc.
#ifndef RETENTION_STORAGE_ROCKSDB_STEADY_DISK_H_
#define RETENTION_STORAGE_ROCKSDB_STEADY_DISK_H_

#include <memory>
#include <string>

namespace rocksdb {
class FileSystem;
class Logger;
}  // namespace rocksdb

namespace retention {

// `disk`, but for one thing: that a table without a row or a deletion cannot be written is told to nobody. A compaction
// that leaves nothing writes one and throws it away; told of the failure, it would take it for an output, look for its
// first key, and end the process.
std::shared_ptr<rocksdb::FileSystem> SteadyTables(std::shared_ptr<rocksdb::FileSystem> disk);

// Takes RocksDB's warnings, for who looks into a store: file LOG of `directory`, up to 1 MiB, and LOG.old, the one
// before. What cannot be written is left out: the logger that RocksDB would use goes on with a file that failed, which
// an assertion of it forbids. Thread-safe.
std::shared_ptr<rocksdb::Logger> SteadyLog(const std::string& directory);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_STEADY_DISK_H_
