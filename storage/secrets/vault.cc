#include "storage/secrets/vault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr uint8_t kVersion = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kVarintBytesMax = 5;
constexpr size_t kHeaderBytesMax = 2 + kVarintBytesMax;
constexpr std::string_view kFiledLabel = "retention.v1 filed";
constexpr std::string_view kStateLabel = "retention.v1 state";

constexpr size_t kBlockBytes = 64;   // of SHA-256
constexpr size_t kDigestBytes = 32;  // of SHA-256

// OpenSSL's algorithms, looked up once: each look-up costs more than a seal.
struct Algorithms {
  EVP_CIPHER* aes_gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_KDF* hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
};

const Algorithms& Fetched() {
  static const Algorithms algorithms;
  return algorithms;
}

absl::Status CryptoFailure() { return absl::InternalError("vault: OpenSSL failed"); }

// What an envelope says in the clear.
struct Header {
  PbxKeyUse use = PbxKeyUse::kNotNeeded;
  uint32_t values = 0;
  size_t bytes = 0;  // its own length
};

size_t WriteHeader(PbxKeyUse use, uint32_t values, char* out) {
  size_t size = 0;
  out[size++] = static_cast<char>(kVersion);
  out[size++] = static_cast<char>(use);
  for (; values >= 0x80; values >>= 7) out[size++] = static_cast<char>((values & 0x7F) | 0x80);
  out[size++] = static_cast<char>(values);
  return size;
}

std::optional<Header> ReadHeader(std::string_view envelope) {
  if (envelope.size() < 3 + kNonceBytes + kTagBytes || static_cast<uint8_t>(envelope[0]) != kVersion) {
    return std::nullopt;
  }
  Header header{.use = static_cast<PbxKeyUse>(envelope[1])};
  if (header.use > PbxKeyUse::kForOrders) return std::nullopt;
  uint64_t values = 0;
  size_t at = 2;
  for (int shift = 0;; shift += 7, ++at) {
    if (at == kHeaderBytesMax) return std::nullopt;
    const uint8_t byte = static_cast<uint8_t>(envelope[at]);
    values |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (values > UINT32_MAX) return std::nullopt;
  header.values = static_cast<uint32_t>(values);
  header.bytes = at + 1;
  if (envelope.size() < header.bytes + kNonceBytes + kTagBytes) return std::nullopt;
  return header;
}

class SystemRandomSource : public RandomSource {
 public:
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    if (RAND_bytes(bytes, static_cast<int>(size)) == 1) return absl::OkStatus();
    return absl::UnavailableError("vault: no randomness");
  }
};

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// One digest context per thread; it holds no key between calls, only the last digest.
EVP_MD_CTX* ThreadDigest() {
  struct Owner {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~Owner() { EVP_MD_CTX_free(context); }
  };
  static thread_local const Owner owner;
  return owner.context;
}

// HMAC-SHA256 (RFC 2104) of the concatenated parts, truncated. Written out, because EVP_MAC allocates on every call.
std::array<uint8_t, 16> Hmac(const uint8_t* key, std::initializer_list<std::string_view> parts) {
  std::array<uint8_t, kBlockBytes> pad{};
  EVP_MD_CTX* digest = ThreadDigest();
  std::array<uint8_t, kDigestBytes> out{};
  for (size_t i = 0; i < kBlockBytes; ++i) pad[i] = (i < SecretKey::kBytes ? key[i] : 0) ^ 0x36;
  bool ok = EVP_DigestInit_ex2(digest, Fetched().sha256, nullptr) == 1 &&
            EVP_DigestUpdate(digest, pad.data(), pad.size()) == 1;
  for (const std::string_view part : parts) ok = ok && EVP_DigestUpdate(digest, part.data(), part.size()) == 1;
  ok = ok && EVP_DigestFinal_ex(digest, out.data(), nullptr) == 1;
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5C;
  ok = ok && EVP_DigestInit_ex2(digest, Fetched().sha256, nullptr) == 1 &&
       EVP_DigestUpdate(digest, pad.data(), pad.size()) == 1 && EVP_DigestUpdate(digest, out.data(), out.size()) == 1 &&
       EVP_DigestFinal_ex(digest, out.data(), nullptr) == 1;
  OPENSSL_cleanse(pad.data(), pad.size());
  // SHA-256 over memory fails only for want of memory or of the algorithm; a wrong key would be worse than an end.
  if (!ok) std::abort();
  std::array<uint8_t, 16> truncated{};
  std::memcpy(truncated.data(), out.data(), truncated.size());
  return truncated;
}

}  // namespace

RandomSource& SystemRandom() {
  static SystemRandomSource source;
  return source;
}

// Names a derived key.
struct Vault::Derived {
  DueDay day;
  PbxId pbx;
  PbxKeyUse use = PbxKeyUse::kNotNeeded;

  friend bool operator==(const Derived&, const Derived&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Derived& derived) {
    return H::combine(std::move(h), derived.day, derived.pbx, derived.use);
  }
};

// What makes sealing fast: derived keys, cipher contexts and nonces at hand. Thread-safe.
class Vault::Cache {
 public:
  // A cipher context that goes back to the pool.
  class Cipher {
   public:
    Cipher(Cache& cache, EVP_CIPHER_CTX* context, uint64_t generation)
        : cache_(cache), context_(context), generation_(generation) {}
    Cipher(const Cipher&) = delete;
    Cipher& operator=(const Cipher&) = delete;
    ~Cipher() { cache_.GiveBack(context_, generation_); }
    EVP_CIPHER_CTX* get() const { return context_; }

   private:
    Cache& cache_;
    EVP_CIPHER_CTX* const context_;
    const uint64_t generation_;
  };

  explicit Cache(const SecretKey& hash_key) : hash_key_(hash_key) {}
  ~Cache() {
    for (EVP_CIPHER_CTX* context : idle_) EVP_CIPHER_CTX_free(context);  // wipes the key schedule
  }

  const SecretKey& hash_key() const { return hash_key_; }

  // Changes with every Forget: a key looked up before may not be kept after.
  uint64_t generation() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return generation_;
  }

  std::optional<SecretKey> Find(const Derived& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = places_.find(name);
    if (found == places_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }

  void Keep(const Derived& name, const SecretKey& key, uint64_t generation) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (generation != generation_ || places_.contains(name)) return;
    entries_.emplace_front(name, key);
    places_.emplace(name, entries_.begin());
    if (entries_.size() <= kEntriesMax) return;
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }

  template <typename Predicate>
  void Forget(Predicate predicate) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++generation_;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (predicate(entry->first)) {
        places_.erase(entry->first);
        entry = entries_.erase(entry);
      } else {
        ++entry;
      }
    }
    for (EVP_CIPHER_CTX* context : idle_) EVP_CIPHER_CTX_free(context);
    idle_.clear();
  }

  Cipher Borrow() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return Cipher(*this, NewContext(), generation_);
    EVP_CIPHER_CTX* context = idle_.back();
    idle_.pop_back();
    return Cipher(*this, context, generation_);
  }

  // Fresh random bytes, none of which is ever handed out twice.
  absl::Status DrawNonce(RandomSource& random, uint8_t* nonce) {
    const std::lock_guard<std::mutex> lock(nonce_mutex_);
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

 private:
  // About 2 MiB: the days and PBXs that are written to in the course of an hour.
  static constexpr size_t kEntriesMax = 16384;
  static constexpr size_t kNonces = 341;  // 4 KiB

  static EVP_CIPHER_CTX* NewContext() {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    if (context != nullptr) EVP_CipherInit_ex2(context, Fetched().aes_gcm, nullptr, nullptr, 1, nullptr);
    return context;
  }

  void GiveBack(EVP_CIPHER_CTX* context, uint64_t generation) {
    if (context == nullptr) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (generation == generation_) {
      idle_.push_back(context);
    } else {
      EVP_CIPHER_CTX_free(context);  // may hold the schedule of a key that was destroyed meanwhile
    }
  }

  const SecretKey hash_key_;  // never changes, and must not wait for the ring's disk
  std::mutex mutex_;
  uint64_t generation_ = 0;                                            // guarded by mutex_
  std::list<std::pair<Derived, SecretKey>> entries_;                   // guarded by mutex_; used last first
  absl::flat_hash_map<Derived, decltype(entries_)::iterator> places_;  // guarded by mutex_
  std::vector<EVP_CIPHER_CTX*> idle_;                                  // guarded by mutex_
  std::mutex nonce_mutex_;
  std::array<uint8_t, kNonces * kNonceBytes> nonces_{};  // guarded by nonce_mutex_
  size_t nonces_left_ = 0;                               // guarded by nonce_mutex_
};

namespace {

// HKDF-SHA256 (RFC 5869), no salt: the input is uniform already.
absl::StatusOr<SecretKey> Expand(std::initializer_list<const SecretKey*> inputs, std::string_view info) {
  std::array<uint8_t, 2 * SecretKey::kBytes> input{};
  size_t input_bytes = 0;
  for (const SecretKey* key : inputs) {
    std::memcpy(input.data() + input_bytes, key->data(), SecretKey::kBytes);
    input_bytes += SecretKey::kBytes;
  }
  std::array<uint8_t, SecretKey::kBytes> output{};
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, input.data(), input_bytes),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(Fetched().hkdf);
  const bool ok = context != nullptr && EVP_KDF_derive(context, output.data(), output.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);  // wipes its copy of the input
  SecretKey key(output);
  OPENSSL_cleanse(input.data(), input.size());
  OPENSSL_cleanse(output.data(), output.size());
  if (!ok) return CryptoFailure();
  return key;
}

// Envelope of `plaintext`; `context` must be a cipher context of AES-256-GCM.
absl::StatusOr<std::string> SealUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const uint8_t* nonce,
                                      PbxKeyUse use, uint32_t values, std::string_view row_key,
                                      const std::string& plaintext) {
  if (context == nullptr) return CryptoFailure();
  char header[kHeaderBytesMax];
  const size_t header_bytes = WriteHeader(use, values, header);
  std::string envelope;
  envelope.resize(header_bytes + kNonceBytes + plaintext.size() + kTagBytes);
  char* at = envelope.data();
  std::memcpy(at, header, header_bytes);
  std::memcpy(at + header_bytes, nonce, kNonceBytes);
  uint8_t* sealed = reinterpret_cast<uint8_t*>(at) + header_bytes + kNonceBytes;
  uint8_t* tag = sealed + plaintext.size();
  int size = 0;
  const bool ok = EVP_CipherInit_ex2(context, nullptr, key.data(), nonce, 1, nullptr) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, reinterpret_cast<uint8_t*>(header),
                                   static_cast<int>(header_bytes)) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(row_key), static_cast<int>(row_key.size())) == 1 &&
                  EVP_CipherUpdate(context, sealed, &size, Bytes(plaintext), static_cast<int>(plaintext.size())) == 1 &&
                  EVP_CipherFinal_ex(context, tag, &size) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
  if (!ok) return CryptoFailure();
  return envelope;
}

absl::StatusOr<Personal> OpenUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const Header& header,
                                   std::string_view row_key, std::string_view envelope) {
  if (context == nullptr) return CryptoFailure();
  const uint8_t* nonce = Bytes(envelope) + header.bytes;
  const uint8_t* sealed = nonce + kNonceBytes;
  const size_t sealed_bytes = envelope.size() - header.bytes - kNonceBytes - kTagBytes;
  std::array<uint8_t, kTagBytes> tag{};
  std::memcpy(tag.data(), sealed + sealed_bytes, kTagBytes);
  std::string plaintext(sealed_bytes, '\0');
  int size = 0;
  const bool ok = EVP_CipherInit_ex2(context, nullptr, key.data(), nonce, 0, nullptr) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(envelope), static_cast<int>(header.bytes)) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(row_key), static_cast<int>(row_key.size())) == 1 &&
                  EVP_CipherUpdate(context, reinterpret_cast<uint8_t*>(plaintext.data()), &size, sealed,
                                   static_cast<int>(sealed_bytes)) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1;
  Personal opened(std::move(plaintext));  // wiped if it is not authentic
  uint8_t rest[kTagBytes];
  if (!ok) return CryptoFailure();
  if (EVP_CipherFinal_ex(context, rest, &size) != 1) {
    return absl::DataLossError("vault: an envelope is not authentic for its row");
  }
  return opened;
}

absl::Status Malformed() { return absl::DataLossError("vault: an envelope is malformed or of an unknown version"); }

}  // namespace

Vault::Vault(KeyRing& ring, RandomSource& random)
    : ring_(ring), random_(random), cache_(std::make_unique<Cache>(ring.HashKey())) {}

Vault::~Vault() = default;

absl::StatusOr<SecretKey> Vault::Derive(DueDay day, const PbxId& pbx, PbxKeyUse use, bool mint) {
  const Derived name{.day = day, .pbx = use == PbxKeyUse::kNotNeeded ? PbxId() : pbx, .use = use};
  if (std::optional<SecretKey> cached = cache_->Find(name)) return *std::move(cached);
  const uint64_t generation = cache_->generation();
  const auto missing = [mint](const char* what) {
    return mint ? absl::FailedPreconditionError(what) : absl::NotFoundError(what);
  };

  // The PBX first: a day's key is not minted for a row that cannot be sealed.
  std::optional<SecretKey> pbx_key;
  if (use != PbxKeyUse::kNotNeeded) {
    pbx_key = use == PbxKeyUse::kNeeded ? ring_.FindPbx(pbx) : ring_.FindPbxOrders(pbx);
    if (!pbx_key) return missing("vault: the PBX has no key");
  }
  std::optional<SecretKey> day_key;
  if (!day.is_civil()) {
    day_key = ring_.OpenKey();
  } else if (mint) {
    absl::StatusOr<SecretKey> minted = ring_.ForDay(day);
    if (!minted.ok()) return minted.status();
    day_key = *minted;
  } else {
    day_key = ring_.FindDay(day);
    if (!day_key) return missing("vault: the day has no key");
  }

  std::string info(kFiledLabel);
  info.push_back(static_cast<char>(use));
  info.append(FiledPrefix(day)).append(name.pbx.view());
  absl::StatusOr<SecretKey> derived = pbx_key ? Expand({&*day_key, &*pbx_key}, info) : Expand({&*day_key}, info);
  if (derived.ok()) cache_->Keep(name, *derived, generation);
  return derived;
}

absl::StatusOr<std::string> Vault::Seal(const FiledKey& key, PbxKeyUse use, const Personal& plaintext,
                                        uint32_t values) {
  const absl::StatusOr<SecretKey> derived = Derive(key.day, key.pbx, use, /*mint=*/true);
  if (!derived.ok()) return derived.status();
  uint8_t nonce[kNonceBytes];
  if (absl::Status status = cache_->DrawNonce(random_, nonce); !status.ok()) return status;
  return SealUnder(cache_->Borrow().get(), *derived, nonce, use, values, key.Encode(), plaintext.Reveal());
}

absl::StatusOr<Personal> Vault::Open(const FiledKey& key, std::string_view envelope) {
  const std::optional<Header> header = ReadHeader(envelope);
  if (!header) return Malformed();
  const absl::StatusOr<SecretKey> derived = Derive(key.day, key.pbx, header->use, /*mint=*/false);
  if (!derived.ok()) return derived.status();
  return OpenUnder(cache_->Borrow().get(), *derived, *header, key.Encode(), envelope);
}

absl::StatusOr<std::string> Vault::SealState(std::string_view row_key, const Personal& plaintext) {
  const SecretKey open_key = ring_.OpenKey();
  const absl::StatusOr<SecretKey> derived = Expand({&open_key}, kStateLabel);
  if (!derived.ok()) return derived.status();
  uint8_t nonce[kNonceBytes];
  if (absl::Status status = cache_->DrawNonce(random_, nonce); !status.ok()) return status;
  return SealUnder(cache_->Borrow().get(), *derived, nonce, PbxKeyUse::kNotNeeded, /*values=*/0, row_key,
                   plaintext.Reveal());
}

absl::StatusOr<Personal> Vault::OpenState(std::string_view row_key, std::string_view envelope) {
  const std::optional<Header> header = ReadHeader(envelope);
  if (!header || header->use != PbxKeyUse::kNotNeeded) return Malformed();
  const SecretKey open_key = ring_.OpenKey();
  const absl::StatusOr<SecretKey> derived = Expand({&open_key}, kStateLabel);
  if (!derived.ok()) return derived.status();
  return OpenUnder(cache_->Borrow().get(), *derived, *header, row_key, envelope);
}

uint32_t Vault::ValueCount(std::string_view envelope) {
  const std::optional<Header> header = ReadHeader(envelope);
  return header ? header->values : 0;
}

std::array<uint8_t, 16> Vault::Hash(std::string_view domain, std::string_view pbx, std::string_view text) const {
  // Lengths first, so that no two triples concatenate to the same bytes.
  std::array<char, 8> lengths{};
  for (int i = 0; i < 4; ++i) {
    lengths[i] = static_cast<char>(domain.size() >> (24 - 8 * i));
    lengths[4 + i] = static_cast<char>(pbx.size() >> (24 - 8 * i));
  }
  return Hmac(cache_->hash_key().data(), {std::string_view(lengths.data(), lengths.size()), domain, pbx, text});
}

std::array<uint8_t, 16> Vault::HashWith(const SecretKey& key, std::string_view text) {
  return Hmac(key.data(), {text});
}

void Vault::ForgetDaysThrough(DueDay last) {
  cache_->Forget([last](const Derived& derived) { return derived.day <= last; });
}

void Vault::ForgetPbx(const PbxId& pbx) {
  cache_->Forget([&pbx](const Derived& derived) { return derived.use != PbxKeyUse::kNotNeeded && derived.pbx == pbx; });
}

}  // namespace retention
