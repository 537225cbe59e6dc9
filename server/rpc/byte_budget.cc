#include "server/rpc/byte_budget.h"

#include "server/base/errors.h"

namespace retention {

absl::Status MemoryFull() {
  return WithRetryDelay(ErrorWithReason(absl::StatusCode::kResourceExhausted, "MEMORY_FULL",
                                        "what this peer, or all together, have sent and not taken answers for takes as "
                                        "much memory as it may"),
                        ByteLimits::kRetryDelay);
}

ByteBudget::Share& ByteBudget::Share::operator=(Share&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(peer_, other.peer_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void ByteBudget::Share::Set(size_t bytes) {
  if (bytes == bytes_) return;
  budget_->Change(peer_, bytes_, bytes);
  bytes_ = bytes;
}

ByteBudget::Share ByteBudget::Share::Another(size_t bytes) const {
  Share other(budget_, peer_, 0);
  other.Set(bytes);
  return other;
}

std::optional<ByteBudget::Share> ByteBudget::Take(const std::string& peer, size_t bytes) {
  const MutexLock lock(mutex_);
  const auto held = of_peer_.find(peer);
  const size_t of_peer = held == of_peer_.end() ? 0 : held->second;
  if (taken_ + bytes > limits_.in_all || of_peer + bytes > limits_.per_peer) return std::nullopt;
  taken_ += bytes;
  if (bytes > 0) of_peer_[peer] += bytes;
  return Share(this, peer, bytes);
}

void ByteBudget::Change(const std::string& peer, size_t from, size_t to) {
  const MutexLock lock(mutex_);
  taken_ = taken_ - from + to;
  size_t& of_peer = of_peer_[peer];
  of_peer = of_peer - from + to;
  if (of_peer == 0) of_peer_.erase(peer);
}

size_t ByteBudget::taken() const {
  const MutexLock lock(mutex_);
  return taken_;
}

}  // namespace retention
