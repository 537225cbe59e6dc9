// Memory for keys: locked, so that it is never swapped, and left out of core dumps.
#ifndef RETENTION_STORAGE_SECRETS_LOCKED_BYTES_H_
#define RETENTION_STORAGE_SECRETS_LOCKED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace retention {

// A run of bytes in pages of its own, wiped when it dies. Moves, does not copy, does not stream. Where the limit on
// locked memory (RLIMIT_MEMLOCK) is reached, the pages are not locked, which locked() tells. Aborts without memory.
class LockedBytes {
 public:
  LockedBytes() = default;
  explicit LockedBytes(size_t size);  // zeros
  LockedBytes(LockedBytes&& other) noexcept;
  LockedBytes& operator=(LockedBytes&& other) noexcept;
  LockedBytes(const LockedBytes&) = delete;
  LockedBytes& operator=(const LockedBytes&) = delete;
  ~LockedBytes();

  size_t size() const { return size_; }
  bool locked() const { return locked_; }
  uint8_t* data() { return bytes_; }
  const uint8_t* data() const { return bytes_; }
  std::span<uint8_t> span() { return {bytes_, size_}; }
  std::span<const uint8_t> span() const { return {bytes_, size_}; }
  // Of another size: what it held stays, as far as there is room; new bytes are zero. Nothing is left behind.
  void Resize(size_t size);

 private:
  void Release();

  uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  bool locked_ = true;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_LOCKED_BYTES_H_
