// The witness is never ahead of what is durable: whatever step the process dies at, the next start finds a sound store.
#include "server/ledger/store_witness.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rows/ring_generation.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

// An engine on a disk and a ring that fail at a step for good, and what the ring's volume remembers of them.
class Remembered {
 public:
  Remembered() : harness_(kMonday) {
    harness_.on_ring_io = [this](size_t, RingFile, RingReplica::Io) { return Step(); };
    // The harness made its store without one; a server writes it first.
    EXPECT_EQ(Start().standing, Standing::kWitnessMissing);
    EXPECT_TRUE(witness_->Accept(harness_.store(), {}).ok());
    Note();
  }

  void DieAt(uint64_t step) { left_ = step; }
  bool dead() const { return left_ == 0; }
  fs::path ring() const { return harness_.directory() / "ring"; }
  Harness& harness() { return harness_; }

  void Note() {
    const absl::Status status =
        witness_->Note(LedgerEntry::CLOCK_SYSTEM, {.instant = harness_.now, .boot = {.boottime_us = 1}});
    EXPECT_TRUE(status.ok() || dead()) << status;
  }
  // What is done by an engine whose machine may die of it.
  void Act(std::mt19937_64& random) {
    const std::string name = absl::StrCat("n", random() % 1000);
    TestEngine& engine = harness_.engine();
    switch (random() % 6) {
      case 0: {
        v1::PbxSynced synced;
        synced.set_controller_id("controller");
        synced.add_extensions()->set_number("100");
        engine.SyncPbx(absl::StrCat("pbx", random() % 3), synced, harness_.now).status().IgnoreError();
        break;
      }
      case 1:
        harness_.EndPbx(absl::StrCat("pbx", random() % 3)).status().IgnoreError();
        break;
      case 2: {
        harness_.now += absl::Hours(random() % 100);
        TestSweeper sweeper(engine, [](std::function<absl::Status()> task) { return task(); }, {});
        sweeper.RunOnce(harness_.now, true).status().IgnoreError();
        break;
      }
      case 3:
        Note();
        break;
      default: {
        google::protobuf::RepeatedPtrField<v1::Event> events;
        *events.Add() = Joined(name, "j", harness_.now, "p", "Ada", "ada@example.org");
        EventBatch batch;
        batch.events = &events;
        if (!batch.Prepare(harness_.now).ok()) break;
        EventBatch* const group[] = {&batch};
        engine.Record(group, harness_.now).IgnoreError();
      }
    }
  }
  // The next process on what is left.
  StoreWitness::Finding Restart() {
    witness_.reset();
    left_ = UINT64_MAX;
    harness_.disk().Heal();
    const absl::Status status = harness_.Reopen();
    EXPECT_TRUE(status.ok()) << status;
    return Start();
  }
  // Each in one form: those of the store and those of its copy.
  void ExpectCopied() {
    std::vector<std::string> copied;
    const auto copy = LedgerCopy::Open(ring().string(), harness_.ring().identity(), 0);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_TRUE((*copy)
                    ->Visit(1,
                            [&](uint64_t, const LedgerCopy::Entry& entry) {
                              copied.push_back(entry.leaf);
                              return true;
                            })
                    .ok());
    std::vector<std::string> stored;
    EXPECT_TRUE(
        VerifyLedger(harness_.store(), [&](const LedgerEntry& entry) { stored.push_back(LeafOf(entry)); }).ok());
    EXPECT_EQ(copied, stored);
  }

 private:
  absl::Status Step() {
    if (left_ > 0 && left_ != UINT64_MAX) --left_;
    if (!dead()) return absl::OkStatus();
    harness_.disk().FailWrites(absl::UnavailableError("died"));
    return absl::UnavailableError("died");
  }
  StoreWitness::Finding Start() {
    auto witness = StoreWitness::Open({ring().string()}, [this] { return Step(); });
    EXPECT_TRUE(witness.ok()) << witness.status();
    witness_ = *std::move(witness);
    EXPECT_LE(witness_->ring_generation(), harness_.ring().generation()) << "the ring looks rolled back";
    auto finding = witness_->Meet(harness_.store(), harness_.store().Found(), harness_.ring());
    EXPECT_TRUE(finding.ok()) << finding.status();
    witness_->Follow(harness_.store());
    return *finding;
  }

  uint64_t left_ = UINT64_MAX;
  Harness harness_;
  std::unique_ptr<StoreWitness> witness_;
};

void Scramble(const fs::path& path, uint64_t from) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(from)) << "torn";
}

TEST(StoreWitness, WhereverTheProcessDiesTheStoreIsSound) {
  std::mt19937_64 random(20261129);  // NOLINT(cert-msc51-cpp): it repeats
  uint64_t deaths = 0;
  for (uint64_t round = 0; round < 150; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Remembered machine;
    for (int life = 0; life < 3; ++life) {
      machine.Note();
      const uint64_t durable = fs::file_size(machine.ring() / "ledger");
      machine.DieAt(1 + random() % (20 + round));
      for (int act = 0; act < 12 && !machine.dead(); ++act) machine.Act(random);
      deaths += machine.dead() ? 1 : 0;
      // A power cut leaves of what was not synced what it likes. (The copy is synced by now unless it died at that.)
      if (machine.dead() && random() % 2 == 0 && fs::file_size(machine.ring() / "ledger") > durable) {
        const uint64_t end = fs::file_size(machine.ring() / "ledger");
        fs::resize_file(machine.ring() / "ledger", durable + random() % (end - durable + 1));
      }
      const StoreWitness::Finding finding = machine.Restart();
      ASSERT_EQ(finding.standing, Standing::kSound) << finding.found;
      machine.Note();
      machine.ExpectCopied();
    }
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(deaths, 200u);
}

TEST(StoreWitness, AWitnessThatTornAtItsWriteIsTheOneBefore) {
  std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): it repeats
  for (int writes = 1; writes < 6; ++writes) {
    Remembered machine;
    for (int i = 0; i < writes; ++i) {
      machine.Note();
      machine.harness().SyncPbx(absl::StrCat("pbx-", i));
    }
    machine.Note();
    Scramble(machine.ring() / "witness", (writes + 1) % 2 * 4096 + 40);
    const auto finding = machine.Restart();
    EXPECT_EQ(finding.standing, Standing::kSound) << finding.found;
  }
}

TEST(StoreWitness, IsWrittenOnlyIfSomethingChanged) {
  Remembered machine;
  machine.harness().SyncPbx();
  const auto count = [&] { return WitnessFile::Open({machine.ring().string()}).value()->last()->count; };
  EXPECT_EQ(count(), 1u);
  machine.Note();
  machine.Note();
  EXPECT_EQ(count(), 2u);
  ASSERT_TRUE(machine.harness().ring().ForDay(kNextMonday.Next()).ok());
  machine.Note();
  EXPECT_EQ(count(), 3u) << "for the ring's generation";
}

TEST(StoreWitness, TheClockAloneIsWrittenEachMinute_AndGoesOnFromThere) {
  Remembered machine;
  machine.harness().SyncPbx();
  machine.Note();
  const auto last = [&] { return *WitnessFile::Open({machine.ring().string()}).value()->last(); };
  const uint32_t count = last().count;
  machine.harness().now += StoreWitness::kClockInterval - absl::Microseconds(1);
  machine.Note();
  EXPECT_EQ(last().count, count);
  machine.harness().now += absl::Microseconds(1);
  machine.Note();
  EXPECT_EQ(last().count, count + 1);
  machine.harness().now -= absl::Hours(1);
  machine.Note();
  EXPECT_EQ(absl::FromUnixMicros(last().instant_us), machine.harness().now) << "an operator put it back";
  const auto known = (*StoreWitness::Open({machine.ring().string()}))->known_clock();
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->kind, LedgerEntry::CLOCK_SYSTEM);
  EXPECT_EQ(known->anchor.instant, machine.harness().now);
  EXPECT_EQ(known->anchor.boot.boottime_us, 1);
}

// The copy is of what its path leads to.
TEST(StoreWitness, ACopyThatWasReplacedIsCompleted) {
  Remembered remembered;
  std::mt19937_64 random(1);
  const fs::path ledger = remembered.ring() / "ledger";
  const fs::path older = remembered.ring() / "../older";
  for (int act = 0; act < 10; ++act) remembered.Act(random);
  remembered.Note();
  fs::copy(ledger, older);
  for (int act = 0; act < 30; ++act) remembered.Act(random);
  remembered.Note();
  remembered.ExpectCopied();
  fs::rename(older, ledger);
  remembered.Note();
  remembered.ExpectCopied();
  fs::remove(ledger);
  remembered.Note();
  remembered.ExpectCopied();
  EXPECT_EQ(remembered.Restart().standing, Standing::kSound);
}

TEST(StoreWitness, SaysWhatItKnows) {
  Remembered machine;
  machine.harness().SyncPbx();
  machine.Note();
  const Witness last = *WitnessFile::Open({machine.ring().string()}).value()->last();
  EXPECT_NE(last.store_id, 0u);
  EXPECT_EQ(last.ring_generation, machine.harness().ring().generation());
  EXPECT_EQ(last.progress, machine.harness().store().Acknowledged());
  EXPECT_EQ(last.ledger_size, 3u) << "created, under a policy, a PBX";
  EXPECT_EQ(absl::FromUnixMicros(last.instant_us), kMonday);
  EXPECT_EQ(last.boottime_us, 1);
  const BootTime boot = MachineTime().Boot();
  EXPECT_GT(boot.boottime_us, 0);
  EXPECT_NE(boot.boot_id, BootTime().boot_id);
}

}  // namespace
}  // namespace retention
