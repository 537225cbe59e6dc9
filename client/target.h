// Where a server is, and how it and a client know each other.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace retention {

struct Target {
  std::string address;           // "host:port", "[IPv6]:port", or "unix:/path"
  std::string ca_file;           // PEM: who vouches for the server. Empty: plaintext.
  std::string certificate_file;  // PEM, with what leads up to an authority: who the client is. Empty: the server is not
                                 // told.
  std::string key_file;          // PEM, not encrypted: the certificate's.
  bool insecure = false;         // Plaintext may leave the machine.

  friend bool operator==(const Target&, const Target&) = default;
};

// INVALID_ARGUMENT if `address` is none of the forms of Target::address.
absl::Status CheckAddress(const std::string& address);

// What the files of a target hold.
struct TlsTexts {
  std::string authorities;
  std::string certificate;  // With its key; empty if there is none.
  std::string key;
};

// INVALID_ARGUMENT, naming the field as a phrase, for a target that contradicts itself or would send plaintext off the
// machine without being allowed to: to no Unix socket, no loopback address. Otherwise, of a target with authorities,
// what its files hold. FAILED_PRECONDITION, with the path, if a file cannot be read or is not what it should be, or the
// key is not that of the certificate.
absl::StatusOr<TlsTexts> CheckTarget(const Target& target);

}  // namespace retention
