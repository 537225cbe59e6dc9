#include "server/base/boot_time.h"

#include <time.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"

namespace retention {

BootTime ReadBootTime() {
  BootTime boot;
  timespec time{};
  if (::clock_gettime(CLOCK_BOOTTIME, &time) == 0) {
    boot.boottime_us = static_cast<int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
  }
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  file >> text;
  const std::string id = absl::HexStringToBytes(absl::StrReplaceAll(text, {{"-", ""}}));
  if (id.size() == boot.boot_id.size()) std::copy(id.begin(), id.end(), boot.boot_id.begin());
  return boot;
}

}  // namespace retention
