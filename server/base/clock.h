// What time it is for the engine, which is told: the committer, the loops and the services ask.
#ifndef RETENTION_SERVER_BASE_CLOCK_H_
#define RETENTION_SERVER_BASE_CLOCK_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/time_source.h"
#include "storage/mutex.h"

namespace retention {

// On whose word the engine's clock was corrected. Do not change these values: see FORMAT.md, `witness`.
enum class ClockWord : uint8_t {
  kRestart = 1,   // nobody's: a little, because a machine that starts anew was off for a while
  kMachine = 2,   // the machine's, for which something vouches
  kOperator = 3,  // an operator's
};
struct ClockCorrection {
  absl::Time from;
  absl::Time to;
  ClockWord by = ClockWord::kMachine;

  friend bool operator==(const ClockCorrection&, const ClockCorrection&) = default;
};

// Where a clock goes on after a restart.
struct ClockAnchor {
  absl::Time instant;
  BootTime boot = {};                                       // when it was that instant
  absl::Duration slack = absl::ZeroDuration();              // taken on trust since something vouched for the machine's
  std::optional<ClockCorrection> unentered = std::nullopt;  // that the ledger has not got
  bool agreed = false;                                      // with the machine's, within minutes
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The time by which things are written, and what is due is destroyed. Microsecond precision.
  virtual absl::Time Now() const = 0;
  // The time by which what is due is shown to nobody: not before Now.
  virtual absl::Time Latest() const { return Now(); }
  // What the machine's clock says, if that is so far from Now that nothing may be left out for being due by one alone:
  // leaving out cannot be undone.
  virtual std::optional<absl::Time> Rival() const { return std::nullopt; }
  virtual ClockAnchor Anchor() const = 0;
};

// A clock that stands still until it is moved.
class SimulatedClock : public Clock {
 public:
  // How far one step may lead.
  static constexpr absl::Duration kMaxAdvance = absl::Hours(24 * 3660);

  explicit SimulatedClock(absl::Time start) : now_(start) {}
  absl::Time Now() const override;
  ClockAnchor Anchor() const override;
  // INVALID_ARGUMENT if `to` lies before now or more than kMaxAdvance ahead.
  absl::Status AdvanceTo(absl::Time to);
  // It has been `instant` before, in another process.
  void RaiseTo(absl::Time instant);

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_CLOCK_H_
