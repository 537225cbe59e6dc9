// What holds do where the store cannot be read.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "tests/holds/hold_fixture.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

class UnreadableCursor final : public RowCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  void Seek(std::string_view) override {}
  void SeekBefore(std::string_view) override {}
  void Previous() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return absl::DataLossError("store: a block fails its checksum"); }
};

// A copy of a store of which, while `damaged`, the rows of courses or the locators cannot be read.
class DamagedStore final : public MapStore {
 public:
  enum class Damage { kNone, kCourses, kLocators };
  explicit DamagedStore(const StoreView& view) : MapStore(RowsOf(view)) {}

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    if (damage == Damage::kLocators && family == Family::kState && key.starts_with(LocatorPrefix())) {
      return absl::DataLossError("store: a block fails its checksum");
    }
    return MapStore::Get(family, key);
  }
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    const size_t category = FiledPrefix(DueDay::None(), kHistory).size() - 1;
    if (damage == Damage::kCourses && family == Family::kFiled && span.begin.size() > category &&
        span.begin[category] == static_cast<char>(kHistory)) {
      return std::make_unique<UnreadableCursor>();
    }
    return MapStore::Walk(family, std::move(span), at_loss);
  }

  Damage damage = Damage::kNone;
};
using Damage = DamagedStore::Damage;

// What extension 100 scheduled is held: whose a value is, the meeting's course says.
class HoldDamage : public HoldFixture {
 protected:
  HoldDamage() { Place(ExtensionHold("case", harness_.now, "100")); }
  std::unique_ptr<TestEngine> Open(DamagedStore& store) {
    auto engine = TestEngine::Open(store, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    EXPECT_TRUE(engine.ok()) << engine.status();
    return *std::move(engine);
  }
  static size_t Orders(const StoreView& store) {
    size_t orders = 0;
    for (auto c = store.ScanPrefix(Family::kState, OrderPrefix()); c->Valid(); c->Next()) ++orders;
    return orders;
  }
};

TEST_F(HoldDamage, ADayWaitsUntilWhatSaysWhoseItsValuesAreCanBeRead) {
  DamagedStore store(harness_.store());
  const auto engine = Open(store);
  ASSERT_TRUE(engine->CloseDay(LastDueDay(kDue, DefaultPolicy().zone()), kDue).ok());
  for (const Damage damage : {Damage::kCourses, Damage::kLocators}) {
    store.damage = damage;
    EXPECT_TRUE(absl::IsUnavailable(engine->TakeOutOfDueDays(kDue).status()));
    EXPECT_TRUE(absl::IsUnavailable(engine->EndDays(kDue).status()));
    store.damage = Damage::kNone;
    EXPECT_EQ(HeldValues(*engine, kParticipantName), 0u);
  }
  EXPECT_FALSE(engine->TakeOutOfDueDays(kDue).value());
  ASSERT_TRUE(engine->EndDays(kDue).ok());
  EXPECT_EQ(HeldValues(*engine, kParticipantName), 2u);
}

TEST_F(HoldDamage, ThePbxsEndWaitsToo_AndItsRecordingIsKept) {
  DamagedStore store(harness_.store());
  const auto engine = Open(store);
  const auto pbx = engine->BeginEnd("pbx", "TEST", harness_.now);
  ASSERT_TRUE(pbx.ok()) << pbx.status();
  // Its locators are gone; courses are looked for wherever they may lie.
  store.damage = Damage::kCourses;
  const auto step = [&] { return engine->TakeOutOfEnding(*engine->registry().FindEnding(*pbx), harness_.now); };
  EXPECT_TRUE(absl::IsUnavailable(step().status()));
  EXPECT_EQ(HeldValues(*engine, kRecording), 0u);
  store.damage = Damage::kNone;
  ASSERT_TRUE(step().ok());
  EXPECT_EQ(HeldValues(*engine, kRecording), 1u);
  EXPECT_EQ(Orders(store), 0u);
}

TEST_F(HoldDamage, AHoldIsNotDoneWithWhileNobodyCanTellWhatTheOthersKeep) {
  Place(PbxHold("all", harness_.now));
  SweepAt(kDue);
  DamagedStore store(harness_.store());
  const auto engine = Open(store);
  ASSERT_TRUE(engine->ReleaseHold("all", harness_.now).ok());
  store.damage = Damage::kLocators;
  EXPECT_TRUE(absl::IsUnavailable(engine->LetGo(harness_.now).status()));
  EXPECT_NE(engine->holds().Find("all"), nullptr);
  store.damage = Damage::kNone;
  ASSERT_TRUE(engine->LetGo(harness_.now).ok());
  EXPECT_EQ(engine->holds().Find("all"), nullptr);
  EXPECT_EQ(HeldValues(*engine, kParticipantName), 2u);
}

}  // namespace
}  // namespace retention
