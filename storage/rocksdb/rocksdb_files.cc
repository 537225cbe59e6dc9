#include "storage/rocksdb/rocksdb_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"

namespace retention {

uint64_t LastLogIn(const std::string& directory) {
  uint64_t last = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    uint64_t number = 0;
    if (entry.path().extension() != ".log" || !absl::SimpleAtoi(entry.path().stem().string(), &number)) continue;
    last = std::max(last, number);
  }
  return last;
}

bool LostItsCurrent(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory + "/CURRENT", error)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".sst") return true;
  }
  return false;
}

}  // namespace retention
