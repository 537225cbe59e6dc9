// role_check_p99: what the gate costs a call, with a thousand rules and a certificate.
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "server/access/gate.h"
#include "tests/bench/bench_engine.h"

namespace retention {
namespace {

std::string PemIn(const std::string& directory, const std::string& file) {
  std::ifstream stream(directory + "/" + file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

void BenchAccess(const BenchOptions& options, const std::string& certificates) {
  std::string rules;
  for (int i = 0; i + 1 < Roles::kMaxRules; ++i) {
    absl::StrAppend(&rules, R"({"name": "operator", "source": {"principals": ["spiffe://else.example/)", i, "\"]}},");
  }
  absl::StrAppend(&rules, R"({"name": "portal", "source": {"principals": ["spiffe://retention.example/portal"]}})");
  Gate gate;
  gate.SetRoles(std::make_shared<const Roles>(
      OrDie(Roles::FromJson(absl::StrCat(R"({"name": "bench", "allow_rules": [)", rules, "]}")), "roles")));
  gate.SetTrust(OrDie(Trust::FromPem(PemIn(certificates, "ca.pem"), PemIn(certificates, "crl.pem")), "trust"));
  const std::string chain = PemIn(certificates, "portal.pem") + PemIn(certificates, "ca.pem");
  const PeerEvidence evidence{.kind = Principal::Kind::kCertificate, .chain = chain};
  std::vector<double> microseconds;
  const int calls = options.quick ? 100'000 : 1'000'000;
  const Stopwatch first;
  OrDie(gate.Admit(evidence, RowOf<v1::RecordEventsRequest>(), absl::Now()).status(), "Admit");
  const double first_us = first.Seconds() * 1e6;
  for (int i = 0; i < calls; ++i) {
    const Stopwatch checking;
    const auto admission = gate.Admit(evidence, RowOf<v1::RecordEventsRequest>(), absl::Now());
    microseconds.push_back(checking.Seconds() * 1e6);
    OrDie(admission.status(), "Admit");
  }
  Remark(absl::StrCat("role check: the first of a certificate ", first_us, " us, then median ",
                      Percentile(microseconds, 0.5), " us"));
  Report("role_check_p99", Percentile(microseconds, 0.99), "us");
}

}  // namespace retention
