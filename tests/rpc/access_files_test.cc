// Roles and certificates that change while the server runs.
#include <gtest/gtest.h>

#include "retention/v1/event_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/guarded_server.h"

namespace retention {
namespace {

std::string GetPolicy(Caller& caller) {
  return caller.Call("/retention.v1.RetentionService/GetPolicy", v1::GetPolicyRequest()).Summary();
}
std::string GetRingStatus(Caller& caller) {
  return caller.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest()).Summary();
}

TEST(AccessFiles, OtherRolesAreInForceAtOnceAlsoForOpenStreams) {
  GuardedServer server("client=365", RoleRuleOf("portal", "client"));
  const auto caller = server.CallerOf("client");
  EXPECT_EQ(GetPolicy(*caller), "OK");
  const auto stream = caller->Open("/retention.v1.EventService/RecordEvents");
  const auto batch = [] {
    v1::RecordEventsRequest request;
    *request.add_events() = Scheduled("m", "e", kMonday, kMonday, absl::Hours(1));
    return request;
  }();
  v1::RecordEventsResponse response;
  ASSERT_TRUE(stream->Write(batch));
  ASSERT_TRUE(stream->Read(response));
  server.WriteRoles(RoleRuleOf("monitoring", "client"));
  server.server().access_files().Look();
  EXPECT_EQ(GetPolicy(*caller), "PERMISSION_DENIED ROLE_MISSING");
  EXPECT_EQ(GetRingStatus(*caller), "OK");
  ASSERT_TRUE(stream->Write(batch));
  EXPECT_FALSE(stream->Read(response));
  EXPECT_EQ(stream->Finish().Summary(), "PERMISSION_DENIED ROLE_MISSING");
}

TEST(AccessFiles, ABrokenRolesFileKeepsTheRolesAndSaysSo) {
  GuardedServer server("client=365", RoleRuleOf("portal", "client"));
  const auto caller = server.CallerOf("client");
  for (const char* broken : {"{", R"({"name": "t", "allow_rules": [{"name": "king"}]})", ""}) {
    server.WriteText("roles.json", broken);
    server.server().access_files().Look();
    EXPECT_TRUE(server.server().access_files().roles_stale()) << broken;
    EXPECT_EQ(GetPolicy(*caller), "OK");
  }
  std::filesystem::remove(server.pki() / "roles.json");
  server.server().access_files().Look();
  EXPECT_TRUE(server.server().access_files().roles_stale());
  EXPECT_EQ(GetPolicy(*caller), "OK");
  server.WriteRoles(RoleRuleOf("monitoring", "client"));
  server.server().access_files().Look();
  EXPECT_FALSE(server.server().access_files().roles_stale());
  EXPECT_EQ(GetPolicy(*caller), "PERMISSION_DENIED ROLE_MISSING");
}

TEST(AccessFiles, ARevocationEndsWhatIsOpen) {
  GuardedServer server("client=365 other=365", RoleRuleOf("portal", "client") + "," + RoleRuleOf("portal", "other"));
  const auto caller = server.CallerOf("client");
  EXPECT_EQ(GetPolicy(*caller), "OK");
  RevokeCertificate(server.pki().path(), "client");
  server.server().access_files().Look();
  EXPECT_EQ(GetPolicy(*caller), "UNAUTHENTICATED CERTIFICATE_REVOKED");
  EXPECT_EQ(server.CallerOf("client")->CallBytes("/grpc.health.v1.Health/Check", "", nullptr).code,
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetPolicy(*server.CallerOf("other")), "OK");
}

TEST(AccessFiles, BrokenCertificatesKeepThoseInForce) {
  GuardedServer server("client=365", RoleRuleOf("portal", "client"));
  const std::string key = TextOf(server.pki() / "server.key");
  for (const std::string& broken : {std::string("nothing"), TextOf(server.pki() / "client.key")}) {
    server.WriteText("server.key", broken);
    server.server().access_files().Look();
    EXPECT_TRUE(server.server().access_files().tls_stale());
    EXPECT_EQ(GetPolicy(*server.CallerOf("client")), "OK");
  }
  server.WriteText("server.key", key);
  server.server().access_files().Look();
  EXPECT_FALSE(server.server().access_files().tls_stale());
}

// gRPC takes up what it is shown within two seconds: what is asked here is asked until it has.
TEST(AccessFiles, AnotherCertificateOfTheServerIsShownWithoutARestart) {
  GuardedServer server("client=365", RoleRuleOf("portal", "client"));
  EXPECT_EQ(GetPolicy(*server.CallerOf("client")), "OK");
  const FreshDirectory fresh;
  MakeCertificates(fresh.path(), "client=365");
  for (const char* file : {"server.pem", "server.key", "ca.pem", "crl.pem"}) {
    server.WriteText(file, TextOf(fresh / file));
  }
  server.server().access_files().Look();
  ASSERT_FALSE(server.server().access_files().tls_stale());
  // By the authority that is there now; ours, which the caller reads, is the same file.
  const CallerTls tls{.ca = (fresh / "ca.pem").string(),
                      .certificate = (fresh / "client.pem").string(),
                      .key = (fresh / "client.key").string()};
  AwaitTrue([&] {
    Caller caller(server.address(), tls);
    return GetPolicy(caller) == "OK";
  });
}

}  // namespace
}  // namespace retention
