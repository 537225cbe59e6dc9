// kill -9 is never taken for a loss: whatever moment it comes at, the next start serves, and the ledger's copy has what
// the ledger has.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/ledger_copy.h"
#include "storage/secrets/root_file.h"
#include "tests/crash/server_process.h"

namespace retention::crash {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1772442000);  // 2026-03-02T10:00:00+01:00

// Of a machine whose server has ended.
void ExpectLedgerCopied(const Machine& machine) {
  std::vector<std::string> stored;
  {
    auto store = OpenRocksDbStore(machine.data().string(), {});
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(
        VerifyLedger(**store, [&](const stored::v1::LedgerEntry& entry) { stored.push_back(LeafOf(entry)); }).ok());
  }
  KeyRing::Options options;
  options.root = OpenRootFile(machine.ring().string() + ".root", SystemRandom());
  const auto ring = KeyRing::Open(machine.ring().string(), std::move(options));
  ASSERT_TRUE(ring.ok()) << ring.status();
  const auto copy = LedgerCopy::Open(machine.ring().string(), (*ring)->identity(), 0);
  ASSERT_TRUE(copy.ok()) << copy.status();
  std::vector<std::string> copied;
  EXPECT_TRUE((*copy)
                  ->Visit(1,
                          [&](uint64_t, const LedgerCopy::Entry& entry) {
                            copied.push_back(entry.leaf);
                            return true;
                          })
                  .ok());
  EXPECT_EQ(copied, stored);
}

TEST(KilledAgainAndAgain, IsNeverTakenForALoss) {
  const Machine machine;
  for (int life = 0; life < 10; ++life) {
    ServerProcess server(machine, kStart + absl::Hours(50 * life));
    ASSERT_TRUE(server.serving()) << "life " << life;
    for (int i = 0; i <= life % 4; ++i) SyncPbx(server.client(), absl::StrCat("pbx-", life, "-", i));
    server.Kill();
  }
  {
    ServerProcess server(machine, kStart + absl::Hours(500));
    ASSERT_TRUE(server.serving());
    EXPECT_EQ(server.Stop(), 0);
  }
  ExpectLedgerCopied(machine);
}

class KilledWitness : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledWitness, IsNoReasonToRefuse) {
  const Machine machine;
  {
    // The very first: the ring is new, and so is the store.
    ServerProcess server(machine, kStart, GetParam());
    EXPECT_FALSE(server.serving());
    EXPECT_EQ(server.WaitForEnd(), SIGKILL);
  }
  for (int life = 0; life < 3; ++life) {
    {
      ServerProcess server(machine, kStart);
      ASSERT_TRUE(server.serving());
      SyncPbx(server.client(), absl::StrCat("pbx-", life));
      server.Kill();
    }
    ServerProcess server(machine, kStart, GetParam());
    EXPECT_FALSE(server.serving());
    EXPECT_EQ(server.WaitForEnd(), SIGKILL);
  }
  ServerProcess server(machine, kStart);
  ASSERT_TRUE(server.serving());
  EXPECT_EQ(server.Stop(), 0);
  ExpectLedgerCopied(machine);
}

INSTANTIATE_TEST_SUITE_P(CrashPoints, KilledWitness, ::testing::Values("witness.after_copy", "witness.after_write"),
                         [](const auto& info) {
                           return std::string(info.param) == "witness.after_copy" ? "AfterCopy" : "AfterWrite";
                         });

}  // namespace
}  // namespace retention::crash
