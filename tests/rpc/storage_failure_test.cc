// What callers see of a disk that is full or broken, and that nothing acknowledged is lost by it.
#include <gtest/gtest.h>

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

INSTANTIATE_TEST_SUITE_P(Faults, StorageFailureTest,
                         ::testing::Values(FaultFileSystem::Fault::kDiskFull, FaultFileSystem::Fault::kIoError),
                         [](const auto& info) {
                           return info.param == FaultFileSystem::Fault::kDiskFull ? "DiskFull" : "IoError";
                         });

}  // namespace
}  // namespace retention
