// What every command of retentionctl shares: where it reads and writes, how it reaches the server, what it returns.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/commands/output_table.h"

namespace retention {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInDoubt = 4;  // The store of objects may be another than that of which orders tell.

// What the process hands in, and tests replace.
struct CommandEnvironment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;  // Progress is shown only then.
  std::function<std::shared_ptr<Connection>(const std::string& address)> connect = ConnectTo;
  RetryPolicy retry;
  // Commands that run until they are stopped listen to SIGINT and SIGTERM, and try for ever to reach the server.
  bool handles_signals = false;
};

enum class OutputFormat { kTable, kJson, kCsv };

// One run of retentionctl. Commands call Fail or Reject instead of returning a status.
class CommandSession {
 public:
  explicit CommandSession(const CommandEnvironment& environment) : environment_(environment) {}

  // The global options; bound to the command line.
  std::string server = "127.0.0.1:50051";
  std::string format_name = "table";
  std::string timeout_text;  // Empty: the default of the command.

  std::istream& in() { return environment_.in; }
  std::ostream& out() { return environment_.out; }
  std::ostream& err() { return environment_.err; }
  OutputFormat format() const;

  // Connected at the first use. `timeout_default` counts unless --timeout was given.
  Client MakeClient(std::optional<absl::Duration> timeout_default = std::nullopt);

  const RetryPolicy& retry() const { return environment_.retry; }
  bool handles_signals() const { return environment_.handles_signals; }

  // The result of a call, or nothing after saying on stderr what failed.
  template <typename Response>
  std::optional<Response> Expect(absl::StatusOr<Response> response) {
    if (response.ok()) return *std::move(response);
    Fail(response.status());
    return std::nullopt;
  }

  // All pages of a list as one answer, or nothing after saying on stderr what failed. `more` is asked before each page
  // whether it is wanted after what there is, and may set the size of it.
  template <typename Request, typename Response>
  std::optional<Response> ExpectPages(
      absl::StatusOr<Response> (Client::*list)(const Request&) const, Request request,
      const std::type_identity_t<std::function<bool(Request&, const Response&)>>& more = [](Request&, const Response&) {
        return true;
      }) {
    const Client client = MakeClient();
    Response all;
    while (more(request, all)) {
      const auto page = Expect((client.*list)(request));
      if (!page) return std::nullopt;
      all.MergeFrom(*page);
      request.set_page_token(page->next_page_token());
      if (request.page_token().empty()) break;
    }
    all.clear_next_page_token();
    return all;
  }

  // What `file` is called in what is said of it; "-" is standard input.
  static std::string NameOf(const std::string& file);
  // Has `read` read `file` to its end. False after saying in one line that it cannot be read, or not to its end: then
  // `read` has seen nothing, or some of it.
  bool ReadInput(const std::string& file, absl::FunctionRef<void(std::istream& input)> read);
  // All of `file`, or nothing after saying that it cannot be read.
  std::optional<std::string> ReadWholeInput(const std::string& file);

  void Fail(const absl::Status& status);
  void Fail(const std::string& message, int exit_code = kExitFailed);
  int exit_code() const { return exit_code_; }

  // Prints `message` as JSON, or `table` aligned or as CSV.
  void Print(const google::protobuf::Message& message, const OutputTable& table);
  void PrintJson(const google::protobuf::Message& message);

  // Shows `text` on a terminal, over what was shown before; an empty text clears it.
  void Progress(const std::string& text);

 private:
  const CommandEnvironment& environment_;
  std::shared_ptr<Connection> connection_;
  int exit_code_ = kExitOk;
};

}  // namespace retention
