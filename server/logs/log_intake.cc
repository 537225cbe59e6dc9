#include "server/logs/log_intake.h"

#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/base/field_checks.h"

namespace retention {
namespace {

std::optional<v1::LogRejection> Rejection(std::string_view field, std::string_view description) {
  v1::LogRejection rejection;
  rejection.set_field(std::string(field));
  rejection.set_description(std::string(description));
  return rejection;
}

}  // namespace

bool IsLogServer(int server) { return server > 0 && server < static_cast<int>(kLogServers); }

std::optional<v1::LogRejection> CheckLogLine(const v1::LogLine& line, absl::Time now) {
  if (!IsLogServer(line.server())) return Rejection("server", "not a server that logs");
  if (line.severity() <= 0 || line.severity() >= v1::LogSeverity_ARRAYSIZE) {
    return Rejection("severity", "not a severity");
  }
  if (!line.has_time()) return Rejection("time", "required");
  if (!IsEventTime(line.time())) return Rejection("time", "not a time since 2000-01-01");
  if (MicrosOf(line.time()) > absl::ToUnixMicros(now + kMaxAhead)) {
    return Rejection("time", "more than 5 minutes ahead of the server's clock");
  }
  if (line.text().empty()) return Rejection("text", "required");
  if (line.text().size() > kMaxLogTextBytes) return Rejection("text", "at most 8,192 bytes");
  return std::nullopt;
}

absl::Status CheckLogBatchBytes(size_t bytes) {
  return bytes <= kMaxLogBatchBytes ? absl::OkStatus() : InvalidField("lines", "at most 4 MiB together");
}

absl::Status CheckLogBatchMemory(size_t bytes) {
  return bytes <= kMaxLogBatchMemory ? absl::OkStatus()
                                     : InvalidField("lines", "too many parts: over 32 MiB in memory together");
}

absl::Status LineBatch::Prepare(absl::Time now) {
  if (lines->empty()) return InvalidField("lines", "at least one line");
  if (request_id.size() > kMaxLogRequestIdBytes) return InvalidField("request_id", "at most 64 bytes");
  if (lines->size() > kMaxLogBatchLines) return InvalidField("lines", "at most 10,000 lines");
  rejected.assign(size(), false);
  for (int i = 0; i < lines->size(); ++i) {
    auto rejection = CheckLogLine((*lines)[i], now);
    if (!rejection.has_value()) continue;
    rejected[static_cast<size_t>(i)] = true;
    rejection->set_index(static_cast<uint32_t>(i));
    *result.add_rejections() = *std::move(rejection);
  }
  return absl::OkStatus();
}

}  // namespace retention
