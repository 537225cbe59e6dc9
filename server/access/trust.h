// Which client certificates are believed, and what they say of their bearer.
#ifndef RETENTION_SERVER_ACCESS_TRUST_H_
#define RETENTION_SERVER_ACCESS_TRUST_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/principal.h"

namespace retention {

struct FreeX509Store {
  void operator()(X509_STORE* store) const;
};

// A client certificate that is believed.
struct ClientCertificate {
  Principal principal;
  absl::Time expires;  // it, or one above it
};

// Authorities, and what they have revoked. Immutable; thread-safe.
class Trust {
 public:
  // Certificates in a chain: deeper ones are refused.
  static constexpr int kMaxChain = 8;
  static constexpr int kMaxNames = 100;  // of one certificate

  // `authorities`: certificates, PEM; `revoked`: certificate revocation lists, PEM, one of each authority that stands
  // above a client, or none at all. INVALID_ARGUMENT if the authorities are broken, OUT_OF_RANGE if the lists are.
  static absl::StatusOr<std::shared_ptr<const Trust>> FromPem(std::string_view authorities, std::string_view revoked);

  // What the first certificate of `chain` (PEM; the rest leads to an authority) says. UNAUTHENTICATED with reason
  // CERTIFICATE_EXPIRED, CERTIFICATE_REVOKED or CERTIFICATE_UNTRUSTED. A revocation list that has lapsed still holds.
  absl::StatusOr<ClientCertificate> Verify(std::string_view chain, absl::Time now) const;

 private:
  explicit Trust(std::unique_ptr<X509_STORE, FreeX509Store> store) : store_(std::move(store)) {}
  const std::unique_ptr<X509_STORE, FreeX509Store> store_;
};

// INVALID_ARGUMENT unless `chain` (PEM) begins with a certificate of which `key` (PEM) is the private key.
absl::Status CheckKeyPair(std::string_view chain, std::string_view key);

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_TRUST_H_
