// pbx_unreadable, pbx_gone: the end of one PBX among four of its size, by the way that the server takes, with nothing
// else going on; gone is when the last of its bytes is scrubbed from the files that it shared with the others.
#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/engine/committer.h"
#include "tests/bench/bench_engine.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr int kPbxs = 4;
constexpr int kLoadGroupEvents = 500;

}  // namespace

void BenchPbx(const BenchOptions& options) {
  const uint64_t rows = options.quick ? 100'000 : 1'000'000;
  const FreshDirectory directory(options.directory);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Berlin", &zone);
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 6, 15, 12), zone);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  FeedOptions feed;
  feed.pbxs = kPbxs;
  for (int day = 1; day <= 5; ++day) feed.starts.push_back({now - absl::Hours(24 * day), 1});
  MeetingFeed load(feed);
  bench.SyncPbxs(load, now);
  TestEngine& engine = bench.engine();
  const std::string pbx_id = load.Pbxs().front().pbx_id();
  // HISTORY, about two fifths of the rows, outlives its PBX.
  bench.Load(load, kLoadGroupEvents, now, [&] {
    uint64_t ending = 0;
    for (const auto& [day, counts] : engine.counts().Read()) {
      for (size_t category = 1; category < kCategories; ++category) {
        if (category != kHistory) ending += counts[category].rows;
      }
    }
    return ending >= kPbxs * rows;
  });

  SimulatedClock clock(now);
  Committer committer(engine, clock, {});
  const CommandRunner run = [&](std::function<absl::Status()> task) { return committer.Run(std::move(task)); };
  const Stopwatch ending;
  absl::StatusOr<PbxId> pbx = absl::UnknownError("did not run");
  OrDie(run([&] {
          pbx = engine.BeginEnd(pbx_id, kReasonPbxDeregistered, now);
          return pbx.status();
        }),
        "BeginEnd");
  const double unreadable_ms = ending.Seconds() * 1e3;
  TestSweeper sweeper(engine, run, {});
  OrDie(sweeper.RunOnce(now, /*scrub_now=*/true).status(), "sweep");
  Remark(absl::StrCat("pbx: of ", engine.counts().TotalRows() + rows, " rows in ", bench.store().LiveBytes() >> 20,
                      " MiB"));
  Report("pbx_unreadable", unreadable_ms, "ms");
  Report("pbx_gone", ending.Seconds(), "s");
  if (!engine.registry().Ending().empty()) OrDie(absl::InternalError("rows are left"), "pbx");
}

}  // namespace retention
