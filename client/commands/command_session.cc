#include "client/commands/command_session.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "client/commands/command_line.h"
#include "client/human_units.h"
#include "client/input_stream.h"
#include "client/status_details.h"

namespace retention {

OutputFormat CommandSession::format() const {
  if (format_name == "json") return OutputFormat::kJson;
  return format_name == "csv" ? OutputFormat::kCsv : OutputFormat::kTable;
}

Client CommandSession::MakeClient(std::optional<absl::Duration> timeout_default) {
  if (connection_ == nullptr) connection_ = environment_.connect(server);
  const absl::Duration timeout = timeout_text.empty() ? timeout_default.value_or(absl::Seconds(10))
                                                      : ValueOrUsageError(ParseLength(timeout_text), "--timeout");
  return Client(connection_, ClientOptions{timeout, environment_.retry});
}

std::string CommandSession::NameOf(const std::string& file) { return file == "-" ? "standard input" : file; }

bool CommandSession::ReadInput(const std::string& file, absl::FunctionRef<void(std::istream& input)> read) {
  std::optional<InputStream> opened;
  if (file != "-") opened.emplace(file);
  std::istream& input = opened.has_value() ? *opened : in();
  // Tests put something else in its place, which has no errors.
  const auto* fallible = dynamic_cast<const InputStream*>(&input);
  if (fallible == nullptr || fallible->error() == 0) read(input);
  if (fallible == nullptr || fallible->error() == 0) return true;
  Fail(DescribeReadError(NameOf(file), fallible->error()));
  return false;
}

std::optional<std::string> CommandSession::ReadWholeInput(const std::string& file) {
  std::string text;
  const bool is_whole =
      ReadInput(file, [&](std::istream& input) { text.assign(std::istreambuf_iterator<char>(input), {}); });
  return is_whole ? std::optional(std::move(text)) : std::nullopt;
}

void CommandSession::Fail(const absl::Status& status) { Fail(DescribeError(status)); }

void CommandSession::Fail(const std::string& message, int exit_code) {
  Progress("");
  err() << "retentionctl: " << message << "\n";
  exit_code_ = exit_code;
}

void CommandSession::Print(const google::protobuf::Message& message, const OutputTable& table) {
  switch (format()) {
    case OutputFormat::kJson:
      return PrintJson(message);
    case OutputFormat::kCsv:
      return table.PrintCsv(out());
    case OutputFormat::kTable:
      return table.PrintAligned(out());
  }
}

void CommandSession::PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return Fail("the answer cannot be written as JSON");
  }
  out() << json;
}

void CommandSession::Progress(const std::string& text) {
  if (environment_.err_is_terminal) err() << "\r\033[K" << text << std::flush;
}

}  // namespace retention
