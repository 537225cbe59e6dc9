#include "server/rows/row_keys.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace retention {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

FiledKey PbxRecordKey(const PbxId& pbx) { return {.day = DueDay::Open(), .category = kPbxSync, .pbx = pbx}; }

std::string LicenceName(const Vault& vault, std::string_view licence_key) {
  if (licence_key.empty()) return {};
  const auto hash = vault.Hash("licence", "", licence_key);
  return std::string(hash.begin(), hash.end());
}

OwnerId ExternalHash(const Vault& vault, std::string_view pbx_id) { return OwnerId{vault.Hash("pbx", "", pbx_id)}; }

std::string PbxEntryKeyOf(const Vault& vault, std::string_view pbx_id) {
  return PbxEntryKey(ExternalHash(vault, pbx_id));
}

std::string EndingPbxKeyOf(const Vault& vault, const PbxId& pbx) {
  return PbxEntryKey(OwnerId{vault.Hash("ending", pbx.view(), "")});
}

std::string ParticipantName(const Vault& vault, const PbxId& pbx, const RoomId& room, std::string_view participant_id) {
  return PersonMark(vault, pbx, room, "participant", participant_id);
}

uint64_t OccurrenceNumber(const Vault& vault, const PbxId& pbx, const RoomId& room, int64_t time_us, uint64_t event) {
  const std::string mark = PersonMark(vault, pbx, room, "occurrence", absl::StrCat(event));
  auto number = static_cast<uint64_t>(static_cast<uint32_t>(time_us / 1000000));
  for (size_t i = 0; i < sizeof(uint32_t); ++i) number = number << 8 | static_cast<uint8_t>(mark[i]);
  return number;
}

int64_t FoundedSecond(const OwnerId& occurrence) {
  return static_cast<int64_t>(OccurrenceOf(occurrence) >> (8 * sizeof(uint32_t)));
}

std::string PersonMark(const Vault& vault, const PbxId& pbx, const RoomId& room, std::string_view kind,
                       std::string_view text) {
  std::array<char, PbxId::kBytes + RoomId::kBytes> scope;
  std::copy(room.view().begin(), room.view().end(), std::copy(pbx.view().begin(), pbx.view().end(), scope.begin()));
  const auto mark = vault.Mark(kind, std::string_view(scope.data(), scope.size()), text);
  return std::string(mark.begin(), mark.end());
}

OwnerId RoomOwner(const RoomId& room) { return OccurrenceOwner(room, 0); }

ItemId EventItem(const Vault& vault, const PbxId& pbx, std::string_view event_id) {
  return ItemId{vault.Hash("item", pbx.view(), event_id)};
}

ItemId MeetingItem(const Vault& vault, const PbxId& pbx, std::string_view meeting_id, std::string_view event_id) {
  return EventItem(vault, pbx, absl::StrCat(View(meeting_id), "\n", View(event_id)));
}

ItemId CopiesItem(const Vault& vault, const PbxId& pbx, uint64_t event) {
  return ItemId{vault.Hash("copies", pbx.view(), absl::StrCat(event))};
}

FiledKey PollKey(const Vault& vault, const PbxId& pbx, std::string_view poll_id, const ItemId& item) {
  return {.day = DueDay::Open(),
          .category = kPoll,
          .pbx = pbx,
          .owner = OwnerId{vault.Hash("poll", pbx.view(), poll_id)},
          .item = item};
}

FiledKey PollMarkKey(const PbxId& pbx, const OwnerId& poll) {
  return {.day = DueDay::Open(), .category = kPoll, .pbx = pbx, .owner = poll};
}

OwnerId ControllerOwner(const Vault& vault, std::string_view controller_id) {
  return OwnerId{vault.Hash("controller", "", controller_id)};
}

}  // namespace retention
