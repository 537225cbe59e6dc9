// Which events came before, where nothing that is held tells it: those of PBXs and extensions, of which only the latest
// state is held, those that were so late that nothing was kept of them, and refused ones whose object was ordered away.
//
// Rows of family `state`, a keyed hash each, in spans of days that are forgotten as a whole; nothing is in memory.
#ifndef RETENTION_SERVER_ROWS_EVENT_MEMORY_H_
#define RETENTION_SERVER_ROWS_EVENT_MEMORY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event.pb.h"
#include "server/rows/change.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// An event is remembered for kEventSpans whole spans and what is left of its own: 32 to 47 days. Who sends an event
// again missed its answer, and does so when the fault is mended or the file is imported once more: days, not months,
// later. After that its time alone speaks against it: what is held of a PBX is newer, or the same, and what was too
// late is later still.
inline constexpr uint32_t kEventSpanDays = 16;
inline constexpr uint32_t kEventSpans = 2;

// How an event is remembered: one of a PBX by the name that the PBX has outside, for it must not bring back a PBX that
// has ended; one of a meeting as long as its PBX is the same.
OwnerId PbxEventMark(const Vault& vault, const v1::Event& event);
OwnerId MeetingEventMark(const Vault& vault, const PbxId& pbx, const v1::Event& event);
// That an event was refused, and its object ordered away.
OwnerId OrderedMark(const Vault& vault, const v1::Event& event, const stored::v1::StoredObjectRef& object);

absl::StatusOr<bool> IsRemembered(const StoreView& store, const OwnerId& mark, DueDay today);
void Remember(const OwnerId& mark, Change& change);

// Whether there is anything to forget.
absl::StatusOr<bool> HasEventsToForget(const StoreView& store, DueDay today);
void ForgetEvents(Change& change);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_EVENT_MEMORY_H_
