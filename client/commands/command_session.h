// What every command of retentionctl shares: where it reads and writes, how it reaches the server, what it returns.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/commands/contexts.h"
#include "client/commands/output_table.h"

namespace retention {

// What every command returns. Explained by `retentionctl --help` and docs/command-line.md.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnavailable = 3;  // The server is unavailable, or gave no answer in time.
inline constexpr int kExitInDoubt = 4;      // The store of objects may be another than that of which orders tell.

// What the process hands in, and tests replace.
struct CommandEnvironment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;  // Progress is shown only then.
  std::function<absl::StatusOr<std::shared_ptr<Connection>>(const Target& target)> connect = ConnectTo;
  RetryPolicy retry;
  // Commands that run until they are stopped listen to SIGINT and SIGTERM, and try for ever to reach the server.
  bool handles_signals = false;
  bool in_is_terminal = false;  // Somebody can be asked.
  std::string context_file;     // Where contexts are kept; empty: nowhere.
};

// Thrown to end a command with exit code 1: the message in one line.
class CommandFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class OutputFormat { kTable, kJson, kCsv };

// One run of retentionctl. Commands call Fail or Reject instead of returning a status.
class CommandSession {
 public:
  // `words`: the command line, as it is shown to who is asked whether it is meant.
  CommandSession(const CommandEnvironment& environment, std::string words)
      : environment_(environment), words_(std::move(words)) {}

  // The global options; bound to the command line.
  Target given;               // Options and environment variables alone.
  std::string context_name;   // Empty: the context in use, unless there is a `given.address`.
  bool is_confirmed = false;  // --yes
  std::string format_name = "table";
  std::string timeout_text;  // Empty: the default of the command.

  std::istream& in() { return environment_.in; }
  std::ostream& out() { return environment_.out; }
  std::ostream& err() { return environment_.err; }
  OutputFormat format() const;

  // Where the server is: what is given, over the context if there is one, over the default.
  struct Place {
    Target target;
    std::string context;  // Its name; empty: none.
  };
  const Place& place();

  const std::string& context_file() const;
  // CommandFailure if it cannot be read.
  Contexts ReadContextFile() const;
  // Usage error for a target that cannot be, CommandFailure for one whose files are not what they should be.
  void CheckGiven(const Target& target) const;

  // Whether to go on with what cannot be undone. Usage error where nobody can be asked.
  bool Confirm();

  // Connected at the first use; else as CheckGiven. `timeout_default` counts unless --timeout was given.
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
  // At most `bytes_max` of it.
  bool ReadInput(const std::string& file, uint64_t bytes_max, absl::FunctionRef<void(std::istream& input)> read);
  // All of `file`, a text in UTF-8 of at most kWholeInputBytesMax; nothing after saying that it cannot be read.
  std::optional<std::string> ReadWholeInput(const std::string& file);
  static constexpr uint64_t kWholeInputBytesMax = 16 << 20;  // Twice what any call takes.

  // kExitUnavailable for UNAVAILABLE and DEADLINE_EXCEEDED, else kExitFailed.
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
  const std::string words_;
  std::optional<Place> place_;
  std::shared_ptr<Connection> connection_;
  int exit_code_ = kExitOk;
};

}  // namespace retention
