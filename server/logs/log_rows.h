// Rows of category SERVER_LOG: how they are named, under which day they belong, and a walk over them.
//
// A row holds lines of one server and one civil day. Its key says which: owner is the server's number, item the time of
// the first line and a sequence. So the day under which it belongs follows from its key and the server's extension
// alone.
#ifndef RETENTION_SERVER_LOGS_LOG_ROWS_H_
#define RETENTION_SERVER_LOGS_LOG_ROWS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/law/policy.h"
#include "server/logs/log_intake.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace retention {

// That a server's lines are kept longer, as far as it decides days.
struct LogTerm {
  // The last day on which it is in force.
  DueDay until;
  // What was filed under this day or an earlier one had ended when the extension was made: it cannot be brought back.
  DueDay ended;
};
// By retention.v1.LogServer.
using LogTerms = std::array<std::optional<LogTerm>, kLogServers>;

// The due day of lines of the civil day `day`: its ordinary one or, while an extension is in force, that one's last
// day, if it is later, but never a day beyond the policy's extended period.
DueDay LogDueDay(absl::CivilDay day, const std::optional<LogTerm>& term, const DeletionRule& rule);

// REQUIRES: first_us >= 0.
FiledKey LogRowKey(DueDay day, int server, int64_t first_us, uint64_t sequence);
int LogServerOf(const FiledKey& key);
int64_t FirstTimeOf(const FiledKey& key);

// The day under which a row belongs, which is not the one in its key while a new extension is being carried out.
DueDay RightLogDay(const FiledKey& key, const LogTerms& terms, const Policy& policy);

// The rows from a key on, in the order of their keys: due day, server, first line. REQUIRES: the view outlives it.
class LogRowWalk {
 public:
  // Of all servers if `server` is 0. Only rows at or after `from`.
  LogRowWalk(const StoreView& view, const FiledKey& from, int server);

  bool Valid() const { return key_.has_value(); }
  void Next();
  const FiledKey& key() const { return *key_; }
  std::string_view value() const { return cursor_->value(); }
  // Check it when Valid() turns false.
  absl::Status status() const;

 private:
  // Goes on to the first row that is wanted.
  void Settle();

  const int server_;
  std::unique_ptr<RowCursor> cursor_;
  std::optional<FiledKey> key_;
  absl::Status failure_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LOGS_LOG_ROWS_H_
