// G4 against copies: whoever puts back what lay there before a release sees no second draw.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/law/cohort_days.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/privacy/attacked_platform.h"
#include "tests/privacy/disk_search.h"
#include "tests/testing/map_store.h"

namespace retention::privacy {
namespace {

const DueDay kCohort(absl::CivilDay(2026, 3, 2));

std::map<std::string, std::string> CubeRows(const StoreView& view) {
  std::map<std::string, std::string> rows;
  for (auto cursor = view.ScanPrefix(Family::kStatistics, ""); cursor->Valid(); cursor->Next()) {
    rows.emplace(cursor->key(), cursor->value());
  }
  return rows;
}

class CohortCopies : public ::testing::Test {
 protected:
  CohortCopies() {
    harness_.SyncPbx();
    harness_.now = HourOf(20);
    for (int person = 1; person <= 30; ++person) harness_.Record(Stay(person, "m", 9, 30));
    rows_before_ = MapStore::RowsOf(*harness_.store().Snapshot());
    CopyDirectory(harness_.directory() / "ring", ring_before_.path() / "ring");
    harness_.now = ReleaseTimeOf(kCohort, absl::Hours(1), harness_.engine().policy());
    EXPECT_EQ(harness_.Sweep().cohorts_released, 1u);
    EXPECT_FALSE(CubeRows(harness_.store()).empty());
  }

  Harness harness_{kMonday};
  FreshDirectory ring_before_;
  MapStore::Rows rows_before_;
};

TEST_F(CohortCopies, AStoreOfBeforeTheReleaseDrawsNothingBesideTheRingOfToday) {
  FreshDirectory today;
  CopyDirectory(harness_.directory() / "ring", today.path() / "ring");
  auto ring = KeyRing::Open((today / "ring").string(), {});
  ASSERT_TRUE(ring.ok()) << ring.status();
  MapStore store(rows_before_);
  // On to the last of its originals.
  for (const absl::Duration later : {absl::ZeroDuration(), 24 * absl::Hours(20), 24 * absl::Hours(70)}) {
    auto engine = TestEngine::Open(store, **ring, SystemRandom(), PatientPolicy(), harness_.now + later);
    ASSERT_TRUE(engine.ok()) << engine.status();
    TestSweeper sweeper(**engine, [](std::function<absl::Status()> task) { return task(); }, {});
    ASSERT_TRUE(sweeper.RunOnce(harness_.now + later, true).ok());
    for (const auto& [key, value] : CubeRows(store)) EXPECT_NE(DecodeCubeKey(key)->cohort_day, kCohort);
    EXPECT_TRUE(VerifyLedger(store, [&](const stored::v1::LedgerEntry& entry) {
                  EXPECT_FALSE(entry.kind() == stored::v1::LedgerEntry::KIND_COHORT_RELEASED &&
                               entry.day() == kCohort.number());
                }).ok());
  }
}

TEST_F(CohortCopies, ARingOfBeforeTheReleaseDoesNotOpenWhereItsGenerationIsKnown) {
  KeyRing::Options options;
  options.opening.known_generation = harness_.ring().generation();
  const auto ring = KeyRing::Open((ring_before_ / "ring").string(), options);
  EXPECT_TRUE(absl::IsFailedPrecondition(ring.status())) << ring.status();
  EXPECT_TRUE(KeyRing::Open((ring_before_ / "ring").string(), {}).ok()) << "it is whole: nothing else keeps it shut";
}

}  // namespace
}  // namespace retention::privacy
