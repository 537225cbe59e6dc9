// What a seal needs besides its key: a cipher context and a nonce, both too dear to be made for each.
#ifndef RETENTION_STORAGE_SECRETS_CIPHER_POOL_H_
#define RETENTION_STORAGE_SECRETS_CIPHER_POOL_H_

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "storage/mutex.h"
#include "storage/random_source.h"
#include "storage/secrets/envelope.h"

namespace retention {

// Thread-safe.
class CipherPool {
 public:
  // A cipher context that goes back to the pool.
  class Cipher {
   public:
    Cipher(CipherPool& pool, EVP_CIPHER_CTX* context, uint64_t generation)
        : pool_(pool), context_(context), generation_(generation) {}
    Cipher(const Cipher&) = delete;
    Cipher& operator=(const Cipher&) = delete;
    ~Cipher() { pool_.GiveBack(context_, generation_); }
    // Of AES-256-GCM; null if there was no memory for it.
    EVP_CIPHER_CTX* get() const { return context_; }

   private:
    CipherPool& pool_;
    EVP_CIPHER_CTX* const context_;
    const uint64_t generation_;
  };

  CipherPool() = default;
  CipherPool(const CipherPool&) = delete;
  CipherPool& operator=(const CipherPool&) = delete;
  ~CipherPool();

  // Borrow before the key is looked up: a Forget in between must find the context lent.
  Cipher Borrow();
  // Frees all contexts, for they hold schedules of keys: what is lent when it is given back.
  void Forget();

  // Fresh random bytes, none of which is ever handed out twice.
  absl::Status DrawNonce(RandomSource& random, uint8_t* nonce);

 private:
  static constexpr size_t kNonces = 341;  // 4 KiB
  void GiveBack(EVP_CIPHER_CTX* context, uint64_t generation);

  Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<EVP_CIPHER_CTX*> idle_ ABSL_GUARDED_BY(mutex_);
  Mutex nonce_mutex_;
  std::array<uint8_t, kNonces * kNonceBytes> nonces_ ABSL_GUARDED_BY(nonce_mutex_){};
  size_t nonces_left_ ABSL_GUARDED_BY(nonce_mutex_) = 0;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_CIPHER_POOL_H_
