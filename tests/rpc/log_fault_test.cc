// One write of the store's log fails (EIO), or its closing, and the disk is well again: no batch is acknowledged that
// is not there afterwards, none that was is lost, and the server goes on by itself.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "retention/v1/retention_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

using Fault = FaultFileSystem::Fault;
using Operation = FaultFileSystem::Operation;

class LogFault : public ::testing::TestWithParam<std::tuple<Fault, Operation>> {
 protected:
  RunningServer::Edit OnTheDisk() {
    return [this](ServerOptions& options) {
      options.store.file_system = disk_.file_system();
      options.sweep_interval = absl::Milliseconds(1);
    };
  }
  CallEnd Send(const std::string& id, v1::RecordResult& result) {
    v1::BatchRecordEventsRequest request;
    *request.add_events() = Joined("meeting", id, kMonday, "p");
    v1::BatchRecordEventsResponse response;
    CallEnd end = server_.Call("/retention.v1.EventService/BatchRecordEvents", request, &response);
    result = response.result();
    return end;
  }
  void ExpectHeld(const std::string& id) {
    v1::RecordResult result;
    const CallEnd end = Send(id, result);
    EXPECT_TRUE(end.ok()) << id << ": " << end;
    EXPECT_EQ(result.duplicates(), 1u) << id;
  }

  FaultFileSystem disk_;
  RunningServer server_{OnTheDisk()};
};

TEST_P(LogFault, CostsNothingThatWasAcknowledged_AndIsOverWithTheDisks) {
  const auto [fault, operation] = GetParam();
  server_.SyncPbx();
  v1::RecordResult result;
  ASSERT_TRUE(Send("before", result).ok());
  AwaitTrue([this] { return server_.Health("") == 1; });
  disk_.FailWrites(fault, 1, operation);
  const CallEnd during = Send("during", result);
  if (operation == Operation::kClose) {
    EXPECT_TRUE(during.ok()) << during;
  } else {
    EXPECT_EQ(during.reason, "STORAGE_UNAVAILABLE") << during;
  }
  // Its days end, for which the log is flushed and closed, and another begun.
  server_.AdvanceTo(kMonday + absl::Hours(24 * 8));
  AwaitTrue([this] { return server_.Health("") == 1 && server_.Health("ingest") == 1; });
  AwaitTrue([this] { return server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok(); });
  EXPECT_EQ(server_.Health("erasure"), 1);
  ExpectHeld("before");
  // Who was told that it failed sends it again.
  EXPECT_TRUE(Send("during", result).ok());
  EXPECT_EQ(result.accepted() + result.duplicates(), 1u);
  EXPECT_TRUE(Send("after", result).ok());
  disk_.Heal();
  for (int start = 0; start < 2; ++start) {
    for (const char* id : {"before", "during", "after"}) ExpectHeld(id);
    ASSERT_TRUE(server_.Restart(OnTheDisk()).ok());
  }
}

std::string NameOfLogCell(const ::testing::TestParamInfo<std::tuple<Fault, Operation>>& info) {
  const auto [fault, operation] = info.param;
  const std::string name = fault == Fault::kIoError ? "IoError" : "ReadOnly";
  return name + (operation == Operation::kAppend ? "Append" : operation == Operation::kSync ? "Sync" : "Close");
}

INSTANTIATE_TEST_SUITE_P(Cells, LogFault,
                         ::testing::Combine(::testing::Values(Fault::kIoError, Fault::kReadOnly),
                                            ::testing::Values(Operation::kAppend, Operation::kSync, Operation::kClose)),
                         NameOfLogCell);

}  // namespace
}  // namespace retention
