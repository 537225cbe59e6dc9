#include "server/app/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace retention {

Ballast::Volume Ballast::VolumeOf(const std::string& directory) {
  struct statvfs volume;
  if (::statvfs(directory.c_str(), &volume) != 0) return {};
  return {.bytes = volume.f_blocks * volume.f_frsize, .free = volume.f_bavail * volume.f_frsize};
}

Ballast::Ballast(std::string directory, uint64_t bytes, Look look)
    : directory_(std::move(directory)), path_(directory_ + "/ballast"), most_(bytes), look_(std::move(look)) {
  // One that was not laid to the end.
  ::unlink((path_ + ".new").c_str());
  struct stat file;
  if (::stat(path_.c_str(), &file) == 0) held_.store(static_cast<uint64_t>(file.st_blocks) * 512);
}

uint64_t Ballast::SizeOn(const Volume& volume) const {
  const uint64_t size = std::min(most_, volume.bytes / kPartOfVolume);
  return size < kLeastBytes ? 0 : size;
}

bool Ballast::Lay() {
  const MutexLock lock(mutex_);
  if (held_.load() > 0) return false;
  const Volume volume = look_(directory_);
  const uint64_t size = SizeOn(volume);
  if (size == 0 || volume.free < 2 * size) return false;
  // Under another name until it is whole: one that was cut short is none.
  const std::string fresh = path_ + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool laid = ::posix_fallocate(fd, 0, static_cast<off_t>(size)) == 0;
  ::close(fd);
  laid = laid && ::rename(fresh.c_str(), path_.c_str()) == 0;
  if (!laid) {
    ::unlink(fresh.c_str());
    return false;
  }
  held_.store(size);
  given_back_.store(false);
  return true;
}

bool Ballast::Release() {
  const MutexLock lock(mutex_);
  if (held_.load() == 0 || ::unlink(path_.c_str()) != 0) return false;
  held_.store(0);
  given_back_.store(true);
  return true;
}

absl::Status Ballast::status() const {
  if (!given_back_.load()) return absl::OkStatus();
  return absl::ResourceExhaustedError("the disk of the data is full: nothing is taken in until there is room again");
}

}  // namespace retention
