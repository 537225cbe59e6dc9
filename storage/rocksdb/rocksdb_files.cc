#include "storage/rocksdb/rocksdb_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"

namespace retention {

namespace {

// The newest is the one in use: the former go when it is complete.
std::string LastListIn(const std::string& directory) {
  std::string last;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    // Numbers have six digits or more.
    const auto rank = [](const std::string& of) { return std::pair(of.size(), of); };
    if (name.starts_with("MANIFEST-") && rank(name) > rank(last)) last = std::move(name);
  }
  return last;
}

uint64_t LastIn(const std::string& directory, std::string_view extension) {
  uint64_t last = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    uint64_t number = 0;
    if (entry.path().extension() != extension || !absl::SimpleAtoi(entry.path().stem().string(), &number)) continue;
    last = std::max(last, number);
  }
  return last;
}

}  // namespace

uint64_t LastLogIn(const std::string& directory) { return LastIn(directory, ".log"); }

uint64_t LastTableIn(const std::string& directory) { return LastIn(directory, ".sst"); }

bool LostItsCurrent(const std::string& directory) {
  std::error_code error;
  std::string list;
  if (std::ifstream(directory + "/CURRENT") >> list) return !std::filesystem::exists(directory + "/" + list, error);
  if (std::filesystem::exists(directory + "/CURRENT", error)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".sst") return true;
  }
  return false;
}

absl::StatusOr<bool> PutBackCurrent(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path current = std::filesystem::path(directory) / "CURRENT";
  std::string list;
  // Twice, since the database may go over to another list between the two looks.
  for (int look = 0; look < 2; ++look) {
    if (std::ifstream(current) >> list && std::filesystem::exists(std::filesystem::path(directory) / list, error)) {
      return false;
    }
  }
  list = LastListIn(directory);
  if (list.empty() || std::filesystem::exists(current, error)) {
    return absl::DataLossError("store: the list of its tables (MANIFEST) was removed");
  }
  const std::filesystem::path made = std::filesystem::path(directory) / "CURRENT.dbtmp";
  const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::UnavailableError("store: the file CURRENT was removed, and cannot be made");
  const std::string line = list + "\n";
  bool done = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(fd) == 0;
  ::close(fd);
  // Never over one that the database has made meanwhile.
  done = done && (::link(made.c_str(), current.c_str()) == 0 || errno == EEXIST);
  ::unlink(made.c_str());
  const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  done = directory_fd >= 0 && ::fsync(directory_fd) == 0 && done;
  if (directory_fd >= 0) ::close(directory_fd);
  if (!done) return absl::UnavailableError("store: the file CURRENT was removed, and cannot be made");
  return true;
}

}  // namespace retention
