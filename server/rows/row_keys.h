// Which row is whose: every key of a row that is named by an identifier of the portal.
//
// Owners are keyed hashes within their PBX, so that no identifier is part of a key (storage/keys.h).
#ifndef RETENTION_SERVER_ROWS_ROW_KEYS_H_
#define RETENTION_SERVER_ROWS_ROW_KEYS_H_

#include <string>
#include <string_view>

#include "server/law/policy.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"

namespace retention {

// The record of a PBX, in the open bucket of category PBX_SYNC. Its extensions: extension_names.h.
FiledKey PbxRecordKey(const PbxId& pbx);
// How the registry names a licence key. Empty for an empty key.
std::string LicenceName(const Vault& vault, std::string_view licence_key);
// Where the registry keeps a PBX that is held, and one whose end has begun.
// Keyed hash of a PBX's external id.
OwnerId ExternalHash(const Vault& vault, std::string_view pbx_id);
std::string PbxEntryKeyOf(const Vault& vault, std::string_view pbx_id);
std::string EndingPbxKeyOf(const Vault& vault, const PbxId& pbx);

// The owner of what belongs to a room (room_names.h) whatever takes place in it: its PDFs.
OwnerId RoomOwner(const RoomId& room);
// The number of an occurrence that an event founds: its second, that those of a room lie in the order in which they
// were founded, and a keyed hash.
uint64_t OccurrenceNumber(const Vault& vault, const PbxId& pbx, const RoomId& room, int64_t time_us, uint64_t event);
// That second.
int64_t FoundedSecond(const OwnerId& occurrence);
// How history names a participant of a room, and whatever tells that participants are one person: the portal's
// identifiers may be addresses, and end with them.
std::string ParticipantName(const Vault& vault, const PbxId& pbx, const RoomId& room, std::string_view participant_id);
std::string PersonMark(const Vault& vault, const PbxId& pbx, const RoomId& room, std::string_view kind,
                       std::string_view text);
// Item id of the rows that an event wrote first; of one of a meeting.
ItemId EventItem(const Vault& vault, const PbxId& pbx, std::string_view event_id);
ItemId MeetingItem(const Vault& vault, const PbxId& pbx, std::string_view meeting_id, std::string_view event_id);

// Of the rows that hold what was copied by an event, of whose id this is the fingerprint, when it had come already.
ItemId CopiesItem(const Vault& vault, const PbxId& pbx, uint64_t event);

// A row of a poll: one owner per poll; the row with the all-zero item says "deleted".
FiledKey PollKey(const Vault& vault, const PbxId& pbx, std::string_view poll_id, const ItemId& item);
FiledKey PollMarkKey(const PbxId& pbx, const OwnerId& poll);

// How rows of holds name a controller.
OwnerId ControllerOwner(const Vault& vault, std::string_view controller_id);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ROW_KEYS_H_
