// The gate as calls pass it: what gRPC knows of the peer, and what a handler is told of the caller.
#ifndef RETENTION_SERVER_RPC_ADMISSION_H_
#define RETENTION_SERVER_RPC_ADMISSION_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/gate.h"
#include "server/base/acting.h"
#include "server/rpc/backend.h"
#include "storage/secrets/vault.h"

namespace retention {

// Of the peer's uid, for who comes over a Unix socket: the name of the property in which the listener says it.
inline constexpr char kUidProperty[] = "retention_uid";

// A certificate and what leads from it to an authority, as gRPC gives them, as one.
std::string ChainOf(std::string_view certificate, std::string_view chain);

// Errors of Gate::Admit.
absl::StatusOr<Admission> Admit(const Backend& backend, const grpc::ServerContextBase& context,
                                const MethodRow& method);
// The same for a stream: the admission can be renewed.
absl::StatusOr<Admission> AdmitStream(const Backend& backend, const grpc::ServerContextBase& context,
                                      const MethodRow& method);
// Errors of Gate::Renew.
absl::Status Renew(const Backend& backend, Admission& admission);

// Whether a request stays within what its caller may reach: see Scope::Check.
absl::Status CheckScope(const Backend& backend, const Admission& admission, const google::protobuf::Message& request);
// For whom what follows is done. Before it returns it is entered that somebody reads what is held of people, or does
// what has no entry of its own, if the method's row says so. Nothing where no roles are in force. UNAVAILABLE with
// reason AUDIT_UNAVAILABLE if that, or who it is, cannot be written down; of a portal it then says the role alone.
absl::StatusOr<std::optional<Actor>> BeginAct(const Backend& backend, const Admission& admission);
// Counts a call among those that its caller may make in a time. Errors of CallRates::Count.
absl::Status CountCall(const Backend& backend, const grpc::ServerContextBase& context, const MethodRow& method);
// Whose share of everything a call takes: a certificate, a uid, else an address.
std::string PeerOf(const grpc::ServerContextBase& context);

// For whom envelopes are opened: what is restricted (GDPR article 18) is there for the rights desk alone, and for
// everybody where no roles are in force.
Opener OpenerOf(const Admission& admission);

// Whether a PBX is within what a caller may reach: one that is not known is not.
absl::StatusOr<bool> Reaches(const Backend& backend, const Admission& admission, std::string_view pbx_id);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_ADMISSION_H_
