#include "server/base/guarded_clock.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_time.h"

namespace retention {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1772442000);

class GuardedClockTest : public ::testing::Test {
 protected:
  FakeTime time_{kBegin};
  GuardedClock clock_{time_, GuardedClock::Trust::kKernel};
};

TEST_F(GuardedClockTest, FollowsSmallCorrections_ButNotMoreThanTheToleranceAMinute) {
  clock_.Look();
  time_.Jump(absl::Seconds(1));
  EXPECT_TRUE(clock_.Look().agrees);
  EXPECT_EQ(clock_.Now(), kBegin + absl::Seconds(1));
  // Whoever turns it on and on by a second is not followed at once.
  for (int i = 0; i < 59; ++i) {
    time_.Pass(absl::Seconds(1));
    time_.Jump(absl::Seconds(1));
    clock_.Look();
  }
  EXPECT_LE(clock_.Now(), kBegin + absl::Seconds(59) + 2 * GuardedClock::kTolerance);
}

TEST_F(GuardedClockTest, NeverTellsATimeBeforeOneThatItTold) {
  clock_.Look();
  time_.Jump(-absl::Seconds(1));
  EXPECT_TRUE(clock_.Look().agrees);
  EXPECT_EQ(clock_.Now(), kBegin);
  time_.Pass(absl::Milliseconds(600));
  EXPECT_EQ(clock_.Now(), kBegin);
  time_.Pass(absl::Milliseconds(600));
  EXPECT_EQ(clock_.Now(), kBegin + absl::Milliseconds(200)) << "it stood still until it was right";
}

TEST_F(GuardedClockTest, TheLatestIsTheLaterOfTheTwo) {
  time_.Jump(absl::Hours(1));
  EXPECT_EQ(clock_.Latest(), kBegin + absl::Hours(1));
  EXPECT_EQ(clock_.Rival(), kBegin + absl::Hours(1));
  time_.SetWall(kBegin - absl::Hours(1));
  EXPECT_EQ(clock_.Latest(), kBegin);
  EXPECT_EQ(clock_.Rival(), kBegin - absl::Hours(1));
  time_.SetWall(kBegin - GuardedClock::kMaxDisagreement);
  EXPECT_EQ(clock_.Rival(), std::nullopt);
}

// The ring's volume may come from a machine that runs on.
TEST_F(GuardedClockTest, AnotherBootSaysNothingOfTheTimeBetween) {
  ClockAnchor anchor = clock_.Anchor();
  anchor.boot.boot_id.fill(9);
  time_.Pass(absl::Hours(1000));
  clock_.Resume(anchor);
  EXPECT_EQ(clock_.Now(), kBegin);
  time_.Pass(absl::Seconds(5));
  EXPECT_EQ(clock_.Now(), kBegin + absl::Seconds(5));
}

TEST_F(GuardedClockTest, CorrectionsThatWereNotEnteredAreOne) {
  clock_.Resume({.instant = kBegin, .boot = {}});
  time_.Discipline(kBegin + absl::Hours(10));
  clock_.Look();
  const auto slack = clock_.unentered();
  EXPECT_EQ(slack, (ClockCorrection{kBegin, kBegin + GuardedClock::kRestartSlack, ClockWord::kRestart}));
  time_.Pass(GuardedClock::kAgreeAfter);
  clock_.Look();
  const ClockCorrection both{kBegin, time_.Wall(), ClockWord::kMachine};
  EXPECT_EQ(clock_.unentered(), both);
  clock_.Entered(*slack);
  EXPECT_EQ(clock_.unentered(), (ClockCorrection{slack->to, time_.Wall(), ClockWord::kMachine}));
  clock_.Entered(*clock_.unentered());
  EXPECT_EQ(clock_.unentered(), std::nullopt);
}

}  // namespace
}  // namespace retention
