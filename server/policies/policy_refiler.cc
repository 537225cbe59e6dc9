#include "server/policies/policy_refiler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/law/cohort_days.h"
#include "server/meetings/cohort_span.h"
#include "storage/keys.h"
#include "storage/secrets/personal.h"

namespace retention {

absl::Status PolicyRefiler::Apply(const PolicyVersion& planned_from, const Policy& next, Change& change) {
  PolicyVersions& policies = holdings_.policies;
  if (&planned_from != &policies.current()) {
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "PLAN_STALE", "another policy is in force by now");
  }
  if (policies.refiling_since().has_value()) return RefileUnderWay();
  // What is due must be gone, that it cannot be brought back. (Files that have ended say so themselves.)
  if (holdings_.ring.destroyed_through() < LastDueDay(change.now(), next.zone()) ||
      !holdings_.registry.Over(change.now()).empty() || logs_.refiling()) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "SWEEP_FIRST", "something that is due waits for its end");
  }
  const absl::Time since = absl::FromUnixMicros(absl::ToUnixMicros(change.now()));
  PolicyVersions::Put(next, since, /*refiling=*/true, change.batch());
  change.Before([](KeyRing& ring) { return ring.SuspendDue(); });
  stored::v1::LedgerEntry entry;
  entry.set_kind(stored::v1::LedgerEntry::KIND_POLICY);
  entry.set_policy_version(next.version());
  change.Enter(std::move(entry));
  change.ThenDo([this, next, since] {
    holdings_.policies.Enact(next, since, /*refiling=*/true);
    holdings_.registry.ReckonEnds();
  });
  return absl::OkStatus();
}

absl::StatusOr<bool> PolicyRefiler::Step(Change& change) {
  const PolicyVersions& policies = holdings_.policies;
  const auto applied = policies.refiling_since();
  if (!applied.has_value()) return false;
  const DueDay ended = holdings_.LastDue(*applied);
  const MisfiledRows misfiled(holdings_.store, holdings_.vault, holdings_.registry, logs_.Terms(), policies.current(),
                              ended, change.now());
  Pass pass = pass_;
  if (pass.version != &policies.current()) {
    pass = Pass{.version = &policies.current()};
    pass.meetings.position.from = policies.refiled_to().meetings;
    pass.rows.position.from = policies.refiled_to().rows;
  }
  if (absl::Status s = Go(pass, misfiled, *applied, change); !s.ok()) return s;
  const bool more = pass.cubes.position.more;
  if (!more) {
    if (misfiled.moves_history()) {
      if (absl::Status s = GiveUpCohorts(change.last_due()); !s.ok()) return s;
    }
    policies.PutRefiled(change.batch());
    change.ThenDo([this] { holdings_.policies.FinishRefiling(); });
  }
  change.ThenDo([this, pass = more ? std::move(pass) : Pass()]() mutable { Keep(std::move(pass)); });
  return more;
}

void PolicyRefiler::Keep(Pass pass) {
  pass_ = std::move(pass);
  meetings_ = pass_.meetings.examined;
  rows_ = pass_.rows.examined;
}

absl::Status PolicyRefiler::Go(Pass& pass, const MisfiledRows& misfiled, absl::Time applied, Change& change) {
  if (!pass.meetings.position.more && !pass.rows.position.more) {
    return MoveCubes(pass.cubes, misfiled, change);
  }
  absl::Status status = pass.meetings.position.more ? MoveMeetings(pass.meetings, misfiled, applied, change)
                                                    : MoveRows(pass.rows, misfiled, change);
  const auto reached = [](const WalkPosition& position, const std::string& end) {
    return position.more ? position.from : end;
  };
  holdings_.policies.PutRefiledTo({.meetings = reached(pass.meetings.position, PrefixEnd(LocatorPrefix())),
                                   .rows = reached(pass.rows.position, FiledPrefix(DueDay::Kept()))},
                                  change.batch());
  return status;
}

absl::Status PolicyRefiler::MoveMeetings(WalkStep& step, const MisfiledRows& misfiled, absl::Time applied,
                                         Change& change) {
  step.budget = kStepBudget;
  const auto move = [&](const LocatorName& name, const MeetingLocator&, const Filing& filing) {
    return filer_.RefileMeeting(name, filing, applied, change);
  };
  absl::Status status = misfiled.VisitMeetings(step, move);
  change.ThenDo([this] { cache_.Trim(kStepBudget); });
  return status;
}

absl::Status PolicyRefiler::MoveRows(WalkStep& step, const MisfiledRows& misfiled, Change& change) {
  step.budget = kStepBudget;
  const auto move = [&](const FiledKey& key, std::string_view envelope, DueDay right) {
    step.budget -= std::min(step.budget, envelope.size() >> 10);
    return MoveRow(key, envelope, right, change);
  };
  return misfiled.VisitRows(step, move);
}

absl::Status PolicyRefiler::MoveRow(const FiledKey& key, std::string_view envelope, DueDay right, Change& change) {
  if (key.category == kRecording && !change.TakesMoved(right)) {
    const auto ordered = IsOrdered(key);
    if (!ordered.ok()) return ordered.status();
    if (!*ordered) return change.Drop(key, envelope, holdings_.registry.ExternalId(key.pbx), kReasonDayMovedIntoPast);
  }
  if (key.category == kHistory) {
    if (absl::Status s = MoveCohortSpan(holdings_.store, key, right, change.batch()); !s.ok()) return s;
  }
  return change.Move(key, envelope, right);
}

absl::StatusOr<bool> PolicyRefiler::IsOrdered(const FiledKey& key) const {
  auto row = holdings_.store.Get(Family::kState, DayProgressKey(key.day));
  if (!row.ok()) return row.status();
  DayProgress progress;
  if (!row->has_value() || !progress.ParseFromString(**row)) return false;
  return HasOrder(progress, key);
}

absl::Status PolicyRefiler::MoveCubes(WalkStep& step, const MisfiledRows& misfiled, Change& change) {
  step.budget = kStepBudget;
  const auto move = [&](DueDay erase_day, DueDay cohort, DueDay right) {
    // To a day that is over, too: the cube is dropped with the others of that day.
    auto cursor = holdings_.store.ScanPrefix(Family::kStatistics, CubePrefix(erase_day, cohort));
    for (; cursor->Valid(); cursor->Next()) {
      const auto parts = DecodeCubeKey(cursor->key());
      if (!parts.has_value()) return absl::DataLossError("a key of family statistics does not parse");
      change.batch().Put(Family::kStatistics, CubeKey(right, cohort, parts->table), std::string(cursor->value()));
      change.batch().Delete(Family::kStatistics, std::string(cursor->key()));
      step.budget -= std::min(step.budget, cursor->value().size() >> 10);
    }
    return cursor->status();
  };
  return misfiled.VisitCubes(step, move);
}

absl::Status PolicyRefiler::GiveUpCohorts(DueDay last_due) {
  DueDay given_up = holdings_.ring.cohorts_destroyed_through();
  const ProfileHistory& profiles = holdings_.policies.current().profiles;
  for (CohortDays cohort = profiles.CohortOf(given_up.Next());
       cohort.first <= last_due && BucketOfCohort(cohort, holdings_.policy()) <= last_due;
       cohort = profiles.CohortOf(given_up.Next())) {
    given_up = cohort.last;
  }
  return holdings_.ring.DestroyCohortsThrough(given_up);
}

}  // namespace retention
