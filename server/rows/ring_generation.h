// Which generation of the key ring the store has seen: an earlier one is a copy from the past, and must not be used.
#ifndef RETENTION_SERVER_ROWS_RING_GENERATION_H_
#define RETENTION_SERVER_ROWS_RING_GENERATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace retention {

// 0 if the store has seen none. DATA_LOSS if the row does not parse.
absl::StatusOr<uint64_t> SeenRingGeneration(const StoreView& store);
void PutRingGeneration(uint64_t generation, Batch& batch);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_RING_GENERATION_H_
