#include "storage/rocksdb/write_record.h"

#include <gtest/gtest.h>

#include "tests/storage/fixtures.h"

namespace retention {
namespace {

TEST(WriteRecord, BeforeARestartEveryDayMayHaveBeenWritten) {
  const WriteRecord record(17);
  EXPECT_EQ(record.Day(kDay), 17u);
  EXPECT_EQ(record.DaysThrough(kDay), 17u);
  EXPECT_EQ(record.OfFamily(Family::kLedger), 17u);
  EXPECT_EQ(record.latest(), 17u);
}

TEST(WriteRecord, RemembersTheLastWriteOfEachDay) {
  WriteRecord record(1);
  Batch batch;
  batch.Put(Family::kFiled, SomeKey(kDay).Encode(), "");
  batch.Put(Family::kFiled, SomeKey(kDay.Next()).Encode(), "");
  record.Note(batch, 5);
  Batch later;
  later.Delete(Family::kFiled, SomeKey(kDay.Next()).Encode());
  record.Note(later, 9);
  EXPECT_EQ(record.Day(kDay), 5u);
  EXPECT_EQ(record.DaysThrough(kDay), 5u);
  EXPECT_EQ(record.DaysThrough(kDay.Next()), 9u);
  EXPECT_EQ(record.Day(DueDay::Open()), 1u);
  EXPECT_EQ(record.OfFamily(Family::kState), 1u);
  record.ForgetDaysThrough(kDay.Next());
  EXPECT_EQ(record.DaysThrough(kDay.Next()), 1u);
}

}  // namespace
}  // namespace retention
