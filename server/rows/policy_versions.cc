#include "server/rows/policy_versions.h"

#include <string>
#include <utility>

#include "server/law/periods.h"
#include "storage/keys.h"

namespace retention {
namespace {

// The row that names the version in force, without anything to refile.
stored::v1::PolicyMark MarkOf(const Policy& policy) {
  stored::v1::PolicyMark mark;
  mark.set_version(policy.version());
  return mark;
}

absl::Status DoesNotParse() { return absl::DataLossError("a stored policy does not parse"); }

// A policy that the store keeps, and from when on it is in force.
struct KeptPolicy {
  Policy policy;
  absl::Time since;
};

// All that it keeps up to `version`, in order. DATA_LOSS if one does not parse, or the last is not there.
absl::StatusOr<std::vector<KeptPolicy>> ReadThrough(const StoreView& store, uint32_t version) {
  std::vector<KeptPolicy> kept;
  auto cursor = store.ScanPrefix(Family::kState, PolicyPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto number = DecodePolicyKey(cursor->key());
    if (!number.has_value()) continue;  // PolicyVersionKey
    if (*number > version) break;
    stored::v1::StoredPolicy stored;
    if (!stored.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return DoesNotParse();
    }
    auto policy = Policy::FromProto(stored.policy());
    if (!policy.ok()) return policy.status();
    kept.push_back({.policy = *std::move(policy), .since = absl::FromUnixMicros(stored.in_force_since_us())});
  }
  if (!cursor->status().ok()) return cursor->status();
  if (kept.empty() || kept.back().policy.version() != version) {
    return absl::DataLossError("the policy in force is not among those that are kept");
  }
  return kept;
}

}  // namespace

PolicyVersion PolicyVersion::After(const PolicyVersion& former, Policy policy, absl::Time since) {
  CutHistory cuts = former.cuts.Then(since, policy.cut());
  ProfileHistory profiles = former.profiles.Then(DueDay(DayOf(since, policy.zone())), ProfileIn(policy.statistics()));
  return {.policy = std::move(policy),
          .since = since,
          .predecessor = &former,
          .cuts = std::move(cuts),
          .profiles = std::move(profiles)};
}

PolicyVersions::PolicyVersions(Policy first) : current_(KeepFirst(std::move(first), absl::UnixEpoch())) {}

const PolicyVersion* PolicyVersions::KeepFirst(Policy policy, absl::Time since) {
  CutHistory cuts(policy.cut());
  ProfileHistory profiles(ProfileIn(policy.statistics()));
  return Keep({.policy = std::move(policy), .since = since, .cuts = std::move(cuts), .profiles = std::move(profiles)});
}

const PolicyVersion* PolicyVersions::Keep(PolicyVersion version) {
  kept_.push_back(std::make_unique<const PolicyVersion>(std::move(version)));
  return kept_.back().get();
}

std::optional<absl::Time> PolicyVersions::refiling_since() const {
  const int64_t since_us = refiling_since_us_.load(std::memory_order_acquire);
  if (since_us == 0) return std::nullopt;
  return absl::FromUnixMicros(since_us);
}

absl::StatusOr<std::optional<stored::v1::StoredPolicy>> PolicyVersions::Read(const StoreView& store, uint32_t version) {
  auto row = store.Get(Family::kState, PolicyKey(version));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  stored::v1::StoredPolicy stored;
  if (!stored.ParseFromString(**row)) return DoesNotParse();
  return stored;
}

absl::Status PolicyVersions::Load(const StoreView& store) {
  auto row = store.Get(Family::kState, PolicyVersionKey());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::OkStatus();  // a new store
  stored::v1::PolicyMark mark;
  if (!mark.ParseFromString(**row)) return absl::DataLossError("the row that names the policy does not parse");
  auto kept = ReadThrough(store, mark.version());
  if (!kept.ok()) return kept.status();
  refiling_since_us_.store(mark.refiling_since_us(), std::memory_order_release);
  refiled_to_ = {.meetings = mark.meetings_refiled_to(), .rows = mark.rows_refiled_to()};
  if (kept->back().since == current().since &&
      kept->back().policy.proto().SerializeAsString() == in_force().proto().SerializeAsString()) {
    return absl::OkStatus();
  }
  const PolicyVersion* version = nullptr;
  for (KeptPolicy& each : *kept) {
    version = version == nullptr ? KeepFirst(std::move(each.policy), each.since)
                                 : Keep(PolicyVersion::After(*version, std::move(each.policy), each.since));
  }
  current_.store(version, std::memory_order_release);
  return absl::OkStatus();
}

void PolicyVersions::Put(const Policy& policy, absl::Time since, bool refiling, Batch& batch) {
  stored::v1::StoredPolicy stored;
  *stored.mutable_policy() = policy.proto();
  stored.set_in_force_since_us(absl::ToUnixMicros(since));
  batch.Put(Family::kState, PolicyKey(policy.version()), stored.SerializeAsString());
  stored::v1::PolicyMark mark = MarkOf(policy);
  if (refiling) mark.set_refiling_since_us(absl::ToUnixMicros(since));
  batch.Put(Family::kState, PolicyVersionKey(), mark.SerializeAsString());
}

void PolicyVersions::Enact(Policy policy, absl::Time since, bool refiling) {
  // Before the policy itself: whoever sees it in force sees that rows may lie elsewhere.
  refiling_since_us_.store(refiling ? absl::ToUnixMicros(since) : 0, std::memory_order_release);
  refiled_to_ = {};
  current_.store(Keep(PolicyVersion::After(current(), std::move(policy), since)), std::memory_order_release);
}

void PolicyVersions::PutRefiledTo(RefiledTo positions, Batch& batch) const {
  stored::v1::PolicyMark mark = MarkOf(in_force());
  mark.set_refiling_since_us(refiling_since_us_.load(std::memory_order_acquire));
  mark.set_meetings_refiled_to(std::move(positions.meetings));
  mark.set_rows_refiled_to(std::move(positions.rows));
  batch.Put(Family::kState, PolicyVersionKey(), mark.SerializeAsString());
}

void PolicyVersions::FinishRefiling() {
  refiling_since_us_.store(0, std::memory_order_release);
  refiled_to_ = {};
}

void PolicyVersions::PutRefiled(Batch& batch) const {
  batch.Put(Family::kState, PolicyVersionKey(), MarkOf(in_force()).SerializeAsString());
  batch.DeleteRange(Family::kState, RefiledMarkPrefix(), PrefixEnd(RefiledMarkPrefix()));
}

}  // namespace retention
