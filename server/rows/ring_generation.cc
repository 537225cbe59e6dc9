#include "server/rows/ring_generation.h"

#include <string>
#include <utility>

#include "storage/keys.h"

namespace retention {

absl::StatusOr<uint64_t> SeenRingGeneration(const StoreView& store) {
  const auto row = store.Get(Family::kState, RingGenerationKey());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return uint64_t{0};
  if ((*row)->size() != sizeof(uint64_t)) return absl::DataLossError("the row of the ring's generation does not parse");
  uint64_t generation = 0;
  for (const char byte : **row) generation = generation << 8 | static_cast<uint8_t>(byte);
  return generation;
}

void PutRingGeneration(uint64_t generation, Batch& batch) {
  std::string value;
  for (int shift = 56; shift >= 0; shift -= 8) value.push_back(static_cast<char>(generation >> shift));
  batch.Put(Family::kState, RingGenerationKey(), std::move(value));
}

}  // namespace retention
