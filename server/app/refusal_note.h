// Why a store was refused, in its own directory: RocksDB makes a new log with every opening, and by the next one
// nothing would tell an older copy from a log that was cut.
#ifndef RETENTION_SERVER_APP_REFUSAL_NOTE_H_
#define RETENTION_SERVER_APP_REFUSAL_NOTE_H_

#include <string>

#include "server/ledger/store_witness.h"

namespace retention {

// What `standing` was taken for when it was first refused, for one that is behind; else `standing`.
Standing FirstTakenFor(const std::string& data_directory, Standing standing);
// Notes it for one that is behind; else forgets. As far as the disk lets it.
void NoteRefusal(const std::string& data_directory, Standing standing);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_REFUSAL_NOTE_H_
