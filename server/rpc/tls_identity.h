// The server's own certificate, and the authorities of its clients, as gRPC is given them.
#ifndef RETENTION_SERVER_RPC_TLS_IDENTITY_H_
#define RETENTION_SERVER_RPC_TLS_IDENTITY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace grpc {
class ServerCredentials;
}

namespace retention {

class Gate;

// gRPC watches files, and breaks off what it has when they are broken, or half replaced. So it is shown files in
// memory alone, in which only what was found to fit together is put. Thread-safe.
class TlsIdentity {
 public:
  // `identity`: key and certificates, PEM. RESOURCE_EXHAUSTED if there are no descriptors or memory.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Create(const std::string& identity,
                                                             const std::string& authorities);
  ~TlsIdentity();

  // New connections have these within two seconds.
  absl::Status Replace(const std::string& identity, const std::string& authorities);

  // Mutual TLS, 1.2 and later: who has no certificate that `gate` believes gets no further than the handshake.
  // REQUIRES: both outlive the credentials' server.
  std::shared_ptr<grpc::ServerCredentials> Credentials(const Gate& gate) const;

 private:
  TlsIdentity(int identity, int authorities) : identity_(identity), authorities_(authorities) {}

  const int identity_;
  const int authorities_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_TLS_IDENTITY_H_
