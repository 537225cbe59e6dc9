#include "server/base/guarded_clock.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>

#include "tests/testing/fake_time.h"

namespace retention {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1772442000);
constexpr absl::Duration kOfADay = absl::Hours(24);

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

TEST_F(GuardedClockTest, ABootThatClaimsMoreThanTheMachinesClockSawIsNotBelieved) {
  clock_.Look();
  time_.Pass(absl::Seconds(1));
  time_.PassByBoottimeAlone(40 * kOfADay);
  EXPECT_EQ(clock_.Now(), kBegin) << "what it had last seen; a second is nothing";
  EXPECT_FALSE(clock_.Look().waits_for_confirmation);
  EXPECT_EQ(clock_.Now(), kBegin + absl::Seconds(1)) << "as after a start of the machine, some is taken on trust";
  time_.Pass(kOfADay);
  EXPECT_EQ(clock_.Now(), kBegin + absl::Seconds(1) + kOfADay) << "it goes on";
}

TEST_F(GuardedClockTest, SoItIsAcrossARestart) {
  const ClockAnchor anchor = clock_.Anchor();
  ASSERT_TRUE(anchor.agreed);
  time_.Pass(absl::Hours(2));
  time_.PassByBoottimeAlone(40 * kOfADay);
  GuardedClock next(time_, GuardedClock::Trust::kKernel);
  next.Resume(anchor);
  EXPECT_EQ(next.Now(), kBegin);
  EXPECT_TRUE(next.Look().waits_for_confirmation) << "late and loud";
  EXPECT_EQ(next.Now(), kBegin + GuardedClock::kRestartSlack);
  time_.Discipline(time_.Wall());
  next.Look();
  time_.PassByBoottimeAlone(40 * kOfADay);
  next.Look();
  EXPECT_LT(next.Now(), kBegin + kOfADay) << "that is no half minute between two looks";
  time_.Pass(GuardedClock::kAgreeAfter);
  next.Look();
  EXPECT_EQ(next.Now(), time_.Wall()) << "the machine's clock is vouched for";
}

// Suspended between two readings that are to be of one moment.
class TornTime final : public TimeSource {
 public:
  absl::Time Wall() const override {
    const absl::Time wall = time_.Wall();
    if (std::exchange(tears_, false)) time_.Pass(3 * kOfADay);
    return wall;
  }
  BootTime Boot() const override { return time_.Boot(); }
  bool IsDisciplined() const override { return true; }
  void Tear() { tears_ = true; }

 private:
  mutable FakeTime time_{kBegin};
  mutable bool tears_ = false;
};

TEST(GuardedClockTornTest, ASuspensionBetweenTwoReadingsIsTimeThatPassed) {
  TornTime time;
  GuardedClock clock(time, GuardedClock::Trust::kKernel);
  time.Tear();
  EXPECT_EQ(clock.Now(), kBegin + 3 * kOfADay);
  time.Tear();
  EXPECT_EQ(clock.Rival(), std::nullopt) << "no disagreement";
  time.Tear();
  EXPECT_TRUE(clock.Look().agrees);
}

// The machine's clock is what cannot be believed then.
TEST_F(GuardedClockTest, AcrossARestartTheBootIsBelievedOfClocksThatDisagreed) {
  time_.Jump(40 * kOfADay);
  const ClockAnchor anchor = clock_.Anchor();
  ASSERT_FALSE(anchor.agreed);
  time_.Pass(kOfADay);
  time_.Jump(-40 * kOfADay);
  clock_.Resume(anchor);
  EXPECT_EQ(clock_.Now(), kBegin + kOfADay);
}

TEST_F(GuardedClockTest, AClockThatIsSetBackWhileNobodyLooksForLongIsInDoubt) {
  const ClockAnchor anchor = clock_.Anchor();
  time_.Pass(GuardedClock::kMaxDisagreement);
  time_.Jump(-absl::Hours(25));
  clock_.Resume(anchor);
  EXPECT_EQ(clock_.Now(), kBegin + GuardedClock::kMaxDisagreement) << "for minutes it is the clock that jumped";
  time_.Jump(absl::Hours(25));
  const ClockAnchor later = clock_.Anchor();
  time_.Pass(absl::Hours(3));
  time_.Jump(-absl::Hours(25));
  clock_.Resume(later);
  EXPECT_EQ(clock_.Now(), later.instant);
  EXPECT_TRUE(clock_.Look().waits_for_confirmation);
}

// A process in a time namespace of its own, as a container may be, on the same machine.
TEST(MachineTime, IsOfTheMachineInEveryTimeNamespace) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int64_t found = 0;
    // Whoever may not make one says nothing.
    if (::unshare(CLONE_NEWUSER | CLONE_NEWTIME) == 0) {
      std::ofstream("/proc/self/timens_offsets") << "boottime 4000000 0" << std::endl;
      if (::fork() != 0) ::_exit(0);
      timespec shifted{};
      ::clock_gettime(CLOCK_BOOTTIME, &shifted);
      if (shifted.tv_sec >= 4000000) found = NewMachineTime()->Boot().boottime_us;
    }
    if (::write(ends[1], &found, sizeof(found)) < 0) ::_exit(1);
    ::_exit(0);
  }
  int64_t found = 0;
  ASSERT_EQ(::read(ends[0], &found, sizeof(found)), static_cast<ssize_t>(sizeof(found)));
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  if (found == 0) GTEST_SKIP() << "no time namespaces for this user";
  EXPECT_LE(found, MachineTime().Boot().boottime_us);
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
