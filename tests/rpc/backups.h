// A server that makes backups, and what tests look at of them.
#ifndef RETENTION_TESTS_RPC_BACKUPS_H_
#define RETENTION_TESTS_RPC_BACKUPS_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retention/v1/backup_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {

inline const std::string kBackupService = "/retention.v1.BackupService/";

class BackedUp : public ::testing::Test {
 protected:
  using Edit = RunningServer::Edit;

  // Made when asked alone, unless `edit` says otherwise.
  absl::Status Start(const Edit& edit = {}) {
    return server_.Restart([&](ServerOptions& options) {
      options.backups.directory = place().string();
      options.backups.interval = absl::ZeroDuration();
      if (edit) edit(options);
    });
  }
  std::filesystem::path place() const { return server_.directory() / "backups"; }
  std::filesystem::path data() const { return server_.directory() / "data"; }
  std::filesystem::path ring() const { return server_.directory() / "ring"; }

  v1::Backup Create() {
    v1::CreateBackupResponse made;
    const CallEnd end = server_.Call(kBackupService + "CreateBackup", v1::CreateBackupRequest(), &made);
    EXPECT_TRUE(end.ok()) << end;
    return made.backup();
  }
  v1::ListBackupsResponse List() {
    v1::ListBackupsResponse listed;
    const CallEnd end = server_.Call(kBackupService + "ListBackups", v1::ListBackupsRequest(), &listed);
    EXPECT_TRUE(end.ok()) << end;
    return listed;
  }
  std::vector<uint32_t> Numbers() {
    std::vector<uint32_t> numbers;
    const v1::ListBackupsResponse listed = List();
    for (const v1::Backup& backup : listed.backups()) numbers.push_back(backup.number());
    return numbers;
  }
  CallEnd Verify(uint32_t number) {
    v1::VerifyBackupRequest request;
    request.set_number(number);
    return server_.Call(kBackupService + "VerifyBackup", request);
  }
  CallEnd Prune(uint32_t number) {
    v1::PruneBackupRequest request;
    request.set_number(number);
    return server_.Call(kBackupService + "PruneBackup", request);
  }
  void RunLoop() { server_.server().backup_loop()->RunOnce(); }
  // What a scrape says of a metric; empty if nothing.
  std::string Metric(const std::string& name) {
    const std::string page = HttpGet(server_.server().metrics_port(), "/metrics");
    const size_t at = page.find("\n" + name + " ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 2;
    return page.substr(begin, page.find_first_of("\r\n", begin) - begin);
  }

  // Of a server that is stopped; the chain is verified.
  static std::vector<stored::v1::LedgerEntry> Ledger(const std::filesystem::path& data) {
    std::vector<stored::v1::LedgerEntry> entries;
    auto store = OpenRocksDbStore(data.string(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return entries;
    const absl::Status verified =
        VerifyLedger(**store, [&](const stored::v1::LedgerEntry& entry) { entries.push_back(entry); });
    EXPECT_TRUE(verified.ok()) << verified;
    return entries;
  }
  // As `retention_backup restore` does.
  static void Restore(const std::filesystem::path& from, uint32_t number, const std::filesystem::path& to) {
    const auto backups = OpenRocksDbBackups(from.string(), BackupAccess::kRead, {});
    ASSERT_TRUE(backups.ok()) << backups.status();
    const absl::Status restored = (*backups)->Restore(number, to.string());
    ASSERT_TRUE(restored.ok()) << restored;
  }

  RunningServer server_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_BACKUPS_H_
