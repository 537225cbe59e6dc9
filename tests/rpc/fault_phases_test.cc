// A disk that is full, read-only, failing or slow, from any write on of whatever the server is doing: what is due goes
// all the same, what was acknowledged stays, questions are answered, and when the disk is sound again all is made up
// for without a restart.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/backups.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

using DiskFault = FaultFileSystem::Fault;
using stored::v1::LedgerEntry;

enum class DiskPhase { kIngest, kClose, kEnd, kScrub, kBackup };
constexpr const char* kPhaseNames[] = {"Ingest", "Close", "End", "Scrub", "Backup"};
constexpr const char* kDiskFaultNames[] = {"DiskFull", "IoError", "ReadOnly"};
// Of what a phase writes, so far in: the first write, and some of those behind it. The end of a day is also its drop.
constexpr int kPhaseDepths[] = {1, 3, 6, 12};

const absl::Time kPhaseDue = kMonday + absl::Hours(24 * 8) - absl::Hours(10);  // midnight

class FaultPhases : public BackedUp {
 protected:
  FaultPhases() {
    EXPECT_TRUE(Start([this](ServerOptions& options) {
                  options.store.file_system = disk_.file_system();
                  options.sweep_interval = absl::Milliseconds(1);
                }).ok());
    server_.SyncPbx();
    server_.Batch({Joined("old", "1", kMonday, "p", "Ada", "ada@example.org"),
                   Recording("old", "2", kMonday, "store/1"), Left("old", "3", kMonday + absl::Minutes(5), "p")});
    server_.AdvanceTo(kMonday + absl::Hours(24 * 6));
    server_.Batch({Joined("young", "4", kMonday + absl::Hours(24 * 6), "p", "Bob")});
  }
  CallEnd Get(const std::string& meeting) {
    v1::GetMeetingRequest get;
    get.set_pbx_id("pbx");
    get.set_meeting_id(meeting);
    return server_.Call("/retention.v1.MeetingService/GetMeeting", get);
  }
  CallEnd Send(const std::string& id, absl::Time now) {
    v1::BatchRecordEventsRequest request;
    *request.add_events() = Joined("young", id, now, "q" + id, "Eve");
    return server_.Call("/retention.v1.EventService/BatchRecordEvents", request);
  }
  CallEnd Sweep() { return server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()); }
  bool HasDueKey() const { return DecodeRing((ring() / "a").string()).keys.contains({'D', kNextMonday.number()}); }
  void Run(DiskPhase phase) {
    switch (phase) {
      case DiskPhase::kIngest:
        Send("during", kMonday + absl::Hours(24 * 6));
        break;
      case DiskPhase::kClose:
        server_.AdvanceTo(kPhaseDue - absl::Minutes(30));
        Sweep();
        break;
      case DiskPhase::kEnd:
        server_.AdvanceTo(kPhaseDue);
        Sweep();
        break;
      case DiskPhase::kScrub: {
        v1::DeleteMeetingRequest erase;
        erase.set_pbx_id("pbx");
        erase.set_meeting_id("young");
        erase.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
        server_.Call("/retention.v1.DeletionService/DeleteMeeting", erase);
        server_.AdvanceTo(kMonday + absl::Hours(24 * 6 + 1));
        Sweep();
        break;
      }
      case DiskPhase::kBackup:
        server_.Call(kBackupService + "CreateBackup", v1::CreateBackupRequest());
        break;
    }
  }
  void ExpectAnswers() { EXPECT_TRUE(server_.Call("/retention.v1.PbxService/ListPbxs", v1::ListPbxsRequest()).ok()); }

  FaultFileSystem disk_;
};

class FaultFrom : public FaultPhases, public ::testing::WithParamInterface<std::tuple<DiskFault, DiskPhase, int>> {};

TEST_P(FaultFrom, WhatIsDueGoes_WhatWasAcknowledgedStays_AndAllIsMadeUpFor) {
  const auto [fault, phase, depth] = GetParam();
  disk_.FailAfter(static_cast<uint64_t>(depth), fault);
  Run(phase);
  ExpectAnswers();
  // Its day comes while the disk is as it is.
  server_.AdvanceTo(kPhaseDue + absl::Minutes(1));
  Sweep();
  EXPECT_FALSE(HasDueKey());
  ExpectAnswers();
  const bool told = server_.Health("ingest") == 2;
  const CallEnd during = Send("later", kPhaseDue);
  EXPECT_TRUE(during.ok() || told || server_.Health("ingest") == 2) << during;

  disk_.Heal();
  AwaitTrue([this] { return server_.Health("") == 1 && server_.Health("ingest") == 1; });
  AwaitTrue([this] { return Sweep().ok(); });
  EXPECT_EQ(server_.Health("erasure"), 1);
  EXPECT_TRUE(Send("later", kPhaseDue).ok());
  if (phase != DiskPhase::kScrub) EXPECT_TRUE(Get("young").ok());
  Create();
  v1::ListErasureOrdersResponse orders;
  EXPECT_TRUE(
      server_.Call("/retention.v1.ErasureOrderService/ListErasureOrders", v1::ListErasureOrdersRequest(), &orders)
          .ok());
  EXPECT_EQ(orders.orders_size(), 1) << "of the recording, once";
  server_.Stop();
  int ended = 0;
  int gone = 0;
  for (const LedgerEntry& entry : Ledger(data())) {
    if (entry.day() != kNextMonday.number()) continue;
    ended += entry.kind() == LedgerEntry::KIND_DAY_ENDED ? 1 : 0;
    gone += entry.kind() == LedgerEntry::KIND_DAY_PHYSICALLY_ERASED ? 1 : 0;
  }
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(gone, 1);
}

INSTANTIATE_TEST_SUITE_P(Cells, FaultFrom,
                         ::testing::Combine(::testing::Values(DiskFault::kDiskFull, DiskFault::kIoError,
                                                              DiskFault::kReadOnly),
                                            ::testing::Values(DiskPhase::kIngest, DiskPhase::kClose, DiskPhase::kEnd,
                                                              DiskPhase::kScrub, DiskPhase::kBackup),
                                            ::testing::ValuesIn(kPhaseDepths)),
                         [](const auto& info) {
                           return absl::StrCat(kDiskFaultNames[static_cast<int>(std::get<0>(info.param))],
                                               kPhaseNames[static_cast<int>(std::get<1>(info.param))],
                                               std::get<2>(info.param));
                         });

class SlowDisk : public FaultPhases, public ::testing::WithParamInterface<DiskPhase> {};

// A write that does not return holds up those behind it, and nobody who asks.
TEST_P(SlowDisk, HoldsUpNobodyWhoAsks_AndWhatWaitedIsDone) {
  disk_.Hold();
  std::thread doing([this] { Run(GetParam()); });
  AwaitTrue([this] { return disk_.holds(); });
  ExpectAnswers();
  disk_.Release();
  doing.join();
  AwaitTrue([this] { return server_.Health("") == 1; });
  server_.AdvanceTo(kPhaseDue + absl::Minutes(1));
  EXPECT_TRUE(Sweep().ok());
  EXPECT_FALSE(HasDueKey());
  EXPECT_TRUE(Send("later", kPhaseDue).ok());
}

INSTANTIATE_TEST_SUITE_P(Phases, SlowDisk,
                         ::testing::Values(DiskPhase::kIngest, DiskPhase::kClose, DiskPhase::kEnd, DiskPhase::kScrub,
                                           DiskPhase::kBackup),
                         [](const auto& info) { return kPhaseNames[static_cast<int>(info.param)]; });

}  // namespace
}  // namespace retention
