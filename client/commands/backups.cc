// backup create | list | verify | prune
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/backup_service.pb.h"

namespace retention {
namespace {

// All of a store is copied, or read.
constexpr absl::Duration kBackupTimeout = absl::Hours(24);

OutputTable BackupTable() {
  return OutputTable({{"BACKUP", "number", true},
                      {"MADE (UTC)", "create_time"},
                      {"DELETED BY (UTC)", "expire_time"},
                      {"BYTES", "size_bytes", true},
                      {"FILES", "files", true},
                      {"STATE", "state"}});
}

void AddBackup(const v1::Backup& backup, const char* state, OutputTable& table) {
  table.AddRow({CountCell(backup.number()), TimeCell(backup.create_time()), TimeCell(backup.expire_time()),
                CountCell(backup.size_bytes()), CountCell(backup.files()), TableCell(state)});
}

void CreateBackup(CommandSession& session) {
  session.Progress("copying ...");
  const auto made = session.Expect(session.MakeClient(kBackupTimeout).CreateBackup(v1::CreateBackupRequest()));
  session.Progress("");
  if (!made) return;
  OutputTable table = BackupTable();
  AddBackup(made->backup(), "made", table);
  session.Print(*made, table);
}

void ListBackups(CommandSession& session) {
  const auto listed = session.Expect(session.MakeClient(kBackupTimeout).ListBackups(v1::ListBackupsRequest()));
  if (!listed) return;
  OutputTable table = BackupTable();
  for (const v1::Backup& backup : listed->backups()) AddBackup(backup, "whole", table);
  for (const uint32_t number : listed->damaged()) {
    table.AddRow({CountCell(number), TextCell(""), TextCell(""), TextCell(""), TextCell(""), TableCell("damaged")});
  }
  session.Print(*listed, table);
  if (session.format() != OutputFormat::kTable) return;
  session.out() << "Made "
                << (listed->has_interval() ? absl::StrCat("every ", listed->interval().seconds() / 3600, " h")
                                           : "when asked")
                << ", deleted after " << listed->longest_age().seconds() / 3600 << " h.\n";
}

void VerifyBackup(CommandSession& session, uint32_t number) {
  v1::VerifyBackupRequest request;
  request.set_number(number);
  session.Progress("reading all files ...");
  const auto verified = session.Expect(session.MakeClient(kBackupTimeout).VerifyBackup(request));
  session.Progress("");
  if (!verified) return;
  OutputTable table = BackupTable();
  AddBackup(verified->backup(), "whole", table);
  session.Print(*verified, table);
}

void PruneBackup(CommandSession& session, uint32_t number) {
  v1::PruneBackupRequest request;
  request.set_number(number);
  const auto pruned = session.Expect(session.MakeClient(kBackupTimeout).PruneBackup(request));
  if (!pruned) return;
  OutputTable table({TableColumn{"DELETED", "number", true}});
  table.AddRow(std::vector{CountCell(number)});
  session.Print(*pruned, table);
}

}  // namespace

void AddBackupCommands(Command root, CommandSession& session) {
  const Command backup = root.AddNoun("backup", "Copies of the data, in the server's --backup-directory")
                             .SetFooter(
                                 "The key ring is in no backup: without it a backup opens nothing, and with it nothing "
                                 "that has ended since.\n"
                                 "Restoring needs a server that is stopped: retention_backup restore --help.");
  auto number = std::make_shared<uint32_t>(0);
  backup.AddVerb("create", "Makes one now").SetAction([&session] { CreateBackup(session); });
  backup.AddVerb("list", "Which there are, and until when").SetAction([&session] { ListBackups(session); });
  const Command verify = backup.AddVerb(
      "verify", "Reads all files of one and checks their checksums, and that it is of the server's key ring");
  verify.AddOption("BACKUP", *number, "Its number; the youngest if none is given");
  verify.SetAction([&session, number] { VerifyBackup(session, *number); });
  const Command prune = backup.AddVerb("prune", "Deletes one before its time");
  prune.AddOption("BACKUP", *number, "Its number").Required();
  SetFinalAction(prune, session, [&session, number] { PruneBackup(session, *number); });
}

}  // namespace retention
