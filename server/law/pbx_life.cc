#include "server/law/pbx_life.h"

#include <array>

#include "server/ledger/reasons.h"

namespace retention {
namespace {

// The ends that are certain or, for a name that does not resolve at present, likely.
std::array<PbxEnd, 3> EndsOf(const stored::v1::PbxLife& life, const Policy& policy) {
  std::array<PbxEnd, 3> ends;
  ends[0].cause = v1::PBX_END_CAUSE_LICENCE_EXPIRED;
  if (life.licence_until_us() != 0) ends[0].time = absl::FromUnixMicros(life.licence_until_us());
  ends[1].cause = v1::PBX_END_CAUSE_NO_CONTACT;
  const absl::CivilDay contact = DueDay::FromNumber(life.contact_day()).civil();
  ends[1].time = DueInstant(DueDay(LastDayOf(contact, policy.pbx_end().no_contact)), policy.zone());
  ends[2].cause = v1::PBX_END_CAUSE_FQDN_UNRESOLVED;
  if (life.unresolved_days() > 0) {
    const uint32_t limit = policy.pbx_end().fqdn_unresolved.count;
    const int left = life.unresolved_days() < limit ? static_cast<int>(limit - life.unresolved_days()) : 0;
    ends[2].time = DueInstant(DueDay(DueDay::FromNumber(life.probed_day()).civil() + left), policy.zone());
  }
  return ends;
}

}  // namespace

PbxEnd PbxEndOf(const stored::v1::PbxLife& life, const Policy& policy) {
  PbxEnd first;
  for (const PbxEnd& end : EndsOf(life, policy)) {
    const bool likely_only = end.cause == v1::PBX_END_CAUSE_FQDN_UNRESOLVED &&
                             life.unresolved_days() < policy.pbx_end().fqdn_unresolved.count;
    if (!likely_only && end.time < first.time) first = end;
  }
  return first;
}

std::string_view ReasonOf(v1::PbxEndCause cause) {
  switch (cause) {
    case v1::PBX_END_CAUSE_LICENCE_EXPIRED:
      return kReasonLicenceExpired;
    case v1::PBX_END_CAUSE_FQDN_UNRESOLVED:
      return kReasonFqdnUnresolved;
    default:
      return kReasonNoContact;
  }
}

std::vector<v1::PbxWarning> WarningsOf(const stored::v1::PbxLife& life, const Policy& policy, absl::Time now) {
  std::vector<v1::PbxWarning> warnings;
  const absl::CivilDay today = DayOf(now, policy.zone());
  for (const PbxEnd& end : EndsOf(life, policy)) {
    if (end.time == absl::InfiniteFuture()) continue;
    const absl::CivilDay end_day = DayOf(end.time, policy.zone());
    uint32_t given = 0;
    for (const uint32_t days : policy.pbx_end().warning_days) {
      if (end_day - today <= static_cast<int64_t>(days)) given = days;
    }
    if (given == 0) continue;
    v1::PbxWarning& warning = warnings.emplace_back();
    warning.set_cause(end.cause);
    warning.mutable_end_time()->set_seconds(absl::ToUnixSeconds(end.time));
    warning.set_warning_days(given);
  }
  return warnings;
}

void CountProbe(bool resolved, absl::CivilDay today, stored::v1::PbxLife& life) {
  const uint32_t day = DueDay(today).number();
  if (day <= life.probed_day()) return;
  life.set_probed_day(day);
  life.set_unresolved_days(resolved ? 0 : life.unresolved_days() + 1);
  if (resolved) life.set_resolved_day(day);
}

}  // namespace retention
