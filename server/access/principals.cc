#include "server/access/principals.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr size_t kHexDigits = 2 * Principals::kIdBytes;

std::string OfRegister(const std::string& path, const std::string& what) {
  return absl::StrCat("--principals ", path, ": ", what);
}

absl::Status RegisterFailed(const std::string& path, int error) {
  return absl::InvalidArgumentError(OfRegister(
      path, absl::StrCat(std::strerror(error), " (errno ", error, "): give a file that the server can write")));
}

// No line of it can be forged by a name.
std::string OnOneLine(std::string name) {
  for (char& c : name) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return name;
}

// All of `line`, durably, or an errno.
int AppendLine(const std::string& path, const std::string& line) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  int error = 0;
  const ssize_t size = ::write(fd, line.data(), line.size());
  if (size < 0) {
    error = errno;
  } else if (static_cast<size_t>(size) != line.size()) {
    error = ENOSPC;
  } else if (::fsync(fd) != 0) {
    error = errno;
  }
  ::close(fd);
  return error;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Principals>> Principals::Open(std::string path, RandomSource& random) {
  // So that what is wrong with it is known at the start.
  struct stat info {};
  const bool is_there = ::stat(path.c_str(), &info) == 0;
  if (is_there && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(OfRegister(path, "others have access to it: chmod 0600 it"));
  }
  if (const int error = AppendLine(path, ""); error != 0) return RegisterFailed(path, error);
  std::unique_ptr<Principals> principals(new Principals(std::move(path), random));
  const MutexLock lock(principals->mutex_);
  if (absl::Status status = principals->Load(); !status.ok()) return status;
  return principals;
}

absl::Status Principals::Load() {
  std::ifstream file(path_);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    // Where a write was cut short the next one began anew.
    if (line.empty()) continue;
    const std::string hex = line.substr(0, kHexDigits);
    const bool is_line = line.size() > kHexDigits + 1 && line[kHexDigits] == ' ' &&
                         hex.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_line) {
      return absl::InvalidArgumentError(
          OfRegister(path_, absl::StrCat("line ", number, " is none of an id and a name: take it out")));
    }
    ids_[line.substr(kHexDigits + 1)] = absl::HexStringToBytes(hex);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Principals::IdOf(const std::string& name) {
  const std::string key = OnOneLine(name);
  const MutexLock lock(mutex_);
  const auto known = ids_.find(key);
  if (known != ids_.end()) return known->second;
  const auto hex = RandomHex(random_, kIdBytes);
  if (!hex.ok()) return hex.status();
  if (AppendLine(path_, absl::StrCat(*hex, " ", key, "\n")) != 0) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE", "who calls cannot be written down");
  }
  return ids_[key] = absl::HexStringToBytes(*hex);
}

}  // namespace retention
