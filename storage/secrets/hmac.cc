#include "storage/secrets/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iterator>

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

// OpenSSL discourages its digest without contexts from providers; but the other way to it takes twice as long, and
// cannot go on from a state without asking for memory.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

// The digest as it is after the block that led to `state`.
SHA256_CTX After(const uint32_t* state) {
  SHA256_CTX digest;
  SHA256_Init(&digest);
  std::copy_n(state, std::size(digest.h), digest.h);
  digest.Nl = 8 * kHashBlockBytes;
  return digest;
}

void Absorb(const std::array<uint8_t, kHashBlockBytes>& block, uint32_t* state) {
  SHA256_CTX digest;
  SHA256_Init(&digest);
  SHA256_Update(&digest, block.data(), block.size());
  std::copy_n(digest.h, std::size(digest.h), state);
  OPENSSL_cleanse(&digest, sizeof(digest));
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

HmacKey::HmacKey(const SecretKey& key) {
  std::array<uint8_t, kHashBlockBytes> pad{};
  for (size_t i = 0; i < pad.size(); ++i) pad[i] = (i < SecretKey::kBytes ? key.data()[i] : 0) ^ 0x36;
  Absorb(pad, inner_.data());
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5C;
  Absorb(pad, outer_.data());
  OPENSSL_cleanse(pad.data(), pad.size());
}

HmacKey::~HmacKey() {
  OPENSSL_cleanse(inner_.data(), sizeof(inner_));
  OPENSSL_cleanse(outer_.data(), sizeof(outer_));
}

SecretKey HmacKey::Digest(std::initializer_list<std::string_view> parts) const {
  std::array<uint8_t, SecretKey::kBytes> out{};
  SHA256_CTX digest = After(inner_.data());
  for (const std::string_view part : parts) SHA256_Update(&digest, part.data(), part.size());
  SHA256_Final(out.data(), &digest);
  digest = After(outer_.data());
  SHA256_Update(&digest, out.data(), out.size());
  SHA256_Final(out.data(), &digest);
  OPENSSL_cleanse(&digest, sizeof(digest));
  SecretKey made(out);
  OPENSSL_cleanse(out.data(), out.size());
  return made;
}

SecretKey HmacSha256(const SecretKey& key, std::initializer_list<std::string_view> parts) {
  return HmacKey(key).Digest(parts);
}

#pragma GCC diagnostic pop

}  // namespace retention
