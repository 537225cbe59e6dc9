#include "server/days/due_keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/base/crash_point.h"
#include "server/law/periods.h"
#include "server/law/policy.h"

namespace retention {

static_assert(kMaxTimeZoneBytes <= DueRules::kMaxZoneBytes, "the ring remembers the time zone of any policy");

namespace {

using Parts = std::set<DayPart>;

absl::Status DestroyThrough(KeyRing& ring, Vault& vault, DueDay last, absl::Time now, Parts::const_iterator from,
                            Parts::const_iterator to) {
  std::vector<RescuedKey> rescued;
  for (auto part = from; part != to; ++part) {
    auto key = vault.Rescue(part->day, part->pbx, part->use);
    if (!key.ok()) return key.status();
    if (key->has_value()) rescued.push_back(**std::move(key));
  }
  return ring.DestroyDaysThrough(last, now, rescued);
}

// Those of `days`, which end with `through`.
absl::StatusOr<DestroyedDays> DestroyRun(KeyRing& ring, Vault& vault, std::span<const DueDay> days, DueDay through,
                                         absl::Time now, const Parts& parts) {
  const absl::Status all = DestroyThrough(ring, vault, through, now, parts.begin(), parts.end());
  DestroyedDays destroyed{.days = {}, .left = all};
  if (all.ok()) {
    destroyed.days.assign(days.begin(), days.end());
    return destroyed;
  }
  if (!absl::IsResourceExhausted(all)) return all;
  auto from = parts.begin();
  for (const DueDay day : days) {
    const DueDay last = day == days.back() ? through : day;
    const auto to = std::find_if(from, parts.end(), [&](const DayPart& part) { return part.day > last; });
    destroyed.left = DestroyThrough(ring, vault, last, now, from, to);
    if (!destroyed.left.ok()) break;
    destroyed.days.push_back(day);
    from = to;
  }
  if (destroyed.days.empty()) return destroyed.left;
  return destroyed;
}

}  // namespace

void AddHeldParts(std::span<const DueDay> days, const std::map<PbxId, DueDay>& held, DueDay last,
                  std::set<DayPart>& parts) {
  for (const auto& [pbx, until] : held) {
    if (until <= last) continue;
    for (const DueDay day : days) {
      for (const PbxKeyUse use : {PbxKeyUse::kNotNeeded, PbxKeyUse::kNeeded, PbxKeyUse::kForOrders}) {
        parts.insert({day, pbx, use});
      }
    }
  }
}

absl::StatusOr<DestroyedDays> DestroyDays(KeyRing& ring, Vault& vault, DueDay last, absl::Time now, size_t parts_a_day,
                                          DayPartsOf parts_of) {
  const std::vector<DueDay> days = ring.DaysThrough(last);
  if (!days.empty()) CrashPoint("sweep.before_keys");
  const size_t run = std::max<size_t>(1, kPartsAtOnce / (parts_a_day + 1));
  DestroyedDays destroyed;
  size_t begin = 0;
  do {
    const std::span<const DueDay> some = std::span(days).subspan(begin, std::min(run, days.size() - begin));
    begin += some.size();
    const DueDay through = begin < days.size() ? some.back() : last;
    auto step = DestroyRun(ring, vault, some, through, now, some.empty() ? Parts() : parts_of(some));
    if (!step.ok() && destroyed.days.empty()) return step.status();
    destroyed.left = step.ok() ? step->left : step.status();
    if (step.ok()) destroyed.days.insert(destroyed.days.end(), step->days.begin(), step->days.end());
  } while (begin < days.size() && destroyed.left.ok());
  return destroyed;
}

absl::StatusOr<DestroyedDays> DestroyDueByRing(KeyRing& ring, RandomSource& random, absl::Time now) {
  const DueRules rules = ring.due_rules();
  absl::TimeZone zone;
  if (rules.suspended || rules.zone.empty() || !absl::LoadTimeZone(rules.zone, &zone)) return DestroyedDays();
  const DueDay last = LastDueDay(now, zone);
  if (ring.DaysThrough(last).empty()) return DestroyedDays();
  const std::vector<PbxId> pbxs = ring.Pbxs();
  const auto parts_of = [&](std::span<const DueDay> days) {
    Parts parts;
    AddHeldParts(days, rules.held, last, parts);
    for (const PbxId& pbx : pbxs) {
      for (const DueDay day : days) parts.insert({day, pbx, PbxKeyUse::kForOrders});
    }
    return parts;
  };
  Vault vault(ring, random);
  auto destroyed = DestroyDays(ring, vault, last, now, 3 * rules.held.size() + pbxs.size(), parts_of);
  // The root follows; that it cannot be changed keeps no key.
  if (destroyed.ok()) ring.ChangeRootIfDue(now).status().IgnoreError();
  return destroyed;
}

}  // namespace retention
