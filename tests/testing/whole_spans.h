// What a scrub goes over where it matters not where in a day the deleted rows lay.
#ifndef RETENTION_TESTS_TESTING_WHOLE_SPANS_H_
#define RETENTION_TESTS_TESTING_WHOLE_SPANS_H_

#include <vector>

#include "storage/keys.h"
#include "storage/store.h"

namespace retention {

// All of these days, and all of family `state` if `state`.
inline std::vector<FamilySpan> WholeOf(const std::vector<DueDay>& days, bool state) {
  std::vector<FamilySpan> spans;
  for (const DueDay day : days) spans.push_back({Family::kFiled, {FiledPrefix(day), PrefixEnd(FiledPrefix(day))}});
  if (state) spans.push_back({Family::kState, {"", ""}});
  return spans;
}

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_WHOLE_SPANS_H_
