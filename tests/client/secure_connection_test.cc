// The connection against gRPC servers with certificates, and on a Unix socket.
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "retention/v1/clock_service.grpc.pb.h"
#include "tests/client/test_certificates.h"

namespace retention {
namespace {

// Answers with an error that names who asked.
class WhoAsks final : public v1::ClockService::Service {
 public:
  grpc::Status GetClock(grpc::ServerContext* context, const v1::GetClockRequest*, v1::GetClockResponse*) override {
    const auto names = context->auth_context()->FindPropertyValues("x509_common_name");
    const std::string name = names.empty() ? "nobody" : std::string(names[0].data(), names[0].size());
    return grpc::Status(grpc::StatusCode::ABORTED, name);
  }
};

class SecureConnection : public ::testing::Test {
 protected:
  SecureConnection() {
    certificates_.Make("server", "IP:127.0.0.1");
    certificates_.Make("operator", "URI:urn:operator");
    certificates_.MakeAuthority("other-ca");
    certificates_.Make("stranger", "URI:urn:stranger", "other-ca");
    grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = certificates_.Text("ca.pem");
    options.pem_key_cert_pairs = {{certificates_.Text("server.key"), certificates_.Text("server.pem")}};
    socket_ = certificates_.File("socket");
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  Target To(const std::string& host, const std::string& ca, const std::string& who) {
    Target target{.address = absl::StrCat(host, ":", port_), .ca_file = certificates_.File(ca)};
    if (who.empty()) return target;
    target.certificate_file = certificates_.File(who + ".pem");
    target.key_file = certificates_.File(who + ".key");
    return target;
  }

  absl::Status Ask(const Target& target) {
    const auto connection = ConnectTo(target);
    if (!connection.ok()) return connection.status();
    ClientOptions options{.timeout = absl::Seconds(60)};
    options.retry.attempts_max = 1;
    return Client(*connection, options).GetClock({}).status();
  }

  TestCertificates certificates_;
  WhoAsks service_;
  int port_ = 0;
  std::string socket_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(SecureConnection, BothSidesAreKnown) {
  EXPECT_EQ(Ask(To("127.0.0.1", "ca.pem", "operator")), absl::AbortedError("operator"));
}

TEST_F(SecureConnection, AServerOfAnotherAuthorityIsNotSpokenTo) {
  EXPECT_EQ(Ask(To("127.0.0.1", "other-ca.pem", "operator")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecureConnection, AServerUnderAnotherNameIsNotSpokenTo) {
  EXPECT_EQ(Ask(To("localhost", "ca.pem", "operator")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecureConnection, WhoHasNoCertificateOrAnothersIsNotHeard) {
  EXPECT_EQ(Ask(To("127.0.0.1", "ca.pem", "")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Ask(To("127.0.0.1", "ca.pem", "stranger")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecureConnection, PlaintextIsNotUnderstood) {
  EXPECT_EQ(Ask({.address = absl::StrCat("127.0.0.1:", port_)}).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecureConnection, AUnixSocketNeedsNone) {
  EXPECT_EQ(Ask({.address = "unix:" + socket_}), absl::AbortedError("nobody"));
}

TEST_F(SecureConnection, ATargetThatCannotBeIsNoConnection) {
  EXPECT_EQ(ConnectTo({.address = "retention.example:1"}).status().code(), absl::StatusCode::kInvalidArgument);
  Target target = To("127.0.0.1", "ca.pem", "operator");
  target.key_file = certificates_.File("stranger.key");
  EXPECT_EQ(ConnectTo(target).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace retention
