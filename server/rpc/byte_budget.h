// One budget of bytes for all that peers can make the server hold: requests that wait, batches that are not durable,
// answers that nobody reads.
#ifndef RETENTION_SERVER_RPC_BYTE_BUDGET_H_
#define RETENTION_SERVER_RPC_BYTE_BUDGET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/rpc/limits.h"
#include "storage/mutex.h"

namespace retention {

// RESOURCE_EXHAUSTED with reason MEMORY_FULL and RetryInfo: nothing was done.
absl::Status MemoryFull();

// Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(const ByteLimits& limits) : limits_(limits) {}

  // What was taken; given back when it dies. REQUIRES: the budget outlives it; one thread at a time.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept { *this = std::move(other); }
    Share& operator=(Share&& other) noexcept;
    ~Share() { Set(0); }

    // From now on it is so many bytes. More are not refused: they are held already, and what comes next is refused.
    void Set(size_t bytes);
    size_t bytes() const { return bytes_; }
    // Another of the same peer, of so many bytes, which is not refused either. REQUIRES: this one was taken.
    Share Another(size_t bytes) const;

   private:
    friend class ByteBudget;
    Share(ByteBudget* budget, std::string peer, size_t bytes)
        : budget_(budget), peer_(std::move(peer)), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::string peer_;
    size_t bytes_ = 0;
  };

  // None if the peer, or all together, would then have more than they may.
  std::optional<Share> Take(const std::string& peer, size_t bytes);
  size_t taken() const;

 private:
  void Change(const std::string& peer, size_t from, size_t to);

  const ByteLimits limits_;
  mutable Mutex mutex_;
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, size_t> of_peer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_BYTE_BUDGET_H_
