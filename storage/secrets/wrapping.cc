#include "storage/secrets/wrapping.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "storage/secrets/hmac.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kTopLabel = "retention.v1 ring";
constexpr std::string_view kCheckLabel = "retention.v1 wrapping check";
constexpr mode_t kAnybodyElse = 0077;

std::string_view TextOf(const SecretKey& key) { return {reinterpret_cast<const char*>(key.data()), SecretKey::kBytes}; }

absl::StatusOr<SecretKey> ReadKeyFile(const std::string& path, bool for_owner_only) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const std::string message = absl::StrCat("wrapping key: ", path, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } const closer{fd};
  struct stat info;
  if (::fstat(fd, &info) != 0) return absl::UnavailableError("wrapping key: it cannot be looked at");
  if (!S_ISREG(info.st_mode) || info.st_size != static_cast<off_t>(SecretKey::kBytes)) {
    return absl::FailedPreconditionError(absl::StrCat("wrapping key: ", path, " is no file of 32 bytes"));
  }
  if (for_owner_only && (info.st_mode & kAnybodyElse) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("wrapping key: others have access to ", path, ": chmod 0600 it"));
  }
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  const bool read = ::read(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!read) return absl::UnavailableError("wrapping key: it cannot be read");
  return key;
}

// Whether it came to `size` bytes.
bool RunKeyWrap(const SecretKey& top, bool wraps, const uint8_t* in, size_t in_size, uint8_t* out, size_t size) {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  if (cipher == nullptr || context == nullptr) std::abort();
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  int written = 0;
  return EVP_CipherInit_ex2(context.get(), cipher, top.data(), nullptr, wraps ? 1 : 0, nullptr) == 1 &&
         EVP_CipherUpdate(context.get(), out, &written, in, static_cast<int>(in_size)) == 1 &&
         written == static_cast<int>(size);
}

}  // namespace

absl::StatusOr<SecretKey> ReadWrappingKeyFile(const std::string& path) {
  return ReadKeyFile(path, /*for_owner_only=*/true);
}

absl::StatusOr<SecretKey> ReadWrappingCredential(const std::string& directory, const std::string& name) {
  if (directory.empty()) {
    return absl::FailedPreconditionError(
        "wrapping key: $CREDENTIALS_DIRECTORY is not set: systemd hands no credential");
  }
  if (name.empty() || name.find('/') != std::string::npos) {
    return absl::FailedPreconditionError("wrapping key: a credential's name has no slash");
  }
  return ReadKeyFile(absl::StrCat(directory, "/", name), /*for_owner_only=*/false);
}

WrappingCheck CheckOf(const SecretKey& wrapping) {
  const SecretKey digest = HmacSha256(wrapping, {kCheckLabel});
  WrappingCheck check{};
  std::memcpy(check.data(), digest.data(), check.size());
  return check;
}

SecretKey TopKeyOf(const std::optional<SecretKey>& wrapping, const std::optional<SecretKey>& root) {
  return HmacSha256(wrapping.value_or(SecretKey()), {kTopLabel, root.has_value() ? TextOf(*root) : std::string_view()});
}

WrappedKeys Wrap(const SecretKey& top, const HeadKeys& keys) {
  std::array<uint8_t, 3 * SecretKey::kBytes> plain{};
  uint8_t* at = plain.data();
  for (const SecretKey* key : {&keys.hash, &keys.open, &keys.entries}) {
    std::memcpy(at, key->data(), SecretKey::kBytes);
    at += SecretKey::kBytes;
  }
  WrappedKeys wrapped{};
  const bool ok = RunKeyWrap(top, /*wraps=*/true, plain.data(), plain.size(), wrapped.data(), wrapped.size());
  OPENSSL_cleanse(plain.data(), plain.size());
  if (!ok) std::abort();
  return wrapped;
}

absl::StatusOr<HeadKeys> Unwrap(const SecretKey& top, const WrappedKeys& wrapped) {
  std::array<uint8_t, 3 * SecretKey::kBytes> plain{};
  if (!RunKeyWrap(top, /*wraps=*/false, wrapped.data(), wrapped.size(), plain.data(), plain.size())) {
    return absl::FailedPreconditionError("key ring: its keys are wrapped under another key");
  }
  HeadKeys keys;
  const uint8_t* at = plain.data();
  for (SecretKey* key : {&keys.hash, &keys.open, &keys.entries}) {
    std::array<uint8_t, SecretKey::kBytes> bytes{};
    std::memcpy(bytes.data(), at, bytes.size());
    *key = SecretKey(bytes);
    OPENSSL_cleanse(bytes.data(), bytes.size());
    at += SecretKey::kBytes;
  }
  OPENSSL_cleanse(plain.data(), plain.size());
  return keys;
}

}  // namespace retention
