// Sums and differences that wrap round: what was a difference once gives back what it was of, whatever that was.
#ifndef RETENTION_SERVER_BASE_WRAPPING_H_
#define RETENTION_SERVER_BASE_WRAPPING_H_

#include <cstdint>

namespace retention {

inline int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t WrappingDifference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_WRAPPING_H_
