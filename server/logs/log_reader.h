// The reader of log lines: nothing that is due at the moment of asking is ever in an answer, swept or not.
#ifndef RETENTION_SERVER_LOGS_LOG_READER_H_
#define RETENTION_SERVER_LOGS_LOG_READER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"
#include "server/logs/log_retention.h"
#include "server/rows/holdings.h"
#include "storage/store.h"

namespace retention {

// Thread-safe. Reads straight from the store: it does not wait for the committer.
class LogReader {
 public:
  static constexpr int kMaxLinesPerPage = 10000;
  static constexpr int kDefaultLinesPerPage = 1000;
  // Text on one page: well below the 4 MiB that a caller of gRPC takes unless it asks for more.
  static constexpr size_t kMaxPageBytes = 2u << 20;
  // Rows looked at, and lines opened, for one page, so that a rare filter does not make a call long.
  static constexpr int kMaxRowsScanned = 10000;
  static constexpr int kMaxLinesScanned = 50000;

  // REQUIRES: all outlive it; `store` is what the holdings are of.
  LogReader(const Store& store, const Holdings& holdings, const LogRetention& logs)
      : store_(store), holdings_(holdings), logs_(logs) {}

  // INVALID_ARGUMENT naming the field.
  absl::StatusOr<v1::ReadLogsResponse> ReadLogs(const v1::ReadLogsRequest& request, absl::Time now) const;

 private:
  const Store& store_;
  const Holdings& holdings_;
  const LogRetention& logs_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LOGS_LOG_READER_H_
