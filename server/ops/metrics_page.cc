#include "server/ops/metrics_page.h"

#include <netdb.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/ledger/leaf.h"
#include "server/ops/repeater.h"

namespace retention {
namespace {

// One scraper and a person who looks; a scrape takes microseconds. Who connects and says nothing has one of them for so
// long.
constexpr char kThreads[] = "2";
constexpr char kRequestTimeoutMs[] = "5000";

// The library's listener looks whether it is to end every 2 s, and whenever somebody comes.
constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);

// Of "HOST:PORT", "[HOST]:PORT" or a port alone.
std::string HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "127.0.0.1";
  const std::string host = address.substr(0, colon);
  return host.size() > 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
}

// Comes, and goes at once. Where that fails the listener looks by itself.
void Knock(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) return;
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) {
    static_cast<void>(::connect(fd, found->ai_addr, found->ai_addrlen));
    ::close(fd);
  }
  ::freeaddrinfo(found);
}

class GaugeSource : public prometheus::Collectable {
 public:
  explicit GaugeSource(std::function<Gauges()> gauges) : gauges_(std::move(gauges)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const Gauges now = gauges_();
    prometheus::MetricFamily warned{"retention_pbxs_warned",
                                    "PBXs that end within so many days if nothing changes.",
                                    prometheus::MetricType::Gauge,
                                    {}};
    for (const Gauges::Warned& some : now.pbxs_warned) {
      prometheus::ClientMetric& metric = warned.metric.emplace_back();
      metric.label = {{"cause", some.cause}, {"days", std::to_string(some.warning_days)}};
      metric.gauge.value = static_cast<double>(some.pbxs);
    }
    prometheus::MetricFamily holds{"retention_holds",
                                   "Holds in force, and those of them whose review date has come.",
                                   prometheus::MetricType::Gauge,
                                   {}};
    for (const auto& [state, count] :
         {std::pair{"in_force", now.holds_in_force}, std::pair{"review_due", now.holds_review_due}}) {
      prometheus::ClientMetric& metric = holds.metric.emplace_back();
      metric.label = {{"state", state}};
      metric.gauge.value = static_cast<double>(count);
    }
    prometheus::MetricFamily oldest_order =
        Family("retention_erasure_order_oldest_age_seconds",
               "Age in seconds of the oldest erasure order that the portal has not confirmed; 0 if there is none.",
               absl::ToDoubleSeconds(now.oldest_order.value_or(absl::ZeroDuration())));
    if (!now.oldest_order.has_value()) oldest_order.metric.clear();
    prometheus::MetricFamily backups =
        Family("retention_backups", "Backups in the directory that the server was given.",
               static_cast<double>(now.backups.value_or(0)));
    if (!now.backups.has_value()) backups.metric.clear();
    prometheus::MetricFamily backup_age =
        Family("retention_backup_age_seconds", "Age in seconds of the youngest backup; nothing if there is none.",
               absl::ToDoubleSeconds(now.backup_age.value_or(absl::ZeroDuration())));
    if (!now.backup_age.has_value()) backup_age.metric.clear();
    return {
        std::move(backups),
        std::move(backup_age),
        std::move(warned),
        std::move(holds),
        Family("retention_held_values",
               "Values that have ended but for a hold. In steps: 0, or the next of 10, 20, 50, 100 and so on.",
               static_cast<double>(LedgerStep(now.held_values))),
        Family("retention_pbxs_undescribed",
               "PBXs of which nobody has described who answers for them: no notice can be written of those.",
               static_cast<double>(now.pbxs_undescribed)),
        Family(
            "retention_oldest_overdue_seconds",
            "Seconds for which the longest overdue value has been due without being unreadable; 0 if none is. Of days "
            "as the key ring says.",
            absl::ToDoubleSeconds(now.oldest_overdue)),
        Family("retention_erasure_unentered",
               "Days whose keys are destroyed and of which the ledger does not tell yet.",
               static_cast<double>(now.erasure_unentered)),
        Family("retention_owners_overdue",
               "Values that were deleted, and whose secrets could not be destroyed yet: older copies may open them.",
               static_cast<double>(now.owners_overdue)),
        Family("retention_store_damaged_files",
               "Files of the store that were found damaged, and are not taken out yet.",
               static_cast<double>(now.store_damaged_files)),
        Family("retention_store_losses",
               "Places in which rows of the store were lost with a damaged file, and not all have been due since.",
               static_cast<double>(now.store_losses)),
        Family("retention_key_ring_root_missing",
               "1 if the key ring's root is not where it is said to be: the next start would be refused.",
               now.root_missing ? 1 : 0),
        Family(
            "retention_ballast_bytes",
            "Room on the data's volume that is kept for a full disk. 0 where it is given back: then nothing is taken "
            "in; or where none is kept.",
            static_cast<double>(now.ballast_bytes)),
        Family("retention_key_ring_stale_replicas",
               "Replicas of the key ring that cannot be written, and may hold what was destroyed since.",
               static_cast<double>(now.stale_replicas)),
        Family(
            "retention_ledger_uncopied",
            "Entries of the ledger that its copy on the key ring's volume has not got; those of a second are normal.",
            static_cast<double>(now.ledger_uncopied)),
        Family("retention_key_ring_entries_lost",
               "Keys that were damaged in both replicas, at the last start or since: what they seal cannot be read.",
               static_cast<double>(now.ring_entries_lost)),
        Family("retention_key_ring_differing",
               "Parts of the key ring that are whole in both replicas, but not alike, as the last look through all of "
               "it found: nothing tells which is right.",
               static_cast<double>(now.ring_differing)),
        Family("retention_key_ring_root_overdue_seconds",
               "Seconds for which the root of the key ring has been due to change and could not; 0 if it has not.",
               absl::ToDoubleSeconds(now.root_overdue)),
        Family("retention_readings_failed",
               "Readings of this page that the store could not give, and that are missing.",
               static_cast<double>(now.readings_failed)),
        Family("retention_purge_pending_seconds",
               "Age in seconds of the oldest deleted value whose bytes may still be in a file; 0 if there is none.",
               absl::ToDoubleSeconds(now.purge_pending)),
        Family("retention_erasure_orders_unconfirmed", "Erasure orders that the portal has not confirmed.",
               static_cast<double>(now.orders_unconfirmed)),
        std::move(oldest_order),
        Family("retention_policy_refiling", "1 while what is held is being filed under a new policy, 0 otherwise.",
               now.refiling ? 1 : 0),
        Family("retention_cohorts_waiting", "Cohorts that should have been released a day ago, and were not.",
               static_cast<double>(now.cohorts_waiting)),
        Family("retention_cohorts_waiting_days_left",
               "Days until the first originals of a cohort that waits go; 0 if none waits, or they go today.",
               static_cast<double>(now.cohorts_days_left)),
        Family("retention_policy_refile_examined", "Meetings and rows that the refile under way has looked at.",
               static_cast<double>(now.refile_examined)),
        Family("retention_roles_stale", "1 while the roles file is broken, and what it held before is in force.",
               now.roles_stale ? 1 : 0),
        Family("retention_certificates_stale",
               "1 while files of certificates are broken, and what they held before is in force.",
               now.certificates_stale ? 1 : 0),
        Family("retention_queue_events", "Events that wait for the committer.", static_cast<double>(now.queue_events)),
        Family("retention_queue_lines", "Log lines that wait for the committer.", static_cast<double>(now.queue_lines)),
        Family("retention_held_bytes",
               "Bytes of memory for requests that wait, batches that are not durable, and answers that nobody takes.",
               static_cast<double>(now.held_bytes)),
        Family("retention_connections", "Connections of callers that are open.", static_cast<double>(now.connections)),
        Counter("retention_connections_ended_total",
                "Connections that were ended, as too much came over them that was no whole message.",
                static_cast<double>(now.connections_ended)),
        Counter("retention_connections_refused_total",
                "Connections that were closed at once, as there were as many as there may be.",
                static_cast<double>(now.connections_refused)),
        Family("retention_live_rows",
               "Rows of values that are held. In steps: 0, or the next of 10, 20, 50, 100 and so on.",
               static_cast<double>(LedgerStep(now.live_rows))),
        Family("retention_store_bytes", "Bytes of the store in live files and memory tables.",
               static_cast<double>(now.store_bytes)),
        Family("retention_clock_ahead_seconds",
               "Seconds by which the machine's clock is ahead of the engine's; negative if it is behind.",
               absl::ToDoubleSeconds(now.clock_ahead)),
        Family("retention_clock_waits",
               "1 while what is due by the machine's clock waits for `retentionctl clock confirm`, 0 otherwise.",
               now.clock_waits ? 1 : 0),
        Family("retention_serving", "1 while the store takes writes and the clock is believed, 0 otherwise.",
               now.serving ? 1 : 0),
    };
  }

 private:
  static prometheus::MetricFamily Family(const char* name, const char* help, double value) {
    prometheus::MetricFamily family{name, help, prometheus::MetricType::Gauge, {}};
    family.metric.emplace_back();
    family.metric.back().gauge.value = value;
    return family;
  }

  static prometheus::MetricFamily Counter(const char* name, const char* help, double value) {
    prometheus::MetricFamily family{name, help, prometheus::MetricType::Counter, {}};
    family.metric.emplace_back();
    family.metric.back().counter.value = value;
    return family;
  }

  const std::function<Gauges()> gauges_;
};

}  // namespace

// The exposer dies first: it may be collecting.
struct MetricsPage::Parts {
  std::string host;
  std::shared_ptr<prometheus::Collectable> counters;
  std::shared_ptr<prometheus::Collectable> gauges;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsPage::MetricsPage(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MetricsPage::~MetricsPage() {
  Repeater knocks(kKnockInterval, [host = parts_->host, at = port()] { Knock(host, at); });
  knocks.Start();
  parts_->exposer.reset();
}

absl::StatusOr<std::unique_ptr<MetricsPage>> MetricsPage::Open(const std::string& address, const Metrics& metrics,
                                                               std::function<Gauges()> gauges) {
  auto parts = std::make_unique<Parts>();
  parts->host = HostOf(address);
  parts->counters = metrics.collectable();
  parts->gauges = std::make_shared<GaugeSource>(std::move(gauges));
  // The library reports a taken port, or nonsense, by an exception.
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", kThreads, "request_timeout_ms", kRequestTimeoutMs});
    parts->exposer->RegisterCollectable(parts->counters);
    parts->exposer->RegisterCollectable(parts->gauges);
  } catch (const std::exception&) {
    return absl::UnavailableError(absl::StrCat("metrics cannot be served on ", address));
  }
  return std::unique_ptr<MetricsPage>(new MetricsPage(std::move(parts)));
}

int MetricsPage::port() const {
  const std::vector<int> ports = parts_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace retention
