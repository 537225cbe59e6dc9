// backup create | list | verify | prune
#include "client/human_units.h"
#include "retention/v1/backup_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using BackupCommandsTest = CommandLineTest;

void Fill(v1::Backup& backup, uint32_t number) {
  backup.set_number(number);
  *backup.mutable_create_time() = ToTimestamp(*ParseTime("2026-03-02T09:00:00Z"));
  *backup.mutable_expire_time() = ToTimestamp(*ParseTime("2026-03-09T09:00:00Z"));
  backup.set_size_bytes(2200000);
  backup.set_files(31);
}

TEST_F(BackupCommandsTest, List_Golden) {
  v1::ListBackupsResponse listed;
  Fill(*listed.add_backups(), 11);
  listed.add_damaged(12);
  listed.mutable_interval()->set_seconds(24 * 3600);
  listed.mutable_longest_age()->set_seconds(7 * 24 * 3600);
  connection_->Answer("ListBackups", listed);
  EXPECT_EQ(Run({"backup", "list"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "BACKUP  MADE (UTC)           DELETED BY (UTC)         BYTES  FILES  STATE\n"
            "    11  2026-03-02 09:00:00  2026-03-09 09:00:00  2,200,000     31  whole\n"
            "    12  -                    -                            -      -  damaged\n"
            "Made every 24 h, deleted after 168 h.\n");
  EXPECT_EQ(Run({"backup", "list", "-o", "csv"}), kExitOk);
  EXPECT_NE(out_.str().find("11,2026-03-02T09:00:00Z,2026-03-09T09:00:00Z,2200000,31,whole\n"), std::string::npos)
      << out_.str();
}

TEST_F(BackupCommandsTest, Create_SaysWhich_AndIsNotSentTwice) {
  v1::CreateBackupResponse made;
  Fill(*made.mutable_backup(), 12);
  connection_->Answer("CreateBackup", made);
  EXPECT_EQ(Run({"backup", "create"}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("    12  2026-03-02 09:00:00"), std::string::npos) << out_.str();
  connection_->failures = {RichError(absl::StatusCode::kUnavailable, "BACKUP_DIRECTORY_UNAVAILABLE")};
  EXPECT_EQ(Run({"backup", "create"}), kExitUnavailable);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(BackupCommandsTest, VerifyAndPruneTakeANumber) {
  v1::VerifyBackupResponse verified;
  Fill(*verified.mutable_backup(), 7);
  connection_->Answer("VerifyBackup", verified);
  EXPECT_EQ(Run({"backup", "verify"}), kExitOk) << err_.str();
  EXPECT_EQ(Run({"backup", "verify", "7"}), kExitOk) << err_.str();
  connection_->Answer("PruneBackup", v1::PruneBackupResponse());
  EXPECT_EQ(Run({"backup", "prune"}), kExitUsage);
  EXPECT_EQ(Run({"backup", "prune", "7", "--yes"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "DELETED\n      7\n");
  connection_->failures = {RichError(absl::StatusCode::kDataLoss, "BACKUP_DAMAGED")};
  EXPECT_EQ(Run({"backup", "verify", "7"}), kExitFailed);
}

}  // namespace
}  // namespace retention
