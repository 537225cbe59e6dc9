#include "tests/simulation/witness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "retention/stored/v1/stored.pb.h"
#include "server/base/request_parts.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

stored::v1::CubeHead HeadOf(const std::string& bytes) {
  stored::v1::CubeHead head;
  EXPECT_TRUE(head.ParseFromString(bytes));
  return head;
}

}  // namespace

void Witness::Look(TestEngine& engine, const CohortModel& cohorts, bool refiling, absl::Time now) {
  std::vector<std::string> seen;
  days_ended_.clear();
  released_.clear();
  pbx_ends_.clear();
  ended_pbxs_.clear();
  confirmed_.clear();
  logs_extended_ = 0;
  uint32_t policy = 0;
  const absl::Status verified = VerifyExactLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
    seen.push_back(LeafOf(entry));
    if (entry.kind() == stored::v1::LedgerEntry::KIND_POLICY) {
      EXPECT_GT(entry.policy_version(), policy) << "a policy came into force twice";
      policy = entry.policy_version();
    }
    EXPECT_TRUE(policy == 0 || entry.policy_version() == policy) << "an entry names policy " << entry.policy_version();
    const absl::CivilDay day = absl::CivilDay(1970, 1, 1) + static_cast<int64_t>(entry.day());
    if (entry.kind() == stored::v1::LedgerEntry::KIND_DAY_ENDED) ++days_ended_[day];
    if (entry.kind() == stored::v1::LedgerEntry::KIND_COHORT_RELEASED) ++released_[day];
    if (entry.kind() == stored::v1::LedgerEntry::KIND_PBX_ENDED) {
      ++pbx_ends_[entry.reason()];
      ended_pbxs_.push_back(PbxId::From(entry.pbx()));
    }
    if (entry.kind() == stored::v1::LedgerEntry::KIND_LOGS_EXTENDED) ++logs_extended_;
    if (entry.kind() != stored::v1::LedgerEntry::KIND_ORDERS_CONFIRMED) return;
    for (const auto& count : entry.counts()) confirmed_[{entry.reason(), count.category()}] += count.values();
  });
  EXPECT_TRUE(verified.ok()) << verified;
  EXPECT_GE(seen.size(), ledger_.size()) << "the ledger shrank";
  EXPECT_TRUE(std::equal(ledger_.begin(),
                         ledger_.begin() + static_cast<std::ptrdiff_t>(std::min(ledger_.size(), seen.size())),
                         seen.begin()))
      << "the ledger's past changed";
  ledger_ = std::move(seen);
  for (const auto& [day, times] : released_) EXPECT_EQ(times, 1) << absl::FormatCivilTime(day) << " was drawn again";
  for (const auto& [day, times] : days_ended_) EXPECT_EQ(times, 1) << absl::FormatCivilTime(day) << " ended again";

  EXPECT_EQ(policy, engine.policy().version()) << "the policy in force has no entry";
  LookAtCubes(engine, cohorts, refiling, now);
}

void Witness::LookAtCubes(TestEngine& engine, const CohortModel& cohorts, bool refiling, absl::Time now) {
  std::map<CubeTable, std::string> cubes;
  auto cursor = engine.store().Scan(Family::kStatistics, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto parts = DecodeCubeKey(cursor->key());
    if (parts->erase_day == DueDay::Kept()) continue;  // sums of months, which stay
    const absl::CivilDay cohort = parts->cohort_day.civil();
    EXPECT_TRUE(cubes.emplace(CubeTable(cohort, parts->table), cursor->value()).second) << "a cube is held twice";
    if (refiling) continue;
    EXPECT_EQ(parts->erase_day.civil(), cohorts.CubeDay(cohort)) << "cube of " << absl::FormatCivilTime(cohort);
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  for (const auto& [key, cells] : cubes_) {
    const auto it = cubes.find(key);
    if (it != cubes.end()) {
      std::string now_held = it->second;
      // Those who came late are added to its head, once, when its originals are about to go.
      if (key.second == 0 && now_held != cells && !HeadOf(cells).has_late_people()) {
        stored::v1::CubeHead head = HeadOf(now_held);
        EXPECT_GE(now, cohorts.LateTime(key.first)) << "late ones were counted while more could come";
        head.clear_late_people();
        now_held = head.SerializeAsString();
      }
      EXPECT_EQ(now_held, cells) << "a cube changed";
    } else {
      EXPECT_GE(now, DueAfter(cohorts.CubeDay(key.first))) << "a cube is missing";
    }
  }
  cubes_ = std::move(cubes);
  if (released_.empty()) return;

  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PARTICIPATIONS);
  request.add_group_by(v1::DIMENSION_DAY);  // months tell of no day
  request.set_page_size(1);
  SetDate(DueDay(released_.begin()->first), *request.mutable_first_day());
  SetDate(DueDay(released_.rbegin()->first), *request.mutable_last_day());
  const auto answer = Reader(engine).QueryStatistics(request, now);
  EXPECT_TRUE(answer.ok()) << answer.status();
  const auto living = std::count_if(released_.begin(), released_.end(), [&](const auto& released) {
    // Served when nobody in it can be recognised any more.
    return now < DueAfter(cohorts.CubeDay(released.first)) &&
           DueDay(released.first) <= engine.ring().cohorts_destroyed_through();
  });
  EXPECT_LE(answer->coverage().cohorts(), living) << "cubes are shown beyond their day";
  if (!refiling) {
    EXPECT_EQ(answer->coverage().cohorts(), living) << "cubes are missing";
  }
}

void Witness::ExpectActs(const Model& model, const Portal& portal, uint64_t logs_extended) const {
  uint64_t expected = model.pbx_ends_of_any();
  std::set<std::string> reasons;
  for (const auto& [reason, ends] : model.pbx_ends()) {
    reasons.insert(reason);
    expected += ends;
  }
  for (const auto& [reason, ends] : pbx_ends_) reasons.insert(reason);
  EXPECT_EQ(pbxs_ended(), expected) << "ends of PBXs in the ledger";
  for (const std::string& reason : reasons) {
    const auto found = pbx_ends_.find(reason);
    const auto wanted = model.pbx_ends().find(reason);
    const uint64_t entered = found == pbx_ends_.end() ? 0 : found->second;
    const uint64_t least = wanted == model.pbx_ends().end() ? 0 : wanted->second;
    EXPECT_GE(entered, least) << reason;
    EXPECT_LE(entered, least + model.pbx_ends_of_any()) << reason;
  }
  EXPECT_EQ(confirmed_, portal.confirmed()) << "confirmations in the ledger";
  EXPECT_GE(logs_extended_, logs_extended) << "extensions of logs in the ledger";
}

size_t Witness::pbxs_ended() const {
  size_t ended = 0;
  for (const auto& [reason, ends] : pbx_ends_) ended += ends;
  return ended;
}

void Witness::ExpectKeysGone(const KeyRing& ring) const {
  for (const PbxId& pbx : ended_pbxs_) EXPECT_FALSE(ring.FindPbx(pbx).has_value()) << "a PBX ended, and its key lives";
}

void Witness::ExpectEnded(const std::set<absl::CivilDay>& days) const {
  for (const absl::CivilDay day : days) {
    EXPECT_TRUE(days_ended_.contains(day)) << absl::FormatCivilTime(day) << " ended without a ledger entry";
  }
}

void Witness::ExpectReleased(const CohortModel& cohorts) const {
  size_t released = 0;
  for (const absl::CivilDay day : cohorts.Drawn()) {
    EXPECT_TRUE(released_.contains(day)) << absl::FormatCivilTime(day) << " was not released";
    ++released;
  }
  for (const auto& [day, times] : released_) released -= cohorts.MayBeLost(day) ? 0 : 1;
  EXPECT_EQ(released, 0u) << "cohorts were released before their time";
}

Account Account::Of(TestEngine& engine) {
  Account account;
  for (const auto& [day, counts] : engine.counts().Read()) {
    for (size_t i = 1; i < kCategories; ++i) {
      if (counts[i].values == 0) continue;
      account.held[static_cast<v1::DataCategory>(i)] += counts[i].values;
      if (day == DueDay::Kept()) account.kept[static_cast<v1::DataCategory>(i)] = counts[i].values;
    }
  }
  const absl::Status verified = VerifyExactLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
    const bool purged = entry.kind() == stored::v1::LedgerEntry::KIND_PURGED;
    const bool kept = entry.kind() == stored::v1::LedgerEntry::KIND_KEPT;
    if (!purged && !kept && entry.kind() != stored::v1::LedgerEntry::KIND_DAY_ENDED) return;
    for (const auto& count : entry.counts()) {
      if (kept) account.taken_in[count.category()] += count.values();
      if (purged && entry.reason() == kReasonHoldReleased) account.let_go[count.category()] += count.values();
      if (!kept) account.ended[count.category()] += count.values();
      if (purged || kept) account.by_reason[entry.reason()][count.category()] += count.values();
    }
  });
  EXPECT_TRUE(verified.ok()) << verified;
  return account;
}

namespace {

uint64_t ValuesOf(const Totals& totals, v1::DataCategory category) {
  const auto found = totals.find(category);
  return found == totals.end() ? 0 : found->second;
}

}  // namespace

void Account::ExpectKeptBalances() const {
  for (int i = 1; i < v1::DataCategory_ARRAYSIZE; ++i) {
    const auto category = static_cast<v1::DataCategory>(i);
    EXPECT_EQ(ValuesOf(taken_in, category), ValuesOf(let_go, category) + ValuesOf(kept, category))
        << v1::DataCategory_Name(category) << " that is kept";
  }
}

void Account::ExpectFollows(const Account& before, const std::optional<Totals>& filed) const {
  for (int i = 1; i < v1::DataCategory_ARRAYSIZE; ++i) {
    const auto category = static_cast<v1::DataCategory>(i);
    const uint64_t known = ValuesOf(before.held, category) + ValuesOf(before.ended, category);
    const uint64_t accounted = ValuesOf(held, category) + ValuesOf(ended, category);
    const uint64_t added = filed.has_value() ? ValuesOf(*filed, category) : 0;
    EXPECT_GE(accounted, known + added) << v1::DataCategory_Name(category) << " ended without an entry in the ledger";
    if (filed.has_value()) {
      EXPECT_LE(accounted, known + added) << v1::DataCategory_Name(category) << " was entered as ended, and is held";
    }
  }
}

}  // namespace retention::simulation
