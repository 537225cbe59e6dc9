// A machine's clock that jumps, through the whole server: nothing is destroyed before its time, and nothing that was
// hidden comes back.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/rpc/clock_guard.h"

namespace retention {
namespace {

class Jumps : public ClockGuard, public ::testing::WithParamInterface<absl::Duration> {};

TEST_P(Jumps, WhileItRuns_AheadForSecondsHidesAndDestroysNothing) {
  const absl::Time before = Now();
  time_.Jump(GetParam());
  const bool is_due = kMonday + GetParam() >= kMondaysDue;
  EXPECT_EQ(Shows("Ada"), !is_due);
  for (int second = 0; second < 4; ++second) PassAndSweep(absl::Seconds(1));
  EXPECT_TRUE(HasKey());
  EXPECT_FALSE(Waits()) << "how late it is, is known";
  EXPECT_EQ(server_.Health(""), 1);
  EXPECT_TRUE(absl::StrContains(
      Metrics(), absl::StrCat("retention_clock_ahead_seconds ", absl::ToInt64Seconds(GetParam()), "\n")));
  time_.Jump(-GetParam());
  Sweep();
  EXPECT_TRUE(Shows("Ada"));
  EXPECT_EQ(Now(), before + absl::Seconds(4));
  PassAndSweep(kMondaysDue - before);
  EXPECT_FALSE(HasKey()) << "on time";
  EXPECT_EQ(Corrections(), std::vector<std::string>());
}

TEST_P(Jumps, WhileItRuns_AheadForGoodDaysEndOnTimeAllTheSame) {
  time_.Jump(GetParam());
  PassAndSweep(kMondaysDue - kMonday - absl::Seconds(1));
  EXPECT_TRUE(HasKey());
  PassAndSweep(absl::Seconds(1));
  EXPECT_FALSE(HasKey());
}

TEST_P(Jumps, WhileItRuns_BackNothingComesBackAndDaysEndOnTime) {
  PassAndSweep(kMondaysDue - kMonday);
  ASSERT_FALSE(HasKey());
  time_.Jump(-GetParam());
  EXPECT_FALSE(Shows("Ada"));
  EXPECT_EQ(Now(), kMondaysDue);
  EXPECT_EQ(RecordLate("late").Summary(), "UNAVAILABLE CLOCK_IN_DOUBT") << "by the machine's clock it is not due";
  Sweep();
  EXPECT_FALSE(Shows("Ada") || Shows("Eve") || HasKey());
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), kMondaysDue);
  EXPECT_FALSE(Shows("Ada") || Shows("Eve") || HasKey());
}

TEST_P(Jumps, AcrossARestartOfTheServerTheClockGoesOn) {
  server_.Stop();
  time_.Pass(absl::Minutes(10));
  time_.Jump(GetParam());
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), kMonday + absl::Minutes(10));
  EXPECT_TRUE(HasKey());
  time_.Jump(-2 * GetParam());
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), kMonday + absl::Minutes(10));
  PassAndSweep(kMondaysDue - kMonday - absl::Minutes(10));
  EXPECT_FALSE(HasKey());
  EXPECT_EQ(Corrections(), std::vector<std::string>());
}

TEST_P(Jumps, AtAStartOfTheMachineNothingIsDestroyedBeyondTheSlack) {
  const absl::Time before = kMondaysDue - absl::Minutes(20);
  PassAndSweep(before - kMonday);
  server_.Stop();
  time_.Reboot(before + absl::Minutes(1) + GetParam());
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), before + GuardedClock::kRestartSlack);
  EXPECT_TRUE(HasKey() && Waits());
  EXPECT_FALSE(Shows("Ada"));
  EXPECT_EQ(server_.Health(""), 2);
  EXPECT_TRUE(absl::StrContains(Metrics(), "retention_clock_waits 1\n"));
  // The operator sets it right.
  time_.SetWall(before + absl::Minutes(2));
  ASSERT_TRUE(Confirm(before + absl::Minutes(2)).ok());
  EXPECT_EQ(Now(), before + absl::Minutes(2));
  EXPECT_EQ(server_.Health(""), 1);
  EXPECT_TRUE(Shows("Ada") && HasKey());
}

// An hour too: what a hardware clock in local time is off, and summer time.
INSTANTIATE_TEST_SUITE_P(ClockGuard, Jumps,
                         ::testing::Values(absl::Hours(1), absl::Hours(25), 40 * kOneDay, 4 * 365 * kOneDay),
                         [](const auto& of) { return absl::StrCat(absl::ToInt64Hours(of.param), "h"); });

}  // namespace
}  // namespace retention
