#include "server/base/guarded_clock.h"

#include <algorithm>

#include "server/base/errors.h"

namespace retention {

GuardedClock::GuardedClock(const TimeSource& source, Trust trust)
    : source_(source),
      trust_(trust),
      base_instant_(source.Wall()),
      base_boottime_(absl::Microseconds(source.Boot().boottime_us)),
      seen_{.boottime = base_boottime_, .wall = base_instant_} {}

absl::Time GuardedClock::Told(absl::Duration boottime) const {
  told_ = std::max(told_, At(boottime));
  return told_;
}

GuardedClock::Moment GuardedClock::ThisMoment() const {
  Moment moment;
  // Both of one moment: the machine may be suspended between the two.
  do {
    moment.boottime = absl::Microseconds(source_.Boot().boottime_us);
    moment.wall = source_.Wall();
  } while (absl::Microseconds(source_.Boot().boottime_us) - moment.boottime > kTolerance);
  const absl::Duration ran = moment.boottime - seen_.boottime;
  const absl::Duration passed = seen_.wall.has_value() ? moment.wall - *seen_.wall : ran;
  if (ran > kMaxDisagreement && ran - passed > kMaxDisagreement) {
    base_instant_ = At(seen_.boottime);
    base_boottime_ = moment.boottime;
    is_open_ = true;
    sighting_.reset();
  }
  // While it stands still, so as not to go back, it is where it is going.
  moment.ahead = moment.wall - At(moment.boottime);
  seen_ = {.boottime = moment.boottime, .wall = moment.wall};
  return moment;
}

absl::Time GuardedClock::Now() const {
  const MutexLock lock(mutex_);
  return Told(ThisMoment().boottime);
}

absl::Time GuardedClock::Latest() const { return std::max(Now(), source_.Wall()); }

std::optional<absl::Time> GuardedClock::Rival() const {
  const absl::Time now = Now();
  const absl::Time wall = source_.Wall();
  return absl::AbsDuration(wall - now) > kMaxDisagreement ? std::optional(wall) : std::nullopt;
}

ClockAnchor GuardedClock::Anchor() const {
  const MutexLock lock(mutex_);
  const Moment moment = ThisMoment();
  return {.instant = Told(moment.boottime),
          .boot = {.boottime_us = absl::ToInt64Microseconds(moment.boottime), .boot_id = source_.Boot().boot_id},
          .slack = slack_,
          .unentered = unentered_,
          .agreed = absl::AbsDuration(moment.ahead) <= kMaxDisagreement};
}

void GuardedClock::Resume(const ClockAnchor& anchor) {
  const MutexLock lock(mutex_);
  const BootTime boot = source_.Boot();
  const bool is_same_boot = boot.boot_id == anchor.boot.boot_id && boot.boottime_us >= anchor.boot.boottime_us;
  base_instant_ = anchor.instant;
  // How long a new boot lasts says nothing: the ring's volume may have been at another machine until now.
  base_boottime_ = absl::Microseconds(is_same_boot ? anchor.boot.boottime_us : boot.boottime_us);
  told_ = anchor.instant;
  is_open_ = !is_same_boot;
  seen_ = {.boottime = base_boottime_, .wall = {}};
  if (is_same_boot && anchor.agreed) seen_.wall = anchor.instant;
  slack_ = anchor.slack;
  unentered_ = anchor.unentered;
}

void GuardedClock::RaiseTo(absl::Time instant) {
  const MutexLock lock(mutex_);
  const absl::Duration boottime = ThisMoment().boottime;
  if (instant <= Told(boottime)) return;
  base_instant_ = instant;
  base_boottime_ = boottime;
}

GuardedClock::Reading GuardedClock::Describe(const Moment& moment) const {
  const bool is_far = absl::AbsDuration(moment.ahead) > kMaxDisagreement;
  // What is vouched for is believed soon, but for too long a way. Otherwise it is known how late it is, unless the
  // machine was off, or its boot is in doubt. Back over what was taken on trust nothing waits.
  const bool is_back_over_slack = moment.ahead <= absl::ZeroDuration() && moment.ahead >= -slack_;
  const bool is_believed = is_back_over_slack || (moment.ahead > absl::ZeroDuration() && moment.ahead <= kMaxJump);
  const bool is_vouched_for = IsVouchedFor();
  return {.now = Told(moment.boottime),
          .machine = moment.wall,
          .is_vouched_for = is_vouched_for,
          .agrees = absl::AbsDuration(moment.ahead) <= kTolerance,
          .waits_for_confirmation = is_far && (is_vouched_for ? !is_believed : is_open_ && !is_back_over_slack)};
}

GuardedClock::Reading GuardedClock::Read() const {
  const MutexLock lock(mutex_);
  return Describe(ThisMoment());
}

GuardedClock::Reading GuardedClock::Look() {
  const MutexLock lock(mutex_);
  TakeSlack(ThisMoment());
  const Moment moment = ThisMoment();
  if (absl::AbsDuration(moment.ahead) <= kTolerance) {
    Follow(moment);
  } else {
    TakeWord(moment);
  }
  return Describe(ThisMoment());
}

void GuardedClock::Follow(const Moment& moment) {
  sighting_.reset();
  is_open_ = false;
  // While it stands still it is not where it is going yet.
  if (moment.wall >= told_ && IsVouchedFor()) slack_ = absl::ZeroDuration();
  if (moment.boottime - window_began_ >= kWindow) {
    window_began_ = moment.boottime;
    followed_ = absl::ZeroDuration();
  }
  if (followed_ + absl::AbsDuration(moment.ahead) > kTolerance) return;
  followed_ += absl::AbsDuration(moment.ahead);
  base_instant_ = moment.wall;
  base_boottime_ = moment.boottime;
}

void GuardedClock::TakeSlack(const Moment& moment) {
  const absl::Duration taken = std::min(moment.ahead, kRestartSlack - slack_);
  if (!is_open_ || taken <= absl::ZeroDuration()) return;
  const absl::Time from = Told(moment.boottime);
  base_instant_ += taken;
  slack_ += taken;
  if (taken > kTolerance) Note(from, from + taken, ClockWord::kRestart);
}

void GuardedClock::TakeWord(const Moment& moment) {
  if (!IsVouchedFor()) return sighting_.reset();
  if (!sighting_.has_value() || absl::AbsDuration(sighting_->ahead - moment.ahead) > kTolerance) {
    sighting_ = Sighting{.boottime = moment.boottime, .ahead = moment.ahead};
  }
  if (moment.boottime - sighting_->boottime < kAgreeAfter) return;
  // Back only over what was taken on trust.
  if (moment.ahead > kMaxJump || moment.ahead < -slack_) return;
  MoveToWall(moment, ClockWord::kMachine);
}

void GuardedClock::MoveToWall(const Moment& moment, ClockWord by) {
  const absl::Time from = Told(moment.boottime);
  base_instant_ = moment.wall;
  base_boottime_ = moment.boottime;
  is_open_ = false;
  sighting_.reset();
  Note(from, moment.wall, by);
}

absl::Status GuardedClock::Confirm(absl::Time instant) {
  const MutexLock lock(mutex_);
  const Moment moment = ThisMoment();
  if (absl::AbsDuration(instant - moment.wall) > kMaxDisagreement) {
    return ErrorWithReason(
        absl::StatusCode::kFailedPrecondition, "CLOCK_DISAGREES",
        "the machine's clock is more than 5 minutes off the instant: set it first, and confirm then");
  }
  slack_ = absl::ZeroDuration();
  if (absl::AbsDuration(moment.ahead) <= kTolerance && told_ <= moment.wall + kTolerance) {
    Follow(moment);
    return absl::OkStatus();
  }
  MoveToWall(moment, ClockWord::kOperator);
  // An operator may say that what was told was wrong.
  told_ = moment.wall;
  return absl::OkStatus();
}

void GuardedClock::Note(absl::Time from, absl::Time to, ClockWord by) {
  unentered_ = {.from = unentered_.has_value() ? unentered_->from : from, .to = to, .by = by};
}

std::optional<ClockCorrection> GuardedClock::unentered() const {
  const MutexLock lock(mutex_);
  return unentered_;
}

void GuardedClock::Entered(const ClockCorrection& correction) {
  const MutexLock lock(mutex_);
  if (unentered_ == correction) {
    unentered_.reset();
  } else if (unentered_.has_value()) {
    unentered_->from = correction.to;
  }
}

}  // namespace retention
