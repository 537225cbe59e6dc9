// Many holds: what they cost, in reads and in what is kept of them.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/holds/hold_fixture.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

using HoldScale = HoldFixture;

// A copy of a store that counts how often it is read.
class CountingStore final : public MapStore {
 public:
  explicit CountingStore(const StoreView& view) : MapStore(RowsOf(view)) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    ++reads_;
    return MapStore::Get(family, key);
  }
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    ++reads_;
    return MapStore::Walk(family, std::move(span), at_loss);
  }
  uint64_t reads() const { return reads_; }

 private:
  mutable uint64_t reads_ = 0;
};

v1::Hold ControllerHold(const std::string& id, absl::Time now) {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->set_controller_id("controller");
  return hold;
}

// Rows and their bytes under a prefix of family `state`.
std::pair<size_t, size_t> StateRows(const StoreView& store, const std::string& prefix) {
  std::pair<size_t, size_t> rows;
  for (auto cursor = store.ScanPrefix(Family::kState, prefix); cursor->Valid(); cursor->Next()) {
    ++rows.first;
    rows.second += cursor->key().size() + cursor->value().size();
  }
  return rows;
}

// The reads of taking what `others` holds and one more keep out of the days that are due.
class ReadsOfTakingOut : public HoldFixture {
 public:
  explicit ReadsOfTakingOut(int others) : others_(others) {}
  void TestBody() override {
    for (int i = 0; i < 20; ++i) {
      harness_.Record(
          Joined(absl::StrCat("n", i), "j", harness_.now, "p", "Ada", absl::StrCat("ada", i, "@example.org")));
    }
    Place(EmailHold("case", harness_.now, "ada7@example.org"));
    for (int i = 0; i < others_; ++i) {
      Place(EmailHold(absl::StrCat("case-", i), harness_.now, absl::StrCat("somebody", i, "@example.org")));
    }
    CountingStore store(harness_.store());
    auto engine = TestEngine::Open(store, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    ASSERT_TRUE(engine.ok()) << engine.status();
    const uint64_t before = store.reads();
    EXPECT_FALSE((*engine)->TakeOutOfDueDays(kDue).value());
    EXPECT_EQ(HeldTexts(**engine, kParticipantName), std::set<std::string>{"Ada"});
    reads = store.reads() - before;
  }
  uint64_t reads = 0;

 private:
  const int others_;
};

TEST(HoldReads, HundredsOfPersonsOnAPbxAreAskedForWithTheReadsOfOne) {
  ReadsOfTakingOut one(0);
  one.TestBody();
  ReadsOfTakingOut hundreds(300);
  hundreds.TestBody();
  EXPECT_EQ(hundreds.reads, one.reads);
}

// Nobody could have asked for fewer of them: without it no start would go on.
TEST_F(HoldScale, OneInThePlaceOfLostOnesIsPlacedThoughThereAreAllThatMayBe) {
  for (size_t i = 0; i < HoldRegister::kMaxHolds; ++i) Place(PbxHold(absl::StrCat("case-", i), harness_.now));
  const v1::Hold instead = PbxHold("in-place", harness_.now);
  EXPECT_TRUE(absl::IsResourceExhausted(engine().CreateHold(instead, harness_.now).status()));
  for (int starts = 0; starts < 2; ++starts) {
    const absl::Status placed = engine().engine().writer().Do(harness_.now, [&](Change& change) {
      return engine().engine().domains().hold_commands.PlaceInstead(instead, change);
    });
    EXPECT_TRUE(placed.ok()) << placed;
  }
  EXPECT_NE(engine().holds().Find("in-place"), nullptr);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(engine().holds().size(), HoldRegister::kMaxHolds + 1);
}

TEST_F(HoldScale, HoldsOfAControllerShareItsPbxs) {
  constexpr size_t kPbxs = 50;
  for (size_t i = 1; i < kPbxs; ++i) harness_.SyncPbx(absl::StrCat("pbx-", i), {});
  Place(ControllerHold("case-1", harness_.now));
  const auto one = StateRows(harness_.store(), HoldPrefix());
  EXPECT_EQ(StateRows(harness_.store(), HoldCoverPrefix()).first, kPbxs);
  EXPECT_LT(one.second, 8 * kPbxs) << "no hold names them itself";
  Place(ControllerHold("case-2", harness_.now));
  Place(EmailHold("case-3", harness_.now, "alice@example.org"));
  harness_.SyncPbx("one more", {});
  EXPECT_EQ(StateRows(harness_.store(), HoldCoverPrefix()).first, kPbxs + 1);
  for (int restarts = 0; restarts < 2; ++restarts) {
    for (const char* id : {"case-1", "case-2", "case-3"}) {
      EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find(id)), kPbxs + 1);
    }
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  Release("case-1");
  Release("case-2");
  EXPECT_EQ(StateRows(harness_.store(), HoldCoverPrefix()).first, kPbxs + 1);
  Release("case-3");
  EXPECT_EQ(StateRows(harness_.store(), HoldCoverPrefix()).first, 0u) << "it goes with the last";
}

TEST_F(HoldScale, OneOfAControllerCoversNoPbxThatHadLeftItBefore_AndAnEarlierOneDoes) {
  harness_.SyncPbx("other");
  const PbxId other = *engine().registry().Held("other");
  Place(ControllerHold("early", harness_.now));
  v1::PbxSynced elsewhere;
  elsewhere.set_controller_id("somebody else");
  ASSERT_TRUE(engine().SyncPbx("other", elsewhere, harness_.now + absl::Minutes(1)).ok());
  ASSERT_TRUE(harness_.EndPbx("other").ok());
  Place(ControllerHold("late", harness_.now));
  Place(EmailHold("later", harness_.now, "alice@example.org"));
  const DueDay last_due(absl::CivilDay(2026, 3, 1));
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto count = [&](const char* id) { return engine().holds().CountPbxsOf(*engine().holds().Find(id)); };
    EXPECT_EQ(count("early"), 2u);
    EXPECT_EQ(count("late"), 1u);
    EXPECT_EQ(count("later"), 1u);
    EXPECT_TRUE(engine().holds().Concerns(other, last_due));
    EXPECT_TRUE(Held(kPbxSync).contains("other"));
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  Release("early");
  EXPECT_FALSE(engine().holds().Concerns(other, last_due));
  EXPECT_FALSE(Held(kPbxSync).contains("other"));
  SweepAt(kDue);
  EXPECT_EQ(Held(kParticipantName), (std::set<std::string>{"Alice", "Bob"})) << "the other PBX is the controller's";
}

TEST_F(HoldScale, APbxThatComesBackToItsControllerIsCoveredByAllItsHolds) {
  harness_.SyncPbx("other");
  Place(ControllerHold("early", harness_.now));
  v1::PbxSynced elsewhere;
  elsewhere.set_controller_id("somebody else");
  ASSERT_TRUE(engine().SyncPbx("other", elsewhere, harness_.now + absl::Minutes(1)).ok());
  Place(ControllerHold("late", harness_.now));
  EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("late")), 1u);
  harness_.now += absl::Minutes(2);
  harness_.SyncPbx("other");
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("early")), 2u);
    EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("late")), 2u);
    ASSERT_TRUE(harness_.Reopen().ok());
  }
}

TEST_F(HoldScale, OneOfAControllerComesAndGoesWhileOthersAsk) {
  const PbxId pbx = *engine().registry().Held("pbx");
  const DueDay last_due(absl::CivilDay(2026, 3, 1));
  Place(PbxHold("another", harness_.now));
  std::atomic<bool> over = false;
  std::atomic<bool> threw = false;
  std::thread reader([&] {
    try {
      while (!over) engine().holds().Concerns(pbx, last_due);
    } catch (const std::exception&) {
      threw = true;
    }
  });
  for (int i = 0; i < 2000 && !threw; ++i) {
    EXPECT_TRUE(engine().CreateHold(ControllerHold("case", harness_.now), harness_.now).ok());
    Release("case");
  }
  over = true;
  reader.join();
  EXPECT_FALSE(threw);
}

}  // namespace
}  // namespace retention
