// What ends a PBX by itself (section 9, last list): its licence, its silence, the silence of its name.
//
// Pure: a function of what is known of the PBX, the policy and the time.
#ifndef RETENTION_SERVER_LAW_PBX_LIFE_H_
#define RETENTION_SERVER_LAW_PBX_LIFE_H_

#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/law/policy.h"

namespace retention {

// When a PBX ends, and why.
struct PbxEnd {
  absl::Time time = absl::InfiniteFuture();
  v1::PbxEndCause cause = v1::PBX_END_CAUSE_UNSPECIFIED;
};

// The end that is certain if nothing changes and nothing is heard any more. A name that stops resolving is not certain
// to end its PBX before it has been looked up in vain on as many days as the policy says: days on which the prober
// could not look are nobody's fault.
PbxEnd PbxEndOf(const stored::v1::PbxLife& life, const Policy& policy);

// The ledger's word for a cause.
std::string_view ReasonOf(v1::PbxEndCause cause);

// The ends that are near enough to be warned of, each with the last warning that applies.
std::vector<v1::PbxWarning> WarningsOf(const stored::v1::PbxLife& life, const Policy& policy, absl::Time now);

// Counts what a look-up told `today`. A second one on the same day changes nothing.
void CountProbe(bool resolved, absl::CivilDay today, stored::v1::PbxLife& life);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_PBX_LIFE_H_
