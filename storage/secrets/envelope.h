// The bytes of an envelope: version(1) = 2 | PbxKeyUse(1) | values(varint) | owner's number(varint) | nonce(12) |
// ciphertext | tag(16). See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_ENVELOPE_H_
#define RETENTION_STORAGE_SECRETS_ENVELOPE_H_

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/key_use.h"
#include "storage/secrets/personal.h"
#include "storage/secrets/secret_key.h"

namespace retention {

inline constexpr size_t kNonceBytes = 12;

// What an envelope says in the clear.
struct EnvelopeHeader {
  PbxKeyUse use = PbxKeyUse::kNotNeeded;
  uint32_t values = 0;
  uint64_t owner = 0;  // whose secret is needed; 0: nobody's
  size_t bytes = 0;    // its own length
};

// nullopt if the envelope is malformed or of an unknown version.
std::optional<EnvelopeHeader> ReadEnvelopeHeader(std::string_view envelope);

// INTERNAL: OpenSSL refused what it has to do, for want of memory, say.
absl::Status CryptoFailure();

// Envelope of `plaintext`, of which `facts` say all but the length, for the row `row_key`. `context`: a cipher context
// of AES-256-GCM; null: INTERNAL.
absl::StatusOr<std::string> SealUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const uint8_t* nonce,
                                      const EnvelopeHeader& facts, std::string_view row_key,
                                      const std::string& plaintext);

// DATA_LOSS if the envelope is not authentic for its row. REQUIRES: `header` was read from `envelope`.
absl::StatusOr<Personal> OpenUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const EnvelopeHeader& header,
                                   std::string_view row_key, std::string_view envelope);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ENVELOPE_H_
