// A file, or standard input, that is read to its end or to an error that can be told apart from it.
#pragma once

#include <array>
#include <istream>
#include <streambuf>
#include <string>

#include "absl/status/statusor.h"

namespace retention {

// For one thread.
class InputStream final : public std::istream {
 public:
  // Opens a file; `error()` says whether that failed. A directory is none.
  explicit InputStream(const std::string& file);
  // Reads what is open already, and closes it if it is its own.
  InputStream(int descriptor, bool is_own);
  ~InputStream() override;

  // The errno of the first call that failed; 0 if none did. At the end of what can be read it says whether that is all.
  int error() const { return buffer_.error; }

 private:
  struct Buffer final : public std::streambuf {
    int_type underflow() override;

    int descriptor = -1;
    bool is_own = false;
    int error = 0;
    std::array<char, 64 << 10> bytes;
  };

  Buffer buffer_;
};

// All of a file. Error: its path, and what the system says.
absl::StatusOr<std::string> ReadFile(const std::string& file);

// What is said of a file that cannot be read, in one line.
std::string DescribeReadError(const std::string& name, int error);

}  // namespace retention
