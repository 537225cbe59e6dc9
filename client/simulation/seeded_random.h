// Random numbers that are the same on every machine for one seed (the standard library's distributions are not).
#pragma once

#include <cstdint>
#include <vector>

namespace retention {

// SplitMix64 (Steele, Lea, Flood 2014). Not for secrets. Thread-compatible.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // 0 to bound - 1. REQUIRES: bound > 0.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32); }

  // low to high, both included.
  int Between(int low, int high) { return low + static_cast<int>(Below(static_cast<uint32_t>(high - low + 1))); }

  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  bool Chance(double probability) { return Unit() < probability; }

  // The index of one weight. REQUIRES: weights are not all 0.
  template <typename Weights>
  int Weighted(const Weights& weights) {
    double total = 0;
    for (const double weight : weights) total += weight;
    double at = Unit() * total;
    int index = 0;
    for (const double weight : weights) {
      if ((at -= weight) < 0) return index;
      ++index;
    }
    return index - 1;
  }

  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(static_cast<uint32_t>(std::size(list)))];
  }

 private:
  uint64_t state_;
};

}  // namespace retention
