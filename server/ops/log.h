// What operators read: one line of key=value pairs per occurrence, on standard error.
//
// Never personal data: messages are constants of the source, fields hold counts, codes and durations.
#ifndef RETENTION_SERVER_OPS_LOG_H_
#define RETENTION_SERVER_OPS_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

enum class Severity { kInfo, kWarning, kError };

struct LogField {
  std::string_view name;
  std::string value;
};

// `time=2026-03-02T10:00:00.000Z severity=INFO message="..." name="value"`. Control characters and quotes are escaped,
// so that an occurrence is one line whatever it holds.
std::string FormatLogLine(absl::Time time, Severity severity, std::string_view message,
                          std::initializer_list<LogField> fields);

// Writes one line with the machine's time. Thread-safe; lines do not mix.
void Log(Severity severity, std::string_view message, std::initializer_list<LogField> fields = {});

// "UNAVAILABLE: text", for a field.
std::string DescribeStatus(const absl::Status& status);

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_LOG_H_
