// Events, and log lines, as lines of proto JSON.
#pragma once

#include <cstdint>
#include <string>

#include "retention/v1/event.pb.h"
#include "retention/v1/log_service.pb.h"

namespace retention {

// Why a line is not an event.
struct EventLineFault {
  std::string field;        // Path of the field at fault; empty if it is the line as a whole.
  std::string description;  // What is wrong, without the value; empty if nothing is.
};

// For people: "events.jsonl:12:payload: missing".
std::string DescribeFault(const std::string& file, uint64_t line, const EventLineFault& fault);

// Reads `line` into `event` and returns what is wrong with it. `event` is unspecified if something is.
EventLineFault ParseEventLine(const std::string& line, v1::Event* event);

// The same for a log line.
EventLineFault ParseLogLine(const std::string& line, v1::LogLine* log_line);

// One line, with the field names of the proto files, without the line end.
std::string EventLine(const v1::Event& event);

}  // namespace retention
