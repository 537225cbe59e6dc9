// The witness: what is remembered of a store beside its keys, so that a store, or a ring, of yesterday is told from one
// that has only crashed.
//
// Written after what it tells of is durable, and never before. So neither kill -9 nor a power cut leaves a store behind
// it; what does is that something was lost, or put back. See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_WITNESS_H_
#define RETENTION_STORAGE_SECRETS_WITNESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/ring_bytes.h"
#include "storage/store.h"

namespace retention {

struct Witness {
  uint32_t count = 0;  // how often it was written
  uint64_t store_id = 0;
  uint64_t ring_generation = 0;
  StoreProgress progress;  // acknowledged
  uint64_t ledger_size = 0;
  std::array<uint8_t, 32> ledger_head{};
  int64_t instant_us = 0;   // by the engine's clock, microseconds since 1970
  int64_t boottime_us = 0;  // CLOCK_BOOTTIME
  std::array<uint8_t, 16> boot_id{};
  // Of the engine's clock, see FORMAT.md.
  uint8_t clock = 0;         // 1: the machine's, 2: a simulated one, 0: it was not told (RTW1)
  uint8_t corrected_by = 0;  // the last correction that the ledger has not got; 0: none
  int64_t corrected_from_us = 0;
  int64_t corrected_to_us = 0;
  int64_t slack_us = 0;  // taken on trust since something vouched for the machine's clock
  uint8_t agreed = 0;    // 1: the machine's clock agreed with it

  friend bool operator==(const Witness&, const Witness&) = default;
};

inline constexpr size_t kWitnessBytes = 160;
std::array<uint8_t, kWitnessBytes> WitnessBytes(const Witness& witness);
// nullopt unless it is whole. Also reads the first version, of 128 bytes, which said nothing of the clock but the time.
std::optional<Witness> ReadWitness(ConstByteSpan bytes);

// File `witness` in each directory that holds a replica of a ring. Not thread-safe.
class WitnessFile {
 public:
  // Called before each write and sync; not OK: it fails.
  using OnIo = std::function<absl::Status(size_t directory)>;

  // Makes nothing: a directory, or file, need not be there. FAILED_PRECONDITION if what is there is no file.
  static absl::StatusOr<std::unique_ptr<WitnessFile>> Open(std::vector<std::string> directories, OnIo on_io = {});
  WitnessFile(const WitnessFile&) = delete;
  WitnessFile& operator=(const WitnessFile&) = delete;
  ~WitnessFile();

  // The last that was found whole, or written.
  const std::optional<Witness>& last() const { return last_; }
  // There was one, and nothing of it is whole in any directory: no crash leaves that behind.
  bool damaged() const { return damaged_; }

  // Writes `witness`, whose count is filled in, over the older of the two in each file, and makes it durable. A file is
  // opened anew where its path leads to another by now, or it failed before; it is not made on another volume than at
  // first. OK if it is in one directory; which of them failed last, says failure().
  absl::Status Write(Witness witness);
  const absl::Status& failure() const { return failure_; }

 private:
  struct File {
    std::string directory;
    std::optional<uint64_t> volume;  // on which it was first
    int fd = -1;
    absl::Status opening;   // not OK: it can be read alone
    bool failed = false;    // at its last write
    size_t next_place = 0;  // never that of the last one that is whole

    std::string Path() const;
    void Close();
  };
  struct Found {
    bool is_damaged = false;
    std::optional<Witness> last;
  };
  WitnessFile(std::vector<std::string> directories, OnIo on_io);
  static absl::Status Make(File& file);
  // Opens what is there, if there is one, and reads it.
  static absl::StatusOr<Found> Look(File& file);
  absl::Status WriteTo(size_t i, const std::array<uint8_t, kWitnessBytes>& bytes);

  const OnIo on_io_;
  std::vector<File> files_;
  std::optional<Witness> last_;
  bool damaged_ = false;
  absl::Status failure_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_WITNESS_H_
