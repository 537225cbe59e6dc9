#include "server/rows/bucket_counts.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace retention {
namespace {

TEST(BucketCounts, SurviveAReload) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  const DueDay day(absl::CivilDay(2026, 3, 9));
  BucketCounts counts;
  counts.Add(day, kParticipantName, 2, 5);
  counts.Add(DueDay::Open(), kPoll, 1, 1);
  Batch batch;
  counts.Flush(batch);
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  BucketCounts same;
  ASSERT_TRUE(same.Load(harness.store()).ok());
  EXPECT_EQ(same.Of(day)[kParticipantName].values, 5u);
  EXPECT_EQ(same.Of(day)[kParticipantName].rows, 2u);
  EXPECT_EQ(same.TotalRows(), 3u);
}

TEST(BucketCounts, AnEmptiedDayLeavesNoRow) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  const DueDay day(absl::CivilDay(2026, 3, 9));
  BucketCounts counts;
  counts.Add(day, kParticipantName, 1, 1);
  counts.Remove(day, kParticipantName, 1, 1);
  Batch batch;
  counts.Flush(batch);
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  BucketCounts same;
  ASSERT_TRUE(same.Load(harness.store()).ok());
  EXPECT_TRUE(same.Read().empty());
}

}  // namespace
}  // namespace retention
