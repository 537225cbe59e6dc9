// How a secret of the ring lies on its disk: 32 bytes that only who has the key of its entries, or of its block, can
// read.
#ifndef RETENTION_STORAGE_SECRETS_SECRET_SEAL_H_
#define RETENTION_STORAGE_SECRETS_SECRET_SEAL_H_

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>

#include "storage/secrets/secret_key.h"

namespace retention {

// AES-256-XTS (NIST SP 800-38E), as disks are encrypted: what lies at one place may be overwritten under the same key
// any number of times, and takes no more bytes. A seal says nothing of whether it was tampered with: what opens is then
// another secret, which opens no envelope. Not thread-safe. Aborts without memory.
class SecretSeal {
 public:
  // What the secret is of: no two secrets under one key have the same.
  using Name = std::array<uint8_t, 16>;

  explicit SecretSeal(const SecretKey& key);

  SecretKey Seal(const Name& name, const SecretKey& secret);
  SecretKey Open(const Name& name, const SecretKey& sealed);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;
  static Context Make(const SecretKey& key, bool seals);
  static SecretKey Run(EVP_CIPHER_CTX* context, const Name& name, const SecretKey& in);

  const Context seals_;
  const Context opens_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_SECRET_SEAL_H_
