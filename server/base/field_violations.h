// All that is wrong with the fields of a request, said at once: BadRequest names each.
#ifndef RETENTION_SERVER_BASE_FIELD_VIOLATIONS_H_
#define RETENTION_SERVER_BASE_FIELD_VIOLATIONS_H_

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/errors.h"

namespace retention {

// Collects them in the order in which they are added, of a field the first alone.
class FieldViolations {
 public:
  // Of what is beyond nothing is said: an answer travels in a trailer, of which callers take 8 KiB.
  static constexpr size_t kMax = 20;

  void Add(std::string_view field, std::string_view description);
  // What one of these said. OK adds nothing; an error for another reason than INVALID_FIELD comes before all that are.
  void Add(const absl::Status& status);
  // The value; null if it is an error, which is added.
  template <typename T>
  T* Take(absl::StatusOr<T>& value) {
    Add(value.status());
    return value.ok() ? &*value : nullptr;
  }

  bool ok() const { return violations_.empty() && other_.ok(); }
  // INVALID_ARGUMENT with reason INVALID_FIELD, or the first error for another.
  absl::Status status() const;

 private:
  std::vector<FieldViolation> violations_;
  absl::Status other_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_FIELD_VIOLATIONS_H_
