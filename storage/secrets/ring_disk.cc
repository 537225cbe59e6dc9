#include "storage/secrets/ring_disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kKeysMagic = "RETNKEYS";
constexpr std::string_view kPagesMagic = "RETNPAGE";
constexpr mode_t kOthers = 0077;
constexpr size_t kChunkBytes = 1 << 16;

absl::Status TooOpen(const std::string& path, const char* mode) {
  return absl::FailedPreconditionError(absl::StrCat("key ring: others have access to ", path, ": chmod ", mode, " it"));
}

absl::Status WriteFully(int fd, uint64_t offset, ConstByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return StatusFromErrno(errno, "write");
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

std::optional<uint64_t> ParentVolumeOf(const std::string& path) {
  return VolumeOf(std::filesystem::path(path).parent_path().string());
}

absl::Status OutOfReach(RingFile file) {
  return absl::UnavailableError(absl::StrCat("key ring: file ", NameOf(file), " is out of reach"));
}

}  // namespace

const char* NameOf(RingFile file) {
  switch (file) {
    case RingFile::kHead:
      return "head";
    case RingFile::kKeys:
      return "keys";
    case RingFile::kPages:
      return "pages";
  }
  return "";
}

std::string_view MagicOf(RingFile file) { return file == RingFile::kKeys ? kKeysMagic : kPagesMagic; }

void WriteFileHeader(RingFile file, const RingHead& head, ByteSpan out) {
  std::fill(out.begin(), out.end(), 0);
  const std::string_view magic = MagicOf(file);
  std::memcpy(out.data(), magic.data(), magic.size());
  std::memcpy(out.data() + magic.size(), head.identity.data(), head.identity.size());
}

absl::Status StatusFromErrno(int error, std::string_view operation) {
  const std::string message = absl::StrCat("key ring: ", std::string(operation), ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

absl::Status SyncDirectory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return StatusFromErrno(errno, "open directory");
  const int synced = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return synced == 0 ? absl::OkStatus() : StatusFromErrno(error, "sync directory");
}

absl::Status TakeEmptyDirectory(const std::string& directory) {
  struct stat info;
  if (::stat(directory.c_str(), &info) != 0) return StatusFromErrno(errno, absl::StrCat("stat ", directory));
  if ((info.st_mode & kOthers) == 0) return absl::OkStatus();
  std::error_code error;
  const bool is_empty = std::filesystem::is_empty(directory, error);
  if (error) return StatusFromErrno(error.value(), absl::StrCat("list ", directory));
  if (!is_empty) return TooOpen(directory, "0700");
  return ::chmod(directory.c_str(), 0700) == 0 ? absl::OkStatus() : StatusFromErrno(errno, "chmod");
}

std::optional<uint64_t> VolumeOf(const std::string& directory) {
  struct stat info;
  if (::stat(directory.c_str(), &info) != 0) return std::nullopt;
  return info.st_dev;
}

bool LeadsTo(const std::string& path, int fd) {
  struct stat named;
  struct stat open;
  return ::lstat(path.c_str(), &named) == 0 && ::fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
         named.st_ino == open.st_ino;
}

absl::StatusOr<std::unique_ptr<RingReplica>> RingReplica::Open(const std::string& directory, OnIo on_io,
                                                               OnAccess on_access, bool is_judged) {
  std::unique_ptr<RingReplica> replica(new RingReplica(directory, std::move(on_io), std::move(on_access), is_judged));
  replica->first_volume_ = ParentVolumeOf(directory);
  replica->opening_ = replica->OpenFiles();
  if (!replica->opening_.ok() && !absl::IsUnavailable(replica->opening_)) return replica->opening_;
  return replica;
}

absl::Status RingReplica::OpenFiles() {
  absl::Status unwritable;
  absl::Status status = OpenDirectory();
  if (directory_fd_ < 0) return status;
  for (const RingFile file : {RingFile::kHead, RingFile::kKeys, RingFile::kPages}) {
    if (status.ok()) status = OpenFile(file, unwritable);
  }
  if (status.ok()) return unwritable;
  Close();
  return status;
}

absl::Status RingReplica::OpenDirectory() {
  directory_fd_ = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd_ < 0) {
    return errno == ENOENT ? absl::OkStatus() : StatusFromErrno(errno, absl::StrCat("open ", directory_));
  }
  struct stat info;
  if (::fstat(directory_fd_, &info) != 0) return StatusFromErrno(errno, "stat");
  if (is_judged_ && (info.st_mode & kOthers) != 0) return TooOpen(directory_, "0700");
  return LockIt();
}

absl::Status RingReplica::OpenFile(RingFile file, absl::Status& unwritable) {
  const std::string path = PathOf(file);
  int& fd = files_[Index(file)];
  absl::Status opened = on_access_ ? on_access_(file, Access::kOpen) : absl::OkStatus();
  if (opened.ok()) {
    fd = ::openat(directory_fd_, NameOf(file), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return absl::OkStatus();
    if (fd < 0) opened = StatusFromErrno(errno, absl::StrCat("open ", path));
  }
  if (!opened.ok()) {
    fd = ::openat(directory_fd_, NameOf(file), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return opened;
    unwritable.Update(opened);
  }
  struct stat info;
  if (::fstat(fd, &info) != 0) return StatusFromErrno(errno, "stat");
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is no file"));
  if (is_judged_ && (info.st_mode & kOthers) != 0) return TooOpen(path, "0600");
  return absl::OkStatus();
}

absl::Status RingReplica::LockIt() {
  if (::flock(directory_fd_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno != EWOULDBLOCK) return StatusFromErrno(errno, absl::StrCat("lock ", directory_));
  return absl::FailedPreconditionError(absl::StrCat("key ring: another process has ", directory_, " open"));
}

void RingReplica::Close() {
  for (int& fd : files_) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  if (directory_fd_ >= 0) ::close(std::exchange(directory_fd_, -1));
}

absl::Status RingReplica::Reopen() {
  Close();
  opening_ = OpenFiles();
  if (!opening_.ok()) Close();
  return opening_;
}

bool RingReplica::is_on_first_volume() const {
  return first_volume_.has_value() && ParentVolumeOf(directory_) == first_volume_;
}

RingReplica::~RingReplica() { Close(); }

absl::StatusOr<uint64_t> RingReplica::Size(RingFile file) const {
  if (!Has(file)) return uint64_t{0};
  struct stat info;
  if (::fstat(files_[Index(file)], &info) != 0) return StatusFromErrno(errno, "stat");
  return static_cast<uint64_t>(info.st_size);
}

absl::StatusOr<LockedBytes> RingReplica::Read(RingFile file) const {
  const auto size = Size(file);
  if (!size.ok()) return size.status();
  LockedBytes bytes(*size);
  if (absl::Status s = ReadAt(file, 0, bytes.span()); !s.ok()) return s;
  return bytes;
}

absl::Status RingReplica::ReadAt(RingFile file, uint64_t offset, ByteSpan out) const {
  if (out.empty()) return absl::OkStatus();
  if (!Has(file)) return OutOfReach(file);
  if (on_access_) {
    if (absl::Status s = on_access_(file, Access::kRead); !s.ok()) return s;
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(files_[Index(file)], out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return StatusFromErrno(errno, "read");
    if (got == 0) return absl::DataLossError(absl::StrCat("key ring: file ", NameOf(file), " is too short"));
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::Status RingReplica::Sync(RingFile file) {
  if (on_io_) {
    if (absl::Status s = on_io_(file, Io::kSync); !s.ok()) return s;
  }
  if (::fdatasync(files_[Index(file)]) != 0) return StatusFromErrno(errno, "sync");
  return absl::OkStatus();
}

absl::Status RingReplica::Write(RingFile file, std::span<const RingWrite> writes) {
  if (!Has(file)) return OutOfReach(file);
  for (const RingWrite& write : writes) {
    if (on_io_) {
      if (absl::Status s = on_io_(file, Io::kWrite); !s.ok()) return s;
    }
    if (absl::Status s = WriteFully(files_[Index(file)], write.offset, write.bytes); !s.ok()) return s;
  }
  if (absl::Status s = CheckName(file); !s.ok()) return s;
  return Sync(file);
}

std::string RingReplica::PathOf(RingFile file) const { return absl::StrCat(directory_, "/", NameOf(file)); }

absl::Status RingReplica::CheckName(RingFile file) const {
  if (LeadsTo(PathOf(file), files_[Index(file)])) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("key ring: file ", NameOf(file), " was removed"));
}

bool RingReplica::HoldsNameless() const {
  return std::any_of(files_.begin(), files_.end(), [](int fd) {
    struct stat info;
    return fd >= 0 && ::fstat(fd, &info) == 0 && info.st_nlink == 0;
  });
}

absl::Status RingReplica::CopyInto(int fd, RingFile file) {
  const auto size = Size(file);
  if (!size.ok()) return size.status();
  LockedBytes part(kChunkBytes);
  for (uint64_t at = 0; at < *size; at += kChunkBytes) {
    const ByteSpan bytes = part.span().first(std::min<uint64_t>(kChunkBytes, *size - at));
    if (absl::Status s = ReadAt(file, at, bytes); !s.ok()) return s;
    if (on_io_) {
      if (absl::Status s = on_io_(file, Io::kExtend); !s.ok()) return s;
    }
    if (absl::Status s = WriteFully(fd, at, bytes); !s.ok()) return s;
  }
  return ::fsync(fd) == 0 && ::fsync(directory_fd_) == 0 ? absl::OkStatus() : StatusFromErrno(errno, "sync");
}

absl::Status RingReplica::PutBackDirectory() {
  if (directory_fd_ >= 0 && LeadsTo(directory_, directory_fd_)) return absl::OkStatus();
  struct stat former;
  // One that has a name elsewhere was moved, or another volume is mounted over it.
  if (directory_fd_ < 0 || ::fstat(directory_fd_, &former) != 0 || former.st_nlink > 0) {
    return absl::UnavailableError(absl::StrCat("key ring: ", directory_, " was moved, or lies beneath another volume"));
  }
  // The ring's directory, in which it lay, may have gone with it.
  const std::filesystem::path parent = std::filesystem::path(directory_).parent_path();
  for (const std::filesystem::path& made : {parent, std::filesystem::path(directory_)}) {
    const std::string above = made.has_parent_path() ? made.parent_path().string() : ".";
    if (const auto volume = VolumeOf(above); !volume.has_value() || *volume != former.st_dev) {
      return absl::UnavailableError(
          absl::StrCat("key ring: ", directory_, " was removed, and ", above, " is not there, or on another volume"));
    }
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST) {
      return StatusFromErrno(errno, absl::StrCat("make directory ", made.string()));
    }
    if (absl::Status s = SyncDirectory(above); !s.ok()) return s;
  }
  // What somebody else put there is not written over.
  std::error_code error;
  if (!std::filesystem::is_empty(directory_, error)) {
    return absl::UnavailableError(absl::StrCat("key ring: ", directory_, " was removed, and something else is there"));
  }
  if (absl::Status s = TakeEmptyDirectory(directory_); !s.ok()) return s;
  const int fd = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return StatusFromErrno(errno, "open directory");
  ::close(std::exchange(directory_fd_, fd));
  return LockIt();
}

absl::Status RingReplica::PutBack(RingFile file) {
  if (!Has(file)) return OutOfReach(file);
  if (absl::Status s = PutBackDirectory(); !s.ok()) return s;
  // What has its name is none of the ring's.
  if (::unlinkat(directory_fd_, NameOf(file), 0) != 0 && errno != ENOENT) return StatusFromErrno(errno, "remove");
  const int fd = ::openat(directory_fd_, NameOf(file), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return StatusFromErrno(errno, "create");
  if (absl::Status s = CopyInto(fd, file); !s.ok()) {
    // A part of it is not to be taken for all.
    ::unlinkat(directory_fd_, NameOf(file), 0);
    ::close(fd);
    return s;
  }
  const int former = std::exchange(files_[Index(file)], fd);
  struct stat info;
  if (::fstat(former, &info) == 0 && info.st_nlink == 0) {
    static constexpr std::array<uint8_t, kChunkBytes> kZeros{};
    absl::Status wiped;
    for (uint64_t at = 0; at < static_cast<uint64_t>(info.st_size) && wiped.ok(); at += kChunkBytes) {
      const auto left = static_cast<uint64_t>(info.st_size) - at;
      wiped = WriteFully(former, at, ConstByteSpan(kZeros).first(std::min<uint64_t>(kChunkBytes, left)));
    }
    ::fdatasync(former);
  }
  ::close(former);
  return absl::OkStatus();
}

absl::Status RingReplica::Look() const {
  std::array<uint8_t, 1> byte{};
  if (absl::Status s = ReadAt(RingFile::kHead, 0, byte); !s.ok()) return s;
  return CheckName(RingFile::kHead);
}

absl::Status RingReplica::Extend(RingFile file, uint64_t size) {
  if (directory_fd_ < 0) {
    const std::string parent = std::filesystem::path(directory_).parent_path().string();
    if (absl::Status s = TakeEmptyDirectory(parent); !s.ok()) return s;
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return StatusFromErrno(errno, "make directory");
    directory_fd_ = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd_ < 0) return StatusFromErrno(errno, "open directory");
    if (absl::Status s = LockIt(); !s.ok()) return s;
  }
  int& fd = files_[Index(file)];
  if (fd < 0) {
    fd = ::openat(directory_fd_, NameOf(file), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return StatusFromErrno(errno, "create");
    if (::fsync(directory_fd_) != 0) return StatusFromErrno(errno, "sync directory");
  }
  auto end = Size(file);
  if (!end.ok()) return end.status();
  static constexpr std::array<uint8_t, kChunkBytes> kZeros{};
  while (*end < size) {
    if (on_io_) {
      if (absl::Status s = on_io_(file, Io::kExtend); !s.ok()) return s;
    }
    const ConstByteSpan zeros = ConstByteSpan(kZeros).first(std::min<uint64_t>(kChunkBytes, size - *end));
    if (absl::Status s = WriteFully(fd, *end, zeros); !s.ok()) return s;
    *end += zeros.size();
  }
  return Sync(file);
}

size_t RingDisk::stale_replicas() const { return std::count(states_.begin(), states_.end(), State::kStale); }

size_t RingDisk::out_of_reach() const {
  return states_.size() - std::count(states_.begin(), states_.end(), State::kSound);
}

void RingDisk::Set(size_t i, State state, const absl::Status& why) {
  const State former = std::exchange(states_[i], state);
  if (on_reach_ && (former == State::kSound) != (state == State::kSound)) on_reach_(i, why);
}

absl::Status RingDisk::OnEach(const std::function<absl::Status(RingReplica&)>& act) {
  std::vector<std::pair<size_t, absl::Status>> failed;
  absl::Status failure;
  bool full = false;
  std::vector<size_t> done;
  for (size_t i = 0; i < replicas_.size(); ++i) {
    if (stale(i)) continue;
    absl::Status status = act(*replicas_[i]);
    if (status.ok()) {
      done.push_back(i);
      continue;
    }
    // That there is no room is what somebody can mend.
    if (absl::IsResourceExhausted(status) && !std::exchange(full, true)) failure = status;
    failure.Update(status);
    failed.emplace_back(i, std::move(status));
  }
  for (const size_t i : done) SetInReach(i);
  for (const auto& [i, status] : failed) {
    if (!done.empty()) {
      Set(i, State::kStale, status);
    } else if (!absl::IsResourceExhausted(status)) {
      Set(i, State::kLost, status);
    }
  }
  return done.empty() ? failure : absl::OkStatus();
}

absl::Status RingDisk::Write(RingFile file, std::span<const RingWrite> writes) {
  return OnEach([&](RingReplica& replica) { return replica.Write(file, writes); });
}

absl::Status RingDisk::Write(RingFile file, uint64_t offset, ConstByteSpan bytes) {
  const RingWrite write{offset, bytes};
  return Write(file, {&write, 1});
}

absl::Status RingDisk::Extend(RingFile file, uint64_t size) {
  return OnEach([&](RingReplica& replica) { return replica.Extend(file, size); });
}

absl::Status RingDisk::ReadAt(RingFile file, uint64_t offset, ByteSpan out) const {
  absl::Status failure = absl::UnavailableError("key ring: no replica can be read");
  for (size_t i = 0; i < replicas_.size(); ++i) {
    if (stale(i)) continue;
    failure = replicas_[i]->ReadAt(file, offset, out);
    if (failure.ok()) return failure;
  }
  return failure;
}

absl::StatusOr<LockedBytes> RingDisk::Read(RingFile file) const {
  absl::StatusOr<LockedBytes> read = absl::UnavailableError("key ring: no replica can be read");
  for (size_t i = 0; i < replicas_.size() && !read.ok(); ++i) {
    if (!stale(i)) read = replicas_[i]->Read(file);
  }
  return read;
}

}  // namespace retention
