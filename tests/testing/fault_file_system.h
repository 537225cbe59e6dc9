// A file system that crashes, fills up and fails on command.
//
// It knows what a power loss would leave: the bytes of a file up to its last fsync, and the names of a directory as of
// its last fsync.
#ifndef RETENTION_TESTS_TESTING_FAULT_FILE_SYSTEM_H_
#define RETENTION_TESTS_TESTING_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace rocksdb {
class FileSystem;
}

namespace retention {

// Thread-safe.
class FaultFileSystem {
 public:
  enum class Fault : uint8_t { kDiskFull, kIoError, kReadOnly };
  // Which changes of a file or a directory count and can be hit. To close a file is one only for faults of kClose.
  enum class Operation : uint8_t { kAny, kAppend, kSync, kClose };

  FaultFileSystem();
  FaultFileSystem(const FaultFileSystem&) = delete;
  FaultFileSystem& operator=(const FaultFileSystem&) = delete;
  ~FaultFileSystem();

  // What a store takes as its file system. Stays valid while the store holds it.
  std::shared_ptr<rocksdb::FileSystem> file_system() const;

  // Changes so far: creations, appends, fsyncs, truncations, renames, links and deletions.
  uint64_t writes() const;

  // The `nth` change from now (1 is the next) fails halfway, and every change after it fails too.
  void CrashAt(uint64_t nth);
  bool crashed() const;
  // Does to the disk what a power loss does: of what was not fsynced, only `torn_bytes` of each file survive. Removed
  // names stay removed. Without it, a crash is that of the process. REQUIRES: all stores on this file system are
  // closed.
  absl::Status LosePower(uint64_t torn_bytes = 0);
  // Forgets crash, faults and what was not fsynced. REQUIRES: as LosePower.
  void Restart();

  // The next `count` changes of that kind fail. A failed append leaves half of its bytes, a failed fsync nothing
  // durable.
  void FailWrites(Fault fault, uint64_t count = UINT64_MAX, Operation operation = Operation::kAny);
  // From the `nth` change on (1 is the next) every change of that kind fails, until Heal.
  void FailAfter(uint64_t nth, Fault fault, Operation operation = Operation::kAny);
  void Heal();
  // Changes wait until Release: a disk that is slow.
  void Hold();
  void Release();
  // Whether one waits.
  bool holds() const;
  // From now on whoever opens the file `path`, and reads what lies at `offset` in it, gets an I/O error; empty for
  // none.
  void BreakSector(const std::string& path, uint64_t offset);
  // From now on files whose names end so cannot be deleted; empty for none.
  void KeepFiles(const std::string& suffix);
  // How much room it says that there is; else what there is.
  void SetFreeSpace(std::function<uint64_t()> free_bytes);

 private:
  class Disk;
  class Watched;
  std::shared_ptr<Watched> watched_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_FAULT_FILE_SYSTEM_H_
