// HMAC-SHA256 (RFC 2104).
#ifndef RETENTION_STORAGE_SECRETS_HMAC_H_
#define RETENTION_STORAGE_SECRETS_HMAC_H_

#include <initializer_list>
#include <string_view>

#include "storage/secrets/secret_key.h"

namespace retention {

// Of the concatenated parts. Written out, because OpenSSL's allocates on every call. Never fails: it ends the process
// if there is no memory for its first use in a thread, since a wrong key would be worse.
SecretKey HmacSha256(const SecretKey& key, std::initializer_list<std::string_view> parts);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_HMAC_H_
