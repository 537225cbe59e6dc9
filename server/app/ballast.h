// Room on the data's volume that is kept for a full disk.
//
// A file that takes up room and is given back when nothing else is left: so what is due can be dropped, and the store
// opened again. It is laid anew when there is room.
#ifndef RETENTION_SERVER_APP_BALLAST_H_
#define RETENTION_SERVER_APP_BALLAST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class Ballast {
 public:
  // What it takes unless told otherwise: a flush of every memtable but the largest, and a log.
  static constexpr uint64_t kDefaultBytes = 128ull << 20;
  // It takes no more than this part of the volume.
  static constexpr uint64_t kPartOfVolume = 8;
  // What would be smaller is none.
  static constexpr uint64_t kLeastBytes = 1ull << 20;

  struct Volume {
    uint64_t bytes = 0;
    uint64_t free = 0;
  };
  // That of a directory; zeros if it is not known.
  static Volume VolumeOf(const std::string& directory);
  using Look = std::function<Volume(const std::string& directory)>;

  // File `ballast` in `directory`, of up to `bytes`; 0: none. Takes up one that is there. `look`: for tests.
  Ballast(std::string directory, uint64_t bytes, Look look = VolumeOf);

  // Lays it if it is not there, and as much as it takes would still be free. Returns whether it was laid now. One that
  // cannot be laid is missed by nobody, unless it was given back.
  bool Lay();
  // Gives it back; returns whether there was one.
  bool Release();
  // RESOURCE_EXHAUSTED from when it was given back until it is laid again: what takes room is to wait.
  absl::Status status() const;
  // What it holds.
  uint64_t bytes() const { return held_.load(); }

 private:
  uint64_t SizeOn(const Volume& volume) const;

  const std::string directory_;
  const std::string path_;
  const uint64_t most_;
  const Look look_;
  Mutex mutex_;  // of who changes it
  std::atomic<uint64_t> held_ = 0;
  std::atomic<bool> given_back_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_APP_BALLAST_H_
