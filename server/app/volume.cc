#include "server/app/volume.h"

#include <sys/stat.h>
#include <sys/vfs.h>

namespace retention {
namespace {

struct CopyOnWrite {
  uint64_t magic;
  std::string_view name;
};
// linux/magic.h; ZFS, NILFS and bcachefs from their own sources.
constexpr CopyOnWrite kCopyOnWrite[] = {{0x9123683E, "btrfs"},    {0x2FC12FC1, "zfs"},  {0x794C7630, "overlayfs"},
                                        {0xCA451A4E, "bcachefs"}, {0xF2F52010, "f2fs"}, {0x3434, "nilfs"}};

}  // namespace

std::string_view CopyOnWriteName(uint64_t magic) {
  for (const CopyOnWrite& known : kCopyOnWrite) {
    if (known.magic == magic) return known.name;
  }
  return {};
}

std::string_view CopyOnWriteNameOf(const std::string& directory) {
  struct statfs volume {};
  if (::statfs(directory.c_str(), &volume) != 0) return {};
  return CopyOnWriteName(static_cast<uint32_t>(volume.f_type));
}

bool ShareVolume(const std::string& a, const std::string& b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev;
}

}  // namespace retention
