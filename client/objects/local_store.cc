#include "client/objects/local_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr mode_t kMarkerMode = 0644;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool ok() const { return number_ >= 0; }

 private:
  int number_;
};

Descriptor OpenDirectoryAt(int parent, const char* name) {
  return Descriptor(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Erasure FailedCall(const char* what) { return FailedErasure(absl::StrCat(what, ": ", std::strerror(errno))); }

// Also where there was nothing to delete: an earlier run may have deleted it and died before the disk knew.
Erasure Durably(int directory, Erasure erasure) {
  return ::fsync(directory) == 0 ? erasure : FailedCall("the directory cannot be synchronised");
}

class LocalStore final : public ObjectStore {
 public:
  explicit LocalStore(Descriptor root) : root_(std::move(root)) {}

  absl::Status Check() override {
    struct stat status {};
    // A directory that was deleted has no links.
    if (::fstat(root_.number(), &status) == 0 && status.st_nlink > 0) return absl::OkStatus();
    return absl::NotFoundError("the directory of the objects is not there any more");
  }

  absl::StatusOr<bool> HasMarker() override {
    struct stat status {};
    if (::fstatat(root_.number(), kStoreMarker, &status, AT_SYMLINK_NOFOLLOW) == 0) return S_ISREG(status.st_mode);
    if (errno == ENOENT) return false;
    return absl::UnavailableError(absl::StrCat("the store's marker cannot be looked at: ", std::strerror(errno)));
  }

  absl::Status WriteMarker() override {
    const Descriptor marker(
        ::openat(root_.number(), kStoreMarker, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kMarkerMode));
    if (marker.ok() && ::fsync(marker.number()) == 0 && ::fsync(root_.number()) == 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("the store's marker cannot be written: ", std::strerror(errno)));
  }

  Erasure Erase(const std::string& object_ref) override {
    if (absl::Status status = Check(); !status.ok()) return FailedErasure(std::string(status.message()));
    if (std::string fault = ReferenceFault(object_ref); !fault.empty()) return FailedErasure(std::move(fault));
    std::vector<std::string> parts = absl::StrSplit(object_ref, '/');
    const std::string name = std::move(parts.back());
    parts.pop_back();
    Descriptor directory(::fcntl(root_.number(), F_DUPFD_CLOEXEC, 0));
    for (const std::string& part : parts) {
      Descriptor next = OpenDirectoryAt(directory.number(), part.c_str());
      if (!next.ok() && errno == ENOENT) return Durably(directory.number(), NoSuchObject());
      if (!next.ok() && (errno == ELOOP || errno == ENOTDIR)) {
        return FailedErasure("the reference leads through a link or a file");
      }
      if (!next.ok()) return FailedCall("a directory cannot be opened");
      directory = std::move(next);
    }
    return Unlink(directory.number(), name.c_str());
  }

 private:
  static Erasure Unlink(int directory, const char* name) {
    struct stat status {};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Durably(directory, NoSuchObject()) : FailedCall("the object cannot be looked at");
    }
    if (!S_ISREG(status.st_mode)) return FailedErasure("the object is not an ordinary file");
    if (status.st_nlink > 1) return FailedErasure("the object has further hard links");
    if (::unlinkat(directory, name, 0) != 0) {
      return errno == ENOENT ? Durably(directory, NoSuchObject()) : FailedCall("the object cannot be deleted");
    }
    return Durably(directory, ErasedObject());
  }

  const Descriptor root_;
};

}  // namespace

bool IsPlainPath(const std::string& object_ref) {
  if (object_ref.find('\0') != std::string::npos) return false;
  for (const absl::string_view part : absl::StrSplit(object_ref, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

std::string ReferenceFault(const std::string& object_ref) {
  if (!IsPlainPath(object_ref)) return "the reference is no relative path without . and ..";
  return object_ref == kStoreMarker ? "the reference is that of the store's marker" : "";
}

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& directory) {
  Descriptor root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return absl::NotFoundError(absl::StrCat(directory, ": ", std::strerror(errno)));
  return std::make_unique<LocalStore>(std::move(root));
}

}  // namespace retention
