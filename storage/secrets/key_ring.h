// The key ring: the secrets whose destruction is the erasure.
//
// One random 256-bit key per due day, per PBX and per unreleased cohort, in small files of their own, outside the store
// and outside its backups. Destroying a key rewrites its file without it and overwrites the old file's bytes; after
// that no copy of any value sealed under it can be opened again (NIST SP 800-88: cryptographic erase). On copy-on-write
// file systems and flash the old blocks may outlive the overwrite; put the ring on a volume that does not keep them.
//
// Files in the ring's directory: `days` (hash key, open key, keys of days and cohorts), `pbx-00` to `pbx-3f` (PBX keys
// by the id's first byte modulo 64). Each: magic, version, entries, SHA-256; written to a temporary file, fsynced,
// renamed, directory fsynced.
#ifndef RETENTION_STORAGE_SECRETS_KEY_RING_H_
#define RETENTION_STORAGE_SECRETS_KEY_RING_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/mutex.h"
#include "storage/secrets/secret_file.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// Thread-safe.
//
// Errors: DATA_LOSS if a file is missing or fails its checksum (the server must not start: it would mint new keys over
// old data), FAILED_PRECONDITION for an unknown file version or a ring that another process has open,
// RESOURCE_EXHAUSTED if the disk is full (the old ring stays valid), UNAVAILABLE for other I/O errors. A change that
// failed may be tried again.
class KeyRing {
 public:
  // Steps of a rewrite, in order: a test can fail or stop at each.
  enum class Step { kBeforeWrite, kBeforeRename, kBeforeOverwrite, kDone };
  struct Options {
    // Fills `size` bytes with fresh randomness. Default: the operating system's.
    std::function<absl::Status(uint8_t* bytes, size_t size)> random;
    // Called at every step; a non-OK answer aborts the rewrite there, as a crash would.
    std::function<absl::Status(Step)> on_step;
  };

  // Makes a new, empty ring in `directory`. ALREADY_EXISTS if there is one.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Create(const std::string& directory, Options options);
  // Opens the ring in `directory`. NOT_FOUND if there is none.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Open(const std::string& directory, Options options);

  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;
  ~KeyRing();

  // Random identity, so that a store and its ring can recognise each other.
  std::string identity() const;

  // For keyed hashes of identifiers.
  SecretKey HashKey() const;
  // For values that live until an explicit trigger (due day Open()), and for erasure orders.
  SecretKey OpenKey() const;

  // Returns the key of `day`, minted and durable if there was none. FAILED_PRECONDITION if `day` was destroyed.
  // REQUIRES: day.is_civil().
  absl::StatusOr<SecretKey> ForDay(DueDay day);
  // The key of `day`, if there is one.
  std::optional<SecretKey> FindDay(DueDay day) const;
  // After OK, the keys of all days up to and including `last` exist nowhere on this machine. Destroying twice is OK.
  // REQUIRES: last.is_civil(), else INVALID_ARGUMENT.
  absl::Status DestroyDaysThrough(DueDay last);
  // The last day destroyed; DueDay::None() if none was.
  DueDay destroyed_through() const;

  // The same for PBXs. MintPbx returns the key if there is one already; FAILED_PRECONDITION if it was narrowed.
  absl::StatusOr<SecretKey> MintPbx(const PbxId& pbx);
  std::optional<SecretKey> FindPbx(const PbxId& pbx) const;
  // What the PBX's key yields for values that its end still needs: its order key, from which the key cannot be found.
  std::optional<SecretKey> FindPbxOrders(const PbxId& pbx) const;
  // After OK, of the PBX's key nothing but its order key exists on this machine. Does nothing without a key.
  absl::Status NarrowPbx(const PbxId& pbx);
  // Destroys both.
  absl::Status DestroyPbx(const PbxId& pbx);

  // The same for cohorts, named by their first civil day: the key under which people are hashed until the release.
  // FAILED_PRECONDITION if the cohort was destroyed.
  absl::StatusOr<SecretKey> ForCohort(DueDay first_day);
  std::optional<SecretKey> FindCohort(DueDay first_day) const;
  absl::Status DestroyCohortsThrough(DueDay last);
  DueDay cohorts_destroyed_through() const;

 private:
  KeyRing(std::string directory, Options options);
  struct DayFile {
    std::array<uint8_t, 16> identity{};
    SecretKey hash_key;
    SecretKey open_key;
    DueDay destroyed_through;
    DueDay cohorts_destroyed_through;
    std::map<DueDay, SecretKey> days;
    std::map<DueDay, SecretKey> cohorts;
  };
  struct PbxFile {
    std::map<PbxId, SecretKey> keys;
    std::map<PbxId, SecretKey> order_keys;  // of PBXs whose key was narrowed
    bool empty() const { return keys.empty() && order_keys.empty(); }
  };

  // Each writes `next` and, from the moment it has replaced the old file, takes it as the ring's state, even if a later
  // step fails.
  absl::Status WriteDays(DayFile next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WritePbxs(size_t shard, PbxFile next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SecretBytes EncodePbxs(size_t shard, const PbxFile& pbxs) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Rewrite(const std::string& name, std::string_view body, bool& replaced)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Wipes what an unfinished rewrite left behind.
  absl::Status Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WipeStaleFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Lock() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadDays(std::string_view body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadPbxs(size_t shard, std::string_view body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Draw(uint8_t* bytes, size_t size) const;
  absl::StatusOr<SecretKey> DrawKey() const;
  absl::Status Reach(Step step) const;

  const std::string directory_;
  const Options options_;
  int directory_fd_ = -1;  // holds the lock
  static constexpr size_t kPbxShards = 64;
  mutable Mutex mutex_;
  bool unfinished_ ABSL_GUARDED_BY(mutex_) = false;
  DayFile days_ ABSL_GUARDED_BY(mutex_);
  std::array<PbxFile, kPbxShards> pbxs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_KEY_RING_H_
