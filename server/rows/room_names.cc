#include "server/rows/room_names.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace retention {
namespace {

// What a meeting id is hashed to first, under the ring's own key: what rows hold of it, covered.
using Hashed = std::array<uint8_t, 16>;

std::string_view ViewOf(const Hashed& hashed) { return {reinterpret_cast<const char*>(hashed.data()), hashed.size()}; }

Hashed HashUnder(const NamesKey& key, std::string_view label, std::string_view text) {
  return Vault::HashWith(HmacKey(key.key), std::string(label).append(text));
}

Hashed HashOf(const Vault& vault, const PbxId& pbx, std::string_view meeting_id) {
  return vault.Hash("meeting", pbx.view(), meeting_id);
}

OwnerId NameUnder(const NamesKey& key, const Hashed& hashed) {
  return OwnerId{HashUnder(key, "retention.v1 name", ViewOf(hashed))};
}

RoomId NewRoom(const NamesKey& key, const Hashed& hashed) {
  return RoomOf(OwnerId{HashUnder(key, "retention.v1 room", ViewOf(hashed))});
}

// A name tells its own hash apart from any other, so that one cover each is enough.
Hashed Cover(const NamesKey& key, const OwnerId& name, Hashed hashed) {
  const Hashed cover = HashUnder(key, "retention.v1 name cover", name.view());
  for (size_t i = 0; i < hashed.size(); ++i) hashed[i] ^= cover[i];
  return hashed;
}

RoomNames::Row RowOf(const NamesKey& key, const PbxId& pbx, const Hashed& hashed, const RoomId& room, bool lasting) {
  const OwnerId name = NameUnder(key, hashed);
  std::string value(room.view());
  value.append(ViewOf(Cover(key, name, hashed)));
  return {.parts = {.names_key = key.number, .pbx = pbx, .name = name, .lasting = lasting}, .value = std::move(value)};
}

void PutRow(const RoomNames::Row& row, Batch& batch) { batch.Put(Family::kState, RoomNameKey(row.parts), row.value); }

}  // namespace

absl::StatusOr<NamesKey> RoomNames::LastKey() const {
  std::vector<NamesKey> keys = ring_.NamesKeys();
  if (keys.empty()) return absl::FailedPreconditionError("the key ring has no key of names");
  return std::move(keys.back());
}

absl::StatusOr<RoomNames::Named> RoomNames::Find(const StoreView& view, const PbxId& pbx,
                                                 std::string_view meeting_id) const {
  const std::vector<NamesKey> keys = ring_.NamesKeys();
  if (keys.empty()) return absl::FailedPreconditionError("the key ring has no key of names");
  const Hashed hashed = HashOf(vault_, pbx, meeting_id);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const auto row =
        view.Get(Family::kState, RoomNameKey({.names_key = key->number, .pbx = pbx, .name = NameUnder(*key, hashed)}));
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    const auto room = RoomOfRow(**row);
    if (!room.has_value()) return absl::DataLossError("the name of a room does not parse");
    return Named{.room = *room, .stored = true};
  }
  return Named{.room = NewRoom(keys.back(), hashed)};
}

absl::Status RoomNames::Put(const PbxId& pbx, std::string_view meeting_id, const RoomId& room, Batch& batch) const {
  const auto key = LastKey();
  if (!key.ok()) return key.status();
  PutRow(RowOf(*key, pbx, HashOf(vault_, pbx, meeting_id), room, /*lasting=*/false), batch);
  return absl::OkStatus();
}

absl::StatusOr<RoomId> RoomNames::Keep(const StoreView& view, const PbxId& pbx, std::string_view meeting_id,
                                       Batch& batch) const {
  const auto named = Find(view, pbx, meeting_id);
  if (!named.ok()) return named.status();
  const auto key = LastKey();
  if (!key.ok()) return key.status();
  const Hashed hashed = HashOf(vault_, pbx, meeting_id);
  const Row lasting = RowOf(*key, pbx, hashed, named->room, /*lasting=*/true);
  const auto kept = view.Get(Family::kState, RoomNameKey(lasting.parts));
  if (!kept.ok()) return kept.status();
  if (kept->has_value()) return named->room;
  PutRow(lasting, batch);
  PutRow(RowOf(*key, pbx, hashed, named->room, /*lasting=*/false), batch);
  return named->room;
}

std::optional<RoomId> RoomNames::RoomOfRow(std::string_view value) {
  if (value.size() != RoomId::kBytes + std::tuple_size_v<Hashed>) return std::nullopt;
  return RoomId::From(value);
}

std::optional<RoomNames::Row> RoomNames::Renamed(const Row& row, const NamesKey& key, const NamesKey& next) {
  const auto room = RoomOfRow(row.value);
  if (!room.has_value()) return std::nullopt;
  Hashed hashed;
  std::copy(row.value.begin() + RoomId::kBytes, row.value.end(), hashed.begin());
  hashed = Cover(key, row.parts.name, hashed);
  if (NameUnder(key, hashed) != row.parts.name) return std::nullopt;
  return RowOf(next, row.parts.pbx, hashed, *room, row.parts.lasting);
}

}  // namespace retention
