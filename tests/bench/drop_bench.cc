// drop_unreadable, drop_gone, drop_growth: the end of one due day, by the sweeper that the server has, while events of
// other days come in through the committer as fast as they can.
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/engine/committer.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/committer_load.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

const absl::CivilDay kDay(2026, 6, 15);
constexpr int kDayGroupEvents = 500;  // about 1,000 rows
// Ingest goes on for so long before the day is due.
constexpr auto kIngestBefore = std::chrono::seconds(2);

absl::Time At(absl::CivilSecond civil, const absl::TimeZone& zone) { return absl::FromCivil(civil, zone); }

// Half of the day's rows are HISTORY of two months ago, the others fall due after seven days; as many rows again, of
// the same meetings and of a third as many others, lie in days before and after it.
FeedOptions LoadOf(absl::CivilDay day, const absl::TimeZone& zone) {
  FeedOptions options;
  const auto add = [&](absl::CivilDay on, int weight) {
    options.starts.push_back({At(absl::CivilSecond(on) + 8 * 3600, zone), weight});
  };
  const absl::CivilDay collected(absl::CivilMonth(day) - 2);
  const absl::CivilDay history = collected + (day.day() - 1);
  add(history, 10);
  add(day - 7, 10);
  for (int i = 1; i <= 5; ++i) {
    add(history + 3 * i, 1);
    add(day - i, 1);
  }
  return options;
}

// Where the sweeper's time goes: its commands wait for ingest that was queued before them.
struct CommandTimes {
  int commands = 0;
  double waited = 0;  // seconds
  double ran = 0;

  std::string Text() const {
    return absl::StrCat(commands, " commands waited ", waited * 1e3, " ms and ran ", ran * 1e3, " ms");
  }
  absl::Status Run(Committer& committer, std::function<absl::Status()> task) {
    const Stopwatch waiting;
    return committer.Run([&] {
      waited += waiting.Seconds();
      ++commands;
      const Stopwatch running;
      absl::Status status = task();
      ran += running.Seconds();
      return status;
    });
  }
};

struct DropTimes {
  double unreadable_ms = 0;
  double gone_ms = 0;
};

DropTimes Drop(const BenchOptions& options, uint64_t rows) {
  const FreshDirectory directory(options.directory);
  const absl::TimeZone zone = [] {
    absl::TimeZone berlin;
    absl::LoadTimeZone("Europe/Berlin", &berlin);
    return berlin;
  }();
  const DueDay day(kDay);
  const absl::Time created = At(absl::CivilSecond(2026, 4, 14, 12), zone);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, created);
  MeetingFeed load(LoadOf(kDay, zone));
  bench.SyncPbxs(load, At(absl::CivilSecond(kDay) + 12 * 3600, zone));
  TestEngine& engine = bench.engine();
  const auto rows_of_day = [&] {
    uint64_t held = 0;
    for (const BucketCount& count : engine.counts().Of(day)) held += count.rows;
    return held;
  };
  const Stopwatch loading;
  const uint64_t events = bench.Load(load, kDayGroupEvents, At(absl::CivilSecond(kDay) + 12 * 3600, zone),
                                     [&] { return rows_of_day() >= rows; });
  Remark(absl::StrCat("drop: ", rows_of_day(), " of ", engine.counts().TotalRows(), " rows in the day, ",
                      bench.store().LiveBytes() >> 20, " MiB, ", events, " events loaded in ", loading.Seconds(),
                      " s"));

  // What has been due for release and deletion goes first, as it would have gone day by day.
  bench.Sweep(At(absl::CivilSecond(kDay) + 12 * 3600, zone));
  const absl::Time due = DueInstant(day, zone);
  SimulatedClock clock(due - absl::Minutes(59));
  Committer committer(engine, clock, {});
  std::optional<double> unreadable;
  std::optional<double> gone;
  std::optional<Stopwatch> since_due;
  Sweeper::Options hooks;
  CommandTimes commands;
  CommandTimes until_unreadable;
  hooks.on_urgent = [&](bool urgent) { committer.GivePrecedence(urgent); };
  hooks.on_unreadable = [&](absl::Time) {
    unreadable = since_due->Seconds();
    until_unreadable = commands;
  };
  hooks.on_gone = [&](absl::Time) { gone = since_due->Seconds(); };
  TestSweeper sweeper(
      engine, [&](std::function<absl::Status()> task) { return commands.Run(committer, std::move(task)); }, hooks);

  FeedOptions live;
  live.first_stream = 1000;
  live.starts = {{due - absl::Hours(3), 1}};
  live.interval = absl::Milliseconds(1);
  CommitterLoad ingest(committer, live);
  const Stopwatch settling;
  OrDie(sweeper.RunOnce(clock.Now(), false).status(), "sweep in the lead window");
  Remark(absl::StrCat("drop: closed, settled and released in the lead window in ", settling.Seconds(), " s"));
  std::this_thread::sleep_for(kIngestBefore);
  const uint64_t before = ingest.events();
  const Stopwatch rate;
  std::this_thread::sleep_for(kIngestBefore);
  Remark(absl::StrCat("drop: ingest beside it ", (ingest.events() - before) / rate.Seconds(), " events/s"));

  // As the server's loop does it, which never lets more than half a second of work gather.
  OrDie(clock.AdvanceTo(due - absl::Milliseconds(500)), "clock");
  OrDie(sweeper.RunOnce(clock.Now(), false).status(), "sweep before the due instant");
  OrDie(clock.AdvanceTo(due), "clock");
  commands = {};
  since_due.emplace();
  OrDie(sweeper.RunOnce(due, false).status(), "sweep at the due instant");
  Remark(absl::StrCat("drop: until it was unreadable ", until_unreadable.Text(), "; in all ", commands.Text(), " of ",
                      since_due->Seconds() * 1e3, " ms"));
  ingest.Stop();
  if (rows_of_day() != 0 || engine.store().ScanPrefix(Family::kFiled, FiledPrefix(day))->Valid()) {
    OrDie(absl::InternalError("rows are left"), "drop");
  }
  return {.unreadable_ms = unreadable.value() * 1e3, .gone_ms = gone.value() * 1e3};
}

}  // namespace

void BenchDrop(const BenchOptions& options) {
  const uint64_t rows = options.quick ? 100'000 : 1'000'000;
  const DropTimes few = Drop(options, rows);
  Remark(absl::StrCat("drop: ", rows, " rows: unreadable after ", few.unreadable_ms, " ms, gone after ", few.gone_ms,
                      " ms"));
  const DropTimes many = Drop(options, 10 * rows);
  Report("drop_unreadable", many.unreadable_ms, "ms");
  Report("drop_gone", many.gone_ms, "ms");
  Report("drop_growth", many.gone_ms / few.gone_ms, "ratio");
}

}  // namespace retention
