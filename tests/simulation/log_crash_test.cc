// Log lines whose retention was extended in the last moment, on a machine that fails at any write of the sweep that
// moves them: none is lost.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"
#include "tests/simulation/machine.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {
namespace {

const absl::Time kLinesDue = At("2026-03-10T00:00:00+01:00");

enum class Failure { kWrite, kRingStep };

class ExtendedLines : public ::testing::TestWithParam<Failure> {};

TEST_P(ExtendedLines, OutliveASweepThatFailsAtAnyStep) {
  for (uint64_t nth = 1; nth <= 12; ++nth) {
    SCOPED_TRACE(absl::StrCat("step ", nth));
    const FreshDirectory directory;
    Machine machine(directory.path(), DefaultPolicy(), 7);
    ASSERT_TRUE(machine.Start(kMonday).ok());
    Append(machine.engine(), {Line(v1::LOG_SERVER_MCU, kMonday, "one"), Line(v1::LOG_SERVER_PORTAL, kMonday, "two")},
           kMonday);
    const auto request = ExtensionUntil(v1::LOG_SERVER_MCU, "2026-03-20");
    ASSERT_TRUE(machine.engine().ExtendLogRetention(request, kLinesDue - absl::Microseconds(1)).ok());
    if (GetParam() == Failure::kWrite) {
      machine.FailFromWrite(nth, FaultFileSystem::Fault::kIoError);
    } else {
      machine.FailFromRingStep(nth, absl::UnavailableError("disk failed"));
    }
    (void)machine.Sweep(kLinesDue, false).status();
    machine.Heal();
    ASSERT_TRUE(machine.Sweep(kLinesDue, false).ok());
    EXPECT_EQ(ReadTexts(machine.engine(), kLinesDue), std::vector<std::string>{"one"});
  }
}

INSTANTIATE_TEST_SUITE_P(Failures, ExtendedLines, ::testing::Values(Failure::kWrite, Failure::kRingStep),
                         [](const auto& info) { return info.param == Failure::kWrite ? "Writes" : "RingSteps"; });

}  // namespace
}  // namespace retention::simulation
