#include "server/ledger/ledger.h"

#include <gtest/gtest.h>

#include "storage/keys.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

void Append(Store& store, int entries) {
  auto ledger = Ledger::Open(store);
  ASSERT_TRUE(ledger.ok());
  Batch batch;
  for (int i = 0; i < entries; ++i) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_PURGED);
    entry.set_reason("MEETING_ENDED");
    ledger->Append(entry, absl::FromUnixSeconds(i), batch);
  }
  ASSERT_TRUE(store.Commit(batch).ok());
}

TEST(Ledger, ChainGoesOnAfterReopening) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  uint64_t before = 0;
  ASSERT_TRUE(VerifyLedger(harness.store(), [&](const LedgerEntry&) { ++before; }).ok());
  Append(harness.store(), 3);
  Append(harness.store(), 6);
  uint64_t seen = 0;
  ASSERT_TRUE(
      VerifyLedger(harness.store(), [&](const LedgerEntry& entry) { EXPECT_EQ(entry.sequence(), ++seen); }).ok());
  EXPECT_EQ(seen, before + 9);
}

TEST(Ledger, AnyChangeBreaksTheChain) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  Append(harness.store(), 5);
  auto row = harness.store().Get(Family::kLedger, LedgerKey(4));
  ASSERT_TRUE(row.ok() && row->has_value());
  auto read = ReadRow(**row);
  ASSERT_TRUE(read.has_value());
  read->entry.set_reason("NOTHING");
  Batch forged;
  forged.Put(Family::kLedger, LedgerKey(4), RowOf(LeafOf(read->entry), read->hash));
  ASSERT_TRUE(harness.store().Commit(forged).ok());
  const absl::Status status = VerifyLedger(harness.store(), [](const LedgerEntry&) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("entry 4"), absl::string_view::npos);
}

TEST(Ledger, AMissingEntryBreaksTheChain) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  Append(harness.store(), 5);
  Batch gap;
  gap.Delete(Family::kLedger, LedgerKey(3));
  ASSERT_TRUE(harness.store().Commit(gap).ok());
  EXPECT_EQ(VerifyLedger(harness.store(), [](const LedgerEntry&) {}).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace retention
