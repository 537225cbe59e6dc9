#include "server/ops/dns_loop.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "server/ops/log.h"

namespace retention {

DnsLoop::DnsLoop(DnsProber& prober, DnsSchedule schedule, DnsLoopCallbacks callbacks, const Clock& clock,
                 Metrics& metrics, Options options)
    : prober_(prober),
      schedule_(std::move(schedule)),
      callbacks_(std::move(callbacks)),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      // Its failure has been logged.
      repeater_(options_.interval, [this] { RunOnce(clock_.Now()).IgnoreError(); }) {}

DnsLoop::~DnsLoop() { Stop(); }

absl::StatusOr<DnsRound> DnsLoop::RunOnce(absl::Time now) {
  const MutexLock lock(run_mutex_);
  const absl::StatusOr<DnsRound> round = HoldRound(now);
  LogChange(round);
  if (options_.on_round) options_.on_round(round);
  return round;
}

absl::StatusOr<DnsRound> DnsLoop::HoldRound(absl::Time now) {
  DnsRound round;
  if (now < not_before_) return round;
  const auto subjects = callbacks_.subjects();
  if (!subjects.ok()) return subjects.status();
  std::vector<PbxId> due;
  for (const size_t index : schedule_.Due(now, *subjects)) due.push_back((*subjects)[index].id);
  if (due.empty()) return round;
  const auto names = callbacks_.names(due);
  if (!names.ok()) return names.status();
  std::vector<std::string> fqdns;
  for (const ProbeName& name : *names) fqdns.push_back(name.fqdn.Reveal());
  const auto outcome = prober_.Probe(fqdns);
  for (std::string& fqdn : fqdns) OPENSSL_cleanse(fqdn.data(), fqdn.size());
  if (!outcome.ok()) return outcome.status();

  Count(*outcome);
  round.probed = names->size();
  round.outage = outcome->outage;
  if (round.outage) {
    not_before_ = now + options_.outage_pause;
    return round;
  }
  std::vector<ProbeReport> reports;
  for (size_t i = 0; i < names->size(); ++i) {
    reports.push_back({(*names)[i].id, outcome->results[i].resolved()});
    if (reports.back().resolved) ++round.resolved;
  }
  if (reports.empty()) return round;
  if (absl::Status status = callbacks_.report(reports, now); !status.ok()) return status;
  return round;
}

void DnsLoop::Count(const RoundOutcome& outcome) {
  if (outcome.outage) metrics_.CountDnsOutage();
  std::array<uint64_t, kProbeCauses> counts{};
  for (const ProbeResult& result : outcome.results) ++counts[static_cast<size_t>(result.cause)];
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) metrics_.CountDnsProbes(NameOf(static_cast<ProbeCause>(i)), counts[i]);
  }
}

void DnsLoop::LogChange(const absl::StatusOr<DnsRound>& round) {
  if (absl::IsCancelled(round.status()) || (round.ok() && round->probed == 0)) return;
  std::string trouble;
  if (!round.ok()) trouble = DescribeStatus(round.status());
  if (round.ok() && round->outage) trouble = "no name resolves: taken for an outage of our own";
  if (trouble == last_trouble_) return;
  if (trouble.empty()) {
    Log(Severity::kInfo, "DNS probes count again");
  } else {
    Log(Severity::kWarning, "a round of DNS probes does not count; it is held again", {{"trouble", trouble}});
  }
  last_trouble_ = std::move(trouble);
}

void DnsLoop::Start() { repeater_.Start(); }

void DnsLoop::Wake() { repeater_.Wake(); }

void DnsLoop::Stop() {
  prober_.Cancel();
  repeater_.Stop();
}

}  // namespace retention
