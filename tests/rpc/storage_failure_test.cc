// What callers see of a disk that is full or broken, and that nothing acknowledged is lost by it.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

constexpr char kBatch[] = "/retention.v1.EventService/BatchRecordEvents";

v1::BatchRecordEventsRequest OneEvent(const std::string& id) {
  v1::BatchRecordEventsRequest request;
  *request.add_events() = Joined("meeting", id, kMonday, "p1");
  return request;
}

class StorageFailureTest : public ::testing::TestWithParam<FaultFileSystem::Fault> {
 protected:
  StorageFailureTest() {
    server_.SyncPbx();
    server_.Batch({Joined("meeting", "before", kMonday, "p1")});
  }
  std::string Reason() const {
    return GetParam() == FaultFileSystem::Fault::kDiskFull ? "DISK_FULL" : "STORAGE_UNAVAILABLE";
  }
  FaultFileSystem disk_;
  // Often enough that it notices by itself that the disk is sound again.
  RunningServer server_{[this](ServerOptions& options) {
    options.store.file_system = disk_.file_system();
    options.sweep_interval = absl::Milliseconds(1);
  }};
};

TEST_P(StorageFailureTest, HealthSaysSoUntilTheDiskIsSoundAgainAndNothingAcknowledgedIsLost) {
  EXPECT_EQ(server_.Health(""), 1);
  disk_.FailWrites(GetParam());
  const CallEnd failed = server_.Call(kBatch, OneEvent("during"));
  EXPECT_EQ(failed.reason, Reason());
  AwaitTrue([this] { return server_.Health("") == 2 && server_.Health("retention.v1.EventService") == 2; });
  // What is held can be read meanwhile.
  v1::ListPbxsResponse list;
  EXPECT_TRUE(server_.Call("/retention.v1.PbxService/ListPbxs", v1::ListPbxsRequest(), &list).ok());

  disk_.Heal();
  AwaitTrue([this] { return server_.Health("") == 1 && server_.Health("retention.v1.EventService") == 1; });
  v1::RecordResult result = server_.Batch({Joined("meeting", "before", kMonday, "p1")});
  EXPECT_EQ(result.duplicates(), 1u);
  result = server_.Batch({Joined("meeting", "during", kMonday, "p1")});
  EXPECT_EQ(result.accepted() + result.duplicates(), 1u);
  EXPECT_EQ(server_.Batch({Joined("meeting", "during", kMonday, "p1")}).duplicates(), 1u);
}

TEST_P(StorageFailureTest, AStreamEndsSoThatItsCallerSendsAgain) {
  auto stream = server_.Record();
  v1::RecordEventsRequest request;
  *request.add_events() = Joined("meeting", "sound", kMonday, "p1");
  v1::RecordEventsResponse response;
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(response));
  disk_.FailWrites(GetParam());
  *request.mutable_events(0) = Joined("meeting", "failed", kMonday, "p1");
  ASSERT_TRUE(stream->Write(request));
  EXPECT_FALSE(stream->Read(response));
  EXPECT_EQ(stream->Finish().Summary(), "UNAVAILABLE " + Reason());
  disk_.Heal();
  AwaitTrue([this] { return server_.Health("") == 1; });
  auto again = server_.Record();
  ASSERT_TRUE(again->Write(request));
  ASSERT_TRUE(again->Read(response));
  EXPECT_EQ(response.result().accepted() + response.result().duplicates(), 1u);
}

TEST_P(StorageFailureTest, ADayThatComesWhileNothingCanBeWrittenIsUnreadableAllTheSame) {
  disk_.FailWrites(GetParam());
  EXPECT_EQ(server_.Call(kBatch, OneEvent("during")).reason, Reason());
  AwaitTrue([this] { return server_.Health("") == 2; });
  server_.AdvanceTo(kMonday + absl::Hours(24 * 8));
  v1::GetRingStatusResponse status;
  AwaitTrue([&] {
    EXPECT_TRUE(server_.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest(), &status).ok());
    return status.destroyed_through().month() == 3 && status.destroyed_through().day() == 9;
  });
  disk_.Heal();
  AwaitTrue([this] { return server_.Health("") == 1; });
}

// Its ballast is what a full disk has left: what is due ends in it, nothing else is taken in, and all goes on by itself
// when there is room.
TEST(FullDisk, ItsBallastIsGivenBack_AndLaidAgain) {
  constexpr uint64_t kMib = 1 << 20;
  FaultFileSystem disk;
  std::atomic<bool> is_full = false;
  RunningServer server([&](ServerOptions& options) {
    options.store.file_system = disk.file_system();
    options.sweep_interval = absl::Milliseconds(1);
    options.ballast_bytes = 16 * kMib;
    options.ballast_look = [&](const std::string&) {
      return Ballast::Volume{.bytes = 1024 * kMib, .free = is_full ? 0 : 512 * kMib};
    };
  });
  const auto ballast = server.directory() / "data" / "ballast";
  EXPECT_EQ(std::filesystem::file_size(ballast), 16 * kMib);
  server.SyncPbx();
  server.Batch({Joined("meeting", "before", kMonday, "p1", "Ada")});
  is_full = true;
  disk.SetFreeSpace([&] { return std::filesystem::exists(ballast) ? 0 : 16 * kMib; });
  disk.FailWrites(FaultFileSystem::Fault::kDiskFull, 1);
  EXPECT_EQ(server.Call(kBatch, OneEvent("during")).reason, "DISK_FULL");
  AwaitTrue([&] { return !std::filesystem::exists(ballast); });
  EXPECT_EQ(server.Call(kBatch, OneEvent("during")).reason, "DISK_FULL") << "it is not for more of the same";
  EXPECT_EQ(server.Health(""), 2);
  // What is due is dropped.
  server.AdvanceTo(kMonday + absl::Hours(24 * 8));
  v1::GetRingStatusResponse ring;
  AwaitTrue([&] {
    EXPECT_TRUE(server.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest(), &ring).ok());
    return ring.destroyed_through().day() == 9;
  });
  AwaitTrue([&] { return server.server().committer().health().ok(); });
  EXPECT_FALSE(std::filesystem::exists(ballast));
  is_full = false;
  disk.SetFreeSpace({});
  AwaitTrue([&] { return server.Health("") == 1; });
  EXPECT_TRUE(std::filesystem::exists(ballast)) << "there is room again";
  EXPECT_EQ(server.Batch({Joined("meeting", "after", kMonday, "p1")}).rejections_size(), 0);
}

TEST(FullDisk, AStartGivesItsBallastBack) {
  constexpr uint64_t kMib = 1 << 20;
  FaultFileSystem disk;
  const auto with_ballast = [&](ServerOptions& options) {
    options.store.file_system = disk.file_system();
    options.ballast_bytes = 16 * kMib;
  };
  RunningServer server(with_ballast);
  server.SyncPbx();
  server.Stop();
  const auto ballast = server.directory() / "data" / "ballast";
  disk.SetFreeSpace([&] { return std::filesystem::exists(ballast) ? kMib : 17 * kMib; });
  const absl::Status started = server.Restart(with_ballast);
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(server.Health(""), 1);
  server.Stop();
  std::filesystem::remove(ballast);
  disk.SetFreeSpace([] { return kMib; });
  const absl::Status refused = server.Restart(with_ballast);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  disk.SetFreeSpace({});
  EXPECT_TRUE(server.Restart(with_ballast).ok());
}

INSTANTIATE_TEST_SUITE_P(Faults, StorageFailureTest,
                         ::testing::Values(FaultFileSystem::Fault::kDiskFull, FaultFileSystem::Fault::kIoError),
                         [](const auto& info) {
                           return info.param == FaultFileSystem::Fault::kDiskFull ? "DiskFull" : "IoError";
                         });

}  // namespace
}  // namespace retention
