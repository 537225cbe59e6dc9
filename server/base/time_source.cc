#include "server/base/time_source.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

namespace retention {
namespace {

std::array<uint8_t, 16> ReadBootId() {
  std::array<uint8_t, 16> boot_id{};
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  file >> text;
  const std::string id = absl::HexStringToBytes(absl::StrReplaceAll(text, {{"-", ""}}));
  if (id.size() == boot_id.size()) std::copy(id.begin(), id.end(), boot_id.begin());
  return boot_id;
}

// What the process's time namespace adds to CLOCK_BOOTTIME, microseconds. The file speaks of the namespace that
// children will be in.
int64_t ReadBoottimeOffset() {
  std::error_code own_error;
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/ns/time", own_error);
  const auto of_children = std::filesystem::read_symlink("/proc/self/ns/time_for_children", error);
  if (own_error || error || own != of_children) return 0;
  std::ifstream file("/proc/self/timens_offsets");
  std::string clock;
  int64_t seconds = 0;
  int64_t nanos = 0;
  while (file >> clock >> seconds >> nanos) {
    if (clock == "boottime") return seconds * 1000000 + nanos / 1000;
  }
  return 0;
}

class Machine final : public TimeSource {
 public:
  // The kernel's own word, by the call that tests and tools replace.
  absl::Time Wall() const override {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return absl::FromUnixMicros(static_cast<int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000);
  }
  BootTime Boot() const override {
    BootTime boot{.boot_id = boot_id_};
    timespec time{};
    if (::clock_gettime(CLOCK_BOOTTIME, &time) == 0) {
      boot.boottime_us = static_cast<int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000 - boottime_offset_us_;
    }
    return boot;
  }
  bool IsDisciplined() const override {
    timex clock{};
    return ::adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
  }

 private:
  const std::array<uint8_t, 16> boot_id_ = ReadBootId();
  const int64_t boottime_offset_us_ = ReadBoottimeOffset();
};

}  // namespace

std::unique_ptr<TimeSource> NewMachineTime() { return std::make_unique<Machine>(); }

const TimeSource& MachineTime() {
  static const TimeSource* const machine = NewMachineTime().release();
  return *machine;
}

}  // namespace retention
