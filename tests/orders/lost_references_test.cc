// Rows that say which rows an object has were lost with a damaged file: until they are found anew nothing is ordered
// away, and then it is as if nothing had been lost.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

const std::string kReferences = ObjectReferencePrefix(OwnerId()).substr(0, 1);

// Walks what is left of them, and says that it passed what was lost.
class PassingCursor : public RowCursor {
 public:
  explicit PassingCursor(std::unique_ptr<RowCursor> rows) : rows_(std::move(rows)) {}
  bool Valid() const override { return rows_->Valid(); }
  void Next() override { rows_->Next(); }
  void Seek(std::string_view key) override { rows_->Seek(key); }
  void SeekBefore(std::string_view key) override { rows_->SeekBefore(key); }
  void Previous() override { rows_->Previous(); }
  std::string_view key() const override { return rows_->key(); }
  std::string_view value() const override { return rows_->value(); }
  absl::Status status() const override { return rows_->status(); }
  size_t losses() const override { return 1; }

 private:
  const std::unique_ptr<RowCursor> rows_;
};

// A copy of a store that has lost all of them, until the place is written as a whole.
class WithoutReferences : public MapStore {
 public:
  explicit WithoutReferences(const StoreView& store) : MapStore(Without(RowsOf(store))) {}

  absl::Status Commit(const Batch& batch) override {
    absl::Status committed = MapStore::Commit(batch);
    for (const Batch::Change& change : batch.changes()) {
      if (committed.ok() && change.verb == Batch::Verb::kDeleteRange && change.key == kReferences) lost_ = false;
    }
    return committed;
  }
  std::vector<LostRows> Lost() const override {
    if (!lost_) return {};
    return {{Family::kState, {kReferences, PrefixEnd(kReferences)}}};
  }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    const bool passes = lost_ && family == Family::kState && span.begin.starts_with(kReferences);
    auto rows = MapStore::Walk(family, std::move(span), at_loss);
    return passes ? std::make_unique<PassingCursor>(std::move(rows)) : std::move(rows);
  }
  static Rows Without(Rows rows) {
    auto& state = rows[static_cast<size_t>(Family::kState)];
    state.erase(state.lower_bound(kReferences), state.lower_bound(PrefixEnd(kReferences)));
    return rows;
  }
  bool lost_ = true;
};

std::set<std::string> ReferencesIn(const Store& store) {
  std::set<std::string> rows;
  for (auto row = store.ScanPrefix(Family::kState, kReferences); row->Valid(); row->Next()) {
    rows.insert(std::string(row->key()).append(row->value()));
  }
  return rows;
}

class LostReferences : public ::testing::Test {
 protected:
  LostReferences() : harness_(kMonday) {
    harness_.SyncPbx();
    // One object of two meetings, of which a hold keeps one; others of one each.
    for (const char* meeting : {"m1", "m2"}) {
      harness_.Record({Joined(meeting, absl::StrCat(meeting, "1"), kMonday, "p"),
                       Recording(meeting, absl::StrCat(meeting, "2"), kMonday, "s3://shared"),
                       Pdf(meeting, absl::StrCat(meeting, "3"), kMonday, absl::StrCat("pdf/", meeting))});
    }
    harness_.Sweep();
    before_ = ReferencesIn(harness_.store());
    EXPECT_EQ(before_.size(), 4u);
    store_ = std::make_unique<WithoutReferences>(harness_.store());
    auto engine = TestEngine::Open(*store_, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  absl::Status Delete(const std::string& meeting) {
    return engine_->DeleteMeeting("pbx", meeting, "REQUESTED", harness_.now).status();
  }
  std::set<std::string> Ordered() const {
    std::set<std::string> objects;
    for (const v1::ErasureOrder& order : HeldOrders(*engine_)) objects.insert(order.object_ref());
    return objects;
  }
  void Sweep() {
    TestSweeper sweeper(*engine_, [](std::function<absl::Status()> task) { return task(); }, {});
    const auto swept = sweeper.RunOnce(harness_.now, /*scrub_now=*/false);
    EXPECT_TRUE(swept.ok()) << swept.status();
  }

  Harness harness_;
  std::set<std::string> before_;
  std::unique_ptr<WithoutReferences> store_;
  std::unique_ptr<TestEngine> engine_;
};

TEST_F(LostReferences, UntilTheyAreFoundNothingIsOrderedAway_AndThenNothingThatIsLeft) {
  const absl::Status refused = Delete("m1");
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_TRUE(Ordered().empty());
  Sweep();
  EXPECT_EQ(ReferencesIn(*store_), before_);
  ASSERT_TRUE(Delete("m1").ok());
  EXPECT_EQ(Ordered(), std::set<std::string>{"pdf/m1"}) << "the other meeting still has the recording";
  ASSERT_TRUE(Delete("m2").ok());
  EXPECT_EQ(Ordered(), (std::set<std::string>{"pdf/m1", "pdf/m2", "s3://shared"}));
}

TEST_F(LostReferences, WhoseSearchIsCutShortAreSearchedForAgain) {
  Batch begun;
  begun.DeleteRange(Family::kState, kReferences, PrefixEnd(kReferences));
  begun.Put(Family::kState, kReferences, "");
  ASSERT_TRUE(store_->Commit(begun).ok());
  EXPECT_TRUE(store_->Lost().empty());
  EXPECT_TRUE(absl::IsUnavailable(Delete("m1")));
  Sweep();
  EXPECT_EQ(ReferencesIn(*store_), before_);
  EXPECT_TRUE(Delete("m1").ok());
}

}  // namespace
}  // namespace retention
