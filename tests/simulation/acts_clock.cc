// The machine's clock goes wrong (docs/clock.md). The model lives by the engine's clock: what is destroyed, and what is
// not, is judged as ever. That clock is never ahead of the true time.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/simulation/months.h"

namespace retention::simulation {

void Months::FollowClock(absl::Time latest) {
  const absl::Time now = machine_.clock().Look().now;
  EXPECT_GE(now, now_) << "it goes back";
  EXPECT_LE(now, latest) << "it is ahead of the true time";
  now_ = std::max(now_, now);
  model_.AdvanceTo(now_);
  logs_.AdvanceTo(now_);
  machine_.Remember(now_);
}

void Months::SweepWhateverTheClock() {
  EXPECT_EQ(machine_.clock().Now(), now_);
  Sweep();
  Compare();
}

// Forwards, say by 40 days for 4 seconds, or back; the server may be restarted meanwhile.
void Months::ClockJumps() {
  constexpr absl::Duration kDay = absl::Hours(24);
  const absl::Duration jump =
      dice_.Chance(30) ? 40 * kDay : absl::Seconds(dice_.Between(300, 400 * 86400)) * (dice_.Chance(60) ? 1 : -1);
  time_.Jump(jump);
  machine_.clock().Look();
  machine_.Remember(now_);
  const int64_t seconds = dice_.Between(1, 4);
  for (int64_t second = 0; second < seconds; ++second) {
    MoveTo(now_ + absl::Seconds(1));
    if (dice_.Chance(70)) SweepWhateverTheClock();
    if (dice_.Chance(20)) Restart();
    if (::testing::Test::HasFailure()) return;
  }
  time_.Jump(-jump);
  last_ = "a clock that was " + absl::FormatDuration(jump) + " off for " + std::to_string(seconds) + " seconds";
  SweepWhateverTheClock();
}

// As NTP does it. What it says is the true time.
void Months::ClockIsSlewed() {
  const absl::Duration step = absl::Milliseconds(dice_.Between(-2000, 2000));
  for (int64_t minute = dice_.Between(1, 10); minute > 0; --minute) {
    time_.Pass(GuardedClock::kWindow);
    time_.Discipline(time_.Wall() + step);
    FollowClock(std::max(time_.Wall(), now_));
    EXPECT_LE(time_.Wall() - now_, GuardedClock::kTolerance) << "it stays behind";
    if (dice_.Chance(40)) SweepWhateverTheClock();
    if (::testing::Test::HasFailure()) return;
  }
  last_ = "a clock that was slewed by " + absl::FormatDuration(step) + " a minute";
  // What was followed late is made up for.
  time_.Pass(2 * GuardedClock::kWindow);
  FollowClock(time_.Wall());
  EXPECT_EQ(now_, time_.Wall());
}

// For minutes, or for weeks. Then somebody says what time it is; until then it waits.
void Months::MachineIsOff() {
  // The ring's volume knows the time to a minute.
  MoveTo(now_ + absl::Minutes(1));
  machine_.Remember(now_);
  const absl::Duration off =
      dice_.Chance(30) ? absl::Seconds(dice_.Between(1, 900)) : absl::Seconds(dice_.Between(900, 20 * 86400));
  const absl::Time stopped = now_;
  time_.Reboot(now_ + off);
  const absl::Status started = machine_.Restart(now_, /*power=*/false, 0);
  ASSERT_TRUE(started.ok()) << started;
  ++restarts_;
  NoticePolicy();
  FollowClock(std::min(stopped + GuardedClock::kRestartSlack, time_.Wall()));
  if (dice_.Chance(50)) SweepWhateverTheClock();
  if (dice_.Chance(50)) {
    time_.Pass(absl::Seconds(dice_.Between(1, 86400)));
    FollowClock(time_.Wall());
    SweepWhateverTheClock();
  }
  if (::testing::Test::HasFailure()) return;
  if (dice_.Chance(50)) {
    time_.Discipline(time_.Wall());
    FollowClock(time_.Wall());
    time_.Pass(GuardedClock::kAgreeAfter);
  } else {
    const absl::Status confirmed = machine_.clock().Confirm(time_.Wall());
    ASSERT_TRUE(confirmed.ok()) << confirmed;
  }
  FollowClock(time_.Wall());
  EXPECT_EQ(now_, time_.Wall()) << "somebody said so";
  machine_.Remember(now_);
  last_ = "a machine that was off for " + absl::FormatDuration(off);
  SweepWhateverTheClock();
}

}  // namespace retention::simulation
