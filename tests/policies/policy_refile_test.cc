// What becomes of what is held when another policy comes into force.
#include <gtest/gtest.h>

#include "server/ledger/ledger.h"
#include "server/policies/policy_refiler.h"
#include "server/rows/row_keys.h"
#include "storage/keys.h"
#include "tests/logs/log_fixture.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

using Texts = std::vector<std::string>;

const absl::Time kFriday = At("2026-03-06T10:00:00+01:00");

Texts NamesIn(Harness& harness, absl::string_view meeting = "m") {
  Texts names;
  for (const auto& participant : harness.Participants(meeting)) {
    if (!participant.name().empty()) names.push_back(participant.name());
  }
  return names;
}

// Of the meeting that took place, whatever was planned since.
Texts NamesInReport(Harness& harness) {
  Texts names;
  const auto report = harness.Report("m");
  EXPECT_TRUE(report.ok()) << report.status();
  if (!report.ok()) return names;
  for (const auto& line : report->participants()) names.push_back(line.name());
  return names;
}

int RecordingsIn(Harness& harness) {
  const auto meeting = harness.Get("m");
  return meeting.ok() ? meeting->recordings_size() : -1;
}

uint64_t Purged(Harness& harness, CategoryNumber category) {
  uint64_t values = 0;
  const absl::Status verified = VerifyExactLedger(harness.store(), [&](const stored::v1::LedgerEntry& entry) {
    if (entry.kind() != stored::v1::LedgerEntry::KIND_PURGED) return;
    EXPECT_EQ(entry.reason(), "DAY_MOVED_INTO_PAST");
    EXPECT_EQ(entry.policy_version(), 2u);
    for (const auto& count : entry.counts()) values += count.category() == category ? count.values() : 0;
  });
  EXPECT_TRUE(verified.ok()) << verified;
  return values;
}

TEST(PolicyRefile, ShorteningActsAtOnce_BeforeARowIsMoved) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "line")}, harness.now);
  harness.now = kFriday;
  EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
  PlanAndApply(harness, Days({{kParticipantName, 3}, {kRecording, 3}, {kServerLog, 3}}));
  EXPECT_EQ(harness.Values(kParticipantName), 1u) << "nothing is moved yet";
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(NamesIn(harness), Texts{});
    EXPECT_FALSE(harness.Report("m")->names_held());
    EXPECT_EQ(RecordingsIn(harness), 0);
    EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
    EXPECT_EQ(harness.Participants("m")[0].email(), "ada@example.org") << "its rule is as it was";
    ASSERT_TRUE(harness.Reopen().ok());
  }
  EXPECT_EQ(harness.Orders(), 0u);
  harness.Sweep(/*scrub=*/false);
  for (const CategoryNumber category : {kParticipantName, kRecording, kServerLog}) {
    EXPECT_EQ(harness.Values(category), 0u) << int{category};
    EXPECT_EQ(Purged(harness, category), 1u) << int{category};
  }
  EXPECT_EQ(harness.Orders(), 1u) << "the portal must delete the recording";
  EXPECT_TRUE(harness.engine().marks().Read().contains(DueDay(absl::CivilDay(2026, 3, 9)))) << "bytes of the old day";
}

TEST(PolicyRefile, AShortenedPeriodEndsWithItsOwnInstant) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "line")}, harness.now);
  PlanAndApply(harness, Days({{kParticipantName, 3}, {kRecording, 3}, {kServerLog, 3}}));
  harness.Sweep(/*scrub=*/false);
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-05");
  EXPECT_TRUE(harness.engine().marks().Read().contains(DueDay(absl::CivilDay(2026, 3, 9)))) << "bytes of the old day";
  const absl::Time due = At("2026-03-06T00:00:00+01:00");
  for (const bool swept : {false, true}) {
    harness.now = due - kTick;
    if (swept) harness.Sweep();
    EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
    EXPECT_EQ(RecordingsIn(harness), 1);
    EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"line"});
  }
  harness.now = due;
  EXPECT_EQ(NamesIn(harness), Texts{});
  EXPECT_EQ(RecordingsIn(harness), 0);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
  harness.Sweep();
  EXPECT_EQ(harness.Values(kParticipantName) + harness.Values(kRecording) + harness.Values(kServerLog), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyRefile, ALengthenedPeriodEndsWithItsOwnInstant_SoonerForWhatIsFiledNowOnly) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "line")}, harness.now);
  harness.now = At("2026-03-09T10:00:00+01:00");
  const auto plan = PlanAndApply(harness, Days({{kParticipantName, 9}, {kRecording, 9}, {kServerLog, 9}}));
  EXPECT_EQ(MovesOf(plan, kParticipantName), "gone 0/0 earlier 0/0 later 1/1");
  EXPECT_EQ(RecordingsIn(harness), 1) << "found where the old policy put it";
  harness.Sweep();
  EXPECT_EQ(RecordingsIn(harness), 1) << "and where the new one puts it";
  const absl::Time due = At("2026-03-12T00:00:00+01:00");
  harness.now = due - kTick;
  harness.Sweep();
  EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
  EXPECT_EQ(RecordingsIn(harness), 1);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"line"});
  EXPECT_EQ(harness.Participants("m")[0].email(), "") << "its rule is as it was";
  harness.now = due;
  EXPECT_EQ(NamesIn(harness), Texts{});
  EXPECT_EQ(RecordingsIn(harness), 0);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyRefile, LengtheningRevivesNothing) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "line")}, harness.now);
  harness.now = At("2026-03-10T00:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 30}, {kRecording, 30}, {kServerLog, 20}, {kParticipantIp, 30}}));
  for (int sweeps = 0; sweeps < 2; ++sweeps) {
    EXPECT_EQ(NamesIn(harness), Texts{});
    EXPECT_EQ(RecordingsIn(harness), 0);
    EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
    EXPECT_EQ(harness.Values(kParticipantName) + harness.Values(kRecording) + harness.Values(kServerLog), 0u);
    harness.Sweep();
  }
}

TEST(PolicyRefile, ARefileThatIsCutShortOverMidnightLosesNothingThatIsKeptLonger) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "line")}, harness.now);
  harness.now = At("2026-03-09T22:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 30}, {kRecording, 30}, {kServerLog, 20}}));
  // Down over midnight, before a single row was moved.
  harness.now = At("2026-03-11T12:00:00+01:00");
  ASSERT_TRUE(harness.Reopen().ok());
  harness.Sweep();
  EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
  EXPECT_EQ(RecordingsIn(harness), 1);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"line"});
  EXPECT_EQ(harness.Orders(), 0u);
  EXPECT_EQ(harness.Values(kParticipantIp), 0u) << "its rule is as it was";
}

TEST(PolicyRefile, NoDayClosesOrEndsAndNoCohortIsReleasedMeanwhile) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  PlanAndApply(harness, Days({{kParticipantName, 30}}));
  const DueDay day(absl::CivilDay(2026, 3, 9));
  harness.now = At("2026-03-10T00:00:00+01:00");
  EXPECT_EQ(DetailsOf(harness.engine().CloseDay(day, harness.now)).reason, "REFILE_UNDER_WAY");
  EXPECT_EQ(DetailsOf(harness.engine().EndDays(harness.now).status()).reason, "REFILE_UNDER_WAY");
  EXPECT_EQ(DetailsOf(harness.engine().Release(day, nullptr, harness.now)).reason, "REFILE_UNDER_WAY");
  while (*harness.engine().RefilePolicy(harness.now)) {
  }
  EXPECT_TRUE(harness.engine().EndDays(harness.now).ok());
  EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
}

TEST(PolicyRefile, AnEventThatComesBeforeItsMeetingIsRefiledLosesNothing) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-09T22:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 30}, {kRecording, 30}}));
  harness.now = At("2026-03-10T00:00:01+01:00");
  harness.Record({Joined("m", "j2", kMonday + absl::Minutes(1), "q", "Bo"),
                  Rescheduled("m", "x", kMonday + absl::Minutes(2), kMonday + absl::Hours(48), absl::Hours(1))});
  EXPECT_EQ(NamesInReport(harness), (Texts{"Ada", "Bo"}));
  EXPECT_EQ(harness.Values(kParticipantName), 2u);
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-04-01") << "30 days: no later plan moves what was due";
  EXPECT_EQ(harness.Values(kParticipantIp), 1u) << "its rule is as it was: due, and not yet swept";
  harness.Sweep();
  EXPECT_EQ(NamesInReport(harness), (Texts{"Ada", "Bo"}));
  EXPECT_EQ(harness.Values(kParticipantIp), 0u);
}

TEST(PolicyRefile, NamesMoveBetweenTheirTwoStartingPoints) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Scheduled("m", "s", kMonday, kMonday + absl::Hours(24 * 10), absl::Hours(1)));
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-19");
  PlanAndApply(harness, [](v1::Policy& p) {
    RuleOf(p, kParticipantName).set_starting_point(v1::STARTING_POINT_MEETING_SCHEDULED_ON);
  });
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-09");
  EXPECT_EQ(harness.DueDayOf(kMeetingName), "2026-03-19");
  PlanAndApply(harness, [](v1::Policy& p) {
    RuleOf(p, kParticipantName).set_starting_point(v1::STARTING_POINT_MEETING_PLANNED_DATE);
  });
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-19");
  EXPECT_EQ(NamesIn(harness), Texts{"Greta Guest"});
}

TEST(PolicyRefile, AnExtensionOfLogsStaysInForce_WithinTheNewLongestPeriod) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "kept"), Line(v1::LOG_SERVER_PORTAL, kMonday, "other")}, harness.now);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-28"), harness.now).ok());
  PlanAndApply(harness, [](v1::Policy& p) {
    Days({{kServerLog, 3}})(p);
    RuleOf(p, kServerLog).mutable_extended_period()->set_days(14);
  });
  harness.Sweep();
  harness.now = At("2026-03-06T00:00:00+01:00") - kTick;
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"other", "kept"}));
  harness.now += kTick;
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"kept"});
  EXPECT_EQ(harness.DueDayOf(kServerLog), "2026-03-16") << "14 days, not until the 28th";
}

TEST(PolicyRefile, ARecordingWhoseDayIsClosedGoesWithIt_AndIsOrderedOnce) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-09T23:30:00+01:00");
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 1u) << "closed";
  const auto plan = PlanAndApply(harness, Days({{kRecording, 30}}));
  EXPECT_EQ(MovesOf(plan, kRecording), "nothing") << "the portal deletes it already";
  harness.Sweep();
  EXPECT_EQ(RecordingsIn(harness), 1);
  harness.now = At("2026-03-10T00:00:00+01:00");
  harness.Sweep();
  EXPECT_EQ(RecordingsIn(harness), 0);
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyRefile, ARecordingWhoseNewDayIsClosedEndsWithItsOrder_AsOneThatComesThenDoes) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  Append(harness.engine(), {Line(kMcu, At("2026-02-27T10:00:00+01:00"), "makes the day")}, harness.now);
  harness.now = At("2026-03-06T23:30:00+01:00");
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 0u);
  const auto plan = PlanAndApply(harness, Days({{kRecording, 4}}));
  EXPECT_EQ(MovesOf(plan, kRecording), "gone 1/1 earlier 0/0 later 0/0");
  harness.Sweep();
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
  harness.now = At("2026-03-07T00:00:00+01:00");
  harness.Sweep();
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyRefile, WhatOutlivedItsMeetingsHistoryMovesToo) {
  Harness harness(kMonday, PatientPolicy(HistoryDays(2, 30)));
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-05T10:00:00+01:00");
  harness.Sweep();
  EXPECT_FALSE(harness.Get("m").ok()) << "its history is gone";
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-09");
  const auto plan = PlanAndApply(harness, Days({{kParticipantName, 4}, {kParticipantEmail, 2}}));
  EXPECT_EQ(MovesOf(plan, kParticipantName), "gone 0/0 earlier 1/1 later 0/0");
  EXPECT_EQ(MovesOf(plan, kParticipantEmail), "gone 1/1 earlier 0/0 later 0/0");
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-06");
  EXPECT_EQ(harness.Values(kParticipantEmail), 0u);
}

TEST(DayWithoutFacts, IsNeverLater_AndStrictInDoubt) {
  const auto rule = [](CivilPeriod::Unit unit, uint32_t count) {
    return DeletionRule{.starting_point = v1::STARTING_POINT_MEETING_END, .period = {unit, count}};
  };
  using Unit = CivilPeriod::Unit;
  const auto day = [](int month, int number) { return DueDay(absl::CivilDay(2026, month, number)); };
  EXPECT_EQ(DayWithoutFacts(day(3, 9), rule(Unit::kDays, 7), rule(Unit::kDays, 3)), day(3, 5));
  EXPECT_EQ(DayWithoutFacts(day(3, 9), rule(Unit::kDays, 7), rule(Unit::kDays, 30)), day(3, 9));
  EXPECT_EQ(DayWithoutFacts(day(3, 9), rule(Unit::kDays, 0), rule(Unit::kDays, 0)), day(3, 9));
  EXPECT_EQ(DayWithoutFacts(day(2, 28), rule(Unit::kMonths, 2), rule(Unit::kDays, 3)),
            DueDay(absl::CivilDay(2025, 12, 31)))
      << "it may have run from the 28th of December on";
  DeletionRule other = rule(Unit::kDays, 7);
  other.starting_point = v1::STARTING_POINT_MEETING_PLANNED_DATE;
  EXPECT_EQ(DayWithoutFacts(day(3, 9), rule(Unit::kDays, 7), other), DueDay::None()) << "nobody can tell: at once";
}

TEST(PolicyRefile, StepsAreBounded_AndReadersSeeEverythingBetweenThem) {
  Harness harness(kMonday);
  harness.SyncPbx();
  constexpr int kMeetings = 120;
  for (int i = 0; i < kMeetings; ++i) {
    std::vector<v1::Event> events;
    for (int j = 0; j < 90; ++j) {
      events.push_back(Joined(absl::StrCat("m", i), absl::StrCat("j", j), kMonday, absl::StrCat("p", j), "Ada"));
    }
    harness.Record(events);
  }
  PlanAndApply(harness, Days({{kParticipantName, 5}, {kServerLog, 5}}));
  int steps = 1;
  uint64_t examined = 0;
  for (; *harness.engine().RefilePolicy(harness.now); ++steps) {
    EXPECT_EQ(harness.Values(kParticipantName), 90u * kMeetings);
    for (const int i : {0, kMeetings / 2, kMeetings - 1}) {
      EXPECT_EQ(NamesIn(harness, absl::StrCat("m", i)).size(), 90u);
    }
    EXPECT_GE(harness.engine().policy_refiler().progress().meetings, examined);
    examined = harness.engine().policy_refiler().progress().meetings;
  }
  EXPECT_EQ(examined, static_cast<uint64_t>(kMeetings));
  EXPECT_GE(steps, 3);
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-07");
}

TEST(PolicyRefile, ADamagedFileKeepsNothingFromMoving) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Joined("m", "j", kMonday, "p", "Ada"), File("m", "f", kMonday, "ref")});
  Batch batch;
  for (auto cursor = harness.store().Scan(Family::kFiled, "", FiledPrefix(DueDay::Kept())); cursor->Valid();
       cursor->Next()) {
    if (FiledKey::Decode(cursor->key())->category == kFileShare) {
      batch.Put(Family::kFiled, std::string(cursor->key()), std::string(cursor->value()) + "x");
    }
  }
  ASSERT_EQ(batch.changes().size(), 1u);
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  harness.now += absl::Hours(3);
  PlanAndApply(harness, Days({{kParticipantName, 3}}));
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-05");
}

TEST(PolicyRefile, ADamagedRowKeepsNothingFromMoving) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday, "m");
  RecordMeeting(harness, kMonday, "n");
  RecordMeeting(harness, kMonday, "o");
  // One damaged row of every category of one of the meetings, its history too.
  const PbxId pbx = *harness.engine().registry().Held("pbx");
  const RoomId room = harness.engine().RoomNamed(pbx, "n");
  Batch batch;
  for (auto cursor = harness.store().Scan(Family::kFiled, "", FiledPrefix(DueDay::Kept())); cursor->Valid();
       cursor->Next()) {
    if (RoomOf(FiledKey::Decode(cursor->key())->owner) != room) continue;
    std::string damaged(cursor->value());
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    batch.Put(Family::kFiled, std::string(cursor->key()), damaged);
  }
  // Of another one, what says where all of it lies.
  const RoomId other = harness.engine().RoomNamed(pbx, "o");
  batch.Put(Family::kState, std::string(harness.store().ScanPrefix(Family::kState, LocatorPrefix(pbx, other))->key()),
            "\xff");
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  ASSERT_TRUE(harness.Reopen().ok());
  harness.now = kFriday;
  // The sweep says that a cohort cannot be read, and does all the rest.
  EXPECT_FALSE(TestSweeper(harness.engine(), RunHere, {}).RunOnce(harness.now, /*scrub_now=*/false).ok());
  const v1::Policy next = NextPolicy(
      harness.engine(), Days({{kParticipantName, 5}, {kParticipantEmail, 3}, {kRecording, 3}, {kParticipantIp, 20}}));
  const auto plan = Plan(harness.engine(), next, harness.now);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_TRUE(Apply(harness.engine(), next, plan->plan_token(), harness.now).ok());
  while (*harness.engine().RefilePolicy(harness.now)) {
  }
  EXPECT_EQ(harness.Values(kParticipantName), 2u) << "what cannot be read goes rather than stay too long";
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-07");
  EXPECT_EQ(NamesIn(harness), Texts{"Ada"});
  EXPECT_EQ(harness.Values(kParticipantEmail), 0u);
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Values(kParticipantIp), 3u);
}

}  // namespace
}  // namespace retention
