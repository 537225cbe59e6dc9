#include "server/days/due_keys.h"

#include <utility>

#include "server/base/crash_point.h"
#include "server/law/periods.h"
#include "server/law/policy.h"

namespace retention {

static_assert(kMaxTimeZoneBytes <= DueRules::kMaxZoneBytes, "the ring remembers the time zone of any policy");

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

absl::StatusOr<std::vector<DueDay>> DestroyDays(KeyRing& ring, Vault& vault, DueDay last, absl::Time now,
                                                const std::set<DayPart>& parts) {
  std::vector<DueDay> days = ring.DaysThrough(last);
  std::vector<RescuedKey> rescued;
  for (const DayPart& part : parts) {
    auto key = vault.Rescue(part.day, part.pbx, part.use);
    if (!key.ok()) return key.status();
    if (key->has_value()) rescued.push_back(**std::move(key));
  }
  if (!days.empty()) CrashPoint("sweep.before_keys");
  if (absl::Status s = ring.DestroyDaysThrough(last, now, rescued); !s.ok()) return s;
  return days;
}

absl::StatusOr<std::vector<DueDay>> DestroyDueByRing(KeyRing& ring, RandomSource& random, absl::Time now) {
  const DueRules rules = ring.due_rules();
  absl::TimeZone zone;
  if (rules.suspended || rules.zone.empty() || !absl::LoadTimeZone(rules.zone, &zone)) return std::vector<DueDay>();
  const DueDay last = LastDueDay(now, zone);
  const std::vector<DueDay> days = ring.DaysThrough(last);
  if (days.empty()) return days;
  std::set<DayPart> parts;
  AddHeldParts(days, rules.held, last, parts);
  for (const PbxId& pbx : ring.Pbxs()) {
    for (const DueDay day : days) parts.insert({day, pbx, PbxKeyUse::kForOrders});
  }
  Vault vault(ring, random);
  auto destroyed = DestroyDays(ring, vault, last, now, parts);
  // The root follows; that it cannot be changed keeps no key.
  ring.ChangeRootIfDue(now).status().IgnoreError();
  return destroyed;
}

}  // namespace retention
