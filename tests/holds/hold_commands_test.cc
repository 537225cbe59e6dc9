// The hold orders: what it refuses, enters, and does step by step.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "tests/holds/hold_fixture.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;
using Texts = std::set<std::string>;
using HoldCommandsTest = HoldFixture;

TEST_F(HoldCommandsTest, OneThatIsPlacedBetweenTheStepsOfASweepIsHeeded) {
  harness_.Record({Planned("n", "8", harness_.now), Joined("n", "9", harness_.now, "p3", "Carol")});
  harness_.now = kDue;
  ASSERT_TRUE(engine().CloseDay(LastDueDay(kDue, DefaultPolicy().zone()), kDue).ok());
  Place(MeetingHold("case-0", harness_.now, "m"));
  EXPECT_FALSE(engine().TakeOutOfDueDays(kDue).value());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob"}));
  Place(PbxHold("case-1", harness_.now));
  ASSERT_TRUE(engine().EndDays(kDue).ok());
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob", "Carol"}));
  harness_.Sweep();
  EXPECT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob", "Carol"}));
}

// Whoever places one looks for polls before, on their own thread: of a PBX there may be any number.
TEST_F(HoldCommandsTest, TheWriterLooksForNoPolls) {
  v1::Event poll = NewEvent("asked", "p", harness_.now);
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->set_question("When?");
  for (const char* option : {"now", "later"}) poll.mutable_poll_created()->add_options(option);
  harness_.Record(poll);
  const HoldCommands& commands = engine().engine().domains().hold_commands;
  const auto finds = [&](const char* meeting) {
    const auto found = commands.FindsPoll(harness_.store(), MeetingHold("case", harness_.now, meeting), harness_.now);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.value_or(false);
  };
  const auto place = [&](bool poll_held) {
    return engine().engine().writer().Do(harness_.now, [&](Change& change) {
      return commands.Create(MeetingHold("case", harness_.now, "asked"), poll_held, change);
    });
  };
  SweepAt(harness_.now + absl::Hours(24 * 100));
  EXPECT_FALSE(finds("m")) << "nothing is held of it any more";
  EXPECT_FALSE(finds("never"));
  EXPECT_TRUE(finds("asked"));
  EXPECT_EQ(DetailsOf(place(false).status()).reason, "MEETING_UNKNOWN");
  EXPECT_TRUE(place(true).ok());
}

TEST_F(HoldCommandsTest, AHistoryTellsSoonerThanPolls) {
  const HoldCommands& commands = engine().engine().domains().hold_commands;
  const auto found = commands.FindsPoll(harness_.store(), MeetingHold("case", harness_.now, "m"), harness_.now);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(*found);
  Place(MeetingHold("case", harness_.now, "m"));
}

TEST_F(HoldCommandsTest, EndsByItselfAtTheEndOfItsLastDay) {
  v1::Hold hold = PbxHold("case-1", harness_.now);
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_review_date());
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_end_date());
  Place(hold);
  SweepAt(At("2026-03-20T23:59:59+01:00"));
  EXPECT_EQ(Held(kParticipantName).size(), 2u);
  harness_.now = At("2026-03-21T00:00:00+01:00");
  EXPECT_EQ(engine().OldestOverdue(harness_.now + absl::Seconds(5)).value(), absl::Seconds(5));
  harness_.Sweep();
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(engine().holds().size(), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(HoldCommandsTest, ManyHoldsEndStepByStep) {
  constexpr size_t kHolds = HoldCommands::kMaxStepHolds + 10;
  for (size_t i = 0; i < kHolds; ++i) {
    v1::Hold hold = MeetingHold(absl::StrCat("case-", i), harness_.now, "m");
    SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_review_date());
    SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *hold.mutable_end_date());
    Place(hold);
  }
  harness_.now = At("2026-03-21T00:00:00+01:00");
  const DueDay last_due(absl::CivilDay(2026, 3, 20));
  EXPECT_TRUE(engine().EndHolds(harness_.now).value());
  EXPECT_EQ(engine().holds().Ended(last_due).size(), 10u);
  EXPECT_FALSE(engine().EndHolds(harness_.now).value());
  EXPECT_TRUE(engine().holds().Ended(last_due).empty());
  harness_.Sweep();
  EXPECT_EQ(engine().holds().size(), 0u);
}

TEST_F(HoldCommandsTest, WhatAHoldKeptIsOverdueUntilItHasGone) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  harness_.now += absl::Hours(1);
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(engine().OldestOverdue(harness_.now).value(), absl::ZeroDuration());
    EXPECT_EQ(engine().OldestOverdue(harness_.now + absl::Seconds(7)).value(), absl::Seconds(7));
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  harness_.Sweep();
  EXPECT_EQ(engine().OldestOverdue(harness_.now + absl::Seconds(7)).value(), absl::ZeroDuration());
}

TEST_F(HoldCommandsTest, ManyRowsAreTakenOutAndLetGoStepByStep) {
  const int kMeetings = 2 * static_cast<int>(StepBounds().rows) + 10;
  for (int first = 0; first < kMeetings; first += 400) {
    std::vector<v1::Event> events;
    for (int i = first; i < std::min(first + 400, kMeetings); ++i) {
      const std::string meeting = absl::StrCat("many-", i);
      events.push_back(Started(meeting, "s", harness_.now));
      events.push_back(Joined(meeting, "j", harness_.now, "p", absl::StrCat("Person ", i)));
    }
    harness_.Record(events);
  }
  Place(PbxHold("case-1", harness_.now));
  harness_.now = kDue;
  int steps = 1;
  while (engine().TakeOutOfDueDays(kDue).value()) ++steps;
  EXPECT_GE(steps, 3);
  harness_.Sweep();
  EXPECT_EQ(Held(kParticipantName).size(), static_cast<size_t>(kMeetings) + 2);
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  EXPECT_TRUE(engine().LetGo(harness_.now)->more);
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.Sweep();
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(engine().holds().size(), 0u);
}

// A sweep would take the steps of an end, too, and the caller be told of fewer.
class WhoEndsIsTold : public HoldFixture {
 protected:
  // Runs a command; sweeps come before all but the first.
  CommandRunner WithSweepsBetween() {
    return [this, first = true](const std::function<absl::Status()>& task) mutable {
      if (!std::exchange(first, false)) harness_.Sweep();
      return task();
    };
  }
};

TEST_F(WhoEndsIsTold, AllThatAReleaseLetGo) {
  Place(MeetingHold("case-1", harness_.now, "m"));
  SweepAt(kDue);
  const size_t held = Held(kParticipantName).size() + Held(kParticipantEmail).size() + Held(kRecording).size();
  ASSERT_GE(held, 4u);
  const auto values = ReleaseHold(engine(), WithSweepsBetween(), "case-1", harness_.now);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_GE(*values, held);
  EXPECT_EQ(Held(kParticipantName), Texts{});
}

TEST_F(WhoEndsIsTold, NothingThatWasReleasedBefore) {
  Place(MeetingHold("case-1", harness_.now, "m"));
  harness_.Record({Planned("n", "8", harness_.now), Joined("n", "9", harness_.now, "p3", "Carol")});
  Place(MeetingHold("case-2", harness_.now, "n"));
  SweepAt(kDue);
  ASSERT_EQ(Held(kParticipantName), (Texts{"Alice", "Bob", "Carol"}));
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  const auto values = ReleaseHold(engine(), Directly(), "case-2", harness_.now);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(*values, 3u) << "Carol's name, and the history of n";
  EXPECT_EQ(Held(kParticipantName), Texts{});
}

// What it would keep from now on does not wait for that.
TEST_F(WhoEndsIsTold, ThatAnothersValuesCannotBeLetGoButTheirsIsReleased) {
  Place(MeetingHold("case-1", harness_.now, "m"));
  Place(PbxHold("case-2", harness_.now));
  SweepAt(kDue);
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  int commands = 0;
  const CommandRunner first_fails = [&](const std::function<absl::Status()>& task) {
    return ++commands == 1 ? absl::UnavailableError("the disk") : task();
  };
  EXPECT_FALSE(ReleaseHold(engine(), first_fails, "case-2", harness_.now).ok());
  const HoldPtr second = engine().holds().Find("case-2");
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->released.has_value());
}

TEST_F(WhoEndsIsTold, AllThatThePbxHad) {
  const auto pbx = engine().registry().Find("pbx", harness_.now);
  ASSERT_TRUE(pbx.has_value());
  const auto runs = engine().RowsOfEnding(*pbx);
  ASSERT_TRUE(runs.ok()) << runs.status();
  uint64_t had = 0;
  for (const RowRun& run : *runs) had += run.values;
  ASSERT_GT(had, 5u);
  const auto values = EndPbx(engine(), WithSweepsBetween(), "pbx", kReasonPbxDeregistered, harness_.now);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(*values, had);
}

TEST_F(HoldCommandsTest, AKeptRowThatIsDamagedGoesWithTheLastHold) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  auto cursor = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept(), kParticipantName));
  Batch damage;
  std::string envelope(cursor->value());
  envelope.back() = static_cast<char>(envelope.back() ^ 1);
  damage.Put(Family::kFiled, std::string(cursor->key()), envelope);
  cursor.reset();
  ASSERT_TRUE(harness_.store().Commit(damage).ok());
  Release("case-1");
  EXPECT_EQ(HeldValues(engine(), kParticipantName), 0u);
  EXPECT_FALSE(harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept(), kParticipantName))->Valid());
}

TEST_F(HoldCommandsTest, TheLedgerNamesThemByNumberAndHoldsNoWordOfThem) {
  Place(EmailHold("case-1", harness_.now, "alice@example.org"));
  v1::UpdateHoldRequest request;
  request.set_hold_id("case-1");
  request.set_reason("the claim was raised");
  const auto updated = engine().UpdateHold(request, harness_.now);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->reason(), "the claim was raised");
  EXPECT_EQ(updated->owner(), "legal department");
  Release("case-1");
  std::vector<int> kinds;
  const uint64_t number = std::stoull(updated->ledger_id(), nullptr, 16);
  ASSERT_TRUE(VerifyLedger(engine().store(), [&](const LedgerEntry& entry) {
                if (entry.hold() == number) kinds.push_back(entry.kind());
                for (const char* word : {"alice", "case-1", "claim", "legal department"}) {
                  EXPECT_EQ(entry.SerializeAsString().find(word), std::string::npos);
                }
              }).ok());
  EXPECT_EQ(kinds, (std::vector<int>{LedgerEntry::KIND_HOLD_PLACED, LedgerEntry::KIND_HOLD_UPDATED,
                                     LedgerEntry::KIND_HOLD_RELEASED}));
}

TEST_F(HoldCommandsTest, RefusesNamingTheFieldAndChangesNothing) {
  const auto refusal = [&](const std::function<void(v1::Hold&)>& edit) {
    v1::Hold hold = EmailHold("case-1", harness_.now, "alice@example.org");
    edit(hold);
    const auto placed = engine().CreateHold(hold, harness_.now);
    EXPECT_EQ(engine().holds().size(), 0u);
    const ErrorDetails details = DetailsOf(placed.status());
    return details.field().empty() ? details.reason : details.field();
  };
  EXPECT_EQ(refusal([](auto& hold) { hold.set_hold_id("Case 1"); }), "hold.hold_id");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_scope(); }), "hold.scope");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->clear_subject(); }),
            "hold.scope.subject");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->set_email("nobody"); }),
            "hold.scope.subject.email");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->clear_controller_id(); }),
            "hold.scope.subject.controller_id");
  EXPECT_EQ(refusal([](auto& hold) { hold.set_basis(v1::HOLD_BASIS_UNSPECIFIED); }), "hold.basis");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_owner(); }), "hold.owner");
  EXPECT_EQ(refusal([](auto& hold) { hold.set_reason(std::string(1001, 'x')); }), "hold.reason");
  EXPECT_EQ(refusal([](auto& hold) { hold.clear_end_date(); }), "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *hold.mutable_end_date()); }),
            "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2056, 3, 3)), *hold.mutable_end_date()); }),
            "hold.end_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *hold.mutable_review_date()); }),
            "hold.review_date");
  EXPECT_EQ(refusal([](auto& hold) { SetDate(DueDay(absl::CivilDay(2030, 3, 1)), *hold.mutable_review_date()); }),
            "hold.review_date");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->mutable_subject()->set_controller_id("nobody"); }),
            "CONTROLLER_UNKNOWN");
  EXPECT_EQ(refusal([](auto& hold) { hold.mutable_scope()->set_pbx_id("nothing"); }), "PBX_UNKNOWN");
  EXPECT_EQ(refusal([&](auto& hold) { hold = MeetingHold("case-1", harness_.now, "nothing"); }), "MEETING_UNKNOWN");
  EXPECT_EQ(refusal([&](auto& hold) { hold = ExtensionHold("case-1", harness_.now, "999"); }), "EXTENSION_UNKNOWN");

  const v1::Hold hold = PbxHold("case-1", harness_.now);
  Place(hold);
  Place(hold);  // again: nothing changes
  EXPECT_EQ(engine().holds().size(), 1u);
  v1::Hold other = hold;
  other.set_reason("something else");
  EXPECT_EQ(DetailsOf(engine().CreateHold(other, harness_.now).status()).reason, "HOLD_EXISTS");
  v1::UpdateHoldRequest update;
  update.set_hold_id("case-2");
  EXPECT_EQ(DetailsOf(engine().UpdateHold(update, harness_.now).status()).reason, "HOLD_UNKNOWN");
  EXPECT_EQ(DetailsOf(engine().ReleaseHold("case-2", harness_.now)).reason, "HOLD_UNKNOWN");
  EXPECT_EQ(engine().holds().Find("case-1")->terms.reason(), hold.reason());
}

}  // namespace
}  // namespace retention
