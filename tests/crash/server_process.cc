#include "tests/crash/server_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "retention/v1/pbx_service.pb.h"

extern char** environ;

namespace retention::crash {
namespace {

constexpr absl::string_view kListening = "listening on ";

// One attempt, and no patience: a test knows whether the server lives.
ClientOptions Impatient() {
  ClientOptions options;
  options.timeout = absl::Seconds(30);
  options.retry.attempts_max = 1;
  return options;
}

}  // namespace

ServerProcess::ServerProcess(const Machine& machine, absl::Time now, const std::string& crash_point,
                             const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {RETENTION_SERVER,
                                        "--listen=127.0.0.1:0",
                                        "--ballast-mib=0",
                                        absl::StrCat("--data-dir=", machine.data().string()),
                                        absl::StrCat("--key-ring-dir=", machine.ring().string()),
                                        absl::StrCat("--ring-root-file=", machine.ring().string(), ".root"),
                                        absl::StrCat("--policy=", RETENTION_POLICY_FILE),
                                        "--metrics-address=off",
                                        absl::StrCat("--clock=simulated:", absl::FormatTime(now))};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  if (!crash_point.empty()) variables.push_back(absl::StrCat("RETENTION_CRASH_POINT=", crash_point));
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };

  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  EXPECT_EQ(
      posix_spawn(&pid_, RETENTION_SERVER, &actions, nullptr, pointers(arguments).data(), pointers(variables).data()),
      0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  output_ = ends[0];

  std::string line;
  for (char c; ::read(output_, &c, 1) == 1 && c != '\n';) line += c;
  if (absl::string_view(line).substr(0, kListening.size()) != kListening) return;
  address_ = line.substr(kListening.size());
  client_ = std::make_unique<Client>(*ConnectTo({.address = address_}), Impatient());
}

ServerProcess::~ServerProcess() {
  if (pid_ != 0) Kill();
  ::close(output_);
}

void ServerProcess::Kill() {
  ::kill(pid_, SIGKILL);
  WaitForEnd();
}

int ServerProcess::WaitForEnd() {
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = 0;
  return WIFSIGNALED(status) ? WTERMSIG(status) : -1 - WEXITSTATUS(status);
}

int ServerProcess::Stop() {
  ::kill(pid_, SIGTERM);
  return -1 - WaitForEnd();
}

void SyncPbx(const Client& client, const std::string& pbx_id) {
  v1::SyncPbxRequest request;
  request.set_pbx_id(pbx_id);
  request.set_controller_id("controller");
  const auto response = client.SyncPbx(request);
  EXPECT_TRUE(response.ok()) << response.status();
}

}  // namespace retention::crash
