// Opaque identifiers: the only names that keys, ledger entries and logs may hold.
#ifndef RETENTION_STORAGE_IDS_H_
#define RETENTION_STORAGE_IDS_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace retention {

// `N` opaque bytes. `Tag` keeps kinds of identifiers apart.
template <typename Tag, size_t N>
struct OpaqueId {
  static constexpr size_t kBytes = N;
  std::array<uint8_t, N> bytes{};

  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }
  // Takes the first N bytes. REQUIRES: raw.size() >= N.
  static OpaqueId From(std::string_view raw) {
    OpaqueId id;
    std::memcpy(id.bytes.data(), raw.data(), N);
    return id;
  }
  friend auto operator<=>(const OpaqueId&, const OpaqueId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const OpaqueId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

// A PBX: 8 random bytes, drawn when it is first synchronised. A PBX that comes back is another one.
using PbxId = OpaqueId<struct PbxTag, 8>;
// A meeting room: random to all but who has the key under which it was named first (room_names.h).
using RoomId = OpaqueId<struct RoomTag, 8>;
// What rows are of. An extension, a poll: a keyed hash of its external identifier within its PBX. An occurrence of a
// room: the room, and the occurrence within it (OccurrenceOwner in keys.h).
using OwnerId = OpaqueId<struct OwnerTag, 16>;
// A row of an owner: a keyed hash of the (first) event that wrote it.
using ItemId = OpaqueId<struct ItemTag, 16>;

}  // namespace retention

#endif  // RETENTION_STORAGE_IDS_H_
