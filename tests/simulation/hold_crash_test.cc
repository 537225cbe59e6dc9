// Holds on a machine that dies at any write of its store or step of its ring, with or without its power: what is held
// is there once, what is not is gone, every object is ordered once, and the ledger has each end and each keeping once.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/testing/dying_store.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {
namespace {

using stored::v1::LedgerEntry;
using Texts = std::set<std::string>;

const absl::Time kDue = At("2026-03-10T00:00:00+01:00");

CommandRunner Directly() {
  return [](std::function<absl::Status()> task) { return task(); };
}

class HoldRun {
 public:
  HoldRun() {
    store_ = std::make_unique<DyingStore>();
    Open();
    v1::PbxSynced synced;
    synced.set_controller_id("controller");
    synced.add_extensions()->set_number("100");
    EXPECT_TRUE(engine_->SyncPbx("pbx", synced, kMonday).ok());
    Record({Started("m", "1", kMonday), Joined("m", "2", kMonday, "p1", "Alice", "alice@example.org"),
            Joined("m", "3", kMonday, "p2", "Bob", "bob@example.org"), Recording("m", "4", kMonday, "rec-m"),
            Ended("m", "5", kMonday), Started("n", "6", kMonday),
            Joined("n", "7", kMonday, "p3", "Carol", "carol@example.org"), Recording("n", "8", kMonday, "rec-n"),
            Pdf("n", "9", kMonday, "pdf-n"), Ended("n", "10", kMonday)});
  }

  void DieAtChange(uint64_t nth) { store_->DieAt(nth); }
  void DieAtRingStep(uint64_t nth) { ring_steps_left_ = nth; }
  bool dead() const { return store_->dead(); }
  void Restart() {
    engine_.reset();
    ring_.reset();
    ring_steps_left_ = UINT64_MAX;
    store_ = std::make_unique<DyingStore>(store_->rows());
    Open();
  }

  // Goes on where it stopped; every act may be done again. False if the machine died.
  bool Work() {
    if (dead()) return false;
    for (; stage_ < 6; ++stage_) {
      if (!Act(stage_)) return false;
    }
    return true;
  }

  void CheckEnd() {
    TestEngine& engine = *engine_;
    EXPECT_EQ(HeldTexts(engine, kParticipantName), Texts{"Alice"});
    EXPECT_EQ(HeldTexts(engine, kParticipantEmail), Texts{"alice@example.org"});
    EXPECT_EQ(HeldValues(engine, kParticipantName), 1u) << "once";
    EXPECT_TRUE(HeldTexts(engine, kRecording).empty());
    EXPECT_TRUE(HeldTexts(engine, kPdfShare).empty());
    std::multiset<std::string> ordered;
    for (const v1::ErasureOrder& order : HeldOrders(engine)) {
      EXPECT_EQ(order.pbx_id(), "pbx");
      ordered.insert(order.object_ref());
    }
    EXPECT_EQ(ordered, (std::multiset<std::string>{"pdf-n", "rec-m", "rec-n"}));
    std::map<std::pair<int, int>, uint64_t> entered;  // by kind and category
    const absl::Status verified = VerifyExactLedger(engine.store(), [&](const LedgerEntry& entry) {
      for (const auto& count : entry.counts()) entered[{entry.kind(), count.category()}] += count.values();
    });
    EXPECT_TRUE(verified.ok()) << verified;
    const auto ends = [&](CategoryNumber category) {
      return entered[{LedgerEntry::KIND_PURGED, category}] + entered[{LedgerEntry::KIND_DAY_ENDED, category}];
    };
    EXPECT_EQ((entered[{LedgerEntry::KIND_KEPT, kParticipantName}]), 2u) << "Alice's and Carol's";
    EXPECT_EQ(ends(kParticipantName), 2u) << "Bob's and Carol's";
    EXPECT_EQ(ends(kRecording), 2u);
    EXPECT_EQ(ends(kPdfShare), 1u);
  }

 private:
  bool Act(int stage) {
    TestEngine& engine = *engine_;
    const auto refused = [](const absl::Status& status) { return status.ok() || IsRefusal(status); };
    switch (stage) {
      case 0:
        return engine.CreateHold(EmailHold("alice", kMonday, "alice@example.org"), now_).ok();
      case 1:
        return engine.CreateHold(MeetingHold("meeting", kMonday, "n"), now_).ok();
      case 2:
        now_ = kDue - absl::Minutes(30);
        return Sweep();
      case 3:
        now_ = kDue;
        return Sweep();
      case 4: {
        return refused(EndPbx(engine, Directly(), "pbx", kReasonPbxDeregistered, now_).status());
      }
      default:
        if (!refused(engine.ReleaseHold("meeting", now_))) return false;
        return Sweep();
    }
  }

  void Open() {
    const std::string ring = (directory_ / "ring").string();
    KeyRing::Options options;
    options.on_io = [this](size_t, RingFile, RingReplica::Io) -> absl::Status {
      if (ring_steps_left_ != UINT64_MAX && --ring_steps_left_ == 0) store_->DieAt(1);
      if (ring_steps_left_ == 0) store_->SettleDay(DueDay::None()).IgnoreError();
      return dead() ? absl::UnavailableError("the machine is dead") : absl::OkStatus();
    };
    auto opened = std::filesystem::exists(ring) ? KeyRing::Open(ring, options) : KeyRing::Create(ring, options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    ring_ = *std::move(opened);
    auto engine = TestEngine::Open(*store_, *ring_, SystemRandom(), DefaultPolicy(), now_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  void Record(const std::vector<v1::Event>& events) {
    const google::protobuf::RepeatedPtrField<v1::Event> batch(events.begin(), events.end());
    EventBatch queued;
    queued.events = &batch;
    ASSERT_TRUE(queued.Prepare(kMonday).ok());
    EventBatch* const group[] = {&queued};
    ASSERT_TRUE(engine_->Record(group, kMonday).ok());
  }
  bool Sweep() { return TestSweeper(*engine_, Directly(), {}).RunOnce(now_, /*scrub_now=*/true).ok(); }

  FreshDirectory directory_;
  uint64_t ring_steps_left_ = UINT64_MAX;
  std::unique_ptr<DyingStore> store_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<TestEngine> engine_;
  int stage_ = 0;
  absl::Time now_ = kMonday + absl::Hours(2);
};

class HoldCrash : public ::testing::TestWithParam<bool> {};

TEST_P(HoldCrash, AtEveryWriteWhatIsHeldIsThereOnceAndTheRestIsGone) {
  uint64_t deaths = 0;
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(absl::StrCat(GetParam() ? "ring step " : "change ", nth));
    HoldRun run;
    GetParam() ? run.DieAtRingStep(nth) : run.DieAtChange(nth);
    run.Work();
    const bool died = run.dead();
    run.Restart();
    EXPECT_TRUE(run.Work());
    run.CheckEnd();
    if (!died || HasFailure()) break;
    ++deaths;
  }
  EXPECT_GE(deaths, GetParam() ? 4u : 15u);
}

INSTANTIATE_TEST_SUITE_P(Deaths, HoldCrash, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "AtTheRing" : "AtTheStore"; });

}  // namespace
}  // namespace retention::simulation
