// Lines of the platform's servers, filed under their day, and kept longer while an extension says so.
#ifndef RETENTION_SERVER_LOGS_LOG_RETENTION_H_
#define RETENTION_SERVER_LOGS_LOG_RETENTION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"
#include "server/logs/log_intake.h"
#include "server/logs/log_rows.h"
#include "server/rows/change.h"
#include "storage/mutex.h"

namespace retention {

// An extension of the retention of one server's lines.
struct LogExtension {
  std::string reason;
  DueDay until;
  absl::Time created;
  // Rows that were held when it was made may still be filed under the days that they had before.
  bool refiling = false;
};

// Commands, which belong to the writer's thread; what is const is thread-safe.
class LogRetention {
 public:
  // Bounds of one row: what is opened for one line, or moved at once.
  static constexpr size_t kMaxRowLines = 2000;
  static constexpr size_t kMaxRowTextBytes = 256u << 10;

  // REQUIRES: outlived by the holdings.
  explicit LogRetention(const Holdings& holdings) : holdings_(holdings) {}

  // Replaces what is in memory with what the store says.
  absl::Status Load();

  // Files the lines and fills in the results of the batches, which are true once `change` is committed. A line that is
  // due already is counted and not stored; nor is one of a batch that is held already, by its request id.
  absl::Status Append(std::span<LineBatch* const> batches, Change& change);

  // Makes an extension, in place of the server's last one. Rows that are held go to their new days by RefileStep.
  // INVALID_ARGUMENT naming the field; FAILED_PRECONDITION with reason REFILE_UNDER_WAY while the last one is still
  // being carried out: which rows had ended by now would be anybody's guess.
  absl::StatusOr<v1::LogExtension> Extend(const v1::ExtendLogRetentionRequest& request, Change& change);
  // One step of that; true if there is more to do. A crash between two steps loses nothing: the pass begins anew. After
  // a failure it goes on: what is filed behind its position is filed under the extension. A row whose new day is over
  // ends at once.
  absl::StatusOr<bool> RefileStep(Change& change);
  // Takes away the extensions that have ended, with their reasons.
  void DropEnded(Change& change);

  // Whether there is anything for RefileStep to do.
  bool refiling() const;
  // Whether there is anything for DropEnded to do.
  bool HasEnded(absl::Time now) const;
  LogTerms Terms() const;
  // What is in force at `now`, by server.
  std::vector<v1::LogExtension> InForce(absl::Time now) const;
  std::optional<v1::LogExtension> InForce(int server, absl::Time now) const;

 private:
  using Extensions = std::array<std::optional<LogExtension>, kLogServers>;

  // Puts an extension into the store and, once that is durable, in force.
  void PutExtension(int server, const LogExtension& extension, Change& change);
  v1::LogExtension Describe(int server, const LogExtension& extension) const;
  std::optional<LogExtension> ExtensionOf(int server) const;
  bool HasEnded(int server, DueDay last) const;
  // The first server whose rows are to be looked at; 0 if there is none.
  int RefilingServer() const;

  const Holdings& holdings_;
  uint64_t next_sequence_ = 0;
  // Where the pass under way goes on, and which extension, as committed, it carries out.
  std::optional<FiledKey> refile_from_;
  std::pair<int, absl::Time> refile_of_;

  mutable Mutex mutex_;
  Extensions extensions_ ABSL_GUARDED_BY(mutex_);
};

// The last day of the extension that is asked for. INVALID_ARGUMENT naming the field.
absl::StatusOr<DueDay> CheckLogExtension(const v1::ExtendLogRetentionRequest& request, const Policy& policy,
                                         absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_LOGS_LOG_RETENTION_H_
