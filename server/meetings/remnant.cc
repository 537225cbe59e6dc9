#include "server/meetings/remnant.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "server/law/filing.h"
#include "server/meetings/locator.h"
#include "storage/keys.h"

namespace retention {
namespace {

int64_t SpokenUntil(const SittingFacts& sitting, const CutHistory& rules) {
  if (sitting.emptied_us.has_value()) return *sitting.emptied_us;
  if (sitting.name != 0) return sitting.limit_us;
  const int64_t reopen_us = absl::ToInt64Microseconds(rules.At(sitting.start_us).reopen_within);
  return std::min(sitting.last_us + sitting.presumed_us + reopen_us, sitting.limit_us);
}

// Until when who comes is one of those who were there: until all had left, or are presumed to have.
int64_t StayEndOf(const OccurrenceFacts& facts) {
  int64_t end_us = INT64_MIN;
  for (const SittingFacts& sitting : facts.sittings) {
    const int64_t presumed_us = std::min(sitting.last_us + sitting.presumed_us, sitting.limit_us);
    end_us = std::max(end_us, sitting.emptied_us.value_or(presumed_us));
  }
  return end_us;
}

// Whether what is told of it may be in time by its own day.
bool IsWithinReach(const OccurrenceFacts& facts, const CutHistory& rules, const Policy& policy, DueDay last) {
  const int64_t until_us = std::max(facts.last_us, SpokenUntil(facts, rules));
  return CreationDueDay(kHistory, absl::FromUnixMicros(until_us), policy) > last;
}

}  // namespace

int64_t SpokenUntil(const OccurrenceFacts& facts, const CutHistory& rules) {
  int64_t until_us = INT64_MIN;
  for (const SittingFacts& sitting : facts.sittings) until_us = std::max(until_us, SpokenUntil(sitting, rules));
  return until_us;
}

FixedSpan SpanOf(const OccurrenceFacts& facts) {
  FixedSpan span{.said_until_us = facts.last_us, .stay_until_us = {}, .planned_start_us = {}};
  if (!facts.sittings.empty()) span.stay_until_us = StayEndOf(facts);
  if (facts.plan.has_value()) span.planned_start_us = facts.plan->start_us;
  return span;
}

bool Spans(const MeetingLocator& fixed, const RoomEvent& event) {
  const FixedSpan span = fixed.span.value_or(SpanOf(fixed.facts));
  // What was only said later than all had left keeps nobody there.
  const bool is_of_presence = Enters(event.kind) || Speaks(event.kind);
  const int64_t said_us = is_of_presence && span.stay_until_us.has_value() ? INT64_MIN : span.said_until_us;
  const int64_t until_us = std::max(said_us, span.stay_until_us.value_or(INT64_MIN));
  if (event.time_us < fixed.facts.first_us || event.time_us > until_us) return false;
  if (!Plans(event.kind)) return true;
  // A plan for another time is another occurrence, whenever it is made.
  return span.planned_start_us.has_value() && fixed.facts.plan.has_value() &&
         std::abs(event.planned_start_us - *span.planned_start_us) < fixed.facts.plan->early_us;
}

OccurrenceFacts FactsWithSpan(const MeetingLocator& locator) {
  OccurrenceFacts facts = locator.facts;
  if (!locator.span.has_value()) return facts;
  facts.last_us =
      std::max({facts.last_us, locator.span->said_until_us, locator.span->stay_until_us.value_or(INT64_MIN)});
  return facts;
}

bool MayHaveBeenOf(const OccurrenceFacts& facts, const RoomEvent& event, const CutHistory& rules, DueDay last) {
  if (event.time_us < facts.first_us || event.time_us > std::max(facts.last_us, SpokenUntil(facts, rules)))
    return false;
  // Of all the plans that it had the last is known. What is planned for times to come is another occurrence.
  constexpr int64_t kDayUs = int64_t{24} * 60 * 60 * 1000000;
  return !Plans(event.kind) || event.planned_start_us / kDayUs <= static_cast<int64_t>(last.number());
}

void PutRemnant(const PbxId& pbx, const OwnerId& meeting, const OccurrenceFacts& facts, const CutHistory& rules,
                const Policy& policy, DueDay last, Batch& batch) {
  if (!IsWithinReach(facts, rules, policy, last)) return;
  OccurrenceFacts when = facts;
  when.organizer.clear();
  for (SittingFacts& sitting : when.sittings) sitting.carried.clear();
  batch.Put(Family::kState, RemnantKey(pbx, meeting), SerializeFacts(when));
}

absl::StatusOr<std::map<uint64_t, OccurrenceFacts>> ReadRemnants(const StoreView& view, const PbxId& pbx,
                                                                 const RoomId& room) {
  std::map<uint64_t, OccurrenceFacts> remnants;
  auto cursor = view.ScanPrefix(Family::kState, RemnantPrefix(pbx, room));
  for (; cursor->Valid(); cursor->Next()) {
    const auto name = DecodeRemnantKey(cursor->key());
    auto facts = ParseFacts(cursor->value());
    if (!name.has_value() || !facts.has_value()) return absl::DataLossError("what is left of a meeting does not parse");
    remnants.emplace(OccurrenceOf(name->meeting), *std::move(facts));
  }
  if (!cursor->status().ok()) return cursor->status();
  return remnants;
}

absl::Status DropRemnants(const StoreView& view, const CutHistory& rules, const Policy& policy, DueDay last,
                          size_t most, std::string& from, Batch& batch) {
  auto cursor = view.Scan(Family::kState, from, PrefixEnd(RemnantPrefix()), AtLoss::kPass);
  for (size_t rows = 0; cursor->Valid() && rows < most; cursor->Next(), ++rows) {
    const auto facts = ParseFacts(cursor->value());
    if (facts.has_value() && IsWithinReach(*facts, rules, policy, last)) continue;
    batch.Delete(Family::kState, std::string(cursor->key()));
  }
  from = cursor->Valid() ? std::string(cursor->key()) : std::string();
  return cursor->status();
}

}  // namespace retention
