// A directory for one test.
#ifndef RETENTION_TESTS_TESTING_FRESH_DIRECTORY_H_
#define RETENTION_TESTS_TESTING_FRESH_DIRECTORY_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace retention {

// New and empty, in `parent`. Goes, with all that is in it, when this does.
class FreshDirectory {
 public:
  explicit FreshDirectory(const std::filesystem::path& parent = ::testing::TempDir()) {
    std::string pattern = (parent / "retention-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      std::perror(pattern.c_str());
      std::abort();
    }
    path_ = pattern;
  }
  FreshDirectory(const FreshDirectory&) = delete;
  FreshDirectory& operator=(const FreshDirectory&) = delete;
  ~FreshDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_FRESH_DIRECTORY_H_
