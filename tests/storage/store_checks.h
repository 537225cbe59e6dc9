// What every store must have done after the fact: after a reopening, after a failed write, after an erasure.
//
// Functions, so that store_checks_test.cc can show of each that a store which does not do it is found out. Each begins
// with a new store; the answer says what is wrong.
#ifndef RETENTION_TESTS_STORAGE_STORE_CHECKS_H_
#define RETENTION_TESTS_STORAGE_STORE_CHECKS_H_

#include <gtest/gtest.h>

#include "tests/storage/store_backend.h"

namespace retention {

// What was committed is there after every opening, in all families, and nothing else.
::testing::AssertionResult KeepsWhatWasCommitted(StoreBackend& backend);

// Of a batch whose write failed nothing is seen, before Resume and after; nothing is taken until Resume, and everything
// after it.
::testing::AssertionResult ShowsNothingOfAFailedBatch(StoreBackend& backend, StoreBackend::Fault fault);

// If the process ends before Resume, the batch is found whole or not at all.
::testing::AssertionResult FindsAFailedBatchWholeOrNotAtAll(StoreBackend& backend, StoreBackend::Fault fault);

// No byte is left of what was erased, and all of what was not. `settled`: the day was settled before.
::testing::AssertionResult DropDaysThroughLeavesNoByte(StoreBackend& backend, bool settled);
::testing::AssertionResult DropRangeLeavesNoByte(StoreBackend& backend, Family family);
// The same where no row is left to drop, but the bytes of deleted ones are.
::testing::AssertionResult DropsLeaveNoByteOfDeletedRows(StoreBackend& backend);
// No byte is left of what was deleted or replaced.
::testing::AssertionResult ScrubLeavesNoByteOfFiled(StoreBackend& backend, bool settled);
::testing::AssertionResult ScrubLeavesNoByteOfState(StoreBackend& backend);

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_STORE_CHECKS_H_
