// Randomness of a run: everything that is drawn follows from its seed.
#ifndef RETENTION_TESTS_SIMULATION_RANDOM_H_
#define RETENTION_TESTS_SIMULATION_RANDOM_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "storage/random_source.h"

namespace retention::simulation {

// SplitMix64: the same numbers on every platform, unlike the distributions of the standard library.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // 0 to `bound` - 1. REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // From `low` to `high`, both included.
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low + 1)));
  }
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }

 private:
  uint64_t state_;
};

// The engine's randomness. Thread-safe.
class SeededRandom : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : dice_(seed) {}
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(dice_.Next() >> 24);
    return absl::OkStatus();
  }

 private:
  std::mutex mutex_;
  Dice dice_;  // guarded by mutex_
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_RANDOM_H_
