// The changes of a batch in the order of their keys.
#ifndef RETENTION_STORAGE_ROCKSDB_KEY_ORDER_H_
#define RETENTION_STORAGE_ROCKSDB_KEY_ORDER_H_

#include <vector>

#include "storage/store.h"

namespace retention {

// By family and key: neighbours in the memtable are then inserted one after the other, while their surroundings are in
// the processor's cache. Changes of one key keep their order; with a range among them all keep theirs. REQUIRES:
// `batch` outlives what is returned.
std::vector<const Batch::Change*> InKeyOrder(const Batch& batch);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_KEY_ORDER_H_
