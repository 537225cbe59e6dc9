#include "server/ops/dns_prober.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/ops/dns_answer.h"

namespace retention {
namespace {

constexpr int kPortDefault = 53;
constexpr size_t kResolversMax = 16;
constexpr size_t kControlNamesMax = 16;
constexpr int kTriesMax = 10;
constexpr size_t kConcurrentMax = 1000;  // a resolver takes more for an attack
constexpr absl::Duration kTimeoutMin = absl::Milliseconds(10);
constexpr absl::Duration kTimeoutMax = absl::Minutes(1);
// The longest wait for sockets, should c-ares not know of a sooner one.
constexpr int kWaitMsMax = 1000;

// c-ares keeps one count of its users in the process, without a lock. It is never given back: it costs nothing.
int InitialiseLibraryOnce() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status;
}

ProbeCause CauseOf(int status) {
  switch (status) {
    case ARES_ENODATA:
      return ProbeCause::kNoAddress;
    case ARES_ENOTFOUND:
      return ProbeCause::kNoSuchName;
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
      return ProbeCause::kBadName;
    case ARES_EBADRESP:
      return ProbeCause::kMalformed;
    case ARES_ETIMEOUT:
      return ProbeCause::kTimedOut;
    default:
      return ProbeCause::kNoService;
  }
}

}  // namespace

std::string_view NameOf(ProbeCause cause) {
  constexpr std::array<std::string_view, kProbeCauses> kNames = {
      "RESOLVED", "BAD_NAME", "NO_ADDRESS", "NO_SUCH_NAME", "ALIAS_LOOP", "MALFORMED", "NO_SERVICE", "TIMED_OUT"};
  return kNames[static_cast<size_t>(cause)];
}

struct DnsProber::Resolver {
  int family = AF_INET;
  in_addr v4{};
  in6_addr v6{};
  int port = kPortDefault;

  static bool Parse(const std::string& text, Resolver* resolver) {
    std::string host = text;
    const size_t colon = text.rfind(':');
    const bool bracketed = !text.empty() && text.front() == '[';
    if (bracketed) {
      const size_t end = text.find(']');
      if (end == std::string::npos || (end + 1 != text.size() && end + 1 != colon)) return false;
      host = text.substr(1, end - 1);
      if (end + 1 == colon && !ParsePort(text.substr(colon + 1), resolver)) return false;
    } else if (colon != std::string::npos && text.find(':') == colon) {
      host = text.substr(0, colon);
      if (!ParsePort(text.substr(colon + 1), resolver)) return false;
    }
    resolver->family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (bracketed && resolver->family == AF_INET) return false;
    void* address = resolver->family == AF_INET ? static_cast<void*>(&resolver->v4) : &resolver->v6;
    return inet_pton(resolver->family, host.c_str(), address) == 1;
  }

  static bool ParsePort(const std::string& text, Resolver* resolver) {
    return absl::SimpleAtoi(text, &resolver->port) && resolver->port > 0 && resolver->port <= 0xFFFF;
  }
};

// The lookups of one list of names. Lives on the stack of one call; c-ares calls back on the same thread.
class DnsProber::Lookups {
 public:
  Lookups(const DnsProber& prober, const std::vector<std::string>& names)
      : prober_(prober), names_(names), results_(names.size()) {}
  ~Lookups() {
    finishing_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  absl::StatusOr<std::vector<ProbeResult>> Run() {
    if (absl::Status status = Open(); !status.ok()) return status;
    slots_.resize(std::min(prober_.options_.concurrent_max, names_.size()));
    for (Slot& slot : slots_) {
      slot.lookups = this;
      Begin(slot);
    }
    while (under_way_ > 0) {
      if (prober_.cancelled_) return absl::CancelledError("the prober was stopped");
      if (ready_.empty()) {
        Wait();
        continue;
      }
      Slot& slot = *ready_.back();
      ready_.pop_back();
      // May answer before it returns, so answers only ever put slots into ready_.
      ares_query(channel_, slot.name.c_str(), ns_c_in, slot.type, &Lookups::OnAnswer, &slot);
    }
    return std::move(results_);
  }

 private:
  // One lookup: first A, then AAAA, each followed through its aliases.
  struct Slot {
    Lookups* lookups = nullptr;
    size_t index = 0;
    std::string name;  // what is asked for now
    int type = ns_t_a;
    int aliases = 0;
    ProbeCause cause = ProbeCause::kResolved;  // why A failed, while AAAA is asked
  };

  absl::Status Open() {
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH;
    options.timeout = static_cast<int>(absl::ToInt64Milliseconds(prober_.options_.timeout));
    options.tries = prober_.options_.tries;
    options.sock_state_cb = &Lookups::OnSocket;
    options.sock_state_cb_data = this;
    int status = InitialiseLibraryOnce();
    if (status == ARES_SUCCESS) {
      status = ares_init_options(&channel_, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    }
    if (status == ARES_SUCCESS && !prober_.resolvers_.empty()) status = SetResolvers();
    if (status == ARES_SUCCESS) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("DNS cannot be asked: ", ares_strerror(status)));
  }

  int SetResolvers() {
    std::vector<ares_addr_port_node> nodes(prober_.resolvers_.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
      const Resolver& resolver = prober_.resolvers_[i];
      nodes[i] = {};
      nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
      nodes[i].family = resolver.family;
      if (resolver.family == AF_INET) {
        nodes[i].addr.addr4 = resolver.v4;
      } else {
        std::copy(std::begin(resolver.v6.s6_addr), std::end(resolver.v6.s6_addr),
                  reinterpret_cast<uint8_t*>(&nodes[i].addr.addr6));
      }
      nodes[i].udp_port = resolver.port;
      nodes[i].tcp_port = resolver.port;
    }
    return ares_set_servers_ports(channel_, nodes.data());
  }

  // Takes the next name that can be asked for, if there is one.
  void Begin(Slot& slot) {
    while (next_ < names_.size()) {
      slot.index = next_++;
      slot.cause = ProbeCause::kResolved;
      if (Ask(slot, prober_.options_.ask_a ? ns_t_a : ns_t_aaaa)) {
        ++under_way_;
        return;
      }
      results_[slot.index].cause = ProbeCause::kBadName;
    }
  }

  bool Ask(Slot& slot, int type) {
    slot.name = CanonicalDnsName(names_[slot.index]);
    slot.type = type;
    slot.aliases = 0;
    if (slot.name.empty()) return false;
    ready_.push_back(&slot);
    return true;
  }

  static void OnAnswer(void* argument, int status, int /*timeouts*/, unsigned char* bytes, int size) {
    Slot& slot = *static_cast<Slot*>(argument);
    Lookups& lookups = *slot.lookups;
    if (lookups.finishing_) return;
    ProbeCause cause = CauseOf(status);
    if (status == ARES_SUCCESS) {
      DnsAnswer answer =
          ReadDnsAnswer({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)}, slot.name, slot.type);
      slot.aliases += answer.aliases;
      if (answer.kind == DnsAnswer::Kind::kAlias && slot.aliases <= kDnsAliasesMax) {
        slot.name = std::move(answer.target);
        lookups.ready_.push_back(&slot);
        return;
      }
      cause = CauseOf(answer.kind);
    }
    lookups.Conclude(slot, cause);
  }

  static ProbeCause CauseOf(int status) { return retention::CauseOf(status); }
  static ProbeCause CauseOf(DnsAnswer::Kind kind) {
    switch (kind) {
      case DnsAnswer::Kind::kAddress:
        return ProbeCause::kResolved;
      case DnsAnswer::Kind::kNone:
        return ProbeCause::kNoAddress;
      case DnsAnswer::Kind::kAlias:
      case DnsAnswer::Kind::kAliasLoop:
        return ProbeCause::kAliasLoop;
      case DnsAnswer::Kind::kMalformed:
        return ProbeCause::kMalformed;
    }
    return ProbeCause::kMalformed;
  }

  void Conclude(Slot& slot, ProbeCause cause) {
    if (cause != ProbeCause::kResolved) {
      cause = slot.cause = std::max(slot.cause, cause);
      if (slot.type == ns_t_a && prober_.options_.ask_aaaa) {
        Ask(slot, ns_t_aaaa);
        return;
      }
    }
    results_[slot.index].cause = cause;
    --under_way_;
    Begin(slot);
  }

  static void OnSocket(void* argument, ares_socket_t socket, int readable, int writable) {
    Lookups& lookups = *static_cast<Lookups*>(argument);
    const short events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    if (events == 0) {
      lookups.sockets_.erase(socket);
    } else {
      lookups.sockets_[socket] = events;
    }
  }

  // Until a socket, a time-out or Cancel calls.
  void Wait() {
    std::vector<pollfd> polled = {{prober_.wake_, POLLIN, 0}};
    for (const auto& [socket, events] : sockets_) polled.push_back({socket, events, 0});
    timeval longest{kWaitMsMax / 1000, 0};
    timeval buffer{};
    const timeval* wait = ares_timeout(channel_, &longest, &buffer);
    // Rounded up: a wait that ends just before the time-out would spin.
    const auto wait_ms = static_cast<int>(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
    if (poll(polled.data(), polled.size(), wait_ms) < 0) {
      for (pollfd& entry : polled) entry.revents = 0;
    }
    for (size_t i = 1; i < polled.size(); ++i) {
      const short happened = polled[i].revents;
      if (happened == 0) continue;
      const bool read = (happened & (POLLIN | POLLERR | POLLHUP)) != 0;
      ares_process_fd(channel_, read ? polled[i].fd : ARES_SOCKET_BAD,
                      (happened & POLLOUT) != 0 ? polled[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what timed out
  }

  const DnsProber& prober_;
  const std::vector<std::string>& names_;
  std::vector<ProbeResult> results_;
  std::map<ares_socket_t, short> sockets_;
  std::vector<Slot> slots_;  // never grows: c-ares holds pointers
  std::vector<Slot*> ready_;
  size_t next_ = 0;
  size_t under_way_ = 0;
  bool finishing_ = false;
  ares_channel channel_ = nullptr;
};

absl::StatusOr<std::unique_ptr<DnsProber>> DnsProber::Create(Options options) {
  std::vector<Resolver> resolvers(options.resolvers.size());
  if (resolvers.size() > kResolversMax) return InvalidField("resolvers", absl::StrCat("more than ", kResolversMax));
  for (size_t i = 0; i < resolvers.size(); ++i) {
    if (!Resolver::Parse(options.resolvers[i], &resolvers[i])) {
      return InvalidField(absl::StrCat("resolvers[", i, "]"), "not an IP address with or without a port");
    }
  }
  if (!options.ask_a && !options.ask_aaaa) return InvalidField("ask_a", "neither A nor AAAA is to be asked for");
  if (options.timeout < kTimeoutMin || options.timeout > kTimeoutMax) {
    return InvalidField("timeout", "not between 10 ms and 1 min");
  }
  if (options.tries < 1 || options.tries > kTriesMax) {
    return InvalidField("tries", absl::StrCat("not between 1 and ", kTriesMax));
  }
  if (options.concurrent_max < 1 || options.concurrent_max > kConcurrentMax) {
    return InvalidField("concurrent_max", absl::StrCat("not between 1 and ", kConcurrentMax));
  }
  if (options.control_names.size() > kControlNamesMax) {
    return InvalidField("control_names", absl::StrCat("more than ", kControlNamesMax));
  }
  for (size_t i = 0; i < options.control_names.size(); ++i) {
    if (CanonicalDnsName(options.control_names[i]).empty()) {
      return InvalidField(absl::StrCat("control_names[", i, "]"), "not a host name");
    }
  }
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return absl::UnavailableError("no file descriptor is left for the DNS prober");
  return std::unique_ptr<DnsProber>(new DnsProber(std::move(options), std::move(resolvers), wake));
}

DnsProber::DnsProber(Options options, std::vector<Resolver> resolvers, int wake)
    : options_(std::move(options)), resolvers_(std::move(resolvers)), wake_(wake) {}

DnsProber::~DnsProber() { ::close(wake_); }

void DnsProber::Cancel() {
  cancelled_ = true;
  // Never read, so that later rounds end as well.
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
}

absl::StatusOr<std::vector<ProbeResult>> DnsProber::LookUp(const std::vector<std::string>& names) {
  if (cancelled_) return absl::CancelledError("the prober was stopped");
  return Lookups(*this, names).Run();
}

absl::StatusOr<bool> DnsProber::ControlNameResolves() {
  const auto results = LookUp(options_.control_names);
  if (!results.ok()) return results.status();
  return std::any_of(results->begin(), results->end(), [](const ProbeResult& result) { return result.resolved(); });
}

absl::StatusOr<RoundOutcome> DnsProber::Probe(const std::vector<std::string>& names) {
  RoundOutcome round;
  if (names.empty()) return round;
  const bool controlled = !options_.control_names.empty();
  if (controlled) {
    const auto before = ControlNameResolves();
    if (!before.ok()) return before.status();
    round.outage = !*before;
    if (round.outage) return round;
  }
  auto results = LookUp(names);
  if (!results.ok()) return results.status();
  round.results = *std::move(results);
  if (controlled) {
    const auto after = ControlNameResolves();
    if (!after.ok()) return after.status();
    round.outage = !*after;
    return round;
  }
  size_t asked = 0;
  size_t resolved = 0;
  for (const ProbeResult& result : round.results) {
    if (result.cause != ProbeCause::kBadName) ++asked;
    if (result.resolved()) ++resolved;
  }
  round.outage = asked > 0 && resolved == 0;
  return round;
}

}  // namespace retention
