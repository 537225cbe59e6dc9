#include "client/commands/event_json.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace retention {
namespace {

// protobuf says "(path): invalid value "X" for type T", "(path) name: Cannot find field.", "name: Cannot find field.",
// or a sentence about the syntax followed by the line itself. Only path and kind of fault are taken over: the rest can
// hold personal values.
EventLineFault Explain(const std::string& message) {
  EventLineFault fault;
  std::string rest = message.substr(0, message.find('\n'));
  if (absl::StartsWith(rest, "(") && rest.find(')') != std::string::npos) {
    fault.field = rest.substr(1, rest.find(')') - 1);
    rest = rest.substr(fault.field.size() + 2);
  }
  const bool about_json = message.find('\n') != std::string::npos;
  if (about_json) {
    fault.description = absl::StrCat("not valid JSON: ", rest);
  } else if (absl::EndsWith(rest, ": Cannot find field.")) {
    const std::string name(absl::StripPrefix(absl::StripSuffix(rest, ": Cannot find field."), " "));
    fault.field = fault.field.empty() ? name : absl::StrCat(fault.field, ".", name);
    fault.description = "no such field";
  } else if (absl::StrContains(rest, "is already set")) {
    fault.field = "payload";
    fault.description = "more than one thing happened; an event holds one";
  } else if (absl::StrContains(rest, "Timestamp")) {
    fault.description = "not a time; write 2026-03-31T09:00:00Z";
  } else if (absl::StrContains(rest, "Duration")) {
    fault.description = "not a length of time; write 1800s";
  } else if (absl::StrContains(rest, "Root element")) {
    fault.description = "not a JSON object";
  } else {
    fault.description = "wrong kind of value";
  }
  // Names are taken from the line as they stand there: they are shown on terminals.
  fault.field = absl::Utf8SafeCHexEscape(fault.field);
  fault.description = absl::Utf8SafeCHexEscape(fault.description);
  return fault;
}

}  // namespace

std::string DescribeFault(const std::string& file, uint64_t line, const EventLineFault& fault) {
  return absl::StrCat(file, ":", line, ":", fault.field, fault.field.empty() ? "" : ":", " ", fault.description);
}

EventLineFault ParseEventLine(const std::string& line, v1::Event* event) {
  const auto status = google::protobuf::util::JsonStringToMessage(line, event);
  if (!status.ok()) return Explain(std::string(status.message()));
  if (event->payload_case() == v1::Event::PAYLOAD_NOT_SET) return {"payload", "missing: nothing happened"};
  return {};
}

EventLineFault ParseLogLine(const std::string& line, v1::LogLine* log_line) {
  const auto status = google::protobuf::util::JsonStringToMessage(line, log_line);
  return status.ok() ? EventLineFault{} : Explain(std::string(status.message()));
}

std::string EventLine(const v1::Event& event) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  // Fails only for text that is not UTF-8, which no importer or parser lets through.
  if (!google::protobuf::util::MessageToJsonString(event, &line, options).ok()) line.clear();
  return line;
}

}  // namespace retention
