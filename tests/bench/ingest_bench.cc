// engine_ingest, engine_cost: what the committer's thread can do, with nothing but a generator of events beside it. Not
// a promise to anybody; it says how much of ingest_stream is the engine's.
#include <time.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/guarded_clock.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/committer_load.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

// Seconds that the calling thread has had of a processor. Other load on the machine changes it little.
double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void MeasureShape(const BenchOptions& options, int open_meetings, const std::string& shape) {
  const FreshDirectory directory(options.directory);
  const GuardedClock clock(MachineTime(), GuardedClock::Trust::kKernel);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, clock.Now());
  FeedOptions feed;
  feed.starts = {{clock.Now() - absl::Hours(2), 1}};
  feed.interval = absl::Milliseconds(1);
  feed.open_meetings = open_meetings;
  bench.SyncPbxs(MeetingFeed(feed), clock.Now());
  std::atomic<double> committer_seconds = 0;
  Committer committer(bench.engine(), clock, {.on_group = [&](size_t, const absl::Status&, absl::Duration) {
                        committer_seconds = ThreadSeconds();
                      }});
  CommitterLoad load(committer, feed);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const uint64_t before = load.events();
  const double seconds_before = committer_seconds;
  const Stopwatch measuring;
  std::this_thread::sleep_for(std::chrono::seconds(options.quick ? 4 : 10));
  const double events = static_cast<double>(load.events() - before);
  Report("engine_ingest" + shape, events / measuring.Seconds(), "events/s");
  Report("engine_cost" + shape, (committer_seconds - seconds_before) / events * 1e6, "us/event");
}

}  // namespace

void BenchIngest(const BenchOptions& options) {
  MeasureShape(options, 1, "");
  MeasureShape(options, 1000, "_interleaved");
}

}  // namespace retention
