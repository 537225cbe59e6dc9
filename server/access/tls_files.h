// The files that TLS, and roles, are made of: read, checked, and read again when they change.
#ifndef RETENTION_SERVER_ACCESS_TLS_FILES_H_
#define RETENTION_SERVER_ACCESS_TLS_FILES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/roles.h"
#include "server/access/trust.h"

namespace retention {

// Paths; all empty: no TLS.
struct TlsFiles {
  std::string certificate;  // of the server, with what leads to its authority
  std::string key;          // its private key; nobody else may read it
  std::string client_ca;    // authorities of clients
  std::string crl;          // what those have revoked; may be empty

  bool empty() const { return certificate.empty() && key.empty() && client_ca.empty() && crl.empty(); }
};

// What they hold, checked to fit together.
struct TlsMaterial {
  std::string identity;  // key and certificates, PEM
  std::string authorities;
  std::shared_ptr<const Trust> trust;
  std::string fingerprint;  // differs if anything in the files does
};

// The most that is read of one of them.
inline constexpr size_t kMaxTlsFileBytes = 8u << 20;

// Errors: one line that names flag, path and errno, and what to do. INVALID_ARGUMENT; FAILED_PRECONDITION if others
// may read the key.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files);
absl::StatusOr<std::shared_ptr<const Roles>> ReadRolesFile(const std::string& path, std::string& text);

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_TLS_FILES_H_
