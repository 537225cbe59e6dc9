// Where randomness comes from.
#ifndef RETENTION_STORAGE_RANDOM_SOURCE_H_
#define RETENTION_STORAGE_RANDOM_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace retention {

// Source of cryptographic randomness, handed in so that a run can be replayed. Thread-safe.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  // Fills `size` bytes, or fails: UNAVAILABLE. Never falls back to weaker randomness.
  virtual absl::Status Fill(uint8_t* bytes, size_t size) = 0;
};

// The operating system's, by way of OpenSSL.
RandomSource& SystemRandom();

}  // namespace retention

#endif  // RETENTION_STORAGE_RANDOM_SOURCE_H_
