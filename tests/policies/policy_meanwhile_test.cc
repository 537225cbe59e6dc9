// What comes between the application of a policy and the last step of its refile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

using ::testing::ElementsAre;

// The evening of the day on which seven days are over, and what comes after it.
const absl::Time kEvening = At("2026-03-09T22:00:00+01:00");
const absl::Time kPastMidnight = At("2026-03-10T00:00:01+01:00");
constexpr char kReason[] = "OPERATOR_SUBJECT_REQUEST";

v1::Event Poll(absl::string_view meeting, absl::Time time) {
  v1::Event event = NewEvent(meeting, "poll", time);
  event.mutable_poll_created()->set_poll_id("lunch");
  event.mutable_poll_created()->set_owner_extension("100");
  event.mutable_poll_created()->add_options("yes");
  return event;
}

// A meeting whose recording and names are to be kept 30 days; their old day is over, and no row was moved yet.
void LengthenOverMidnight(Harness& harness) {
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = kEvening;
  PlanAndApply(harness, Days({{kParticipantName, 30}, {kRecording, 30}}));
  harness.now = kPastMidnight;
}

uint64_t Cubes(Harness& harness) {
  uint64_t heads = 0;
  for (auto cursor = harness.store().Scan(Family::kStatistics, "", ""); cursor->Valid(); cursor->Next()) {
    heads +=
        DecodeCubeKey(cursor->key())->table == 0 && DecodeCubeKey(cursor->key())->erase_day != DueDay::Kept() ? 1 : 0;
  }
  return heads;
}

// The days under which names of participants lie, in their order.
std::vector<std::string> NameDays(Harness& harness) {
  std::set<std::string> days;
  for (auto cursor = harness.store().Scan(Family::kFiled, "", FiledPrefix(DueDay::Kept())); cursor->Valid();
       cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (key->category == kParticipantName) days.insert(absl::FormatCivilTime(key->day.civil()));
  }
  return {days.begin(), days.end()};
}

bool AnyMarkOfARefile(Harness& harness) {
  return harness.store().ScanPrefix(Family::kState, RefiledMarkPrefix())->Valid();
}

TEST(PolicyMeanwhile, APollLosesNothingOfTheMeetingThatItIsAskedIn) {
  Harness harness(kMonday);
  LengthenOverMidnight(harness);
  EXPECT_EQ(harness.Record(Poll("m", harness.now)).accepted(), 1u);
  EXPECT_EQ(harness.Values(kParticipantName), 1u);
  harness.Sweep();
  ASSERT_EQ(harness.Participants("m").size(), 1u);
  EXPECT_EQ(harness.Participants("m")[0].name(), "Ada");
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-04-01");
}

TEST(PolicyMeanwhile, APollThatIsAskedInAMeetingThatIsOverByItIsOfItsOwnDay) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = kEvening;
  PlanAndApply(harness, Days({{kHistory, 3}}));
  const v1::RecordResult result = harness.Record(Poll("m", harness.now));
  EXPECT_EQ(result.accepted(), 1u);
  EXPECT_EQ(harness.Values(kPoll), 1u);
  EXPECT_FALSE(harness.Report("m").ok()) << "nothing of the meeting is back";
}

TEST(PolicyMeanwhile, ADeletedRecordingIsDeletedWhereverItLies) {
  Harness harness(kMonday);
  LengthenOverMidnight(harness);
  ASSERT_TRUE(harness.engine().DeleteObject("pbx", "m", kRecording, "recording-r", kReason, harness.now).ok());
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyMeanwhile, ARecordingWhoseDayIsOverIsDeletedByNobody) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = kEvening;
  PlanAndApply(harness, Days({{kParticipantName, 30}}));
  harness.now = kPastMidnight;
  const absl::Status status =
      harness.engine().DeleteObject("pbx", "m", kRecording, "recording-r", kReason, harness.now);
  EXPECT_EQ(DetailsOf(status).reason, "OBJECT_UNKNOWN") << status;
  const auto erased = harness.engine().DeleteMeeting("pbx", "m", kReason, harness.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->values[kRecording], 0u);
  harness.Sweep();
  EXPECT_EQ(harness.Values(kRecording), 0u);
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(PolicyMeanwhile, ADeletedMeetingTakesItsRecordingsAlong_WhereverTheyLie) {
  Harness harness(kMonday);
  LengthenOverMidnight(harness);
  const auto erased = harness.engine().DeleteMeeting("pbx", "m", kReason, harness.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->values[kRecording], 1u);
  EXPECT_EQ(harness.Orders(), 1u);
  harness.Sweep();
  EXPECT_EQ(harness.Values(kRecording), 0u) << "the portal has erased it";
}

TEST(PolicyMeanwhile, AMeetingThatIsOverByItCannotBeDeleted) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Joined("m", "j", kMonday, "p", "Ada"), Ended("m", "e", kMonday + absl::Minutes(4))});
  harness.now = kEvening;
  PlanAndApply(harness, Days({{kHistory, 3}, {kParticipantName, 3}}));
  const auto erased = harness.engine().DeleteMeeting("pbx", "m", kReason, harness.now);
  EXPECT_EQ(DetailsOf(erased.status()).reason, "MEETING_UNKNOWN") << erased.status();
  EXPECT_EQ(harness.Values(kParticipantName), 0u) << "it was refiled before";
}

TEST(PolicyMeanwhile, WhatIsLeftOfAMeetingThatItEndsMovesOnce) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-05T10:00:00+01:00");
  PlanAndApply(harness, Days({{kHistory, 2}, {kParticipantName, 5}}));
  ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-07");
  ASSERT_TRUE(harness.Reopen().ok());
  while (*harness.engine().RefilePolicy(harness.now)) {
  }
  EXPECT_EQ(harness.Values(kHistory), 0u);
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-07") << "not two days earlier again";
  harness.Sweep();
  EXPECT_FALSE(harness.store().ScanPrefix(Family::kState, LocatorPrefix())->Valid()) << "nothing leads there any more";
  PlanAndApply(harness, Days({{kParticipantName, 4}}));
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-06") << "but by the next policy";
}

TEST(PolicyMeanwhile, WhatOutlivedItsMeetingMovesOnce_HoweverOftenTheRefileIsCutShort) {
  Harness harness(kMonday, PatientPolicy(HistoryDays(2, 30)));
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-05T10:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 6}}));
  ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
  ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-08");
  for (int restarts = 0; restarts < 3; ++restarts) {
    ASSERT_TRUE(harness.Reopen().ok());
    ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
    EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-08");
  }
  harness.Sweep();
  EXPECT_EQ(harness.DueDayOf(kParticipantName), "2026-03-08");
}

TEST(PolicyMeanwhile, WhatIsLeftOfAMeetingThatItEndsMovesOnce_ThoughTheMeetingIsTakenUpAnew) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-05T10:00:00+01:00");
  PlanAndApply(harness, Days({{kHistory, 2}, {kParticipantName, 5}}));
  ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07"));
  EXPECT_EQ(harness.Record({Joined("m", "j2", harness.now, "q", "Bob")}).accepted(), 1u);
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07", "2026-03-10"));
  ASSERT_TRUE(harness.Reopen().ok());
  harness.Sweep();
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07", "2026-03-10"));
  EXPECT_FALSE(AnyMarkOfARefile(harness));
  PlanAndApply(harness, Days({{kParticipantName, 4}}));
  harness.Sweep();
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-06", "2026-03-09")) << "but by the next policy";
}

TEST(PolicyMeanwhile, WhatIsFiledMeanwhileDoesNotMove_ThoughTheDayOfItsHistoryIsClosed) {
  Harness harness(kMonday, PatientPolicy(HistoryDays(3, 30)), {.lead_window = absl::Hours(6)});
  harness.SyncPbx();
  RecordMeeting(harness, kMonday, "other");
  harness.now = At("2026-03-05T20:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 5}}));
  EXPECT_EQ(harness.Record({Joined("m", "j", kMonday, "q", "Bob")}).values_past_due(), 1u) << "its history";
  harness.Sweep();
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07"));
  EXPECT_FALSE(AnyMarkOfARefile(harness));
}

TEST(PolicyMeanwhile, AMeetingWhoseHistoryIsDamagedMovesOnce_HoweverOftenTheRefileIsCutShort) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-03T10:00:00+01:00");
  PlanAndApply(harness, Days({{kParticipantName, 5}}));
  Batch batch;
  for (auto cursor = harness.store().Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
    if (FiledKey::Decode(cursor->key())->category != kHistory) continue;
    std::string damaged(cursor->value());
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    batch.Put(Family::kFiled, std::string(cursor->key()), damaged);
  }
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  for (int restarts = 0; restarts < 3; ++restarts) {
    ASSERT_TRUE(harness.Reopen().ok());
    ASSERT_TRUE(*harness.engine().RefilePolicy(harness.now));
    EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07"));
  }
  while (*harness.engine().RefilePolicy(harness.now)) {
  }
  EXPECT_THAT(NameDays(harness), ElementsAre("2026-03-07"));
}

TEST(PolicyMeanwhile, ACubeThatIsKeptLongerOutlivesARefileThatFails) {
  Harness harness(kMonday, PatientPolicy(HistoryDays(10, 20)));
  harness.now = At("2026-03-22T22:00:00+01:00");
  harness.Sweep();
  const uint64_t cubes = Cubes(harness);
  ASSERT_GT(cubes, 10u);
  PlanAndApply(harness, [](v1::Policy& p) { RuleOf(p, kHistory).mutable_anonymised_period()->set_days(60); });
  harness.now = At("2026-03-23T01:00:00+01:00");
  int refiles = 0;
  const auto run = [&](std::function<absl::Status()> task) {
    // The first command of a sweep is to recover.
    const bool refile = harness.engine().policies().refiling_since().has_value() && refiles++ == 1;
    return refile ? absl::UnavailableError("disk failed") : task();
  };
  EXPECT_FALSE(TestSweeper(harness.engine(), run, {}).RunOnce(harness.now, /*scrub_now=*/false).ok());
  EXPECT_EQ(Cubes(harness), cubes);
  harness.Sweep();
  EXPECT_GE(Cubes(harness), cubes);
}

}  // namespace
}  // namespace retention
