#include "storage/rocksdb/rocksdb_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace retention {

namespace {

constexpr std::string_view kListPrefix = "MANIFEST-";
// What CURRENT holds is one name.
constexpr size_t kCurrentBytesMax = 64;
// How often it is made anew while the database goes over to other lists, which takes it a GiB of changes each time.
constexpr int kRoundsMax = 4;

absl::Status Failed(const std::string& what, int error) {
  return absl::UnavailableError(absl::StrCat("store: ", what, ": ", std::strerror(error), " (errno ", error, ")"));
}

// The newest is the one in use: the former go when it is complete. Empty if there is none.
absl::StatusOr<std::string> LastListIn(const std::string& directory) {
  std::string last;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    // Numbers have six digits or more.
    const auto rank = [](const std::string& of) { return std::pair(of.size(), of); };
    if (name.starts_with(kListPrefix) && rank(name) > rank(last)) last = std::move(name);
  }
  if (error) return Failed(absl::StrCat(directory, " cannot be read"), error.value());
  return last;
}

// The list that CURRENT names; empty if it is not there, or names none that is.
absl::StatusOr<std::string> NamedList(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return "";
  std::string line(kCurrentBytesMax, '\0');
  const ssize_t size = fd < 0 ? -1 : ::read(fd, line.data(), line.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (size < 0) return Failed(absl::StrCat(path, " cannot be read"), error);
  line.resize(static_cast<size_t>(size));
  if (!line.starts_with(kListPrefix) || !line.ends_with('\n')) return "";
  line.pop_back();
  uint64_t number = 0;
  if (!absl::SimpleAtoi(line.substr(kListPrefix.size()), &number)) return "";
  struct stat file;
  if (::stat((directory + "/" + line).c_str(), &file) == 0) return line;
  if (errno == ENOENT) return "";
  return Failed(absl::StrCat(directory, "/", line, " cannot be looked for"), errno);
}

// Has CURRENT name `list`. False: it was missing, and somebody else made it meanwhile.
absl::StatusOr<bool> NameList(const std::string& directory, const std::string& current, const std::string& list,
                              const std::function<void()>& before_naming) {
  const std::string made = current + ".dbtmp";
  const std::string line = list + "\n";
  int error = 0;
  const auto note = [&](bool done) {
    if (!done && error == 0) error = errno;
    return done;
  };
  bool is_made = true;
  const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (note(fd >= 0)) {
    errno = ENOSPC;  // of a write that is cut short
    note(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    note(::fsync(fd) == 0);
    ::close(fd);
    struct stat file;
    const bool is_missing = ::lstat(current.c_str(), &file) != 0 && errno == ENOENT;
    if (error == 0 && before_naming) before_naming();
    if (error == 0 && is_missing) {
      // Never over one that the database made meanwhile.
      is_made = ::link(made.c_str(), current.c_str()) == 0;
      note(is_made || errno == EEXIST);
    } else if (error == 0) {
      note(::rename(made.c_str(), current.c_str()) == 0);
    }
    if (error != 0 || is_missing) ::unlink(made.c_str());
  }
  const int directory_fd = error != 0 ? -1 : ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (error == 0 && note(directory_fd >= 0)) note(::fsync(directory_fd) == 0);
  if (directory_fd >= 0) ::close(directory_fd);
  if (error != 0) return Failed(absl::StrCat(current, " is missing or damaged, and cannot be made anew"), error);
  return is_made;
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
  // What cannot be looked for is not known to be missing: the opening tells what is wrong with it.
  if (std::ifstream(directory + "/CURRENT") >> list) {
    return !std::filesystem::exists(directory + "/" + list, error) && !error;
  }
  if (std::filesystem::exists(directory + "/CURRENT", error) || error) return false;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".sst") return true;
  }
  return false;
}

absl::StatusOr<bool> PutBackCurrent(const std::string& directory, const std::function<void()>& before_naming) {
  const std::string current = directory + "/CURRENT";
  bool made = false;
  for (int round = 0; round < kRoundsMax; ++round) {
    absl::StatusOr<std::string> named = NamedList(directory);
    // Once more, since the database may have gone over to another list since the file was read.
    if (named.ok() && named->empty()) named = NamedList(directory);
    if (!named.ok()) return named.status();
    if (!made && !named->empty()) return false;
    const absl::StatusOr<std::string> list = LastListIn(directory);
    if (!list.ok()) return list.status();
    if (list->empty()) {
      return absl::DataLossError(absl::StrCat("store: the list of its tables (MANIFEST) was removed from ", directory));
    }
    // What was made is looked at again: it may have taken the place of what names a newer list.
    if (made && *named == *list) return true;
    const absl::StatusOr<bool> named_now = NameList(directory, current, *list, before_naming);
    if (!named_now.ok()) return named_now.status();
    made = made || *named_now;
  }
  return absl::UnavailableError(absl::StrCat("store: ", current, " is missing or damaged, and its list changes"));
}

}  // namespace retention
