// Random sources that can be replayed.
#ifndef RETENTION_TESTS_ANONYMISATION_TEST_RANDOM_H_
#define RETENTION_TESTS_ANONYMISATION_TEST_RANDOM_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "storage/random_source.h"

namespace retention {

// A fixed tape of bytes, from SplitMix64. Two of the same seed hold the same tape.
class Tape : public RandomSource {
 public:
  explicit Tape(uint64_t seed) : state_(seed) {}
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    if (fills_before_failure_ == 0) return absl::UnavailableError("no entropy");
    if (fills_before_failure_ > 0) --fills_before_failure_;
    for (size_t i = 0; i < size; ++i) {
      if (i % 8 == 0) word_ = Next();
      bytes[i] = static_cast<uint8_t>(word_ >> (8 * (i % 8)));
    }
    return absl::OkStatus();
  }
  // Fill fails from then on.
  void FailAfter(int fills) { fills_before_failure_ = fills; }

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Good enough for making test data.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(Next() % bound); }

 private:
  uint64_t state_;
  uint64_t word_ = 0;
  int fills_before_failure_ = -1;
};

// The same byte for ever.
class Stuck : public RandomSource {
 public:
  explicit Stuck(uint8_t byte) : byte_(byte) {}
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = byte_;
    return absl::OkStatus();
  }

 private:
  uint8_t byte_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_TEST_RANDOM_H_
