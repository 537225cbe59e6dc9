// retentionctl as a process of its own: what only a process has.
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/command_session.h"
#include "retention/v1/clock_service.grpc.pb.h"
#include "tests/client/test_certificates.h"

namespace retention {
namespace {

// The exit code of `command` in bash, and what it said on both outputs.
std::pair<int, std::string> Shell(const std::string& command) {
  std::string text;
  FILE* output = ::popen(absl::StrCat("exec 2>&1; bash -c '", command, "'").c_str(), "r");
  EXPECT_NE(output, nullptr);
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text.push_back(static_cast<char>(c));
  const int status = ::pclose(output);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

TEST(RetentionctlProcess, BashCompletesWhatItIsToldByTheProgramItself) {
  const auto complete = [](const std::string& words, int index) {
    return Shell(absl::StrCat("source <(", RETENTIONCTL, " completion bash); COMP_WORDS=(", RETENTIONCTL, " ", words,
                              "); COMP_CWORD=", index, "; _retentionctl; echo \"${COMPREPLY[*]}\""))
        .second;
  };
  EXPECT_EQ(complete("clock \"\"", 2), "advance confirm show\n");
  EXPECT_EQ(complete("meet", 1), "meetings\n");
  EXPECT_EQ(complete("clock show -o c", 4), "csv\n");
  EXPECT_EQ(complete("events send \"\"", 3), "\n");
  EXPECT_EQ(complete("clock advance --b --to", 3), "--by\n") << "the word at the cursor, not the last one";
}

TEST(RetentionctlProcess, WithoutATerminalNobodyIsAsked) {
  const auto [code, said] = Shell(RETENTIONCTL " pbxs deregister p </dev/null");
  EXPECT_EQ(code, kExitUsage);
  EXPECT_EQ(said.rfind("retentionctl: --yes: required", 0), 0u) << said;
}

TEST(RetentionctlProcess, TheContextFileIsThatOfTheEnvironment) {
  const TestCertificates directory;
  const std::string home = directory.File("home");
  const std::string set = " context set x --server localhost:7 && cat ";
  EXPECT_EQ(Shell(absl::StrCat("HOME=", home, " XDG_CONFIG_HOME= ", RETENTIONCTL, set, home,
                               "/.config/retentionctl/contexts.json"))
                .first,
            kExitOk);
  EXPECT_EQ(
      Shell(absl::StrCat("XDG_CONFIG_HOME=", home, "/xdg ", RETENTIONCTL, set, home, "/xdg/retentionctl/contexts.json"))
          .first,
      kExitOk);
  EXPECT_EQ(Shell(absl::StrCat("RETENTION_CONTEXT_FILE=", home, "/c.json ", RETENTIONCTL, set, home, "/c.json")).first,
            kExitOk);
}

// Neither gRPC's nor protobuf's own lines stand beside ours.
TEST(RetentionctlProcess, AServerThatIsNotBelievedIsSaidInOneLine) {
  TestCertificates certificates;
  certificates.Make("server", "IP:127.0.0.1");
  certificates.MakeAuthority("other-ca");
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs = {{certificates.Text("server.key"), certificates.Text("server.pem")}};
  v1::ClockService::Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const auto ask = [&](const std::string& ca) {
    return Shell(
        absl::StrCat(RETENTIONCTL, " health liveness --server 127.0.0.1:", port, " --ca ", certificates.File(ca)));
  };
  const auto [code, said] = ask("other-ca.pem");
  EXPECT_EQ(code, kExitUnavailable) << said;
  EXPECT_EQ(said.rfind("retentionctl: UNAVAILABLE: ", 0), 0u) << said;
  EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  EXPECT_NE(ask("ca.pem").first, kExitUnavailable);
}

}  // namespace
}  // namespace retention
