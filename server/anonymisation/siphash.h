// SipHash-2-4 (Aumasson, Bernstein 2012): a pseudo-random function of short inputs under a 128-bit key.
#ifndef RETENTION_SERVER_ANONYMISATION_SIPHASH_H_
#define RETENTION_SERVER_ANONYMISATION_SIPHASH_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace retention {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// Takes whole words, then the final one, which by the definition holds the last 0 to 7 bytes and the length.
class SipHash {
 public:
  explicit SipHash(const SipKey& key)
      : v0_(key.k0 ^ 0x736f6d6570736575ULL),
        v1_(key.k1 ^ 0x646f72616e646f6dULL),
        v2_(key.k0 ^ 0x6c7967656e657261ULL),
        v3_(key.k1 ^ 0x7465646279746573ULL) {}

  void Word(uint64_t word) {
    v3_ ^= word;
    Round();
    Round();
    v0_ ^= word;
  }
  // `tail` holds the bytes after the last whole word; `size` is that of the whole input.
  uint64_t Finish(size_t size, uint64_t tail = 0) {
    Word(tail | static_cast<uint64_t>(size) << 56);
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
  uint64_t v0_, v1_, v2_, v3_;
};

// Of bytes of any length.
inline uint64_t SipHashOf(const SipKey& key, std::string_view bytes) {
  SipHash hash(key);
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash.Word(word);
  }
  uint64_t tail = 0;
  if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
  return hash.Finish(bytes.size(), tail);
}

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_SIPHASH_H_
