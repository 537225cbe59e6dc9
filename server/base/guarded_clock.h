// The engine's clock over the machine's: it goes on by the time that the machine runs, and is moved only on somebody's
// word. A machine's clock that is wrong, be it for seconds, destroys nothing before its time.
//
//   same boot    it goes on from the anchor by CLOCK_BOOTTIME. It follows the machine's clock while that is corrected
//   in
//                small steps; when it jumps, forwards or back, the engine's stays as it was.
//   in doubt     CLOCK_BOOTTIME says at once that more than kMaxDisagreement passed, and the machine's clock that it
//   was
//                less by as much: a suspension moves both. It is as after a new boot.
//   new boot     nobody knows how long the machine was off: it goes on from the anchor's instant, and takes at most
//                kRestartSlack towards the machine's clock on trust, in all until something vouches for that.
//   vouched for  two looks kAgreeAfter apart that agree move it to the machine's clock, forwards by at most kMaxJump.
//   else         it waits for the word of an operator (Confirm). Late and loud: what is due is hidden by the later of
//   the
//                two clocks, and destroyed by this one.
//
// docs/clock.md has what follows from that.
#ifndef RETENTION_SERVER_BASE_GUARDED_CLOCK_H_
#define RETENTION_SERVER_BASE_GUARDED_CLOCK_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/time_source.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class GuardedClock final : public Clock {
 public:
  enum class Trust : uint8_t {
    kKernel,  // the kernel says whether the machine's clock is vouched for
    kWall,    // it always is: whoever runs the machine says so
  };
  // So far apart two clocks still agree: what NTP corrects without a word, and 500 ppm of kWindow.
  static constexpr absl::Duration kTolerance = absl::Milliseconds(2030);
  // It follows at most kTolerance in each.
  static constexpr absl::Duration kWindow = absl::Minutes(1);
  // So far apart one of them is wrong, and who asks is told to come again.
  static constexpr absl::Duration kMaxDisagreement = absl::Minutes(5);
  static constexpr absl::Duration kRestartSlack = absl::Minutes(15);
  static constexpr absl::Duration kAgreeAfter = absl::Seconds(30);
  static constexpr absl::Duration kMaxJump = absl::Hours(24 * 60);

  // Begins at what the machine's clock says: nothing is held yet. REQUIRES: `source` outlives it.
  GuardedClock(const TimeSource& source, Trust trust);

  absl::Time Now() const override;
  absl::Time Latest() const override;
  std::optional<absl::Time> Rival() const override;
  ClockAnchor Anchor() const override;

  // Goes on from where it was. REQUIRES: nobody has acted on Now yet.
  void Resume(const ClockAnchor& anchor);
  // It has been `instant` before, as what is durable says.
  void RaiseTo(absl::Time instant);

  struct Reading {
    absl::Time now;
    absl::Time machine;
    bool is_vouched_for = false;
    bool agrees = true;                   // within kTolerance
    bool waits_for_confirmation = false;  // more than kMaxDisagreement apart, and nothing else brings them together
  };
  Reading Read() const;
  // The same, but follows the machine's clock first, as far as may be. To be called every second or so.
  Reading Look();
  // An operator says that it is `instant`, and so that the machine's clock is right. FAILED_PRECONDITION with reason
  // CLOCK_DISAGREES if the two are more than kMaxDisagreement apart.
  absl::Status Confirm(absl::Time instant);

  // What is to be entered in the ledger; corrections since the last one that was are one.
  std::optional<ClockCorrection> unentered() const;
  void Entered(const ClockCorrection& correction);

 private:
  // What the machine says at one moment, and the engine.
  struct Moment {
    absl::Time wall;
    absl::Duration boottime;
    absl::Duration ahead;  // how far the machine's clock is ahead of the engine's
  };
  // Notices, too, what became of the time since the last one.
  Moment ThisMoment() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsVouchedFor() const { return trust_ == Trust::kWall || source_.IsDisciplined(); }
  absl::Time At(absl::Duration boottime) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return base_instant_ + (boottime - base_boottime_);
  }
  absl::Time Told(absl::Duration boottime) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Reading Describe(const Moment& moment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Follow(const Moment& moment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeSlack(const Moment& moment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeWord(const Moment& moment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From now on the engine's clock is the machine's.
  void MoveToWall(const Moment& moment, ClockWord by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Note(absl::Time from, absl::Time to, ClockWord by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TimeSource& source_;
  const Trust trust_;
  mutable Mutex mutex_;
  // It is `base_instant_` when CLOCK_BOOTTIME is `base_boottime_`; but it never tells a time before one that it told.
  // To be asked for the time is to notice how it went on.
  mutable absl::Time base_instant_ ABSL_GUARDED_BY(mutex_);
  mutable absl::Duration base_boottime_ ABSL_GUARDED_BY(mutex_);
  mutable absl::Time told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // A new boot, or one in doubt: how long it was nobody has said yet.
  mutable bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
  // What was seen last. Where it was another process, it knows the machine's clock only if the two agreed.
  struct Seen {
    absl::Duration boottime;
    std::optional<absl::Time> wall;
  };
  mutable Seen seen_ ABSL_GUARDED_BY(mutex_);
  absl::Duration slack_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  absl::Duration window_began_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  absl::Duration followed_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();  // in this window
  struct Sighting {
    absl::Duration boottime;
    absl::Duration ahead;
  };
  mutable std::optional<Sighting> sighting_ ABSL_GUARDED_BY(mutex_);  // the first look of those that agree
  std::optional<ClockCorrection> unentered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_GUARDED_CLOCK_H_
