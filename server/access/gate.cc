#include "server/access/gate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

absl::Status RoleMissing() {
  return ErrorWithReason(absl::StatusCode::kPermissionDenied, "ROLE_MISSING", "no role of the caller has this method");
}

// Of a peer that has shown no certificate that can be looked at.
absl::Status NothingShown() {
  return ErrorWithReason(absl::StatusCode::kUnauthenticated, "CERTIFICATE_UNTRUSTED", "a client certificate is needed");
}

std::string KeyOf(const PeerEvidence& evidence) {
  if (evidence.kind == Principal::Kind::kCertificate) return std::string(evidence.chain);
  return Principal{.kind = evidence.kind, .uid = evidence.uid}.Name();
}

}  // namespace

void Gate::SetRoles(std::shared_ptr<const Roles> roles) {
  const MutexLock lock(mutex_);
  Change({.roles = std::move(roles), .trust = known_.trust});
}

void Gate::SetTrust(std::shared_ptr<const Trust> trust) {
  const MutexLock lock(mutex_);
  Change({.roles = known_.roles, .trust = std::move(trust)});
}

void Gate::Change(Known known) {
  known.generation = known_.generation + 1;
  known_ = std::move(known);
  peers_.clear();
  generation_.store(known_.generation);
}

bool Gate::has_roles() const {
  const MutexLock lock(mutex_);
  return known_.roles != nullptr;
}

absl::Status Gate::CheckCertificate(std::string_view chain, absl::Time now) const {
  std::shared_ptr<const Trust> trust;
  {
    const MutexLock lock(mutex_);
    trust = known_.trust;
  }
  return trust == nullptr ? NothingShown() : trust->Verify(chain, now).status();
}

absl::StatusOr<Admission> Gate::Admit(const PeerEvidence& evidence, const MethodRow& method, absl::Time now) {
  Known known;
  std::string key = KeyOf(evidence);
  {
    const MutexLock lock(mutex_);
    known = known_;
    const auto peer = peers_.find(key);
    if (peer != peers_.end() && now < peer->second.expires) {
      const auto grant = peer->second.grants.find(&method);
      if (grant != peer->second.grants.end()) {
        if (!grant->second.has_value()) return RoleMissing();
        return Admission{.method = &method,
                         .principal = peer->second.principal.Name(),
                         .role = grant->second->role,
                         .scope = grant->second->scope,
                         .expires = peer->second.expires,
                         .generation = known.generation,
                         .kind = evidence.kind,
                         .uid = evidence.uid};
      }
    }
  }
  // Looked at without the mutex: certificates cost.
  ClientCertificate client{.principal = {.kind = evidence.kind, .uid = evidence.uid},
                           .expires = absl::InfiniteFuture()};
  if (evidence.kind == Principal::Kind::kCertificate) {
    if (known.trust == nullptr) return NothingShown();
    auto verified = known.trust->Verify(evidence.chain, now);
    if (!verified.ok()) return verified.status();
    client = *std::move(verified);
  }
  Admission admission{.method = &method,
                      .principal = client.principal.Name(),
                      .expires = client.expires,
                      .generation = known.generation,
                      .kind = evidence.kind,
                      .uid = evidence.uid};
  if (known.roles == nullptr) return admission;
  const std::optional<Grant> grant = known.roles->Find(client.principal, method);
  {
    const MutexLock lock(mutex_);
    if (known_.generation == known.generation) {
      if (peers_.size() >= kMaxPeers && !peers_.contains(key)) peers_.clear();
      Peer& peer = peers_[std::move(key)];
      peer.principal = std::move(client.principal);
      peer.expires = client.expires;
      peer.grants[&method] = grant;
    }
  }
  if (!grant.has_value()) return RoleMissing();
  admission.role = grant->role;
  admission.scope = grant->scope;
  return admission;
}

absl::Status Gate::Renew(Admission& admission, absl::Time now) {
  if (admission.generation == generation_.load() && now < admission.expires) return absl::OkStatus();
  auto again = Admit({.kind = admission.kind, .uid = admission.uid, .chain = admission.chain}, *admission.method, now);
  if (!again.ok()) return again.status();
  again->chain = std::move(admission.chain);
  admission = *std::move(again);
  return absl::OkStatus();
}

}  // namespace retention
