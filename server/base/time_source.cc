#include "server/base/time_source.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"

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

class Machine final : public TimeSource {
 public:
  absl::Time Wall() const override { return absl::FromUnixMicros(absl::GetCurrentTimeNanos() / 1000); }
  BootTime Boot() const override {
    BootTime boot{.boot_id = boot_id_};
    timespec time{};
    if (::clock_gettime(CLOCK_BOOTTIME, &time) == 0) {
      boot.boottime_us = static_cast<int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
    }
    return boot;
  }
  bool IsDisciplined() const override {
    timex clock{};
    return ::adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
  }

 private:
  const std::array<uint8_t, 16> boot_id_ = ReadBootId();
};

}  // namespace

const TimeSource& MachineTime() {
  static const Machine* const machine = new Machine;
  return *machine;
}

}  // namespace retention
