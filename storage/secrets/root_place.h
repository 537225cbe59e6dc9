// How a root lies in a place that holds bytes: a file, an index of a TPM. See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_ROOT_PLACE_H_
#define RETENTION_STORAGE_SECRETS_ROOT_PLACE_H_

#include <cstddef>
#include <optional>
#include <span>

#include "storage/random_source.h"
#include "storage/secrets/root_key.h"

namespace retention {

struct PlacedRoot {
  RootName name;
  SecretKey secret;
};
inline constexpr size_t kRootPlaceBytes = 64;
// Roots are written to two such places in turn.
inline constexpr size_t kRootPlaces = 2;
inline size_t PlaceOf(const RootName& name) { return name.epoch % kRootPlaces; }

// A new root.
absl::StatusOr<PlacedRoot> DrawRoot(const RootName& name, RandomSource& random);
// REQUIRES: kRootPlaceBytes.
void WriteRootPlace(const PlacedRoot& root, std::span<uint8_t> out);
// nullopt if there is none, or it is damaged.
std::optional<PlacedRoot> ReadRootPlace(std::span<const uint8_t> bytes);

// What the places hold, as both kinds of them answer. Errors as RootKey's.
absl::StatusOr<SecretKey> FindRoot(const std::array<std::optional<PlacedRoot>, kRootPlaces>& places,
                                   const RootName& name);
// FAILED_PRECONDITION if one of them is of another ring.
absl::Status CheckRootsAreOf(const std::array<std::optional<PlacedRoot>, kRootPlaces>& places, const RootName& name);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ROOT_PLACE_H_
