// Who may reach the server, and where: what a start looks at before it makes anything. And whom the server asks.
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/app/explain.h"
#include "server/app/server.h"
#include "server/ops/log.h"
#include "server/rpc/tls_identity.h"

namespace retention {

absl::Status Server::ProbeAddresses() {
  for (const std::string& text : options_.listen_addresses) {
    const ListenAddress& address = addresses_.emplace_back(*ParseListenAddress(text));
    if (absl::Status status = ProbeAddress("--listen", address); !status.ok()) return status;
    if (address.is_unix() || address.is_loopback || !options_.access.tls.empty()) continue;
    Log(Severity::kWarning, "a port that is not on loopback is plain: whoever reaches it reads along",
        {{"address", address.text}});
  }
  const std::tuple<const char*, const std::string*, Probed> others[] = {
      {"--metrics-address", &options_.metrics_address, Probed::kTcp},
      {"--syslog-tcp", &options_.syslog.tcp, Probed::kTcp},
      {"--syslog-tls", &options_.syslog.tls, Probed::kTcp},
      {"--syslog-udp", &options_.syslog.udp, Probed::kUdp}};
  for (const auto& [flag, text, transport] : others) {
    if (text->empty()) continue;
    const auto address = ParseListenAddress(*text);
    if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat(flag, " ", address.status().message()));
    if (absl::Status status = ProbeAddress(flag, *address, transport); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Server::OpenProber() {
  if (!options_.dns.has_value()) return absl::OkStatus();
  auto prober = DnsProber::Create(*options_.dns);
  if (!prober.ok()) return Explain("DNS", prober.status());
  dns_prober_ = *std::move(prober);
  return absl::OkStatus();
}

absl::Status Server::StartProbing() {
  if (dns_prober_ == nullptr) return absl::OkStatus();
  DnsLoopCallbacks callbacks;
  callbacks.subjects = [this]() -> absl::StatusOr<std::vector<ProbeSubject>> {
    std::vector<ProbeSubject> subjects;
    for (const auto& [pbx, day] : engine_->holdings().registry.Named()) subjects.push_back({pbx, day.civil()});
    return subjects;
  };
  callbacks.names = [this](const std::vector<PbxId>& pbxs) -> absl::StatusOr<std::vector<ProbeName>> {
    std::vector<ProbeName> names;
    for (const PbxId& pbx : pbxs) {
      auto fqdn = pbxs_->FqdnOf(pbx);
      if (!fqdn.ok()) return fqdn.status();
      if (!fqdn->Reveal().empty()) names.push_back({pbx, *std::move(fqdn)});
    }
    return names;
  };
  callbacks.report = [this](const std::vector<ProbeReport>& reports, absl::Time now) {
    std::vector<Probe> probes;
    for (const ProbeReport& report : reports) probes.push_back({report.id, report.resolved});
    return Commands(*committer_, engine_->writer()).Do([&](Change& change) {
      return engine_->domains().pbxs.CountProbes(probes, now, change);
    });
  };
  dns_loop_ = std::make_unique<DnsLoop>(*dns_prober_, DnsSchedule({.zone = engine_->holdings().policy().zone()}),
                                        std::move(callbacks), clock_, metrics_, DnsLoop::Options{});
  return absl::OkStatus();
}

absl::Status Server::OpenAccess() {
  auto files = AccessFiles::Open(options_.access, gate_);
  if (!files.ok()) return files.status();
  access_files_ = *std::move(files);
  if (!options_.principals_file.empty()) {
    auto principals = Principals::Open(options_.principals_file, SystemRandom());
    if (!principals.ok()) return principals.status();
    principals_ = *std::move(principals);
  }
  if (options_.access.tls.empty()) return absl::OkStatus();
  const TlsMaterial tls = access_files_->tls();
  auto identity = TlsIdentity::Create(tls.identity, tls.authorities);
  if (!identity.ok()) return identity.status();
  tls_identity_ = *std::move(identity);
  return absl::OkStatus();
}

absl::Status Server::Enter(const std::vector<stored::v1::LedgerEntry>& entries) {
  return Commands(*committer_, engine_->writer()).Do([&](Change& change) {
    for (const stored::v1::LedgerEntry& entry : entries) change.Enter(entry);
    return absl::OkStatus();
  });
}

void Server::EnterAccess(const char* what) {
  stored::v1::LedgerEntry entry;
  entry.set_kind(stored::v1::LedgerEntry::KIND_ACCESS_CHANGED);
  entry.set_reason(what);
  if (absl::Status status = Enter({entry}); !status.ok()) {
    Log(Severity::kError, "other roles or certificates could not be entered in the ledger",
        {{"status", DescribeStatus(status)}});
  }
}

void Server::StartAccess() {
  access_files_->Start({.on_tls =
                            [this](const TlsMaterial& tls) {
                              absl::Status status = tls_identity_->Replace(tls.identity, tls.authorities);
                              if (status.ok()) EnterAccess("CERTIFICATES");
                              return status;
                            },
                        .on_roles = [this] { EnterAccess("ROLES"); },
                        // What could not be entered is tried again.
                        .on_look = [this] { read_audit_->Close(clock_.Now()).IgnoreError(); }});
}

}  // namespace retention
