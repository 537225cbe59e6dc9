// What the tests of faults and crashes share.
#ifndef RETENTION_TESTS_STORAGE_FAULT_FIXTURES_H_
#define RETENTION_TESTS_STORAGE_FAULT_FIXTURES_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/map_store.h"

namespace retention {

// What is left of the disk after a crash.
enum class Aftermath { kKill, kPowerLoss, kTornPowerLoss };

// A batch that touches three families; `number` tells batches apart.
inline Batch NumberedBatch(uint8_t number) {
  Batch batch;
  batch.Put(Family::kFiled, SomeKey(kDay, number).Encode(), std::string(300, static_cast<char>('a' + number % 26)));
  batch.Put(Family::kFiled, SomeKey(kDay.Next(), number).Encode(), "filed");
  batch.Put(Family::kState, DayCountsKey(kDay), std::to_string(number));
  batch.Put(Family::kLedger, LedgerKey(number), "entry");
  return batch;
}

inline MapStore::Rows RowsOf(const Store& store) {
  MapStore::Rows rows;
  for (size_t family = 0; family < kFamilies; ++family) {
    auto cursor = store.Scan(static_cast<Family>(family), "", "");
    for (; cursor->Valid(); cursor->Next()) rows[family].emplace(cursor->key(), cursor->value());
    EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  }
  return rows;
}

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_FAULT_FIXTURES_H_
