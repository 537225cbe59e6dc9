// A table file of the store is damaged while the server is down, or runs: it starts, takes events in, and answers for
// all but what the file said; the file is taken out, and days end as they would have.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr int kMeetingDays = 3;
constexpr int kMeetingsADay = 400;
constexpr char kGetOne[] = "/retention.v1.MeetingService/GetMeeting";

class DamagedTable : public ::testing::TestWithParam<int> {
 protected:
  static std::string MeetingOf(int day, int number) { return absl::StrCat("meeting-", day, "-", number); }

  void Fill() {
    server_.SyncPbx();
    for (int day = 0; day < kMeetingDays; ++day) {
      const absl::Time then = kMonday + absl::Hours(24) * day;
      if (day > 0) server_.AdvanceTo(then);
      std::vector<v1::Event> events;
      for (int number = 0; number < kMeetingsADay; ++number) {
        const std::string meeting = MeetingOf(day, number);
        events.push_back(Joined(meeting, meeting + "-join", then, "p", "Ada Lovelace", "ada@example.org"));
        events.push_back(Left(meeting, meeting + "-left", then + absl::Minutes(5), "p"));
      }
      server_.Batch(events);
      // What lies in the log lies in files afterwards.
      ASSERT_TRUE(server_.Restart().ok());
    }
  }
  // A bit, or a page of zeros, in a file, or it is cut, or gone; larger ones are hit more often.
  void Damage(std::mt19937& random, bool running) {
    std::vector<fs::path> tables;
    uintmax_t total = 0;
    for (const auto& entry : fs::directory_iterator(server_.directory() / "data")) {
      if (entry.path().extension() != ".sst") continue;
      tables.push_back(entry.path());
      total += entry.file_size();
    }
    ASSERT_FALSE(tables.empty());
    std::sort(tables.begin(), tables.end());
    uintmax_t at = random() % total;
    auto table = tables.begin();
    for (; at >= fs::file_size(*table); ++table) at -= fs::file_size(*table);
    std::ifstream in(*table, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const auto kind = random() % 6;
    absl::StrAppend(&said_, "\n", table->filename().string(), " at ", at, " of ", bytes.size(), ", kind ", kind);
    if (!running && kind < 2) {
      if (kind == 0) {
        fs::remove(*table);
      } else {
        fs::resize_file(*table, at);
      }
      return;
    }
    if (kind < 4) {
      std::fill(bytes.begin() + static_cast<long>(at),
                bytes.begin() + static_cast<long>(std::min<uintmax_t>(bytes.size(), at + 512)), '\0');
    } else {
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    }
    std::ofstream(*table, std::ios::binary | std::ios::trunc) << bytes;
  }
  CallEnd Get(const std::string& meeting) {
    v1::GetMeetingRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id(meeting);
    CallEnd end = server_.Call(kGetOne, request);
    if (!end.ok()) return end;
    // Its course is in other files.
    v1::GetMeetingReportRequest report;
    report.set_pbx_id("pbx");
    report.set_meeting_id(meeting);
    return server_.Call("/retention.v1.MeetingService/GetMeetingReport", report);
  }
  // How many meetings fail; the others are there.
  int Failing() {
    int failing = 0;
    for (int day = 0; day < kMeetingDays; ++day) {
      for (int number = 0; number < kMeetingsADay; ++number) {
        const CallEnd end = Get(MeetingOf(day, number));
        if (end.code == absl::StatusCode::kDataLoss) {
          ++failing;
        } else {
          EXPECT_TRUE(end.ok()) << end << said_;
        }
      }
    }
    return failing;
  }

  // The next process on what is there. False if only a copy helps: nobody can tell what a file of level 0 replaced, or
  // what the server is bound to do is lost. Then one line says so.
  bool Starts() {
    const absl::Status started = server_.Restart();
    if (started.ok()) return true;
    EXPECT_TRUE(absl::IsDataLoss(started)) << started << said_;
    EXPECT_TRUE(absl::StrContains(started.message(), "put an intact copy back")) << started << said_;
    EXPECT_FALSE(absl::StrContains(started.message(), '\n')) << started << said_;
    return false;
  }

  // With its server stopped: no file is damaged any more.
  void ExpectReadable() const {
    const auto store = OpenRocksDbStore((server_.directory() / "data").string(), {});
    ASSERT_TRUE(store.ok()) << store.status();
    for (size_t family = 0; family < kFamilies; ++family) {
      auto cursor = (*store)->Scan(static_cast<Family>(family), "", "", AtLoss::kPass);
      while (cursor->Valid()) cursor->Next();
      EXPECT_TRUE(cursor->status().ok()) << cursor->status() << said_;
    }
  }

  RunningServer server_;
  std::string said_;  // what was damaged, where and how: what lies there is another thing each time
};

TEST_P(DamagedTable, CostsWhatItSays) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  Fill();
  const bool at_start = random() % 2 == 0;
  if (at_start) server_.Stop();
  const auto files = 1 + random() % 3;
  for (size_t file = 0; file < files; ++file) Damage(random, !at_start);
  if (at_start && !Starts()) return;
  const int before = Failing();
  const absl::Time later = kMonday + absl::Hours(24) * kMeetingDays;
  server_.AdvanceTo(later);
  EXPECT_EQ(server_.Health("ingest"), 1) << said_;
  // A name that falls among those that are lost is refused; hardly any does.
  int taken = 0;
  for (int number = 0; number < 20; ++number) {
    const std::string meeting = absl::StrCat("later-", number);
    const v1::RecordResult result = server_.Batch({Joined(meeting, meeting, later, "p", "Bea", "bea@example.org")});
    for (const auto& rejection : result.rejections()) {
      EXPECT_EQ(rejection.reason(), v1::REJECTION_REASON_UNREADABLE);
      EXPECT_TRUE(rejection.retryable());
    }
    if (result.rejections_size() == 0) ++taken;
  }
  EXPECT_GE(taken, 10) << said_;
  const int after = Failing();
  EXPECT_LE(after, before) << said_;
  server_.Stop();
  if (before > 0 && files == 1) ExpectReadable();  // otherwise not all was noticed yet
  // What nobody read may still be damaged.
  if (!Starts()) return;
  // Days end, and it starts again after each.
  for (int day = 1; day < 10; day += 4) {
    server_.AdvanceTo(later + absl::Hours(24) * day);
    if (!Starts()) return;
  }
  // Names go on their day, histories on theirs.
  server_.AdvanceTo(kMonday + absl::Hours(24) * 100);
  EXPECT_EQ(server_.Health("erasure"), 1) << said_;
  for (int day = 0; day < kMeetingDays; ++day) {
    for (int number = 0; number < kMeetingsADay; ++number) EXPECT_FALSE(Get(MeetingOf(day, number)).ok());
  }
}
INSTANTIATE_TEST_SUITE_P(Any, DamagedTable, ::testing::Range(0, 8));

}  // namespace
}  // namespace retention
