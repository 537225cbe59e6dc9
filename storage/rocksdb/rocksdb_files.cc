#include "storage/rocksdb/rocksdb_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
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

// Of what CURRENT holds: the list that it names; empty if that is none.
std::string ListNamedBy(std::string line) {
  if (!line.starts_with(kListPrefix) || !line.ends_with('\n')) return "";
  line.pop_back();
  uint64_t number = 0;
  return absl::SimpleAtoi(line.substr(kListPrefix.size()), &number) ? line : "";
}

// What CURRENT holds; empty if it is not there.
absl::StatusOr<std::string> ReadCurrent(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return "";
  std::string line(kCurrentBytesMax, '\0');
  const ssize_t size = fd < 0 ? -1 : ::read(fd, line.data(), line.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (size < 0) return Failed(absl::StrCat(path, " cannot be read"), error);
  line.resize(static_cast<size_t>(size));
  return line;
}

// The list that CURRENT names; empty if it is not there, or names none that is.
absl::StatusOr<std::string> NamedList(const std::string& directory) {
  absl::StatusOr<std::string> line = ReadCurrent(directory);
  if (!line.ok()) return line.status();
  const std::string list = ListNamedBy(*std::move(line));
  struct stat file;
  if (list.empty() || ::stat((directory + "/" + list).c_str(), &file) == 0) return list;
  if (errno == ENOENT) return "";
  return Failed(absl::StrCat(directory, "/", list, " cannot be looked for"), errno);
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

std::string FirstLogIn(const std::string& directory) {
  std::string first;
  uint64_t lowest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    uint64_t number = 0;
    if (entry.path().extension() != ".log" || !absl::SimpleAtoi(entry.path().stem().string(), &number)) continue;
    if (first.empty() || number < lowest) {
      first = entry.path().string();
      lowest = number;
    }
  }
  return first;
}

uint64_t LastTableIn(const std::string& directory) { return LastIn(directory, ".sst"); }

std::string ListIn(const std::string& directory) {
  const auto named = NamedList(directory);
  return absl::StrCat(directory, "/", named.ok() && !named->empty() ? *named : "MANIFEST");
}

absl::Status CheckCurrent(const std::string& directory) {
  const std::string current = directory + "/CURRENT";
  absl::StatusOr<std::string> line = ReadCurrent(directory);
  std::error_code error;
  // What cannot be read is not known to be missing: the opening tells what is wrong with it.
  if (!line.ok()) return absl::OkStatus();
  if (!std::filesystem::exists(current, error)) {
    const bool was_there = LastTableIn(directory) != 0 || LastLogIn(directory) != 0;
    if (error || !was_there) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("store: ", current, " is missing"));
  }
  const std::string list = ListNamedBy(*std::move(line));
  if (list.empty()) return absl::DataLossError(absl::StrCat("store: ", current, " is damaged"));
  if (std::filesystem::exists(directory + "/" + list, error) || error) return absl::OkStatus();
  const absl::StatusOr<std::string> last = LastListIn(directory);
  if (last.ok() && !last->empty()) {
    return absl::DataLossError(
        absl::StrCat("store: ", current, " is damaged: it names ", list, ", which is not there, but ", *last, " is"));
  }
  return absl::DataLossError(absl::StrCat("store: ", directory, "/", list, ", the list of its tables, is missing"));
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
