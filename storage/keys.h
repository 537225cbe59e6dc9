// The key codec: how rows are named on disk. The bytes are fixed for ever; see FORMAT.md and the golden test.
//
// Keys are opaque: they outlive their rows in MANIFEST and LOG, so no personal value may ever be part of one.
#ifndef RETENTION_STORAGE_KEYS_H_
#define RETENTION_STORAGE_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/due_day.h"
#include "storage/ids.h"

namespace retention {

// Numbers of retention.v1.DataCategory, without its generated header.
using CategoryNumber = uint8_t;

// A row of family `filed`: day(4, big-endian) | category(1) | pbx(8) | owner(16) | item(16).
struct FiledKey {
  DueDay day;
  CategoryNumber category = 0;
  PbxId pbx;
  OwnerId owner;
  ItemId item;

  // Where `pbx` begins, and `owner` behind it.
  static constexpr size_t kPbxBegin = 4 + 1;
  static constexpr size_t kBytes = kPbxBegin + PbxId::kBytes + OwnerId::kBytes + ItemId::kBytes;
  std::string Encode() const;
  // nullopt if `raw` is not exactly one key.
  static std::optional<FiledKey> Decode(std::string_view raw);
  friend bool operator==(const FiledKey&, const FiledKey&) = default;
};

// The day that a `filed` key, or part of one, begins with; nullopt if it is too short for that.
std::optional<DueDay> DayOfFiled(std::string_view key);

// Prefixes of `filed` keys, for scans and drops, from coarse to fine.
std::string FiledPrefix(DueDay day);
std::string FiledPrefix(DueDay day, CategoryNumber category);
std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx);
std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx, const OwnerId& owner);

std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx, const RoomId& room);

// The owner of rows of an occurrence of a room: room(8) | occurrence(8, big-endian). Occurrence 0 is the room itself,
// whatever takes place in it.
OwnerId OccurrenceOwner(const RoomId& room, uint64_t occurrence);
RoomId RoomOf(const OwnerId& owner);
uint64_t OccurrenceOf(const OwnerId& owner);

// The first key after every key with this prefix; empty if there is none.
std::string PrefixEnd(std::string_view prefix);

// Rows of family `state`, by their first byte.
std::string FormatKey();                                     // 'V': on-disk format and key ring identity
std::string PolicyVersionKey();                              // 'v': which policy is in force
std::string PolicyKey(uint32_t version);                     // 'v' version: a policy that is or was in force
std::string PolicyPrefix();                                  //
std::string PbxEntryKey(const OwnerId& external);            // 'P': registry of PBXs
std::string PbxEntryPrefix();                                //
std::string PbxEndKey(DueDay day, const OwnerId& external);  // 'e': a PBX that ended, and until when it matters
std::string PbxEndPrefix();                                  //
std::string PbxEndPrefix(DueDay day);                        //
struct PbxEndKeyParts {
  DueDay until;
  OwnerId external;
};
std::optional<PbxEndKeyParts> DecodePbxEndKey(std::string_view raw);
std::string LocatorKey(const PbxId& pbx, const OwnerId& meeting);  // 'M': an occurrence, and where its values are filed
std::string LocatorPrefix();                                       //
std::string LocatorPrefix(const PbxId& pbx);                       //
std::string LocatorPrefix(const PbxId& pbx, const RoomId& room);   //
std::string DayCountsKey(DueDay day);                              // 'N': rows and values of a day
std::string DayCountsPrefix();                                     //
std::string DayProgressKey(DueDay day);                            // 'D': how far a day's end has come
std::string DayProgressPrefix();                                   //
std::string PurgeMarkKey(DueDay day);                              // 'U': the day's range holds deleted bytes
std::string PurgeMarkPrefix();                                     //
std::string MeetingTimerKey(int64_t instant_us, const PbxId& pbx,
                            const OwnerId& meeting);   // 'T': when a meeting is to be looked at again
std::string MeetingTimerPrefix();                      //
std::string RingGenerationKey();                       // 'K': the ring's, when the last change was made
std::string OwnerEndKey(uint64_t first);               // 'Y': owners that have ended; the first of them
std::string OwnerEndPrefix();                          //
std::string OrderKey(uint64_t sequence);               // 'O': erasure orders
std::string OrderPrefix();                             //
std::string OrderCounterKey();                         // 'o': the last number given to an order, and how many are held
std::string PbxLifeKey(const PbxId& pbx);              // 'L': what a PBX's own end depends on
std::string PbxLifePrefix();                           //
std::string PbxNameKey(const PbxId& pbx);              // 'A': the identifier that the portal gave a PBX
std::string GoneSweepKey();                            // 'Q': rows whose keys are gone are still to be swept
std::string LogExtensionKey(uint8_t server);           // 'G': logs are kept longer
std::string LogExtensionPrefix();                      //
std::string HoldKey(uint64_t number);                  // 'H': holds, by random numbers
std::string HoldPrefix();                              //
std::string ControllerKey(const OwnerId& controller);  // 'c': a controller that is described
std::string ControllerPrefix();                        //
// 'r': a hold that is not in force any more; the latest first
std::string ReleasedHoldKey(int64_t released_us, uint64_t number);
std::string ReleasedHoldPrefix();
std::string HoldCoverKey(const OwnerId& controller, const PbxId& pbx);  // 'C': what holds of a controller cover
std::string HoldCoverPrefix();                                          //
std::string HoldCoverPrefix(const OwnerId& controller);                 //
std::string HeldEndKey(const PbxId& pbx);  // 'h': a PBX that has ended and that holds cover
std::string HeldEndPrefix();               //
// 'R' FiledPrefix: while a policy is refiled, what lies there is where that one puts it
std::string RefiledMarkKey(DueDay day, CategoryNumber category, const PbxId& pbx, const OwnerId& meeting);
std::string RefiledMarkPrefix();
// 'S': on which days people came to what lies under a day of histories, if not on that day's own alone
std::string CohortSpanKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting);
std::string CohortSpanPrefix();
std::string CohortSpanPrefix(DueDay history_day);
std::string EventMarkKey(uint32_t span, const OwnerId& event);  // 'E': that an event came in a span of days
std::string EventMarkPrefix(uint32_t span);                     // all of a span, behind those of the spans before it
std::string ReportNoticeKey(uint64_t number);  // 'W': that a report is complete, or its names leave it soon
std::string ReportNoticePrefix();              //
std::string ReportNoticeCounterKey();          // 'w': up to which number notices may have had theirs
// 'B': an occurrence by its begin, among all of a PBX (the zero id) or those of an extension
std::string BeginKey(const PbxId& pbx, const OwnerId& scope, int64_t begin_us, const OwnerId& meeting);
std::string BeginKey(const PbxId& pbx, const OwnerId& scope, int64_t begin_us);  // before all of that begin
std::string BeginPrefix();
std::string BeginPrefix(const PbxId& pbx);
std::string BeginPrefix(const PbxId& pbx, const OwnerId& scope);

// 'X': an object of a room that was deleted: room(8) | keyed hash(8). Or the room itself: room(8) | zeros
std::string DeletedObjectKey(const PbxId& pbx, const OwnerId& object);
std::string DeletedObjectPrefix(const PbxId& pbx);
std::string DeletedObjectPrefix(const PbxId& pbx, const RoomId& room);

// 'I': who scheduled in a room the last time that anybody did
std::string RoomOrganizerKey(const PbxId& pbx, const RoomId& room);
std::string RoomOrganizerPrefix(const PbxId& pbx);

// 'F': a row of an object, by a keyed hash of the object: hash(16) | pbx(8) | owner(16) | item(16); the value is the
// bucket in which it lies: day(4) | category(1)
std::string ObjectReferenceKey(const OwnerId& object, const FiledKey& row);
std::string ObjectReferenceBucket(const FiledKey& row);
std::string ObjectReferencePrefix(const OwnerId& object);
// The row; nullopt if malformed.
std::optional<FiledKey> DecodeObjectReference(std::string_view key, std::string_view bucket);

// 'Z': when an occurrence was whose history is over
std::string RemnantKey(const PbxId& pbx, const OwnerId& meeting);
std::string RemnantPrefix();
std::string RemnantPrefix(const PbxId& pbx, const RoomId& room);

// 'J': which room a meeting id names, by a hash of it under a key of the ring that lives for weeks
// (KeyRing::NamesKeys).
struct RoomNameParts {
  uint32_t names_key = 0;
  PbxId pbx;
  OwnerId name;
  bool lasting = false;  // beside the one without: it stays as long as its PBX
};
std::string RoomNameKey(const RoomNameParts& parts);
std::string RoomNamePrefix();
std::string RoomNamePrefix(uint32_t names_key);
// nullopt if malformed.
std::optional<RoomNameParts> DecodeRoomNameKey(std::string_view raw);

// The number of a ReportNoticeKey; nullopt if malformed.
std::optional<uint64_t> DecodeReportNoticeKey(std::string_view raw);
// Begin and occurrence of a BeginKey; nullopt if malformed.
struct BeginName {
  int64_t begin_us;
  OwnerId meeting;
};
std::optional<BeginName> DecodeBeginKey(std::string_view raw);

// The parts of a MeetingTimerKey; nullopt if malformed.
struct MeetingTimer {
  int64_t instant_us;
  PbxId pbx;
  OwnerId meeting;
};
std::optional<MeetingTimer> DecodeMeetingTimerKey(std::string_view raw);
// The version of a PolicyKey; nullopt if malformed, as PolicyVersionKey is.
std::optional<uint32_t> DecodePolicyKey(std::string_view raw);
// The sequence of an OrderKey; nullopt if malformed.
std::optional<uint64_t> DecodeOrderKey(std::string_view raw);
// When the hold of a ReleasedHoldKey was released, microseconds since the Unix epoch; nullopt if malformed.
std::optional<int64_t> DecodeReleasedHoldKey(std::string_view raw);
// The number of a HoldKey; nullopt if malformed.
std::optional<uint64_t> DecodeHoldKey(std::string_view raw);
// The parts of a HoldCoverKey; nullopt if malformed.
struct HoldCoverName {
  OwnerId controller;
  PbxId pbx;
};
std::optional<HoldCoverName> DecodeHoldCoverKey(std::string_view raw);
// The PBX of a HeldEndKey; nullopt if malformed.
std::optional<PbxId> DecodeHeldEndKey(std::string_view raw);
// The parts of a LocatorKey; nullopt if malformed.
struct LocatorName {
  PbxId pbx;
  OwnerId meeting;
};
std::optional<LocatorName> DecodeLocatorKey(std::string_view raw);
// The occurrence of a CohortSpanKey, of a RemnantKey; nullopt if malformed.
std::optional<LocatorName> DecodeCohortSpanKey(std::string_view raw);
std::optional<LocatorName> DecodeRemnantKey(std::string_view raw);
// The day of a DayCounts, DayProgress or PurgeMark key; nullopt if malformed.
std::optional<DueDay> DecodeDayKey(std::string_view raw);

// Family `statistics`: erase_day(4) | cohort_day(4) | table(1). Table 0 is the head, whose presence says "released".
std::string CubeKey(DueDay erase_day, DueDay cohort_day, uint8_t table);
std::string CubePrefix(DueDay erase_day, DueDay cohort_day);
struct CubeKeyParts {
  DueDay erase_day;
  DueDay cohort_day;
  uint8_t table;
};
std::optional<CubeKeyParts> DecodeCubeKey(std::string_view raw);

// Family `ledger`: sequence(8, big-endian); behind all of those 0xFF | level of tiles(1) | index(8, big-endian), which
// holds a hash of the tree over the entries.
std::string LedgerKey(uint64_t sequence);
std::string LedgerTilesBegin();
std::string LedgerTileKey(uint8_t level, uint64_t index);

}  // namespace retention

#endif  // RETENTION_STORAGE_KEYS_H_
