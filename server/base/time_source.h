// What the machine says of the time: its clock, how long it runs, and whether its kernel vouches for the clock.
#ifndef RETENTION_SERVER_BASE_TIME_SOURCE_H_
#define RETENTION_SERVER_BASE_TIME_SOURCE_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace retention {

// Since the machine was started, suspension included (CLOCK_BOOTTIME), and which start that was. Of the machine,
// whatever time namespace (time_namespaces(7)) the process is in.
struct BootTime {
  int64_t boottime_us = 0;
  std::array<uint8_t, 16> boot_id{};

  friend bool operator==(const BootTime&, const BootTime&) = default;
};

// Thread-safe.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  // By the machine's clock, whoever set it; microsecond precision.
  virtual absl::Time Wall() const = 0;
  // Goes on whatever becomes of the machine's clock.
  virtual BootTime Boot() const = 0;
  // Whether the kernel says that something keeps the machine's clock right: STA_UNSYNC of adjtimex(2) is clear. Whoever
  // sets the clock (clock_settime, ADJ_SETOFFSET) sets it, until the next correction by NTP.
  virtual bool IsDisciplined() const = 0;
};

// This machine, in the time namespace in which the process is now.
std::unique_ptr<TimeSource> NewMachineTime();
// The same, once for the process. A process with threads stays in its namespace.
const TimeSource& MachineTime();

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_TIME_SOURCE_H_
