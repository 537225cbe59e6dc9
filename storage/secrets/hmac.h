// SHA-256, and HMAC-SHA256 (RFC 2104).
#ifndef RETENTION_STORAGE_SECRETS_HMAC_H_
#define RETENTION_STORAGE_SECRETS_HMAC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "storage/secrets/secret_key.h"

namespace retention {

// Both are of the concatenated parts, and never fail: they end the process if there is no memory for the first use in a
// thread, since a wrong key would be worse.
inline constexpr size_t kSha256Bytes = 32;
std::array<uint8_t, kSha256Bytes> Sha256(std::initializer_list<std::span<const uint8_t>> parts);
SecretKey HmacSha256(const SecretKey& key, std::initializer_list<std::string_view> parts);

// A key of many HMACs: what the digest makes of it is kept, which is half of the work of each. As secret as the key,
// and wipes itself as one.
class HmacKey {
 public:
  explicit HmacKey(const SecretKey& key);
  HmacKey(const HmacKey&) = default;
  HmacKey& operator=(const HmacKey&) = default;
  ~HmacKey();

  // HMAC-SHA256 of the concatenated parts.
  SecretKey Digest(std::initializer_list<std::string_view> parts) const;

 private:
  using State = std::array<uint32_t, kSha256Bytes / sizeof(uint32_t)>;

  State inner_;
  State outer_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_HMAC_H_
