// What the store on RocksDB can be told.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_OPTIONS_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace rocksdb {
class FileSystem;
}

namespace retention {

// Effects on memory are stated with each.
struct RocksDbOptions {
  // Data blocks, indexes and filters; the bulk of the process's memory. Bytes.
  uint64_t block_cache_bytes = 256ull << 20;
  // All memtables together. Bytes.
  uint64_t memtable_bytes = 192ull << 20;
  // How long an erasure waits for readers, and for obsolete files to be deleted, before it says UNAVAILABLE.
  absl::Duration erasure_wait = absl::Seconds(30);
  // A log that is damaged within, not at its end, is gone on with up to there, and this is called with what was found.
  // Empty: the store does not open then.
  std::function<void(const absl::Status& damage)> on_damaged_log;
  // Called for what was lost with a damaged table file when that is taken out.
  std::function<void(const LostRows& lost)> on_lost;
  // Asked, before anything of it is written, whether what would be lost with a damaged table file may be. Where it may
  // not, the file is left as it lies, so that an intact copy can be put back. Empty: all may.
  std::function<bool(const LostRows& lost)> may_lose;
  // Table files that are missing at an opening are taken out as damaged ones are. If not, it is refused: they may lie
  // on a volume that is not mounted.
  bool gives_up_missing = false;
  // Called, before anything is written, with what is lost with those, once they may be taken out.
  std::function<void(const std::vector<LostRows>& lost)> on_given_up;
  // Called when the disk has too little room for the store to be opened, or written again. True: some was made.
  std::function<bool()> on_full;
  // For tests: all I/O goes through it. Default: the operating system.
  std::shared_ptr<rocksdb::FileSystem> file_system;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_OPTIONS_H_
