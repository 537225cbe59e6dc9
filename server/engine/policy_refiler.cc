#include "server/engine/policy_refiler.h"

#include <algorithm>
#include <string>

#include "server/engine/cohort_rows.h"
#include "storage/keys.h"
#include "storage/personal.h"

namespace retention {

void PolicyRefiler::BeginAnew() {
  meetings_step_ = rows_step_ = cubes_step_ = WalkStep{};
  rows_step_.position = policies_.refiled_to();
  meetings_ = 0;
  rows_ = 0;
}

absl::StatusOr<bool> PolicyRefiler::Step(absl::Time now) {
  const auto applied = policies_.refiling_since();
  if (!applied.has_value()) return false;
  const DueDay ended = LastDueDay(*applied, holdings_.policy().zone());
  const Placement placement(holdings_.store, holdings_.vault, registry_, logs_.Terms(), policies_.current(), ended,
                            now);
  Change change(holdings_, now);
  absl::Status status;
  if (meetings_step_.position.has_value()) {
    status = MoveMeetings(placement, *applied, change);
  } else if (rows_step_.position.has_value()) {
    status = MoveRows(placement, change);
    policies_.PutRefiledTo(rows_step_.position.value_or(FiledPrefix(DueDay::Held())), change.batch());
  } else {
    status = MoveCubes(placement, change);
  }
  if (!status.ok()) return status;
  const bool more = cubes_step_.position.has_value();
  if (!more) {
    if (placement.moves_history()) {
      if (absl::Status s = GiveUpCohorts(change.last_due()); !s.ok()) return s;
    }
    policies_.PutRefiled(change.batch());
  }
  if (absl::Status s = change.Commit(); !s.ok()) return s;
  meetings_ = meetings_step_.examined;
  rows_ = rows_step_.examined;
  if (!more) {
    policies_.FinishRefiling();
    BeginAnew();
  }
  return more;
}

absl::Status PolicyRefiler::MoveMeetings(const Placement& placement, absl::Time applied, Change& change) {
  meetings_step_.budget = kStepBudget;
  const auto move = [&](const LocatorName& name, const MeetingLocator& locator, const Filing& filing) {
    return recorder_.RefileMeeting(name, locator, filing, applied, change);
  };
  absl::Status status = placement.VisitMeetings(meetings_step_, move);
  book_.Trim(kStepBudget);
  return status;
}

absl::Status PolicyRefiler::MoveRows(const Placement& placement, Change& change) {
  rows_step_.budget = kStepBudget;
  const auto move = [&](const FiledKey& key, std::string_view envelope, DueDay right) {
    rows_step_.budget -= std::min(rows_step_.budget, envelope.size() >> 10);
    return MoveRow(key, envelope, right, change);
  };
  return placement.VisitRows(rows_step_, move);
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

absl::Status PolicyRefiler::MoveCubes(const Placement& placement, Change& change) {
  cubes_step_.budget = kStepBudget;
  const auto move = [&](DueDay erase_day, DueDay cohort, DueDay right) {
    // To a day that is over, too: the cube is dropped with the others of that day.
    auto cursor = holdings_.store.ScanPrefix(Family::kStatistics, CubePrefix(erase_day, cohort));
    for (; cursor->Valid(); cursor->Next()) {
      const auto parts = DecodeCubeKey(cursor->key());
      if (!parts.has_value()) return absl::DataLossError("a key of family statistics does not parse");
      change.batch().Put(Family::kStatistics, CubeKey(right, cohort, parts->table), std::string(cursor->value()));
      change.batch().Delete(Family::kStatistics, std::string(cursor->key()));
      cubes_step_.budget -= std::min(cubes_step_.budget, cursor->value().size() >> 10);
    }
    return cursor->status();
  };
  return placement.VisitCubes(cubes_step_, move);
}

absl::Status PolicyRefiler::GiveUpCohorts(DueDay last_due) {
  DueDay given_up = holdings_.ring.cohorts_destroyed_through();
  while (given_up < last_due && BucketOfCohort(given_up.Next(), holdings_.policy()) <= last_due) {
    given_up = given_up.Next();
  }
  return holdings_.ring.DestroyCohortsThrough(given_up);
}

}  // namespace retention
