#include "storage/secrets/cipher_pool.h"

#include <cstring>

namespace retention {
namespace {

EVP_CIPHER_CTX* NewContext() {
  // Looked up once: a look-up costs more than a seal.
  static EVP_CIPHER* const aes_gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  if (context != nullptr) EVP_CipherInit_ex2(context, aes_gcm, nullptr, nullptr, 1, nullptr);
  return context;
}

}  // namespace

CipherPool::~CipherPool() { Forget(); }

CipherPool::Cipher CipherPool::Borrow() {
  const MutexLock lock(mutex_);
  if (idle_.empty()) return Cipher(*this, NewContext(), generation_);
  EVP_CIPHER_CTX* context = idle_.back();
  idle_.pop_back();
  return Cipher(*this, context, generation_);
}

void CipherPool::GiveBack(EVP_CIPHER_CTX* context, uint64_t generation) {
  if (context == nullptr) return;
  const MutexLock lock(mutex_);
  if (generation == generation_) {
    idle_.push_back(context);
  } else {
    EVP_CIPHER_CTX_free(context);  // may hold the schedule of a key that was destroyed meanwhile
  }
}

void CipherPool::Forget() {
  const MutexLock lock(mutex_);
  ++generation_;
  for (EVP_CIPHER_CTX* context : idle_) EVP_CIPHER_CTX_free(context);  // wipes the key schedule
  idle_.clear();
}

absl::Status CipherPool::DrawNonce(RandomSource& random, uint8_t* nonce) {
  const MutexLock lock(nonce_mutex_);
  if (nonces_left_ == 0) {
    if (absl::Status status = random.Fill(nonces_.data(), nonces_.size()); !status.ok()) return status;
    nonces_left_ = kNonces;
  }
  uint8_t* next = nonces_.data() + (kNonces - nonces_left_) * kNonceBytes;
  std::memcpy(nonce, next, kNonceBytes);
  std::memset(next, 0, kNonceBytes);
  --nonces_left_;
  return absl::OkStatus();
}

}  // namespace retention
