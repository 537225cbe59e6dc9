#include "server/policies/policy_refiler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/days/cohort_rows.h"
#include "storage/keys.h"
#include "storage/secrets/personal.h"

namespace retention {

absl::StatusOr<bool> PolicyRefiler::Step(absl::Time now) {
  const auto applied = policies_.refiling_since();
  if (!applied.has_value()) return false;
  const DueDay ended = LastDueDay(*applied, holdings_.policy().zone());
  const Placement placement(holdings_.store, holdings_.vault, registry_, logs_.Terms(), policies_.current(), ended,
                            now);
  Change change(holdings_, now);
  Pass pass = pass_;
  if (pass.version != &policies_.current()) {
    pass = Pass{.version = &policies_.current()};
    pass.meetings.position = policies_.refiled_to().meetings;
    pass.rows.position = policies_.refiled_to().rows;
  }
  if (absl::Status s = Go(pass, placement, *applied, change); !s.ok()) return s;
  const bool more = pass.cubes.position.has_value();
  if (!more) {
    if (placement.moves_history()) {
      if (absl::Status s = GiveUpCohorts(change.last_due()); !s.ok()) return s;
    }
    policies_.PutRefiled(change.batch());
  }
  if (absl::Status s = change.Commit(); !s.ok()) return s;
  Keep(more ? std::move(pass) : Pass());
  if (!more) policies_.FinishRefiling();
  return more;
}

void PolicyRefiler::Keep(Pass pass) {
  pass_ = std::move(pass);
  meetings_ = pass_.meetings.examined;
  rows_ = pass_.rows.examined;
}

absl::Status PolicyRefiler::Go(Pass& pass, const Placement& placement, absl::Time applied, Change& change) {
  if (!pass.meetings.position.has_value() && !pass.rows.position.has_value()) {
    return MoveCubes(pass.cubes, placement, change);
  }
  absl::Status status = pass.meetings.position.has_value() ? MoveMeetings(pass.meetings, placement, applied, change)
                                                           : MoveRows(pass.rows, placement, change);
  policies_.PutRefiledTo({.meetings = pass.meetings.position.value_or(PrefixEnd(LocatorPrefix())),
                          .rows = pass.rows.position.value_or(FiledPrefix(DueDay::Held()))},
                         change.batch());
  return status;
}

absl::Status PolicyRefiler::MoveMeetings(WalkStep& step, const Placement& placement, absl::Time applied,
                                         Change& change) {
  step.budget = kStepBudget;
  const auto move = [&](const LocatorName& name, const MeetingLocator& locator, const Filing& filing) {
    return recorder_.RefileMeeting(name, locator, filing, applied, change);
  };
  absl::Status status = placement.VisitMeetings(step, move);
  book_.Trim(kStepBudget);
  return status;
}

absl::Status PolicyRefiler::MoveRows(WalkStep& step, const Placement& placement, Change& change) {
  step.budget = kStepBudget;
  const auto move = [&](const FiledKey& key, std::string_view envelope, DueDay right) {
    step.budget -= std::min(step.budget, envelope.size() >> 10);
    return MoveRow(key, envelope, right, change);
  };
  return placement.VisitRows(step, move);
}

absl::Status PolicyRefiler::MoveRow(const FiledKey& key, std::string_view envelope, DueDay right, Change& change) {
  if (key.category == kRecording && !change.Holds(right)) {
    const auto ordered = IsOrdered(key);
    if (!ordered.ok()) return ordered.status();
    const auto plaintext = holdings_.vault.Open(key, envelope);
    stored::v1::Value value;
    if (!*ordered && plaintext.ok() && value.ParseFromString(plaintext->Reveal())) {
      return change.EraseObject(key, value, Vault::ValueCount(envelope), registry_.ExternalId(key.pbx),
                                kReasonDayMovedIntoPast);
    }
  }
  return change.Relocate(key, envelope, right);
}

absl::StatusOr<bool> PolicyRefiler::IsOrdered(const FiledKey& key) const {
  auto row = holdings_.store.Get(Family::kState, DayProgressKey(key.day));
  if (!row.ok()) return row.status();
  stored::v1::DayProgress progress;
  if (!row->has_value() || !progress.ParseFromString(**row)) return false;
  const auto& unordered = progress.unordered_pbxs();
  return std::find(unordered.begin(), unordered.end(), key.pbx.view()) == unordered.end();
}

absl::Status PolicyRefiler::MoveCubes(WalkStep& step, const Placement& placement, Change& change) {
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
  return placement.VisitCubes(step, move);
}

absl::Status PolicyRefiler::GiveUpCohorts(DueDay last_due) {
  DueDay given_up = holdings_.ring.cohorts_destroyed_through();
  while (given_up < last_due && BucketOfCohort(given_up.Next(), holdings_.policy()) <= last_due) {
    given_up = given_up.Next();
  }
  return holdings_.ring.DestroyCohortsThrough(given_up);
}

}  // namespace retention
