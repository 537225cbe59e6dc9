#include "server/rows/bucket_counts.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"
#include "tests/testing/map_store.h"

namespace retention {
TEST(BucketCounts, SurviveAReload) {
  CountChanges changes;
  changes.Add(kNextMonday, kParticipantName, 2, 5);
  changes.Add(DueDay::Open(), kPoll, 1, 1);
  MapStore store;
  Batch batch;
  BucketCounts::Put(BucketCounts().After(changes), batch);
  ASSERT_TRUE(store.Commit(batch).ok());
  BucketCounts same;
  ASSERT_TRUE(same.Load(store).ok());
  EXPECT_EQ(same.Of(kNextMonday)[kParticipantName].values, 5u);
  EXPECT_EQ(same.Of(kNextMonday)[kParticipantName].rows, 2u);
  EXPECT_EQ(same.TotalRows(), 3u);
}

TEST(BucketCounts, AnEmptiedDayLeavesNoRow) {
  CountChanges changes;
  changes.Add(kNextMonday, kParticipantName, 1, 1);
  changes.Remove(kNextMonday, kParticipantName, 1, 1);
  MapStore store;
  Batch batch;
  BucketCounts::Put(BucketCounts().After(changes), batch);
  ASSERT_TRUE(store.Commit(batch).ok());
  BucketCounts same;
  ASSERT_TRUE(same.Load(store).ok());
  EXPECT_TRUE(same.Read().empty());
}

TEST(BucketCounts, AreAsBeforeUntilTheyAreSet) {
  BucketCounts counts;
  CountChanges filed;
  filed.Add(kNextMonday, kParticipantName, 2, 5);
  counts.Set(counts.After(filed));
  CountChanges changes;
  changes.Remove(kNextMonday, kParticipantName, 1, 3);
  const BucketCounts::Days after = counts.After(changes);
  EXPECT_EQ(counts.Of(kNextMonday)[kParticipantName].values, 5u);
  EXPECT_EQ(counts.Of(kNextMonday, kParticipantName, changes).values, 2u);
  counts.Set(after);
  EXPECT_EQ(counts.Of(kNextMonday)[kParticipantName].values, 2u);
  EXPECT_EQ(counts.Of(kNextMonday)[kParticipantName].rows, 1u);
}

TEST(BucketCounts, ADayThatEndsCountsNothing) {
  BucketCounts counts;
  CountChanges filed;
  filed.Add(kNextMonday, kParticipantName, 2, 5);
  counts.Set(counts.After(filed));
  CountChanges ends;
  ends.EndDay(kNextMonday);
  EXPECT_EQ(counts.Of(kNextMonday, kParticipantName, ends).rows, 0u);
  counts.Set(counts.After(ends));
  EXPECT_TRUE(counts.Read().empty());
}

}  // namespace retention
