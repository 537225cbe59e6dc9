#include "storage/secrets/secret_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

absl::Status WriteFully(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      return StatusFromErrno(errno, "write");
    }
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status OverwriteWithZeros(int fd, off_t size) {
  constexpr size_t kChunkBytes = 4096;
  static constexpr char kZeros[kChunkBytes] = {};
  while (size > 0) {
    const size_t chunk = std::min<size_t>(kChunkBytes, static_cast<size_t>(size));
    if (absl::Status status = WriteFully(fd, kZeros, chunk); !status.ok()) return status;
    size -= static_cast<off_t>(chunk);
  }
  if (::fsync(fd) != 0) return StatusFromErrno(errno, "fsync");
  return absl::OkStatus();
}

}  // namespace

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
  other.bytes_.resize(other.bytes_.capacity());
  OPENSSL_cleanse(other.bytes_.data(), other.bytes_.size());
  other.bytes_.clear();
}

SecretBytes::~SecretBytes() {
  bytes_.resize(bytes_.capacity());
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

absl::Status StatusFromErrno(int error, std::string_view operation) {
  const std::string message = absl::StrCat("key ring: ", std::string(operation), ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

absl::StatusOr<SecretBytes> ReadSecretFile(int directory_fd, const std::string& name) {
  const FileDescriptor file(::openat(directory_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.ok()) return StatusFromErrno(errno, "open");
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return StatusFromErrno(errno, "stat");
  SecretBytes body(static_cast<size_t>(info.st_size));
  body.bytes().resize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < body.bytes().size()) {
    const ssize_t got = ::read(file.get(), body.bytes().data() + done, body.bytes().size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return StatusFromErrno(errno, "read");
    if (got == 0) break;  // shorter than a moment ago: the checksum will tell
    done += static_cast<size_t>(got);
  }
  return body;
}

absl::Status WriteSecretFile(int directory_fd, const std::string& name, std::string_view body) {
  const FileDescriptor file(
      ::openat(directory_fd, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.ok()) return StatusFromErrno(errno, "create");
  if (absl::Status status = WriteFully(file.get(), body.data(), body.size()); !status.ok()) return status;
  if (::fsync(file.get()) != 0) return StatusFromErrno(errno, "fsync");
  return absl::OkStatus();
}

absl::Status ReplaceSecretFile(int directory_fd, const std::string& new_name, const std::string& name,
                               const std::string& old_name, bool& replaced) {
  if (::linkat(directory_fd, name.c_str(), directory_fd, old_name.c_str(), 0) != 0 && errno != ENOENT) {
    return StatusFromErrno(errno, "link");
  }
  if (::renameat(directory_fd, new_name.c_str(), directory_fd, name.c_str()) != 0) {
    return StatusFromErrno(errno, "rename");
  }
  replaced = true;
  return absl::OkStatus();
}

absl::Status WipeSecretFile(int directory_fd, const std::string& name, const std::string& unless_same_as) {
  {
    const FileDescriptor file(::openat(directory_fd, name.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.ok()) return errno == ENOENT ? absl::OkStatus() : StatusFromErrno(errno, "open");
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return StatusFromErrno(errno, "stat");
    struct stat kept;
    const bool is_kept = ::fstatat(directory_fd, unless_same_as.c_str(), &kept, AT_SYMLINK_NOFOLLOW) == 0 &&
                         kept.st_ino == info.st_ino && kept.st_dev == info.st_dev;
    if (!is_kept) {
      if (absl::Status status = OverwriteWithZeros(file.get(), info.st_size); !status.ok()) return status;
    }
  }
  if (::unlinkat(directory_fd, name.c_str(), 0) != 0) return StatusFromErrno(errno, "unlink");
  return absl::OkStatus();
}

absl::Status SyncDirectory(int directory_fd) {
  if (::fsync(directory_fd) != 0) return StatusFromErrno(errno, "fsync directory");
  return absl::OkStatus();
}

}  // namespace retention
