// Asks DNS whether names still resolve: a PBX whose FQDN has not resolved for 30 days ends.
//
// A name resolves if it has an address: an A or an AAAA record, its own or that of what it is an alias of. Everything
// else (NXDOMAIN, NODATA, SERVFAIL, REFUSED, silence, nonsense) counts as not resolved. Asks resolvers alone: neither
// /etc/hosts nor search domains.
//
// Names are personal data (they name a PBX): they go to the resolvers and appear in no status, log line or metric.
#ifndef RETENTION_SERVER_OPS_DNS_PROBER_H_
#define RETENTION_SERVER_OPS_DNS_PROBER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace retention {

// Why a name did not resolve. If A and AAAA fail differently, the later one of these counts.
enum class ProbeCause : uint8_t {
  kResolved,    // it did
  kBadName,     // no name that DNS could hold (CanonicalDnsName); nobody was asked
  kNoAddress,   // the name is there and has no address (NODATA)
  kNoSuchName,  // NXDOMAIN
  kAliasLoop,   // more than kDnsAliasesMax aliases
  kMalformed,   // an answer that cannot be read
  kNoService,   // every resolver failed (SERVFAIL), refused or could not be reached: c-ares does not tell which
  kTimedOut,    // no resolver answered in time
};
inline constexpr size_t kProbeCauses = 8;

// "RESOLVED", "NO_SUCH_NAME": for metrics.
std::string_view NameOf(ProbeCause cause);

struct ProbeResult {
  ProbeCause cause = ProbeCause::kTimedOut;
  bool resolved() const { return cause == ProbeCause::kResolved; }
};

struct RoundOutcome {
  std::vector<ProbeResult> results;  // one a name, in their order; empty if control names said from the start: outage
  // The fault is ours (network, resolvers), and the round counts for nobody. See DnsProber.
  bool outage = false;
};

// When a round was our own outage:
// - *Without control names:* at least one name was asked for, and none resolved. Consequence: where there is one PBX
//   only, or all are dead, no round ever counts and no PBX ends because of its FQDN. That is the safe side; whoever
//   wants the last PBX to end too configures control names.
// - *With control names* (names that the operator knows to resolve): none of them resolved before the names were asked
//   for, or none did afterwards: an outage may begin or end within a round. Then nothing is concluded from the names
//   themselves, and all of them may be dead. Control names should have a short TTL: a resolver that was cut off goes on
//   answering from its cache.
// A bad name is not asked for, says nothing about our network, and is not counted in either rule.
//
// Thread-safe; rounds run one at a time on their caller's threads.
class DnsProber {
 public:
  struct Options {
    // "192.0.2.53:53", "192.0.2.53", "[2001:db8::53]:53" or "2001:db8::53", in the order in which they are asked.
    // Empty: those of /etc/resolv.conf, read again for each round.
    std::vector<std::string> resolvers;
    bool ask_a = true;
    bool ask_aaaa = true;  // asked where A gave no address
    // Of the first try with each resolver; every round of tries waits twice as long as the one before.
    absl::Duration timeout = absl::Seconds(2);
    int tries = 2;               // with each resolver, 1 to 10
    size_t concurrent_max = 32;  // lookups under way at a time, 1 to 1,000
    std::vector<std::string> control_names;
  };

  // INVALID_ARGUMENT with the field (`resolvers[1]`, `timeout`) for options out of their bounds.
  static absl::StatusOr<std::unique_ptr<DnsProber>> Create(Options options);
  ~DnsProber();
  DnsProber(const DnsProber&) = delete;
  DnsProber& operator=(const DnsProber&) = delete;

  // Looks up all `names`: at any time `concurrent_max` of them, however many there are. CANCELLED after Cancel,
  // UNAVAILABLE if DNS cannot be asked at all (no file descriptors, say); neither says anything about a name.
  absl::StatusOr<RoundOutcome> Probe(const std::vector<std::string>& names);

  // For shutdown: the round under way ends at once, later ones do not begin. Any thread.
  void Cancel();

 private:
  struct Resolver;
  class Lookups;
  DnsProber(Options options, std::vector<Resolver> resolvers, int wake);

  absl::StatusOr<std::vector<ProbeResult>> LookUp(const std::vector<std::string>& names);
  absl::StatusOr<bool> ControlNameResolves();

  const Options options_;
  const std::vector<Resolver> resolvers_;
  const int wake_;  // an eventfd, readable from Cancel on
  std::atomic<bool> cancelled_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_DNS_PROBER_H_
