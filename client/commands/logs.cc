// logs append | read | extend | extensions
#include <algorithm>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/event_json.h"
#include "client/commands/json_lines.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/log_service.pb.h"

namespace retention {
namespace {

constexpr int kBatchLines = 1000;
constexpr size_t kBatchBytes = 1 << 20;
// A line of text of 8,192 bytes, written in JSON with every character escaped.
constexpr size_t kJsonBytesMax = 64 << 10;
constexpr int kDefaultLimit = 1000;

v1::LogServer ParseServer(const std::string& name, const std::string& option) {
  const auto server = ValueNamed<v1::LogServer>(name);
  if (server != 0) return server;
  throw UsageError(option, "not one of mcu, portal, file-share, converter");
}

v1::LogSeverity ParseSeverity(const std::string& name) {
  const auto severity = ValueNamed<v1::LogSeverity>(name);
  if (severity != 0) return severity;
  throw UsageError("--min-severity", absl::StrCat("not one of ", absl::StrJoin(KebabNames<v1::LogSeverity>(), ", ")));
}

std::string RandomName() {
  std::random_device random;
  std::string name;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&name, absl::Hex(random(), absl::kZeroPad8));
  return name;
}

// Sends batches one after another, each once the last one was answered.
class LogUpload {
 public:
  LogUpload(CommandSession& session, std::string name)
      : session_(session), name_(std::move(name)), connection_(session.MakeClient().connection()) {}

  // Takes a line of the file; false once nothing more can be sent.
  bool Add(v1::LogLine line, uint64_t number) {
    bytes_ += line.text().size();
    *batch_.add_lines() = std::move(line);
    numbers_.push_back(number);
    return batch_.lines_size() < kBatchLines && bytes_ < kBatchBytes ? true : Send();
  }

  LineFaults& faults() { return faults_; }

  void Finish() {
    if (batch_.lines_size() > 0) Send();
    faults_.Finish();
    OutputTable table({{"HELD", "accepted", true}, {"PAST THEIR DAY", "past_due", true}, {"REFUSED", "refused", true}});
    table.AddRow({absl::StrCat(total_.accepted()), absl::StrCat(total_.past_due()), absl::StrCat(refused_)});
    session_.Print(total_, table);
  }

 private:
  bool Send() {
    Backoff backoff(session_.retry());
    v1::AppendLogsResponse answer;
    batch_.set_batch_id(batch_.batch_id() + 1);
    batch_.set_request_id(absl::StrCat(upload_, "-", batch_.batch_id()));
    for (;;) {
      if (call_ == nullptr) call_ = connection_->AppendLogs();
      call_->Write(batch_);  // if it fails, so does the read
      if (call_->Read(&answer)) break;
      const absl::Status status = call_->Finish();
      call_.reset();
      const auto delay = IsRetryable(status) ? backoff.NextDelay(status) : std::nullopt;
      if (!delay.has_value()) {
        session_.Fail(status.ok() ? absl::UnavailableError("the server ended the stream") : status);
        batch_.clear_lines();
        return false;
      }
      session_.retry().sleep(*delay);
    }
    total_.set_accepted(total_.accepted() + answer.accepted());
    total_.set_past_due(total_.past_due() + answer.past_due());
    refused_ += static_cast<uint64_t>(answer.rejections_size());
    for (const auto& rejection : answer.rejections()) {
      const std::string line =
          rejection.index() < numbers_.size() ? absl::StrCat(numbers_[rejection.index()]) : std::string("?");
      faults_.Add(absl::StrCat(name_, ":", line, ":", rejection.field(), ": ", rejection.description()));
    }
    batch_.clear_lines();
    numbers_.clear();
    bytes_ = 0;
    return true;
  }

  CommandSession& session_;
  const std::string name_;
  const std::string upload_ = RandomName();  // what is sent again, for want of an answer, is held once
  const std::shared_ptr<Connection> connection_;
  std::unique_ptr<AppendLogsCall> call_;
  v1::AppendLogsRequest batch_;
  std::vector<uint64_t> numbers_;  // in the file, of the lines of the batch
  size_t bytes_ = 0;
  v1::AppendLogsResponse total_;
  uint64_t refused_ = 0;
  LineFaults faults_{session_};
};

void Append(CommandSession& session, const std::string& file) {
  session.ReadInput(file, [&](std::istream& input) {
    const std::string name = CommandSession::NameOf(file);
    LogUpload upload(session, name);
    TakeLines(name, input, kJsonBytesMax, upload.faults(), [&](uint64_t number, const std::string& text) -> LineTaken {
      v1::LogLine line;
      EventLineFault fault = ParseLogLine(text, &line);
      if (!fault.description.empty()) return {.fault = std::move(fault)};
      return {.fault = {}, .goes_on = upload.Add(std::move(line), number)};
    });
    upload.Finish();
  });
}

struct ReadCommand {
  std::string server;
  std::string min_severity;
  std::string from;
  std::string to;
  int limit = kDefaultLimit;
};

void Read(CommandSession& session, const ReadCommand& command) {
  v1::ReadLogsRequest request;
  if (!command.server.empty()) request.set_server(ParseServer(command.server, "--of"));
  if (!command.min_severity.empty()) request.set_min_severity(ParseSeverity(command.min_severity));
  if (!command.from.empty()) {
    *request.mutable_start_time() = ToTimestamp(ValueOrUsageError(ParseTime(command.from), "--from"));
  }
  if (!command.to.empty()) *request.mutable_end_time() = ToTimestamp(ValueOrUsageError(ParseTime(command.to), "--to"));
  const auto all = session.ExpectPages(
      &Client::ReadLogs, std::move(request), [limit = command.limit](auto& next, const auto& so_far) {
        next.set_page_size(limit == 0 ? 0 : std::min(kDefaultLimit, limit - so_far.lines_size()));
        return limit == 0 || so_far.lines_size() < limit;
      });
  if (!all) return;
  OutputTable table({{"TIME (UTC)", "time"}, {"SERVER", "server"}, {"SEVERITY", "severity"}, {"TEXT", "text"}});
  for (const auto& line : all->lines()) {
    table.AddRow({TimeCell(line.time()), KebabName(line.server()), KebabName(line.severity()), line.text()});
  }
  session.Print(*all, table);
}

OutputTable TableOf(const google::protobuf::RepeatedPtrField<v1::LogExtension>& extensions) {
  OutputTable table(
      {{"SERVER", "server"}, {"LAST DAY", "until"}, {"SINCE (UTC)", "create_time"}, {"REASON", "reason"}});
  for (const auto& extension : extensions) {
    table.AddRow({KebabName(extension.server()), ReadableDate(extension.until()), TimeCell(extension.create_time()),
                  extension.reason()});
  }
  return table;
}

void Extend(CommandSession& session, const v1::ExtendLogRetentionRequest& request) {
  const auto response = session.Expect(session.MakeClient().ExtendLogRetention(request));
  if (!response) return;
  google::protobuf::RepeatedPtrField<v1::LogExtension> one;
  *one.Add() = response->extension();
  session.Print(*response, TableOf(one));
}

void ListExtensions(CommandSession& session) {
  const auto response = session.Expect(session.MakeClient().ListLogExtensions(v1::ListLogExtensionsRequest()));
  if (response) session.Print(*response, TableOf(response->extensions()));
}

}  // namespace

void AddLogCommands(Command root, CommandSession& session) {
  const Command logs = root.AddNoun("logs", "Log lines of the platform's servers");

  const Command append = logs.AddVerb("append", "Sends log lines from a file of proto JSON, one line a line");
  auto file = std::make_shared<std::string>();
  append.AddOption("FILE", *file, "Lines of retention.v1.LogLine as JSON; - is standard input").Required();
  append.SetFooter(
      "Lines have no identity: sending twice holds them twice.\n"
      "\n"
      "Example of a line:\n"
      "  {\"server\": \"LOG_SERVER_MCU\", \"severity\": \"LOG_SEVERITY_ERROR\", \"time\": \"2026-03-31T09:00:00Z\", "
      "\"text\": \"...\"}");
  append.SetAction([=, &session] { Append(session, *file); });

  const Command read = logs.AddVerb("read", "Lines that are held, by the day until which they are, then by server");
  auto command = std::make_shared<ReadCommand>();
  read.AddOption("--of", command->server, "Only of one kind of server: mcu, portal, file-share or converter");
  read.AddOption("--min-severity", command->min_severity, "Only so grave or graver: error, warning, ...");
  read.AddOption("--from", command->from, "Only at this time or later");
  read.AddOption("--to", command->to, "Only before this time");
  read.AddOption("--limit", command->limit, "At most so many; 0: all").NonNegative().ShowDefault();
  read.SetAction([=, &session] { Read(session, *command); });

  const Command extend = logs.AddVerb("extend", "Keeps the lines of one kind of server longer, for debugging");
  auto server = std::make_shared<std::string>();
  auto until = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  extend.AddOption("SERVER", *server, "mcu, portal, file-share or converter").Required();
  extend.AddOption("UNTIL", *until, "The last day on which it is in force; at most a month from today").Required();
  extend.AddOption("--reason", *reason, "Why").Required();
  extend.SetFooter("Replaces the server's last extension. No line is kept beyond a month from its day.");
  extend.SetAction([=, &session] {
    v1::ExtendLogRetentionRequest request;
    request.set_server(ParseServer(*server, "SERVER"));
    *request.mutable_until() = ValueOrUsageError(ParseDate(*until), "UNTIL");
    request.set_reason(*reason);
    Extend(session, request);
  });

  logs.AddVerb("extensions", "The extensions in force").SetAction([&session] { ListExtensions(session); });
}

}  // namespace retention
