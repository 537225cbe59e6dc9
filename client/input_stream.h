// A file, or standard input, that is read to its end or to an error that can be told apart from it.
#pragma once

#include <array>
#include <cstdint>
#include <istream>
#include <limits>
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

  // From now on so many bytes are read at most; what goes on behind them is an error (EFBIG).
  void LimitTo(uint64_t bytes_max) { buffer_.bytes_left = bytes_max; }

  // The errno of the first call that failed; 0 if none did. At the end of what can be read it says whether that is all.
  int error() const { return buffer_.error; }

 private:
  struct Buffer final : public std::streambuf {
    int_type underflow() override;

    int descriptor = -1;
    bool is_own = false;
    int error = 0;
    uint64_t bytes_left = std::numeric_limits<uint64_t>::max();
    std::array<char, 64 << 10> bytes;
  };

  Buffer buffer_;
};

// All of a file of at most `bytes_max`. Error: its path, and what the system says.
absl::StatusOr<std::string> ReadFile(const std::string& file, uint64_t bytes_max = 1 << 20);

// What is said of a file that cannot be read, in one line.
std::string DescribeReadError(const std::string& name, int error);

}  // namespace retention
