// engine_ingest: what the committer's thread can do, with nothing but a generator of events beside it. Not a promise to
// anybody; it says how much of ingest_stream is the engine's.
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/engine/clock.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/committer_load.h"

namespace retention {
namespace {

double EventsPerSecond(const BenchOptions& options, int open_meetings) {
  const FreshDirectory directory(options.directory);
  const SystemClock clock;
  BenchEngine bench(directory.path() + "/data", directory.path() + "/ring", options.policy_file, clock.Now());
  FeedOptions feed;
  feed.starts = {{clock.Now() - absl::Hours(2), 1}};
  feed.interval = absl::Milliseconds(1);
  feed.open_meetings = open_meetings;
  bench.SyncPbxs(MeetingFeed(feed), clock.Now());
  Committer committer(bench.engine(), clock, {});
  CommitterLoad load(committer, feed);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const uint64_t before = load.events();
  const Stopwatch measuring;
  std::this_thread::sleep_for(std::chrono::seconds(options.quick ? 4 : 10));
  return static_cast<double>(load.events() - before) / measuring.Seconds();
}

}  // namespace

void BenchIngest(const BenchOptions& options) {
  Report("engine_ingest", EventsPerSecond(options, 1), "events/s");
  Report("engine_ingest_interleaved", EventsPerSecond(options, 1000), "events/s");
}

}  // namespace retention
