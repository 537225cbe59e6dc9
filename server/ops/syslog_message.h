// Syslog messages, RFC 5424.
#ifndef RETENTION_SERVER_OPS_SYSLOG_MESSAGE_H_
#define RETENTION_SERVER_OPS_SYSLOG_MESSAGE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"

namespace retention {

// What is kept of a message: host, process and message id are not.
struct SyslogMessage {
  // From APP-NAME: `mcu`, `portal`, `file-share` or `converter`, in any case; unspecified for every other name.
  v1::LogServer server = v1::LOG_SERVER_UNSPECIFIED;
  v1::LogSeverity severity = v1::LOG_SEVERITY_UNSPECIFIED;
  // None if the sender gave none.
  std::optional<absl::Time> time;
  // Structured data, if there are any, and MSG: valid UTF-8 (what is not is replaced by U+FFFD) of at most
  // kMaxLogTextBytes. Of controls only tabs and ends of lines are left; others are replaced by their pictures (U+2400
  // to U+2421), those beyond ASCII by U+FFFD: whoever shows a text on a terminal is not steered by who sent it.
  std::string text;
  // The text was longer.
  bool cut = false;
};

// Whether `raw` begins as a message of RFC 3164 does: such a sender needs a relay in front (docs/recording.md). Pure.
bool IsRfc3164(std::string_view raw);

// nullopt if `raw` is not a message of RFC 5424, section 6. Pure.
std::optional<SyslogMessage> ParseSyslog(std::string_view raw);

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SYSLOG_MESSAGE_H_
