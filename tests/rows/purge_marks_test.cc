// Where deleted rows lie, as marks know it.
#include "server/rows/purge_marks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/keys.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

const DueDay kDay = DueDay::FromNumber(20000);

std::string KeyOf(uint64_t room, uint8_t item = 1) {
  FiledKey key;
  key.day = kDay;
  key.category = kParticipantName;
  for (size_t i = 0; i < sizeof(room); ++i) key.owner.bytes[i] = static_cast<uint8_t>(room >> (8 * (7 - i)));
  key.item.bytes[0] = item;
  return key.Encode();
}

class PurgeMarksTest : public ::testing::Test {
 protected:
  // As a commit does it.
  void Apply(const PurgeMarks::Changes& changes) {
    const PurgeMarks::Marks after = marks_.After(changes, now_);
    Batch batch;
    PurgeMarks::Put(after, changes, batch);
    ASSERT_TRUE(store_.Commit(batch).ok());
    marks_.Set(after, changes);
    PurgeMarks loaded;
    ASSERT_TRUE(loaded.Load(store_).ok());
    EXPECT_EQ(PurgeMarks::SpansOf(loaded.Read()), Spans()) << "what is in memory is in the store";
  }
  void Delete(const std::vector<std::string>& keys) {
    PurgeMarks::Changes changes;
    for (const std::string& key : keys) changes.deletions[kDay].Add(key);
    Apply(changes);
  }
  void Scrubbed(PurgeMarks::Marks marks) {
    PurgeMarks::Changes changes;
    changes.scrubbed = std::move(marks);
    Apply(changes);
  }
  std::vector<FamilySpan> Spans() const { return PurgeMarks::SpansOf(marks_.Read()); }
  static bool Covers(const std::vector<FamilySpan>& spans, const std::string& key) {
    for (const FamilySpan& each : spans) {
      if (each.family == Family::kFiled && key >= each.span.begin && key < each.span.end) return true;
    }
    return false;
  }
  static const FamilySpan& WholeDay() {
    static const FamilySpan& whole = *new FamilySpan{Family::kFiled, {FiledPrefix(kDay), PrefixEnd(FiledPrefix(kDay))}};
    return whole;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  MapStore store_;
  PurgeMarks marks_;
};

TEST_F(PurgeMarksTest, KnowTheirPlaces_AndNoPersonsInThem) {
  Delete({KeyOf(1), KeyOf(1, 2), KeyOf(7)});
  EXPECT_EQ(Spans().size(), 2u) << "what lies side by side is one";
  for (const uint64_t room : {1u, 7u}) EXPECT_TRUE(Covers(Spans(), KeyOf(room)));
  EXPECT_FALSE(Covers(Spans(), KeyOf(3)));
  for (const FamilySpan& each : Spans()) {
    EXPECT_LE(each.span.begin.size(), FiledPrefix(kDay, kParticipantName, PbxId(), RoomId()).size());
  }
}

TEST_F(PurgeMarksTest, WhatIsDeletedDuringAScrubStays_WithItsPlaces) {
  Delete({KeyOf(1), KeyOf(2)});
  const PurgeMarks::Marks seen = marks_.Read();
  Delete({KeyOf(2), KeyOf(5)});
  Scrubbed(seen);
  EXPECT_FALSE(Covers(Spans(), KeyOf(1)));
  EXPECT_TRUE(Covers(Spans(), KeyOf(2))) << "once more";
  EXPECT_TRUE(Covers(Spans(), KeyOf(5)));
  Scrubbed(marks_.Read());
  EXPECT_TRUE(Spans().empty());
}

TEST_F(PurgeMarksTest, TooManyPlacesAreTheWholeDay_AlsoOfWhatFollows) {
  for (uint64_t room = 1; room <= PurgeMarks::kPlacesMax; ++room) Delete({KeyOf(room)});
  EXPECT_EQ(Spans().size(), static_cast<size_t>(PurgeMarks::kPlacesMax));
  const PurgeMarks::Marks few = marks_.Read();
  Delete({KeyOf(100'000)});
  EXPECT_EQ(Spans(), std::vector<FamilySpan>{WholeDay()});
  Scrubbed(few);
  EXPECT_TRUE(Covers(Spans(), KeyOf(100'000)));
  Delete({KeyOf(100'001)});
  EXPECT_TRUE(Covers(Spans(), KeyOf(100'000)));
  Scrubbed(marks_.Read());
  EXPECT_TRUE(Spans().empty());
}

TEST_F(PurgeMarksTest, OneChangeAloneCanHaveTooMany) {
  std::vector<std::string> keys;
  for (uint64_t room = 0; room < 2 * PurgeMarks::kPlacesMax; ++room) keys.push_back(KeyOf(room));
  Delete(keys);
  EXPECT_EQ(Spans(), std::vector<FamilySpan>{WholeDay()});
}

// As they were written before marks knew of places.
TEST_F(PurgeMarksTest, AMarkWithoutPlacesIsTheWholeDay) {
  stored::v1::PurgeMark mark;
  mark.set_first_us(1);
  mark.set_deletions(2);
  Batch batch;
  batch.Put(Family::kState, PurgeMarkKey(kDay), mark.SerializeAsString());
  ASSERT_TRUE(store_.Commit(batch).ok());
  ASSERT_TRUE(marks_.Load(store_).ok());
  EXPECT_EQ(Spans(), std::vector<FamilySpan>{WholeDay()});
  Delete({KeyOf(1)});
  EXPECT_EQ(Spans(), std::vector<FamilySpan>{WholeDay()});
}

TEST_F(PurgeMarksTest, OfStateTheyNameItsKeys) {
  PurgeMarks::Changes changes;
  const std::string key = LocatorKey(PbxId(), OwnerId());
  changes.deletions[DueDay::None()].Add(key);
  Apply(changes);
  ASSERT_EQ(Spans().size(), 1u);
  EXPECT_EQ(Spans().front().family, Family::kState);
  EXPECT_TRUE(key.starts_with(Spans().front().span.begin));
}

}  // namespace
}  // namespace retention
