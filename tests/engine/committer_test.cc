#include "server/engine/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

struct Batch1 {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  EventBatch queued;
  std::promise<absl::Status> done;

  explicit Batch1(const v1::Event& event) {
    *events.Add() = event;
    queued.events = &events;
    queued.done = [this](absl::Status status) { done.set_value(status); };
    EXPECT_TRUE(queued.Prepare(kMonday).ok());
  }
};

TEST(Committer, ManyCallersAreAnsweredEachWithTheirOwn) {
  Harness harness(kMonday);
  harness.SyncPbx();
  SimulatedClock clock(kMonday);
  std::atomic<size_t> grouped = 0;
  Committer committer(harness.engine(), clock,
                      {.on_group = [&](size_t events, const absl::Status&, absl::Duration) { grouped += events; }});
  std::vector<std::thread> callers;
  std::atomic<int> accepted = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 20; ++i) {
        Batch1 batch(Joined("m", absl::StrCat(caller, "-", i), kMonday, absl::StrCat("p", caller)));
        auto done = batch.done.get_future();
        ASSERT_TRUE(committer.Submit(&batch.queued, 100).ok());
        ASSERT_TRUE(done.get().ok());
        accepted += static_cast<int>(batch.queued.result.accepted());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(accepted, 160);
  EXPECT_EQ(grouped, 160u);
  EXPECT_EQ(harness.Values(kHistory), 160u);
}

// Keeps a committer from taking anything from its queue.
class Blocker {
 public:
  // REQUIRES: `committer` outlives it.
  explicit Blocker(Committer& committer)
      : thread_([this, &committer] {
          EXPECT_TRUE(committer
                          .Run([this] {
                            begun_.set_value();
                            release_.get_future().wait();
                            return absl::OkStatus();
                          })
                          .ok());
        }) {
    begun_.get_future().wait();
  }
  void Release() {
    release_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> begun_;
  std::promise<void> release_;
  std::thread thread_;
};

TEST(Committer, FullQueueRefusesWithARetryDelay) {
  Harness harness(kMonday);
  harness.SyncPbx();
  SimulatedClock clock(kMonday);
  Committer committer(harness.engine(), clock, {});
  Blocker blocker(committer);
  Batch1 large(Joined("m", "a", kMonday, "p"));
  Batch1 refused(Joined("m", "b", kMonday, "p"));
  auto done = large.done.get_future();
  ASSERT_TRUE(committer.Submit(&large.queued, Committer::kMaxQueuedBytes).ok());
  const absl::Status status = committer.Submit(&refused.queued, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(status).reason, "QUEUE_FULL");
  EXPECT_EQ(DetailsOf(status).retry_delay, Committer::kRetryDelay);
  blocker.Release();
  EXPECT_TRUE(done.get().ok());
  EXPECT_EQ(harness.Values(kHistory), 1u);
}

TEST(Committer, AGroupIsWhatIsQueuedUpToItsBound) {
  Harness harness(kMonday);
  harness.SyncPbx();
  SimulatedClock clock(kMonday);
  std::vector<size_t> groups;
  std::vector<std::unique_ptr<Batch1>> batches;
  {
    Committer committer(harness.engine(), clock, {.on_group = [&](size_t events, const absl::Status&, absl::Duration) {
                          groups.push_back(events);
                        }});
    Blocker blocker(committer);
    for (size_t i = 0; i < Committer::kMaxGroupEvents + 7; ++i) {
      batches.push_back(std::make_unique<Batch1>(Joined("m", absl::StrCat(i), kMonday, "p")));
      EXPECT_TRUE(committer.Submit(&batches.back()->queued, 1).ok());
    }
    blocker.Release();
  }
  EXPECT_EQ(groups, (std::vector<size_t>{Committer::kMaxGroupEvents, 7}));
}

TEST(Committer, BatchesGoOnWhileCommandsKeepComing) {
  constexpr int kCallers = 4;
  constexpr int kMostCommands = 5000;
  Harness harness(kMonday);
  harness.SyncPbx();
  SimulatedClock clock(kMonday);
  Committer committer(harness.engine(), clock, {});
  std::atomic<bool> done = false;
  std::atomic<int> gave_up = 0;
  std::vector<std::thread> callers;
  Batch1 batch(Joined("m", "a", kMonday, "p"));
  batch.queued.done = [&](const absl::Status&) { done = true; };
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      for (int n = 0; n < kMostCommands && !done; ++n) {
        if (i == 0 && n == 10) {
          ASSERT_TRUE(committer.Submit(&batch.queued, 1).ok());
        }
        committer.Run([] { return absl::OkStatus(); }).IgnoreError();
      }
      if (!done) ++gave_up;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(gave_up, 0);
}

TEST(Committer, FinishesWhatIsQueuedBeforeItEnds) {
  Harness harness(kMonday);
  harness.SyncPbx();
  SimulatedClock clock(kMonday);
  std::vector<std::unique_ptr<Batch1>> batches;
  {
    Committer committer(harness.engine(), clock, {});
    for (int i = 0; i < 50; ++i) {
      batches.push_back(std::make_unique<Batch1>(Joined("m", absl::StrCat(i), kMonday, "p")));
      ASSERT_TRUE(committer.Submit(&batches.back()->queued, 1).ok());
    }
  }
  for (auto& batch : batches) EXPECT_TRUE(batch->done.get_future().get().ok());
  EXPECT_EQ(harness.Values(kHistory), 50u);
}

}  // namespace
}  // namespace retention
