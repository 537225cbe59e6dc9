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
// Written out, because OpenSSL's allocates on every call.
SecretKey HmacSha256(const SecretKey& key, std::initializer_list<std::string_view> parts);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_HMAC_H_
