#include "tests/simulation/witness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "retention/stored/v1/stored.pb.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/simulation/calendar.h"

namespace retention::simulation {

void Witness::Look(Engine& engine, absl::Time now) {
  std::vector<std::string> seen;
  days_ended_.clear();
  released_.clear();
  pbx_ends_.clear();
  ended_pbxs_.clear();
  confirmed_.clear();
  logs_extended_ = 0;
  const absl::Status verified = VerifyLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
    seen.push_back(entry.hash());
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

  std::map<std::string, std::string> cubes;
  auto cursor = engine.store().Scan(Family::kStatistics, "", "");
  for (; cursor->Valid(); cursor->Next()) cubes.emplace(cursor->key(), cursor->value());
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  for (const auto& [key, cells] : cubes_) {
    const auto parts = DecodeCubeKey(key);
    const auto it = cubes.find(key);
    if (it != cubes.end()) {
      EXPECT_EQ(it->second, cells) << "a cube changed";
    } else {
      EXPECT_TRUE(parts->erase_day.is_civil() && now >= DueAfter(parts->erase_day.civil())) << "a cube is missing";
    }
  }
  cubes_ = std::move(cubes);
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

void Witness::ExpectReleased(absl::CivilDay first, absl::Time now) const {
  for (absl::CivilDay day = first; absl::FromCivil(day + 1, Berlin()) + absl::Hours(48) <= now; ++day) {
    EXPECT_TRUE(released_.contains(day)) << absl::FormatCivilTime(day) << " was not released";
  }
}

Account Account::Of(Engine& engine) {
  Account account;
  for (const auto& [day, counts] : engine.counts().Read()) {
    for (size_t i = 1; i < kCategories; ++i) {
      if (counts[i].values == 0) continue;
      account.held[static_cast<v1::DataCategory>(i)] += counts[i].values;
      if (day == DueDay::Held()) account.kept[static_cast<v1::DataCategory>(i)] = counts[i].values;
    }
  }
  const absl::Status verified = VerifyLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
    const bool purged = entry.kind() == stored::v1::LedgerEntry::KIND_PURGED;
    const bool kept = entry.kind() == stored::v1::LedgerEntry::KIND_HELD;
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
