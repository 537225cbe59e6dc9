// What a server is asked to be, checked before anything is looked at.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/app/paths.h"
#include "server/app/server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

absl::Status CheckAccess(const ServerOptions& options) {
  const TlsFiles& tls = options.access.tls;
  if (!tls.empty() && (tls.certificate.empty() || tls.key.empty() || tls.client_ca.empty())) {
    return absl::InvalidArgumentError("--tls-cert, --tls-key and --tls-client-ca go together; --tls-crl needs them");
  }
  if (options.access.roles.empty() != options.principals_file.empty()) {
    return absl::InvalidArgumentError(
        "--roles and --principals go together: who did what is known by the one's register");
  }
  if (!tls.empty() && options.access.roles.empty()) {
    return absl::InvalidArgumentError("--tls-cert needs --roles: a certificate alone says not what its bearer may");
  }
  if (options.listen_addresses.empty()) return absl::InvalidArgumentError("--listen: an address is needed");
  for (const std::string& text : options.listen_addresses) {
    const auto address = ParseListenAddress(text);
    if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat("--listen ", address.status().message()));
    if (address->is_unix() || address->is_loopback || !tls.empty() || options.insecure_listen) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--listen ", text,
                     ": not a loopback address: give --tls-cert, --tls-key, --tls-client-ca and --roles, or listen on "
                     "loopback or unix:/PATH (or --insecure-listen: whoever reaches the port is read in plain)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const ServerOptions& options) {
  const auto data = CanonicalPath("data directory", options.data_directory);
  if (!data.ok()) return data.status();
  std::vector<fs::path> others = {*data};
  for (const std::string& directory : {options.key_ring_directory, options.second_key_ring_directory}) {
    if (directory.empty()) continue;
    const auto ring = CanonicalPath("key ring's directory", directory);
    if (!ring.ok()) return ring.status();
    if (LiesWithin(*ring, *data)) {
      return absl::InvalidArgumentError("the key ring's directory must be outside the data directory");
    }
    others.push_back(*ring);
  }
  if (!options.backups.directory.empty()) {
    const auto backups = CanonicalPath("directory of backups", options.backups.directory);
    if (!backups.ok()) return backups.status();
    for (const fs::path& other : others) {
      if (!LiesWithin(*backups, other) && !LiesWithin(other, *backups)) continue;
      return absl::InvalidArgumentError(
          "--backup-directory: must neither lie within the directories of the data and the key ring, nor they within "
          "it");
    }
  }
  if (!options.ledger_origin.empty() && !IsNoteName(options.ledger_origin)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ledger-origin: 1 to ", kNoteNameBytesMax, " visible ASCII characters, no plus sign"));
  }
  if (absl::Status status = CheckAccess(options); !status.ok()) return status;
  return CheckRingKeys(options.ring_keys,
                       {options.data_directory, options.key_ring_directory, options.second_key_ring_directory});
}

}  // namespace retention
