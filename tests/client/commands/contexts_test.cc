#include "client/commands/contexts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "retention/v1/pbx_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"
#include "tests/client/test_certificates.h"

namespace retention {
namespace {

class ContextCommands : public CommandLineTest {
 protected:
  ContextCommands() {
    context_file_ = TempFile("config/retentionctl/contexts.json");
    certificates_.Make("me", "URI:urn:me");
    connection_->Answer("ListPbxs", v1::ListPbxsResponse());
  }

  void SetProd() {
    EXPECT_EQ(Run({"context", "set", "prod", "--server", "retention.example:50051", "--ca", File("ca.pem"), "--cert",
                   File("me.pem"), "--key", File("me.key")}),
              kExitOk)
        << err_.str();
  }
  std::string File(const std::string& name) const { return certificates_.File(name); }
  // Where a command goes with these options; the file decides the rest.
  Target Reached(std::vector<std::string> options) {
    options.insert(options.end(), {"pbxs", "list"});
    EXPECT_EQ(Run(options), kExitOk) << err_.str();
    return target_;
  }

  TestCertificates certificates_;
};

TEST_F(ContextCommands, TheOneInUseSaysWhereCommandsGo) {
  EXPECT_EQ(Reached({}).address, "127.0.0.1:50051");
  SetProd();
  EXPECT_EQ(Reached({}).address, "127.0.0.1:50051") << "it is not in use yet";
  EXPECT_EQ(Run({"context", "use", "prod"}), kExitOk) << err_.str();
  const Target prod{.address = "retention.example:50051",
                    .ca_file = File("ca.pem"),
                    .certificate_file = File("me.pem"),
                    .key_file = File("me.key")};
  EXPECT_EQ(Reached({}), prod);
  // --server leaves it alone, --context does not.
  EXPECT_EQ(Reached({"--server", "localhost:1"}), Target{.address = "localhost:1"});
  Target other = prod;
  other.address = "retention-2.example:1";
  EXPECT_EQ(Reached({"--server", other.address, "--context", "prod"}), other);
}

TEST_F(ContextCommands, EnvironmentVariablesStandBelowOptionsAndAboveTheContext) {
  SetProd();
  EXPECT_EQ(Run({"context", "set", "test", "--server", "localhost:7"}), kExitOk);
  EXPECT_EQ(Run({"context", "use", "prod"}), kExitOk);
  ::setenv("RETENTION_CONTEXT", "test", 1);
  EXPECT_EQ(Reached({}).address, "localhost:7");
  EXPECT_EQ(Reached({"--context", "prod"}).address, "retention.example:50051");
  ::unsetenv("RETENTION_CONTEXT");
  ::setenv("RETENTION_SERVER", "localhost:8", 1);
  ::setenv("RETENTION_CA", File("ca.pem").c_str(), 1);
  ::setenv("RETENTION_CERT", File("me.pem").c_str(), 1);
  ::setenv("RETENTION_KEY", File("me.key").c_str(), 1);
  EXPECT_EQ(Reached({}), (Target{.address = "localhost:8",
                                 .ca_file = File("ca.pem"),
                                 .certificate_file = File("me.pem"),
                                 .key_file = File("me.key")}));
  EXPECT_EQ(Reached({"--server", "localhost:9"}).address, "localhost:9");
  for (const char* name : {"RETENTION_SERVER", "RETENTION_CA", "RETENTION_CERT", "RETENTION_KEY"}) ::unsetenv(name);
}

TEST_F(ContextCommands, TheyAreListedShownAndDeleted) {
  SetProd();
  EXPECT_EQ(Run({"context", "set", "test", "--server", "localhost:7"}), kExitOk);
  EXPECT_EQ(Run({"context", "show"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: no context is in use\n");
  EXPECT_EQ(Run({"context", "use", "test"}), kExitOk);
  EXPECT_EQ(Run({"context", "list", "-o", "csv"}), kExitOk);
  EXPECT_EQ(out_.str(), "name,current,server,ca,cert,key,insecure\nprod,false,retention.example:50051," +
                            File("ca.pem") + "," + File("me.pem") + "," + File("me.key") +
                            ",false\ntest,true,localhost:7,,,,false\n");
  EXPECT_EQ(Run({"context", "show"}), kExitOk);
  EXPECT_NE(out_.str().find("localhost:7"), std::string::npos);
  EXPECT_EQ(Run({"context", "delete", "test"}), kExitOk);
  EXPECT_EQ(Run({"context", "show"}), kExitFailed) << "that in use was deleted";
  for (const char* verb : {"use", "show", "delete"}) {
    EXPECT_EQ(Run({"context", verb, "test"}), kExitFailed);
    EXPECT_EQ(err_.str(), "retentionctl: no such context: test\n");
  }
  EXPECT_EQ(Run({"--context", "test", "pbxs", "list"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: no such context: test\n");
}

TEST_F(ContextCommands, WhatCannotBeUsedIsNotKept) {
  const std::vector<std::vector<std::string>> wrong = {
      {"context", "set", "prod"},
      {"context", "set", "prod", "--server", "retention.example:1"},  // plaintext
      {"context", "set", "prod", "--server", "nowhere"},
      {"context", "set", "prod", "--server", "localhost:1", "--cert", File("me.pem")},
      {"context", "set", "../prod", "--server", "localhost:1"},
      {"context", "set", "", "--server", "localhost:1"},
  };
  for (const auto& arguments : wrong) EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
  EXPECT_EQ(Run({"context", "set", "prod", "--server", "h:1", "--ca", File("me.key")}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: " + File("me.key") + ": no certificate in PEM\n");
  EXPECT_FALSE(std::filesystem::exists(context_file_));
}

TEST_F(ContextCommands, TheFileIsItsUsersAlone) {
  SetProd();
  struct stat status {};
  ASSERT_EQ(::stat(context_file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u}) {
    ASSERT_EQ(::chmod(context_file_.c_str(), mode), 0);
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"pbxs", "list"},
                                                                       {"context", "list"},
                                                                       {"context", "use", "prod"},
                                                                       {"--context", "prod", "pbxs", "list"}}) {
      EXPECT_EQ(Run(arguments), kExitFailed);
      EXPECT_EQ(err_.str(), "retentionctl: " + context_file_ + ": others may read or change it; chmod 600 it\n");
    }
  }
  EXPECT_TRUE(connection_->calls.empty());
  // Who needs none is not kept from working.
  EXPECT_EQ(Run({"--server", "localhost:1", "pbxs", "list"}), kExitOk);
}

TEST_F(ContextCommands, WhatIsNoFileOfContextsIsRefused) {
  SetProd();
  for (const char* text :
       {"", "x", "[]", "{\"contexts\": 1}", "{\"current\": \"gone\"}", "{\"contexts\": {\"a\": {}}}", "{\"colour\": 1}",
        "{\"contexts\": {\"a\": {\"server\": \"localhost:1\", \"colour\": \"red\"}}}",
        "{\"contexts\": {\"a\": {\"server\": \"localhost:1\", \"insecure\": \"no\"}}}",
        "{\"contexts\": {\"../a\": {\"server\": \"localhost:1\"}}}", "\xff\xfe"}) {
    std::ofstream(context_file_) << text;
    EXPECT_EQ(Run({"pbxs", "list"}), kExitFailed) << text;
    EXPECT_EQ(err_.str(), "retentionctl: " + context_file_ + ": not a file of contexts\n") << text;
  }
}

TEST_F(ContextCommands, AFileThatCannotBeWrittenStaysAsItWas) {
  SetProd();
  std::filesystem::create_directory(context_file_ + ".new");
  EXPECT_EQ(Run({"context", "set", "test", "--server", "localhost:7"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: " + context_file_ + ": Is a directory\n");
  EXPECT_EQ(ReadContexts(context_file_)->named.size(), 1u);
  EXPECT_EQ(ReadContexts(std::filesystem::path(context_file_).parent_path()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace retention
