#include "server/ops/log.h"

#include <unistd.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace retention {
namespace {

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "ERROR";
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CEscape(absl::string_view(text.data(), text.size())), "\"");
}

}  // namespace

std::string FormatLogLine(absl::Time time, Severity severity, std::string_view message,
                          std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat("time=", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()),
                                  " severity=", NameOf(severity), " message=", Quoted(message));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", absl::string_view(field.name.data(), field.name.size()), "=", Quoted(field.value));
  }
  line.push_back('\n');
  return line;
}

void Log(Severity severity, std::string_view message, std::initializer_list<LogField> fields) {
  const std::string line = FormatLogLine(absl::Now(), severity, message, fields);
  // One call, one line. Where standard error is gone there is nobody to tell.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string DescribeStatus(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

}  // namespace retention
