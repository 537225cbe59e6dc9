#include "server/meetings/listing.h"

#include <algorithm>

#include "retention/stored/v1/course.pb.h"
#include "server/base/field_checks.h"
#include "server/law/cut_rules.h"
#include "server/law/filing.h"
#include "storage/keys.h"

namespace retention {
namespace {

// What is not known yet is presumed where it is asked for: 0.
int64_t EndIn(const OccurrenceFacts& facts) {
  if (IsOpen(facts)) return 0;
  if (!facts.TookPlace()) return facts.plan.has_value() ? facts.plan->end_us : facts.last_us;
  int64_t end_us = facts.plan.has_value() ? facts.plan->start_us : INT64_MIN;
  for (const SittingFacts& sitting : facts.sittings) end_us = std::max(end_us, *sitting.emptied_us);
  return end_us;
}

}  // namespace

absl::Duration LongestOccurrence() { return kMaxPlannedDuration + kMaxLateWithin + kMaxLongestSitting; }

int64_t ListedBeginOf(const OccurrenceFacts& facts) {
  if (facts.plan.has_value()) return facts.plan->start_us;
  return facts.sittings.empty() ? facts.first_us : facts.sittings.front().start_us;
}

std::optional<Listing> ListingOf(const MeetingLocator& locator) {
  const OccurrenceFacts& facts = locator.facts;
  if (facts.deleted || locator.days[kHistory] == DueDay::None()) return std::nullopt;
  Listing listing{.begin_us = ListedBeginOf(facts), .end_us = EndIn(facts), .organizer = {}};
  if (facts.organizer.size() == OwnerId::kBytes) listing.organizer = OwnerId::From(facts.organizer);
  return listing;
}

void FileListing(const PbxId& pbx, const OwnerId& meeting, const std::optional<Listing>& before,
                 const std::optional<Listing>& after, Batch& batch) {
  if (before == after) return;
  const auto for_each_key = [&](const Listing& listing, const auto& act) {
    act(BeginKey(pbx, OwnerId(), listing.begin_us, meeting));
    if (listing.organizer != OwnerId()) act(BeginKey(pbx, listing.organizer, listing.begin_us, meeting));
  };
  const bool moves = before.has_value() && (!after.has_value() || before->begin_us != after->begin_us ||
                                            before->organizer != after->organizer);
  if (moves) for_each_key(*before, [&](std::string key) { batch.Delete(Family::kState, std::move(key)); });
  if (!after.has_value()) return;
  stored::v1::Listing row;
  row.set_end_us(after->end_us);
  for_each_key(*after, [&](std::string key) { batch.Put(Family::kState, std::move(key), row.SerializeAsString()); });
}

std::optional<int64_t> ListedEnd(std::string_view row) {
  stored::v1::Listing listing;
  if (!listing.ParseFromArray(row.data(), static_cast<int>(row.size()))) return std::nullopt;
  return listing.end_us();
}

}  // namespace retention
