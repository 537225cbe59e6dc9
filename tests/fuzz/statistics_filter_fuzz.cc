// Whatever a question filters by: it is refused by name, or conditions each of which has a dimension and values.
#include <string>

#include "server/anonymisation/filter.h"
#include "server/base/errors.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const retention::FuzzInput input(bytes, size);
  const auto conditions = retention::ParseFilter(input.rest());
  if (!conditions.ok()) {
    retention::MustHold(retention::DetailsOf(conditions.status()).field() == "filter", "a refusal names the field");
    return 0;
  }
  for (const retention::DimensionCondition& condition : *conditions) {
    retention::MustHold(condition.dimension != retention::v1::DIMENSION_UNSPECIFIED, "a condition has a dimension");
    retention::MustHold(!condition.values.empty(), "a condition has values");
    retention::MustHold(retention::DimensionNamed(retention::NameOf(condition.dimension)) == condition.dimension,
                        "a dimension is known by its name");
  }
  return 0;
}
