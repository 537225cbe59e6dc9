// Where randomness comes from.
#ifndef RETENTION_STORAGE_RANDOM_SOURCE_H_
#define RETENTION_STORAGE_RANDOM_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace retention {

// Source of cryptographic randomness, handed in so that a run can be replayed. Thread-safe.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  // Fills `size` bytes, or fails: UNAVAILABLE. Never falls back to weaker randomness.
  virtual absl::Status Fill(uint8_t* bytes, size_t size) = 0;
};

// `bytes` random bytes, in hexadecimal.
absl::StatusOr<std::string> RandomHex(RandomSource& random, size_t bytes);

// The operating system's, by way of OpenSSL.
RandomSource& SystemRandom();

}  // namespace retention

#endif  // RETENTION_STORAGE_RANDOM_SOURCE_H_
