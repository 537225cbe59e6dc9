#include "server/policies/policy_change.h"

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/waiting_caller.h"
#include "server/law/cohort_days.h"
#include "server/policies/misfiled_rows.h"
#include "storage/keys.h"

namespace retention {
namespace {

absl::Status PlanStale(const char* message) {
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "PLAN_STALE", message);
}

// The same bytes for the same message within one build; a token needs to live no longer than its server.
std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::map<int, const v1::DeletionRule*> RulesOf(const v1::Policy& policy) {
  std::map<int, const v1::DeletionRule*> rules;
  for (const v1::DeletionRule& rule : policy.rules()) rules.emplace(rule.category(), &rule);
  return rules;
}

bool Differ(const v1::DeletionRule* a, const v1::DeletionRule* b) {
  return a == nullptr || b == nullptr || Canonical(*a) != Canonical(*b);
}

struct Tally {
  uint64_t rows = 0;
  uint64_t values = 0;
};

// Where rows of one category go.
struct Moves {
  Tally gone;
  Tally earlier;
  Tally later;
};

class Counter {
 public:
  Counter(const StoreView& view, DueDay last_due) : view_(view), last_due_(last_due) {}

  void Count(CategoryNumber category, DueDay from, DueDay to, std::string_view envelope) {
    Moves& moves = moves_[category];
    Tally& tally = to <= last_due_ ? moves.gone : to < from ? moves.earlier : moves.later;
    ++tally.rows;
    tally.values += Vault::ValueCount(envelope);
  }
  absl::Status CountMeeting(const LocatorName& name, const MeetingLocator& locator, const Filing& filing) {
    for (const CategoryNumber category : kFiledByMeeting) {
      const DueDay held = locator.days[category];
      const DueDay to = filing.days[category];
      if (held <= last_due_ || held == to) continue;
      auto cursor = view_.ScanPrefix(Family::kFiled, FiledPrefix(held, category, name.pbx, name.meeting));
      for (; cursor->Valid(); cursor->Next()) Count(category, held, to, cursor->value());
      if (!cursor->status().ok()) return cursor->status();
    }
    return absl::OkStatus();
  }

  void Describe(v1::PlanPolicyResponse& plan) const {
    for (size_t category = 1; category < kCategories; ++category) {
      const Moves& moves = moves_[category];
      if (moves.gone.rows + moves.earlier.rows + moves.later.rows == 0) continue;
      v1::CategoryMoves& described = *plan.add_moves();
      described.set_category(static_cast<v1::DataCategory>(category));
      const auto set = [](const Tally& tally, v1::RowsAndValues& counts) {
        counts.set_rows(tally.rows);
        counts.set_values(tally.values);
      };
      if (moves.gone.rows > 0) set(moves.gone, *described.mutable_gone());
      if (moves.earlier.rows > 0) set(moves.earlier, *described.mutable_earlier());
      if (moves.later.rows > 0) set(moves.later, *described.mutable_later());
    }
  }

 private:
  const StoreView& view_;
  const DueDay last_due_;
  std::array<Moves, kCategories> moves_{};
};

// Cohorts that are still to be released and whose bucket is over under `after` alone.
uint64_t CohortsLost(DueDay released_through, const PolicyVersion& current, const Policy& after, DueDay last_due) {
  const Policy& before = current.policy;
  uint64_t lost = 0;
  for (CohortDays cohort = current.profiles.CohortOf(released_through.Next()); cohort.first <= last_due;
       cohort = current.profiles.CohortOf(cohort.last.Next())) {
    if (BucketOfCohort(cohort, after) > last_due) break;
    if (BucketOfCohort(cohort, before) > last_due) ++lost;
  }
  return lost;
}

// Binds what cannot be taken back.
std::string TokenOfPlan(const v1::Policy& current, const v1::Policy& next, const v1::PlanPolicyResponse& plan) {
  std::string text = "retention.v1 plan";
  const auto add = [&text](const std::string& part) { absl::StrAppend(&text, "|", part.size(), ":", part); };
  add(Canonical(current));
  add(Canonical(next));
  for (const v1::CategoryMoves& moves : plan.moves()) {
    if (moves.has_gone()) absl::StrAppend(&text, "|", moves.category(), "=", moves.gone().values());
  }
  absl::StrAppend(&text, "|", plan.cohorts_lost(), "|", plan.cubes_gone(), "|", plan.pbxs_gone());
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), reinterpret_cast<uint8_t*>(hash.data()));
  return absl::BytesToHexString(hash);
}

}  // namespace

std::vector<std::string> DifferingFields(const v1::Policy& a, const v1::Policy& b) {
  std::vector<std::string> fields;
  const auto compare = [&fields](const char* name, bool same) {
    if (!same) fields.emplace_back(name);
  };
  compare("version", a.version() == b.version());
  compare("time_zone", a.time_zone() == b.time_zone());
  compare("cut", Canonical(a.cut()) == Canonical(b.cut()));
  compare("backups", Canonical(a.backups()) == Canonical(b.backups()));
  const auto rules_a = RulesOf(a);
  const auto rules_b = RulesOf(b);
  for (int category = 1; category < static_cast<int>(kCategories); ++category) {
    const auto in_a = rules_a.find(category);
    const auto in_b = rules_b.find(category);
    if (Differ(in_a == rules_a.end() ? nullptr : in_a->second, in_b == rules_b.end() ? nullptr : in_b->second)) {
      constexpr size_t kPrefix = sizeof("DATA_CATEGORY_") - 1;
      const std::string& name = v1::DataCategory_Name(static_cast<v1::DataCategory>(category));
      fields.push_back(absl::StrCat("rules (", name.substr(kPrefix), ")"));
    }
  }
  compare("statistics", Canonical(a.statistics()) == Canonical(b.statistics()));
  compare("pbx_end", Canonical(a.pbx_end()) == Canonical(b.pbx_end()));
  return fields;
}

absl::Status CheckSuccessor(const Policy& current, const Policy& next) {
  if (next.version() <= current.version()) {
    return InvalidField("policy.version",
                        absl::StrCat("must be higher than ", current.version(), ", which is in force"));
  }
  for (const std::string& field : DifferingFields(current.proto(), next.proto())) {
    if (field == "time_zone" || field == "statistics" || field == "rules (STATISTICS)") {
      return InvalidField(absl::StrCat("policy.", field), "cannot be changed once values are held");
    }
  }
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<Policy> PolicyOf(const Request& request) {
  switch (request.source_case()) {
    case Request::kPolicy:
      return Policy::FromProto(request.policy());
    case Request::kPolicyText:
      if (request.policy_text().size() > kMaxPolicyTextBytes) return InvalidField("policy_text", "at most 64 KiB");
      return Policy::FromText(request.policy_text());
    case Request::SOURCE_NOT_SET:
      break;
  }
  return InvalidField("policy", "one of policy, policy_text is required");
}

template absl::StatusOr<Policy> PolicyOf(const v1::PlanPolicyRequest& request);
template absl::StatusOr<Policy> PolicyOf(const v1::ApplyPolicyRequest& request);

absl::StatusOr<v1::PlanPolicyResponse> PolicyPlanner::PlanFor(const PolicyVersion& current, const Policy& next,
                                                              absl::Time now) const {
  v1::PlanPolicyResponse plan;
  const Policy& before = current.policy;
  plan.set_current_version(before.version());
  plan.set_new_version(next.version());
  for (std::string& field : DifferingFields(before.proto(), next.proto()))
    *plan.add_changed_fields() = std::move(field);
  const auto rules = RulesOf(before.proto());
  for (const auto& [category, rule] : RulesOf(next.proto())) {
    const v1::DeletionRule* held = rules.at(category);
    if (!Differ(held, rule)) continue;
    *plan.add_rules()->mutable_before() = *held;
    *plan.mutable_rules(plan.rules_size() - 1)->mutable_after() = *rule;
  }
  const auto view = store_.Snapshot();
  const DueDay last_due = LastDueDay(now, next.zone());
  const PolicyVersion successor = PolicyVersion::After(current, next, now);
  const MisfiledRows placement(*view, holdings_.vault, holdings_.registry, logs_.Terms(), successor, last_due, now);
  Counter counter(*view, last_due);
  WalkStep meetings{.budget = SIZE_MAX};
  absl::Status status = placement.VisitMeetings(
      meetings, [&](const LocatorName& name, const MeetingLocator& locator, const Filing& filing) {
        absl::Status waits = CheckCallerWaits();
        return waits.ok() ? counter.CountMeeting(name, locator, filing) : waits;
      });
  if (!status.ok()) return status;
  WalkStep rows{.budget = SIZE_MAX};
  status = placement.VisitRows(rows, [&](const FiledKey& key, std::string_view envelope, DueDay right) {
    counter.Count(key.category, key.day, right, envelope);
    return CheckCallerWaits();
  });
  if (!status.ok()) return status;
  WalkStep cubes{.budget = SIZE_MAX};
  status = placement.VisitCubes(cubes, [&](DueDay, DueDay, DueDay right) {
    if (right <= last_due) plan.set_cubes_gone(plan.cubes_gone() + 1);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  counter.Describe(plan);
  plan.set_cohorts_lost(
      CohortsLost(holdings_.ring.cohorts_destroyed_through(), holdings_.policies.current(), next, last_due));
  const PbxRegistry::MovedEnds pbxs = holdings_.registry.EndsUnder(next, now);
  plan.set_pbxs_gone(pbxs.gone);
  plan.set_pbxs_earlier(pbxs.earlier);
  plan.set_pbxs_later(pbxs.later);
  plan.set_plan_token(TokenOfPlan(before.proto(), next.proto(), plan));
  return plan;
}

absl::StatusOr<v1::PlanPolicyResponse> PolicyPlanner::Plan(const v1::PlanPolicyRequest& request, absl::Time now) const {
  const auto next = PolicyOf(request);
  if (!next.ok()) return next.status();
  const PolicyVersion& current = holdings_.policies.current();
  if (absl::Status status = CheckSuccessor(current.policy, *next); !status.ok()) return status;
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  return PlanFor(current, *next, now);
}

absl::StatusOr<PlannedPolicy> PolicyPlanner::CheckPlan(const v1::ApplyPolicyRequest& request, absl::Time now) const {
  auto next = PolicyOf(request);
  if (!next.ok()) return next.status();
  if (request.plan_token().empty()) return InvalidField("plan_token", "required");
  const PolicyVersion& current = holdings_.policies.current();
  if (absl::Status status = CheckSuccessor(current.policy, *next); !status.ok()) return status;
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  const auto plan = PlanFor(current, *next, now);
  if (!plan.ok()) return plan.status();
  if (plan->plan_token() != request.plan_token()) {
    return PlanStale("plan_token: not of this policy, or what would be gone at once has changed; plan anew");
  }
  return PlannedPolicy{
      .current = &current, .next = *std::move(next), .last_due = LastDueDay(now, current.policy.zone())};
}

absl::StatusOr<v1::ApplyPolicyResponse> PolicyPlanner::Apply(const PlannedPolicy& planned, Change& change) {
  if (LastDueDay(change.now(), planned.next.zone()) != planned.last_due) {
    return PlanStale("plan_token: another day has begun, and more may be gone at once; plan anew");
  }
  if (absl::Status s = refiler_.Apply(*planned.current, planned.next, change); !s.ok()) return s;
  v1::ApplyPolicyResponse response;
  response.set_version(planned.next.version());
  SetTime(absl::ToUnixMicros(change.now()), *response.mutable_in_force_since());
  return response;
}

absl::StatusOr<v1::GetPolicyResponse> PolicyPlanner::Describe(const v1::GetPolicyRequest& request) const {
  v1::GetPolicyResponse response;
  const PolicyVersion& current = holdings_.policies.current();
  absl::Time since = current.since;
  if (request.version() == 0 || request.version() == current.policy.version()) {
    *response.mutable_policy() = current.policy.proto();
    if (const auto refiling = holdings_.policies.refiling_since(); refiling.has_value()) {
      v1::PolicyRefile& refile = *response.mutable_refile();
      SetTime(absl::ToUnixMicros(*refiling), *refile.mutable_since());
      const PolicyRefiler::Progress progress = refiler_.progress();
      refile.set_meetings_examined(progress.meetings);
      refile.set_rows_examined(progress.rows);
    }
  } else {
    auto stored = PolicyVersions::Read(holdings_.store, request.version());
    if (!stored.ok()) return stored.status();
    if (!stored->has_value()) {
      return ErrorWithReason(absl::StatusCode::kNotFound, "POLICY_UNKNOWN", "no policy of this version is kept");
    }
    *response.mutable_policy() = std::move(*(*stored)->mutable_policy());
    since = absl::FromUnixMicros((*stored)->in_force_since_us());
  }
  if (since != absl::UnixEpoch()) SetTime(absl::ToUnixMicros(since), *response.mutable_in_force_since());
  return response;
}

}  // namespace retention
