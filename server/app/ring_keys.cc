#include "server/app/ring_keys.h"

#include <sys/stat.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/paths.h"
#include "storage/random_source.h"
#include "storage/secrets/root_file.h"
#include "storage/secrets/wrapping.h"

namespace retention {

absl::Status CheckRingKeys(const RingKeyOptions& options, const std::vector<std::string>& directories) {
  if (!options.wrapping_key_file.empty() && !options.wrapping_credential.empty()) {
    return absl::InvalidArgumentError("--ring-wrapping-key-file and --ring-wrapping-credential exclude each other");
  }
  const int roots = (options.root_file.empty() ? 0 : 1) + (options.root_pkcs11.module.empty() ? 0 : 1) +
                    (options.root_tpm.tcti.empty() ? 0 : 1);
  if (roots > 1) return absl::InvalidArgumentError("a ring has one root: --ring-root-file, -pkcs11 or -tpm");
  if (!options.root_pkcs11.module.empty() &&
      (options.root_pkcs11.token.empty() || options.root_pkcs11.pin_file.empty())) {
    return absl::InvalidArgumentError(
        "--ring-root-pkcs11 needs --ring-root-pkcs11-token and --ring-root-pkcs11-pin-file");
  }
  for (const std::string& file : {options.wrapping_key_file, options.root_file}) {
    if (file.empty()) continue;
    const auto inner = CanonicalPath("key's file", file);
    if (!inner.ok()) return inner.status();
    for (const std::string& directory : directories) {
      if (directory.empty()) continue;
      const auto outer = CanonicalPath("directory", directory);
      if (!outer.ok()) return outer.status();
      if (!LiesWithin(*inner, *outer)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(file, " must lie outside of ", directory, ", where every image of that has it too"));
    }
  }
  return absl::OkStatus();
}

absl::Status TakeRingKeys(const RingKeyOptions& options, KeyRing::Options& ring) {
  if (!options.wrapping_key_file.empty() || !options.wrapping_credential.empty()) {
    const char* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
    auto key = options.wrapping_key_file.empty()
                   ? ReadWrappingCredential(credentials == nullptr ? "" : credentials, options.wrapping_credential)
                   : ReadWrappingKeyFile(options.wrapping_key_file);
    if (!key.ok()) return key.status();
    ring.wrapping = *std::move(key);
  }
  absl::StatusOr<std::unique_ptr<RootKey>> root = nullptr;
  if (!options.root_file.empty()) root = OpenRootFile(options.root_file, SystemRandom());
  if (!options.root_pkcs11.module.empty()) root = OpenRootPkcs11(options.root_pkcs11);
  if (!options.root_tpm.tcti.empty()) root = OpenRootTpm(options.root_tpm, SystemRandom());
  if (!root.ok()) return root.status();
  ring.root = *std::move(root);
  return absl::OkStatus();
}

bool IsRootOnVolumeOf(const RingKeyOptions& options, const std::string& directory) {
  struct stat root;
  struct stat ring;
  return !options.root_file.empty() && ::stat(options.root_file.c_str(), &root) == 0 &&
         ::stat(directory.c_str(), &ring) == 0 && root.st_dev == ring.st_dev;
}

}  // namespace retention
