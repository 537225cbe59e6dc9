#include "server/ops/log.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

TEST(Log, AnOccurrenceIsOneLineWhateverItHolds) {
  EXPECT_EQ(FormatLogLine(absl::FromUnixMillis(1772442000123), Severity::kWarning, "two\nlines",
                          {{"status", "a \"quote\""}, {"count", "3"}}),
            "time=2026-03-02T09:00:00.123Z severity=WARNING message=\"two\\nlines\" status=\"a \\\"quote\\\"\" "
            "count=\"3\"\n");
}

}  // namespace
}  // namespace retention
