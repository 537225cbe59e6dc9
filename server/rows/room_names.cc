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

// A key of names, of which several hashes are asked.
struct HashingKey {
  explicit HashingKey(const NamesKey& key) : number(key.number), hmac(key.key) {}

  Hashed HashOf(std::string_view label, std::string_view text) const {
    return Vault::HashWith(hmac, std::string(label).append(text));
  }

  uint32_t number;
  HmacKey hmac;
};

Hashed HashOf(const Vault& vault, const PbxId& pbx, std::string_view meeting_id) {
  return vault.Hash("meeting", pbx.view(), meeting_id);
}

OwnerId NameUnder(const HashingKey& key, const Hashed& hashed) {
  return OwnerId{key.HashOf("retention.v1 name", ViewOf(hashed))};
}

RoomId NewRoom(const HashingKey& key, const Hashed& hashed) {
  return RoomOf(OwnerId{key.HashOf("retention.v1 room", ViewOf(hashed))});
}

// A name tells its own hash apart from any other, so that one cover each is enough.
Hashed Cover(const HashingKey& key, const OwnerId& name, Hashed hashed) {
  const Hashed cover = key.HashOf("retention.v1 name cover", name.view());
  for (size_t i = 0; i < hashed.size(); ++i) hashed[i] ^= cover[i];
  return hashed;
}

RoomNames::Row RowOf(const HashingKey& key, const PbxId& pbx, const OwnerId& name, const Hashed& hashed,
                     const RoomId& room, bool lasting) {
  std::string value(room.view());
  value.append(ViewOf(Cover(key, name, hashed)));
  return {.parts = {.names_key = key.number, .pbx = pbx, .name = name, .lasting = lasting}, .value = std::move(value)};
}

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
  const HashingKey last(keys.back());
  const OwnerId last_name = NameUnder(last, hashed);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const OwnerId name = key->number == last.number ? last_name : NameUnder(HashingKey(*key), hashed);
    const auto row = view.Get(Family::kState, RoomNameKey({.names_key = key->number, .pbx = pbx, .name = name}));
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    const auto room = RoomOfRow(**row);
    if (!room.has_value()) return absl::DataLossError("the name of a room does not parse");
    return Named{.room = *room, .row = std::nullopt};
  }
  const RoomId room = NewRoom(last, hashed);
  return Named{.room = room, .row = RowOf(last, pbx, last_name, hashed, room, /*lasting=*/false)};
}

void RoomNames::Put(const Row& row, Batch& batch) { batch.Put(Family::kState, RoomNameKey(row.parts), row.value); }

absl::Status RoomNames::Put(const PbxId& pbx, std::string_view meeting_id, const RoomId& room, Batch& batch) const {
  const auto key = LastKey();
  if (!key.ok()) return key.status();
  const HashingKey last(*key);
  const Hashed hashed = HashOf(vault_, pbx, meeting_id);
  Put(RowOf(last, pbx, NameUnder(last, hashed), hashed, room, /*lasting=*/false), batch);
  return absl::OkStatus();
}

absl::StatusOr<RoomId> RoomNames::Keep(const StoreView& view, const PbxId& pbx, std::string_view meeting_id,
                                       Batch& batch) const {
  const auto named = Find(view, pbx, meeting_id);
  if (!named.ok()) return named.status();
  const auto key = LastKey();
  if (!key.ok()) return key.status();
  const HashingKey last(*key);
  const Hashed hashed = HashOf(vault_, pbx, meeting_id);
  const OwnerId name = NameUnder(last, hashed);
  const Row lasting = RowOf(last, pbx, name, hashed, named->room, /*lasting=*/true);
  const auto kept = view.Get(Family::kState, RoomNameKey(lasting.parts));
  if (!kept.ok()) return kept.status();
  if (kept->has_value()) return named->room;
  Put(lasting, batch);
  Put(RowOf(last, pbx, name, hashed, named->room, /*lasting=*/false), batch);
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
  const HashingKey former(key);
  hashed = Cover(former, row.parts.name, hashed);
  if (NameUnder(former, hashed) != row.parts.name) return std::nullopt;
  const HashingKey hashing(next);
  return RowOf(hashing, row.parts.pbx, NameUnder(hashing, hashed), hashed, *room, row.parts.lasting);
}

}  // namespace retention
