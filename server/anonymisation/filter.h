// The filters of questions about statistics: a part of the language of AIP-160.
//
//   filter     = [ conjunct { "AND" conjunct } ]
//   conjunct   = comparison | "(" comparison { "OR" comparison } ")" | comparison { "OR" comparison }
//   comparison = dimension ( "=" | "!=" ) value          value = a-z, 0-9, - + _ . | "quoted"
//
// OR binds tighter than AND, as AIP-160 says. Comparisons that are joined by OR are of one dimension. "!=" is only
// joined by AND.
#ifndef RETENTION_SERVER_ANONYMISATION_FILTER_H_
#define RETENTION_SERVER_ANONYMISATION_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {

// Keeps what has one of these values, or none of them.
struct DimensionCondition {
  v1::Dimension dimension;
  bool is_one_of = true;
  std::vector<std::string> values;
};

inline constexpr size_t kMaxFilterBytes = 4096;

// All must hold. INVALID_ARGUMENT, naming `filter` and the byte, if it is malformed; does not know which values there
// are.
absl::StatusOr<std::vector<DimensionCondition>> ParseFilter(std::string_view text);

// "join-failure-cause" or "join_failure_cause", in any case; DIMENSION_UNSPECIFIED if it names none.
v1::Dimension DimensionNamed(std::string_view name);
// The same the other way round: "join_failure_cause".
std::string NameOf(v1::Dimension dimension);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_FILTER_H_
