#include "server/app/policy_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace retention {

absl::StatusOr<Policy> ReadPolicy(const std::string& path) {
  const auto failed = [&] {
    return absl::InvalidArgumentError(absl::StrCat("--policy ", path, ": cannot be read: ", std::strerror(errno),
                                                   " (errno ", errno, "): give a file that the server can read"));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  std::string text;
  char bytes[4096];
  ssize_t size = 0;
  while ((size = ::read(fd, bytes, sizeof bytes)) > 0) text.append(bytes, static_cast<size_t>(size));
  const absl::Status read = size == 0 ? absl::OkStatus() : failed();
  ::close(fd);
  if (!read.ok()) return read;
  return Policy::FromText(text);
}

}  // namespace retention
