#include "storage/secrets/secret_seal.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>

#include "storage/secrets/hmac.h"

namespace retention {
namespace {

const EVP_CIPHER* FetchedXts() {
  static EVP_CIPHER* const xts = EVP_CIPHER_fetch(nullptr, "AES-256-XTS", nullptr);
  return xts;
}

}  // namespace

SecretSeal::Context SecretSeal::Make(const SecretKey& key, bool seals) {
  // Do not change: see FORMAT.md.
  const SecretKey halves[] = {HmacSha256(key, {"retention.v1 seal 1"}), HmacSha256(key, {"retention.v1 seal 2"})};
  std::array<uint8_t, 2 * SecretKey::kBytes> both{};
  std::memcpy(both.data(), halves[0].data(), SecretKey::kBytes);
  std::memcpy(both.data() + SecretKey::kBytes, halves[1].data(), SecretKey::kBytes);
  Context context(EVP_CIPHER_CTX_new());
  const bool ok = context != nullptr &&
                  EVP_CipherInit_ex2(context.get(), FetchedXts(), both.data(), nullptr, seals ? 1 : 0, nullptr) == 1;
  OPENSSL_cleanse(both.data(), both.size());
  if (!ok) std::abort();
  return context;
}

SecretSeal::SecretSeal(const SecretKey& key) : seals_(Make(key, true)), opens_(Make(key, false)) {}

SecretKey SecretSeal::Run(EVP_CIPHER_CTX* context, const Name& name, const SecretKey& in) {
  std::array<uint8_t, SecretKey::kBytes> out{};
  int size = 0;
  const bool ok = EVP_CipherInit_ex2(context, nullptr, nullptr, name.data(), -1, nullptr) == 1 &&
                  EVP_CipherUpdate(context, out.data(), &size, in.data(), SecretKey::kBytes) == 1 &&
                  size == static_cast<int>(out.size());
  if (!ok) std::abort();
  SecretKey made(out);
  OPENSSL_cleanse(out.data(), out.size());
  return made;
}

SecretKey SecretSeal::Seal(const Name& name, const SecretKey& secret) { return Run(seals_.get(), name, secret); }

SecretKey SecretSeal::Open(const Name& name, const SecretKey& sealed) { return Run(opens_.get(), name, sealed); }

}  // namespace retention
