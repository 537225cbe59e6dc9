#include "server/days/sweeper.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "server/base/crash_point.h"
#include "server/days/cohort_rows.h"
#include "server/days/reference_search.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "server/meetings/remnant.h"
#include "server/rows/day_progress.h"
#include "server/rows/event_memory.h"
#include "storage/keys.h"

namespace retention {
namespace {

// Of so many cohorts late people are looked for: a year of days. History is seldom kept for longer.
constexpr int kCohortsLateMax = 366;
// A week that begins before the first day that there is would have no number.
constexpr absl::CivilDay kFirstCohortDay(1970, 2, 1);
// Locators deleted per command: how long ingest may wait for one.
constexpr size_t kLocatorsPerCommand = 5000;
// Meetings reviewed per command, for the same reason.
constexpr size_t kTimersPerCommand = 500;

// Days whose end was begun and is not finished, in their order. One that is closed only is none: what is to leave it
// may not have left.
absl::StatusOr<std::vector<DueDay>> DaysToDrop(const StoreView& view, DueDay last) {
  const auto progress = ReadDayProgress(view, last);
  if (!progress.ok()) return progress.status();
  std::vector<DueDay> days;
  for (const auto& [day, of_day] : *progress) {
    if (of_day.stage() == stored::v1::DayProgress::STAGE_ENDING) days.push_back(day);
  }
  return days;
}

}  // namespace

absl::Status Sweeper::RunSteps(absl::Time now, const std::function<absl::StatusOr<bool>(Change&)>& step) {
  for (bool more = true; more;) {
    const auto done = commands_.Do(now, step);
    if (!done.ok()) return done.status();
    more = *done;
  }
  return absl::OkStatus();
}

absl::StatusOr<SweepOutcome> Sweeper::RunOnce(absl::Time now, bool scrub_now) {
  SweepOutcome outcome;
  // One part that fails (a row that does not parse, say) must not keep the others from erasing what is due.
  absl::Status first;
  const auto note = [&first](absl::Status status) {
    if (first.ok()) first = std::move(status);
  };
  const bool pbxs_over = !holdings_.registry.Over(now).empty();
  const bool urgent = options_.on_urgent && (pbxs_over || KeysAreDue(now));
  if (urgent) options_.on_urgent(true);
  // What a failure cut short in the ring goes on whatever state the store is in. A replica that is out of reach keeps
  // nothing from ending, unless none is left.
  const absl::Status mended = holdings_.ring.Mend(now);
  if (holdings_.ring.out_of_reach()) note(mended);
  note(commands_.DoWithoutStore([&] { return enders_.days.Recover(); }));
  const absl::Status recovered = commands_.Do(now, [&](Change&) { return enders_.pbxs.NarrowKeys(); });
  absl::Status filed = recovered;
  if (recovered.ok()) {
    // One that cannot be ended keeps no other from it.
    for (const auto& [pbx_id, end] : holdings_.registry.Over(now)) {
      note(commands_.Do(now, [&, id = pbx_id](Change& change) { return enders_.pbxs.BeginOver(id, change); }));
    }
    // Until all lies where the policy puts it, nothing can be judged by where it lies.
    filed = RefilePolicy(now);
    note(filed);
  }
  if (filed.ok()) {
    // A timer of today does not concern a day that is over.
    const absl::Time today = DueInstant(holdings_.LastDue(now), holdings_.policy().zone());
    note(ReviewMeetings(today - absl::Microseconds(1), now, outcome));
    const absl::Status refiled = RefileLogs(now);
    note(refiled);
    note(CloseDays(now));
    note(ReleaseCohorts(now, Cohorts::kDue, outcome));
    note(CountLate(now));
    // Where nothing can be written no day can be ended either; lines that are to be kept would be lost with it. What
    // cannot be read keeps no day.
    if (refiled.ok() || absl::IsDataLoss(refiled)) {
      const absl::Status destroyed = DestroyDueKeys(now);
      note(destroyed);
      // What has not happened is not entered. On a full ring the entries of some days make room for others.
      if (destroyed.ok() || absl::IsResourceExhausted(destroyed)) note(EndDueDays(now, outcome));
    }
  } else if (!recovered.ok() && !holdings_.policies.refiling_since().has_value() && !enders_.logs.refiling()) {
    // The store takes nothing: that keeps no key.
    note(DestroyDueKeys(now));
  }
  if (urgent) options_.on_urgent(false);
  // What was destroyed is overwritten; that no image of the ring opens it waits for this. A failure shows in metrics.
  holdings_.ring.ChangeRootIfDue(now).status().IgnoreError();
  if (!recovered.ok()) return recovered;
  note(NoteDueRules(now));
  note(FindReferences(enders_, commands_, now));
  note(commands_.Do(now, [](Change& change) { return change.DestroyRested(); }));
  note(FinishEndings(enders_, commands_, now));
  note(EndHolds(enders_, commands_, now));
  if (filed.ok()) {
    note(ReviewMeetings(now, now, outcome));
    note(ReleaseCohorts(now, Cohorts::kAll, outcome));
  }
  note(DropEndedDays(now));
  if (filed.ok()) note(DropLocators(now));
  note(enders_.names.Run(commands_, now));
  if (const uint64_t dropped = enders_.names.TakeDropped(); dropped > 0 && options_.on_names_dropped) {
    options_.on_names_dropped(dropped);
  }
  note(DropEndedLogExtensions(now));
  note(ForgetOldEvents(now));
  note(ForgetFormerPbxs(now));
  // A cube, too, may be kept longer than where it lies says.
  if (filed.ok()) note(EndCubes(now));
  note(Scrub(now, scrub_now, outcome));
  if (!first.ok()) return first;
  return outcome;
}

absl::Status Sweeper::ReviewMeetings(absl::Time through, absl::Time now, SweepOutcome& outcome) {
  std::vector<MeetingTimer> due;
  auto cursor = enders_.store.ScanPrefix(Family::kState, MeetingTimerPrefix(), AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    const auto timer = DecodeMeetingTimerKey(cursor->key());
    if (!timer.has_value()) return absl::DataLossError("a timer's key does not parse");
    if (timer->instant_us > absl::ToUnixMicros(through)) break;
    due.push_back(*timer);
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  cursor.reset();
  const auto review = [&](std::span<const MeetingTimer> some) {
    const auto ended = commands_.Do(now, [&](Change& change) { return enders_.meetings.Review(some, change); });
    if (ended.ok()) outcome.meetings_files_ended += static_cast<uint32_t>(*ended);
    return ended.status();
  };
  absl::Status damaged;
  for (size_t begin = 0; begin < due.size(); begin += kTimersPerCommand) {
    const auto some =
        std::span<const MeetingTimer>(due).subspan(begin, std::min(kTimersPerCommand, due.size() - begin));
    absl::Status status = review(some);
    // A damaged meeting, or one of which nobody can tell whether it is held, keeps no other from its review.
    if (absl::IsDataLoss(status) || (absl::IsUnavailable(status) && enders_.store.Health().ok())) {
      for (size_t i = 0; i < some.size(); ++i) {
        // Of one that is lost nothing is left to be done.
        if (absl::Status one = review(some.subspan(i, 1)); !one.ok() && !IsOfLostRows(one)) damaged = one;
      }
    } else if (!status.ok()) {
      return status;
    }
  }
  return damaged;
}

absl::Status Sweeper::RefilePolicy(absl::Time now) {
  if (!holdings_.policies.refiling_since().has_value()) return absl::OkStatus();
  return RunSteps(now, [&](Change& change) { return enders_.refiler.Step(change); });
}

absl::Status Sweeper::RefileLogs(absl::Time now) {
  if (!enders_.logs.refiling()) return absl::OkStatus();
  return RunSteps(now, [&](Change& change) { return enders_.logs.RefileStep(change); });
}

absl::Status Sweeper::DropEndedLogExtensions(absl::Time now) {
  if (!enders_.logs.HasEnded(now)) return absl::OkStatus();
  return commands_.Do(now, [&](Change& change) {
    enders_.logs.DropEnded(change);
    return absl::OkStatus();
  });
}

absl::Status Sweeper::ForgetOldEvents(absl::Time now) {
  const auto any = HasEventsToForget(enders_.store, holdings_.LastDue(now).Next());
  if (!any.ok() || !*any) return any.status();
  return commands_.Do(now, [](Change& change) {
    ForgetEvents(change);
    return absl::OkStatus();
  });
}

absl::Status Sweeper::ForgetFormerPbxs(absl::Time now) {
  const auto any = PbxEnder::HasFormerToForget(enders_.store, holdings_.LastDue(now));
  if (!any.ok() || !*any) return any.status();
  return commands_.Do(now, [&](Change& change) {
    enders_.pbxs.ForgetFormer(change);
    return absl::OkStatus();
  });
}

absl::Status Sweeper::CloseDays(absl::Time now) {
  const DueDay last_due = holdings_.LastDue(now);
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (!day.is_civil() || DueInstant(day, holdings_.policy().zone()) - options_.lead_window > now) break;
    auto progress = enders_.store.Get(Family::kState, DayProgressKey(day));
    if (!progress.ok()) return progress.status();
    DayProgress of_day;
    if (progress->has_value() && !of_day.ParseFromString(**progress)) {
      return absl::DataLossError("a row of day progress does not parse");
    }
    if (of_day.ordered()) continue;
    absl::Status s = commands_.Do(now, [&, day = day](Change& change) { return enders_.days.Close(day, change); });
    if (!s.ok()) return s;
    CrashPoint("sweep.after_close");
    // What is over is ordered when holds have been heeded.
    if (day <= last_due) continue;
    s = RunSteps(now, [&, day = day](Change& change) { return enders_.days.OrderStep(day, change); });
    if (!s.ok()) return s;
    if (s = enders_.store.SettleDay(day); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Sweeper::ReleaseCohorts(absl::Time now, Cohorts which, SweepOutcome& outcome) {
  const DueDay last_due = holdings_.LastDue(now);
  for (;;) {
    const CohortDays cohort =
        holdings_.policies.current().profiles.CohortOf(holdings_.ring.cohorts_destroyed_through().Next());
    if (ReleaseTimeOf(cohort, options_.lead_window, holdings_.policy()) > now) return absl::OkStatus();
    if (which == Cohorts::kDue && BucketsOfCohort(cohort, holdings_.policy()).first > last_due) return absl::OkStatus();
    // No view is held while a command runs: should that have to take up writing again, it waits for all readers.
    auto view = enders_.store.Snapshot();
    auto released = IsReleased(*view, cohort, holdings_.policy());
    if (!released.ok()) return released.status();
    std::optional<CountedCohort> counted;
    // Erasure does not wait for statistics: after a failure the originals may be gone.
    const bool lost = BucketOfCohort(cohort, holdings_.policy()) <= holdings_.ring.destroyed_through();
    if (!*released && !lost) {
      const auto controllers = PublishedControllers(holdings_, now);
      if (!controllers.ok()) return controllers.status();
      auto built =
          BuildCohort(*view, holdings_.vault, holdings_.policies.current(), cohort, holdings_.random, *controllers);
      if (!built.ok()) return built.status();
      counted = *std::move(built);
    }
    view.reset();
    absl::Status s = commands_.Do(now, [&](Change& change) {
      return enders_.cohorts.Release(cohort, counted.has_value() ? &*counted : nullptr, change);
    });
    if (!s.ok()) return s;
    if (!counted.has_value()) continue;
    ++outcome.cohorts_released;
    outcome.cohorts_damaged += counted->rows_damaged > 0 ? 1 : 0;
  }
}

absl::Status Sweeper::CountLate(absl::Time now) {
  const DueDay destroyed = holdings_.ring.destroyed_through();
  const DueDay released = holdings_.ring.cohorts_destroyed_through();
  if (released == DueDay::None()) return absl::OkStatus();
  // Of the cohorts whose own bucket is there, the first. Before the first end of a day all that there are may have one.
  const ProfileHistory& profiles = holdings_.policies.current().profiles;
  CohortDays cohort = profiles.CohortOf(released.Next());
  for (int back = 0; back < kCohortsLateMax && cohort.first.civil() > kFirstCohortDay; ++back) {
    const CohortDays before = profiles.CohortOf(DueDay::FromNumber(cohort.first.number() - 1));
    if (BucketOfCohort(before, holdings_.policy()) <= destroyed) break;
    cohort = before;
  }
  for (; cohort.last <= released; cohort = profiles.CohortOf(cohort.last.Next())) {
    if (LateTimeOf(cohort, options_.lead_window, holdings_.policy()) > now) return absl::OkStatus();
    auto view = enders_.store.Snapshot();
    const auto lacks = LacksLatePeople(*view, cohort, holdings_.policy());
    if (!lacks.ok()) return lacks.status();
    if (!*lacks) continue;
    const auto people = CountLatePeople(*view, holdings_.vault, holdings_.policies.current(), cohort);
    if (!people.ok()) return people.status();
    const auto drawn = DrawLatePeople(*people, holdings_.random, ProfileOf(cohort.profile));
    if (!drawn.ok()) return drawn.status();
    view.reset();
    absl::Status s =
        commands_.Do(now, [&](Change& change) { return enders_.cohorts.AddLatePeople(cohort, *drawn, change); });
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

bool Sweeper::KeysAreDue(absl::Time now) const {
  const DueDay last = holdings_.LastDue(now);
  const auto counts = holdings_.counts.Read();
  return holdings_.ring.destroyed_through() < last || (!counts.empty() && counts.begin()->first <= last);
}

absl::Status Sweeper::DestroyDueKeys(absl::Time now) {
  const DueDay last = holdings_.LastDue(now);
  if (holdings_.ring.destroyed_through() >= last) return absl::OkStatus();
  const auto unordered = enders_.days.UnorderedObjects(last, now);
  const auto days = commands_.DoWithoutStore([&] { return enders_.days.DestroyDueKeys(now, unordered); });
  if (!days.ok()) return days.status();
  if (options_.on_unreadable) {
    for (const DueDay day : days->days) options_.on_unreadable(DueInstant(day, holdings_.policy().zone()));
  }
  return days->left;
}

absl::Status Sweeper::NoteDueRules(absl::Time now) {
  return commands_.DoWithoutStore([&] {
    const Policy& policy = holdings_.policy();
    const Noted now_so = {.holds = enders_.holds.changes(),
                          .policy = policy.version(),
                          .suspended = holdings_.policies.refiling_since().has_value() || enders_.logs.refiling()};
    if (noted_ == now_so) return absl::OkStatus();
    const DueRules rules = {.zone = policy.proto().time_zone(),
                            .suspended = now_so.suspended,
                            .held = enders_.holds.ConcernedPbxs(holdings_.LastDue(now))};
    if (absl::Status s = holdings_.ring.SetDueRules(rules); !s.ok()) return s;
    noted_ = now_so;
    return absl::OkStatus();
  });
}

absl::Status Sweeper::EndDueDays(absl::Time now, SweepOutcome& outcome) {
  if (!KeysAreDue(now) && holdings_.ring.unentered().empty()) return absl::OkStatus();
  const auto end_days = [&] { return commands_.Do(now, [&](Change& change) { return enders_.days.End(change); }); };
  auto ended = end_days();
  for (; ended.ok() && ended->others_first; ended = end_days()) {
    absl::Status others = RunSteps(now, [&](Change& change) { return enders_.days.TakeOut(change); });
    if (others.ok()) others = RunSteps(now, [&](Change& change) { return enders_.days.OrderRestStep(change); });
    if (!others.ok()) return others;
  }
  if (!ended.ok()) return ended.status();
  outcome.days = std::move(ended->days);
  return absl::OkStatus();
}

absl::Status Sweeper::DropEndedDays(absl::Time now) {
  const DueDay last = holdings_.LastDue(now);
  auto ending = DaysToDrop(enders_.store, last);
  if (!ending.ok()) return ending.status();
  if (ending->empty()) return absl::OkStatus();
  std::vector<size_t> files;
  for (const DueDay day : *ending) files.push_back(enders_.store.FilesOf(day));
  if (absl::Status s = enders_.store.DropDaysThrough(ending->back()); !s.ok()) return s;
  CrashPoint("sweep.after_drop");
  absl::Status finished = commands_.Do(now, [&](Change& change) {
    enders_.days.EnterErased(*ending, files, change);
    return absl::OkStatus();
  });
  if (!finished.ok()) return finished;
  if (options_.on_gone) {
    for (const DueDay day : *ending) options_.on_gone(DueInstant(day, holdings_.policy().zone()));
  }
  return absl::OkStatus();
}

absl::Status Sweeper::DropLocators(absl::Time now) {
  const DueDay last = holdings_.LastDue(now);
  if (last <= locators_dropped_through_) return absl::OkStatus();
  for (std::string from = LocatorPrefix(); !from.empty();) {
    std::vector<LocatorName> meetings;
    if (absl::Status s = FindEndedLocators(last, from, meetings); !s.ok()) return s;
    if (meetings.empty()) break;
    absl::Status dropped =
        commands_.Do(now, [&](Change& change) { return enders_.days.DropLocators(meetings, last, change); });
    if (!dropped.ok()) return dropped;
  }
  for (std::string from = RemnantPrefix(); !from.empty();) {
    absl::Status dropped = commands_.Do(now, [&](Change& change) {
      return DropRemnants(enders_.store, holdings_.policies.current().cuts, holdings_.policy(), last,
                          kLocatorsPerCommand, from, change.batch());
    });
    if (!dropped.ok()) return dropped;
  }
  locators_dropped_through_ = last;
  return absl::OkStatus();
}

absl::Status Sweeper::FindEndedLocators(DueDay last, std::string& from, std::vector<LocatorName>& meetings) const {
  // No cursor is held while a command runs: should that have to take up writing again, it waits for all readers.
  auto cursor = enders_.store.Scan(Family::kState, from, PrefixEnd(LocatorPrefix()), AtLoss::kPass);
  for (; cursor->Valid() && meetings.size() < kLocatorsPerCommand; cursor->Next()) {
    const auto name = DecodeLocatorKey(cursor->key());
    const auto locator = MeetingLocator::Parse(cursor->value());
    if (!name.has_value() || !locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    if (locator->days[kHistory] <= last) meetings.push_back(*name);
  }
  from = cursor->Valid() ? std::string(cursor->key()) : std::string();
  return cursor->status();
}

absl::Status Sweeper::EndCubes(absl::Time now) {
  const DueDay last = holdings_.LastDue(now);
  const std::string end = CubeKey(last.Next(), DueDay::None(), 0);
  {
    const auto cursor = enders_.store.Scan(Family::kStatistics, "", end, AtLoss::kPass);
    if (!cursor->Valid()) return cursor->status();
  }
  absl::Status entered = commands_.Do(now, [&](Change& change) { return enders_.cohorts.EndCubes(last, change); });
  if (!entered.ok()) return entered;
  return enders_.store.DropRange(Family::kStatistics, "", end);
}

absl::Status Sweeper::Scrub(absl::Time now, bool scrub_now, SweepOutcome& outcome) {
  PurgeMarks::Marks marks = holdings_.marks.Read();
  if (marks.empty()) return absl::OkStatus();
  int64_t oldest_us = absl::ToUnixMicros(now);
  for (const auto& [day, mark] : marks) oldest_us = std::min(oldest_us, mark.first_us());
  // Half of the bound is left for the scrub itself.
  const absl::Duration age = now - absl::FromUnixMicros(oldest_us);
  if (!scrub_now && age < options_.purge_bound / 2) return absl::OkStatus();
  // Not when a day is about to end, if it can wait: the day's keys come first.
  const absl::TimeZone& zone = holdings_.policy().zone();
  const absl::Duration to_next_end = DueInstant(LastDueDay(now, zone).Next(), zone) - now;
  const bool can_wait = age < options_.purge_bound * 3 / 4 && to_next_end < options_.purge_bound / 4;
  if (!scrub_now && can_wait) return absl::OkStatus();
  if (absl::Status s = enders_.store.Scrub(PurgeMarks::SpansOf(marks)); !s.ok()) return s;
  outcome.scrubbed = true;
  return commands_.Do(now, [&](Change& change) {
    change.ClearMarks(std::move(marks));
    stored::v1::LedgerEntry entry;
    entry.set_kind(stored::v1::LedgerEntry::KIND_PURGE_PHYSICALLY_ERASED);
    change.Enter(std::move(entry));
    return absl::OkStatus();
  });
}

}  // namespace retention
