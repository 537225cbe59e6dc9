// A key of the ring, or one derived from it.
#ifndef RETENTION_STORAGE_SECRETS_SECRET_KEY_H_
#define RETENTION_STORAGE_SECRETS_SECRET_KEY_H_

#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace retention {

// 256 secret bits that wipe themselves. Does not stream.
class SecretKey {
 public:
  static constexpr size_t kBytes = 32;
  SecretKey() = default;
  explicit SecretKey(const std::array<uint8_t, kBytes>& bytes) : bytes_(bytes) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  const uint8_t* data() const { return bytes_.data(); }

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_SECRET_KEY_H_
