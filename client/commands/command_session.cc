#include "client/commands/command_session.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/commands/command_line.h"
#include "client/human_units.h"
#include "client/input_stream.h"
#include "client/status_details.h"
#include "text/unicode.h"

namespace retention {
namespace {

constexpr char kDefaultServer[] = "127.0.0.1:50051";
constexpr char kTargetOptions[] = "--server, --ca, --cert, --key, --insecure";

}  // namespace

OutputFormat CommandSession::format() const {
  if (format_name == "json") return OutputFormat::kJson;
  return format_name == "csv" ? OutputFormat::kCsv : OutputFormat::kTable;
}

const std::string& CommandSession::context_file() const {
  if (environment_.context_file.empty())
    throw CommandFailure("no file of contexts: set HOME or RETENTION_CONTEXT_FILE");
  return environment_.context_file;
}

Contexts CommandSession::ReadContextFile() const {
  auto contexts = ReadContexts(context_file());
  if (!contexts.ok()) throw CommandFailure(std::string(contexts.status().message()));
  return *std::move(contexts);
}

void CommandSession::CheckGiven(const Target& target) const {
  const absl::Status status = CheckTarget(target).status();
  if (absl::IsInvalidArgument(status)) throw UsageError(kTargetOptions, std::string(status.message()));
  if (!status.ok()) throw CommandFailure(std::string(status.message()));
}

const CommandSession::Place& CommandSession::place() {
  if (place_.has_value()) return *place_;
  Place place;
  if (!context_name.empty() || (given.address.empty() && !environment_.context_file.empty())) {
    Contexts contexts = ReadContextFile();
    place.context = context_name.empty() ? contexts.current : context_name;
    const auto found = contexts.named.find(place.context);
    if (found == contexts.named.end() && !place.context.empty()) {
      throw CommandFailure(absl::StrCat("no such context: ", Printable(place.context)));
    }
    if (found != contexts.named.end()) place.target = found->second;
  }
  for (const auto field : {&Target::address, &Target::ca_file, &Target::certificate_file, &Target::key_file}) {
    if (!(given.*field).empty()) place.target.*field = given.*field;
  }
  place.target.insecure = place.target.insecure || given.insecure;
  if (place.target.address.empty()) place.target.address = kDefaultServer;
  place_ = std::move(place);
  return *place_;
}

bool CommandSession::Confirm() {
  if (is_confirmed) return true;
  if (!environment_.in_is_terminal)
    throw UsageError("--yes", "required, as this cannot be undone and nobody can be asked");
  err() << "retentionctl: \"" << Printable(words_)
        << "\" cannot be undone. Server: " << Printable(place().target.address)
        << (place().context.empty() ? "" : absl::StrCat(" (context ", place().context, ")"))
        << "\nType yes to go on: " << std::flush;
  std::string answer;
  if (std::getline(in(), answer) && answer == "yes") return true;
  Fail("not confirmed; nothing was done");
  return false;
}

Client CommandSession::MakeClient(std::optional<absl::Duration> timeout_default) {
  if (connection_ == nullptr) {
    auto connection = environment_.connect(place().target);
    if (absl::IsInvalidArgument(connection.status())) {
      throw UsageError(kTargetOptions, std::string(connection.status().message()));
    }
    if (!connection.ok()) throw CommandFailure(std::string(connection.status().message()));
    connection_ = *std::move(connection);
  }
  const absl::Duration timeout = timeout_text.empty() ? timeout_default.value_or(absl::Seconds(10))
                                                      : ValueOrUsageError(ParseLength(timeout_text), "--timeout");
  return Client(connection_, ClientOptions{timeout, environment_.retry});
}

std::string CommandSession::NameOf(const std::string& file) { return file == "-" ? "standard input" : file; }

bool CommandSession::ReadInput(const std::string& file, absl::FunctionRef<void(std::istream& input)> read) {
  return ReadInput(file, std::numeric_limits<uint64_t>::max(), read);
}

bool CommandSession::ReadInput(const std::string& file, uint64_t bytes_max,
                               absl::FunctionRef<void(std::istream& input)> read) {
  std::optional<InputStream> opened;
  if (file != "-") opened.emplace(file);
  std::istream& input = opened.has_value() ? *opened : in();
  // Tests put something else in its place, which has no errors.
  auto* fallible = dynamic_cast<InputStream*>(&input);
  if (fallible != nullptr) fallible->LimitTo(bytes_max);
  if (fallible == nullptr || fallible->error() == 0) read(input);
  if (fallible == nullptr || fallible->error() == 0) return true;
  Fail(DescribeReadError(NameOf(file), fallible->error()));
  return false;
}

std::optional<std::string> CommandSession::ReadWholeInput(const std::string& file) {
  std::string text;
  const bool is_whole = ReadInput(file, kWholeInputBytesMax,
                                  [&](std::istream& input) { text.assign(std::istreambuf_iterator<char>(input), {}); });
  if (!is_whole) return std::nullopt;
  if (IsUtf8(text)) return text;
  Fail(absl::StrCat(NameOf(file), ": not a text in UTF-8"));
  return std::nullopt;
}

void CommandSession::Fail(const absl::Status& status) {
  const bool is_unavailable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  Fail(DescribeError(status), is_unavailable ? kExitUnavailable : kExitFailed);
}

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
