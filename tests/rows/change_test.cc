#include "server/rows/change.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/rows/row_keys.h"
#include "server/rows/writer.h"
#include "storage/secrets/key_ring.h"
#include "tests/engine/harness.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

const DueDay kNextMonday(absl::CivilDay(2026, 3, 9));

class ChangeTest : public ::testing::Test {
 protected:
  ChangeTest()
      : ring_(*KeyRing::Create((directory_ / "ring").string(), {})),
        vault_(*ring_, SystemRandom()),
        store_(disk_),
        holdings_(store_, *ring_, vault_, SystemRandom(), DefaultPolicy()),
        writer_(store_, holdings_) {
    EXPECT_TRUE(holdings_.Load().ok());
  }

  static FiledKey Key(uint8_t item, CategoryNumber category = kServerLog) {
    FiledKey key{.day = kNextMonday, .category = category};
    key.item.bytes[0] = item;
    return key;
  }
  absl::Status FileOne(uint8_t item, uint32_t values = 3) {
    return writer_.Do(kMonday, [&](Change& change) {
      change.File(Key(item), Personal("text"), values);
      return absl::OkStatus();
    });
  }
  std::string Row(const FiledKey& key) { return store_.Get(Family::kFiled, key.Encode())->value_or(""); }
  uint64_t Values() const { return holdings_.counts.Of(kNextMonday)[kServerLog].values; }
  // All that memory holds that a change can alter.
  std::string Memory() const {
    std::string text = absl::StrCat(holdings_.ledger.size(), "|", holdings_.orders.last_issued(), "|",
                                    holdings_.orders.unconfirmed(), "|", holdings_.marks.Read().size());
    for (const auto& [day, counts] : holdings_.counts.Read()) {
      for (const BucketCount& count : counts) absl::StrAppend(&text, "|", count.rows, ":", count.values);
    }
    return text;
  }
  // Does all that a change can do.
  absl::Status Everything(Change& change, std::vector<std::string>& log) {
    change.File(Key(9), Personal("more"), 2);
    if (absl::Status s = change.Drop(Key(1), Row(Key(1)), "", kReasonReplaced); !s.ok()) return s;
    stored::v1::StoredObjectRef object;
    object.set_object_ref("ref");
    change.Order(kRecording, "pbx", object);
    change.MarkState("key");
    change.Enter(stored::v1::LedgerEntry());
    change.ThenDo([&log] { log.emplace_back("then"); });
    change.Otherwise([&log] { log.emplace_back("otherwise"); });
    return absl::OkStatus();
  }

  FreshDirectory directory_;
  std::shared_ptr<MapDisk> disk_ = std::make_shared<MapDisk>();
  std::unique_ptr<KeyRing> ring_;
  Vault vault_;
  MapStore store_;
  Holdings holdings_;
  Writer writer_;
};

TEST_F(ChangeTest, HappensInTheStoreAndInMemory) {
  ASSERT_TRUE(FileOne(1).ok());
  EXPECT_EQ(Vault::ValueCount(Row(Key(1))), 3u);
  EXPECT_EQ(Values(), 3u);
  std::vector<std::string> log;
  ASSERT_TRUE(writer_.Do(kMonday, [&](Change& change) { return Everything(change, log); }).ok());
  EXPECT_EQ(log, std::vector<std::string>{"then"});
  EXPECT_EQ(Values(), 2u);
  EXPECT_EQ(holdings_.orders.last_issued(), 1u);
  EXPECT_EQ(holdings_.ledger.size(), 2u) << "what was purged, and the entry";
  // What is in memory is what the store says.
  const std::string memory = Memory();
  ASSERT_TRUE(holdings_.Load().ok());
  EXPECT_EQ(Memory(), memory);
}

TEST_F(ChangeTest, OneThatIsDroppedLeavesNothing) {
  ASSERT_TRUE(FileOne(1).ok());
  const std::string memory = Memory();
  const MapDisk::Rows rows = *disk_->View();
  std::vector<std::string> log;
  {
    Change change(holdings_, kMonday);
    ASSERT_TRUE(Everything(change, log).ok());
    EXPECT_EQ(change.erased()[kServerLog], 3u) << "it says what it would do";
    EXPECT_EQ(change.CountOf(kNextMonday, kServerLog).values, 2u);
    EXPECT_EQ(change.ordered().size(), 1u);
  }
  EXPECT_EQ(log, std::vector<std::string>{"otherwise"});
  EXPECT_EQ(Memory(), memory);
  EXPECT_TRUE(*disk_->View() == rows);
}

TEST_F(ChangeTest, OneWhoseCommandIsRefusedLeavesNothing) {
  ASSERT_TRUE(FileOne(1).ok());
  const std::string memory = Memory();
  std::vector<std::string> log;
  const absl::Status status = writer_.Do(kMonday, [&](Change& change) {
    EXPECT_TRUE(Everything(change, log).ok());
    return PbxUnknown();
  });
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(log, std::vector<std::string>{"otherwise"});
  EXPECT_EQ(Memory(), memory);
}

TEST_F(ChangeTest, OneThatCannotBeWrittenLeavesNothing_AndCanBeRunAgain) {
  for (const auto failed : {MapDisk::FailedBatch::kLost, MapDisk::FailedBatch::kLogged}) {
    ASSERT_TRUE(FileOne(1).ok());
    const std::string memory = Memory();
    std::vector<std::string> log;
    const auto command = [&](Change& change) { return Everything(change, log); };
    disk_->FailWrites(absl::ResourceExhaustedError("full"), 1, failed);
    EXPECT_FALSE(writer_.Do(kMonday, command).ok());
    EXPECT_EQ(log, std::vector<std::string>{"otherwise"});
    EXPECT_EQ(Memory(), memory);
    disk_->Heal();
    EXPECT_TRUE(writer_.Do(kMonday, command).ok()) << "it takes up writing again";
    EXPECT_EQ(log, (std::vector<std::string>{"otherwise", "then"}));
    const std::string after = Memory();
    ASSERT_TRUE(holdings_.Load().ok());
    EXPECT_EQ(Memory(), after) << "what failed was not found in the log";
  }
}

TEST_F(ChangeTest, AnEffectThatFailsTakesNothingBack) {
  std::vector<std::string> log;
  const absl::Status status = writer_.Do(kMonday, [&](Change& change) {
    change.File(Key(1), Personal("text"), 1);
    change.Then([] { return absl::UnavailableError("ring"); });
    change.ThenDo([&log] { log.emplace_back("after it"); });
    change.Otherwise([&log] { log.emplace_back("otherwise"); });
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(log, std::vector<std::string>{"after it"});
  EXPECT_EQ(Values(), 1u);
  EXPECT_NE(Row(Key(1)), "");
}

TEST_F(ChangeTest, ARowEndsOnceInAChange) {
  ASSERT_TRUE(FileOne(1).ok());
  ASSERT_TRUE(FileOne(2).ok());
  ASSERT_TRUE(writer_
                  .Do(kMonday,
                      [&](Change& change) {
                        EXPECT_TRUE(change.Drop(Key(1), Row(Key(1)), "", kReasonReplaced).ok());
                        EXPECT_TRUE(change.Drop(Key(1), Row(Key(1)), "", kReasonReplaced).ok());
                        EXPECT_EQ(change.erased()[kServerLog], 3u);
                        return absl::OkStatus();
                      })
                  .ok());
  EXPECT_EQ(Values(), 3u) << "the other row is still counted";
}

TEST_F(ChangeTest, OneThatIsDroppedMintsNoKey) {
  {
    Change change(holdings_, kMonday);
    change.File(Key(1), Personal("text"), 1);
  }
  EXPECT_FALSE(ring_->FindDay(kNextMonday).has_value());
  ASSERT_TRUE(FileOne(1).ok());
  EXPECT_TRUE(ring_->FindDay(kNextMonday).has_value());
}

TEST_F(ChangeTest, ANoticesNumberIsGivenOnceAndByAChangeThatIsDroppedNotAtAll) {
  std::vector<uint64_t> numbers;
  const auto take = [&](absl::Status end) {
    return writer_.Do(kMonday, [&](Change& change) {
      numbers.push_back(change.NoticeNumber());
      numbers.push_back(change.NoticeNumber());
      return end;
    });
  };
  EXPECT_TRUE(take(absl::OkStatus()).ok());
  EXPECT_FALSE(take(absl::InternalError("refused")).ok());
  EXPECT_EQ(holdings_.notices.last_given(), 2u);
  EXPECT_TRUE(take(absl::OkStatus()).ok());
  EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 2, 3, 4, 3, 4}));
  // After a restart none of those that were set aside comes again.
  ASSERT_TRUE(holdings_.notices.Load(store_).ok());
  EXPECT_TRUE(take(absl::OkStatus()).ok());
  EXPECT_EQ(numbers.back(), NoticeNumbers::kSetAside + 2);
}

TEST_F(ChangeTest, ANoticesNumberThatWasNotWrittenIsGivenAgain) {
  disk_->FailWrites(absl::UnavailableError("store: disk failed"), 1);
  uint64_t number = 0;
  const auto take = [&] {
    return writer_.Do(kMonday, [&](Change& change) {
      number = change.NoticeNumber();
      return absl::OkStatus();
    });
  };
  EXPECT_FALSE(take().ok());
  EXPECT_EQ(holdings_.notices.last_given(), 0u);
  EXPECT_TRUE(take().ok());
  EXPECT_EQ(number, 1u);
  EXPECT_EQ(holdings_.notices.last_given(), 1u);
}

}  // namespace
}  // namespace retention
