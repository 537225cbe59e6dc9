// Every check of store_checks.h finds out a store that does not do what it asks.
#include "tests/storage/store_checks.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/keys.h"
#include "tests/storage/store_backend.h"

namespace retention {
namespace {

using Fault = StoreBackend::Fault;

// Does what its store does. What a test's store does otherwise, it overrides.
class StoreOver : public Store {
 public:
  explicit StoreOver(std::unique_ptr<Store> store) : store_(std::move(store)) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    return store_->Get(family, key);
  }
  absl::Status Commit(const Batch& batch) override { return store_->Commit(batch); }
  std::unique_ptr<StoreView> Snapshot() const override { return store_->Snapshot(); }
  absl::Status SettleDay(DueDay day) override { return store_->SettleDay(day); }
  size_t FilesOf(DueDay day) const override { return store_->FilesOf(day); }
  absl::Status DropDaysThrough(DueDay last) override { return store_->DropDaysThrough(last); }
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override {
    return store_->DropRange(family, begin, end);
  }
  absl::Status Scrub(const std::vector<FamilySpan>& spans) override { return store_->Scrub(spans); }
  absl::Status Resume() override { return store_->Resume(); }
  absl::Status Health() const override { return store_->Health(); }
  absl::Status Checkpoint(const std::string& path) override { return store_->Checkpoint(path); }
  size_t DamagedFiles() const override { return store_->DamagedFiles(); }
  absl::Status Mend() override { return store_->Mend(); }
  std::vector<LostRows> Lost() const override { return store_->Lost(); }
  StoreProgress Acknowledged() const override { return store_->Acknowledged(); }
  StoreProgress Found() const override { return store_->Found(); }
  uint64_t LiveBytes() const override { return store_->LiveBytes(); }

 protected:
  // The first change of `batch`.
  static Batch PartOf(const Batch& batch) {
    const Batch::Change& change = batch.changes().front();
    Batch part;
    part.Put(change.family, change.key, change.value);
    return part;
  }
  const std::unique_ptr<Store> store_;

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return store_->Scan(family, span.begin, span.end, at_loss);
  }
};

// Says that it scrubbed.
class IdleScrub : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Scrub(const std::vector<FamilySpan>&) override { return Health(); }
};

// Scrubs days only.
class HalfScrub : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Scrub(const std::vector<FamilySpan>& spans) override {
    std::vector<FamilySpan> days = spans;
    std::erase_if(days, [](const FamilySpan& each) { return each.family != Family::kFiled; });
    return store_->Scrub(days);
  }
};

// Deletes the rows that it is to drop, and leaves their bytes.
class IdleDrop : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status DropDaysThrough(DueDay last) override {
    return DropRange(Family::kFiled, FiledPrefix(DueDay::None()), PrefixEnd(FiledPrefix(last)));
  }
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override {
    Batch batch;
    batch.DeleteRange(family, std::string(begin), std::string(end));
    return store_->Commit(batch);
  }
};

// Drops days, but no ranges.
class IdleRangeDrop : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override { return Health(); }
};

// Drops nothing at all.
class NoDrop : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status DropDaysThrough(DueDay last) override { return Health(); }
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override { return Health(); }
};

// Never writes the ledger.
class Forgetful : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Commit(const Batch& batch) override {
    Batch kept;
    for (const Batch::Change& change : batch.changes()) {
      if (change.family == Family::kLedger) continue;
      if (change.verb == Batch::Verb::kPut) kept.Put(change.family, change.key, change.value);
      if (change.verb == Batch::Verb::kDelete) kept.Delete(change.family, change.key);
      if (change.verb == Batch::Verb::kDeleteRange) kept.DeleteRange(change.family, change.key, change.value);
    }
    return store_->Commit(kept);
  }
};

// Shows a part of a failed batch at once.
class TornCommit : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Commit(const Batch& batch) override {
    if (!failure_.ok()) return failure_;
    failure_ = store_->Commit(batch);
    if (failure_.ok()) return failure_;
    EXPECT_TRUE(store_->Resume().ok());
    EXPECT_TRUE(store_->Commit(PartOf(batch)).ok());
    return failure_;
  }
  absl::Status SettleDay(DueDay day) override { return failure_; }
  absl::Status DropDaysThrough(DueDay last) override { return failure_; }
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override { return failure_; }
  absl::Status Scrub(const std::vector<FamilySpan>&) override { return failure_; }
  absl::Status Resume() override { return failure_ = absl::OkStatus(); }
  absl::Status Health() const override { return failure_; }

 private:
  absl::Status failure_;
};

// Shows a part of a failed batch after Resume.
class TornResume : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Commit(const Batch& batch) override {
    const absl::Status status = store_->Commit(batch);
    if (!status.ok() && part_.empty()) part_ = PartOf(batch);
    return status;
  }
  absl::Status Resume() override {
    const absl::Status status = store_->Resume();
    return status.ok() ? store_->Commit(part_) : status;
  }

 private:
  Batch part_;
};

// Takes no notice of a failed write.
class Careless : public StoreOver {
 public:
  using StoreOver::StoreOver;
  absl::Status Commit(const Batch& batch) override {
    const absl::Status status = store_->Commit(batch);
    if (!status.ok()) {
      EXPECT_TRUE(store_->Resume().ok());
    }
    return status;
  }
};

template <typename Over>
class BackendOver : public StoreBackend {
 public:
  explicit BackendOver(std::unique_ptr<StoreBackend> backend) : backend_(std::move(backend)) {}
  std::unique_ptr<Store> Open() override { return std::make_unique<Over>(backend_->Open()); }
  bool Holds(std::string_view text) const override { return backend_->Holds(text); }
  void FailNextWrite(Fault fault) override { backend_->FailNextWrite(fault); }

 private:
  const std::unique_ptr<StoreBackend> backend_;
};

class StoreChecks : public ::testing::TestWithParam<MakeStoreBackend> {
 protected:
  // What `check` says of a store that does otherwise what `Over` overrides; empty if nothing.
  template <typename Over, typename Check, typename... Arguments>
  std::string Complaint(Check check, Arguments... arguments) {
    BackendOver<Over> backend(GetParam()());
    return check(backend, arguments...).message();
  }
};

TEST_P(StoreChecks, AForwardingStorePassesThemAll) {
  EXPECT_EQ(Complaint<StoreOver>(KeepsWhatWasCommitted), "");
  for (const Fault fault : {Fault::kBeforeWrite, Fault::kAfterWrite}) {
    EXPECT_EQ(Complaint<StoreOver>(ShowsNothingOfAFailedBatch, fault), "");
    EXPECT_EQ(Complaint<StoreOver>(FindsAFailedBatchWholeOrNotAtAll, fault), "");
  }
  EXPECT_EQ(Complaint<StoreOver>(DropDaysThroughLeavesNoByte, true), "");
  EXPECT_EQ(Complaint<StoreOver>(DropRangeLeavesNoByte, Family::kLedger), "");
  EXPECT_EQ(Complaint<StoreOver>(DropsLeaveNoByteOfDeletedRows), "");
  EXPECT_EQ(Complaint<StoreOver>(ScrubLeavesNoByteOfFiled, true), "");
  EXPECT_EQ(Complaint<StoreOver>(ScrubLeavesNoByteOfState), "");
}

TEST_P(StoreChecks, FindOutAStoreThatForgetsAFamily) {
  EXPECT_EQ(Complaint<Forgetful>(KeepsWhatWasCommitted), "other rows after a reopening");
}

TEST_P(StoreChecks, FindOutAStoreThatShowsAPartOfAFailedBatch) {
  for (const Fault fault : {Fault::kBeforeWrite, Fault::kAfterWrite}) {
    EXPECT_EQ(Complaint<TornCommit>(ShowsNothingOfAFailedBatch, fault), "a failed batch is seen");
    EXPECT_EQ(Complaint<TornResume>(ShowsNothingOfAFailedBatch, fault), "a failed batch is seen after Resume");
    EXPECT_EQ(Complaint<Careless>(ShowsNothingOfAFailedBatch, fault), "healthy after a failed write");
    EXPECT_EQ(Complaint<TornCommit>(FindsAFailedBatchWholeOrNotAtAll, fault),
              "a part of a failed batch is found after a reopening");
  }
}

TEST_P(StoreChecks, FindOutAStoreWhoseDropsLeaveBytes) {
  for (const bool settled : {false, true}) {
    EXPECT_EQ(Complaint<IdleDrop>(DropDaysThroughLeavesNoByte, settled), "left after the drop: erased: a row");
    EXPECT_EQ(Complaint<NoDrop>(DropDaysThroughLeavesNoByte, settled), "left after the drop: erased: a row");
  }
  for (const Family family : {Family::kState, Family::kStatistics, Family::kLedger}) {
    EXPECT_EQ(Complaint<IdleDrop>(DropRangeLeavesNoByte, family), "left after the drop: erased: a row");
    EXPECT_EQ(Complaint<NoDrop>(DropRangeLeavesNoByte, family), "left after the drop: erased: a row");
  }
}

TEST_P(StoreChecks, FindOutAStoreWhoseDropsLookForRowsOnly) {
  EXPECT_EQ(Complaint<IdleDrop>(DropsLeaveNoByteOfDeletedRows), "left after the drop of a day");
  EXPECT_EQ(Complaint<IdleRangeDrop>(DropsLeaveNoByteOfDeletedRows), "left after the drop of a range");
}

TEST_P(StoreChecks, FindOutAStoreWhoseScrubDoesNothing) {
  for (const bool settled : {false, true}) {
    EXPECT_EQ(Complaint<IdleScrub>(ScrubLeavesNoByteOfFiled, settled), "left after the scrub: erased: a deleted one");
  }
  EXPECT_EQ(Complaint<IdleScrub>(ScrubLeavesNoByteOfState), "left after the scrub: erased: a deleted one");
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreChecks, ::testing::Values(MakeMapBackend, MakeRocksDbBackend),
                         [](const auto& info) { return info.param == MakeMapBackend ? "Map" : "RocksDb"; });

// RocksDB leaves its log behind with any flush, so that only what is exact shows this.
TEST(MapStoreChecks, FindOutAStoreThatScrubsDaysOnly) {
  BackendOver<HalfScrub> backend(MakeMapBackend());
  EXPECT_STREQ(ScrubLeavesNoByteOfState(backend).message(), "left after the scrub: erased: a deleted one");
}

}  // namespace
}  // namespace retention
