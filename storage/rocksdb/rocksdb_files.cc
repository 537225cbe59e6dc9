#include "storage/rocksdb/rocksdb_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/numbers.h"

namespace retention {

namespace {

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

}  // namespace retention
