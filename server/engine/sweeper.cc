#include "server/engine/sweeper.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "server/engine/cohort_rows.h"
#include "server/engine/crash_point.h"
#include "storage/keys.h"

namespace retention {
namespace {

// Locators deleted per command: how long ingest may wait for one.
constexpr size_t kLocatorsPerCommand = 5000;

// Days whose end was begun and is not finished.
absl::StatusOr<std::vector<DueDay>> EndingDays(const StoreView& view, DueDay last) {
  std::vector<DueDay> days;
  auto cursor = view.ScanPrefix(Family::kState, DayProgressPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    if (!day.has_value()) return absl::DataLossError("a row of day progress does not parse");
    if (*day <= last) days.push_back(*day);
  }
  if (!cursor->status().ok()) return cursor->status();
  return days;
}

}  // namespace

absl::StatusOr<SweepOutcome> Sweeper::RunOnce(absl::Time now, bool scrub_now) {
  SweepOutcome outcome;
  if (!engine_.store().Health().ok()) {
    if (absl::Status s = run_([&] { return engine_.Recover(); }); !s.ok()) return s;
  }
  if (!engine_.registry().Ending().empty()) {
    if (absl::Status s = run_([&] { return engine_.FinishEndings(now); }); !s.ok()) return s;
  }
  if (absl::Status s = ReviewMeetings(now, outcome); !s.ok()) return s;
  if (absl::Status s = CloseDays(now); !s.ok()) return s;
  if (absl::Status s = ReleaseCohorts(now, outcome); !s.ok()) return s;
  if (absl::Status s = EndDays(now, outcome); !s.ok()) return s;
  if (absl::Status s = EndCubes(now); !s.ok()) return s;
  if (absl::Status s = Scrub(now, scrub_now, outcome); !s.ok()) return s;
  return outcome;
}

absl::Status Sweeper::ReviewMeetings(absl::Time now, SweepOutcome& outcome) {
  std::vector<FilesEnd> due;
  auto cursor = engine_.store().ScanPrefix(Family::kState, FilesEndPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto timer = DecodeFilesEndKey(cursor->key());
    if (!timer.has_value()) return absl::DataLossError("a timer's key does not parse");
    if (timer->instant_us > absl::ToUnixMicros(now)) break;
    due.push_back(*timer);
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  for (const FilesEnd& timer : due) {
    bool files_ended = false;
    absl::Status status = run_([&] {
      auto reviewed = engine_.ReviewMeeting(timer, now);
      if (reviewed.ok()) files_ended = *reviewed;
      return reviewed.status();
    });
    if (!status.ok()) return status;
    if (files_ended) ++outcome.meetings_presumed_ended;
  }
  return absl::OkStatus();
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

absl::Status Sweeper::ReleaseCohorts(absl::Time now, SweepOutcome& outcome) {
  for (;;) {
    const DueDay cohort = engine_.ring().cohorts_destroyed_through().Next();
    if (ReleaseTimeOf(cohort, options_.lead_window, engine_.policy()) > now) return absl::OkStatus();
    const auto view = engine_.store().Snapshot();
    auto released = IsReleased(*view, cohort, engine_.policy());
    if (!released.ok()) return released.status();
    std::optional<NoisyCube> cube;
    if (!*released) {
      auto built = BuildCohort(*view, engine_.vault(), engine_.policy(), cohort, engine_.random());
      if (!built.ok()) return built.status();
      cube = *std::move(built);
      ++outcome.cohorts_released;
    }
    const NoisyCube* drawn = cube.has_value() ? &*cube : nullptr;
    if (absl::Status s = run_([&] { return engine_.Release(cohort, drawn, now); }); !s.ok()) return s;
  }
}

absl::Status Sweeper::EndDays(absl::Time now, SweepOutcome& outcome) {
  const DueDay last = LastDueDay(now, engine_.policy().zone());
  const auto counts = engine_.counts().Read();
  const bool due = !counts.empty() && counts.begin()->first <= last;
  if (due || engine_.ring().destroyed_through() < last) {
    absl::Status status = run_([&] {
      auto ended = engine_.EndDays(now);
      if (!ended.ok()) return ended.status();
      outcome.days = *std::move(ended);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (options_.on_unreadable) {
      for (const EndingDay& day : outcome.days) options_.on_unreadable(DueInstant(day.day, engine_.policy().zone()));
    }
  }
  auto ending = EndingDays(engine_.store(), last);
  if (!ending.ok()) return ending.status();
  if (ending->empty()) return absl::OkStatus();
  if (absl::Status s = DropLocators(last, *ending, now); !s.ok()) return s;
  if (absl::Status s = engine_.store().DropDaysThrough(last); !s.ok()) return s;
  CrashPoint("sweep.after_drop");
  if (absl::Status s = run_([&] { return engine_.FinishDays(*ending, now); }); !s.ok()) return s;
  if (options_.on_gone) {
    for (const DueDay day : *ending) options_.on_gone(DueInstant(day, engine_.policy().zone()));
  }
  return absl::OkStatus();
}

absl::Status Sweeper::DropLocators(DueDay last, const std::vector<DueDay>& days, absl::Time now) {
  std::vector<std::pair<PbxId, OwnerId>> meetings;
  const auto flush = [&] {
    absl::Status status = run_([&] { return engine_.DropLocators(meetings, last, now); });
    meetings.clear();
    return status;
  };
  for (const DueDay day : days) {
    auto cursor = engine_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, kHistory));
    while (cursor->Valid()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      meetings.emplace_back(key->pbx, key->owner);
      if (meetings.size() == kLocatorsPerCommand) {
        if (absl::Status status = flush(); !status.ok()) return status;
      }
      cursor->Seek(PrefixEnd(FiledPrefix(day, kHistory, key->pbx, key->owner)));
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
  }
  return meetings.empty() ? absl::OkStatus() : flush();
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
  const PurgeMarks::Marks marks = engine_.marks().Read();
  if (marks.empty()) return absl::OkStatus();
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
  if (!scrub_now && now - absl::FromUnixMicros(oldest_us) < options_.purge_bound / 2) return absl::OkStatus();
  if (absl::Status s = engine_.store().Scrub(days, state); !s.ok()) return s;
  outcome.scrubbed = true;
  return run_([&] { return engine_.FinishScrub(marks, now); });
}

}  // namespace retention
