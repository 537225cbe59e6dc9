// Every method, every role, every kind of certificate: what the table does not list does not pass.
//
// That a call passes is seen by what it fails of: every request here is one that does not parse, which is said only to
// whom the gate let through. tests/access has it that the table has a row for every method of the protos.
#include <gtest/gtest.h>

#include <string>

#include "server/access/method_table.h"
#include "tests/rpc/api_methods.h"
#include "tests/rpc/guarded_server.h"

namespace retention {
namespace {

constexpr char kNoMessage[] = "\xff\xff\xff";
constexpr char kPassed[] = "INVALID_ARGUMENT MALFORMED_MESSAGE";
constexpr char kNoRole[] = "PERMISSION_DENIED ROLE_MISSING";

CallEnd CallMethod(Caller& caller, const MethodRow& row, const std::string& request) {
  const auto* method = MethodOf(std::string(row.service) + "/" + std::string(row.method));
  EXPECT_NE(method, nullptr) << row.method;
  const std::string path = PathOf(row);
  if (!method->client_streaming() && !method->server_streaming()) return caller.CallBytes(path, request, nullptr);
  const auto stream = caller.Open(path);
  stream->Write(request);
  stream->WritesDone();
  std::string answer;
  if (stream->Read(answer)) stream->Cancel();
  return stream->Finish();
}

std::string EachRole(const std::string& days) {
  std::string clients;
  for (const std::string_view role : kRoleNames) clients += std::string(role) + "=" + days + " ";
  return clients;
}

std::string EachRoleRule(const std::string& suffix = "") {
  std::string rules;
  for (const std::string_view role : kRoleNames) {
    rules += (rules.empty() ? "" : ",") + RoleRuleOf(std::string(role), std::string(role) + suffix);
  }
  return rules;
}

TEST(AccessMatrix, TheRightCertificatePassesWhereTheTableSaysSoAlone) {
  const GuardedServer server(EachRole("365"), EachRoleRule());
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    const auto caller = server.CallerOf(std::string(kRoleNames[i]));
    for (const MethodRow& row : MethodTable()) {
      const bool may = row.roles.Has(static_cast<Role>(i));
      EXPECT_EQ(CallMethod(*caller, row, kNoMessage).Summary(), may ? kPassed : kNoRole)
          << kRoleNames[i] << " " << PathOf(row);
    }
  }
}

TEST(AccessMatrix, ACertificateWithoutARolePassesNowhere) {
  const GuardedServer server("nobody=365 operator=365", EachRoleRule());
  const auto caller = server.CallerOf("nobody");
  for (const MethodRow& row : MethodTable()) {
    EXPECT_EQ(CallMethod(*caller, row, kNoMessage).Summary(), kNoRole) << PathOf(row);
  }
}

TEST(AccessMatrix, NoCertificateWrongAuthorityExpiredAndRevokedPassNowhere) {
  std::string clients = EachRole("365");
  std::string rules = EachRoleRule();
  for (const std::string suffix : {"-old", "-gone"}) {
    for (const std::string_view role : kRoleNames) {
      clients += std::string(role) + suffix + (suffix == "-old" ? "=-1 " : "=365 ");
    }
    rules += "," + EachRoleRule(suffix);
  }
  GuardedServer server(clients, rules);
  for (const std::string_view role : kRoleNames) {
    RevokeCertificate(server.pki().path(), std::string(role) + "-gone");
  }
  server.server().access_files().Look();
  const auto passes_nowhere = [](Caller& caller, const std::string& what) {
    for (const MethodRow& row : MethodTable()) {
      EXPECT_EQ(CallMethod(caller, row, kNoMessage).code, absl::StatusCode::kUnavailable) << what << " " << PathOf(row);
    }
    // Nor do they see how the server is, or what it has.
    EXPECT_EQ(caller.CallBytes("/grpc.health.v1.Health/Check", "", nullptr).code, absl::StatusCode::kUnavailable);
  };
  passes_nowhere(*server.CallerWithout(), "no certificate");
  for (const std::string_view name : kRoleNames) {
    const std::string role(name);
    passes_nowhere(*server.StrangerOf(role), "wrong authority " + role);
    passes_nowhere(*server.CallerOf(role + "-old"), "expired " + role);
    passes_nowhere(*server.CallerOf(role + "-gone"), "revoked " + role);
  }
  Caller plain(server.address());
  passes_nowhere(plain, "plain");
}

// A portal of another PBX; a request that names PBX "pbx" where it names any.
TEST(AccessMatrix, TheWrongScopePassesNowhere) {
  const GuardedServer server("portal=365", RoleRuleOf("portal", "portal", R"(, "scope": {"pbx_ids": ["other"]})"));
  const auto caller = server.CallerOf("portal");
  for (const MethodRow& row : MethodTable()) {
    const auto request = NewMessage(MethodOf(std::string(row.service) + "/" + std::string(row.method))->input_type());
    const auto* pbx_id = request->GetDescriptor()->FindFieldByName("pbx_id");
    const auto* events = request->GetDescriptor()->FindFieldByName("events");
    if (pbx_id != nullptr) request->GetReflection()->SetString(request.get(), pbx_id, "pbx");
    if (events != nullptr) {
      auto* event = request->GetReflection()->AddMessage(request.get(), events);
      event->GetReflection()->SetString(event, event->GetDescriptor()->FindFieldByName("pbx_id"), "pbx");
    }
    if (row.scope == ScopeRule::kFree || row.scope == ScopeRule::kCut) continue;  // access_scope_test.cc
    const bool is_asked = row.roles.Has(Role::kPortal) && row.scope != ScopeRule::kDenied;
    const CallEnd end = CallMethod(*caller, row, request->SerializeAsString());
    EXPECT_EQ(end.code, absl::StatusCode::kPermissionDenied) << PathOf(row) << " " << end;
    EXPECT_EQ(end.reason, is_asked ? "OUT_OF_SCOPE" : "ROLE_MISSING") << PathOf(row);
  }
}

TEST(AccessMatrix, HealthIsFreeAndReflectionIsNot) {
  const GuardedServer server("nobody=365 operator=365", EachRoleRule());
  const auto nobody = server.CallerOf("nobody");
  EXPECT_TRUE(nobody->CallBytes("/grpc.health.v1.Health/Check", "", nullptr).ok());
  for (const char* client : {"nobody", "operator"}) {
    const auto stream = server.CallerOf(client)->Open("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
    std::string answer;
    EXPECT_FALSE(stream->Read(answer));
    EXPECT_EQ(stream->Finish().Summary(), "UNIMPLEMENTED METHOD_UNKNOWN") << client;
  }
}

}  // namespace
}  // namespace retention
