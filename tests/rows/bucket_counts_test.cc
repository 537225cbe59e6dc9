#include "server/rows/bucket_counts.h"

#include <gtest/gtest.h>

#include "tests/testing/map_store.h"

namespace retention {
namespace {

const DueDay kDay(absl::CivilDay(2026, 3, 9));

}  // namespace

TEST(BucketCounts, SurviveAReload) {
  CountChanges changes;
  changes.Add(kDay, kParticipantName, 2, 5);
  changes.Add(DueDay::Open(), kPoll, 1, 1);
  MapStore store;
  Batch batch;
  BucketCounts::Put(BucketCounts().After(changes), batch);
  ASSERT_TRUE(store.Commit(batch).ok());
  BucketCounts same;
  ASSERT_TRUE(same.Load(store).ok());
  EXPECT_EQ(same.Of(kDay)[kParticipantName].values, 5u);
  EXPECT_EQ(same.Of(kDay)[kParticipantName].rows, 2u);
  EXPECT_EQ(same.TotalRows(), 3u);
}

TEST(BucketCounts, AnEmptiedDayLeavesNoRow) {
  CountChanges changes;
  changes.Add(kDay, kParticipantName, 1, 1);
  changes.Remove(kDay, kParticipantName, 1, 1);
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
  filed.Add(kDay, kParticipantName, 2, 5);
  counts.Set(counts.After(filed));
  CountChanges changes;
  changes.Remove(kDay, kParticipantName, 1, 3);
  const BucketCounts::Days after = counts.After(changes);
  EXPECT_EQ(counts.Of(kDay)[kParticipantName].values, 5u);
  EXPECT_EQ(counts.Of(kDay, kParticipantName, changes).values, 2u);
  counts.Set(after);
  EXPECT_EQ(counts.Of(kDay)[kParticipantName].values, 2u);
  EXPECT_EQ(counts.Of(kDay)[kParticipantName].rows, 1u);
}

TEST(BucketCounts, ADayThatEndsCountsNothing) {
  BucketCounts counts;
  CountChanges filed;
  filed.Add(kDay, kParticipantName, 2, 5);
  counts.Set(counts.After(filed));
  CountChanges ends;
  ends.EndDay(kDay);
  EXPECT_EQ(counts.Of(kDay, kParticipantName, ends).rows, 0u);
  counts.Set(counts.After(ends));
  EXPECT_TRUE(counts.Read().empty());
}

}  // namespace retention
