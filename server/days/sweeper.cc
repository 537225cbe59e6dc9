#include "server/days/sweeper.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/cohort_rows.h"
#include "server/rows/day_progress.h"
#include "storage/keys.h"

namespace retention {
namespace {

// Locators deleted per command: how long ingest may wait for one.
constexpr size_t kLocatorsPerCommand = 5000;
// Meetings reviewed per command, for the same reason.
constexpr size_t kTimersPerCommand = 500;

// Days whose end was begun and is not finished, in their order. One that is closed only is none: what is to leave it
// may not have left.
absl::StatusOr<std::vector<DueDay>> EndingDays(const StoreView& view, DueDay last) {
  const auto progress = ReadDayProgress(view, last);
  if (!progress.ok()) return progress.status();
  std::vector<DueDay> days;
  for (const auto& [day, of_day] : *progress) {
    if (of_day.stage() == stored::v1::DayProgress::STAGE_ENDING) days.push_back(day);
  }
  return days;
}

// Runs commands that each do a step, until one says that there is no more to do.
absl::Status RunSteps(const CommandRunner& run, const std::function<absl::StatusOr<bool>()>& step) {
  for (bool more = true; more;) {
    absl::Status status = run([&] {
      const auto done = step();
      more = done.ok() && *done;
      return done.status();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Ends what is left of a PBX whose end has begun; returns the values that there were.
absl::StatusOr<uint64_t> FinishEnding(Engine& engine, const CommandRunner& run, const PbxRegistry::EndingPbx& ending,
                                      absl::Time now) {
  uint64_t values = 0;
  const absl::Status taken_out = RunSteps(run, [&]() -> absl::StatusOr<bool> {
    auto step = engine.TakeOutOfEnding(ending, now);
    if (!step.ok()) return step.status();
    values += step->values;
    return step->more;
  });
  if (!taken_out.ok()) return taken_out;
  const PbxId& pbx = ending.pbx;
  const auto runs = engine.RowsOfEnding(pbx);
  if (!runs.ok()) return runs.status();
  if (absl::Status s = run([&] { return engine.FinishEnding(pbx, *runs, now); }); !s.ok()) return s;
  for (const RowRun& some : *runs) values += some.values;
  return values;
}

}  // namespace

absl::StatusOr<uint64_t> EndPbx(Engine& engine, const CommandRunner& run, std::string_view pbx_id,
                                std::string_view reason, absl::Time now) {
  absl::StatusOr<PbxId> pbx = absl::UnknownError("the command did not run");
  absl::Status begun = run([&] {
    pbx = engine.BeginEnd(pbx_id, reason, now);
    return pbx.status();
  });
  if (!begun.ok()) return begun;
  const auto ending = engine.registry().FindEnding(*pbx);
  return ending.has_value() ? FinishEnding(engine, run, *ending, now) : 0;  // a sweep has finished it meanwhile
}

absl::StatusOr<uint64_t> LetGo(Engine& engine, const CommandRunner& run, absl::Time now) {
  uint64_t values = 0;
  for (bool more = engine.holds().Releasing() != nullptr; more;) {
    absl::Status status = run([&] {
      auto step = engine.LetGo(now);
      more = step.ok() && step->more;
      if (step.ok()) values += step->values;
      return step.status();
    });
    if (!status.ok()) return status;
  }
  return values;
}

absl::StatusOr<SweepOutcome> Sweeper::RunOnce(absl::Time now, bool scrub_now) {
  SweepOutcome outcome;
  // One part that fails (a row that does not parse, say) must not keep the others from erasing what is due.
  absl::Status first;
  const auto keep = [&first](absl::Status status) {
    if (first.ok()) first = std::move(status);
  };
  const bool pbxs_over = !engine_.registry().Over(now).empty();
  const bool urgent = options_.on_urgent && (pbxs_over || KeysAreDue(now));
  if (urgent) options_.on_urgent(true);
  const absl::Status recovered = run_([&] { return engine_.Recover(); });
  absl::Status filed = recovered;
  if (recovered.ok()) {
    // One that cannot be ended keeps no other from it.
    for (const auto& [pbx_id, end] : engine_.registry().Over(now)) {
      keep(run_([&, id = pbx_id] { return engine_.EndOverPbx(id, now); }));
    }
    // Until all lies where the policy puts it, nothing can be judged by where it lies.
    filed = RefilePolicy(now);
    keep(filed);
  }
  if (filed.ok()) {
    // A timer of today does not concern a day that is over.
    const absl::Time today = DueInstant(LastDueDay(now, engine_.policy().zone()), engine_.policy().zone());
    keep(ReviewMeetings(today - absl::Microseconds(1), now, outcome));
    const absl::Status refiled = RefileLogs(now);
    keep(refiled);
    keep(CloseDays(now));
    keep(ReleaseCohorts(now, Cohorts::kDue, outcome));
    // Where nothing can be written no day can be ended either; lines that are to be kept would be lost with it. What
    // cannot be read keeps no day.
    if (refiled.ok() || absl::IsDataLoss(refiled)) keep(DestroyDueKeys(now, outcome));
  }
  if (urgent) options_.on_urgent(false);
  if (!recovered.ok()) return recovered;
  for (const PbxRegistry::EndingPbx& ending : engine_.registry().Ending()) {
    keep(FinishEnding(engine_, run_, ending, now).status());
  }
  keep(EndHolds(now));
  if (filed.ok()) {
    keep(ReviewMeetings(now, now, outcome));
    keep(ReleaseCohorts(now, Cohorts::kAll, outcome));
  }
  keep(DropEndedDays(now));
  if (filed.ok()) keep(DropLocators(now));
  keep(DropEndedLogExtensions(now));
  // A cube, too, may be kept longer than where it lies says.
  if (filed.ok()) keep(EndCubes(now));
  keep(Scrub(now, scrub_now, outcome));
  if (!first.ok()) return first;
  return outcome;
}

absl::Status Sweeper::ReviewMeetings(absl::Time through, absl::Time now, SweepOutcome& outcome) {
  std::vector<MeetingTimer> due;
  auto cursor = engine_.store().ScanPrefix(Family::kState, MeetingTimerPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto timer = DecodeMeetingTimerKey(cursor->key());
    if (!timer.has_value()) return absl::DataLossError("a timer's key does not parse");
    if (timer->instant_us > absl::ToUnixMicros(through)) break;
    due.push_back(*timer);
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  cursor.reset();
  const auto review = [&](std::span<const MeetingTimer> some) {
    return run_([&] {
      auto ended = engine_.ReviewMeetings(some, now);
      if (ended.ok()) outcome.meetings_presumed_ended += static_cast<uint32_t>(*ended);
      return ended.status();
    });
  };
  absl::Status damaged;
  for (size_t begin = 0; begin < due.size(); begin += kTimersPerCommand) {
    const auto some =
        std::span<const MeetingTimer>(due).subspan(begin, std::min(kTimersPerCommand, due.size() - begin));
    absl::Status status = review(some);
    // A damaged meeting, or one of which nobody can tell whether it is held, keeps no other from its review.
    if (absl::IsDataLoss(status) || (absl::IsUnavailable(status) && engine_.store().Health().ok())) {
      for (size_t i = 0; i < some.size(); ++i) review(some.subspan(i, 1)).IgnoreError();
      damaged = status;
    } else if (!status.ok()) {
      return status;
    }
  }
  return damaged;
}

absl::Status Sweeper::RefilePolicy(absl::Time now) {
  while (engine_.policies().refiling_since().has_value()) {
    absl::Status status = run_([&] { return engine_.RefilePolicy(now).status(); });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Sweeper::RefileLogs(absl::Time now) {
  while (engine_.logs().refiling()) {
    absl::Status status = run_([&] { return engine_.RefileLogs(now).status(); });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Sweeper::EndHolds(absl::Time now) {
  if (!engine_.holds().Ended(LastDueDay(now, engine_.policy().zone())).empty()) {
    if (absl::Status s = RunSteps(run_, [&] { return engine_.EndHolds(now); }); !s.ok()) return s;
  }
  return LetGo(engine_, run_, now).status();
}

absl::Status Sweeper::DropEndedLogExtensions(absl::Time now) {
  if (!engine_.logs().HasEnded(now)) return absl::OkStatus();
  return run_([&] { return engine_.DropEndedLogExtensions(now); });
}

absl::Status Sweeper::CloseDays(absl::Time now) {
  const DueDay last_due = LastDueDay(now, engine_.policy().zone());
  for (const auto& [day, counts] : engine_.counts().Read()) {
    if (!day.is_civil() || DueInstant(day, engine_.policy().zone()) - options_.lead_window > now) break;
    auto progress = engine_.store().Get(Family::kState, DayProgressKey(day));
    if (!progress.ok()) return progress.status();
    if (progress->has_value()) continue;
    if (absl::Status s = run_([&, day = day] { return engine_.CloseDay(day, now); }); !s.ok()) return s;
    CrashPoint("sweep.after_close");
    // A day that is due already is dropped in a moment, settled or not.
    if (day <= last_due) continue;
    if (absl::Status s = engine_.store().SettleDay(day); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Sweeper::ReleaseCohorts(absl::Time now, Cohorts which, SweepOutcome& outcome) {
  const DueDay last_due = LastDueDay(now, engine_.policy().zone());
  for (;;) {
    const DueDay cohort = engine_.ring().cohorts_destroyed_through().Next();
    if (ReleaseTimeOf(cohort, options_.lead_window, engine_.policy()) > now) return absl::OkStatus();
    if (which == Cohorts::kDue && BucketOfCohort(cohort, engine_.policy()) > last_due) return absl::OkStatus();
    const auto view = engine_.store().Snapshot();
    auto released = IsReleased(*view, cohort, engine_.policy());
    if (!released.ok()) return released.status();
    std::optional<NoisyCube> cube;
    // Erasure does not wait for statistics: after a failure the originals may be gone.
    const bool lost = BucketOfCohort(cohort, engine_.policy()) <= engine_.ring().destroyed_through();
    if (!*released && !lost) {
      auto built = BuildCohort(*view, engine_.vault(), engine_.policy(), cohort, engine_.random());
      if (!built.ok()) return built.status();
      cube = *std::move(built);
      ++outcome.cohorts_released;
    }
    const NoisyCube* drawn = cube.has_value() ? &*cube : nullptr;
    if (absl::Status s = run_([&] { return engine_.Release(cohort, drawn, now); }); !s.ok()) return s;
  }
}

bool Sweeper::KeysAreDue(absl::Time now) const {
  const DueDay last = LastDueDay(now, engine_.policy().zone());
  const auto counts = engine_.counts().Read();
  return engine_.ring().destroyed_through() < last || (!counts.empty() && counts.begin()->first <= last);
}

absl::Status Sweeper::DestroyDueKeys(absl::Time now, SweepOutcome& outcome) {
  if (!KeysAreDue(now)) return absl::OkStatus();
  const auto end_days = [&] {
    return run_([&] {
      auto ended = engine_.EndDays(now);
      if (!ended.ok()) return ended.status();
      outcome.days = *std::move(ended);
      return absl::OkStatus();
    });
  };
  absl::Status status = end_days();
  for (; DetailsOf(status).reason == kHeldFirst; status = end_days()) {
    const absl::Status taken_out = RunSteps(run_, [&] { return engine_.TakeOutOfDueDays(now); });
    if (!taken_out.ok()) return taken_out;
  }
  if (!status.ok()) return status;
  if (options_.on_unreadable) {
    for (const EndingDay& day : outcome.days) options_.on_unreadable(DueInstant(day.day, engine_.policy().zone()));
  }
  return absl::OkStatus();
}

absl::Status Sweeper::DropEndedDays(absl::Time now) {
  const DueDay last = LastDueDay(now, engine_.policy().zone());
  auto ending = EndingDays(engine_.store(), last);
  if (!ending.ok()) return ending.status();
  if (ending->empty()) return absl::OkStatus();
  if (absl::Status s = engine_.store().DropDaysThrough(ending->back()); !s.ok()) return s;
  CrashPoint("sweep.after_drop");
  if (absl::Status s = run_([&] { return engine_.FinishDays(*ending, now); }); !s.ok()) return s;
  if (options_.on_gone) {
    for (const DueDay day : *ending) options_.on_gone(DueInstant(day, engine_.policy().zone()));
  }
  return absl::OkStatus();
}

absl::Status Sweeper::DropLocators(absl::Time now) {
  const DueDay last = LastDueDay(now, engine_.policy().zone());
  if (last <= locators_dropped_through_) return absl::OkStatus();
  std::vector<LocatorName> meetings;
  const auto flush = [&] {
    absl::Status status = run_([&] { return engine_.DropLocators(meetings, last, now); });
    meetings.clear();
    return status;
  };
  auto cursor = engine_.store().ScanPrefix(Family::kState, LocatorPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto name = DecodeLocatorKey(cursor->key());
    const auto locator = MeetingLocator::Parse(cursor->value());
    if (!name.has_value() || !locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    if (locator->days[kHistory] > last) continue;
    meetings.push_back(*name);
    if (meetings.size() < kLocatorsPerCommand) continue;
    if (absl::Status status = flush(); !status.ok()) return status;
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  if (!meetings.empty()) {
    if (absl::Status status = flush(); !status.ok()) return status;
  }
  locators_dropped_through_ = last;
  return absl::OkStatus();
}

absl::Status Sweeper::EndCubes(absl::Time now) {
  const DueDay last = LastDueDay(now, engine_.policy().zone());
  std::set<DueDay> cohorts;
  const std::string end = CubeKey(last.Next(), DueDay(), 0);
  auto cursor = engine_.store().Scan(Family::kStatistics, "", end);
  for (; cursor->Valid(); cursor->Next()) {
    const auto parts = DecodeCubeKey(cursor->key());
    if (!parts.has_value()) return absl::DataLossError("a key of family statistics does not parse");
    cohorts.insert(parts->cohort_day);
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  if (cohorts.empty()) return absl::OkStatus();
  if (absl::Status s = run_([&] { return engine_.EndCubes(last, cohorts.size(), now); }); !s.ok()) return s;
  cursor.reset();
  return engine_.store().DropRange(Family::kStatistics, "", end);
}

absl::Status Sweeper::Scrub(absl::Time now, bool scrub_now, SweepOutcome& outcome) {
  if (engine_.marks().Read().empty()) return absl::OkStatus();
  // Read between two commits: a mark must not count what is not yet in the store.
  PurgeMarks::Marks marks;
  absl::Status read = run_([&] {
    marks = engine_.marks().Read();
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  int64_t oldest_us = absl::ToUnixMicros(now);
  std::vector<DueDay> days;
  bool state = false;
  for (const auto& [day, mark] : marks) {
    oldest_us = std::min(oldest_us, mark.first_us());
    if (day == DueDay()) {
      state = true;
    } else {
      days.push_back(day);
    }
  }
  // Half of the bound is left for the scrub itself.
  const absl::Duration age = now - absl::FromUnixMicros(oldest_us);
  if (!scrub_now && age < options_.purge_bound / 2) return absl::OkStatus();
  // Not when a day is about to end, if it can wait: the day's keys come first.
  const absl::TimeZone& zone = engine_.policy().zone();
  const absl::Duration to_next_end = DueInstant(LastDueDay(now, zone).Next(), zone) - now;
  const bool can_wait = age < options_.purge_bound * 3 / 4 && to_next_end < options_.purge_bound / 4;
  if (!scrub_now && can_wait) return absl::OkStatus();
  if (absl::Status s = engine_.store().Scrub(days, state); !s.ok()) return s;
  outcome.scrubbed = true;
  return run_([&] { return engine_.FinishScrub(marks, now); });
}

}  // namespace retention
