// Checks of what is said about holds; each error names the field.
#ifndef RETENTION_SERVER_HOLDS_HOLD_INTAKE_H_
#define RETENTION_SERVER_HOLDS_HOLD_INTAKE_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/law/policy.h"

namespace retention {

inline constexpr size_t kMaxHoldIdBytes = 64;
inline constexpr size_t kMaxHoldOwnerBytes = 200;
inline constexpr size_t kMaxHoldReasonBytes = 1000;
inline constexpr size_t kMaxHoldNameBytes = 1000;
// The longest limitation period (section 197 BGB).
inline constexpr int kMaxHoldYears = 30;

absl::Status CheckHoldId(std::string_view field, std::string_view hold_id);
// All of it; pure.
absl::Status CheckHold(const v1::Hold& hold, const Policy& policy, absl::Time now);
// Justification and dates. `fresh_review`: whether the review date was set now, and so must not lie in the past.
absl::Status CheckHoldTerms(const v1::Hold& hold, bool fresh_review, const Policy& policy, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_INTAKE_H_
