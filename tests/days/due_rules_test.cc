// What the ring is told of the rules by which days end: before anything depends on it, and what is over by the next
// run. And what a start makes of it that has no store, wherever it stops.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/days/due_keys.h"
#include "server/days/waiting_days.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/policies/policy_fixture.h"
#include "tests/testing/copy_decoder.h"

namespace retention {
namespace {

const absl::Time kNextDayBegins = At("2026-03-10T00:00:00+01:00");

class DueRulesNoted : public ::testing::Test {
 protected:
  DueRulesNoted() : harness_(kMonday) {
    harness_.Sweep();
    for (const char* pbx : {"pbx", "other"}) Sync(pbx, pbx);
    harness_.Sweep();
  }
  void Sync(const std::string& pbx, const std::string& controller) {
    v1::PbxSynced synced;
    synced.set_controller_id(controller);
    synced.add_extensions()->set_number("100");
    const auto done = harness_.engine().SyncPbx(pbx, synced, harness_.now);
    ASSERT_TRUE(done.ok()) << done.status();
  }
  absl::StatusOr<v1::Hold> Place(const v1::Hold& hold) { return harness_.engine().CreateHold(hold, harness_.now); }
  v1::Hold ControllerHold(const std::string& id, const std::string& controller) const {
    v1::Hold hold = NewHold(id, harness_.now);
    hold.mutable_scope()->set_controller_id(controller);
    return hold;
  }
  DueRules Rules() { return harness_.ring().due_rules(); }
  std::set<std::string> Held() {
    std::set<std::string> held;
    for (const auto& [pbx, until] : Rules().held) held.insert(harness_.engine().registry().ExternalId(pbx));
    return held;
  }

  Harness harness_;
};

TEST_F(DueRulesNoted, TheZoneIsKnownAfterTheFirstRun) {
  EXPECT_EQ(Rules(), (DueRules{.zone = "Europe/Berlin", .suspended = false, .held = {}}));
}

TEST_F(DueRulesNoted, AHoldIsKnownWhenItIsPlaced_AndNoMoreAfterItsEnd) {
  ASSERT_TRUE(Place(PbxHold("case", harness_.now)).ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
  const DueDay end = harness_.engine().holds().Find("case")->End();
  EXPECT_EQ(Rules().held.begin()->second, end);
  // One that is longer, and then shorter.
  v1::UpdateHoldRequest update;
  update.set_hold_id("case");
  SetDate(end.Next(), *update.mutable_end_date());
  ASSERT_TRUE(harness_.engine().UpdateHold(update, harness_.now).ok());
  EXPECT_EQ(Rules().held.begin()->second, end.Next());
  SetDate(DueDay::FromNumber(end.number() - 9), *update.mutable_end_date());
  ASSERT_TRUE(harness_.engine().UpdateHold(update, harness_.now).ok());
  EXPECT_EQ(Rules().held.begin()->second, end.Next()) << "more than is so, never less";
  harness_.Sweep();
  EXPECT_EQ(Rules().held.begin()->second, DueDay::FromNumber(end.number() - 9));
  // Of two that concern a PBX the later end counts.
  ASSERT_TRUE(Place(ControllerHold("all", "pbx")).ok());
  harness_.Sweep();
  EXPECT_EQ(Rules().held.begin()->second, end);
  update.set_hold_id("all");
  SetDate(DueDay::FromNumber(end.number() - 20), *update.mutable_end_date());
  ASSERT_TRUE(harness_.engine().UpdateHold(update, harness_.now).ok());
  harness_.Sweep();
  EXPECT_EQ(Rules().held.begin()->second, DueDay::FromNumber(end.number() - 9));
  for (const char* id : {"case", "all"}) {
    ASSERT_TRUE(harness_.engine().ReleaseHold(id, harness_.now).ok());
    EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
    harness_.Sweep();
  }
  EXPECT_EQ(Held(), std::set<std::string>());
}

// One sweeper writes what has changed, and nothing else.
TEST_F(DueRulesNoted, EachRunTellsWhatHasChanged) {
  TestSweeper sweeper(harness_.engine(), [](std::function<absl::Status()> task) { return task(); }, {});
  const auto run = [&] { return sweeper.RunOnce(harness_.now, false).status(); };
  ASSERT_TRUE(run().ok());
  ASSERT_TRUE(Place(PbxHold("case", harness_.now)).ok());
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
  ASSERT_TRUE(harness_.engine().ReleaseHold("case", harness_.now).ok());
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(Held(), std::set<std::string>());
  PlanAndApply(harness_, Days({{kParticipantName, 9}}));
  EXPECT_TRUE(Rules().suspended);
  ASSERT_TRUE(run().ok());
  EXPECT_FALSE(Rules().suspended);
  const uint64_t generation = harness_.ring().generation();
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(harness_.ring().generation(), generation);
}

TEST_F(DueRulesNoted, APbxThatComesToAHeldControllerIsKnownAtOnce) {
  ASSERT_TRUE(Place(ControllerHold("all", "pbx")).ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
  Sync("third", "pbx");
  EXPECT_EQ(Held(), (std::set<std::string>{"pbx", "third"}));
  Sync("other", "pbx");
  EXPECT_EQ(Held(), (std::set<std::string>{"pbx", "other", "third"}));
  // One that leaves stays covered.
  Sync("third", "elsewhere");
  harness_.Sweep();
  EXPECT_EQ(Held(), (std::set<std::string>{"pbx", "other", "third"}));
}

TEST_F(DueRulesNoted, WhatTheRingWasNotToldDoesNotHappen) {
  harness_.on_ring_io = [](size_t, RingFile, RingReplica::Io) { return absl::UnavailableError("gone"); };
  EXPECT_FALSE(Place(PbxHold("case", harness_.now)).ok());
  EXPECT_EQ(harness_.engine().holds().size(), 0u);
  harness_.on_ring_io = nullptr;
  ASSERT_TRUE(Place(PbxHold("case", harness_.now)).ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
}

TEST_F(DueRulesNoted, WhatWasNotCommittedIsTakenOutByTheNextRun) {
  harness_.disk().FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(Place(PbxHold("case", harness_.now)).ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"}) << "the ring came first";
  harness_.disk().Heal();
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
  harness_.Sweep();
  EXPECT_EQ(Held(), std::set<std::string>());
}

TEST_F(DueRulesNoted, NothingMayGoWhileAPolicyIsRefiled) {
  PlanAndApply(harness_, Days({{kParticipantName, 9}}));
  EXPECT_EQ(Rules(), (DueRules{.zone = "Europe/Berlin", .suspended = true, .held = {}}));
  harness_.Sweep();
  EXPECT_EQ(Rules(), (DueRules{.zone = "Europe/Berlin", .suspended = false, .held = {}}));
}

TEST_F(DueRulesNoted, NothingMayGoWhileLinesMove) {
  v1::ExtendLogRetentionRequest request;
  request.set_server(v1::LOG_SERVER_MCU);
  request.set_reason("a crash");
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *request.mutable_until());
  ASSERT_TRUE(harness_.engine().ExtendLogRetention(request, harness_.now).ok());
  EXPECT_TRUE(Rules().suspended);
  harness_.Sweep();
  EXPECT_FALSE(Rules().suspended);
}

// A preview changes nothing, in the ring neither.
TEST_F(DueRulesNoted, APreviewTellsTheRingNothing) {
  ASSERT_TRUE(Place(ControllerHold("all", "pbx")).ok());
  v1::PbxSynced synced;
  synced.set_controller_id("pbx");
  ASSERT_TRUE(harness_.engine().PreviewSync("third", synced, harness_.now).ok());
  EXPECT_EQ(Held(), std::set<std::string>{"pbx"});
}

// Starts that stop at each write of the ring, before one comes through, and then one that has a store.
TEST_F(DueRulesNoted, AStartWithoutAStoreMayStopAnywhere) {
  bool stopped = true;
  for (size_t at = 0; stopped; ++at) {
    SCOPED_TRACE(at);
    ASSERT_LT(at, 100u);
    Harness harness(kMonday);
    for (const char* pbx : {"free", "held"}) {
      harness.SyncPbx(pbx);
      std::vector<v1::Event> events = {Joined("m", "1", kMonday, "p", absl::StrCat("Ada of ", pbx)),
                                       Recording("m", "2", kMonday, absl::StrCat("s3://", pbx)),
                                       Left("m", "3", kMonday + absl::Minutes(9), "p")};
      for (v1::Event& event : events) event.set_pbx_id(pbx);
      harness.now = kMonday + absl::Minutes(10);
      harness.Record(events);
    }
    ASSERT_TRUE(harness.engine().CreateHold(PbxHold("case", harness.now, "held"), harness.now).ok());
    harness.Sweep();
    const auto copy = MapStore::RowsOf(harness.store());
    const std::string path = (harness.directory() / "ring").string();
    harness.Close();
    for (const bool stops : {true, false}) {
      KeyRing::Options options;
      size_t left = at;
      if (stops) {
        options.on_io = [&left](size_t, RingFile, RingReplica::Io) {
          if (left == 0) return absl::UnavailableError("stopped");
          --left;
          return absl::OkStatus();
        };
      }
      const auto ring = KeyRing::Open(path, options);
      ASSERT_TRUE(ring.ok() || stops) << ring.status();
      if (!ring.ok()) continue;
      const auto days = DestroyDueByRing(**ring, SystemRandom(), kNextDayBegins);
      if (stops) stopped = !days.ok();
      EXPECT_TRUE(days.ok() || stops) << days.status();
    }
    for (const char* replica : {"a", "b"}) {
      const std::string opened = OpenCopy(copy, DecodeRing(absl::StrCat(path, "/", replica)));
      EXPECT_FALSE(absl::StrContains(opened, "Ada of free"));
      for (const char* kept : {"Ada of held", "s3://free", "s3://held"}) EXPECT_TRUE(absl::StrContains(opened, kept));
    }
    ASSERT_TRUE(harness.Reopen().ok());
    harness.now = kNextDayBegins + absl::Hours(1);
    harness.Sweep();
    harness.Sweep();
    EXPECT_EQ(HeldTexts(harness.engine(), kParticipantName), std::set<std::string>{"Ada of held"});
    EXPECT_EQ(HeldTexts(harness.engine(), kRecording), std::set<std::string>{"s3://held"});
    const auto orders = HeldOrders(harness.engine());
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(orders[0].object_ref(), "s3://free");
    int entered = 0;
    EXPECT_TRUE(VerifyLedger(harness.store(), [&](const stored::v1::LedgerEntry& entry) {
                  if (entry.kind() != stored::v1::LedgerEntry::KIND_DAY_ENDED) return;
                  ++entered;
                  EXPECT_EQ(absl::FromUnixMicros(entry.done_us()), kNextDayBegins) << "when the keys went";
                }).ok());
    EXPECT_EQ(entered, 1);
    EXPECT_TRUE(harness.ring().unentered().empty());
    EXPECT_EQ(harness.ring().FirstRescued(), DueDay::None());
  }
}

// A hold that is over by then keeps nothing.
TEST_F(DueRulesNoted, AHoldKeepsNothingAfterItsLastDay) {
  harness_.Record({Joined("m", "1", kMonday, "p", "Ada"), Left("m", "2", kMonday, "p")});
  v1::Hold hold = PbxHold("case", harness_.now);
  SetDate(kNextMonday, *hold.mutable_end_date());
  SetDate(kNextMonday, *hold.mutable_review_date());
  ASSERT_TRUE(Place(hold).ok());
  harness_.Sweep();
  harness_.Close();
  const std::string path = (harness_.directory() / "ring").string();
  {
    const auto ring = KeyRing::Open(path, {});
    ASSERT_TRUE(ring.ok()) << ring.status();
    EXPECT_EQ(DestroyDueByRing(**ring, SystemRandom(), kNextDayBegins - kTick)->days.size(), 0u);
    EXPECT_EQ(DestroyDueByRing(**ring, SystemRandom(), kNextDayBegins)->days.size(), 1u);
    EXPECT_EQ(DestroyDueByRing(**ring, SystemRandom(), kNextDayBegins)->days.size(), 0u);
  }
  for (const auto& [part, key] : DecodeRing(path + "/a").rescues) EXPECT_EQ(std::get<2>(part), 2) << "objects alone";
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.now = kNextDayBegins;
  harness_.Sweep();
}

// What must outlive days has no room on the ring's disk: the oldest end as far as there is, and the others wait.
TEST_F(DueRulesNoted, OnAFullRingTheOldestDaysEnd_AsFarAsThereIsRoom) {
  ASSERT_TRUE(Place(PbxHold("case", harness_.now)).ok());
  harness_.Sweep();
  harness_.Close();
  KeyRing::Options options;
  options.on_io = [](size_t, RingFile, RingReplica::Io io) {
    return io == RingReplica::Io::kExtend ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  };
  const auto opened = KeyRing::Open((harness_.directory() / "ring").string(), std::move(options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  KeyRing& ring = **opened;
  const std::vector<DueDay> days = {DueDay::FromNumber(kNextMonday.number() - 2),
                                    DueDay::FromNumber(kNextMonday.number() - 1), kNextMonday};
  for (const DueDay day : days) ASSERT_TRUE(ring.ForDay(day).ok());
  // Of the held PBX three keys a day, of the other one; and each day that ends leaves the room of its own.
  constexpr uint32_t kFirstCohort = 50000;
  const auto cohort = [&](uint32_t nth) { return DueDay::FromNumber(kFirstCohort + nth); };
  for (uint32_t nth = 0; nth < 10; ++nth) ASSERT_TRUE(ring.ForCohort(cohort(nth)).ok());
  for (uint32_t day = 60000; ring.ForDay(DueDay::FromNumber(day)).ok();) ++day;
  // That which is kept for rescues too: as many as there is room for.
  std::vector<RescuedKey> rescues(1000);
  for (size_t i = 0; i < rescues.size(); ++i) rescues[i].day = DueDay::FromNumber(static_cast<uint32_t>(1 + i));
  const DueDay before = DueDay::FromNumber(days[0].number() - 1);
  while (!ring.DestroyDaysThrough(before, absl::UnixEpoch(), rescues).ok()) rescues.pop_back();
  ASSERT_GT(rescues.size(), 0u);
  const absl::Time now = kNextDayBegins + absl::Hours(24);
  EXPECT_TRUE(absl::IsResourceExhausted(DestroyDueByRing(ring, SystemRandom(), now).status()));
  EXPECT_EQ(DaysThatWait(ring, now).days, days);
  // Room for four.
  ASSERT_TRUE(ring.DestroyCohortsThrough(cohort(3)).ok());
  auto destroyed = DestroyDueByRing(ring, SystemRandom(), now);
  ASSERT_TRUE(destroyed.ok()) << destroyed.status();
  EXPECT_EQ(destroyed->days, std::vector<DueDay>{days[0]});
  EXPECT_TRUE(absl::IsResourceExhausted(destroyed->left)) << destroyed->left;
  EXPECT_EQ(ring.destroyed_through(), days[0]);
  EXPECT_EQ(DaysThatWait(ring, now).days, (std::vector<DueDay>{days[1], days[2]}));
  // For seven, of the eight that all at once would need.
  ASSERT_TRUE(ring.DestroyCohortsThrough(cohort(9)).ok());
  destroyed = DestroyDueByRing(ring, SystemRandom(), now);
  ASSERT_TRUE(destroyed.ok()) << destroyed.status();
  EXPECT_EQ(destroyed->days, (std::vector<DueDay>{days[1], days[2]}));
  EXPECT_TRUE(destroyed->left.ok()) << destroyed->left;
  EXPECT_EQ(ring.destroyed_through(), kNextMonday.Next()) << "the last one has no key";
}

// What is kept of days is asked for, and written, in bounded parts, however many days are overdue.
TEST(DueKeys, WhatIsKeptOfManyDaysIsWrittenInParts) {
  const std::vector<DueDay> days = {DueDay::FromNumber(kNextMonday.number() - 2),
                                    DueDay::FromNumber(kNextMonday.number() - 1), kNextMonday};
  for (const size_t parts_a_day : {kPartsAtOnce, kPartsAtOnce / 2 - 1, size_t{0}}) {
    const FreshDirectory directory;
    const auto created = KeyRing::Create(directory / "ring", {});
    ASSERT_TRUE(created.ok()) << created.status();
    KeyRing& ring = **created;
    for (const DueDay day : days) ASSERT_TRUE(ring.ForDay(day).ok());
    std::vector<size_t> asked;
    DueDay before = DueDay::None();
    const auto parts_of = [&](std::span<const DueDay> some) {
      asked.push_back(some.size());
      EXPECT_EQ(ring.destroyed_through(), before) << "those before are gone";
      before = some.back();
      return std::set<DayPart>();
    };
    Vault vault(ring, SystemRandom());
    const auto destroyed = DestroyDays(ring, vault, kNextMonday, kMonday, parts_a_day, parts_of);
    ASSERT_TRUE(destroyed.ok()) << destroyed.status();
    EXPECT_EQ(destroyed->days, days);
    const size_t at_once = kPartsAtOnce / (parts_a_day + 1);
    EXPECT_EQ(asked, at_once > 2   ? std::vector<size_t>{3}
                     : at_once > 1 ? (std::vector<size_t>{2, 1})
                                   : (std::vector<size_t>{1, 1, 1}));
  }
}

// A ring of which nobody knows what it belongs to.
TEST_F(DueRulesNoted, ANewRingDestroysNothing) {
  const FreshDirectory directory;
  const auto ring = KeyRing::Create(directory / "ring", {});
  ASSERT_TRUE(ring.ok()) << ring.status();
  ASSERT_TRUE((*ring)->ForDay(kNextMonday).ok());
  const auto days = DestroyDueByRing(**ring, SystemRandom(), kNextDayBegins);
  ASSERT_TRUE(days.ok()) << days.status();
  EXPECT_TRUE(days->days.empty());
  EXPECT_TRUE((*ring)->FindDay(kNextMonday).has_value());
  EXPECT_EQ(DaysThatWait(**ring, kNextDayBegins + absl::Hours(24)).days, std::vector<DueDay>{kNextMonday});
}

}  // namespace
}  // namespace retention
