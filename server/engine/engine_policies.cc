// The policies of an engine: how it begins with one, keeps it, and takes up another.
#include "server/base/errors.h"
#include "server/engine/engine.h"
#include "storage/keys.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

absl::Status Precondition(std::string_view reason, std::string_view message) {
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, reason, message);
}

}  // namespace

absl::Status Engine::Establish(absl::Time now) {
  Store& store = holdings_.store;
  auto row = store.Get(Family::kState, FormatKey());
  if (!row.ok()) return row.status();
  const DueDay today(DayOf(now, policy().zone()));
  if (!row->has_value()) {
    // Nothing before today will ever be a cohort.
    if (absl::Status s = holdings_.ring.DestroyCohortsThrough(DueDay::FromNumber(today.number() - 1)); !s.ok())
      return s;
    if (absl::Status status = Load(); !status.ok()) return status;
    stored::v1::StoreFormat format;
    format.set_version(kFormatVersion);
    format.set_ring_identity(holdings_.ring.identity());
    format.set_first_cohort_day(today.number());
    Change change(holdings_, now);
    change.batch().Put(Family::kState, FormatKey(), format.SerializeAsString());
    const absl::Time since = absl::FromUnixMicros(absl::ToUnixMicros(now));
    PolicyShelf::Put(policy(), since, /*refiling=*/false, change.batch());
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_CREATED);
    change.Enter(entry);
    entry.set_kind(LedgerEntry::KIND_POLICY);
    change.Enter(entry);
    if (absl::Status status = change.Commit(); !status.ok()) return status;
    return policies_.Load(store);
  }
  stored::v1::StoreFormat format;
  if (!format.ParseFromString(**row))
    return absl::DataLossError("the row that names the on-disk format does not parse");
  if (format.version() != kFormatVersion) {
    return Precondition("FORMAT_UNKNOWN", "the data directory has an on-disk format that this version does not know");
  }
  if (format.ring_identity() != holdings_.ring.identity()) {
    return Precondition("KEY_RING_MISMATCH", "the key ring is not the one that this data directory was created with");
  }
  return AdoptPolicy(now);
}

absl::Status Engine::AdoptPolicy(absl::Time now) {
  const Store& store = holdings_.store;
  auto row = store.Get(Family::kState, PolicyVersionKey());
  if (!row.ok()) return row.status();
  stored::v1::PolicyMark mark;
  if (!row->has_value() || !mark.ParseFromString(**row)) {
    return absl::DataLossError("the row that names the policy does not parse");
  }
  const auto kept = PolicyShelf::Read(store, mark.version());
  if (!kept.ok()) return kept.status();
  if (kept->has_value()) return Load();
  // A store from before policies were kept: all that it says is what its values were filed under.
  if (mark.fingerprint() != policy().Fingerprint()) {
    return Precondition("POLICY_CHANGED",
                        "values are filed under other rules than the policy file has, and the store is from before "
                        "policies were kept: start it once with the policy that it had");
  }
  if (absl::Status status = Load(); !status.ok()) return status;
  const bool same_version = mark.version() == policy().version();
  return PutPolicy(same_version ? absl::UnixEpoch() : now, /*enter=*/!same_version, now);
}

absl::Status Engine::PutPolicy(absl::Time since, bool enter, absl::Time now) {
  Change change(holdings_, now);
  PolicyShelf::Put(policy(), since, /*refiling=*/false, change.batch());
  if (enter) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_POLICY);
    change.Enter(entry);
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  return policies_.Load(holdings_.store);
}

absl::Status Engine::ApplyPolicy(const PolicyVersion& planned_from, const Policy& next, absl::Time now) {
  // Not within Run: a refusal leaves memory as it is.
  if (&planned_from != &policies_.current()) {
    return Precondition("PLAN_STALE", "another policy is in force by now");
  }
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  // What is due must be gone, that it cannot be brought back. (Files that have ended say so themselves.)
  if (holdings_.ring.destroyed_through() < LastDueDay(now, next.zone()) || !registry_.Over(now).empty() ||
      logs_.refiling()) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "SWEEP_FIRST", "something that is due waits for its end");
  }
  return Run([&]() -> absl::Status {
    const absl::Time since = absl::FromUnixMicros(absl::ToUnixMicros(now));
    Change change(holdings_, now);
    PolicyShelf::Put(next, since, /*refiling=*/true, change.batch());
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_POLICY);
    entry.set_policy_version(next.version());
    change.Enter(std::move(entry));
    if (absl::Status status = change.Commit(); !status.ok()) return status;
    policies_.Enact(next, since, /*refiling=*/true);
    registry_.ReckonEnds();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> Engine::RefilePolicy(absl::Time now) {
  return RunFor<bool>([&] { return policy_refiler_.Step(now); });
}

}  // namespace retention
