#include "server/ops/sweep_loop.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

// Collects what runs report, and waits for it.
class Runs {
 public:
  void Add(const absl::Status& status) {
    std::lock_guard lock(mutex_);
    ++count_;
    if (status.ok()) ++successes_;
    changed_.notify_all();
  }
  void AwaitCount(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= count; }));
  }
  int successes() {
    std::lock_guard lock(mutex_);
    return successes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  int successes_ = 0;
};

TEST(SweepLoop, AWakeMakesWhatIsDueGo) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Joined("meeting", "e1", kMonday, "p1", "Ada Example"));
  SimulatedClock clock(kMonday);
  Metrics metrics;
  Runs runs;
  Committer committer(harness.engine(), clock, {});
  SweepLoop loop(harness.engine(), committer, clock, metrics,
                 {.interval = absl::InfiniteDuration(), .on_run = [&](const auto& status) { runs.Add(status); }});
  loop.Start();
  ASSERT_TRUE(clock.AdvanceTo(At("2026-03-10T00:00:00+01:00")).ok());
  EXPECT_EQ(harness.Values(kParticipantName), 1u);
  loop.Wake();
  runs.AwaitCount(1);
  EXPECT_EQ(harness.Values(kParticipantName), 0u);
}

// A write was refused before the instant: the store waits to be reopened, and the disk is still full.
TEST(SweepLoop, AStoreThatFailsKeepsNoKeyAlive) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Joined("meeting", "e1", kMonday, "p1", "Ada Example"));
  SimulatedClock clock(kMonday);
  Metrics metrics;
  Committer committer(harness.engine(), clock, {});
  SweepLoop loop(harness.engine(), committer, clock, metrics, {.interval = absl::InfiniteDuration()});
  harness.disk().FailWrites(absl::ResourceExhaustedError("the disk is full"));
  const absl::Status refused = Commands(committer, harness.engine().engine().writer()).Do([](Change& change) {
    change.Enter(stored::v1::LedgerEntry());
    return absl::OkStatus();
  });
  ASSERT_FALSE(refused.ok());
  ASSERT_FALSE(harness.store().Health().ok());
  ASSERT_TRUE(clock.AdvanceTo(At("2026-03-10T00:00:00+01:00")).ok());
  EXPECT_FALSE(loop.RunOnce(/*scrub_now=*/false).ok());
  EXPECT_TRUE(harness.ring().DaysThrough(kNextMonday).empty());
  harness.disk().Heal();
  EXPECT_TRUE(loop.RunOnce(/*scrub_now=*/false).ok());
  EXPECT_TRUE(harness.ring().unentered().empty());
}

// Once when they have to wait, and once when they are gone at last.
TEST(SweepLoop, NamesKeysThatWait) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Joined("meeting", "e1", kMonday, "p1", "Ada Example"));
  SimulatedClock clock(kMonday);
  Metrics metrics;
  Committer committer(harness.engine(), clock, {});
  SweepLoop loop(harness.engine(), committer, clock, metrics, {.interval = absl::InfiniteDuration()});
  const auto lines_of = [&](const std::function<void()>& runs) {
    ::testing::internal::CaptureStderr();
    runs();
    std::vector<std::string> lines;
    for (absl::string_view line : absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n')) {
      if (absl::StrContains(line, "message=\"keys that")) lines.emplace_back(line);
    }
    return lines;
  };
  EXPECT_TRUE(lines_of([&] { ASSERT_TRUE(loop.RunOnce(false).ok()); }).empty());
  ASSERT_TRUE(clock.AdvanceTo(At("2026-03-10T00:00:00+01:00")).ok());
  harness.on_ring_io = [](size_t, RingFile, RingReplica::Io) { return absl::ResourceExhaustedError("full"); };
  const auto waits = lines_of([&] {
    for (int run = 0; run < 3; ++run) EXPECT_FALSE(loop.RunOnce(false).ok());
  });
  ASSERT_EQ(waits.size(), 1u) << absl::StrJoin(waits, "\n");
  EXPECT_TRUE(absl::StrContains(waits[0], "have to wait\" of=\"days\" day=\"2026-03-09\" keys=\"1\" status="))
      << waits[0];
  harness.on_ring_io = nullptr;
  const auto gone = lines_of([&] {
    for (int run = 0; run < 3; ++run) EXPECT_TRUE(loop.RunOnce(false).ok());
  });
  ASSERT_EQ(gone.size(), 1u) << absl::StrJoin(gone, "\n");
  EXPECT_TRUE(absl::StrContains(gone[0], "are gone\" of=\"days\" day=\"2026-03-09\" keys=\"1\"")) << gone[0];
  // What ends in time is not told of.
  harness.now = clock.Now();
  harness.Record(Joined("meeting", "e2", harness.now, "p1", "Ada Example"));
  ASSERT_EQ(harness.Values(kParticipantName), 1u);
  ASSERT_TRUE(clock.AdvanceTo(At("2026-03-18T00:00:00+01:00")).ok());
  EXPECT_TRUE(lines_of([&] { ASSERT_TRUE(loop.RunOnce(false).ok()); }).empty());
}

TEST(SweepLoop, RunsByItselfEveryInterval) {
  Harness harness(kMonday);
  SimulatedClock clock(kMonday);
  Metrics metrics;
  Runs runs;
  Committer committer(harness.engine(), clock, {});
  SweepLoop loop(harness.engine(), committer, clock, metrics,
                 {.interval = absl::Milliseconds(1), .on_run = [&](const auto& status) { runs.Add(status); }});
  loop.Start();
  runs.AwaitCount(3);
}

TEST(SweepLoop, SaysWhatARunErased) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Joined("meeting", "e1", kMonday, "p1", "Ada Example"));
  SimulatedClock clock(At("2026-03-10T00:00:00+01:00"));
  Metrics metrics;
  Committer committer(harness.engine(), clock, {});
  SweepLoop loop(harness.engine(), committer, clock, metrics, {});
  const auto outcome = loop.RunOnce(/*scrub_now=*/true);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  uint64_t names = 0;
  for (const EndingDay& day : outcome->days) names += day.values[kParticipantName];
  EXPECT_EQ(names, 1u);
  const auto again = loop.RunOnce(/*scrub_now=*/true);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->days.empty());
}

}  // namespace
}  // namespace retention
