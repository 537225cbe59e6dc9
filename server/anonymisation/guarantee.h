// What is drawn, and what is promised, in numbers and words: public constants.
#ifndef RETENTION_SERVER_ANONYMISATION_GUARANTEE_H_
#define RETENTION_SERVER_ANONYMISATION_GUARANTEE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/tables.h"

namespace retention {

// A table, as it is drawn under these lists.
v1::Table DescribeTable(const DrawnTable& table, const Profile& profile, const PublicLists& lists);
v1::ListTablesResponse DescribeTables(const Profile& profile, const PublicLists& lists);
v1::GetGuaranteeResponse DescribeGuarantee(const Profile& profile, absl::Duration settling);

// What epsilon is given for.
inline constexpr double kGuaranteeDelta = 1e-7;
// The least epsilon of (epsilon, delta)-differential privacy that rho-zCDP implies (Canonne, Kamath, Steinke 2020,
// proposition 12, minimised over its order).
double EpsilonOf(double rho, double delta);
// Somebody who guesses with even odds whether a person was there is right at most so often: Phi(sqrt(rho / 2)).
double GuessRightAtMost(double rho);
// Cohorts that a span of so many days touches, which begins with one.
uint32_t CohortsTouched(uint32_t days, const Profile& profile);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_GUARANTEE_H_
