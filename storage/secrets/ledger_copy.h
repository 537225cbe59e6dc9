// The ledger's copy beside the keys, so that a store which is put back has what was entered since.
//
// It follows the store and is never ahead of it, for what is entered is copied from there: what a crash keeps from it
// is copied at the next start. See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_LEDGER_COPY_H_
#define RETENTION_STORAGE_SECRETS_LEDGER_COPY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/ledger_chain.h"

namespace retention {

// File `ledger` in a directory. Not thread-safe. Bounded in memory by a run of entries.
//
// Errors: RESOURCE_EXHAUSTED if the disk is full, UNAVAILABLE for other I/O errors; what failed is not there, and may
// be tried again.
class LedgerCopy {
 public:
  struct Entry {
    std::string leaf;
    std::string hash;  // of the chain up to it
  };
  // Called before each write and sync; not OK: it fails.
  using OnIo = std::function<absl::Status()>;

  // Opens what is there, and makes nothing. A tail that does not follow is cut off: torn, if it is the last entry.
  // `ring_identity`: 16 bytes; a copy beside another ring is FAILED_PRECONDITION. `durable`: so many entries are known
  // to be (by the witness); those beyond are looked at one by one. One that is
  // out of reach is as good as none, until FollowPath finds it.
  static absl::StatusOr<std::unique_ptr<LedgerCopy>> Open(const std::string& directory, std::string_view ring_identity,
                                                          uint64_t durable, OnIo on_io = {});
  LedgerCopy(const LedgerCopy&) = delete;
  LedgerCopy& operator=(const LedgerCopy&) = delete;
  ~LedgerCopy();

  // Where its path leads to another file by now, or to none, goes on with that, and says so: what it has may be of
  // another time. One that failed is opened anew. Errors as Open.
  absl::StatusOr<bool> FollowPath();

  uint64_t size() const { return last_.size; }
  const std::string& head() const { return last_.head; }
  // That the opening cut off.
  uint64_t cut_bytes() const { return cut_bytes_; }
  // Whether it was damaged, and is written anew: what follows speaks for itself.
  bool header_mended() const { return header_mended_; }

  // Adds entries; durable after Sync. INVALID_ARGUMENT if they do not follow.
  absl::Status Append(std::span<const Entry> entries);
  absl::Status Sync();
  // Keeps the first `size` entries.
  absl::Status CutTo(uint64_t size);
  // Calls `visit(sequence, entry)` for all from `first` on, until it says no. DATA_LOSS if one does not follow from the
  // one before.
  absl::Status Visit(uint64_t first, absl::FunctionRef<bool(uint64_t, const Entry&)> visit) const;

 private:
  struct Record {
    uint64_t sequence = 0;
    Entry entry;
    uint64_t end = 0;
  };
  struct Place {
    uint64_t size = 0;
    std::string head = LedgerBeginning();
    uint64_t end = 0;  // of its last record, in bytes
  };
  LedgerCopy(std::string directory, std::string_view ring_identity, OnIo on_io);
  std::string Header() const;
  bool IsOfAnotherRing(std::string_view header) const;
  absl::Status WriteHeader();
  std::string Path() const;
  void Close();
  // What is there, if anything.
  absl::Status OpenFile(uint64_t durable);
  absl::Status Make();
  absl::Status Truncate(uint64_t bytes);
  // nullopt if there is no whole record.
  absl::StatusOr<std::optional<Record>> ReadAt(uint64_t offset) const;
  absl::StatusOr<std::optional<Record>> ReadBefore(uint64_t end) const;
  absl::StatusOr<bool> ReadFully(uint64_t offset, char* out, size_t size) const;
  // Takes the last record for the end if it, and what may not be durable before it, follow from one another.
  absl::StatusOr<bool> FindEnd(uint64_t bytes, uint64_t durable);
  // Goes over all from the beginning.
  absl::Status SeekEnd();

  const std::string directory_;
  const std::string ring_identity_;
  const OnIo on_io_;
  int fd_ = -1;
  std::optional<uint64_t> volume_;  // on which it was first
  bool failed_ = false;             // since it was opened
  Place last_;
  Place synced_;
  uint64_t cut_bytes_ = 0;
  bool header_mended_ = false;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_LEDGER_COPY_H_
