// Where a ring lies: the same three files in each of its replicas, allocated ahead and written in place, so that a full
// disk keeps nothing from being destroyed.
#ifndef RETENTION_STORAGE_SECRETS_RING_DISK_H_
#define RETENTION_STORAGE_SECRETS_RING_DISK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/locked_bytes.h"
#include "storage/secrets/ring_bytes.h"

namespace retention {

// `head`: two heads, written in turn. `keys`: entries. `pages`: blocks of opened pages.
enum class RingFile : uint8_t { kHead = 0, kKeys = 1, kPages = 2 };
inline constexpr size_t kRingFiles = 3;
const char* NameOf(RingFile file);

struct RingWrite {
  uint64_t offset = 0;
  ConstByteSpan bytes;
};

// The status for `error`, an errno, of `operation`.
absl::Status StatusFromErrno(int error, std::string_view operation);

// Makes the names in `directory` durable.
absl::Status SyncDirectory(const std::string& directory);

// One directory. Errors: RESOURCE_EXHAUSTED if the disk is full, UNAVAILABLE for any other I/O error.
class RingReplica {
 public:
  // Called before each write, and before each sync of what was written; not OK: it fails.
  enum class Io : uint8_t { kWrite, kSync, kExtend };
  using OnIo = std::function<absl::Status(RingFile, Io)>;

  // `directory` need not exist. Opens what is there, and makes nothing.
  static absl::StatusOr<std::unique_ptr<RingReplica>> Open(const std::string& directory, OnIo on_io);
  RingReplica(const RingReplica&) = delete;
  RingReplica& operator=(const RingReplica&) = delete;
  ~RingReplica();

  // Whether there is such a file, and its size.
  bool Has(RingFile file) const { return files_[Index(file)] >= 0; }
  absl::StatusOr<uint64_t> Size(RingFile file) const;
  // Whole; empty if there is none.
  absl::StatusOr<LockedBytes> Read(RingFile file) const;
  absl::Status ReadAt(RingFile file, uint64_t offset, ByteSpan out) const;
  // In place, and durable.
  absl::Status Write(RingFile file, std::span<const RingWrite> writes);
  // Makes the file if there is none, and fills it with zeros from its end to `size`, durably.
  absl::Status Extend(RingFile file, uint64_t size);

 private:
  RingReplica(std::string directory, OnIo on_io) : directory_(std::move(directory)), on_io_(std::move(on_io)) {}
  static size_t Index(RingFile file) { return static_cast<size_t>(file); }
  absl::Status Sync(RingFile file);

  const std::string directory_;
  const OnIo on_io_;
  int directory_fd_ = -1;
  std::array<int, kRingFiles> files_{-1, -1, -1};
};

// All replicas. Of what is written to one after the other, the first reflects the later. One that fails is stale from
// then on: left alone until it is rewritten as a whole.
class RingDisk {
 public:
  // 1 or more.
  explicit RingDisk(std::vector<std::unique_ptr<RingReplica>> replicas)
      : replicas_(std::move(replicas)), stale_(replicas_.size(), false) {}

  size_t size() const { return replicas_.size(); }
  RingReplica& replica(size_t i) { return *replicas_[i]; }
  bool stale(size_t i) const { return stale_[i]; }
  void SetStale(size_t i, bool stale) { stale_[i] = stale; }
  size_t stale_replicas() const;

  // OK if it is durable in all replicas that are not stale, but for those that turned so with it, of which there is not
  // the last. Else nothing is known of what was written.
  absl::Status Write(RingFile file, std::span<const RingWrite> writes);
  absl::Status Write(RingFile file, uint64_t offset, ConstByteSpan bytes);
  // The same. A full disk makes nothing stale.
  absl::Status Extend(RingFile file, uint64_t size);
  // Of the first that can be read.
  absl::Status ReadAt(RingFile file, uint64_t offset, ByteSpan out) const;

 private:
  std::vector<std::unique_ptr<RingReplica>> replicas_;
  std::vector<bool> stale_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_DISK_H_
