// A data directory as a server leaves it after two months: what rss and start are measured on.
#include "absl/strings/str_cat.h"
#include "server/law/periods.h"
#include "tests/bench/bench_engine.h"

namespace retention {
namespace {

// HISTORY of the days before lives for two months, all else for a week.
constexpr int kDaysOfHistory = 55;

}  // namespace

void FillDirectory(const BenchOptions& options, const std::string& data_directory, const std::string& ring_directory,
                   uint64_t rows) {
  const absl::Time now = absl::Now();
  const absl::Time created = now - absl::Hours(24 * (kDaysOfHistory + 1));
  BenchEngine bench(data_directory, ring_directory, options.policy_file, created);
  FeedOptions feed_options;
  for (int day = 1; day <= kDaysOfHistory; ++day) {
    // Late enough after midnight and early enough before it for a meeting of an hour.
    const absl::CivilDay civil = absl::ToCivilDay(now - absl::Hours(24 * day), bench.zone());
    feed_options.starts.push_back({absl::FromCivil(absl::CivilSecond(civil) + 8 * 3600, bench.zone()), 1});
  }
  feed_options.interval = absl::Milliseconds(1);
  feed_options.open_meetings = 5000;
  MeetingFeed feed(feed_options);
  bench.SyncPbxs(feed, created);
  const Stopwatch loading;
  const uint64_t events = bench.Load(feed, 1000, now, [&] { return bench.engine().counts().TotalRows() >= rows; });
  Remark(absl::StrCat("fill: ", bench.engine().counts().TotalRows(), " rows of ", events, " events in ",
                      loading.Seconds(), " s, ", bench.store().LiveBytes() >> 20, " MiB"));
  // Releases what has been due for release, as the server would have done day by day.
  const Stopwatch sweeping;
  bench.Sweep(now);
  Remark(absl::StrCat("fill: swept in ", sweeping.Seconds(), " s"));
}

}  // namespace retention
