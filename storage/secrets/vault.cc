#include "storage/secrets/vault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium/crypto_shorthash_siphash24.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "storage/secrets/hmac.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kFiledLabel = "retention.v1 filed";
constexpr std::string_view kStateLabel = "retention.v1 state";
constexpr std::string_view kMarkLabel = "retention.v1 marks";

constexpr size_t kShortBytes = 256;  // nearly all that is marked: no memory is asked for

// OpenSSL's, looked up once: each look-up costs more than a seal.
EVP_KDF* Hkdf() {
  static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  return hkdf;
}

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
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(Hkdf());
  const bool ok = context != nullptr && EVP_KDF_derive(context, output.data(), output.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);  // wipes its copy of the input
  SecretKey key(output);
  OPENSSL_cleanse(input.data(), input.size());
  OPENSSL_cleanse(output.data(), output.size());
  if (!ok) return CryptoFailure();
  return key;
}

std::array<uint8_t, 16> Truncated(const SecretKey& digest) {
  std::array<uint8_t, 16> truncated{};
  std::memcpy(truncated.data(), digest.data(), truncated.size());
  return truncated;
}

absl::StatusOr<SecretKey> ExpandOne(const SecretKey& key, std::string_view info) { return Expand({&key}, info); }

absl::StatusOr<DerivedKey> DerivedFrom(const absl::StatusOr<SecretKey>& key) {
  if (!key.ok()) return key.status();
  return DerivedKey(*key);
}

absl::Status Malformed() { return absl::DataLossError("vault: an envelope is malformed or of an unknown version"); }

}  // namespace

Vault::Vault(KeyRing& ring, RandomSource& random)
    : ring_(ring),
      random_(random),
      hash_key_(ring.HashKey()),
      mark_key_(ExpandOne(ring.HashKey(), kMarkLabel)),
      state_key_(DerivedFrom(ExpandOne(ring.OpenKey(), kStateLabel))) {}

absl::StatusOr<DerivedKey> Vault::Derive(DueDay day, const PbxId& pbx, PbxKeyUse use, bool mint) {
  const DerivedKeys::Name name{.day = day, .pbx = pbx, .use = use};
  if (std::optional<DerivedKey> derived = derived_.Find(name)) return *std::move(derived);
  const uint64_t generation = derived_.generation();
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
    if (!day_key) {
      std::optional<SecretKey> rescued = ring_.FindRescue(day, pbx, use);
      // What is under a day has its key for as long as that is not destroyed.
      if (!rescued && day > ring_.destroyed_through()) return absl::DataLossError("vault: the key of a day is lost");
      if (!rescued) return missing("vault: the day has no key");
      const DerivedKey derived(*rescued);
      derived_.Keep(name, derived, generation);
      return derived;
    }
  }

  std::string info(kFiledLabel);
  info.push_back(static_cast<char>(use));
  info.append(FiledPrefix(day)).append(name.pbx.view());
  absl::StatusOr<DerivedKey> derived =
      DerivedFrom(pbx_key ? Expand({&*day_key, &*pbx_key}, info) : Expand({&*day_key}, info));
  if (derived.ok()) derived_.Keep(name, *derived, generation);
  return derived;
}

absl::StatusOr<SecretKey> Vault::OfOwner(const DerivedKey& key, uint64_t owner, DueDay filed, Opener opener) const {
  if (owner == 0) return key.key;
  const auto found = ring_.FindOwner(owner, filed);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return absl::NotFoundError("vault: the owner has no key");
  if ((*found)->restricted && opener == Opener::kReader) return absl::NotFoundError("vault: the owner is restricted");
  const SecretKey& secret = (*found)->secret;
  return key.hmac.Digest({std::string_view(reinterpret_cast<const char*>(secret.data()), SecretKey::kBytes)});
}

absl::StatusOr<std::string> Vault::Seal(const FiledKey& key, PbxKeyUse use, const Personal& plaintext, uint32_t values,
                                        uint64_t owner) {
  const CipherPool::Cipher cipher = ciphers_.Borrow();
  const absl::StatusOr<DerivedKey> derived = Derive(key.day, key.pbx, use, /*mint=*/true);
  if (!derived.ok()) return derived.status();
  const absl::StatusOr<SecretKey> value_key = OfOwner(*derived, owner, key.day);
  if (!value_key.ok()) return value_key.status();
  uint8_t nonce[kNonceBytes];
  if (absl::Status status = ciphers_.DrawNonce(random_, nonce); !status.ok()) return status;
  return SealUnder(cipher.get(), *value_key, nonce, {.use = use, .values = values, .owner = owner}, key.Encode(),
                   plaintext.Reveal());
}

absl::StatusOr<bool> Vault::IsRestricted(std::string_view envelope) const {
  const OwnerNumber owner = OwnerOf(envelope);
  if (owner == 0) return false;
  const auto found = ring_.FindOwner(owner);
  if (absl::IsDataLoss(found.status())) return false;
  if (!found.ok()) return found.status();
  return found->has_value() && (*found)->restricted;
}

absl::StatusOr<bool> Vault::IsGone(const FiledKey& key, std::string_view envelope) const {
  const std::optional<EnvelopeHeader> header = ReadEnvelopeHeader(envelope);
  if (!header) return false;
  if (header->use == PbxKeyUse::kNeeded && !ring_.FindPbx(key.pbx)) return true;
  if (header->use == PbxKeyUse::kForOrders && !ring_.FindPbxOrders(key.pbx)) return true;
  if (key.day.is_civil() && !ring_.FindDay(key.day) && !ring_.FindRescue(key.day, key.pbx, header->use)) return true;
  return IsStateGone(envelope);
}

absl::StatusOr<bool> Vault::IsStateGone(std::string_view envelope) const {
  const OwnerNumber owner = OwnerOf(envelope);
  if (owner == 0) return false;
  const auto found = ring_.FindOwner(owner);
  if (absl::IsDataLoss(found.status())) return true;
  if (!found.ok()) return found.status();
  return !found->has_value();
}

absl::StatusOr<bool> Vault::IsStateLost(std::string_view envelope) const {
  const OwnerNumber owner = OwnerOf(envelope);
  if (owner == 0) return false;
  const auto found = ring_.FindOwner(owner, DueDay::Open());
  if (absl::IsDataLoss(found.status())) return true;
  return found.ok() ? absl::StatusOr<bool>(false) : found.status();
}

absl::StatusOr<Personal> Vault::Open(const FiledKey& key, std::string_view envelope, Opener opener) {
  const std::optional<EnvelopeHeader> header = ReadEnvelopeHeader(envelope);
  if (!header) return Malformed();
  const CipherPool::Cipher cipher = ciphers_.Borrow();
  const absl::StatusOr<DerivedKey> derived = Derive(key.day, key.pbx, header->use, /*mint=*/false);
  if (!derived.ok()) return derived.status();
  const absl::StatusOr<SecretKey> value_key = OfOwner(*derived, header->owner, key.day, opener);
  if (!value_key.ok()) return value_key.status();
  return OpenUnder(cipher.get(), *value_key, *header, key.Encode(), envelope);
}

absl::StatusOr<std::string> Vault::SealState(std::string_view row_key, const Personal& plaintext, uint64_t owner) {
  if (!state_key_.ok()) return state_key_.status();
  const absl::StatusOr<SecretKey> value_key = OfOwner(*state_key_, owner, DueDay::Open());
  if (!value_key.ok()) return value_key.status();
  uint8_t nonce[kNonceBytes];
  if (absl::Status status = ciphers_.DrawNonce(random_, nonce); !status.ok()) return status;
  return SealUnder(ciphers_.Borrow().get(), *value_key, nonce,
                   {.use = PbxKeyUse::kNotNeeded, .values = 0, .owner = owner}, row_key, plaintext.Reveal());
}

absl::StatusOr<Personal> Vault::OpenState(std::string_view row_key, std::string_view envelope) {
  const std::optional<EnvelopeHeader> header = ReadEnvelopeHeader(envelope);
  if (!header || header->use != PbxKeyUse::kNotNeeded) return Malformed();
  if (!state_key_.ok()) return state_key_.status();
  const absl::StatusOr<SecretKey> value_key = OfOwner(*state_key_, header->owner, DueDay::Open());
  if (!value_key.ok()) return value_key.status();
  return OpenUnder(ciphers_.Borrow().get(), *value_key, *header, row_key, envelope);
}

uint64_t Vault::OwnerOf(std::string_view envelope) {
  const std::optional<EnvelopeHeader> header = ReadEnvelopeHeader(envelope);
  return header ? header->owner : 0;
}

absl::StatusOr<std::optional<RescuedKey>> Vault::Rescue(DueDay day, const PbxId& pbx, PbxKeyUse use) {
  const absl::StatusOr<DerivedKey> key = Derive(day, pbx, use, /*mint=*/false);
  // Of a day that has no key nothing can be rescued, lost or not.
  if (absl::IsNotFound(key.status()) || absl::IsDataLoss(key.status())) return std::nullopt;
  if (!key.ok()) return key.status();
  return RescuedKey{.day = day, .pbx = pbx, .use = use, .key = key->key};
}

uint32_t Vault::ValueCount(std::string_view envelope) {
  const std::optional<EnvelopeHeader> header = ReadEnvelopeHeader(envelope);
  return header ? header->values : 0;
}

std::array<uint8_t, 16> Vault::Hash(std::string_view domain, std::string_view pbx, std::string_view text) const {
  // Lengths first, so that no two triples concatenate to the same bytes.
  std::array<char, 8> lengths{};
  for (int i = 0; i < 4; ++i) {
    lengths[i] = static_cast<char>(domain.size() >> (24 - 8 * i));
    lengths[4 + i] = static_cast<char>(pbx.size() >> (24 - 8 * i));
  }
  return Truncated(hash_key_.Digest({std::string_view(lengths.data(), lengths.size()), domain, pbx, text}));
}

std::array<uint8_t, 8> Vault::Mark(std::string_view domain, std::string_view scope, std::string_view text) const {
  // Without the key there is no telling apart; OpenSSL derives it from memory alone.
  if (!mark_key_.ok()) std::abort();
  // Lengths first, as above; both are the program's own, and short.
  const uint8_t lengths[] = {static_cast<uint8_t>(domain.size()), static_cast<uint8_t>(scope.size())};
  const size_t size = sizeof(lengths) + domain.size() + scope.size() + text.size();
  std::array<uint8_t, kShortBytes> short_message;
  std::vector<uint8_t> long_message(size > kShortBytes ? size : 0);
  uint8_t* const message = size > kShortBytes ? long_message.data() : short_message.data();
  uint8_t* end = std::copy(std::begin(lengths), std::end(lengths), message);
  for (const std::string_view part : {domain, scope, text}) end = std::copy(part.begin(), part.end(), end);
  std::array<uint8_t, 8> mark{};
  static_assert(crypto_shorthash_siphash24_BYTES == sizeof(mark));
  static_assert(crypto_shorthash_siphash24_KEYBYTES <= SecretKey::kBytes);
  crypto_shorthash_siphash24(mark.data(), message, size, mark_key_->data());
  OPENSSL_cleanse(message, size);
  return mark;
}

std::array<uint8_t, 16> Vault::HashWith(const HmacKey& key, std::string_view text) {
  return Truncated(key.Digest({text}));
}

// The keys first: whoever borrows a cipher after that finds none of them.
void Vault::ForgetDaysThrough(DueDay last) {
  derived_.Forget([last](const DerivedKeys::Name& name) { return name.day <= last; });
  ciphers_.Forget();
}

void Vault::ForgetPbx(const PbxId& pbx) {
  derived_.Forget(
      [&pbx](const DerivedKeys::Name& name) { return name.use != PbxKeyUse::kNotNeeded && name.pbx == pbx; });
  ciphers_.Forget();
}

}  // namespace retention
