// The gate: who calls, in which role, and how far it reaches. Asked at the begin of every call, and again while a
// stream goes on.
#ifndef RETENTION_SERVER_ACCESS_GATE_H_
#define RETENTION_SERVER_ACCESS_GATE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/method_table.h"
#include "server/access/principal.h"
#include "server/access/roles.h"
#include "server/access/trust.h"
#include "storage/mutex.h"

namespace retention {

// What a connection shows of its peer.
struct PeerEvidence {
  Principal::Kind kind = Principal::Kind::kNetwork;
  uid_t uid = 0;           // kUnix
  std::string_view chain;  // kCertificate: PEM, the peer's first
};

// One caller, one method: that it may.
struct Admission {
  const MethodRow* method = nullptr;
  std::string principal;               // its name
  std::optional<Role> role;            // none where no roles are in force
  std::shared_ptr<const Scope> scope;  // null: everything that the role reaches
  absl::Time expires = absl::InfiniteFuture();
  uint64_t generation = 0;  // of what the gate knew
  // To ask again.
  Principal::Kind kind = Principal::Kind::kNetwork;
  uid_t uid = 0;
  std::string chain;  // set by who keeps it for a stream
};

// Thread-safe.
class Gate {
 public:
  // Peers that are remembered, so that a call costs no look at a certificate.
  static constexpr size_t kMaxPeers = 4096;

  // Until it is told otherwise: no roles are in force, and no certificate is believed.
  Gate() = default;

  // From now on, for every call and every stream that is open. Null roles: whoever reaches the server may all.
  void SetRoles(std::shared_ptr<const Roles> roles);
  void SetTrust(std::shared_ptr<const Trust> trust);
  bool has_roles() const;

  // UNAUTHENTICATED with a reason of Trust::Verify; PERMISSION_DENIED with reason ROLE_MISSING.
  absl::StatusOr<Admission> Admit(const PeerEvidence& evidence, const MethodRow& method, absl::Time now);
  // Whether it still may, in the same role and scope or others, which `admission` then has. The same errors. Cheap
  // while nothing has changed.
  absl::Status Renew(Admission& admission, absl::Time now);

  // What a handshake asks: whether a client certificate is believed.
  absl::Status CheckCertificate(std::string_view chain, absl::Time now) const;

 private:
  struct Known {
    std::shared_ptr<const Roles> roles;
    std::shared_ptr<const Trust> trust;
    uint64_t generation = 0;
  };
  struct Peer {
    Principal principal;
    absl::Time expires;
    std::map<const MethodRow*, std::optional<Grant>> grants;
  };
  void Change(Known known) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<uint64_t> generation_ = 1;
  mutable Mutex mutex_;
  Known known_ ABSL_GUARDED_BY(mutex_){.generation = 1};
  absl::flat_hash_map<std::string, Peer> peers_ ABSL_GUARDED_BY(mutex_);  // by kind, and uid or chain
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_GATE_H_
