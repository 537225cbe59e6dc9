// A server on a machine whose time is the test's: every look at the clock is a sweep.
#ifndef RETENTION_TESTS_RPC_CLOCK_GUARD_H_
#define RETENTION_TESTS_RPC_CLOCK_GUARD_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "server/base/guarded_clock.h"
#include "server/ledger/ledger.h"
#include "server/meetings/meeting_view.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fake_time.h"
#include "tests/testing/fault_file_system.h"

namespace retention {

// The first instant at which Monday's names and addresses are due.
inline const absl::Time kMondaysDue = At("2026-03-10T00:00:00+01:00");
inline constexpr absl::Duration kOneDay = absl::Hours(24);

class ClockGuard : public ::testing::Test {
 protected:
  ClockGuard() {
    server_.SyncPbx();
    server_.Batch({Joined("m", "join", kMonday, "p", "Ada", "ada@example.org"), Left("m", "left", kMonday, "p"),
                   Ended("m", "end", kMonday)});
  }

  RunningServer::Edit OnTheMachine() {
    return [this](ServerOptions& options) {
      options.simulated_start.reset();
      options.time_source = &time_;
      options.clock_trust = trust_;
      options.metrics_address = "127.0.0.1:0";
      options.store.file_system = disk_.file_system();
    };
  }
  absl::Status Restart() { return server_.Restart(OnTheMachine()); }
  void Sweep() { EXPECT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok()); }
  void PassAndSweep(absl::Duration time) {
    time_.Pass(time);
    Sweep();
  }
  // Long enough for the word of who vouches for the clock.
  void LookTwice() {
    Sweep();
    PassAndSweep(GuardedClock::kAgreeAfter);
  }
  bool Shows(const std::string& name) {
    v1::ListParticipantsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id("m");
    v1::ListParticipantsResponse response;
    server_.Call("/retention.v1.MeetingService/ListParticipants", request, &response);
    for (const auto& participant : response.participants()) {
      if (participant.name() == name) return true;
    }
    return false;
  }
  // Whether the ring still has the key of the day that is due at kMondaysDue.
  bool HasKey() {
    v1::GetRingStatusResponse status;
    EXPECT_TRUE(server_.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest(), &status).ok());
    const auto& day = status.destroyed_through();
    return !status.has_destroyed_through() || absl::CivilDay(day.year(), day.month(), day.day()) < kNextMonday.civil();
  }
  absl::Time Now() { return Clock().first; }
  bool Waits() { return Clock().second; }
  CallEnd Confirm(absl::Time instant) {
    v1::ConfirmClockRequest request;
    SetTime(absl::ToUnixMicros(instant), *request.mutable_instant());
    return server_.Call("/retention.v1.ClockService/ConfirmClock", request);
  }
  std::string Metrics() { return HttpGet(server_.server().metrics_port(), "/metrics"); }
  // INT64_MIN if there is none.
  int64_t Gauge(const std::string& name) {
    const std::string page = Metrics();
    const size_t at = page.find(absl::StrCat("\n", name, " "));
    if (at == std::string::npos) return INT64_MIN;
    return static_cast<int64_t>(std::stod(page.substr(at + name.size() + 2)));
  }
  // An event of which all is due already by the later of two clocks at least.
  CallEnd RecordLate(const std::string& id) {
    v1::BatchRecordEventsRequest request;
    *request.add_events() = Joined("m", id, kMonday + absl::Minutes(1), "late", "Eve", "eve@example.org");
    return server_.Call("/retention.v1.EventService/BatchRecordEvents", request);
  }
  // With the server stopped: corrections as "from to reason"; the chain is verified.
  std::vector<std::string> Corrections(const std::filesystem::path& data) {
    std::vector<std::string> corrections;
    auto store = OpenRocksDbStore(data.string(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    const absl::Status verified = VerifyLedger(**store, [&](const stored::v1::LedgerEntry& entry) {
      if (entry.kind() != stored::v1::LedgerEntry::KIND_CLOCK_CORRECTED) return;
      corrections.push_back(absl::StrCat(Text(entry.clock_from_us()), " ", Text(entry.done_us()), " ", entry.reason()));
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return corrections;
  }
  std::vector<std::string> Corrections() {
    server_.Stop();
    return Corrections(server_.directory() / "data");
  }
  static std::string Text(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone()); }
  static std::string Text(int64_t micros) { return Text(absl::FromUnixMicros(micros)); }

  FakeTime time_{kMonday};
  GuardedClock::Trust trust_ = GuardedClock::Trust::kKernel;
  FaultFileSystem disk_;
  RunningServer server_{OnTheMachine()};

 private:
  std::pair<absl::Time, bool> Clock() {
    v1::GetClockResponse clock;
    EXPECT_TRUE(server_.Call("/retention.v1.ClockService/GetClock", v1::GetClockRequest(), &clock).ok());
    return {absl::FromUnixSeconds(clock.now().seconds()), clock.waits_for_confirmation()};
  }
};

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_CLOCK_GUARD_H_
