// Whatever is sent as a syslog message: it is none, or text that can be kept and shown.
#include <string>

#include "server/logs/log_intake.h"
#include "server/ops/syslog_message.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const retention::FuzzInput input(bytes, size);
  const auto message = retention::ParseSyslog(input.rest());
  if (!message.has_value()) return 0;
  retention::MustHold(message->text.size() <= retention::kMaxLogTextBytes, "a text is no longer than the longest");
  // Protocol Buffers refuses a string that is not UTF-8 when it is read.
  retention::v1::LogLine line;
  line.set_text(message->text);
  retention::MustHold(line.ParseFromString(line.SerializeAsString()), "a text is UTF-8");
  for (const char c : message->text) {
    const auto byte = static_cast<unsigned char>(c);
    retention::MustHold((byte >= 0x20 || c == '\t' || c == '\n') && byte != 0x7f, "a text has no controls");
  }
  retention::MustHold(!retention::IsRfc3164(input.rest()), "a message is of one standard");
  retention::MustHold(message->severity != retention::v1::LOG_SEVERITY_UNSPECIFIED, "every message has a severity");
  return 0;
}
