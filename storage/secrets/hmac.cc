#include "storage/secrets/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace retention {
namespace {

constexpr size_t kHashBlockBytes = 64;  // of SHA-256

// OpenSSL's, looked up once: each look-up costs more than a seal.
const EVP_MD* FetchedSha256() {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return sha256;
}

// One digest context per thread; it holds no key between calls, only the last digest.
EVP_MD_CTX* ThreadDigest() {
  struct Owner {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~Owner() { EVP_MD_CTX_free(context); }
  };
  static thread_local const Owner owner;
  return owner.context;
}

}  // namespace

std::array<uint8_t, kSha256Bytes> Sha256(std::initializer_list<std::span<const uint8_t>> parts) {
  EVP_MD_CTX* digest = ThreadDigest();
  std::array<uint8_t, kSha256Bytes> out{};
  bool ok = EVP_DigestInit_ex2(digest, FetchedSha256(), nullptr) == 1;
  for (const auto part : parts) ok = ok && EVP_DigestUpdate(digest, part.data(), part.size()) == 1;
  ok = ok && EVP_DigestFinal_ex(digest, out.data(), nullptr) == 1;
  if (!ok) std::abort();
  return out;
}

SecretKey HmacSha256(const SecretKey& key, std::initializer_list<std::string_view> parts) {
  std::array<uint8_t, kHashBlockBytes> pad{};
  EVP_MD_CTX* digest = ThreadDigest();
  std::array<uint8_t, SecretKey::kBytes> out{};
  for (size_t i = 0; i < pad.size(); ++i) pad[i] = (i < SecretKey::kBytes ? key.data()[i] : 0) ^ 0x36;
  bool ok = EVP_DigestInit_ex2(digest, FetchedSha256(), nullptr) == 1 &&
            EVP_DigestUpdate(digest, pad.data(), pad.size()) == 1;
  for (const std::string_view part : parts) ok = ok && EVP_DigestUpdate(digest, part.data(), part.size()) == 1;
  ok = ok && EVP_DigestFinal_ex(digest, out.data(), nullptr) == 1;
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5C;
  ok = ok && EVP_DigestInit_ex2(digest, FetchedSha256(), nullptr) == 1 &&
       EVP_DigestUpdate(digest, pad.data(), pad.size()) == 1 && EVP_DigestUpdate(digest, out.data(), out.size()) == 1 &&
       EVP_DigestFinal_ex(digest, out.data(), nullptr) == 1;
  OPENSSL_cleanse(pad.data(), pad.size());
  if (!ok) std::abort();
  SecretKey made(out);
  OPENSSL_cleanse(out.data(), out.size());
  return made;
}

}  // namespace retention
