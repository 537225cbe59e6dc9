// Where released cubes come from, and how much of them one answer may show.
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_

#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// The released cubes, as stored.
class CubeSource {
 public:
  using Visit = absl::FunctionRef<absl::Status(std::string_view head, std::string_view table)>;
  virtual ~CubeSource() = default;
  // Calls `visit` with the encoded head and the encoded table `table` of every released cohort whose first day lies in
  // [from, to], in the order of first days; stops at the first error and returns it. The bytes are only read during the
  // call. REQUIRES of an implementation: all calls during one answer see the same cohorts (one snapshot).
  virtual absl::Status ForEach(DueDay from, DueDay to, TableId table, Visit visit) const = 0;
};

// Rows of one answer; more would not fit into a message of the default size.
inline constexpr size_t kMaxStatisticsRows = 20'000;

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_
