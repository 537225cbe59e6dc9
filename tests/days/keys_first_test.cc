// The keys of due days go on time whatever state the store is in, and alone: what holds keep, and objects that the
// portal must be told of, outlive them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

const absl::Time kDayOver = At("2026-03-10T00:00:00+01:00");

class KeysFirst : public ::testing::Test {
 protected:
  KeysFirst() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now = kMonday + absl::Minutes(30);
    Meet("m");
  }
  void Meet(const std::string& meeting) {
    const absl::Time time = harness_.now - absl::Minutes(20);
    harness_.Record({Joined(meeting, "join", time, "p", "Ada", "ada@example.org", "192.0.2.1"),
                     Recording(meeting, "rec", time, absl::StrCat("s3://", meeting)),
                     Left(meeting, "left", harness_.now, "p")});
  }
  absl::Status TrySweep() {
    TestSweeper sweeper(harness_.engine(), [](std::function<absl::Status()> task) { return task(); }, {});
    return sweeper.RunOnce(harness_.now, true).status();
  }
  void FillTheDisk() { harness_.disk().FailWrites(absl::ResourceExhaustedError("the disk is full")); }
  absl::Duration Overdue() {
    const auto overdue = harness_.engine().OldestOverdue(harness_.now);
    EXPECT_TRUE(overdue.ok()) << overdue.status();
    return overdue.value_or(absl::InfiniteDuration());
  }
  int Entries(stored::v1::LedgerEntry::Kind kind) {
    int entries = 0;
    EXPECT_TRUE(VerifyLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                  entries += entry.kind() == kind ? 1 : 0;
                }).ok());
    return entries;
  }

  Harness harness_;
};

TEST_F(KeysFirst, AFullDiskKeepsNoKeyAlive) {
  harness_.now = kDayOver;
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_EQ(harness_.ring().destroyed_through(), kNextMonday);
  EXPECT_TRUE(harness_.ring().DaysThrough(kNextMonday).empty());
  EXPECT_EQ(Overdue(), absl::ZeroDuration());
  EXPECT_EQ(harness_.ring().unentered().size(), 1u);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 0);

  // When it has room again, what follows does.
  harness_.disk().Heal();
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED), 1);
  EXPECT_TRUE(harness_.ring().unentered().empty());
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1) << "entered once";
}

// Of a day's end two instants are told: when it was entered, and when it was done.
TEST_F(KeysFirst, TheEntrySaysWhenTheKeysWent) {
  harness_.now = kDayOver + absl::Milliseconds(3);
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok());
  const auto unentered = harness_.ring().unentered();
  ASSERT_EQ(unentered.size(), 1u);
  harness_.now += absl::Hours(2);
  harness_.disk().Heal();
  ASSERT_TRUE(TrySweep().ok());
  uint64_t generation = 0;
  ASSERT_TRUE(VerifyLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                if (entry.kind() != stored::v1::LedgerEntry::KIND_DAY_ENDED) {
                  EXPECT_EQ(entry.done_us(), entry.time_us());
                  EXPECT_GE(entry.ring_generation(), generation);
                  generation = entry.ring_generation();
                  return;
                }
                EXPECT_EQ(absl::FromUnixMicros(entry.due_us()), kDayOver);
                EXPECT_EQ(absl::FromUnixMicros(entry.done_us()), kDayOver + absl::Milliseconds(3));
                EXPECT_EQ(absl::FromUnixMicros(entry.time_us()), harness_.now);
                EXPECT_EQ(entry.ring_generation(), unentered[0].generation);
                EXPECT_EQ(entry.through_day(), kNextMonday.number());
                EXPECT_EQ(entry.keys(), 1u);
              }).ok());
}

// A key that nothing was filed under ends too; and between the entry and its mark in the ring the process may end.
TEST_F(KeysFirst, AnEntryThatTheRingWasNotToldOfIsRecognised) {
  ASSERT_TRUE(TrySweep().ok());
  ASSERT_TRUE(harness_.ring().ForDay(DueDay::FromNumber(kNextMonday.number() - 2)).ok());
  harness_.now = kDayOver - absl::Hours(12);  // nothing is due but what nobody counts
  int heads = 0;
  harness_.on_ring_io = [&](size_t, RingFile file, RingReplica::Io io) {
    // The destruction's; the next one is the mark's.
    if (file == RingFile::kHead && io == RingReplica::Io::kWrite) ++heads;
    return heads > 2 ? absl::UnavailableError("died") : absl::OkStatus();
  };
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1) << "the ring alone knew of it";
  harness_.on_ring_io = nullptr;
  ASSERT_EQ(harness_.ring().unentered().size(), 1u);
  ASSERT_TRUE(harness_.Reopen().ok());
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(harness_.ring().unentered().size(), 0u);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1) << "entered once";
  harness_.now = kDayOver;
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 2);
}

TEST_F(KeysFirst, AFullDiskStrandsNoObject) {
  harness_.now = kDayOver;
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok()) << "its day was never closed";
  harness_.disk().Heal();
  ASSERT_TRUE(TrySweep().ok());
  const auto orders = HeldOrders(harness_.engine());
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].object_ref(), "s3://m");
  EXPECT_EQ(harness_.ring().FirstRescued(), DueDay::None());
}

TEST_F(KeysFirst, WhatAHoldKeepsOutlivesTheKey_AndNothingElseDoes) {
  harness_.SyncPbx("other");
  v1::Event elsewhere = Joined("e", "1", harness_.now, "p", "Eve");
  elsewhere.set_pbx_id("other");
  harness_.Record(elsewhere);
  ASSERT_TRUE(harness_.engine().CreateHold(PbxHold("case", harness_.now), harness_.now).ok());
  harness_.now = kDayOver;
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_TRUE(harness_.ring().DaysThrough(kNextMonday).empty());
  // Until it is taken out, which the alarm counts as overdue, it is readable, and no call shows it.
  const auto held = harness_.engine().registry().Held("pbx");
  const auto other = harness_.engine().registry().Held("other");
  EXPECT_TRUE(harness_.ring().FindRescue(kNextMonday, *held, PbxKeyUse::kNeeded).has_value());
  EXPECT_FALSE(harness_.ring().FindRescue(kNextMonday, *other, PbxKeyUse::kNeeded).has_value());
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "participant 1");
  harness_.now += absl::Minutes(7);
  EXPECT_EQ(Overdue(), absl::Minutes(7));

  harness_.disk().Heal();
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(HeldTexts(harness_.engine(), kParticipantName), std::set<std::string>{"Ada"});
  EXPECT_EQ(HeldTexts(harness_.engine(), kRecording), std::set<std::string>{"s3://m"});
  EXPECT_EQ(harness_.ring().FirstRescued(), DueDay::None());
  EXPECT_EQ(Overdue(), absl::ZeroDuration());
}

// After years without a server.
TEST_F(KeysFirst, ThousandsOfOverdueDaysAreOneWriteOfTheHead) {
  ASSERT_TRUE(TrySweep().ok());
  constexpr int kDays = 5000;
  for (int day = 0; day < kDays; ++day) {
    ASSERT_TRUE(harness_.ring().ForDay(DueDay::FromNumber(kNextMonday.number() + 1 + day)).ok());
  }
  harness_.now = kDayOver + absl::Hours(24) * (kDays + 10);
  FillTheDisk();
  int heads = 0;
  int syncs = 0;
  harness_.on_ring_io = [&](size_t, RingFile file, RingReplica::Io io) {
    if (io != RingReplica::Io::kSync) return absl::OkStatus();
    ++syncs;
    heads += file == RingFile::kHead ? 1 : 0;
    return absl::OkStatus();
  };
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_TRUE(harness_.ring().DaysThrough(DueDay::FromNumber(100000)).empty());
  EXPECT_EQ(heads, 2 + 2) << "one in each replica, and one for the next key of names";
  EXPECT_LE(syncs, 8 + 4) << "and rescues, keys and pages";
}

TEST_F(KeysFirst, ARingThatCannotBeWrittenRaisesTheAlarm) {
  harness_.now = kDayOver;
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io) { return absl::UnavailableError("read-only"); };
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 0) << "nothing is entered that has not happened";
  harness_.now += absl::Minutes(1);
  EXPECT_EQ(Overdue(), absl::Minutes(1));
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "participant 1");
  harness_.on_ring_io = nullptr;
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(Overdue(), absl::ZeroDuration());
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1);
}

// With one replica out of reach the other is enough; that it is not in every copy yet is said until it is.
TEST_F(KeysFirst, OneReplicaIsEnough) {
  for (const size_t lost : {0u, 1u}) {
    harness_.now += absl::Hours(24) * 40;
    Meet(absl::StrCat("again-", lost));
    harness_.now += absl::Hours(24) * 10;
    harness_.on_ring_io = [&](size_t replica, RingFile, RingReplica::Io) {
      return replica == lost ? absl::UnavailableError("lost") : absl::OkStatus();
    };
    ASSERT_TRUE(TrySweep().ok());
    EXPECT_EQ(harness_.ring().stale_replicas(), 1u);
    EXPECT_EQ(Overdue(), absl::ZeroDuration());
    harness_.on_ring_io = nullptr;
    ASSERT_TRUE(TrySweep().ok());
    EXPECT_EQ(harness_.ring().stale_replicas(), 0u) << "the sweep mends it";
  }
}

// Its room for orders and rescues is not given to others.
TEST_F(KeysFirst, AFullRingDiskKeepsNoObject) {
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io io) {
    return io == RingReplica::Io::kExtend ? absl::ResourceExhaustedError("the ring's disk is full") : absl::OkStatus();
  };
  KeyRing& ring = harness_.ring();
  absl::Status taken;
  for (const DueDay until : {DueDay::Open(), DueDay::FromNumber(40000)}) {
    do taken = ring.NewOwner(until).status();
    while (taken.ok());
    EXPECT_TRUE(absl::IsResourceExhausted(taken)) << taken;
  }
  for (uint32_t day = 30000; taken = ring.ForDay(DueDay::FromNumber(day)).status(), taken.ok();) ++day;
  EXPECT_TRUE(absl::IsResourceExhausted(taken)) << taken;
  harness_.now = kDayOver - absl::Minutes(10);
  ASSERT_TRUE(TrySweep().ok());
  EXPECT_EQ(HeldOrders(harness_.engine()).size(), 1u);
  // And no disk has any, at the instant.
  harness_.now = kDayOver;
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_TRUE(ring.DaysThrough(kNextMonday).empty());
  harness_.disk().Heal();
  const absl::Status swept = TrySweep();
  EXPECT_TRUE(swept.ok()) << swept;
  EXPECT_EQ(ring.FirstRescued(), DueDay::None());
  EXPECT_TRUE(ring.unentered().empty());
  EXPECT_EQ(HeldOrders(harness_.engine()).size(), 1u);
}

// The same where the day could not be closed either: what is rescued goes as soon as the data disk has room.
TEST_F(KeysFirst, BothDisksFullKeepNoObjectOnceTheStoreHasRoom) {
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io io) {
    return io == RingReplica::Io::kExtend ? absl::ResourceExhaustedError("the ring's disk is full") : absl::OkStatus();
  };
  while (harness_.ring().NewOwner(DueDay::Open()).ok()) continue;
  harness_.now = kDayOver;
  FillTheDisk();
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_TRUE(harness_.ring().DaysThrough(kNextMonday).empty());
  EXPECT_EQ(harness_.ring().FirstRescued(), kNextMonday);
  harness_.disk().Heal();
  const absl::Status swept = TrySweep();
  EXPECT_TRUE(swept.ok()) << swept;
  EXPECT_EQ(harness_.ring().FirstRescued(), DueDay::None());
  EXPECT_EQ(HeldOrders(harness_.engine()).size(), 1u);
}

// The oldest of them, as far as there is room for what is kept of them. Once they are entered that is free again.
TEST_F(KeysFirst, OnAFullRingDaysAreEnteredAsTheyGo_AndMakeRoomForOthers) {
  ASSERT_TRUE(harness_.engine().CreateHold(PbxHold("case", harness_.now), harness_.now).ok());
  harness_.SyncPbx("other");
  for (int day = 0; day <= 2; ++day) {
    harness_.now += absl::Hours(day > 0 ? 24 : 0);
    if (day > 0) Meet(absl::StrCat("m", day));
    v1::Event elsewhere = Joined(absl::StrCat("e", day), "join", harness_.now, "p", "Eve");
    elsewhere.set_pbx_id("other");
    harness_.Record(elsewhere);
  }
  ASSERT_TRUE(TrySweep().ok());
  KeyRing& ring = harness_.ring();
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io io) {
    return io == RingReplica::Io::kExtend ? absl::ResourceExhaustedError("the ring's disk is full") : absl::OkStatus();
  };
  // The held PBX has three keys a day.
  std::vector<PbxId> placeholders(3);
  for (size_t i = 0; i < placeholders.size(); ++i) {
    placeholders[i].bytes.fill(static_cast<uint8_t>(0xf0 + i));
    ASSERT_TRUE(ring.MintPbx(placeholders[i]).ok());
  }
  for (uint32_t day = 60000; ring.ForDay(DueDay::FromNumber(day)).ok();) ++day;
  // That which is kept for rescues, too.
  std::vector<RescuedKey> rescues(1000);
  for (size_t i = 0; i < rescues.size(); ++i) rescues[i].day = DueDay::FromNumber(static_cast<uint32_t>(70000 + i));
  const DueDay before = DueDay::FromNumber(kNextMonday.number() - 1);
  while (!ring.DestroyDaysThrough(before, absl::UnixEpoch(), rescues).ok()) rescues.pop_back();
  // Room for the held part of one day, and for no other's.
  for (const PbxId& placeholder : placeholders) ASSERT_TRUE(ring.DestroyPbx(placeholder).ok());
  harness_.now = kDayOver + absl::Hours(48);
  const absl::Status first = TrySweep();
  EXPECT_TRUE(absl::IsResourceExhausted(first)) << first;
  EXPECT_EQ(ring.destroyed_through(), kNextMonday);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 1);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED), 1);
  EXPECT_TRUE(ring.unentered().empty());
  EXPECT_FALSE(ring.FindRescue(kNextMonday, *harness_.engine().registry().Held("pbx"), PbxKeyUse::kNeeded).has_value());
  for (int sweep = 0; sweep < 2 && !TrySweep().ok(); ++sweep) continue;
  EXPECT_TRUE(TrySweep().ok());
  EXPECT_EQ(ring.destroyed_through(), DueDay::FromNumber(kNextMonday.number() + 2));
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), 3);
  EXPECT_EQ(Entries(stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED), 3);
}

// Nobody could order it away.
TEST_F(KeysFirst, AnObjectWithoutRoomForItsOrderIsNotTakenIn) {
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io io) {
    return io == RingReplica::Io::kExtend ? absl::ResourceExhaustedError("the ring's disk is full") : absl::OkStatus();
  };
  while (harness_.ring().NewOwner(DueDay::Open()).ok()) continue;
  // As if there were so many.
  EXPECT_TRUE(absl::IsResourceExhausted(harness_.ring().KeepRoom(1'000'000, 0)));
  harness_.on_ring_io = nullptr;
  EXPECT_TRUE(harness_.ring().KeepRoom(1'000'000, 0).ok());
}

// A run with nothing to end does not say that all is well.
TEST_F(KeysFirst, NoRunSucceedsWithoutARing) {
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io) { return absl::UnavailableError("lost"); };
  EXPECT_FALSE(harness_.ring().ForDay(DueDay::FromNumber(30000)).ok());
  EXPECT_FALSE(TrySweep().ok());
  EXPECT_FALSE(TrySweep().ok());
  harness_.on_ring_io = nullptr;
  EXPECT_TRUE(TrySweep().ok());
}

}  // namespace
}  // namespace retention
