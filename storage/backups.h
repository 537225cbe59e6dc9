// Backups: copies of a store in a directory of their own. Each is whole by itself; what several have alike lies there
// once.
//
// No key is in them: they hold what table files and logs hold, sealed.
#ifndef RETENTION_STORAGE_BACKUPS_H_
#define RETENTION_STORAGE_BACKUPS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"

namespace retention {

struct Backup {
  uint32_t number = 0;  // grows with each, and is never given again
  stored::v1::BackupNote note;
  uint64_t bytes = 0;  // with those of files that others have too
  uint32_t files = 0;
};

// Those in one directory. Thread-safe; one call waits for another, but for Stop.
//
// Errors: NOT_FOUND if there is no backup of that number; DATA_LOSS if it is damaged; RESOURCE_EXHAUSTED if a disk is
// full; UNAVAILABLE for other I/O errors; CANCELLED after Stop. Each is one line that names the path. What failed
// leaves all other backups as they were, and what is left of it goes with the next opening for writing.
class Backups {
 public:
  virtual ~Backups() = default;

  // Oldest first, but for the damaged ones. Looked at are the lists of their files and the files' sizes.
  virtual std::vector<Backup> List() const = 0;
  // Those of which that look, or the last Verify, found something missing or damaged.
  virtual std::vector<uint32_t> Damaged() const = 0;

  // Makes one of the store in directory `staged`, which nobody has open. Durable on return. Only files that no other
  // has yet are copied. REQUIRES: opened for writing.
  virtual absl::StatusOr<Backup> Create(const std::string& staged, const stored::v1::BackupNote& note) = 0;
  // Deletes one, be it damaged; on return its files, but for those that others have too, are gone for good. REQUIRES:
  // opened for writing.
  virtual absl::Status Prune(uint32_t number) = 0;
  // Reads all of its files, and compares their checksums with those that they had when they were copied. That it is
  // damaged is remembered in the directory, if it can be written, until it is verified as whole. DATA_LOSS names a
  // file.
  virtual absl::Status Verify(uint32_t number) const = 0;
  // Puts one back into `directory`, which is made, or is empty, with the mark by which a start knows it.
  // FAILED_PRECONDITION if anything lies in there; DATA_LOSS names a file.
  virtual absl::Status Restore(uint32_t number, const std::string& directory) const = 0;
  // From any thread: a Create or Verify that is under way gives up, after one more read or write, and so does each that
  // comes after it.
  virtual void Stop() = 0;
};

// The mark in a data directory; nullopt if there is none, or it cannot be read: then what lies there was put back by
// hand.
std::optional<stored::v1::RestoreMark> ReadRestoreMark(const std::string& directory);
// Durable on return.
absl::Status WriteRestoreMark(const std::string& directory, const stored::v1::RestoreMark& mark);
absl::Status RemoveRestoreMark(const std::string& directory);

// Makes the names in it durable. UNAVAILABLE with path and cause.
absl::Status SyncNames(const std::string& directory);

}  // namespace retention

#endif  // RETENTION_STORAGE_BACKUPS_H_
