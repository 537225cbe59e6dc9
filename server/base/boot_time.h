// How long the machine runs, for what must not follow the wall clock.
#ifndef RETENTION_SERVER_BASE_BOOT_TIME_H_
#define RETENTION_SERVER_BASE_BOOT_TIME_H_

#include <array>
#include <cstdint>

namespace retention {

// Since the machine was started, suspension included (CLOCK_BOOTTIME), and which start that was.
struct BootTime {
  int64_t boottime_us = 0;
  std::array<uint8_t, 16> boot_id{};
};
BootTime ReadBootTime();

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_BOOT_TIME_H_
