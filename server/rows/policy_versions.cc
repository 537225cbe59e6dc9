#include "server/rows/policy_versions.h"

#include <string>
#include <utility>

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

// The latest version before `version` that the store keeps.
absl::StatusOr<std::optional<stored::v1::StoredPolicy>> ReadPredecessor(const StoreView& store, uint32_t version) {
  std::optional<stored::v1::StoredPolicy> latest;
  auto cursor = store.ScanPrefix(Family::kState, PolicyPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto number = DecodePolicyKey(cursor->key());
    if (!number.has_value()) continue;  // PolicyVersionKey
    if (*number >= version) break;
    latest.emplace();
    if (!latest->ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return DoesNotParse();
    }
  }
  if (!cursor->status().ok()) return cursor->status();
  return latest;
}

}  // namespace

PolicyVersions::PolicyVersions(Policy first) : current_(Keep(std::move(first), absl::UnixEpoch(), nullptr)) {}

const PolicyVersion* PolicyVersions::Keep(Policy policy, absl::Time since, const PolicyVersion* predecessor) {
  kept_.push_back(std::make_unique<PolicyVersion>(
      PolicyVersion{.policy = std::move(policy), .since = since, .predecessor = predecessor}));
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
  auto stored = Read(store, mark.version());
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return absl::DataLossError("the policy in force is not among those that are kept");
  refiling_since_us_.store(mark.refiling_since_us(), std::memory_order_release);
  refiled_to_ = {.meetings = mark.meetings_refiled_to(), .rows = mark.rows_refiled_to()};
  const absl::Time since = absl::FromUnixMicros((*stored)->in_force_since_us());
  if (since == current().since && in_force().proto().SerializeAsString() == (*stored)->policy().SerializeAsString()) {
    return absl::OkStatus();
  }
  auto policy = Policy::FromProto((*stored)->policy());
  if (!policy.ok()) return policy.status();
  const PolicyVersion* predecessor = nullptr;
  auto before = ReadPredecessor(store, mark.version());
  if (!before.ok()) return before.status();
  if (before->has_value()) {
    auto parsed = Policy::FromProto((*before)->policy());
    if (!parsed.ok()) return parsed.status();
    predecessor = Keep(*std::move(parsed), absl::FromUnixMicros((*before)->in_force_since_us()), nullptr);
  }
  current_.store(Keep(*std::move(policy), since, predecessor), std::memory_order_release);
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
  const PolicyVersion* predecessor = refiling ? &current() : nullptr;
  current_.store(Keep(std::move(policy), since, predecessor), std::memory_order_release);
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
