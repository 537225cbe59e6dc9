// Lengths of time as every command line takes them, and what none takes.
#pragma once

#include "absl/time/time.h"

namespace retention {

struct WrittenLength {
  const char* text;
  absl::Duration length;
};

inline const WrittenLength kLengths[] = {
    {"90s", absl::Seconds(90)},
    {"15m", absl::Minutes(15)},
    {"2h", absl::Hours(2)},
    {"1d", absl::Hours(24)},
    {"2w", absl::Hours(14 * 24)},
    {"500ms", absl::Milliseconds(500)},
    {"1d12h", absl::Hours(36)},
    {"1w2d3h4m5s6ms", absl::Hours(9 * 24 + 3) + absl::Minutes(4) + absl::Seconds(5) + absl::Milliseconds(6)},
    {"007s", absl::Seconds(7)},
    {"0s", absl::ZeroDuration()},
    {"0", absl::ZeroDuration()},
};

inline constexpr const char* kNoLengths[] = {
    "",
    "5",
    "d",
    "-1d",
    "+1d",
    "1x",
    "1.5h",
    "1,5h",
    "99999999999s",
    "1d ",
    " 1d",
    "1 d",
    "1h1h",
    "1m1h",
    "1s1ms2",
    "inf",
    "9223372036854775808s",
    "1D",
    "1min",
    "0x1s",
    "1e3s",
    "00",
    "1d2",
    "½h",
};

}  // namespace retention
