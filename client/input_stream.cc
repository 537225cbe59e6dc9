#include "client/input_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace retention {

InputStream::InputStream(const std::string& file) : InputStream(::open(file.c_str(), O_RDONLY | O_CLOEXEC), true) {}

InputStream::InputStream(int descriptor, bool is_own) : std::istream(nullptr) {
  buffer_.descriptor = descriptor;
  buffer_.is_own = is_own;
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    buffer_.error = errno;
  } else if (S_ISDIR(status.st_mode)) {
    buffer_.error = EISDIR;
  }
  rdbuf(&buffer_);
}

InputStream::~InputStream() {
  if (buffer_.is_own && buffer_.descriptor >= 0) ::close(buffer_.descriptor);
}

InputStream::Buffer::int_type InputStream::Buffer::underflow() {
  if (error != 0) return traits_type::eof();
  ssize_t read = 0;
  do {
    read = ::read(descriptor, bytes.data(), bytes.size());
  } while (read < 0 && errno == EINTR);
  if (read < 0) error = errno;
  if (read <= 0) return traits_type::eof();
  if (static_cast<uint64_t>(read) > bytes_left) {
    error = EFBIG;
    return traits_type::eof();
  }
  bytes_left -= static_cast<uint64_t>(read);
  setg(bytes.data(), bytes.data(), bytes.data() + read);
  return traits_type::to_int_type(*gptr());
}

absl::StatusOr<std::string> ReadFile(const std::string& file, uint64_t bytes_max) {
  InputStream input(file);
  input.LimitTo(bytes_max);
  std::string text{std::istreambuf_iterator<char>(input), {}};
  if (input.error() != 0) return absl::UnavailableError(DescribeReadError(file, input.error()));
  return text;
}

std::string DescribeReadError(const std::string& name, int error) {
  return absl::StrCat(name, ": ", std::strerror(error));
}

}  // namespace retention
