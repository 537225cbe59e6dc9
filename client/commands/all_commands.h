// All of retentionctl.
#pragma once

#include <string>
#include <vector>

namespace retention {

class Command;
class CommandSession;
struct CommandEnvironment;

// Returns the exit code (command_session.h).
int RunCommandLine(int argc, const char* const* argv, const CommandEnvironment& environment);

// The words of every command that does something, as {"clock", "show"}.
std::vector<std::vector<std::string>> AllVerbs();

// Each adds its nouns. The session must outlive the run.
void AddContextCommands(Command root, CommandSession& session);
void AddControllerCommands(Command root, CommandSession& session);
void AddDeletionCommands(Command root, CommandSession& session);
void AddEventCommands(Command root, CommandSession& session);
void AddHoldCommands(Command root, CommandSession& session);
void AddLedgerCommands(Command root, CommandSession& session);
void AddLogCommands(Command root, CommandSession& session);
void AddMeetingCommands(Command root, CommandSession& session);
void AddNoticeCommands(Command root, CommandSession& session);
void AddOrderCommands(Command root, CommandSession& session);
void AddOrderExecuteCommand(Command root, CommandSession& session);
void AddPbxCommands(Command root, CommandSession& session);
void AddPolicyCommands(Command root, CommandSession& session);
void AddRetentionCommands(Command root, CommandSession& session);
void AddBackupCommands(Command root, CommandSession& session);
void AddRingCommands(Command root, CommandSession& session);
void AddServerStateCommands(Command root, CommandSession& session);
void AddSimulateCommand(Command events, CommandSession& session);
void AddStatisticsCommands(Command root, CommandSession& session);

}  // namespace retention
