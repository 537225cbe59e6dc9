// kill -9 while a backup is made or deleted, or a restored one is taken up: what there was stays whole, and the next
// start goes on.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/backup_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/crash/server_process.h"

namespace retention::crash {
namespace {

constexpr absl::Time kFirstDay = absl::FromUnixSeconds(1772442000);  // 2026-03-02T10:00:00+01:00

std::vector<std::string> KnownPbxs(const Client& client) {
  const auto listed = client.ListPbxs(v1::ListPbxsRequest());
  EXPECT_TRUE(listed.ok()) << listed.status();
  std::vector<std::string> ids;
  if (listed.ok()) {
    for (const v1::Pbx& pbx : listed->pbxs()) ids.push_back(pbx.pbx_id());
  }
  return ids;
}

class BackupKilled : public ::testing::Test {
 protected:
  std::vector<std::string> Flags() const {
    return {absl::StrCat("--backup-directory=", machine_.backups().string()), "--backup-interval=0"};
  }
  static uint32_t Create(const Client& client) {
    const auto made = client.CreateBackup(v1::CreateBackupRequest());
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? made->backup().number() : 0;
  }
  static std::set<uint32_t> WholeOf(const Client& client) {
    std::set<uint32_t> whole;
    const auto listed = client.ListBackups(v1::ListBackupsRequest());
    EXPECT_TRUE(listed.ok()) << listed.status();
    if (!listed.ok()) return whole;
    EXPECT_EQ(listed->damaged_size(), 0);
    for (const v1::Backup& backup : listed->backups()) {
      v1::VerifyBackupRequest verify;
      verify.set_number(backup.number());
      if (client.VerifyBackup(verify).ok()) whole.insert(backup.number());
    }
    return whole;
  }
  void Restore(uint32_t number) const {
    std::filesystem::remove_all(machine_.data());
    const auto backups = OpenRocksDbBackups(machine_.backups().string(), BackupAccess::kRead, {});
    ASSERT_TRUE(backups.ok()) << backups.status();
    const absl::Status restored = (*backups)->Restore(number, machine_.data().string());
    ASSERT_TRUE(restored.ok()) << restored;
  }

  const Machine machine_;
};

TEST_F(BackupKilled, WhereverItIsMade_TheFormerIsWhole) {
  uint32_t first = 0;
  {
    const ServerProcess server(machine_, kFirstDay, "", Flags());
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client(), "pbx");
    first = Create(server.client());
  }
  for (const char* point : {"backup.after_checkpoint", "backup.after_make"}) {
    SCOPED_TRACE(point);
    {
      ServerProcess killed(machine_, kFirstDay, point, Flags());
      ASSERT_TRUE(killed.serving());
      EXPECT_FALSE(killed.client().CreateBackup(v1::CreateBackupRequest()).ok());
      EXPECT_EQ(killed.WaitForEnd(), SIGKILL);
    }
    const ServerProcess server(machine_, kFirstDay, "", Flags());
    ASSERT_TRUE(server.serving());
    EXPECT_FALSE(std::filesystem::exists(machine_.data() / "backup"));
    EXPECT_TRUE(WholeOf(server.client()).contains(first));
    const uint32_t next = Create(server.client());
    EXPECT_TRUE(WholeOf(server.client()).contains(next));
  }
}

TEST_F(BackupKilled, BetweenItsEntryAndItsFiles_ItIsDeletedByTheNext) {
  {
    const ServerProcess server(machine_, kFirstDay, "", Flags());
    ASSERT_TRUE(server.serving());
    Create(server.client());
  }
  const absl::Time over = kFirstDay + absl::Hours(24 * 7);
  {
    // It deletes by itself what is over.
    ServerProcess killed(machine_, over, "backup.before_prune", Flags());
    EXPECT_EQ(killed.WaitForEnd(), SIGKILL);
  }
  ServerProcess server(machine_, over, "", Flags());
  ASSERT_TRUE(server.serving());
  const uint32_t next = Create(server.client());
  EXPECT_EQ(WholeOf(server.client()), std::set<uint32_t>{next});
}

TEST_F(BackupKilled, WhileARestoredOneIsTakenUp_TheNextStartGoesOn) {
  uint32_t backup = 0;
  {
    const ServerProcess server(machine_, kFirstDay, "", Flags());
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client(), "pbx");
    backup = Create(server.client());
    SyncPbx(server.client(), "since");
  }
  for (const char* point :
       {"restore.after_accept", "witness.after_copy", "witness.after_write", "restore.before_unmark"}) {
    SCOPED_TRACE(point);
    Restore(backup);
    {
      ServerProcess killed(machine_, kFirstDay, point, Flags());
      EXPECT_FALSE(killed.serving());
      EXPECT_EQ(killed.WaitForEnd(), SIGKILL);
    }
    {
      ServerProcess server(machine_, kFirstDay, "", Flags());
      ASSERT_TRUE(server.serving());
      EXPECT_EQ(KnownPbxs(server.client()), std::vector<std::string>{"pbx"});
      EXPECT_FALSE(ReadRestoreMark(machine_.data().string()).has_value());
      EXPECT_EQ(server.Stop(), 0);
    }
    auto store = OpenRocksDbStore(machine_.data().string(), {});
    ASSERT_TRUE(store.ok()) << store.status();
    int losses = 0;
    const absl::Status verified = VerifyLedger(
        **store, [&](const stored::v1::LedgerEntry& entry) { losses += entry.reason() == "STORE_RESTORED" ? 1 : 0; });
    EXPECT_TRUE(verified.ok()) << verified;
    EXPECT_GE(losses, 1);
  }
}

}  // namespace
}  // namespace retention::crash
