#include "storage/secrets/locked_bytes.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace retention {

LockedBytes::LockedBytes(size_t size) : size_(size) {
  if (size == 0) return;
  void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) std::abort();
  bytes_ = static_cast<uint8_t*>(pages);
  locked_ = ::mlock(pages, size) == 0;
  ::madvise(pages, size, MADV_DONTDUMP);
}

LockedBytes::LockedBytes(LockedBytes&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, true)) {}

LockedBytes& LockedBytes::operator=(LockedBytes&& other) noexcept {
  if (this == &other) return *this;
  Release();
  bytes_ = std::exchange(other.bytes_, nullptr);
  size_ = std::exchange(other.size_, 0);
  locked_ = std::exchange(other.locked_, true);
  return *this;
}

LockedBytes::~LockedBytes() { Release(); }

void LockedBytes::Resize(size_t size) {
  if (size == size_) return;
  LockedBytes next(size);
  if (const size_t kept = std::min(size, size_); kept > 0) std::memcpy(next.bytes_, bytes_, kept);
  *this = std::move(next);
}

void LockedBytes::Release() {
  if (bytes_ == nullptr) return;
  OPENSSL_cleanse(bytes_, size_);
  ::munmap(bytes_, size_);  // unlocks
  bytes_ = nullptr;
  size_ = 0;
}

}  // namespace retention
