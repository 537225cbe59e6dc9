#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/request_parts.h"
#include "server/days/released_cubes.h"
#include "server/days/waiting_cohorts.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/engine/test_engine.h"

namespace retention {
namespace {

std::string CubeBytes(Store& store) {
  std::string bytes;
  for (auto cursor = store.Scan(Family::kStatistics, "", ""); cursor->Valid(); cursor->Next()) {
    absl::StrAppend(&bytes, std::string(cursor->key()), std::string(cursor->value()));
  }
  return bytes;
}

void RecordMeeting(Harness& harness, absl::string_view meeting, absl::Time start) {
  harness.Record({Joined(meeting, "j", start, "p", "Ada", "ada@example.org", "192.0.2.1"),
                  Left(meeting, "l", start + absl::Minutes(1), "p")});
}

class SweeperTest : public ::testing::Test {
 protected:
  SweeperTest() : harness_(kMonday) { harness_.SyncPbx(); }
  Harness harness_;
};

TEST_F(SweeperTest, ADayGoesAtItsFirstDueInstantAndNotBefore) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-03-10T00:00:00+01:00") - absl::Microseconds(1);
  harness_.Sweep();
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "Ada");
  harness_.now += absl::Microseconds(1);
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "participant 1") << "invisible before the sweep";
  const SweepOutcome outcome = harness_.Sweep();
  ASSERT_EQ(outcome.days.size(), 1u);
  EXPECT_EQ(outcome.days[0].values[kParticipantName], 1u);
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
  EXPECT_EQ(harness_.Values(kHistory), 2u);
}

TEST_F(SweeperTest, ReportBecomesStatisticsAfterTwoMonths) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-05-03T00:00:00+02:00") - absl::Microseconds(1);
  harness_.Sweep();
  EXPECT_TRUE(harness_.Report("m").ok());
  harness_.now += absl::Microseconds(1);
  EXPECT_EQ(DetailsOf(harness_.Report("m").status()).reason, "ANONYMISED");
  harness_.Sweep();
  EXPECT_EQ(DetailsOf(harness_.Report("m").status()).reason, "ANONYMISED");
  EXPECT_EQ(harness_.engine().counts().Read().size(), 1u) << "only PBX data is left";
  const auto pbx = harness_.engine().registry().Held("pbx");
  const auto locators = harness_.store().ScanPrefix(Family::kState, LocatorPrefix(*pbx));
  EXPECT_FALSE(locators->Valid());
  EXPECT_TRUE(locators->status().ok());
}

TEST_F(SweeperTest, CatchesUpAfterAYearAway) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2027-06-01T12:00:00+02:00");
  const SweepOutcome outcome = harness_.Sweep();
  EXPECT_EQ(outcome.days.size(), 2u);
  EXPECT_GT(outcome.cohorts_released, 400u);
  EXPECT_TRUE(harness_.engine().counts().Read().size() == 1u);
  EXPECT_EQ(harness_.Sweep().days.size(), 0u);
}

TEST_F(SweeperTest, LeadWindowClosesTheDay) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-03-09T23:30:00+01:00");
  harness_.Sweep();
  const v1::RecordResult result =
      harness_.Record(Joined("m", "late", kMonday - absl::Seconds(90), "q", "Bob", "bob@example.org", "192.0.2.2"));
  EXPECT_EQ(result.accepted(), 1u);
  EXPECT_EQ(result.values_past_due(), 1u) << "the name; whoever joins again moves the presumed end";
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "Ada") << "what was there stays to the end";
}

TEST_F(SweeperTest, PresumedEndEndsTheFiles) {
  harness_.Record({Joined("m", "j", kMonday, "p"), File("m", "f", kMonday, "bucket/file")});
  harness_.now = kMonday + absl::Hours(24) - absl::Microseconds(1);
  EXPECT_EQ(harness_.Get("m")->files_size(), 1);
  EXPECT_EQ(harness_.Sweep().meetings_files_ended, 0u);
  harness_.now += absl::Microseconds(1);
  EXPECT_EQ(harness_.Get("m")->files_size(), 0) << "invisible before the sweep";
  EXPECT_EQ(harness_.Sweep().meetings_files_ended, 1u);
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(harness_.Sweep().meetings_files_ended, 0u);
}

TEST_F(SweeperTest, RecordingsAreOrderedAwayOnTheirDay) {
  harness_.Record({Started("m", "s", kMonday), Recording("m", "r", kMonday, "bucket/rec")});
  harness_.now = At("2026-03-10T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kRecording), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(SweeperTest, ADayThatWasPurgedEmptyKeepsItsMarkUntilItsBytesAreScrubbed) {
  harness_.Record({Started("m", "s", kMonday), Recording("m", "monday", kMonday, "bucket/1")});
  harness_.now += absl::Hours(24);
  harness_.Record(Recording("m", "tuesday", harness_.now, "bucket/2"));
  harness_.now = At("2026-03-10T23:50:00+01:00");
  ASSERT_TRUE(harness_.engine()
                  .DeleteObject("pbx", "m", kRecording, "recording-tuesday", "OPERATOR_OPERATIONAL", harness_.now)
                  .ok());
  // No sweep ran since Monday: both days end in one.
  harness_.now = At("2026-03-11T00:10:00+01:00");
  harness_.Sweep(/*scrub=*/false);
  EXPECT_EQ(harness_.Values(kRecording), 0u);
  const DueDay tuesday(absl::CivilDay(2026, 3, 10));
  EXPECT_TRUE(harness_.engine().marks().Read().contains(tuesday)) << "nothing of it was dropped";
  harness_.Sweep(/*scrub=*/true);
  EXPECT_FALSE(harness_.engine().marks().Read().contains(tuesday));
}

TEST_F(SweeperTest, EveryCohortIsDrawnOnce) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-03-05T00:00:00+01:00") - absl::Microseconds(1);
  EXPECT_EQ(harness_.Sweep().cohorts_released, 0u);
  harness_.now += absl::Microseconds(1);
  EXPECT_EQ(harness_.Sweep().cohorts_released, 1u);
  const std::string cubes = CubeBytes(harness_.store());
  EXPECT_EQ(harness_.Sweep().cohorts_released, 0u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.Sweep().cohorts_released, 0u);
  // A late event does not reopen it.
  harness_.Record(Joined("m", "late", kMonday - absl::Minutes(2), "q"));
  harness_.Sweep();
  EXPECT_EQ(CubeBytes(harness_.store()), cubes);
}

TEST_F(SweeperTest, ReleaseOnTheDueDayComesBeforeTheOriginalsGo) {
  Harness harness(
      kMonday, PatientPolicy([](v1::Policy& p) { p.mutable_statistics()->set_release(v1::RELEASE_TIME_AT_DUE_DAY); }));
  harness.SyncPbx();
  RecordMeeting(harness, "m", kMonday - absl::Minutes(2));
  // Meetings that began on 12 February may reach so far.
  harness.now = At("2026-04-12T22:59:00+02:00");
  EXPECT_EQ(harness.Sweep().cohorts_released, 0u);
  harness.now = At("2026-04-12T23:00:00+02:00");
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
  EXPECT_TRUE(harness.Report("m").ok());
}

TEST_F(SweeperTest, ACohortThatWaitsIsTold_WithTheDaysThatAreLeft) {
  const auto waiting = [&] { return CohortsThatWait(harness_.engine().holdings(), harness_.now); };
  harness_.now = At("2026-03-05T23:00:00+01:00");
  EXPECT_EQ(waiting().cohorts, 0u) << "its time came less than a day ago";
  harness_.now = At("2026-03-06T01:00:00+01:00");
  const uint32_t first = waiting().cohorts;
  EXPECT_GT(first, 0u);
  EXPECT_FALSE(waiting().alarms());
  harness_.now = At("2026-04-25T01:00:00+02:00");
  EXPECT_GT(waiting().cohorts, first);
  EXPECT_LE(waiting().days_left, 8);
  EXPECT_TRUE(waiting().alarms());
  harness_.Sweep();
  EXPECT_EQ(waiting().cohorts, 0u);
  EXPECT_FALSE(waiting().alarms());
}

TEST_F(SweeperTest, CubesGoAfterAYear) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2027-03-02T23:59:00+01:00");
  harness_.Sweep();
  auto released = IsReleased(harness_.store(), DueDay(absl::CivilDay(2026, 3, 2)), harness_.engine().policy());
  EXPECT_TRUE(*released);
  harness_.now = At("2027-03-03T00:00:00+01:00");
  harness_.Sweep();
  released = IsReleased(harness_.store(), DueDay(absl::CivilDay(2026, 3, 2)), harness_.engine().policy());
  EXPECT_FALSE(*released);
}

TEST_F(SweeperTest, WhatIsLeftOfEndedCohortsAreTheSumsOfTheirMonths_EachAddedOnce) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  const auto ended = [&] {
    v1::QueryStatisticsRequest request;
    request.set_metric(v1::METRIC_PEOPLE);
    request.add_group_by(v1::DIMENSION_MONTH);
    SetDate(DueDay(absl::CivilDay(2026, 3, 15)), *request.mutable_first_day());
    *request.mutable_last_day() = request.first_day();
    const auto answer = harness_.reader().QueryStatistics(request, harness_.now);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->coverage().cohorts() : 0;
  };
  harness_.now = At("2027-03-10T00:00:00+01:00");
  harness_.Sweep();
  const uint32_t before = ended();
  EXPECT_GT(before, 5u) << "those of the month that have ended, and the one of the 15th";
  harness_.Sweep();
  EXPECT_EQ(ended(), before);
  harness_.now = At("2027-03-11T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(ended(), before + 1);
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.Sweep();
  EXPECT_EQ(ended(), before + 1);
}

TEST_F(SweeperTest, EveryEndHasItsLedgerEntry) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.Record(Scheduled("n", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1)));
  harness_.Record(Deleted("n", "x", kMonday));
  harness_.Sweep();
  harness_.now = At("2026-03-10T00:00:00+01:00");
  harness_.Sweep();
  std::map<int, int> kinds;
  uint64_t names_in_ledger = 0;
  ASSERT_TRUE(VerifyExactLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                ++kinds[entry.kind()];
                EXPECT_EQ(entry.policy_version(), 1u);
                for (const auto& count : entry.counts()) {
                  if (count.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) names_in_ledger += count.values();
                }
              }).ok());
  using stored::v1::LedgerEntry;
  EXPECT_EQ(kinds[LedgerEntry::KIND_DAY_ENDED], 1);
  EXPECT_EQ(kinds[LedgerEntry::KIND_DAY_PHYSICALLY_ERASED], 1);
  EXPECT_EQ(kinds[LedgerEntry::KIND_PURGED], 1);
  EXPECT_EQ(kinds[LedgerEntry::KIND_PURGE_PHYSICALLY_ERASED], 1);
  EXPECT_EQ(kinds[LedgerEntry::KIND_PBX_REGISTERED], 1);
  EXPECT_EQ(names_in_ledger, 2u);
}

TEST_F(SweeperTest, AMeetingTakenUpAnewKeepsItsNewLocator) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-05-03T10:00:00+02:00");
  RecordMeeting(harness_, "m", harness_.now - absl::Minutes(2));  // its old history is due and not yet swept
  harness_.Sweep();
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "Ada");
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "Ada");
}

TEST_F(SweeperTest, OverdueIsMeasuredUntilItIsUnreadable) {
  RecordMeeting(harness_, "m", kMonday - absl::Minutes(2));
  harness_.now = At("2026-03-10T00:00:07+01:00");
  EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::Seconds(7));
  harness_.Sweep();
  EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::ZeroDuration());
}

}  // namespace
}  // namespace retention
