// Whatever a line of a file of events says: it is an event that can be written and read again, or one line says what is
// wrong with it.
#include <string>

#include "client/commands/event_json.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string line(retention::FuzzInput(bytes, size).rest());
  retention::v1::Event event;
  const retention::EventLineFault fault = retention::ParseEventLine(line, &event);
  if (!fault.description.empty()) {
    retention::MustHold(retention::IsOneLine(retention::DescribeFault("f", 1, fault)), "a fault is one line");
    return 0;
  }
  retention::MustHold(fault.field.empty(), "what is no fault names no field");
  const std::string written = retention::EventLine(event);
  retention::v1::Event again;
  retention::MustHold(!written.empty() && retention::IsOneLine(written), "an event is one line");
  retention::MustHold(retention::ParseEventLine(written, &again).description.empty(), "what was written can be read");
  retention::MustHold(retention::EventLine(again) == written, "what is read again is the same");
  return 0;
}
