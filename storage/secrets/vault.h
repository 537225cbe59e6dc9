// The vault: seals personal values so that each can be ended in every copy, on its day or before.
//
// A value's key follows from three secrets of the ring: its day's key; for what ends with its PBX, the PBX's key; and
// its owner's secret. Destroy any of them and every copy is unreadable. What the end of a PBX still has to read, for
// the orders that it issues, is sealed under the order key, which the ring derives from the PBX's key and keeps until
// the orders are out.
//
// AES-256-GCM under HMAC-SHA256(HKDF-SHA256(day key, PBX key), owner's secret); the row key and the envelope's header
// are associated data, so a value can neither be moved nor relabelled. Nonces are 96 random bits per seal.
#ifndef RETENTION_STORAGE_SECRETS_VAULT_H_
#define RETENTION_STORAGE_SECRETS_VAULT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/key_use.h"
#include "storage/keys.h"
#include "storage/random_source.h"
#include "storage/secrets/cipher_pool.h"
#include "storage/secrets/derived_keys.h"
#include "storage/secrets/hmac.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/personal.h"

namespace retention {

// For whom an envelope is opened. What is restricted (GDPR article 18) is not there for those who only look.
enum class Opener : uint8_t { kEngine, kReader };

// Thread-safe.
class Vault {
 public:
  // REQUIRES: both outlive the vault.
  Vault(KeyRing& ring, RandomSource& random);

  // Seals `plaintext`, which holds `values` values, for the row `key`. Mints the day's key if need be (durable on
  // return). `owner`: with whose number's secret it goes (KeyRing::NewOwner); 0: with nobody's. FAILED_PRECONDITION if
  // the day or the PBX was destroyed; NOT_FOUND if the owner was.
  absl::StatusOr<std::string> Seal(const FiledKey& key, PbxKeyUse use, const Personal& plaintext, uint32_t values,
                                   uint64_t owner);
  // Opens an envelope. NOT_FOUND if a key it needs has been destroyed, or it is not for `opener`; DATA_LOSS if it was
  // tampered with or moved, or a key was damaged in all replicas of the ring.
  absl::StatusOr<Personal> Open(const FiledKey& key, std::string_view envelope, Opener opener = Opener::kEngine);
  // Whether a key that an envelope needs is gone: it was destroyed or lost, or this ring never had it. So nobody opens
  // it any more. False if it is malformed: then it is damaged.
  absl::StatusOr<bool> IsGone(const FiledKey& key, std::string_view envelope) const;
  absl::StatusOr<bool> IsStateGone(std::string_view envelope) const;
  bool HasKeyOf(const PbxId& pbx) const { return ring_.FindPbx(pbx).has_value(); }
  // Whether a key of what lies outside family `filed` was damaged in all replicas, and nothing was to end it.
  absl::StatusOr<bool> IsStateLost(std::string_view envelope) const;
  // Whether the owner of an envelope is restricted. False if it is gone or lost, or the envelope has none.
  absl::StatusOr<bool> IsRestricted(std::string_view envelope) const;

  // Seals outside family `filed`: under the ring's open key alone, bound to `row_key`.
  absl::StatusOr<std::string> SealState(std::string_view row_key, const Personal& plaintext, uint64_t owner);
  absl::StatusOr<Personal> OpenState(std::string_view row_key, std::string_view envelope);

  // The key of what a PBX has under `day`; nullopt if there is none.
  absl::StatusOr<std::optional<RescuedKey>> Rescue(DueDay day, const PbxId& pbx, PbxKeyUse use);

  // How many values an envelope says it holds; 0 if it is malformed. Needs no key.
  static uint32_t ValueCount(std::string_view envelope);

  // The number of its owner, which stands in it in the clear; 0 if it has none or is malformed.
  static uint64_t OwnerOf(std::string_view envelope);

  // HMAC-SHA256 under the ring's hash key, truncated to 16 bytes: keyed hashes for row keys. `domain` separates uses.
  std::array<uint8_t, 16> Hash(std::string_view domain, std::string_view pbx, std::string_view text) const;
  // SipHash-2-4 under a key that follows from the ring's hash key: short keyed hashes that tell apart what there is
  // within one scope, a room for instance. A tenth of the time of Hash.
  std::array<uint8_t, 8> Mark(std::string_view domain, std::string_view scope, std::string_view text) const;
  // HMAC-SHA256 under a given key, truncated to 16 bytes.
  static std::array<uint8_t, 16> HashWith(const HmacKey& key, std::string_view text);

  // Drops derived keys from memory. Call after destroying keys of the ring.
  void ForgetDaysThrough(DueDay last);
  void ForgetPbx(const PbxId& pbx);

 private:
  absl::StatusOr<DerivedKey> Derive(DueDay day, const PbxId& pbx, PbxKeyUse use, bool mint);
  // The key of a value under `key`, of an owner.
  absl::StatusOr<SecretKey> OfOwner(const DerivedKey& key, uint64_t owner, DueDay filed,
                                    Opener opener = Opener::kEngine) const;

  KeyRing& ring_;
  RandomSource& random_;
  // These never change, and must not wait for the ring's disk.
  const HmacKey hash_key_;
  const absl::StatusOr<SecretKey> mark_key_;
  const absl::StatusOr<DerivedKey> state_key_;
  DerivedKeys derived_;
  CipherPool ciphers_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_VAULT_H_
