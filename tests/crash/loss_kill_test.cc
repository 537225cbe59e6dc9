// kill -9 is never taken for a loss: whatever moment it comes at, the next start serves, and the ledger's copy has what
// the ledger has. And where a loss is accepted, a kill while that is done loses nothing more.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/hold_service.pb.h"
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

void HoldPbx(const Client& client, const std::string& pbx_id) {
  v1::CreateHoldRequest request;
  v1::Hold& hold = *request.mutable_hold();
  hold.set_hold_id(absl::StrCat("case-", pbx_id));
  hold.mutable_scope()->set_pbx_id(pbx_id);
  hold.set_basis(v1::HOLD_BASIS_LEGAL_CLAIMS);
  hold.set_owner("legal");
  hold.set_reason("a claim");
  for (google::type::Date* date : {hold.mutable_review_date(), hold.mutable_end_date()}) {
    date->set_year(2026);
    date->set_month(6);
    date->set_day(1);
  }
  const auto placed = client.CreateHold(request);
  EXPECT_TRUE(placed.ok()) << placed.status();
}

class KilledAcceptance : public ::testing::TestWithParam<const char*> {};

// The first start with --accept-data-loss alone knows what was lost; whoever comes after it must be told.
TEST_P(KilledAcceptance, PlacesHoldsInTheirPlaceAllTheSame) {
  const Machine machine;
  const std::filesystem::path older = machine.data().string() + ".older";
  {
    ServerProcess server(machine, kStart);
    ASSERT_TRUE(server.serving());
    for (const char* pbx : {"one", "two"}) SyncPbx(server.client(), pbx);
    EXPECT_EQ(server.Stop(), 0);
  }
  std::filesystem::copy(machine.data(), older, std::filesystem::copy_options::recursive);
  {
    ServerProcess server(machine, kStart);
    ASSERT_TRUE(server.serving());
    for (const char* pbx : {"one", "two"}) HoldPbx(server.client(), pbx);
    EXPECT_EQ(server.Stop(), 0);
  }
  std::filesystem::remove_all(machine.data());
  std::filesystem::rename(older, machine.data());
  const std::vector<std::string> accepting = {"--accept-data-loss"};
  {
    ServerProcess server(machine, kStart, GetParam(), accepting);
    EXPECT_FALSE(server.serving());
    EXPECT_EQ(server.WaitForEnd(), SIGKILL);
  }
  {
    ServerProcess server(machine, kStart, "", accepting);
    ASSERT_TRUE(server.serving());
    const auto listed = server.client().ListHolds(v1::ListHoldsRequest());
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(listed->holds_size(), 2);
    for (const v1::Hold& hold : listed->holds()) {
      EXPECT_TRUE(absl::StartsWith(hold.hold_id(), "in-place-of-lost-")) << hold.hold_id();
    }
    EXPECT_EQ(server.Stop(), 0);
  }
  {
    auto store = OpenRocksDbStore(machine.data().string(), {});
    ASSERT_TRUE(store.ok()) << store.status();
    int losses = 0;
    const absl::Status verified = VerifyLedger(**store, [&](const stored::v1::LedgerEntry& entry) {
      losses += entry.reason() == "STORE_ROLLED_BACK" ? 1 : 0;
    });
    EXPECT_TRUE(verified.ok()) << verified;
    EXPECT_GE(losses, 1);
  }
  ServerProcess server(machine, kStart);
  EXPECT_TRUE(server.serving()) << "it is the last one from then on";
}

INSTANTIATE_TEST_SUITE_P(CrashPoints, KilledAcceptance,
                         ::testing::Values("loss.after_mark", "restore.after_accept", "loss.after_entry",
                                           "loss.after_hold"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace retention::crash
