#include "server/rpc/admission.h"

#include <arpa/inet.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <netinet/in.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/errors.h"
#include "server/base/time_source.h"
#include "server/rows/pbx_registry.h"
#include "server/rpc/connections.h"

namespace retention {
namespace {

std::string_view PropertyOf(const grpc::AuthContext& context, const char* name) {
  const auto values = context.FindPropertyValues(name);
  return values.empty() ? std::string_view() : std::string_view(values.front().data(), values.front().size());
}

// Holds what the evidence points into.
struct Shown {
  std::string chain;
  PeerEvidence evidence;
};

Shown EvidenceOf(const grpc::ServerContextBase& context) {
  Shown shown;
  if (const auto peer = context.auth_context(); peer != nullptr) {
    const std::string_view certificate = PropertyOf(*peer, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (!certificate.empty()) {
      shown.chain = ChainOf(certificate, PropertyOf(*peer, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME));
      shown.evidence.kind = Principal::Kind::kCertificate;
      return shown;
    }
    const std::string_view uid = PropertyOf(*peer, kUidProperty);
    if (uint32_t number = 0; absl::SimpleAtoi(absl::string_view(uid.data(), uid.size()), &number)) {
      shown.evidence = {.kind = Principal::Kind::kUnix, .uid = number};
      return shown;
    }
  }
  // "ipv4:127.0.0.1:50123", "ipv6:%5B::1%5D:50123".
  const std::string peer = context.peer();
  const bool is_local = absl::StartsWith(peer, "ipv4:127.") || absl::StartsWith(peer, "ipv6:%5B::1%5D:") ||
                        absl::StartsWith(peer, "ipv6:[::1]:");
  shown.evidence.kind = is_local ? Principal::Kind::kLoopback : Principal::Kind::kNetwork;
  return shown;
}

ControllerOf ControllersIn(const Backend& backend) {
  return [&backend](std::string_view pbx_id) { return backend.pbxs.ControllerOf(pbx_id, backend.Now()); };
}

}  // namespace

// The chain as a server sees it lacks the peer's own.
std::string ChainOf(std::string_view certificate, std::string_view chain) {
  std::string all(certificate);
  all += '\n';
  all += chain;
  return all;
}

absl::StatusOr<Admission> Admit(const Backend& backend, const grpc::ServerContextBase& context,
                                const MethodRow& method) {
  Shown shown = EvidenceOf(context);
  shown.evidence.chain = shown.chain;
  return backend.gate.Admit(shown.evidence, method, MachineTime().Wall());
}

absl::StatusOr<Admission> AdmitStream(const Backend& backend, const grpc::ServerContextBase& context,
                                      const MethodRow& method) {
  Shown shown = EvidenceOf(context);
  shown.evidence.chain = shown.chain;
  auto admission = backend.gate.Admit(shown.evidence, method, MachineTime().Wall());
  if (admission.ok()) admission->chain = std::move(shown.chain);
  return admission;
}

absl::Status Renew(const Backend& backend, Admission& admission) {
  return backend.gate.Renew(admission, MachineTime().Wall());
}

absl::Status CheckScope(const Backend& backend, const Admission& admission, const google::protobuf::Message& request) {
  if (admission.scope == nullptr) return absl::OkStatus();
  return admission.scope->Check(admission.method->scope, request, ControllersIn(backend));
}

absl::StatusOr<std::optional<Actor>> BeginAct(const Backend& backend, const Admission& admission) {
  if (!admission.role.has_value()) return std::nullopt;
  Actor actor{.role = std::string(NameOf(*admission.role)), .principal = {}};
  auto id = backend.principals->IdOf(admission.principal);
  if (!id.ok() && *admission.role != Role::kPortal) return id.status();
  if (id.ok()) actor.principal = *std::move(id);
  const MethodRow& method = *admission.method;
  if (!method.reads.empty() && IsAudited(*admission.role)) {
    if (absl::Status s = backend.read_audit.Note(actor, method.reads, backend.Now()); !s.ok()) return s;
  }
  if (!method.act.empty()) {
    stored::v1::LedgerEntry entry;
    entry.set_kind(stored::v1::LedgerEntry::KIND_ACT);
    entry.set_role(actor.role);
    entry.set_principal(actor.principal);
    entry.set_reason(std::string(method.act));
    const absl::Status entered = backend.commands.Do([&](Change& change) {
      change.Enter(entry);
      return absl::OkStatus();
    });
    if (!entered.ok()) {
      return ErrorWithReason(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE",
                             "what is asked for cannot be entered in the ledger, so it is not done");
    }
  }
  return actor;
}

absl::Status CountCall(const Backend& backend, const grpc::ServerContextBase& context, const MethodRow& method) {
  if (method.cost == CallCost::kUnlimited) return absl::OkStatus();
  const absl::Duration now = absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  return backend.rates->Count(PeerOf(context), method.cost, now);
}

std::string PeerOf(const grpc::ServerContextBase& context) {
  if (const auto shown = context.auth_context(); shown != nullptr) {
    const std::string_view certificate = PropertyOf(*shown, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (!certificate.empty()) {
      return absl::StrCat("certificate:", absl::Hex(std::hash<std::string_view>()(certificate)));
    }
    const std::string_view uid = PropertyOf(*shown, kUidProperty);
    if (!uid.empty()) return absl::StrCat("unix:uid=", absl::string_view(uid.data(), uid.size()));
  }
  // "ipv4:127.0.0.1:50123", "ipv6:%5B::1%5D:50123".
  const std::string peer = context.peer();
  absl::string_view text = peer;
  text = text.substr(0, text.rfind(':'));
  sockaddr_storage address{};
  if (!absl::ConsumePrefix(&text, "ipv6:")) return std::string(text);
  if (!absl::ConsumePrefix(&text, "[")) absl::ConsumePrefix(&text, "%5B");
  if (!absl::ConsumeSuffix(&text, "]")) absl::ConsumeSuffix(&text, "%5D");
  address.ss_family = AF_INET6;
  ::inet_pton(AF_INET6, std::string(text).c_str(), &reinterpret_cast<sockaddr_in6&>(address).sin6_addr);
  return PeerAt(address).name;
}

Opener OpenerOf(const Admission& admission) {
  const bool all = !admission.role.has_value() || *admission.role == Role::kRightsDesk;
  return all ? Opener::kEngine : Opener::kReader;
}

absl::StatusOr<bool> Reaches(const Backend& backend, const Admission& admission, std::string_view pbx_id) {
  if (admission.scope == nullptr) return true;
  return admission.scope->Has(pbx_id, ControllersIn(backend));
}

}  // namespace retention
