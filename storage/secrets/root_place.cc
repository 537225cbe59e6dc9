#include "storage/secrets/root_place.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace retention {
namespace {

// Do not change: see FORMAT.md. Epoch(4) | ring(16) | secret(32) | check(12).
constexpr size_t kRootRingAt = 4;
constexpr size_t kRootSecretAt = 20;
constexpr size_t kRootCheckAt = 52;
constexpr size_t kRootCheckBytes = kRootPlaceBytes - kRootCheckAt;

std::array<uint8_t, 32> PlaceCheckOf(const uint8_t* place) {
  std::array<uint8_t, 32> digest{};
  if (EVP_Digest(place, kRootCheckAt, digest.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return digest;
}

}  // namespace

std::string_view NameOf(RootKind kind) {
  switch (kind) {
    case RootKind::kNone:
      return "none";
    case RootKind::kFile:
      return "file";
    case RootKind::kPkcs11:
      return "PKCS#11 token";
    case RootKind::kTpm:
      return "TPM";
  }
  return "unknown";
}

absl::StatusOr<PlacedRoot> DrawRoot(const RootName& name, RandomSource& random) {
  std::array<uint8_t, SecretKey::kBytes> drawn{};
  const absl::Status status = random.Fill(drawn.data(), drawn.size());
  const PlacedRoot root{.name = name, .secret = SecretKey(drawn)};
  OPENSSL_cleanse(drawn.data(), drawn.size());
  if (!status.ok()) return status;
  return root;
}

void WriteRootPlace(const PlacedRoot& root, std::span<uint8_t> out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(root.name.epoch >> (24 - 8 * i));
  std::memcpy(out.data() + kRootRingAt, root.name.ring.data(), root.name.ring.size());
  std::memcpy(out.data() + kRootSecretAt, root.secret.data(), SecretKey::kBytes);
  const auto check = PlaceCheckOf(out.data());
  std::memcpy(out.data() + kRootCheckAt, check.data(), kRootCheckBytes);
}

std::optional<PlacedRoot> ReadRootPlace(std::span<const uint8_t> bytes) {
  if (bytes.size() != kRootPlaceBytes) return std::nullopt;
  const auto check = PlaceCheckOf(bytes.data());
  if (CRYPTO_memcmp(check.data(), bytes.data() + kRootCheckAt, kRootCheckBytes) != 0) return std::nullopt;
  PlacedRoot root;
  for (int i = 0; i < 4; ++i) root.name.epoch = root.name.epoch << 8 | bytes[i];
  std::memcpy(root.name.ring.data(), bytes.data() + kRootRingAt, root.name.ring.size());
  std::array<uint8_t, SecretKey::kBytes> secret{};
  std::memcpy(secret.data(), bytes.data() + kRootSecretAt, secret.size());
  root.secret = SecretKey(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return root;
}

absl::Status CheckRootsAreOf(const std::array<std::optional<PlacedRoot>, kRootPlaces>& places, const RootName& name) {
  const bool other = std::any_of(places.begin(), places.end(), [&](const std::optional<PlacedRoot>& place) {
    return place.has_value() && place->name.ring != name.ring;
  });
  return other ? absl::FailedPreconditionError("root key: what is kept there is another ring's") : absl::OkStatus();
}

absl::StatusOr<SecretKey> FindRoot(const std::array<std::optional<PlacedRoot>, kRootPlaces>& places,
                                   const RootName& name) {
  if (absl::Status s = CheckRootsAreOf(places, name); !s.ok()) return s;
  const std::optional<PlacedRoot>& place = places[PlaceOf(name)];
  if (!place.has_value() || place->name.epoch != name.epoch) return absl::NotFoundError("root key: it is not there");
  return place->secret;
}

}  // namespace retention
