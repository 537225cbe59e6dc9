// The sweeper: makes gone what is due, in the order that the promise needs.
//
// One run does all there is to do at one moment: takes up destructions that a crash cut short, begins the ends of PBXs
// whose time has come, goes on filing under a new policy and moving lines whose retention was extended, reviews
// meetings whose timer has come, closes days in their lead window, releases cohorts, and destroys the keys of due days;
// then it finishes the ends of PBXs, ends holds that are over with what they kept, drops the files of ended days, their
// meetings' locators, log extensions that are over and cubes whose time has come, names rooms anew,
// and scrubs what was purged. In which
// order and why: docs/sweeper.md. Every step is idempotent; a run that was cut short is finished by the next. A server
// that was down catches up here before it serves.
#ifndef RETENTION_SERVER_DAYS_SWEEPER_H_
#define RETENTION_SERVER_DAYS_SWEEPER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/days/day_ender.h"
#include "server/days/endings.h"
#include "server/rows/writer.h"

namespace retention {

// What one run did.
struct SweepOutcome {
  std::vector<EndingDay> days;
  uint32_t cohorts_released = 0;
  uint32_t cohorts_damaged = 0;  // of these, some of whose rows were
  uint32_t meetings_files_ended = 0;
  bool scrubbed = false;
};

// Not thread-safe: one run at a time.
class Sweeper {
 public:
  struct Options {
    // How long before its due instant a day closes: time to settle its files, issue orders and release its cohorts.
    absl::Duration lead_window = absl::Hours(1);
    // The bytes of purged values are gone after at most this long.
    absl::Duration purge_bound = absl::Hours(1);
    // Called with true before the commands that the destruction of a due day's keys waits for, with false after it:
    // what else the committer does should wait.
    std::function<void(bool)> on_urgent;
    // Called when the keys of due days have been destroyed and when their files are gone, with the days' due instant.
    std::function<void(absl::Time due)> on_unreadable;
    std::function<void(absl::Time due)> on_gone;
    // Called when names of rooms were dropped, of which something may be held.
    std::function<void(uint64_t names)> on_names_dropped;
  };

  // REQUIRES: what they refer to outlives it.
  Sweeper(const Enders& enders, const Commands& commands, Options options)
      : enders_(enders), holdings_(enders.holdings), commands_(commands), options_(std::move(options)) {}

  // `scrub_now`: scrub what was purged at once instead of within the bound.
  absl::StatusOr<SweepOutcome> RunOnce(absl::Time now, bool scrub_now);

 private:
  // Those whose timer had come by `through`.
  absl::Status ReviewMeetings(absl::Time through, absl::Time now, SweepOutcome& outcome);
  // What a new policy keeps must leave a day before it ends.
  absl::Status RefilePolicy(absl::Time now);
  // Rows of log lines that an extension keeps must leave a day before it ends.
  absl::Status RefileLogs(absl::Time now);
  absl::Status DropEndedLogExtensions(absl::Time now);
  absl::Status ForgetOldEvents(absl::Time now);
  absl::Status ForgetFormerPbxs(absl::Time now);
  absl::Status CloseDays(absl::Time now);
  // kDue: only those whose originals go now.
  enum class Cohorts { kDue, kAll };
  absl::Status ReleaseCohorts(absl::Time now, Cohorts which, SweepOutcome& outcome);
  // Adds to cubes those who came late, before their originals go.
  absl::Status CountLate(absl::Time now);
  bool KeysAreDue(absl::Time now) const;
  // The keys of due days, whatever state the store is in.
  absl::Status DestroyDueKeys(absl::Time now);
  // The ring remembers by what rules days end.
  absl::Status NoteDueRules(absl::Time now);
  // What follows from that: what holds keep is taken out, and the ledger told.
  absl::Status EndDueDays(absl::Time now, SweepOutcome& outcome);
  absl::Status DropEndedDays(absl::Time now);
  // Locators of meetings whose history has ended say nothing any more.
  absl::Status DropLocators(absl::Time now);
  // Those from `from` on, as many as one command takes; `from` becomes where to go on, empty at the end.
  absl::Status FindEndedLocators(DueDay last, std::string& from, std::vector<LocatorName>& meetings) const;
  absl::Status EndCubes(absl::Time now);
  absl::Status Scrub(absl::Time now, bool scrub_now, SweepOutcome& outcome);

  // Runs commands that each do a step, until one says that there is no more to do.
  absl::Status RunSteps(absl::Time now, const std::function<absl::StatusOr<bool>(Change&)>& step);

  const Enders enders_;
  const Holdings& holdings_;
  const Commands commands_;
  const Options options_;
  DueDay locators_dropped_through_;
  // What the ring was told of last.
  struct Noted {
    uint64_t holds = 0;
    uint64_t policy = 0;
    bool suspended = false;

    friend bool operator==(const Noted&, const Noted&) = default;
  };
  std::optional<Noted> noted_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_SWEEPER_H_
