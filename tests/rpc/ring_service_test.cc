#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr char kStatus[] = "/retention.v1.RingService/GetRingStatus";
constexpr char kRotate[] = "/retention.v1.RingService/RotateRingRoot";
constexpr char kVerify[] = "/retention.v1.RingService/VerifyRing";

class RingServiceTest : public ::testing::Test {
 protected:
  // Files beside the server's directories.
  RunningServer::Edit WithKeys() {
    return [this](ServerOptions& options) {
      options.ring_keys.root_file = keys_ / "root";
      options.ring_keys.wrapping_key_file = WrappingKey("wrapping", 'w');
    };
  }
  std::string WrappingKey(const char* name, char byte) {
    const std::string path = keys_ / name;
    std::ofstream(path) << std::string(32, byte);
    ::chmod(path.c_str(), 0600);
    return path;
  }
  static v1::GetRingStatusResponse Status(RunningServer& server) {
    v1::GetRingStatusResponse status;
    const CallEnd end = server.Call(kStatus, v1::GetRingStatusRequest(), &status);
    EXPECT_TRUE(end.ok()) << end;
    return status;
  }
  static v1::VerifyRingResponse Verify(RunningServer& server) {
    v1::VerifyRingResponse found;
    const CallEnd end = server.Call(kVerify, v1::VerifyRingRequest(), &found);
    EXPECT_TRUE(end.ok()) << end;
    return found;
  }
  static void DeleteExtension(RunningServer& server) {
    v1::DeleteExtensionRequest request;
    request.set_pbx_id("pbx");
    request.set_number("100");
    request.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
    const CallEnd end = server.Call("/retention.v1.DeletionService/DeleteExtension", request);
    EXPECT_TRUE(end.ok()) << end;
  }

  const FreshDirectory keys_;
};

TEST_F(RingServiceTest, ARingWithNothingAboveIt) {
  RunningServer server;
  server.SyncPbx();
  const v1::GetRingStatusResponse status = Status(server);
  EXPECT_GT(status.generation(), 1u);
  EXPECT_EQ(status.replicas(), 2u);
  EXPECT_EQ(status.stale_replicas(), 0u);
  EXPECT_GT(status.pages_untouched(), 0u);
  EXPECT_EQ(status.pages_opened(), 0u);
  EXPECT_EQ(status.owners(), 256 * status.pages_untouched());
  EXPECT_GT(status.size_bytes(), 10'000u);
  EXPECT_FALSE(status.wrapped());
  EXPECT_EQ(status.root(), v1::RING_ROOT_KIND_NONE);
  EXPECT_FALSE(status.has_root_change_time());
  EXPECT_EQ(server.Call(kRotate, v1::RotateRingRootRequest()).Summary(), "FAILED_PRECONDITION ROOT_MISSING");
  DeleteExtension(server);
  EXPECT_EQ(Status(server).pages_opened(), 1u);
  EXPECT_FALSE(Status(server).erased_since_root_change()) << "there is none to change";
}

TEST_F(RingServiceTest, TheRootIsChangedOnDemand_WithinAnHour_AndWithADay) {
  RunningServer server(WithKeys());
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  EXPECT_TRUE(Status(server).wrapped());
  EXPECT_EQ(Status(server).root(), v1::RING_ROOT_KIND_FILE);
  v1::RotateRingRootResponse rotated;
  const CallEnd end = server.Call(kRotate, v1::RotateRingRootRequest(), &rotated);
  ASSERT_TRUE(end.ok()) << end;
  EXPECT_EQ(rotated.root_change_time().seconds(), absl::ToUnixSeconds(kMonday));
  EXPECT_EQ(Status(server).root_change_time().seconds(), absl::ToUnixSeconds(kMonday));
  DeleteExtension(server);
  EXPECT_TRUE(Status(server).erased_since_root_change());
  server.AdvanceTo(kMonday + absl::Hours(1));
  AwaitTrue([&] { return !Status(server).erased_since_root_change(); });
  const absl::Time over = At("2026-03-10T00:00:00+01:00");
  server.AdvanceTo(over);
  AwaitTrue([&] { return Status(server).root_change_time().seconds() == absl::ToUnixSeconds(over); });
  EXPECT_EQ(Status(server).destroyed_through().day(), 9);
  const auto later = [&](ServerOptions& options) {
    WithKeys()(options);
    options.simulated_start = over + absl::Minutes(1);
  };
  ASSERT_TRUE(server.Restart(later).ok());
  EXPECT_EQ(Status(server).root_change_time().seconds(), absl::ToUnixSeconds(over));
}

TEST_F(RingServiceTest, ARootOutOfReachIsSaid) {
  RunningServer server(WithKeys());
  fs::rename(keys_ / "root", keys_ / "away");
  EXPECT_EQ(server.Call(kRotate, v1::RotateRingRootRequest()).Summary(), "UNAVAILABLE ROOT_UNAVAILABLE");
  fs::rename(keys_ / "away", keys_ / "root");
  fs::permissions(keys_ / "root", fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(server.Call(kRotate, v1::RotateRingRootRequest()).Summary(), "FAILED_PRECONDITION ROOT_UNUSABLE");
  fs::permissions(keys_ / "root", fs::perms::group_read, fs::perm_options::remove);
  EXPECT_TRUE(server.Call(kRotate, v1::RotateRingRootRequest()).ok());
}

TEST_F(RingServiceTest, VerificationFindsWhatIsDamaged) {
  RunningServer server(WithKeys());
  server.SyncPbx();
  DeleteExtension(server);
  v1::VerifyRingResponse found = Verify(server);
  EXPECT_TRUE(found.sound()) << found.DebugString();
  EXPECT_GT(found.entries(), 16u);
  EXPECT_GT(found.owners_in_opened_pages(), 200u);
  EXPECT_EQ(found.replicas_size(), 2);
  std::fstream(server.directory() / "ring/b/keys", std::ios::in | std::ios::out).seekp(4096 + 20).put('?');
  found = Verify(server);
  EXPECT_FALSE(found.sound());
  EXPECT_EQ(found.differing(), 1u);
  EXPECT_EQ(found.lost(), 0u);
  EXPECT_EQ(found.replicas(0).damaged(), 0u);
  EXPECT_EQ(found.replicas(1).damaged(), 1u);
  ASSERT_TRUE(server.Restart(WithKeys()).ok());
  EXPECT_TRUE(Verify(server).sound()) << "a start mends it";
}

TEST_F(RingServiceTest, AServerWithoutTheKeysAboveDoesNotStart) {
  RunningServer server(WithKeys());
  server.SyncPbx();
  const auto refused = [&](const RunningServer::Edit& edit, absl::StatusCode code, const char* words) {
    const absl::Status status = server.Restart(edit);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), words)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "\n"));
  };
  refused({}, absl::StatusCode::kFailedPrecondition, "--ring-wrapping-key-file");
  refused(
      [&](ServerOptions& options) {
        WithKeys()(options);
        options.ring_keys.wrapping_key_file = WrappingKey("other", 'o');
      },
      absl::StatusCode::kFailedPrecondition, "another wrapping key");
  refused(
      [&](ServerOptions& options) {
        WithKeys()(options);
        options.ring_keys.root_file = keys_ / "nowhere";
      },
      absl::StatusCode::kFailedPrecondition, "--ring-root-file");
  refused(
      [&](ServerOptions& options) {
        WithKeys()(options);
        options.ring_keys.root_tpm.tcti = "none";
      },
      absl::StatusCode::kInvalidArgument, "one root");
  for (const char* directory : {"ring", "data", "ring/a"}) {
    refused(
        [&](ServerOptions& options) {
          WithKeys()(options);
          options.ring_keys.root_file = server.directory() / directory / "root";
        },
        absl::StatusCode::kInvalidArgument, "outside");
  }
  refused([&](ServerOptions& options) { options.ring_keys.root_pkcs11.module = "/nowhere.so"; },
          absl::StatusCode::kInvalidArgument, "-pin-file");
  EXPECT_TRUE(server.Restart(WithKeys()).ok());
}

}  // namespace
}  // namespace retention
