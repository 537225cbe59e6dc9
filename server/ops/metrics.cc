#include "server/ops/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "retention/v1/category.pb.h"
#include "server/law/policy.h"
#include "server/ledger/leaf.h"
#include "storage/mutex.h"

namespace retention {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// Around the targets: unreadable within 1 s, gone within 60 s; what is beyond a day is an outage.
const Buckets& AfterDueBuckets() {
  static const Buckets buckets{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400};
  return buckets;
}

// "RECORDING" for DATA_CATEGORY_RECORDING.
std::string CategoryName(CategoryNumber category) {
  constexpr size_t kPrefix = sizeof("DATA_CATEGORY_") - 1;
  const std::string& name = v1::DataCategory_Name(static_cast<v1::DataCategory>(category));
  return name.size() > kPrefix ? name.substr(kPrefix) : std::to_string(category);
}

// "FILE_SHARE" for LOG_SERVER_FILE_SHARE.
std::string LogServerName(int server) {
  constexpr size_t kPrefix = sizeof("LOG_SERVER_") - 1;
  return IsLogServer(server) ? v1::LogServer_Name(static_cast<v1::LogServer>(server)).substr(kPrefix) : "UNKNOWN";
}

// A total that goes up as the ledger's sizes do: what people could be counted by is kept for longer than they are.
class SteppedCounter {
 public:
  explicit SteppedCounter(prometheus::Counter& shown) : shown_(shown) {}
  // REQUIRES: `shown_as` does not fall as the total grows. Not thread-safe.
  template <typename ShownAs>
  void Add(uint64_t values, ShownAs shown_as) {
    total_ += values;
    const uint64_t shown = shown_as(total_);
    shown_.Increment(static_cast<double>(shown - given_));
    given_ = shown;
  }

 private:
  prometheus::Counter& shown_;
  uint64_t total_ = 0, given_ = 0;
};

}  // namespace

struct Metrics::Families {
  prometheus::Counter& Counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry).Add({});
  }
  prometheus::Histogram& Histogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry).Add({}, buckets);
  }

  const std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter>& events = prometheus::BuildCounter()
                                                        .Name("retention_events_total")
                                                        .Help("Events of answered batches, by what became of them.")
                                                        .Register(*registry);
  prometheus::Counter& accepted = events.Add({{"outcome", "accepted"}});
  prometheus::Counter& duplicate = events.Add({{"outcome", "duplicate"}});
  prometheus::Counter& rejected = events.Add({{"outcome", "rejected"}});
  prometheus::Counter& past_due = Counter(
      "retention_values_past_due_total",
      "Values that were already due when they came, and so were not stored (the rest of their event was). In steps: "
      "0, or the next of 10, 20, 50, 100 and so on.");
  prometheus::Family<prometheus::Counter>& log_lines =
      prometheus::BuildCounter()
          .Name("retention_log_lines_total")
          .Help(
              "Log lines by kind of server and by what became of them; a line that was cut is accepted too. Of syslog "
              "also what is no message (malformed), one of RFC 3164, which needs a relay (rfc3164), or names another "
              "program (unknown_server).")
          .Register(*registry);
  prometheus::Family<prometheus::Counter>& erased =
      prometheus::BuildCounter()
          .Name("retention_values_erased_total")
          .Help(
              "Values erased, by category and by why they ended; DUE: their due day passed. Of categories by which "
              "people could be counted in steps: 0, or the next of 10, 20, 50, 100 and so on.")
          .Register(*registry);
  Mutex steps_mutex;
  std::map<std::pair<CategoryNumber, std::string>, SteppedCounter> erased_in_steps ABSL_GUARDED_BY(steps_mutex);
  SteppedCounter past_due_in_steps ABSL_GUARDED_BY(steps_mutex){past_due};
  prometheus::Counter& sweep_failures =
      Counter("retention_sweep_failures_total", "Sweeps that failed and will be tried again.");
  prometheus::Counter& witness_failures =
      Counter("retention_witness_failures_total",
              "Times that the key ring's volume could not be told how far the store is; it is tried each second.");
  prometheus::Counter& backup_failures =
      Counter("retention_backup_failures_total", "Times that making, or deleting, backups failed; it is tried again.");
  prometheus::Counter& ring_mended =
      Counter("retention_key_ring_mended_total",
              "Parts of the key ring's replicas that were found damaged while it was open, and were mended.");
  prometheus::Counter& cohorts =
      Counter("retention_cohorts_released_total", "Cohorts that were released into statistics.");
  prometheus::Counter& cohorts_damaged = Counter(
      "retention_cohorts_damaged_total", "Released cohorts of whose rows some were damaged, and so are not counted.");
  prometheus::Family<prometheus::Counter>& dns_probes =
      prometheus::BuildCounter()
          .Name("retention_dns_probes_total")
          .Help("FQDNs of PBXs that were looked up, by what became of it; rounds that were outages count too.")
          .Register(*registry);
  prometheus::Counter& dns_outages =
      Counter("retention_dns_outages_total", "Rounds of DNS probes that were taken for an outage of our own.");
  prometheus::Histogram& unreadable = Histogram(
      "retention_due_to_unreadable_seconds",
      "Seconds, by the server's clock, from a day's due instant until its keys were destroyed.", AfterDueBuckets());
  prometheus::Histogram& gone = Histogram(
      "retention_due_to_gone_seconds",
      "Seconds, by the server's clock, from a day's due instant until its files were gone.", AfterDueBuckets());
  prometheus::Histogram& commit =
      Histogram("retention_commit_seconds",
                "Seconds that the durable write of a group of batches took, without waiting in the queue.",
                {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10});
  prometheus::Histogram& group = Histogram("retention_group_events", "Events and log lines per durable write.",
                                           {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000});
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  // From zero on, so that the first increase is seen as one.
  for (CategoryNumber category = 1; category < kCategories; ++category) CountErased(category, "DUE", 0);
}

Metrics::~Metrics() = default;

void Metrics::CountBatch(const v1::RecordResult& result) {
  if (result.accepted() > 0) families_->accepted.Increment(result.accepted());
  if (result.duplicates() > 0) families_->duplicate.Increment(result.duplicates());
  if (result.rejections_size() > 0) families_->rejected.Increment(result.rejections_size());
  if (result.values_past_due() == 0) return;
  const MutexLock lock(families_->steps_mutex);
  families_->past_due_in_steps.Add(result.values_past_due(), LedgerStep);
}

void Metrics::CountLogLines(int server, std::string_view outcome, uint64_t lines) {
  if (lines == 0) return;
  families_->log_lines.Add({{"server", LogServerName(server)}, {"outcome", std::string(outcome)}})
      .Increment(static_cast<double>(lines));
}

void Metrics::CountLogBatch(const LineBatch& batch) {
  for (size_t server = 1; server < kLogServers; ++server) {
    CountLogLines(static_cast<int>(server), "accepted", batch.tallies[server].accepted);
    CountLogLines(static_cast<int>(server), "past_due", batch.tallies[server].past_due);
  }
  std::array<uint64_t, kLogServers> rejected{};
  for (const v1::LogRejection& rejection : batch.result.rejections()) {
    const int server = (*batch.lines)[static_cast<int>(rejection.index())].server();
    ++rejected[IsLogServer(server) ? static_cast<size_t>(server) : 0];
  }
  for (size_t server = 0; server < kLogServers; ++server) {
    CountLogLines(static_cast<int>(server), "rejected", rejected[server]);
  }
}

void Metrics::ObserveGroup(size_t events, absl::Duration took) {
  families_->group.Observe(static_cast<double>(events));
  families_->commit.Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountErased(CategoryNumber category, std::string_view reason, uint64_t values) {
  const MutexLock lock(families_->steps_mutex);
  auto [of, is_new] = families_->erased_in_steps.try_emplace(
      {category, std::string(reason)},
      families_->erased.Add({{"category", CategoryName(category)}, {"reason", std::string(reason)}}));
  of->second.Add(values, [&](uint64_t total) { return LedgerSize(static_cast<v1::DataCategory>(category), total); });
}

void Metrics::ObserveUnreadable(absl::Duration after_due) {
  families_->unreadable.Observe(absl::ToDoubleSeconds(after_due));
}

void Metrics::ObserveGone(absl::Duration after_due) { families_->gone.Observe(absl::ToDoubleSeconds(after_due)); }

void Metrics::CountSweepFailure() { families_->sweep_failures.Increment(); }

void Metrics::CountWitnessFailure() { families_->witness_failures.Increment(); }

void Metrics::CountBackupFailure() { families_->backup_failures.Increment(); }

void Metrics::CountRingMended(uint64_t parts) { families_->ring_mended.Increment(static_cast<double>(parts)); }

void Metrics::CountCohorts(uint32_t released, uint32_t damaged) {
  families_->cohorts.Increment(released);
  families_->cohorts_damaged.Increment(damaged);
}

void Metrics::CountDnsProbes(std::string_view outcome, uint64_t probes) {
  families_->dns_probes.Add({{"outcome", std::string(outcome)}}).Increment(static_cast<double>(probes));
}

void Metrics::CountDnsOutage() { families_->dns_outages.Increment(); }

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const { return families_->registry; }

}  // namespace retention
