// Whether the disk takes what the store is about to write.
#ifndef RETENTION_STORAGE_ROCKSDB_DISK_ROOM_H_
#define RETENTION_STORAGE_ROCKSDB_DISK_ROOM_H_

#include <string>

#include "absl/status/status.h"
#include "storage/rocksdb/rocksdb_options.h"

namespace retention {

// OK if the disk has what an opening takes, and, if asked to be probed, takes a write; with what `on_full` makes of
// room: an opening that runs out of it on the way has closed what could still be read. RESOURCE_EXHAUSTED, which says
// how much is missing, or the error of the write.
absl::Status MakeRoom(const std::string& directory, const RocksDbOptions& options, bool probes);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_DISK_ROOM_H_
