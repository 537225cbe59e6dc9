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

// Parts that are rescued in one write of the ring where nobody knows which there are.
constexpr size_t kPartsAtOnce = 65536;

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

absl::StatusOr<DestroyedDays> DestroyDays(KeyRing& ring, Vault& vault, DueDay last, absl::Time now,
                                          const std::set<DayPart>& parts) {
  const std::vector<DueDay> days = ring.DaysThrough(last);
  if (!days.empty()) CrashPoint("sweep.before_keys");
  const absl::Status all = DestroyThrough(ring, vault, last, now, parts.begin(), parts.end());
  if (all.ok()) return DestroyedDays{.days = days, .left = all};
  if (!absl::IsResourceExhausted(all)) return all;
  DestroyedDays destroyed{.days = {}, .left = all};
  auto from = parts.begin();
  for (const DueDay day : days) {
    const DueDay through = day == days.back() ? last : day;
    const auto to = std::find_if(from, parts.end(), [&](const DayPart& part) { return part.day > through; });
    destroyed.left = DestroyThrough(ring, vault, through, now, from, to);
    if (!destroyed.left.ok()) break;
    destroyed.days.push_back(day);
    from = to;
  }
  if (destroyed.days.empty()) return destroyed.left;
  return destroyed;
}

absl::StatusOr<DestroyedDays> DestroyDueByRing(KeyRing& ring, RandomSource& random, absl::Time now) {
  const DueRules rules = ring.due_rules();
  absl::TimeZone zone;
  DestroyedDays destroyed;
  if (rules.suspended || rules.zone.empty() || !absl::LoadTimeZone(rules.zone, &zone)) return destroyed;
  const DueDay last = LastDueDay(now, zone);
  const std::vector<DueDay> days = ring.DaysThrough(last);
  const std::vector<PbxId> pbxs = ring.Pbxs();
  const size_t run = std::max<size_t>(1, kPartsAtOnce / (3 * rules.held.size() + pbxs.size() + 1));
  Vault vault(ring, random);
  for (size_t begin = 0; begin < days.size() && destroyed.left.ok(); begin += run) {
    const std::span<const DueDay> some = std::span(days).subspan(begin, std::min(run, days.size() - begin));
    std::set<DayPart> parts;
    AddHeldParts(some, rules.held, last, parts);
    for (const PbxId& pbx : pbxs) {
      for (const DueDay day : some) parts.insert({day, pbx, PbxKeyUse::kForOrders});
    }
    auto step = DestroyDays(ring, vault, begin + run < days.size() ? some.back() : last, now, parts);
    if (!step.ok() && destroyed.days.empty()) return step.status();
    destroyed.left = step.ok() ? step->left : step.status();
    if (step.ok()) destroyed.days.insert(destroyed.days.end(), step->days.begin(), step->days.end());
  }
  // The root follows; that it cannot be changed keeps no key.
  if (!days.empty()) ring.ChangeRootIfDue(now).status().IgnoreError();
  return destroyed;
}

}  // namespace retention
