// Erasure orders on a machine that dies at any write, with or without its power: none is lost, none that was confirmed
// comes back, and no number is given twice.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/orders/orders.h"
#include "tests/simulation/machine.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {
namespace {

constexpr int kOrdersPerStep = 3;

// What a portal and an observer know for certain, and what is in doubt because the machine died over it.
class OrderRun {
 public:
  explicit OrderRun(const std::filesystem::path& directory) : machine_(directory, DefaultPolicy(), 7) {
    EXPECT_TRUE(machine_.Start(kMonday).ok());
    v1::PbxSynced synced;
    synced.set_controller_id("controller");
    EXPECT_TRUE(machine_.engine().SyncPbx("pbx", synced, kMonday).ok());
  }

  Machine& machine() { return machine_; }

  // Everything that happens to orders, until the machine dies.
  void Work() {
    for (int step = 0; step < 3; ++step) {
      if (!Issue(step) || !Confirm(HeldIds(machine_.engine()), /*all=*/step == 1)) return;
    }
  }

  void CheckAfterRestart() {
    const std::vector<uint64_t> ids = HeldIds(machine_.engine());
    const std::set<uint64_t> held(ids.begin(), ids.end());
    for (const uint64_t id : issued_) {
      if (confirmed_.contains(id)) {
        EXPECT_FALSE(held.contains(id)) << "confirmed order " << id << " came back";
      } else if (!in_doubt_.contains(id)) {
        EXPECT_TRUE(held.contains(id)) << "order " << id << " is lost";
      }
    }
    EXPECT_EQ(machine_.engine().orders().unconfirmed(), held.size());
    size_t in_doubt_held = 0;
    for (const uint64_t id : in_doubt_) in_doubt_held += held.contains(id) ? 1 : 0;
    EXPECT_TRUE(in_doubt_held == 0 || in_doubt_held == in_doubt_.size()) << "one call is one batch";
    uint64_t entered = 0;
    const absl::Status verified =
        VerifyExactLedger(machine_.engine().store(), [&](const stored::v1::LedgerEntry& entry) {
          if (entry.kind() != stored::v1::LedgerEntry::KIND_ORDERS_CONFIRMED) return;
          for (const auto& count : entry.counts()) entered += count.values();
        });
    EXPECT_TRUE(verified.ok()) << verified;
    EXPECT_EQ(entered, confirmed_.size() + in_doubt_.size() - in_doubt_held) << "no end without its entry";
    EXPECT_EQ(machine_.engine().marks().Read().contains(DueDay::None()), entered > 0);
    // A new order must not look like one that somebody may still confirm.
    const uint64_t last = machine_.engine().orders().last_issued();
    ASSERT_TRUE(Issue(99));
    for (const uint64_t id : HeldIds(machine_.engine())) {
      EXPECT_TRUE(held.contains(id) || id > std::max(last, issued_.empty() ? 0 : *issued_.rbegin())) << id;
    }
  }

 private:
  bool Issue(int step) {
    absl::Status status;
    machine_.Record(LateFiles(absl::StrCat("m", step), kMonday, kOrdersPerStep), kMonday, status);
    if (!status.ok()) return false;
    if (step == 99) return true;
    for (const uint64_t id : HeldIds(machine_.engine())) issued_.insert(id);
    return true;
  }
  bool Confirm(std::vector<uint64_t> ids, bool all) {
    if (!all) ids.resize(2);
    std::vector<std::pair<uint64_t, v1::ErasureOutcome>> outcomes;
    for (const uint64_t id : ids) outcomes.emplace_back(id, v1::ERASURE_OUTCOME_ERASED);
    const auto response = machine_.engine().ConfirmOrders(Confirmations(outcomes), kMonday);
    (response.ok() ? confirmed_ : in_doubt_).insert(ids.begin(), ids.end());
    return response.ok();
  }

  Machine machine_;
  std::set<uint64_t> issued_;     // acknowledged
  std::set<uint64_t> confirmed_;  // acknowledged
  std::set<uint64_t> in_doubt_;   // asked to be confirmed when the machine died
};

class OrderCrash : public ::testing::TestWithParam<bool> {};

TEST_P(OrderCrash, AtEveryWriteNoOrderIsLostNoneComesBackAndNoNumberIsGivenTwice) {
  uint64_t crashes = 0;
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(absl::StrCat("write ", nth));
    const FreshDirectory directory;
    OrderRun run(directory.path());
    run.machine().CrashAtWrite(nth);
    run.Work();
    const bool crashed = run.machine().crashed();
    ASSERT_TRUE(run.machine().Restart(kMonday, /*power=*/GetParam(), /*torn_bytes=*/nth % 3 * 5).ok());
    run.CheckAfterRestart();
    if (!crashed || HasFailure()) break;
    ++crashes;
  }
  EXPECT_GE(crashes, 12u) << "six calls, an append and an fsync each";
}

// The portal was told twice, and the second time of no PBX.
TEST(OrdersOfAnEnd, ThatWasCutShortBeforeItsKeyWasDestroyedAreIssuedOnce) {
  const FreshDirectory directory;
  OrderRun run(directory.path());
  Machine& machine = run.machine();
  absl::Status status;
  machine.Record({Started("m", "s", kMonday), Recording("m", "r", kMonday, "store/recording"),
                  File("m", "f", kMonday, "store/file")},
                 kMonday, status);
  ASSERT_TRUE(status.ok()) << status;
  machine.FailFromRingStep(1, absl::UnavailableError("disk failed"));
  EXPECT_FALSE(machine.EndPbx("pbx", std::string(kReasonPbxDeregistered), kMonday).ok());
  machine.Heal();
  ASSERT_EQ(machine.engine().registry().Ending().size(), 1u);
  const absl::Time last_hour = At("2026-03-09T23:30:00+01:00");  // the recording's day is closed
  ASSERT_TRUE(machine.Sweep(last_hour, false).ok());
  const std::vector<v1::ErasureOrder> orders = HeldOrders(machine.engine());
  EXPECT_EQ(orders.size(), 2u);
  for (const v1::ErasureOrder& order : orders) EXPECT_EQ(order.pbx_id(), "pbx") << order.object_ref();
}

// Whoever ends a PBX looks its rows up first. By the time they are deleted, a day may have ended by the ledger whose
// key could not be destroyed: its values have their entry.
TEST(EntriesOfAnEnd, AreMadeOnceThoughADayEndsBetweenLookUpAndDeletion) {
  const FreshDirectory directory;
  OrderRun run(directory.path());
  Machine& machine = run.machine();
  absl::Status status;
  machine.Record({Started("m", "s", kMonday), Recording("m", "r", kMonday, "store/recording")}, kMonday, status);
  ASSERT_TRUE(status.ok()) << status;
  const absl::Time due = At("2026-03-10T00:00:00+01:00");
  TestEngine& engine = machine.engine();
  const auto pbx = engine.BeginEnd("pbx", kReasonPbxDeregistered, due);
  ASSERT_TRUE(pbx.ok()) << pbx.status();
  const auto runs = engine.RowsOfEnding(*pbx);
  ASSERT_TRUE(runs.ok()) << runs.status();
  machine.FailFromRingStep(1, absl::UnavailableError("disk failed"));
  EXPECT_FALSE(engine.EndDays(due).ok());
  machine.Heal();
  ASSERT_TRUE(engine.FinishEnding(*pbx, *runs, due).ok());
  ASSERT_TRUE(machine.Sweep(due, true).ok());
  uint64_t recordings = 0;
  ASSERT_TRUE(VerifyExactLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
                for (const auto& count : entry.counts()) {
                  if (count.category() == v1::DATA_CATEGORY_RECORDING) recordings += count.values();
                }
              }).ok());
  EXPECT_EQ(recordings, 1u);
}

// A day may have its entry, and its files their orders, before its key can be destroyed.
TEST(OrdersOfADay, WhoseKeyCouldNotBeDestroyedAreIssuedOnce) {
  for (uint64_t nth = 1; nth <= 12; ++nth) {
    SCOPED_TRACE(absl::StrCat("ring step ", nth));
    const FreshDirectory directory;
    OrderRun run(directory.path());
    Machine& machine = run.machine();
    absl::Status status;
    machine.Record({Started("m", "s", kMonday), File("m", "f", kMonday, "store/file"),
                    Joined("n", "j", kMonday, "p", "", "ada@example.org")},
                   kMonday, status);
    ASSERT_TRUE(status.ok()) << status;
    const absl::Time wednesday = kMonday + absl::Hours(50);
    machine.FailFromRingStep(nth, absl::UnavailableError("disk failed"));
    (void)machine.Sweep(wednesday, false).status();
    machine.Heal();
    ASSERT_TRUE(machine.Sweep(wednesday, false).ok());
    EXPECT_EQ(HeldOrders(machine.engine()).size(), 1u);
  }
}

TEST(EntriesOfADay, WhoseKeyCouldNotBeDestroyedAreMadeOnce) {
  const absl::Time later = kMonday + absl::Hours(48);
  const absl::Time now = At("2026-03-10T12:00:00+01:00");
  for (uint64_t nth = 1; nth <= 12; ++nth) {
    SCOPED_TRACE(absl::StrCat("ring step ", nth));
    const FreshDirectory directory;
    OrderRun run(directory.path());
    Machine& machine = run.machine();
    absl::Status status;
    machine.Record({Joined("m", "j", kMonday, "p", "", "ada@example.org")}, kMonday, status);
    ASSERT_TRUE(status.ok()) << status;
    // Its review needs a new day's key, and fails for all that are reviewed with it.
    machine.Record({Joined("n", "j", later, "p", "", "bob@example.org")}, later, status);
    ASSERT_TRUE(status.ok()) << status;
    machine.FailFromRingStep(nth, absl::UnavailableError("disk failed"));
    (void)machine.Sweep(now, false).status();
    machine.Heal();
    ASSERT_TRUE(machine.Sweep(now, false).ok());
    uint64_t ended = 0;
    ASSERT_TRUE(VerifyExactLedger(machine.engine().store(), [&](const stored::v1::LedgerEntry& entry) {
                  for (const auto& count : entry.counts()) {
                    if (count.category() == v1::DATA_CATEGORY_PARTICIPANT_EMAIL) ended += count.values();
                  }
                }).ok());
    EXPECT_EQ(ended, 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(Ends, OrderCrash, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "PowerLoss" : "ProcessDies"; });

}  // namespace
}  // namespace retention::simulation
