// What is left of an occurrence whose history is over: when it was. What is told of it later, or once more, is of what
// has ended, and founds no other.
//
// Its history ends on the day of its first sign of life. Who came the day after, or the day after that, is told of in
// time by their own day; so the row stays until the last instant that may have been of it is due by its own.
#ifndef RETENTION_SERVER_MEETINGS_REMNANT_H_
#define RETENTION_SERVER_MEETINGS_REMNANT_H_

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "server/law/cut_rules.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "server/law/room_event.h"
#include "server/meetings/locator.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

// The last instant that who is in a sitting can be spoken of.
int64_t SpokenUntil(const OccurrenceFacts& facts, const CutHistory& rules);
// What is fixed of an occurrence that is this.
FixedSpan SpanOf(const OccurrenceFacts& facts);
// Whether an event lies within the span of an occurrence that is cut no more: that follows from the event alone,
// whatever else has come late.
bool Spans(const MeetingLocator& fixed, const RoomEvent& event);
// What a locator says when the history of its occurrence is over: with all that it spans.
OccurrenceFacts FactsWithSpan(const MeetingLocator& locator);

// Whether an event lies in the time of one whose history is over, of which nobody can tell any more what belonged to
// it. `last`: the last day that is due.
bool MayHaveBeenOf(const OccurrenceFacts& facts, const RoomEvent& event, const CutHistory& rules, DueDay last);

// What `policy` says of an occurrence whose locator is dropped. `last`: the last day that is due.
void PutRemnant(const PbxId& pbx, const OwnerId& meeting, const OccurrenceFacts& facts, const CutHistory& rules,
                const Policy& policy, DueDay last, Batch& batch);
// Those of a room, by their numbers. DATA_LOSS if one does not parse.
absl::StatusOr<std::map<uint64_t, OccurrenceFacts>> ReadRemnants(const StoreView& view, const PbxId& pbx,
                                                                 const RoomId& room);
// Deletes up to `most` of those, from `from` on, of which nothing can be told in time any more. `from` becomes where to
// go on; empty at the end.
absl::Status DropRemnants(const StoreView& view, const CutHistory& rules, const Policy& policy, DueDay last,
                          size_t most, std::string& from, Batch& batch);

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_REMNANT_H_
