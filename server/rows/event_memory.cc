#include "server/rows/event_memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"

namespace retention {
namespace {

uint32_t SpanOf(DueDay day) { return day.number() / kEventSpanDays; }

// The first span that is not forgotten.
uint32_t FirstSpan(DueDay today) { return SpanOf(today) - std::min(kEventSpans, SpanOf(today)); }

}  // namespace

OwnerId PbxEventMark(const Vault& vault, const v1::Event& event) {
  return OwnerId{vault.Hash("event", "", absl::StrCat(event.pbx_id(), "\n", event.event_id()))};
}

OwnerId MeetingEventMark(const Vault& vault, const PbxId& pbx, const v1::Event& event) {
  return OwnerId{vault.Hash("event", pbx.view(), absl::StrCat(event.meeting_id(), "\n", event.event_id()))};
}

OwnerId OrderedMark(const Vault& vault, const v1::Event& event, const stored::v1::StoredObjectRef& object) {
  return OwnerId{
      vault.Hash("ordered", "", absl::StrCat(event.pbx_id(), "\n", event.event_id(), "\n", object.object_ref()))};
}

absl::StatusOr<bool> IsRemembered(const StoreView& store, const OwnerId& mark, DueDay today) {
  for (uint32_t span = FirstSpan(today); span <= SpanOf(today); ++span) {
    const auto row = store.Get(Family::kState, EventMarkKey(span, mark));
    if (!row.ok()) return row.status();
    if (row->has_value()) return true;
  }
  return false;
}

void Remember(const OwnerId& mark, Change& change) {
  change.batch().Put(Family::kState, EventMarkKey(SpanOf(change.today()), mark), "");
}

absl::StatusOr<bool> HasEventsToForget(const StoreView& store, DueDay today) {
  const auto cursor = store.Scan(Family::kState, EventMarkPrefix(0), EventMarkPrefix(FirstSpan(today)), AtLoss::kPass);
  if (cursor->Valid()) return true;
  if (!cursor->status().ok()) return cursor->status();
  return false;
}

void ForgetEvents(Change& change) {
  change.batch().DeleteRange(Family::kState, EventMarkPrefix(0), EventMarkPrefix(FirstSpan(change.today())));
}

}  // namespace retention
