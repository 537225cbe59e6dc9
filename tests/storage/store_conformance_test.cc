// What every store must do. A new backend joins by its place in kBackends.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/keys.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/store_backend.h"
#include "tests/storage/store_checks.h"
#include "tests/testing/map_store.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

class StoreConformance : public ::testing::TestWithParam<MakeStoreBackend> {
 protected:
  void Put(Family family, const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(family, key, value);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  static std::string Walk(const StoreView& view, Family family, std::string_view begin, std::string_view end) {
    std::string rows;
    auto cursor = view.Scan(family, begin, end);
    for (; cursor->Valid(); cursor->Next()) {
      rows.append(cursor->key()).append("=").append(cursor->value()).append(" ");
    }
    EXPECT_TRUE(cursor->status().ok());
    return rows;
  }
  std::string All(Family family = Family::kState) const { return Walk(*store_, family, "", ""); }
  std::optional<std::string> Get(Family family, std::string_view key) const { return *store_->Get(family, key); }

  const std::unique_ptr<StoreBackend> backend_ = GetParam()();
  const std::unique_ptr<Store> store_ = backend_->Open();
};

TEST_P(StoreConformance, BeginsEmptyAndHealthy) {
  for (const Family family : {Family::kFiled, Family::kState, Family::kStatistics, Family::kLedger}) {
    EXPECT_EQ(All(family), "");
  }
  EXPECT_EQ(Get(Family::kState, "a"), std::nullopt);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_TRUE(store_->Resume().ok());
  EXPECT_TRUE(store_->Commit(Batch()).ok());
}

TEST_P(StoreConformance, FamiliesAreApart) {
  Put(Family::kState, "a", "1");
  Put(Family::kLedger, "a", "2");
  EXPECT_EQ(Get(Family::kState, "a"), "1");
  EXPECT_EQ(Get(Family::kLedger, "a"), "2");
  EXPECT_EQ(Get(Family::kStatistics, "a"), std::nullopt);
}

TEST_P(StoreConformance, ABatchAppliesInOrder) {
  Batch batch;
  batch.Put(Family::kState, "a", "1");
  batch.Put(Family::kState, "a", "2");
  batch.Put(Family::kState, "b", "1");
  batch.Delete(Family::kState, "b");
  batch.Put(Family::kState, "c", "1");
  batch.DeleteRange(Family::kState, "c", "d");
  batch.Put(Family::kState, "c2", "2");
  batch.Delete(Family::kState, "never was");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(All(), "a=2 c2=2 ");
}

TEST_P(StoreConformance, DeleteRange_TakesBeginAndSparesEnd) {
  for (const char* key : {"a", "b", "c", "d"}) Put(Family::kState, key, "1");
  Batch batch;
  batch.DeleteRange(Family::kState, "b", "d");
  batch.DeleteRange(Family::kState, "d", "d");
  batch.DeleteRange(Family::kState, "d", "a");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(All(), "a=1 d=1 ");
}

TEST_P(StoreConformance, DeleteRange_WithoutEndGoesToTheLastKey) {
  Put(Family::kFiled, SomeKey(kDay).Encode(), "1");
  Put(Family::kFiled, SomeKey(DueDay::Open()).Encode(), "1");
  Put(Family::kFiled, std::string(64, '\xFF'), "1");
  Batch batch;
  batch.DeleteRange(Family::kFiled, FiledPrefix(DueDay::Open()), PrefixEnd(FiledPrefix(DueDay::Open())));
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(All(Family::kFiled), SomeKey(kDay).Encode() + "=1 ");
}

TEST_P(StoreConformance, BytesOfEveryValueComeBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  Put(Family::kState, all, all);
  Put(Family::kState, std::string(1, '\0'), "");
  EXPECT_EQ(Get(Family::kState, all), all);
  EXPECT_EQ(Get(Family::kState, std::string(1, '\0')), "");
}

TEST_P(StoreConformance, Scan_WalksItsRangeInOrder) {
  for (const char* key : {"c", "a", "d", "b", "ba"}) Put(Family::kState, key, "1");
  EXPECT_EQ(Walk(*store_, Family::kState, "b", "d"), "b=1 ba=1 c=1 ");
  EXPECT_EQ(Walk(*store_, Family::kState, "b", ""), "b=1 ba=1 c=1 d=1 ");
  EXPECT_EQ(Walk(*store_, Family::kState, "d", "b"), "");
  EXPECT_EQ(Walk(*store_, Family::kState, "b", "b"), "");
}

TEST_P(StoreConformance, ScanPrefix_WalksThePrefix) {
  for (const std::string& key : {std::string("a"), std::string("b\xFF"), std::string("b\xFF\xFF"), std::string("c")}) {
    Put(Family::kState, key, "1");
  }
  auto cursor = store_->ScanPrefix(Family::kState, "b\xFF");
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b\xFF");
  cursor->Next();
  EXPECT_EQ(cursor->key(), "b\xFF\xFF");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
}

TEST_P(StoreConformance, Seek_GoesBothWaysWithinTheRange) {
  for (const char* key : {"a", "b", "c", "d", "e"}) Put(Family::kState, key, "1");
  auto cursor = store_->Scan(Family::kState, "b", "e");
  cursor->Seek("d");
  EXPECT_EQ(cursor->key(), "d");
  cursor->Seek("bb");
  EXPECT_EQ(cursor->key(), "c");
  cursor->Seek("");
  EXPECT_EQ(cursor->key(), "b");
  cursor->Seek("e");
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("c");
  EXPECT_EQ(cursor->key(), "c");
}

TEST_P(StoreConformance, AWalkGoesBackToTheBeginOfItsRange) {
  for (const char* key : {"a", "b", "c", "d", "e"}) Put(Family::kState, key, "1");
  auto cursor = store_->Scan(Family::kState, "b", "e");
  for (const char* end : {"", "e", "f"}) {
    cursor->SeekBefore(end);
    ASSERT_TRUE(cursor->Valid()) << end;
    EXPECT_EQ(cursor->key(), "d") << end;
  }
  cursor->SeekBefore("cc");
  EXPECT_EQ(cursor->key(), "c");
  cursor->SeekBefore("c");
  EXPECT_EQ(cursor->key(), "b");
  cursor->Next();
  EXPECT_EQ(cursor->key(), "c");
  cursor->Previous();
  EXPECT_EQ(cursor->key(), "b");
  cursor->Previous();
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekBefore("b");
  EXPECT_FALSE(cursor->Valid());
  auto all = store_->Scan(Family::kState, "", "");
  all->SeekBefore("");
  EXPECT_EQ(all->key(), "e");
  EXPECT_TRUE(cursor->status().ok());
}

TEST_P(StoreConformance, ASnapshotDoesNotSeeWhatComesAfter) {
  Put(Family::kState, "a", "1");
  Put(Family::kState, "b", "1");
  const auto snapshot = store_->Snapshot();
  Batch batch;
  batch.Put(Family::kState, "a", "2");
  batch.Delete(Family::kState, "b");
  batch.Put(Family::kState, "c", "1");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(Walk(*snapshot, Family::kState, "", ""), "a=1 b=1 ");
  EXPECT_EQ(*snapshot->Get(Family::kState, "c"), std::nullopt);
  EXPECT_EQ(All(), "a=2 c=1 ");
}

TEST_P(StoreConformance, AScanDoesNotSeeWhatComesAfter) {
  Put(Family::kState, "a", "1");
  auto cursor = store_->Scan(Family::kState, "", "");
  Put(Family::kState, "b", "1");
  EXPECT_EQ(cursor->key(), "a");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
}

TEST_P(StoreConformance, DropDaysThrough_EndsTheDaysAndNoOther) {
  const DueDay first(absl::CivilDay(1970, 1, 1));
  for (const DueDay day : {first, kDay, kDay.Next(), DueDay::Kept(), DueDay::Open()}) {
    Put(Family::kFiled, SomeKey(day).Encode(), "1");
  }
  Put(Family::kState, "a", "1");
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
    EXPECT_EQ(Walk(*store_, Family::kFiled, "", FiledPrefix(kDay.Next())), "");
    EXPECT_EQ(Get(Family::kFiled, SomeKey(kDay.Next()).Encode()), "1");
    EXPECT_EQ(Get(Family::kFiled, SomeKey(DueDay::Kept()).Encode()), "1");
    EXPECT_EQ(Get(Family::kFiled, SomeKey(DueDay::Open()).Encode()), "1");
    EXPECT_EQ(Get(Family::kState, "a"), "1");
  }
  // A day that was dropped can be written again, and dropped again.
  Put(Family::kFiled, SomeKey(kDay).Encode(), "2");
  EXPECT_EQ(Get(Family::kFiled, SomeKey(kDay).Encode()), "2");
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Get(Family::kFiled, SomeKey(kDay).Encode()), std::nullopt);
}

TEST_P(StoreConformance, DropDaysThrough_RefusesWhatIsNoDay) {
  Put(Family::kFiled, SomeKey(DueDay::Kept()).Encode(), "1");
  EXPECT_EQ(store_->DropDaysThrough(DueDay::Open()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->DropDaysThrough(DueDay::Kept()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Get(Family::kFiled, SomeKey(DueDay::Kept()).Encode()), "1");
}

TEST_P(StoreConformance, DropRange_EndsTheRangeAndNoOther) {
  for (const char* key : {"a", "b", "c", "d"}) Put(Family::kStatistics, key, "1");
  ASSERT_TRUE(store_->DropRange(Family::kStatistics, "b", "d").ok());
  ASSERT_TRUE(store_->DropRange(Family::kStatistics, "b", "d").ok());
  ASSERT_TRUE(store_->DropRange(Family::kStatistics, "d", "a").ok());
  EXPECT_EQ(All(Family::kStatistics), "a=1 d=1 ");
  ASSERT_TRUE(store_->DropRange(Family::kStatistics, "b", "").ok());
  EXPECT_EQ(All(Family::kStatistics), "a=1 ");
}

TEST_P(StoreConformance, ScrubAndSettle_ChangeNoRow) {
  for (const DueDay day : {kDay, kDay.Next(), DueDay::Open()}) Put(Family::kFiled, SomeKey(day).Encode(), "1");
  Put(Family::kState, "a", "1");
  const std::string filed = All(Family::kFiled);
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  ASSERT_TRUE(store_->Scrub(WholeOf({kDay, DueDay::Open()}, true)).ok());
  ASSERT_TRUE(store_->Scrub(WholeOf({}, false)).ok());
  EXPECT_EQ(All(Family::kFiled), filed);
  EXPECT_EQ(All(), "a=1 ");
}

// The same seeded commands to the store and to the oracle.
TEST_P(StoreConformance, AgreesWithTheOracleOverARandomHistory) {
  MapStore oracle;
  std::minstd_rand random(20260308);
  const auto key = [&random] {
    return FiledPrefix(DueDay::FromNumber(100 + random() % 8)) + static_cast<char>('a' + random() % 20);
  };
  for (int step = 0; step < 400; ++step) {
    Batch batch;
    for (int i = 0; i < 8; ++i) {
      const uint32_t verb = random() % 10;
      if (verb < 7) batch.Put(Family::kFiled, key(), std::to_string(random()));
      if (verb == 7 || verb == 8) batch.Delete(Family::kFiled, key());
      if (verb == 9) {
        std::string begin = key();
        std::string end = key();
        batch.DeleteRange(Family::kFiled, begin, end);
      }
    }
    ASSERT_TRUE(oracle.Commit(batch).ok());
    ASSERT_TRUE(store_->Commit(batch).ok());
    const DueDay day = DueDay::FromNumber(100 + random() % 8);
    switch (random() % 40) {
      case 0:
        ASSERT_TRUE(store_->SettleDay(day).ok());
        break;
      case 1:
        ASSERT_TRUE(oracle.DropDaysThrough(day).ok());
        ASSERT_TRUE(store_->DropDaysThrough(day).ok());
        break;
      case 2:
        ASSERT_TRUE(store_->Scrub(WholeOf({day}, true)).ok());
        break;
      default:
        break;
    }
    if (step % 10 == 0) {
      ASSERT_EQ(All(Family::kFiled), Walk(oracle, Family::kFiled, "", "")) << "step " << step;
    }
  }
}

TEST_P(StoreConformance, ReadersSeeWholeBatchesOnly) {
  constexpr int kBatches = 300;
  std::thread writer([this] {
    for (int i = 1; i <= kBatches; ++i) {
      Batch batch;
      for (const char* key : {"a", "b", "c"}) batch.Put(Family::kState, key, std::to_string(i));
      ASSERT_TRUE(store_->Commit(batch).ok());
    }
  });
  std::string last;
  while (last != std::to_string(kBatches)) {
    const auto snapshot = store_->Snapshot();
    last = (*snapshot->Get(Family::kState, "a")).value_or("");
    EXPECT_EQ((*snapshot->Get(Family::kState, "b")).value_or(""), last);
    EXPECT_EQ((*snapshot->Get(Family::kState, "c")).value_or(""), last);
  }
  writer.join();
}

class StoreAfterwards : public ::testing::TestWithParam<MakeStoreBackend> {
 protected:
  const std::unique_ptr<StoreBackend> backend_ = GetParam()();
};

TEST_P(StoreAfterwards, WhatWasCommittedIsThereAfterAReopening) { EXPECT_TRUE(KeepsWhatWasCommitted(*backend_)); }

TEST_P(StoreAfterwards, NothingOfAFailedBatchIsSeen_BeforeItsWrite) {
  EXPECT_TRUE(ShowsNothingOfAFailedBatch(*backend_, StoreBackend::Fault::kBeforeWrite));
}

TEST_P(StoreAfterwards, NothingOfAFailedBatchIsSeen_AfterItsWrite) {
  EXPECT_TRUE(ShowsNothingOfAFailedBatch(*backend_, StoreBackend::Fault::kAfterWrite));
}

TEST_P(StoreAfterwards, AFailedBatchIsFoundWholeOrNotAtAll_BeforeItsWrite) {
  EXPECT_TRUE(FindsAFailedBatchWholeOrNotAtAll(*backend_, StoreBackend::Fault::kBeforeWrite));
}

TEST_P(StoreAfterwards, AFailedBatchIsFoundWholeOrNotAtAll_AfterItsWrite) {
  EXPECT_TRUE(FindsAFailedBatchWholeOrNotAtAll(*backend_, StoreBackend::Fault::kAfterWrite));
}

TEST_P(StoreAfterwards, DropDaysThrough_LeavesNoByte) {
  EXPECT_TRUE(DropDaysThroughLeavesNoByte(*backend_, /*settled=*/false));
}

TEST_P(StoreAfterwards, DropDaysThroughOfSettledDays_LeavesNoByte) {
  EXPECT_TRUE(DropDaysThroughLeavesNoByte(*backend_, /*settled=*/true));
}

TEST_P(StoreAfterwards, DropRange_LeavesNoByte) {
  for (const Family family : {Family::kState, Family::kStatistics, Family::kLedger}) {
    const std::unique_ptr<StoreBackend> backend = GetParam()();
    EXPECT_TRUE(DropRangeLeavesNoByte(*backend, family));
  }
}

TEST_P(StoreAfterwards, DropsOfDeletedRows_LeaveNoByte) { EXPECT_TRUE(DropsLeaveNoByteOfDeletedRows(*backend_)); }

TEST_P(StoreAfterwards, ScrubOfDays_LeavesNoByte) {
  EXPECT_TRUE(ScrubLeavesNoByteOfFiled(*backend_, /*settled=*/false));
}

TEST_P(StoreAfterwards, ScrubOfSettledDays_LeavesNoByte) {
  EXPECT_TRUE(ScrubLeavesNoByteOfFiled(*backend_, /*settled=*/true));
}

TEST_P(StoreAfterwards, ScrubOfState_LeavesNoByte) { EXPECT_TRUE(ScrubLeavesNoByteOfState(*backend_)); }

constexpr auto kBackends = {MakeMapBackend, MakeRocksDbBackend};
std::string NameOf(const ::testing::TestParamInfo<MakeStoreBackend>& info) {
  return info.param == MakeMapBackend ? "Map" : "RocksDb";
}
INSTANTIATE_TEST_SUITE_P(Backends, StoreConformance, ::testing::ValuesIn(kBackends), NameOf);
INSTANTIATE_TEST_SUITE_P(Backends, StoreAfterwards, ::testing::ValuesIn(kBackends), NameOf);

}  // namespace
}  // namespace retention
