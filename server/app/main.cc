// The server as a program: flags in, one line when it serves, and an orderly end on SIGTERM or SIGINT.
//
// Exit codes: 0 after an orderly end, 1 if it cannot start, 2 for wrong usage.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/app/process.h"
#include "server/app/server.h"
#include "server/ops/log.h"
#include "server/rpc/library_log.h"
#include "text/length_of_time.h"

namespace retention {
namespace {

// What --metrics-address says for "nowhere": an empty argument is lost on too many ways to a command line.
constexpr char kOff[] = "off";
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
// How long calls under way may take once the end was asked for.
constexpr absl::Duration kShutdownGrace = absl::Seconds(10);

// "system", "simulated" or "simulated:2026-01-05T08:00:00+01:00".
std::string ReadClock(const std::string& text, std::optional<absl::Time>& simulated_start) {
  absl::string_view rest = text;
  if (text == "system") return "";
  if (!absl::ConsumePrefix(&rest, "simulated")) return "--clock: `system` or `simulated[:START]`";
  if (rest.empty()) {
    simulated_start = absl::InfinitePast();
    return "";
  }
  absl::Time start;
  std::string error;
  if (!absl::ConsumePrefix(&rest, ":") || !absl::ParseTime(absl::RFC3339_full, rest, &start, &error)) {
    return "--clock: START is a time as 2026-01-05T08:00:00+01:00";
  }
  simulated_start = start;
  return "";
}

// A check that reads a length of time ("90m") within bounds.
CLI::Option* AddDuration(CLI::App& app, const char* name, absl::Duration& value, absl::Duration min, absl::Duration max,
                         const char* help) {
  const auto read = [&value, min, max, name](const std::string& text) {
    const auto length = ParseLength(text);
    if (!length.ok()) throw CLI::ValidationError(name, std::string(length.status().message()));
    if (*length < min || *length > max) {
      throw CLI::ValidationError(name, "from " + WriteLength(min) + " to " + WriteLength(max));
    }
    value = *length;
  };
  return app.add_option_function<std::string>(name, read, help)->type_name("DURATION")->default_str(WriteLength(value));
}

struct Flags {
  ServerOptions options;
  std::string clock = "system";
  std::string clock_trust = "kernel";
  std::string dns = "auto";
  std::vector<std::string> dns_resolvers;
  std::vector<std::string> dns_control_names;
  uint64_t ballast_mib = Ballast::kDefaultBytes >> 20;
  uint64_t block_cache_mib = RocksDbOptions().block_cache_bytes >> 20;
  uint64_t memtable_mib = RocksDbOptions().memtable_bytes >> 20;
  uint64_t backup_rate_mib = 0;
};

void Declare(CLI::App& app, Flags& flags) {
  ServerOptions& options = flags.options;
  const auto address = [](const std::string& text) {
    const bool given = text.rfind(':') != std::string::npos && text.rfind(':') + 1 < text.size();
    return given ? std::string() : std::string("an address is HOST:PORT");
  };
  const auto address_or_off = [address](const std::string& text) {
    return text == kOff ? std::string() : address(text);
  };
  options.metrics_address = "127.0.0.1:9464";
  app.add_option(
         "--listen", options.listen_addresses,
         "Where gRPC is served, once or more: HOST:PORT (port 0: any free one) or unix:/PATH. Plain on loopback "
         "and Unix sockets alone; with --tls-cert every port speaks TLS")
      ->type_name("ADDRESS")
      ->delimiter(',')
      ->capture_default_str();
  app.add_flag("--insecure-listen", options.insecure_listen,
               "Listen on plain ports that are not on loopback: whoever reaches them reads along");
  TlsFiles& tls = options.access.tls;
  app.add_option("--tls-cert", tls.certificate, "Certificate chain of the server, PEM; read again when it changes")
      ->type_name("FILE");
  app.add_option("--tls-key", tls.key, "Its private key, PEM (mode 0600)")->type_name("FILE");
  app.add_option("--tls-client-ca", tls.client_ca, "Authorities that sign the certificates of clients, PEM")
      ->type_name("FILE");
  app.add_option("--tls-crl", tls.crl, "What those have revoked: a list of each of them, PEM")->type_name("FILE");
  app.add_option("--roles", options.access.roles,
                 "Who may call what, as JSON; read again when it changes. Without: whoever reaches the server may all")
      ->type_name("FILE");
  app.add_option(
         "--principals", options.principals_file,
         "Register of callers (mode 0600; made if missing): whose the opaque ids of the ledger are. Who deletes "
         "lines of it has the ledger name nobody")
      ->type_name("FILE");
  app.add_option("--data-dir", options.data_directory, "Directory of the store; made if missing")
      ->type_name("DIR")
      ->required();
  app.add_option("--key-ring-dir", options.key_ring_directory,
                 "Directory of the key ring, outside the data directory and outside its backups; made if missing")
      ->type_name("DIR")
      ->required();
  app.add_option("--key-ring-replica-dir", options.second_key_ring_directory,
                 "Directory of the key ring's second replica, best on another volume; else beside the first")
      ->type_name("DIR");
  app.add_flag("--accept-lower-replica", options.accept_lower_replica,
               "Go on with one replica of the key ring though the other is missing or damaged, and is the later or "
               "nothing tells which is, or with a ring that is known not to be the last one: what was destroyed last "
               "may come back");
  app.add_flag(
      "--accept-data-loss", options.accept_data_loss,
      "Go on with a data directory that lacks what was acknowledged, because an older copy is in its place or "
      "its log is damaged, or tables of it are missing; the ledger is completed from its copy, and the loss is "
      "entered, but that of tables is logged alone. Not to be left on");
  app.add_option(
         "--ledger-origin", options.ledger_origin,
         "Name of the ledger in its checkpoints, best a host and path of yours, as `retention.example.org/ledger`; "
         "a change begins another line of checkpoints. Default: retention/ and the store's number")
      ->type_name("NAME");
  RingKeyOptions& keys = options.ring_keys;
  app.add_option("--ring-wrapping-key-file", keys.wrapping_key_file,
                 "Key of 32 bytes (mode 0600) without which the key ring opens nothing; keep it elsewhere")
      ->type_name("FILE");
  app.add_option("--ring-wrapping-credential", keys.wrapping_credential, "The same as a credential of systemd")
      ->type_name("NAME");
  app.add_option("--ring-root-file", keys.root_file,
                 "Root of the key ring that is changed when something was destroyed, so that no image of the ring from "
                 "before opens it: in a file on another volume; made if missing")
      ->type_name("FILE");
  app.add_option("--ring-root-pkcs11", keys.root_pkcs11.module, "The same in a PKCS#11 token: its module")
      ->type_name("FILE");
  app.add_option("--ring-root-pkcs11-token", keys.root_pkcs11.token, "Label of the token")->type_name("LABEL");
  app.add_option("--ring-root-pkcs11-pin-file", keys.root_pkcs11.pin_file, "File with its PIN (mode 0600)")
      ->type_name("FILE");
  app.add_option("--ring-root-tpm", keys.root_tpm.tcti,
                 "The same in the non-volatile memory of a TPM 2.0, as device:/dev/tpmrm0 (tss2-tctildr(7))")
      ->type_name("TCTI");
  app.add_option("--ring-root-tpm-nv", keys.root_tpm.index, "The first of its two NV indexes")
      ->type_name("INDEX")
      ->default_str("0x01500016");
  app.add_option("--policy", options.policy_file,
                 "Policy that a new store begins with; another one has its own until a new version is applied")
      ->type_name("FILE")
      ->required();
  app.add_option("--metrics-address", options.metrics_address, "Where Prometheus reads /metrics; `off`: nowhere")
      ->type_name("HOST:PORT")
      ->check(address_or_off)
      ->capture_default_str();
  SyslogOptions& syslog = options.syslog;
  app.add_option("--syslog-udp", syslog.udp,
                 "Receive log lines (RFC 5424) over UDP, on a loopback address; off unless given")
      ->type_name("HOST:PORT");
  app.add_option("--syslog-tcp", syslog.tcp, "The same over TCP (RFC 6587), on a loopback address")
      ->type_name("HOST:PORT");
  app.add_option("--syslog-tls", syslog.tls, "The same over TLS (RFC 5425), on any address")->type_name("HOST:PORT");
  app.add_option("--syslog-tls-cert", syslog.tls_certificate, "Certificate chain for --syslog-tls, PEM")
      ->type_name("FILE");
  app.add_option("--syslog-tls-key", syslog.tls_key, "Its private key, PEM")->type_name("FILE");
  app.add_option("--syslog-tls-ca", syslog.tls_client_ca,
                 "Senders need a certificate signed by one of these, PEM; without: anybody may send")
      ->type_name("FILE");
  app.add_option("--clock", flags.clock,
                 "`system`, or `simulated[:START]`: stands still until moved by ClockService; at START (RFC 3339), or, "
                 "by default or if that is later, where the store's was (a new store's: now)")
      ->type_name("CLOCK")
      ->capture_default_str();
  app.add_option("--clock-trust", flags.clock_trust,
                 "Who vouches for the machine's clock: `kernel`, which says whether NTP keeps it right; `wall`: nobody "
                 "need, where the kernel of a virtual machine never says so. A wrong clock then destroys early")
      ->check(CLI::IsMember({"kernel", "wall"}))
      ->capture_default_str();
  app.add_option(
         "--dns", flags.dns,
         "Whether the FQDNs of PBXs are looked up once a day, so that a PBX whose name has not resolved for the "
         "policy's period ends: `on`, `off`, `auto`: unless the clock is simulated")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  app.add_option("--dns-resolvers", flags.dns_resolvers, "Resolvers to ask (default: those of /etc/resolv.conf)")
      ->type_name("IP[:PORT],...")
      ->delimiter(',');
  app.add_option("--dns-control-names", flags.dns_control_names,
                 "Names that are known to resolve: if none does, the fault is ours, and the day counts for nobody "
                 "(default: if no PBX resolves)")
      ->type_name("FQDN,...")
      ->delimiter(',');
  AddDuration(app, "--lead-window", options.lead_window, absl::Minutes(1), absl::Hours(24),
              "How long before its due instant a day is closed and prepared");
  AddDuration(app, "--purge-bound", options.purge_bound, absl::Seconds(1), absl::Hours(24),
              "Within this time no byte of a purged value is left");
  ServerOptions::Backups& backups = options.backups;
  app.add_option(
         "--backup-directory", backups.directory,
         "Where backups of the data are made, and deleted when they are older than the policy lets them be; best "
         "on another volume. The key ring is in none: without it a backup opens nothing. Off unless given")
      ->type_name("DIR");
  AddDuration(app, "--backup-interval", backups.interval, absl::ZeroDuration(), absl::Hours(24 * 30),
              "How often one is made; 0: only by `retentionctl backup create`");
  AddDuration(app, "--backup-overdue-after", backups.overdue_after, absl::Minutes(1), absl::Hours(24 * 60),
              "Health `backup` is NOT_SERVING when the youngest is older");
  app.add_option("--backup-rate-mib", flags.backup_rate_mib, "How fast they are written, in MiB a second; 0: no limit")
      ->type_name("MIB")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  app.add_option(
         "--ballast-mib", flags.ballast_mib,
         "Room on the data's volume that is kept for when it is full, so that what is due can end all the same; "
         "at most an eighth of it; 0: none. In MiB")
      ->type_name("MIB")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  app.add_option("--block-cache-mib", flags.block_cache_mib, "Memory for data blocks, in MiB")
      ->type_name("MIB")
      ->check(CLI::Range(8, 65536))
      ->capture_default_str();
  app.add_option("--memtable-mib", flags.memtable_mib, "Memory for rows not yet in files, in MiB")
      ->type_name("MIB")
      ->check(CLI::Range(8, 65536))
      ->capture_default_str();
}

int Serve(ServerOptions options) {
  TakeLibraryLogs();
  if (absl::Status status = ForbidDumps(); !status.ok()) Log(Severity::kWarning, std::string(status.message()));
  // Blocked before any thread starts, so that the signals come to this one.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);

  if (options.metrics_address == kOff) options.metrics_address.clear();
  auto server = Server::Start(std::move(options));
  if (!server.ok()) {
    Log(Severity::kError, "the server cannot start", {{"status", DescribeStatus(server.status())}});
    return kExitFailed;
  }
  for (const std::string& address : (*server)->addresses()) std::printf("listening on %s\n", address.c_str());
  if ((*server)->metrics_port() != 0) std::printf("metrics on port %d\n", (*server)->metrics_port());
  if (const SyslogReceiver* syslog = (*server)->syslog()) {
    const std::pair<const char*, int> ports[] = {
        {"udp", syslog->udp_port()}, {"tcp", syslog->tcp_port()}, {"tls", syslog->tls_port()}};
    for (const auto& [transport, port] : ports) {
      if (port != 0) std::printf("syslog over %s on port %d\n", transport, port);
    }
  }
  std::fflush(stdout);

  int number = 0;
  sigwait(&ends, &number);
  // A second signal ends the process as it would any other.
  pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
  Log(Severity::kInfo, "shutting down");
  (*server)->Shutdown(kShutdownGrace);
  server->reset();
  Log(Severity::kInfo, "shut down");
  return 0;
}

int Main(int argc, char** argv) {
  RaiseDescriptorsMax();  // before it is looked how many connections that is enough for
  CLI::App app("Keeps the values of meetings until their due days, and not a moment longer.", "retention_server");
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
    if (const std::string error = ReadClock(flags.clock, flags.options.simulated_start); !error.empty()) {
      throw CLI::ValidationError(error);
    }
    if (absl::Status status = CheckOptions(flags.options); !status.ok()) {
      throw CLI::ValidationError(std::string(status.message()));
    }
    if (absl::Status status = CheckSyslogOptions(flags.options.syslog); !status.ok()) {
      throw CLI::ValidationError(std::string(status.message()));
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (flags.clock_trust == "wall") flags.options.clock_trust = GuardedClock::Trust::kWall;
  const bool simulated = flags.options.simulated_start.has_value();
  if (flags.dns == "on" || (flags.dns == "auto" && !simulated)) {
    flags.options.dns.emplace();
    flags.options.dns->resolvers = flags.dns_resolvers;
    flags.options.dns->control_names = flags.dns_control_names;
  }
  flags.options.backups.engine.bytes_per_second = flags.backup_rate_mib << 20;
  flags.options.ballast_bytes = flags.ballast_mib << 20;
  flags.options.store.block_cache_bytes = flags.block_cache_mib << 20;
  flags.options.store.memtable_bytes = flags.memtable_mib << 20;
  return Serve(std::move(flags.options));
}

}  // namespace
}  // namespace retention

int main(int argc, char** argv) { return retention::Main(argc, argv); }
