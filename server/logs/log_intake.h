// Log lines as the engine takes them in: checked, in batches on their way through the committer.
#ifndef RETENTION_SERVER_LOGS_LOG_INTAKE_H_
#define RETENTION_SERVER_LOGS_LOG_INTAKE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"

namespace retention {

inline constexpr int kMaxLogBatchLines = 10000;
inline constexpr size_t kMaxLogBatchBytes = 4u << 20;
// What a batch may take once it is parsed: many short lines take more there than on the wire.
inline constexpr size_t kMaxLogBatchMemory = 32u << 20;
inline constexpr size_t kMaxLogTextBytes = 8192;
inline constexpr size_t kMaxLogReasonBytes = 1000;
inline constexpr size_t kMaxLogRequestIdBytes = 64;

// For arrays by retention.v1.LogServer; the first place is nobody's.
inline constexpr size_t kLogServers = v1::LogServer_ARRAYSIZE;
bool IsLogServer(int server);

// Why a line cannot be taken in as it stands; the index is not set. Pure.
std::optional<v1::LogRejection> CheckLogLine(const v1::LogLine& line, absl::Time now);

// The limits of a batch as a whole: on the wire, and once it is parsed.
absl::Status CheckLogBatchBytes(size_t bytes);
absl::Status CheckLogBatchMemory(size_t bytes);

// What became of the lines of one server.
struct LogTally {
  uint32_t accepted = 0;
  uint32_t past_due = 0;
};

// A batch on its way through the committer.
struct LineBatch {
  // The lines. REQUIRES: outlives the call of `done`.
  const google::protobuf::RepeatedPtrField<v1::LogLine>* lines = nullptr;
  // Names the batch where it may come again; else empty. REQUIRES: the same.
  std::string_view request_id = {};
  // Called once, on the committer's thread: OK with `result`, or why nothing of the batch is held for certain.
  std::function<void(absl::Status)> done;

  // Checks the lines in the caller's thread, so that the committer need not. INVALID_ARGUMENT if the batch as a whole
  // is over a limit.
  absl::Status Prepare(absl::Time now);
  size_t size() const { return static_cast<size_t>(lines->size()); }

  // All but batch_id; rejections are set by Prepare, the rest by the engine.
  v1::AppendLogsResponse result;
  std::array<LogTally, kLogServers> tallies{};
  std::vector<bool> rejected;  // by line
};

}  // namespace retention

#endif  // RETENTION_SERVER_LOGS_LOG_INTAKE_H_
