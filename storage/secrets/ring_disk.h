// Where a ring lies: the same three files in each of its replicas, allocated ahead and written in place, so that a full
// disk keeps nothing from being destroyed.
#ifndef RETENTION_STORAGE_SECRETS_RING_DISK_H_
#define RETENTION_STORAGE_SECRETS_RING_DISK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// Before the entries of `keys` and the blocks of `pages`: a magic, and whose they are. REQUIRES: `file` is one of
// these.
inline constexpr size_t kRingFileHeaderBytes = 4096;
std::string_view MagicOf(RingFile file);
void WriteFileHeader(RingFile file, const RingHead& head, ByteSpan out);

struct RingWrite {
  uint64_t offset = 0;
  ConstByteSpan bytes;
};

// The status for `error`, an errno, of `operation`.
absl::Status StatusFromErrno(int error, std::string_view operation);

// Makes the names in `directory` durable.
absl::Status SyncDirectory(const std::string& directory);

// Takes the access that others have to an empty directory, which is about to be filled, from them.
absl::Status TakeEmptyDirectory(const std::string& directory);

// The volume that `directory` lies on; nullopt if there is no such directory.
std::optional<uint64_t> VolumeOf(const std::string& directory);

// Whether `path` leads to the file that `fd` has open. It does not when a volume was mounted over it, or its directory
// was replaced: what is written to `fd` then is found by nobody.
bool LeadsTo(const std::string& path, int fd);

// One directory. Errors: RESOURCE_EXHAUSTED if the disk is full, UNAVAILABLE for any other I/O error.
class RingReplica {
 public:
  // Called before each write, and before each sync of what was written; not OK: it fails.
  enum class Io : uint8_t { kWrite, kSync, kExtend };
  using OnIo = std::function<absl::Status(RingFile, Io)>;
  // Called before each opening of a file to be written, and each read.
  enum class Access : uint8_t { kOpen, kRead };
  using OnAccess = std::function<absl::Status(RingFile, Access)>;

  // `directory` need not exist. Opens what is there, and makes nothing. While it is open no other process can open it:
  // FAILED_PRECONDITION, as for what others have access to. One that is out of reach has no files, and opening() says
  // why; or its files can be read alone, on a volume that is read-only. `is_judged`: others may have no access.
  static absl::StatusOr<std::unique_ptr<RingReplica>> Open(const std::string& directory, OnIo on_io,
                                                           OnAccess on_access = {}, bool is_judged = true);
  RingReplica(const RingReplica&) = delete;
  RingReplica& operator=(const RingReplica&) = delete;
  ~RingReplica();

  const std::string& directory() const { return directory_; }
  // UNAVAILABLE: it cannot be written.
  const absl::Status& opening() const { return opening_; }
  // Lets go of all files, so that a volume that failed can be unmounted.
  void Close();
  // Opens by its path what lies there now; the volume may have been away. It is closed if that cannot be written.
  absl::Status Reopen();
  // Whether the volume is the one on which it was opened first.
  bool is_on_first_volume() const;
  // Whether it is there at all, as far as one look can tell.
  absl::Status Look() const;

  // Whether there is such a file, and its size.
  bool Has(RingFile file) const { return files_[Index(file)] >= 0; }
  absl::StatusOr<uint64_t> Size(RingFile file) const;
  // Whole; empty if there is none.
  absl::StatusOr<LockedBytes> Read(RingFile file) const;
  absl::Status ReadAt(RingFile file, uint64_t offset, ByteSpan out) const;
  // UNAVAILABLE unless its path leads to it: what is written to it is lost with the process then.
  absl::Status CheckName(RingFile file) const;
  // Whether it has a file open that has no name at all any more: closing it would lose what it holds.
  bool HoldsNameless() const;
  // Makes a file that CheckName refuses anew under its name, with what it holds, and goes on with that, durably. Where
  // the old one has no name any more it is overwritten. A directory that was removed is made anew, be it with the one
  // above it, on the same volume. UNAVAILABLE if it was moved, or cannot be made.
  absl::Status PutBack(RingFile file);
  // In place, and durable.
  absl::Status Write(RingFile file, std::span<const RingWrite> writes);
  // Makes the file if there is none, and fills it with zeros from its end to `size`, durably.
  absl::Status Extend(RingFile file, uint64_t size);

 private:
  RingReplica(std::string directory, OnIo on_io, OnAccess on_access, bool is_judged)
      : directory_(std::move(directory)),
        on_io_(std::move(on_io)),
        on_access_(std::move(on_access)),
        is_judged_(is_judged) {}
  static size_t Index(RingFile file) { return static_cast<size_t>(file); }
  // Closes all, unless it is OK or UNAVAILABLE with all of them readable.
  absl::Status OpenFiles();
  absl::Status OpenDirectory();
  absl::Status OpenFile(RingFile file, absl::Status& unwritable);
  absl::Status LockIt();
  std::string PathOf(RingFile file) const;
  absl::Status PutBackDirectory();
  absl::Status CopyInto(int fd, RingFile file);
  absl::Status Sync(RingFile file);

  const std::string directory_;
  const OnIo on_io_;
  const OnAccess on_access_;
  const bool is_judged_;
  std::optional<uint64_t> first_volume_;
  absl::Status opening_;
  int directory_fd_ = -1;
  std::array<int, kRingFiles> files_{-1, -1, -1};
};

// All replicas. Of what is written to one after the other, the first reflects the later. One that fails is stale from
// then on: left alone until it is rewritten as a whole. The last one that is not stale is never: it has what no other
// has. If it fails it is lost until a write to it succeeds.
class RingDisk {
 public:
  // Called when a replica comes out of reach, with why, and when it is in reach again, with OK.
  using OnReach = std::function<void(size_t replica, const absl::Status&)>;

  // 1 or more.
  explicit RingDisk(std::vector<std::unique_ptr<RingReplica>> replicas)
      : replicas_(std::move(replicas)), states_(replicas_.size(), State::kSound) {}

  void set_on_reach(OnReach on_reach) { on_reach_ = std::move(on_reach); }
  size_t size() const { return replicas_.size(); }
  RingReplica& replica(size_t i) { return *replicas_[i]; }
  bool stale(size_t i) const { return states_[i] == State::kStale; }
  bool lost(size_t i) const { return states_[i] == State::kLost; }
  bool in_reach(size_t i) const { return states_[i] == State::kSound; }
  void SetStale(size_t i, const absl::Status& why) { Set(i, State::kStale, why); }
  void SetInReach(size_t i) { Set(i, State::kSound, absl::OkStatus()); }
  size_t stale_replicas() const;
  // Stale ones, and lost ones.
  size_t out_of_reach() const;

  // OK if it is durable in all replicas that are not stale, but for those that turned so with it, of which there is not
  // the last. Else nothing is known of what was written.
  absl::Status Write(RingFile file, std::span<const RingWrite> writes);
  absl::Status Write(RingFile file, uint64_t offset, ConstByteSpan bytes);
  // The same: one that has no room turns stale too. RESOURCE_EXHAUSTED if none has; that makes none lost.
  absl::Status Extend(RingFile file, uint64_t size);
  // Of the first that can be read.
  absl::Status ReadAt(RingFile file, uint64_t offset, ByteSpan out) const;
  absl::StatusOr<LockedBytes> Read(RingFile file) const;

 private:
  enum class State : uint8_t { kSound, kLost, kStale };
  void Set(size_t i, State state, const absl::Status& why);
  absl::Status OnEach(const std::function<absl::Status(RingReplica&)>& act);

  std::vector<std::unique_ptr<RingReplica>> replicas_;
  std::vector<State> states_;
  OnReach on_reach_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_DISK_H_
