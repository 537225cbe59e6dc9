#include "storage/secrets/root_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/locked_bytes.h"
#include "storage/secrets/root_place.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kRootMagic = "RETNROOT";
constexpr size_t kFileBytes = kRootMagic.size() + kRootPlaces * kRootPlaceBytes;
constexpr mode_t kNotItsOwner = 0077;

using RootPlaces = std::array<std::optional<PlacedRoot>, kRootPlaces>;

size_t OffsetOf(size_t place) { return kRootMagic.size() + place * kRootPlaceBytes; }

class RootFile final : public RootKey {
 public:
  RootFile(std::string path, RandomSource& random) : path_(std::move(path)), random_(random) {}
  ~RootFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  RootKind kind() const override { return RootKind::kFile; }

  absl::StatusOr<SecretKey> Make(const RootName& name) override {
    absl::StatusOr<RootPlaces> places = ReadPlaces();
    if (absl::IsNotFound(places.status())) {
      if (absl::Status s = MakeFile(); !s.ok()) return s;
      places = ReadPlaces();
    }
    if (!places.ok()) return places.status();
    if (absl::Status s = CheckRootsAreOf(*places, name); !s.ok()) return s;
    absl::StatusOr<PlacedRoot> root = DrawRoot(name, random_);
    if (!root.ok()) return root.status();
    LockedBytes bytes(kRootPlaceBytes);
    WriteRootPlace(*root, bytes.span());
    if (absl::Status s = WriteAt(PlaceOf(name), bytes); !s.ok()) return s;
    return root->secret;
  }

  absl::StatusOr<SecretKey> Read(const RootName& name) override {
    const absl::StatusOr<RootPlaces> places = ReadPlaces();
    if (!places.ok()) return places.status();
    return FindRoot(*places, name);
  }

  absl::Status KeepOnly(const RootName& name) override {
    if (const auto kept = Read(name); !kept.ok()) return kept.status();
    const size_t other = 1 - PlaceOf(name);
    LockedBytes bytes(kRootPlaceBytes);
    if (absl::Status s = ReadAt(OffsetOf(other), bytes.span()); !s.ok()) return s;
    const LockedBytes zeros(kRootPlaceBytes);
    return std::memcmp(bytes.data(), zeros.data(), kRootPlaceBytes) == 0 ? absl::OkStatus() : WriteAt(other, zeros);
  }

 private:
  absl::Status Failure(const char* operation) const {
    const std::string message = absl::StrCat("root key: ", operation, " ", path_, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }

  absl::Status OpenFile() {
    // Each time anew: its volume may be taken away and put back.
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd_ < 0) return Failure("open");
    struct stat info;
    if (::fstat(fd_, &info) != 0) return Failure("look at");
    if ((info.st_mode & kNotItsOwner) != 0) {
      return absl::FailedPreconditionError(absl::StrCat("root key: others have access to ", path_, ": chmod 0600 it"));
    }
    std::array<uint8_t, kRootMagic.size()> magic{};
    const bool whole = S_ISREG(info.st_mode) && info.st_size == static_cast<off_t>(kFileBytes) &&
                       ::pread(fd_, magic.data(), magic.size(), 0) == static_cast<ssize_t>(magic.size()) &&
                       std::memcmp(magic.data(), kRootMagic.data(), kRootMagic.size()) == 0;
    return whole ? absl::OkStatus() : absl::FailedPreconditionError(absl::StrCat("root key: ", path_, " is no root's"));
  }

  absl::Status ReadAt(size_t offset, std::span<uint8_t> out) {
    if (absl::Status s = OpenFile(); !s.ok()) return s;
    const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    return got == static_cast<ssize_t>(out.size()) ? absl::OkStatus() : absl::UnavailableError("root key: unreadable");
  }

  absl::StatusOr<RootPlaces> ReadPlaces() {
    RootPlaces places;
    LockedBytes bytes(kRootPlaceBytes);
    for (size_t place = 0; place < kRootPlaces; ++place) {
      if (absl::Status s = ReadAt(OffsetOf(place), bytes.span()); !s.ok()) return s;
      places[place] = ReadRootPlace(bytes.span());
    }
    return places;
  }

  absl::Status WriteAt(size_t place, const LockedBytes& bytes) {
    if (absl::Status s = OpenFile(); !s.ok()) return s;
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(OffsetOf(place)));
    if (written != static_cast<ssize_t>(bytes.size()) || ::fsync(fd_) != 0) return Failure("write");
    return absl::OkStatus();
  }

  // Beside its place, and moved there whole.
  absl::Status MakeFile() {
    const std::string fresh = absl::StrCat(path_, ".new");
    const int fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return Failure("make");
    std::array<uint8_t, kFileBytes> bytes{};
    std::memcpy(bytes.data(), kRootMagic.data(), kRootMagic.size());
    const bool written =
        ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) && ::fsync(fd) == 0;
    ::close(fd);
    if (!written || ::rename(fresh.c_str(), path_.c_str()) != 0) return Failure("make");
    const std::string parent = std::filesystem::absolute(path_).parent_path().string();
    const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool durable = directory >= 0 && ::fsync(directory) == 0;
    if (directory >= 0) ::close(directory);
    return durable ? absl::OkStatus() : Failure("make");
  }

  const std::string path_;
  RandomSource& random_;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<RootKey> OpenRootFile(std::string path, RandomSource& random) {
  return std::make_unique<RootFile>(std::move(path), random);
}

}  // namespace retention
