#include "server/base/field_violations.h"

#include <algorithm>
#include <string>

namespace retention {

void FieldViolations::Add(std::string_view field, std::string_view description) {
  const bool said = std::any_of(violations_.begin(), violations_.end(),
                                [&](const FieldViolation& before) { return before.field == field; });
  if (said || violations_.size() == kMax) return;
  violations_.push_back({.field = std::string(field), .description = std::string(description)});
}

void FieldViolations::Add(const absl::Status& status) {
  if (status.ok()) return;
  const ErrorDetails details = DetailsOf(status);
  if (!absl::IsInvalidArgument(status) || details.violations.empty()) {
    if (other_.ok()) other_ = status;
    return;
  }
  for (const FieldViolation& violation : details.violations) Add(violation.field, violation.description);
}

absl::Status FieldViolations::status() const {
  if (!other_.ok() || violations_.empty()) return other_;
  return InvalidFields(violations_);
}

}  // namespace retention
