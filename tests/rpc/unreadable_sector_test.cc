// A sector of a table file of values cannot be read: who asks for what lies in it is told to try again; all
// others are answered, events come in, and days end.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr int kMeetings = 400;

class UnreadableSector : public ::testing::Test {
 protected:
  RunningServer::Edit OnTheDisk() {
    return [this](ServerOptions& options) { options.store.file_system = disk_.file_system(); };
  }
  static std::string MeetingOf(int number) { return absl::StrCat("meeting-", number); }
  int Failing() {
    int failing = 0;
    for (int number = 0; number < kMeetings; ++number) {
      v1::GetMeetingReportRequest report;
      report.set_pbx_id("pbx");
      report.set_meeting_id(MeetingOf(number));
      const CallEnd end = server_.Call("/retention.v1.MeetingService/GetMeetingReport", report);
      if (end.ok()) continue;
      EXPECT_EQ(end.code, absl::StatusCode::kUnavailable) << end;
      ++failing;
    }
    return failing;
  }
  std::vector<fs::path> Tables() const {
    std::vector<fs::path> tables;
    for (const auto& entry : fs::directory_iterator(server_.directory() / "data")) {
      if (entry.path().extension() == ".sst") tables.push_back(entry.path());
    }
    std::sort(tables.begin(), tables.end());
    return tables;
  }

  FaultFileSystem disk_;
  RunningServer server_{OnTheDisk()};
};

TEST_F(UnreadableSector, CostsItself) {
  server_.SyncPbx();
  std::vector<v1::Event> events;
  for (int number = 0; number < kMeetings; ++number) {
    const std::string meeting = MeetingOf(number);
    events.push_back(Joined(meeting, meeting + "-join", kMonday, "p", "Ada Lovelace", "ada@example.org"));
    events.push_back(Left(meeting, meeting + "-left", kMonday + absl::Minutes(5), "p"));
  }
  server_.Batch(events);
  ASSERT_TRUE(server_.Restart(OnTheDisk()).ok());  // what lies in the log lies in files afterwards
  server_.Stop();
  // What a start needs lies in others.
  int failing = 0;
  for (const fs::path& table : Tables()) {
    if (failing > 0 || !fs::exists(table)) continue;
    server_.Stop();
    disk_.BreakSector(table.string(), fs::file_size(table) / 2);
    const absl::Status started = server_.Restart(OnTheDisk());
    EXPECT_TRUE(started.ok() || absl::IsUnavailable(started)) << started;
    if (started.ok()) failing = Failing();
  }
  ASSERT_GT(failing, 0);
  EXPECT_LT(failing, kMeetings / 2);

  // Whatever would rewrite the file is tried, and stops nobody.
  const absl::Time later = kMonday + absl::Hours(24) * 3;
  server_.AdvanceTo(later);
  EXPECT_EQ(server_.Health("ingest"), 1);
  EXPECT_EQ(server_.Batch({Joined("later", "later", later, "p", "Bea", "bea@example.org")}).accepted(), 1u);
  EXPECT_EQ(Failing(), failing);

  // It can be read again.
  server_.Stop();
  disk_.BreakSector("", 0);
  ASSERT_TRUE(server_.Restart(OnTheDisk()).ok());
  EXPECT_EQ(Failing(), 0);
  server_.AdvanceTo(kMonday + absl::Hours(24) * 100);
  EXPECT_EQ(server_.Health("erasure"), 1);
}

}  // namespace
}  // namespace retention
