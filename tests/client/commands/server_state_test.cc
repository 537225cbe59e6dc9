// health and status.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "client/human_units.h"
#include "grpc/health/v1/health.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/server_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class ServerState : public CommandLineTest {
 protected:
  ServerState() {
    connection_->handlers["Check"] = [this](const auto& request, auto* response) -> absl::Status {
      const auto known = health_.find(dynamic_cast<const HealthCheckRequest&>(request).service());
      if (known == health_.end()) return absl::NotFoundError("unknown");
      dynamic_cast<HealthCheckResponse*>(response)->set_status(known->second ? HealthCheckResponse::SERVING
                                                                             : HealthCheckResponse::NOT_SERVING);
      return absl::OkStatus();
    };
  }

  // As a server without a directory for backups.
  std::map<std::string, bool> health_ = {
      {"", true}, {"liveness", true}, {"ingest", true}, {"erasure", true}, {"statistics", true}};
};

TEST_F(ServerState, Health_IsThatOfAllUnlessOneIsNamed) {
  EXPECT_EQ(Run({"health"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "SERVICE     STATE\n"
            "all         serving\n"
            "liveness    serving\n"
            "ingest      serving\n"
            "erasure     serving\n"
            "statistics  serving\n"
            "backup      unknown\n");
  EXPECT_EQ(Run({"health", "ingest", "-o", "json"}), kExitOk);
  EXPECT_EQ(out_.str(), "{\n \"ingest\": \"serving\"\n}\n");
}

TEST_F(ServerState, Health_ScriptsTellItByTheExitCode) {
  health_["erasure"] = health_[""] = false;
  EXPECT_EQ(Run({"health"}), kExitFailed);
  EXPECT_NE(out_.str().find("erasure     not-serving\n"), std::string::npos) << out_.str();
  EXPECT_EQ(err_.str(), "retentionctl: all: not-serving\n");
  EXPECT_EQ(Run({"health", "erasure"}), kExitFailed);
  EXPECT_EQ(Run({"health", "liveness"}), kExitOk);
  EXPECT_EQ(Run({"health", "backup"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: backup: unknown\n");
  EXPECT_EQ(Run({"health", "nonsense"}), kExitUsage);
  connection_->calls.clear();
  connection_->failures = {absl::UnavailableError("down")};
  EXPECT_EQ(Run({"health"}), kExitUnavailable);
  EXPECT_EQ(connection_->calls.size(), 1u) << "who asks for health is not kept waiting";
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ServerState, Health_WaitsUntilItServes) {
  health_[""] = false;
  connection_->failures = {absl::UnavailableError("down"), absl::DeadlineExceededError("slow")};
  EXPECT_EQ(Run({"health", "--wait", "3s"}), kExitFailed);
  EXPECT_EQ(waits_, std::vector<absl::Duration>(3, absl::Seconds(1)));
  waits_.clear();
  health_[""] = true;
  connection_->failures = {absl::UnavailableError("down"), absl::UnavailableError("down")};
  EXPECT_EQ(Run({"health", "--wait", "1m"}), kExitOk) << err_.str();
  EXPECT_EQ(waits_.size(), 2u);
  waits_.clear();
  connection_->failures.assign(3, absl::UnavailableError("down"));
  EXPECT_EQ(Run({"health", "--wait", "1500ms"}), kExitUnavailable);
  EXPECT_EQ(waits_, (std::vector<absl::Duration>{absl::Seconds(1), absl::Milliseconds(500)}));
  EXPECT_EQ(Run({"health", "--wait", "soon"}), kExitUsage);
}

TEST_F(ServerState, Status_SaysHowTheServerIsReachedAndHowItIs) {
  v1::GetClockResponse clock;
  *clock.mutable_now() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  clock.set_kind(v1::CLOCK_KIND_MACHINE);
  connection_->Answer("GetClock", clock);
  v1::GetPolicyResponse policy;
  policy.mutable_policy()->set_version(3);
  connection_->Answer("GetPolicy", policy);
  v1::GetServerInfoResponse info;
  info.set_version("1.2.3");
  info.add_features(v1::SERVER_FEATURE_BACKUPS);
  info.add_features(v1::SERVER_FEATURE_NAME_LOOKUPS);
  info.mutable_limits()->set_request_bytes_max(8 << 20);
  connection_->Answer("GetServerInfo", info);
  EXPECT_EQ(Run({"status"}), kExitOk) << err_.str();
  for (const char* line :
       {"server                        127.0.0.1:50051\n", "transport                     plaintext\n",
        "health all                    serving\n", "health backup                 unknown\n",
        "clock (UTC)                   2026-03-31 09:00:00\n", "clock is                      machine\n",
        "policy                        3\n", "version                       1.2.3\n",
        "features                      backups name-lookups\n", "largest request, bytes        8,388,608\n"}) {
    EXPECT_NE(out_.str().find(line), std::string::npos) << line << out_.str();
  }
  EXPECT_EQ(Run({"status", "-o", "json"}), kExitOk);
  EXPECT_NE(out_.str().find("\"policy_version\": \"3\""), std::string::npos) << out_.str();
}

TEST_F(ServerState, Status_LeavesOutWhatTheCallerMayNotBeTold) {
  connection_->handlers["GetClock"] = [](const auto&, auto*) {
    return RichError(absl::StatusCode::kPermissionDenied, "ROLE_MISSING");
  };
  EXPECT_EQ(Run({"status"}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("clock (UTC)        not told: ROLE_MISSING\n"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("not told: UNIMPLEMENTED\n"), std::string::npos) << out_.str();
  connection_->failures = {absl::UnavailableError("down")};
  EXPECT_EQ(Run({"status"}), kExitUnavailable);
  EXPECT_EQ(out_.str(), "");
}

}  // namespace
}  // namespace retention
