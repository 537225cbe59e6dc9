// What every part of the model knows.
#ifndef RETENTION_TESTS_SIMULATION_MODEL_WORDS_H_
#define RETENTION_TESTS_SIMULATION_MODEL_WORDS_H_

#include "absl/time/time.h"
#include "retention/v1/category.pb.h"

namespace retention::simulation {

inline constexpr absl::Duration kLeadWindow = absl::Hours(1);

// Categories of objects that the portal stores.
inline bool IsObject(v1::DataCategory category) {
  return category == v1::DATA_CATEGORY_RECORDING || category == v1::DATA_CATEGORY_FILE_SHARE ||
         category == v1::DATA_CATEGORY_PDF_SHARE;
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_MODEL_WORDS_H_
