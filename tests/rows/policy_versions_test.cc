// Which policy a store runs under.
#include "server/rows/policy_versions.h"

#include <gtest/gtest.h>

#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

std::vector<uint32_t> PoliciesInLedger(Harness& harness) {
  std::vector<uint32_t> versions;
  const absl::Status verified = VerifyLedger(harness.store(), [&](const stored::v1::LedgerEntry& entry) {
    if (entry.kind() == stored::v1::LedgerEntry::KIND_POLICY) versions.push_back(entry.policy_version());
  });
  EXPECT_TRUE(verified.ok()) << verified;
  return versions;
}

// Takes the store back to what it was before policies were kept.
void ForgetKeptPolicies(Harness& harness) {
  Batch batch;
  batch.Delete(Family::kState, PolicyKey(harness.engine().policy().version()));
  ASSERT_TRUE(harness.store().Commit(batch).ok());
}

TEST(PolicyVersions, AStoreKeepsThePolicyThatItBeganWith_WhateverTheFileSays) {
  Harness harness(kMonday);
  const std::string first = harness.engine().policy().proto().SerializeAsString();
  ASSERT_TRUE(harness
                  .Reopen(PatientPolicy([](v1::Policy& p) {
                    p.set_version(9);
                    Days({{kRecording, 3}})(p);
                  }))
                  .ok());
  EXPECT_EQ(harness.engine().policy().proto().SerializeAsString(), first);
  EXPECT_EQ(PoliciesInLedger(harness), std::vector<uint32_t>{1}) << "nothing came into force";
  EXPECT_EQ(harness.engine().policies().current().since, kMonday);
}

TEST(PolicyVersions, AStoreWithoutItsPolicyDoesNotOpen) {
  Harness harness(kMonday);
  ForgetKeptPolicies(harness);
  EXPECT_TRUE(absl::IsDataLoss(harness.Reopen()));
}

TEST(PolicyVersions, EarlierVersionsStayReadable_AndSurviveRestarts) {
  Harness harness(kMonday);
  PlanAndApply(harness, Days({{kRecording, 3}}));
  harness.Sweep();
  harness.now += absl::Hours(1);
  PlanAndApply(harness, Days({{kRecording, 2}}));
  harness.Sweep();
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(harness.engine().policy().version(), 3u);
    EXPECT_EQ(harness.engine().policies().current().before().version(), 2u);
    v1::GetPolicyRequest request;
    for (const uint32_t version : {1u, 2u, 3u}) {
      request.set_version(version);
      const auto response = DescribePolicy(harness.engine(), request);
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(response->policy().version(), version);
      EXPECT_EQ(response->in_force_since().seconds(), absl::ToUnixSeconds(version == 3 ? harness.now : kMonday));
      EXPECT_FALSE(response->has_refile());
    }
    request.set_version(4);
    EXPECT_EQ(DetailsOf(DescribePolicy(harness.engine(), request).status()).reason, "POLICY_UNKNOWN");
    ASSERT_TRUE(harness.Reopen().ok());
  }
  EXPECT_EQ(PoliciesInLedger(harness), (std::vector<uint32_t>{1, 2, 3}));
}

TEST(PolicyVersions, AllThatEverCutRoomsIsKnownAfterARestart) {
  Harness harness(kMonday);
  const auto reopen = [](int64_t minutes) {
    return [=](v1::Policy& p) { p.mutable_cut()->mutable_reopen_within()->set_seconds(60 * minutes); };
  };
  for (const int64_t minutes : {2, 3, 4}) {
    PlanAndApply(harness, reopen(minutes));
    harness.Sweep();
    harness.now += absl::Hours(1);
  }
  const CutHistory before = harness.engine().policies().current().cuts;
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(harness.engine().policies().current().cuts, before);
  const auto at = [&](absl::Time time) { return before.At(absl::ToUnixMicros(time)).reopen_within; };
  EXPECT_EQ(at(kMonday), absl::Hours(1));
  EXPECT_EQ(at(kMonday + absl::Minutes(59)), absl::Minutes(2));
  EXPECT_EQ(at(kMonday + absl::Hours(2)), absl::Minutes(3));
  EXPECT_EQ(at(kMonday + absl::Hours(9)), absl::Minutes(4));
}

TEST(DifferingFields, NamesWhatDiffersAndNoValue) {
  const v1::Policy a = DefaultPolicy().proto();
  EXPECT_TRUE(DifferingFields(a, a).empty());
  v1::Policy b = a;
  b.set_version(2);
  b.mutable_cut()->mutable_presumed_end_after()->set_seconds(7200);
  Days({{kRecording, 3}})(b);
  b.mutable_pbx_end()->mutable_no_contact()->set_days(30);
  EXPECT_EQ(DifferingFields(a, b), (std::vector<std::string>{"version", "cut", "rules (RECORDING)", "pbx_end"}));
  std::swap(*b.mutable_rules(0), *b.mutable_rules(1));
  EXPECT_EQ(DifferingFields(a, b).size(), 4u) << "the order of rules says nothing";
}

}  // namespace
}  // namespace retention
