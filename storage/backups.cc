#include "storage/backups.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr char kMarkName[] = "/RESTORED";

absl::Status Failed(const char* what, const std::string& path) {
  const int error = errno;
  const std::string message = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  return error == ENOSPC ? absl::ResourceExhaustedError(message) : absl::UnavailableError(message);
}

}  // namespace

absl::Status SyncNames(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("open", directory);
  const bool synced = ::fsync(fd) == 0;
  const absl::Status status = synced ? absl::OkStatus() : Failed("sync", directory);
  ::close(fd);
  return status;
}

std::optional<stored::v1::RestoreMark> ReadRestoreMark(const std::string& directory) {
  std::ifstream file(directory + kMarkName, std::ios::binary);
  std::stringstream bytes;
  stored::v1::RestoreMark mark;
  if (!file || !(bytes << file.rdbuf()) || !mark.ParseFromString(bytes.str()) || mark.backup() == 0) {
    return std::nullopt;
  }
  return mark;
}

absl::Status WriteRestoreMark(const std::string& directory, const stored::v1::RestoreMark& mark) {
  const std::string path = directory + kMarkName;
  const std::string unfinished = path + ".new";
  const std::string bytes = mark.SerializeAsString();
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("create", unfinished);
  const bool written =
      ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && ::fsync(fd) == 0;
  const absl::Status status = written ? absl::OkStatus() : Failed("write", unfinished);
  ::close(fd);
  if (!status.ok()) return status;
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return Failed("rename", unfinished);
  return SyncNames(directory);
}

absl::Status RemoveRestoreMark(const std::string& directory) {
  const std::string path = directory + kMarkName;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("delete", path);
  return SyncNames(directory);
}

}  // namespace retention
