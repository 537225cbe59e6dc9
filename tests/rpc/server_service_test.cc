#include <gtest/gtest.h>

#include "retention/v1/server_service.pb.h"
#include "server/meetings/meeting_view.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kGetServerInfo[] = "/retention.v1.ServerService/GetServerInfo";

TEST(ServerService, SaysWhichItIsAndWhatItTakes) {
  RunningServer server;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.Call(kGetServerInfo, v1::GetServerInfoRequest(), &info).ok());
  EXPECT_FALSE(info.version().empty());
  EXPECT_EQ(info.now().seconds(), absl::ToUnixSeconds(kMonday));
  EXPECT_EQ(info.clock(), v1::CLOCK_KIND_SIMULATED);
  EXPECT_EQ(info.policy_version(), 1u);
  EXPECT_EQ(info.limits().request_bytes_max(), 8u << 20);
  EXPECT_EQ(info.limits().calls_per_connection_max(), 1000u);
  ASSERT_EQ(info.features_size(), 1);
  EXPECT_EQ(info.features(0), v1::SERVER_FEATURE_CLOCK_ADVANCE);
  EXPECT_EQ(server.Health("retention.v1.ServerService"), 1);
}

TEST(ServerService, AMachinesClockCannotBeAdvanced) {
  RunningServer server([](ServerOptions& options) { options.simulated_start.reset(); });
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.Call(kGetServerInfo, v1::GetServerInfoRequest(), &info).ok());
  EXPECT_EQ(info.clock(), v1::CLOCK_KIND_MACHINE);
  for (const int feature : info.features()) EXPECT_NE(feature, v1::SERVER_FEATURE_CLOCK_ADVANCE);
}

}  // namespace
}  // namespace retention
