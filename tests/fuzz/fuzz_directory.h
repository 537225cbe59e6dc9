// A directory for targets that open files by their paths, in memory where there is room.
#ifndef RETENTION_TESTS_FUZZ_FUZZ_DIRECTORY_H_
#define RETENTION_TESTS_FUZZ_FUZZ_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "tests/fuzz/fuzz_input.h"

namespace retention {

// New and empty; goes when the process ends.
class FuzzDirectory {
 public:
  FuzzDirectory() {
    std::error_code error;
    const std::filesystem::path memory = "/dev/shm";
    const auto parent = std::filesystem::is_directory(memory, error) ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "retention-fuzz-XXXXXX").string();
    MustHold(::mkdtemp(pattern.data()) != nullptr, "a directory can be made");
    path_ = pattern;
  }
  FuzzDirectory(const FuzzDirectory&) = delete;
  FuzzDirectory& operator=(const FuzzDirectory&) = delete;
  ~FuzzDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void PutFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  MustHold(file.flush().good(), "a file can be written");
}

}  // namespace retention

#endif  // RETENTION_TESTS_FUZZ_FUZZ_DIRECTORY_H_
