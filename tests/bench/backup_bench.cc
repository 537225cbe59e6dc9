// backup_ingest: what of ingest is left while backups are made one after the other; restore: how fast one is put back.
#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/guarded_clock.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/committer_load.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr int kBackupRounds = 3;
constexpr double kBytesPerMegabyte = 1e6;

}  // namespace

void BenchBackup(const BenchOptions& options) {
  const FreshDirectory directory(options.directory);
  const GuardedClock clock(MachineTime(), GuardedClock::Trust::kKernel);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, clock.Now());
  FeedOptions feed;
  feed.starts = {{clock.Now() - absl::Hours(2), 1}};
  feed.interval = absl::Milliseconds(1);
  feed.open_meetings = 1;
  bench.SyncPbxs(MeetingFeed(feed), clock.Now());
  const std::string place = directory / "backups";
  const std::string staged = directory / "data" / "backup";
  int made = 0;
  const auto make = [&] {
    auto backups = OrDie(OpenRocksDbBackups(place, BackupAccess::kWrite, {}), "backups");
    OrDie(bench.store().Checkpoint(staged), "Checkpoint");
    stored::v1::BackupNote note;
    note.set_ring_identity("of the bench");
    OrDie(backups->Create(staged, note).status(), "Create");
    ++made;
    fs::remove_all(staged);
  };
  double without = 0;
  double with = 0;
  {
    Committer committer(bench.engine(), clock, {});
    CommitterLoad load(committer, feed);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const auto seconds = std::chrono::seconds(options.quick ? 3 : 10);
    for (int round = 0; round < kBackupRounds; ++round) {
      const auto measure = [&] {
        const uint64_t before = load.events();
        const Stopwatch measuring;
        std::this_thread::sleep_for(seconds);
        return static_cast<double>(load.events() - before) / measuring.Seconds();
      };
      without += measure();
      std::atomic<bool> stop = false;
      std::thread maker([&] {
        while (!stop.load()) make();
      });
      with += measure();
      stop.store(true);
      maker.join();
    }
  }
  Remark(absl::StrCat("backup: ", made, " backups beside ingest, in turn with none"));
  Report("backup_ingest", with / kBackupRounds, "events/s");
  Report("backup_ingest_share", with / without, "of without");
  const auto backups = OrDie(OpenRocksDbBackups(place, BackupAccess::kRead, {}), "backups");
  const Backup last = backups->List().back();
  const Stopwatch restoring;
  OrDie(backups->Restore(last.number, directory / "restored"), "Restore");
  const double megabytes = static_cast<double>(last.bytes) / kBytesPerMegabyte;
  Report("restore", megabytes / restoring.Seconds(), "MB/s");
  Remark(absl::StrCat("restore: of ", megabytes, " MB"));
}

}  // namespace retention
