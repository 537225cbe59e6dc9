// cohort_rows: from sealed rows in the store to a noisy cube. cohort_rss: the memory that counting takes.
#include <cstring>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/days/cohort_rows.h"
#include "server/law/cohort_days.h"
#include "tests/bench/bench_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

// `open_meetings`: 1 stores each meeting in one row, many store each event in a row of its own. `days_before`: of each
// of which there is as much.
double RowsPerSecond(const BenchOptions& options, int open_meetings, uint64_t entries, int days_before = 0) {
  const FreshDirectory directory(options.directory);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Berlin", &zone);
  const absl::CivilDay day(2026, 4, 15);
  const absl::Time created = absl::FromCivil(absl::CivilSecond(day - days_before) - 3600, zone);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, created);
  FeedOptions feed_options;
  for (int before = 0; before <= days_before; ++before) {
    feed_options.starts.push_back({absl::FromCivil(absl::CivilSecond(day - before) + 7 * 3600, zone), 1});
  }
  feed_options.open_meetings = open_meetings;
  MeetingFeed feed(feed_options);
  bench.SyncPbxs(feed, created);
  // Late by ten days, so that history is all there is to load.
  const absl::Time now = absl::FromCivil(absl::CivilSecond(day + 10), zone);
  const DueDay bucket = BucketOfCohort(DueDay(day), bench.engine().policy());
  const auto history = [&] { return bench.engine().counts().Of(bucket)[kHistory]; };
  bench.Load(feed, 1000, now, [&] { return history().values >= entries; });

  const auto view = bench.store().Snapshot();
  const Stopwatch building;
  const PolicyVersion& version = bench.engine().policies().current();
  auto cube =
      BuildCohort(*view, bench.engine().vault(), version, version.profiles.CohortOf(DueDay(day)), SystemRandom());
  OrDie(cube.status(), "BuildCohort");
  const double seconds = building.Seconds();
  Remark(absl::StrCat("cohort: ", history().values, " entries in ", history().rows, " rows, built in ", seconds, " s"));
  return static_cast<double>(history().values) / seconds;
}

// At most, beyond what there was, from the first participation to the drawn cube.
void BenchMemory(uint64_t participations) {
  std::mt19937_64 random(7);
  const double before = ResidentMiB("VmRSS:");
  ForgetPeak();
  const Stopwatch counting;
  const v1::StatisticsPolicy no_lists;
  auto builder = OrDie(CohortBuilder::Create({.first_day = DueDay(absl::CivilDay(2026, 3, 2)),
                                              .day_count = 7,
                                              .lists = PublicLists(no_lists),
                                              .late_people = {}},
                                             ProfileOf(v1::STATISTICS_PROFILE_LARGE), SystemRandom()),
                       "cohort");
  for (uint64_t i = 0; i < participations; ++i) {
    Participation participation{.person = {},
                                .hour = static_cast<uint8_t>(random() % 24),
                                .weekday = static_cast<uint8_t>(random() % 7),
                                .duration_seconds = static_cast<uint32_t>(random() % 7200),
                                .quality = {}};
    // Four each, in any order.
    const uint64_t person = random() % (participations / 4);
    std::memcpy(participation.person.data(), &person, sizeof(person));
    const uint64_t meeting = random() % (participations / 8);
    builder.Add(participation, {reinterpret_cast<const char*>(&meeting), sizeof(meeting)});
  }
  OrDie(std::move(builder).Finish(SystemRandom()).status(), "noise");
  Remark(absl::StrCat("cohort: ", participations, " participations counted in ", counting.Seconds(), " s"));
  Report("cohort_rss", ResidentMiB("VmHWM:") - before, "MiB");
}

}  // namespace

void BenchCohort(const BenchOptions& options) {
  BenchMemory(options.quick ? 1'000'000 : 10'000'000);
  const uint64_t entries = options.quick ? 1'000'000 : 5'000'000;
  Report("cohort_rows", RowsPerSecond(options, 1000, entries), "rows/s");
  Report("cohort_rows_of_whole_meetings", RowsPerSecond(options, 1, entries), "rows/s");
  // The originals of a cohort may lie with meetings that began so long before.
  Report("cohort_rows_among_days", RowsPerSecond(options, 1000, entries / 10, 18), "rows/s");
}

}  // namespace retention
