// Peers of a Unix socket, who are known by their uid.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "retention/v1/retention_service.pb.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

class UnixSocketTest : public ::testing::Test {
 protected:
  std::string Path() const { return (directory_ / "socket").string(); }
  void GiveRoles(const std::string& principal) const {
    std::ofstream(directory_ / "roles.json", std::ios::trunc)
        << R"({"name": "t", "allow_rules": [{"name": "auditor", "source": {"principals": [")" << principal << "\"]}}]}";
  }
  RunningServer::Edit Listening(bool with_roles) const {
    return [this, with_roles](ServerOptions& options) {
      options.listen_addresses = {"unix:" + Path(), "127.0.0.1:0"};
      if (!with_roles) return;
      options.access.roles = (directory_ / "roles.json").string();
      options.principals_file = (directory_ / "principals").string();
    };
  }
  static std::string PlanPolicy(Caller& caller) {
    return caller.Call("/retention.v1.RetentionService/GetPolicy", v1::GetPolicyRequest()).Summary();
  }

  FreshDirectory directory_;
};

TEST_F(UnixSocketTest, ThePeersUidHasTheRole) {
  GiveRoles("unix:uid=" + std::to_string(::getuid()));
  RunningServer server(Listening(/*with_roles=*/true));
  for (int i = 0; i < 3; ++i) {
    Caller caller("unix:" + Path());
    EXPECT_EQ(PlanPolicy(caller), "OK");
    EXPECT_EQ(caller.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).Summary(),
              "PERMISSION_DENIED ROLE_MISSING");
  }
  // Who comes over loopback is somebody else.
  Caller loopback(server.server().addresses()[1]);
  EXPECT_EQ(PlanPolicy(loopback), "PERMISSION_DENIED ROLE_MISSING");
}

TEST_F(UnixSocketTest, AnotherUidHasNone) {
  GiveRoles("unix:uid=" + std::to_string(::getuid() + 1));
  RunningServer server(Listening(/*with_roles=*/true));
  Caller caller("unix:" + Path());
  EXPECT_EQ(PlanPolicy(caller), "PERMISSION_DENIED ROLE_MISSING");
}

TEST_F(UnixSocketTest, IsForTheServersUserAndGroupAndGoesWithIt) {
  RunningServer server(Listening(/*with_roles=*/false));
  struct stat info {};
  ASSERT_EQ(::stat(Path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  Caller caller("unix:" + Path());
  EXPECT_EQ(PlanPolicy(caller), "OK");
  server.Stop();
  EXPECT_NE(::stat(Path().c_str(), &info), 0);
}

TEST_F(UnixSocketTest, TakesThePlaceOfOneThatWasLeftBehindAndOfNothingElse) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  Path().copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ::close(left);
  RunningServer server(Listening(/*with_roles=*/false));
  Caller caller("unix:" + Path());
  EXPECT_EQ(PlanPolicy(caller), "OK");

  const absl::Status taken = RunningServer().Restart(Listening(/*with_roles=*/false));
  EXPECT_TRUE(absl::IsUnavailable(taken)) << taken;
  EXPECT_EQ(PlanPolicy(caller), "OK");
  server.Stop();
  std::ofstream(Path()) << "a file";
  EXPECT_TRUE(absl::IsUnavailable(server.Restart(Listening(/*with_roles=*/false))));
  EXPECT_TRUE(std::filesystem::is_regular_file(Path()));
}

}  // namespace
}  // namespace retention
