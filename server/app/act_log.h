// Acts as lines of the log: what the ledger is told, operators read too.
#ifndef RETENTION_SERVER_APP_ACT_LOG_H_
#define RETENTION_SERVER_APP_ACT_LOG_H_

#include <string_view>

#include "retention/stored/v1/ledger.pb.h"

namespace retention {

// What a line says of an act of that kind; empty if none is written, for there are too many, or it has one of its own.
std::string_view ActMessage(stored::v1::LedgerEntry::Kind kind);
// Writes the line. Never how many values: of a day that would be how many people were there.
void LogAct(const stored::v1::LedgerEntry& entry);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_ACT_LOG_H_
