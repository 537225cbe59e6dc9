#include "server/anonymisation/sampler.h"

#include <openssl/crypto.h>

#include <bit>

namespace retention {
namespace {

// floor(sqrt(value)) without floating point. REQUIRES: value < 2^62.
uint64_t IntegerSquareRoot(uint64_t value) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= value) root |= bit;
  }
  return root;
}

// A proposal of more scales than this has a probability of exp(-131,072): the source is broken.
constexpr uint64_t kMostScales = uint64_t{1} << 17;
constexpr int kBlocksPerDraw = 64;

}  // namespace

RandomBits::~RandomBits() {
  OPENSSL_cleanse(block_.data(), block_.size());
  OPENSSL_cleanse(&word_, sizeof(word_));
}

void RandomBits::Refill() {
  used_ = 0;
  if (status_.ok() && ++blocks_ > kBlocksPerDraw) status_ = absl::InternalError("the random source repeats itself");
  if (status_.ok()) status_ = source_.Fill(block_.data(), block_.size());
  if (!status_.ok()) OPENSSL_cleanse(block_.data(), block_.size());
}

uint64_t RandomBits::Take(int count) {
  while (word_bits_ < count) {
    if (used_ == block_.size()) Refill();
    word_ |= static_cast<uint64_t>(block_[used_]) << word_bits_;
    block_[used_++] = 0;
    word_bits_ += 8;
  }
  const uint64_t bits = word_ & ((uint64_t{1} << count) - 1);
  word_ >>= count;
  word_bits_ -= count;
  return ok() ? bits : 0;
}

unsigned __int128 RandomBits::Below(unsigned __int128 bound) {
  constexpr int kHalf = 56;
  const unsigned __int128 last = bound - 1;
  const int high_width = std::bit_width(static_cast<uint64_t>(last >> kHalf));
  const int low_width = high_width > 0 ? kHalf : std::bit_width(static_cast<uint64_t>(last));
  while (true) {
    unsigned __int128 candidate = high_width > 0 ? Take(high_width) : 0;
    candidate = candidate << kHalf | Take(low_width);
    if (!ok()) return 0;
    if (candidate < bound) return candidate;
  }
}

DiscreteGaussian::DiscreteGaussian(int64_t variance, RandomSource& source)
    : variance_(static_cast<uint64_t>(variance)), scale_(IntegerSquareRoot(variance_) + 1), bits_(source) {}

bool DiscreteGaussian::Bernoulli(Wide numerator, Wide denominator) { return bits_.Below(denominator) < numerator; }

bool DiscreteGaussian::BernoulliExpOne() {
  // Algorithm 1 for gamma = 1: the first k with Bernoulli(1/k) = 0 is odd.
  uint64_t k = 1;
  while (bits_.ok() && Bernoulli(1, k)) ++k;
  return k % 2 == 1;
}

// Bernoulli(exp(-numerator / denominator)), algorithm 1.
bool DiscreteGaussian::BernoulliExp(Wide numerator, Wide denominator) {
  while (numerator > denominator) {
    if (!bits_.ok() || !BernoulliExpOne()) return false;
    numerator -= denominator;
  }
  uint64_t k = 1;
  while (bits_.ok() && Bernoulli(numerator, denominator * k)) ++k;
  return k % 2 == 1;
}

// Discrete Laplace of scale t, algorithm 2.
uint64_t DiscreteGaussian::LaplaceMagnitude(bool* negative) {
  while (bits_.ok()) {
    const auto low = static_cast<uint64_t>(bits_.Below(scale_));
    if (!BernoulliExp(low, scale_)) continue;
    uint64_t high = 0;
    while (bits_.ok() && BernoulliExpOne()) ++high;
    const uint64_t magnitude = low + scale_ * high;
    *negative = bits_.Take(1) == 1;
    if (*negative && magnitude == 0) continue;  // zero would be twice as likely
    return magnitude;
  }
  return 0;
}

// Algorithm 3.
absl::StatusOr<int64_t> DiscreteGaussian::Draw() {
  const Wide denominator = Wide{2} * variance_ * scale_ * scale_;
  bits_.BeginDraw();
  while (bits_.ok()) {
    bool negative = false;
    const uint64_t magnitude = LaplaceMagnitude(&negative);
    if (magnitude > kMostScales * scale_) return absl::InternalError("the random source is broken");
    // exp(-(|y| - sigma^2/t)^2 / (2 sigma^2)), numerator and denominator times t^2.
    const Wide scaled = Wide{magnitude} * scale_;
    const Wide distance = scaled > variance_ ? scaled - variance_ : variance_ - scaled;
    const bool keep = BernoulliExp(distance * distance, denominator);
    if (!bits_.ok()) break;
    if (keep) return negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
  }
  return bits_.status();
}

}  // namespace retention
