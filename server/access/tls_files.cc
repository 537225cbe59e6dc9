#include "server/access/tls_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

std::string Named(const char* flag, const std::string& path) { return absl::StrCat(flag, " ", path, ": "); }

absl::Status Unreadable(const char* flag, const std::string& path, int error) {
  return absl::InvalidArgumentError(absl::StrCat(Named(flag, path), std::strerror(error), " (errno ", error,
                                                 "): give a file that the server can read"));
}

absl::Status Broken(const char* flag, const std::string& path, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(Named(flag, path), status.message()));
}

absl::StatusOr<std::string> ReadWhole(const char* flag, const std::string& path, size_t max_bytes, bool is_secret) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Unreadable(flag, path, errno);
  struct stat info {};
  const bool is_known = ::fstat(fd, &info) == 0;
  std::string text;
  int error = is_known ? 0 : errno;
  if (is_known && S_ISDIR(info.st_mode)) error = EISDIR;
  for (char bytes[16384]; error == 0 && text.size() <= max_bytes;) {
    const ssize_t size = ::read(fd, bytes, sizeof(bytes));
    if (size < 0) error = errno;
    if (size <= 0) break;
    text.append(bytes, static_cast<size_t>(size));
  }
  ::close(fd);
  if (error != 0) return Unreadable(flag, path, error);
  if (is_secret && (info.st_mode & kOthers) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(Named(flag, path), "others have access to it: chmod 0600 it"));
  }
  if (text.size() > max_bytes) return absl::InvalidArgumentError(absl::StrCat(Named(flag, path), "too large"));
  return text;
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files) {
  auto certificate = ReadWhole("--tls-cert", files.certificate, kMaxTlsFileBytes, /*is_secret=*/false);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadWhole("--tls-key", files.key, kMaxTlsFileBytes, /*is_secret=*/true);
  if (!key.ok()) return key.status();
  auto authorities = ReadWhole("--tls-client-ca", files.client_ca, kMaxTlsFileBytes, /*is_secret=*/false);
  if (!authorities.ok()) return authorities.status();
  std::string revoked;
  if (!files.crl.empty()) {
    auto read = ReadWhole("--tls-crl", files.crl, kMaxTlsFileBytes, /*is_secret=*/false);
    if (!read.ok()) return read.status();
    if (read->empty()) return absl::InvalidArgumentError(absl::StrCat(Named("--tls-crl", files.crl), "empty"));
    revoked = *std::move(read);
  }
  if (absl::Status s = CheckKeyPair(*certificate, *key); !s.ok()) {
    return Broken("--tls-cert", absl::StrCat(files.certificate, ", --tls-key ", files.key), s);
  }
  auto trust = Trust::FromPem(*authorities, revoked);
  if (!trust.ok()) {
    return absl::IsDataLoss(trust.status()) ? Broken("--tls-crl", files.crl, trust.status())
                                            : Broken("--tls-client-ca", files.client_ca, trust.status());
  }
  TlsMaterial material{.trust = *std::move(trust)};
  material.identity = absl::StrCat(*key, "\n", *certificate);
  material.authorities = *std::move(authorities);
  material.fingerprint = absl::StrCat(material.identity, "\n", material.authorities, "\n", revoked);
  return material;
}

absl::StatusOr<std::shared_ptr<const Roles>> ReadRolesFile(const std::string& path, std::string& text) {
  auto read = ReadWhole("--roles", path, Roles::kMaxFileBytes, /*is_secret=*/false);
  if (!read.ok()) return read.status();
  text = *std::move(read);
  auto roles = Roles::FromJson(text);
  if (!roles.ok()) return Broken("--roles", path, roles.status());
  return std::make_shared<const Roles>(*std::move(roles));
}

}  // namespace retention
