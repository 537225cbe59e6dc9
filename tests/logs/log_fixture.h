// Log lines through an engine, for tests of what is held and what is shown.
#ifndef RETENTION_TESTS_LOGS_LOG_FIXTURE_H_
#define RETENTION_TESTS_LOGS_LOG_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"
#include "tests/engine/test_engine.h"

namespace retention {

inline constexpr v1::LogServer kMcu = v1::LOG_SERVER_MCU;

v1::LogLine Line(v1::LogServer server, absl::Time time, const std::string& text,
                 v1::LogSeverity severity = v1::LOG_SEVERITY_INFORMATIONAL);
// Takes the lines in as one group; fails the test if it cannot.
v1::AppendLogsResponse Append(TestEngine& engine, const std::vector<v1::LogLine>& lines, absl::Time now,
                              const std::string& request_id = "");
// `until`: "2026-03-20".
v1::ExtendLogRetentionRequest ExtensionUntil(v1::LogServer server, const std::string& until,
                                             const std::string& reason = "ticket 17");
// All that is shown, over as many pages as it takes.
std::vector<v1::LogLine> ReadAll(TestEngine& engine, absl::Time now, v1::ReadLogsRequest request = {});
std::vector<std::string> ReadTexts(TestEngine& engine, absl::Time now, v1::ReadLogsRequest request = {});
// Extends, and carries it out to the end.
absl::Status Extend(TestEngine& engine, const v1::ExtendLogRetentionRequest& request, absl::Time now);

}  // namespace retention

#endif  // RETENTION_TESTS_LOGS_LOG_FIXTURE_H_
