#include "client/target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/client/test_certificates.h"

namespace retention {
namespace {

TEST(Target, AddressesAreAHostWithItsPortOrAPath) {
  for (const char* address : {"127.0.0.1:50051", "localhost:1", "retention.example:65535", "[::1]:50051",
                              "[2001:db8::7]:443", "a_b-c:80", "unix:/run/retention.sock"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << address;
  }
  for (const std::string& address : {std::string(""),
                                     std::string("host"),
                                     std::string("host:"),
                                     std::string(":1"),
                                     std::string("host:0"),
                                     std::string("host:65536"),
                                     std::string("host:1x"),
                                     std::string("host:+1"),
                                     std::string("host:99999999999"),
                                     std::string("::1:50051"),
                                     std::string("[::1]"),
                                     std::string("[::1:50051"),
                                     std::string("[host]:1"),
                                     std::string("dns:///host:1"),
                                     std::string("http://host:1"),
                                     std::string("ho st:1"),
                                     std::string("unix:"),
                                     std::string("unix:relative"),
                                     std::string("unix:/") + std::string(108, 'a'),
                                     std::string("unix-abstract:x"),
                                     std::string("host:1\n"),
                                     std::string("h\xc3\xb6st:1")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckAddress(address))) << address;
  }
}

TEST(Target, PlaintextStaysOnTheMachineUnlessThatIsAskedFor) {
  for (const char* address : {"127.0.0.1:1", "127.9.8.7:1", "localhost:1", "LOCALHOST:1", "[::1]:1", "unix:/run/x"}) {
    EXPECT_TRUE(CheckTarget({.address = address}).ok()) << address;
  }
  for (const char* address : {"128.0.0.1:1", "0.0.0.0:1", "retention.example:1", "localhost.example:1", "[::2]:1",
                              "[::ffff:127.0.0.1]:1", "127.0.0.1.example:1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckTarget({.address = address}).status())) << address;
    EXPECT_TRUE(CheckTarget({.address = address, .insecure = true}).ok()) << address;
  }
}

class TargetFiles : public ::testing::Test {
 protected:
  TargetFiles() { certificates_.Make("client", "URI:urn:operator"); }

  absl::Status Check(const std::string& ca, const std::string& certificate, const std::string& key,
                     const std::string& address = "retention.example:1") {
    const auto path = [this](const std::string& name) { return name.empty() ? name : certificates_.File(name); };
    return CheckTarget(
               {.address = address, .ca_file = path(ca), .certificate_file = path(certificate), .key_file = path(key)})
        .status();
  }
  void ExpectFault(const absl::Status& status, const std::string& file, const std::string& what) {
    EXPECT_EQ(status, absl::FailedPreconditionError(certificates_.File(file) + ": " + what));
  }

  TestCertificates certificates_;
};

TEST_F(TargetFiles, ThoseThatFitAreTaken) {
  EXPECT_TRUE(Check("ca.pem", "", "").ok());
  EXPECT_TRUE(Check("ca.pem", "client.pem", "client.key").ok());
}

TEST_F(TargetFiles, WhatContradictsItselfIsWrong) {
  EXPECT_TRUE(absl::IsInvalidArgument(Check("ca.pem", "client.pem", "")));
  EXPECT_TRUE(absl::IsInvalidArgument(Check("ca.pem", "", "client.key")));
  EXPECT_TRUE(absl::IsInvalidArgument(Check("", "client.pem", "client.key", "127.0.0.1:1")));
  EXPECT_TRUE(absl::IsInvalidArgument(Check("ca.pem", "", "", "unix:/run/x")));
}

TEST_F(TargetFiles, WhatIsMissingOrDoesNotFitIsNamedInOneLine) {
  std::ofstream(certificates_.File("text")) << "not PEM\n";
  std::ofstream(certificates_.File("empty")).flush();
  std::filesystem::create_directory(certificates_.File("directory"));
  const std::pair<const char*, const char*> unreadable[] = {{"nothing", "No such file or directory"},
                                                            {"directory", "Is a directory"}};
  for (const auto& [file, what] : unreadable) {
    ExpectFault(Check(file, "", ""), file, what);
    ExpectFault(Check("ca.pem", file, "client.key"), file, what);
    ExpectFault(Check("ca.pem", "client.pem", file), file, what);
  }
  for (const char* file : {"text", "empty", "client.key"}) {
    ExpectFault(Check(file, "", ""), file, "no certificate in PEM");
    ExpectFault(Check("ca.pem", file, "client.key"), file, "no certificate in PEM");
  }
  for (const char* file : {"text", "empty", "client.pem"}) {
    ExpectFault(Check("ca.pem", "client.pem", file), file, "no private key in PEM, or an encrypted one");
  }
  ExpectFault(Check("ca.pem", "client.pem", "ca.key"), "ca.key", "not the key of the certificate");
  EXPECT_EQ(CheckTarget({.address = "h:1", .ca_file = "/dev/zero"}).status(),
            absl::FailedPreconditionError("/dev/zero: File too large"));
}

}  // namespace
}  // namespace retention
