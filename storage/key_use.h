// Which secrets a value needs.
#ifndef RETENTION_STORAGE_KEY_USE_H_
#define RETENTION_STORAGE_KEY_USE_H_

#include <cstdint>

namespace retention {

// Which key of its PBX a value is sealed under: none, its own, or its order key. Do not change the numbers: they are in
// every envelope.
enum class PbxKeyUse : uint8_t { kNotNeeded = 0, kNeeded = 1, kForOrders = 2 };

}  // namespace retention

#endif  // RETENTION_STORAGE_KEY_USE_H_
