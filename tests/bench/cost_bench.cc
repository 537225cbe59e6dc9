// record_cost, logged_bytes_per_event, bytes_per_event: what an event costs in the writer's thread, in writes, and on
// disk once all is in files. The same events in the same groups with every run, and nothing beside them.
#include <time.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_engine.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

// As many as the committer takes at once when it has more to do than it can.
constexpr int kGroupBatches = 80;
constexpr int kBatchEvents = 100;
constexpr int kOpenMeetings = 1000;  // interleaved
// Before it is measured: 40,000 events, more than the 28 of every open meeting.
constexpr int kGroupsBefore = 5;

struct FedBatch {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  EventBatch queued;
};

struct Group {
  std::vector<std::unique_ptr<FedBatch>> batches;
  std::vector<EventBatch*> queued;
};

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

// Out of line and by name: `valgrind --tool=callgrind --toggle-collect='retention::RecordGroups*'` counts what it does.
__attribute__((noinline)) void RecordGroups(TestEngine& engine, absl::Time now,
                                            std::vector<std::unique_ptr<Group>>& groups) {
  for (const auto& group : groups) OrDie(engine.Record(group->queued, now), "Record");
}

namespace {

void MeasureCost(const BenchOptions& options, int open_meetings, const std::string& shape) {
  const FreshDirectory directory(options.directory);
  // A fixed morning: what is filed under which day is the same with every run.
  const absl::Time now = absl::FromUnixSeconds(1'788'260'400);  // 2026-09-01T11:00:00Z
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  FeedOptions feed_options;
  feed_options.starts = {{now - absl::Hours(2), 1}};
  feed_options.interval = absl::Milliseconds(1);
  feed_options.open_meetings = open_meetings;
  MeetingFeed feed(feed_options);
  bench.SyncPbxs(feed, now);
  const auto make = [&](int count) {
    std::vector<std::unique_ptr<Group>> groups;
    for (int i = 0; i < count; ++i) {
      auto& group = groups.emplace_back(std::make_unique<Group>());
      for (int j = 0; j < kGroupBatches; ++j) {
        auto& batch = group->batches.emplace_back(std::make_unique<FedBatch>());
        feed.Append(kBatchEvents, &batch->events);
        batch->queued.events = &batch->events;
        OrDie(batch->queued.Prepare(now), "Prepare");
        group->queued.push_back(&batch->queued);
      }
    }
    return groups;
  };
  // Until every open meeting is somewhere in its course, as they are from then on.
  auto before = make(kGroupsBefore);
  RecordGroups(bench.engine(), now, before);
  before.clear();
  auto groups = make(options.quick ? 5 : 50);
  const double events = static_cast<double>(groups.size()) * kGroupBatches * kBatchEvents;
  const uint64_t bytes = BytesWritten();
  const double seconds = CpuSeconds();
  RecordGroups(bench.engine(), now, groups);
  Report("record_cost" + shape, (CpuSeconds() - seconds) / events * 1e6, "us/event");
  Report("logged_bytes_per_event" + shape, static_cast<double>(BytesWritten() - bytes) / events, "bytes");
  for (const auto& group : groups) {
    for (const auto& batch : group->batches) {
      if (batch->queued.result.rejections_size() > 0) OrDie(absl::InternalError("an event was rejected"), "Record");
    }
  }
  std::vector<DueDay> days;
  for (const auto& [day, counts] : bench.engine().counts().Read()) days.push_back(day);
  OrDie(bench.store().Scrub(WholeOf(days, /*state=*/true)), "Scrub");
  const double all = events + kGroupsBefore * kGroupBatches * kBatchEvents;
  Report("bytes_per_event" + shape, static_cast<double>(bench.store().LiveBytes()) / all, "bytes");
}

}  // namespace

void BenchCost(const BenchOptions& options) {
  MeasureCost(options, 1, "");
  MeasureCost(options, kOpenMeetings, "_interleaved");
}

}  // namespace retention
