// Exact discrete Gaussian noise (Canonne, Kamath, Steinke: "The Discrete Gaussian for Differential Privacy", 2020).
//
// Integer arithmetic only: floating-point noise has been broken by its low bits (Mironov 2012). No seed is kept; the
// random bits are wiped as soon as they are used. Not thread-safe.
#ifndef RETENTION_SERVER_ANONYMISATION_SAMPLER_H_
#define RETENTION_SERVER_ANONYMISATION_SAMPLER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/random_source.h"

namespace retention {

// Random bits, fetched from the source in blocks. After the first failure of the source every bit is 0 and ok() is
// false: a loop that waits for bits must ask ok().
class RandomBits {
 public:
  // REQUIRES: `source` outlives it.
  explicit RandomBits(RandomSource& source) : source_(source) {}
  RandomBits(const RandomBits&) = delete;
  RandomBits& operator=(const RandomBits&) = delete;
  ~RandomBits();

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  // Uniform in [0, 2^count). REQUIRES: count <= 56.
  uint64_t Take(int count);
  // Uniform in [0, bound), by rejection; 0 if not ok(). REQUIRES: 0 < bound <= 2^112.
  unsigned __int128 Below(unsigned __int128 bound);
  // Begins to count what one draw uses. A draw that eats 64 blocks has a probability below 2^-1000: it means that the
  // source repeats itself, and ends in INTERNAL instead of an endless loop.
  void BeginDraw() { blocks_ = 0; }

 private:
  void Refill();

  RandomSource& source_;
  absl::Status status_;
  std::array<uint8_t, 1024> block_{};
  size_t used_ = block_.size();
  uint64_t word_ = 0;  // bits taken from the block and not handed out yet
  int word_bits_ = 0;
  int blocks_ = 0;
};

// Draws from the discrete Gaussian of mean 0: P(x) proportional to exp(-x^2 / (2 sigma^2)) on the integers.
//
// Why nothing overflows: with sigma^2 <= 2^40 the scale is t <= 2^20 + 1. A proposal is refused beyond 2^17 t, so
// |y| t < 2^58, its distance from sigma^2 as well, and the square is below 2^116. Denominators are 2 sigma^2 t^2 <
// 2^82, times a k that cannot come to 2^13 within the bits that one draw may use: below 2^95.
class DiscreteGaussian {
 public:
  static constexpr int64_t kMaxVariance = int64_t{1} << 40;
  // REQUIRES: 0 < variance <= kMaxVariance (sigma^2, an integer); `source` outlives it.
  DiscreteGaussian(int64_t variance, RandomSource& source);

  // One draw. Fails as the source does, and for good: whatever is being released must be given up.
  absl::StatusOr<int64_t> Draw();

 private:
  using Wide = unsigned __int128;
  bool Bernoulli(Wide numerator, Wide denominator);
  bool BernoulliExpOne();
  bool BernoulliExp(Wide numerator, Wide denominator);
  uint64_t LaplaceMagnitude(bool* negative);

  const uint64_t variance_;
  const uint64_t scale_;  // t = floor(sigma) + 1, of the Laplace proposal
  RandomBits bits_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_SAMPLER_H_
