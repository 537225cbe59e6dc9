#include "server/ledger/leaf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

std::string Bytes(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// The end of a day.
LedgerEntry DayEnd() {
  LedgerEntry entry;
  entry.set_kind(LedgerEntry::KIND_DAY_ENDED);
  entry.set_policy_version(1);
  entry.set_day(20521);
  for (const auto category : {v1::DATA_CATEGORY_PARTICIPANT_EMAIL, v1::DATA_CATEGORY_SERVER_LOG}) {
    auto& count = *entry.add_counts();
    count.set_category(category);
    count.set_values(39);
  }
  entry.set_ring_generation(300);
  entry.set_due_us(1773097200000000);
  entry.set_done_us(1773097200250000);
  entry.set_clock(LedgerEntry::CLOCK_SYSTEM);
  entry.set_through_day(20521);
  entry.set_keys(1);
  return entry;
}

// Made by hand from FORMAT.md: tags and varints of protocol buffers, SHA-256 by another program.
constexpr char kLeaf[] =
    "02"                    // version
    "0801"                  // sequence
    "10c0bcc5e6f5939303"    // time_us
    "1806"                  // kind
    "2001"                  // policy_version
    "28a9a001"              // day
    "3a0408041032"          // counts: PARTICIPANT_EMAIL, at most 50
    "3a04080f1027"          // SERVER_LOG, 39
    "68ac02"                // ring_generation
    "800180b888e6f5939303"  // due_us
    "880190d997e6f5939303"  // done_us
    "900101"                // clock
    "9801a9a001"            // through_day
    "a00101";               // keys
constexpr char kHash[] = "024042305543fa53330ae550d09e68c2e98b5643b360859c99989851d293e616";

TEST(LedgerLeaf, GoldenBytes) {
  MapStore store;
  Ledger ledger;
  Batch batch;
  const std::string leaf = ledger.Append(DayEnd(), absl::FromUnixMicros(1773097201000000), batch);
  EXPECT_EQ(absl::BytesToHexString(leaf), kLeaf);
  EXPECT_EQ(absl::BytesToHexString(ledger.head()), kHash);
  ASSERT_TRUE(store.Commit(batch).ok());
  EXPECT_EQ(**store.Get(Family::kLedger, LedgerKey(1)), leaf + ledger.head());
}

TEST(LedgerLeaf, HasOneForm) {
  const std::string leaf = Bytes(kLeaf);
  ASSERT_TRUE(ReadLeaf(leaf).has_value());
  EXPECT_EQ(LeafOf(*ReadLeaf(leaf)), leaf);
  std::string longer = leaf;
  longer.replace(1, 2, Bytes("088100"));  // the sequence as a varint of two bytes
  std::string later_first = leaf;
  later_first.replace(1, 13, leaf.substr(12, 2) + leaf.substr(1, 11));  // fields out of order
  const std::string with_default = leaf + Bytes("a80100");              // files = 0, which is left out
  std::string with_hash = leaf;
  with_hash.insert(leaf.find(Bytes("68ac02")), Bytes("5203616263"));
  std::string of_version_3 = leaf;
  of_version_3[0] = 3;
  for (const std::string& other :
       {longer, later_first, with_default, with_hash, of_version_3, std::string(), leaf.substr(0, leaf.size() - 1)}) {
    EXPECT_FALSE(ReadLeaf(other).has_value()) << absl::BytesToHexString(other);
  }
}

// As the first version of the server wrote them: the hash is a field of the message.
TEST(LedgerLeaf, EntriesOfVersion1AreRead_AndTheChainGoesOnOverThem) {
  MapStore store;
  LedgerEntry old;
  old.set_sequence(1);
  old.set_time_us(5);
  old.set_kind(LedgerEntry::KIND_PURGED);
  old.set_reason("MEETING_ENDED");
  old.set_hold(7);
  const std::string leaf = Bytes("080110051805320d4d454554494e475f454e444544590700000000000000");
  old.set_hash(ChainHash(std::string(32, '\0'), leaf));
  Batch batch;
  batch.Put(Family::kLedger, LedgerKey(1), old.SerializeAsString());
  ASSERT_TRUE(store.Commit(batch).ok());
  const auto row = ReadRow(old.SerializeAsString());
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->leaf, leaf);
  EXPECT_EQ(RowOf(row->leaf, row->hash), old.SerializeAsString());

  auto ledger = Ledger::Open(store);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  Batch next;
  ledger->Append(DayEnd(), absl::FromUnixMicros(6), next);
  ASSERT_TRUE(store.Commit(next).ok());
  int entries = 0;
  EXPECT_TRUE(VerifyLedger(store, [&](const LedgerEntry& entry) {
                EXPECT_EQ(entry.sequence(), static_cast<uint64_t>(++entries));
              }).ok());
  EXPECT_EQ(entries, 2);
}

TEST(LedgerSize, HidesWhoeverIsOneOfThem) {
  const auto of_people = [](uint64_t values) { return LedgerSize(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, values); };
  EXPECT_EQ(of_people(0), 0u);
  EXPECT_EQ(of_people(1), 10u);
  EXPECT_EQ(of_people(10), 10u);
  EXPECT_EQ(of_people(11), 20u);
  EXPECT_EQ(of_people(39), of_people(40));
  EXPECT_EQ(of_people(50), 50u);
  EXPECT_EQ(of_people(51), 100u);
  EXPECT_EQ(of_people(200001), 500000u);
  EXPECT_GT(of_people(UINT64_MAX), 0u);
  uint64_t before = 0;
  for (uint64_t values = 1; values < 3000; ++values) {
    EXPECT_GE(of_people(values), values);
    EXPECT_LE(of_people(values), std::max<uint64_t>(10, 5 * values / 2 + 1));
    EXPECT_GE(of_people(values), before);
    before = of_people(values);
  }
  for (const auto category : {v1::DATA_CATEGORY_PBX_SYNC, v1::DATA_CATEGORY_DIAL_IN, v1::DATA_CATEGORY_SERVER_LOG}) {
    EXPECT_EQ(LedgerSize(category, 39), 39u);
  }
}

}  // namespace
}  // namespace retention
