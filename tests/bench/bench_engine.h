// What the benches within one process share: an engine in a directory, loading it, and printing what was measured.
#ifndef RETENTION_TESTS_BENCH_BENCH_ENGINE_H_
#define RETENTION_TESTS_BENCH_BENCH_ENGINE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/law/policy.h"
#include "storage/secrets/key_ring.h"
#include "storage/store.h"
#include "tests/bench/meeting_feed.h"
#include "tests/engine/test_engine.h"

namespace retention {

// A bench that cannot go on ends here.
void OrDie(const absl::Status& status, const char* what);
template <typename T>
T OrDie(absl::StatusOr<T> result, const char* what) {
  OrDie(result.status(), what);
  return *std::move(result);
}

// `bench NAME VALUE UNIT`.
void Report(const std::string& name, double value, const std::string& unit);
// A line that explains the next ones: `# TEXT`.
void Remark(const std::string& text);

// Bytes that the process has handed to write calls: files of store and ring, and logs.
uint64_t BytesWritten();

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The value below which `fraction` of `samples` lie. REQUIRES: not empty.
double Percentile(std::vector<double> samples, double fraction);

// MiB of this process: `VmRSS:` now, `VmHWM:` at most.
double ResidentMiB(const std::string& which);
// From now on the most is that of what follows.
void ForgetPeak();

// An engine with the options that the server has by default.
class BenchEngine {
 public:
  BenchEngine(const std::string& data_directory, const std::string& ring_directory, const std::string& policy_file,
              absl::Time now);

  TestEngine& engine() { return *engine_; }
  Store& store() { return *store_; }
  const absl::TimeZone& zone() const { return engine_->policy().zone(); }

  void SyncPbxs(const MeetingFeed& feed, absl::Time now);
  // Records what `feed` gives in groups of `group_events` until `enough`, asked after each. Returns the number of
  // events.
  uint64_t Load(MeetingFeed& feed, int group_events, absl::Time now, const std::function<bool()>& enough);
  // One run of the sweeper, with nothing else going on.
  void Sweep(absl::Time now);

 private:
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<TestEngine> engine_;
};

struct BenchOptions {
  std::string directory;  // where the benches make theirs
  std::string policy_file;
  bool quick = false;
};

// engine_ingest and engine_cost, of whole meetings and interleaved.
void BenchIngest(const BenchOptions& options);
// record_cost, logged_bytes_per_event, bytes_per_event, of whole meetings and interleaved.
void BenchCost(const BenchOptions& options);
// backup_ingest, restore.
void BenchBackup(const BenchOptions& options);
// close_stall, close_stall_at_end.
void BenchClose(const BenchOptions& options);
// drop_unreadable, drop_gone, drop_growth.
void BenchDrop(const BenchOptions& options);
// pbx_unreadable, pbx_gone.
void BenchPbx(const BenchOptions& options);
// cohort_rows, cohort_rss.
void BenchCohort(const BenchOptions& options);
// query_p99.
void BenchQuery(const BenchOptions& options);
// `certificates`: a directory of deploy/dev-certificates.sh, with a portal.
void BenchAccess(const BenchOptions& options, const std::string& certificates);
// report_large, meeting_large, participants_large, list_room and their like.
void BenchReads(const BenchOptions& options);
// ring_write, ring_bytes, erase_early.
void BenchRing(const BenchOptions& options);
// scrub_cost.
void BenchScrub(const BenchOptions& options);
// webinar_ingest, webinar_report_first and their like.
void BenchWebinar(const BenchOptions& options);
// A directory of `rows` live rows for a server on the system's clock.
void FillDirectory(const BenchOptions& options, const std::string& data_directory, const std::string& ring_directory,
                   uint64_t rows);

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_BENCH_ENGINE_H_
