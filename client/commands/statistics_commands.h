// The verbs of `statistics`, a source each.
#pragma once

namespace retention {

class Command;
class CommandSession;

void AddStatisticsQueryCommand(Command statistics, CommandSession& session);
void AddStatisticsExportCommand(Command statistics, CommandSession& session);
void AddStatisticsReportCommand(Command statistics, CommandSession& session);
void AddStatisticsSampleCommand(Command statistics, CommandSession& session);

}  // namespace retention
