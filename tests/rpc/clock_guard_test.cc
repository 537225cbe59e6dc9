// What moves the engine's clock and what does not, through the whole server; and that what waits says so.
#include "tests/rpc/clock_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

TEST_F(ClockGuard, OfAClockThatIsRightDaysEndOnTime) {
  PassAndSweep(kMondaysDue - kMonday - absl::Microseconds(1));
  EXPECT_TRUE(HasKey() && Shows("Ada"));
  time_.Pass(absl::Microseconds(1));
  EXPECT_FALSE(Shows("Ada"));
  Sweep();
  EXPECT_FALSE(HasKey());
  EXPECT_EQ(Corrections(), std::vector<std::string>());
}

TEST_F(ClockGuard, OffForMonthsWithoutAWordItWaitsLateAndLoud) {
  server_.Stop();
  const absl::Time then = kMonday + 100 * kOneDay;
  time_.Reboot(then);
  ASSERT_TRUE(Restart().ok());
  LookTwice();
  EXPECT_EQ(Now(), kMonday + GuardedClock::kRestartSlack + GuardedClock::kAgreeAfter);
  EXPECT_FALSE(Shows("Ada")) << "hidden by the later clock";
  EXPECT_TRUE(HasKey()) << "destroyed by the earlier";
  EXPECT_EQ(server_.Health(""), 2);
  EXPECT_FALSE(absl::StrContains(Metrics(), "retention_oldest_overdue_seconds 0\n")) << "what waits is overdue";
  EXPECT_EQ(RecordLate("late").Summary(), "UNAVAILABLE CLOCK_IN_DOUBT");

  EXPECT_EQ(Confirm(then + absl::Hours(1)).Summary(), "FAILED_PRECONDITION CLOCK_DISAGREES");
  EXPECT_TRUE(HasKey());
  const CallEnd confirmed = Confirm(then + absl::Minutes(1));
  ASSERT_TRUE(confirmed.ok()) << confirmed;
  EXPECT_FALSE(HasKey()) << "before the answer";
  EXPECT_EQ(Now(), then + GuardedClock::kAgreeAfter);
  EXPECT_EQ(server_.Health(""), 1);
  EXPECT_TRUE(absl::StrContains(Metrics(), "retention_oldest_overdue_seconds 0\n"));
  EXPECT_TRUE(absl::StrContains(Metrics(), "retention_clock_waits 0\n"));
  EXPECT_EQ(RecordLate("late").Summary(), "OK") << "it is past due, and counted so";
  EXPECT_FALSE(Shows("Eve"));
  ASSERT_TRUE(Confirm(then).ok()) << "again";
  EXPECT_EQ(Corrections(), (std::vector<std::string>{"2026-03-02T09:00:00 2026-03-02T09:15:00 RESTARTED",
                                                     "2026-03-02T09:15:30 2026-06-10T09:00:30 CONFIRMED"}));
}

TEST_F(ClockGuard, OffForWeeksWithAWordItCatchesUpWithinAMinute) {
  server_.Stop();
  time_.Reboot(kMonday + 21 * kOneDay);
  time_.Discipline(kMonday + 21 * kOneDay);
  ASSERT_TRUE(Restart().ok());
  EXPECT_TRUE(HasKey());
  EXPECT_EQ(server_.Health(""), 1);
  PassAndSweep(GuardedClock::kAgreeAfter - absl::Microseconds(1));
  EXPECT_TRUE(HasKey()) << "one look is none";
  PassAndSweep(absl::Microseconds(1));
  EXPECT_FALSE(HasKey());
  EXPECT_EQ(Now(), kMonday + 21 * kOneDay + GuardedClock::kAgreeAfter);
  EXPECT_EQ(Corrections(), (std::vector<std::string>{"2026-03-02T09:00:00 2026-03-02T09:15:00 RESTARTED",
                                                     "2026-03-02T09:15:30 2026-03-23T09:00:30 VOUCHED_FOR"}));
}

TEST_F(ClockGuard, AWordLeadsNoFurtherThanSixtyDays) {
  server_.Stop();
  const absl::Time then = kMonday + GuardedClock::kMaxJump + kOneDay;
  time_.Reboot(then);
  time_.Discipline(then);
  ASSERT_TRUE(Restart().ok());
  LookTwice();
  LookTwice();
  EXPECT_TRUE(HasKey() && Waits());
  EXPECT_EQ(server_.Health("erasure"), 2);
  EXPECT_EQ(server_.Health("ingest"), 1);
  ASSERT_TRUE(Confirm(then).ok());
  EXPECT_FALSE(HasKey());
}

TEST_F(ClockGuard, TwoLooksThatDisagreeAreNoWord) {
  time_.Discipline(kMonday + 20 * kOneDay);
  Sweep();
  time_.Pass(GuardedClock::kAgreeAfter);
  time_.Discipline(kMonday + 30 * kOneDay);
  Sweep();
  EXPECT_EQ(Now(), kMonday + GuardedClock::kAgreeAfter);
  EXPECT_TRUE(HasKey());
}

TEST_F(ClockGuard, WhereWhoeverRunsTheMachineSaysSoTheWallIsBelieved) {
  server_.Stop();
  trust_ = GuardedClock::Trust::kWall;
  time_.Reboot(kMonday + 21 * kOneDay);
  ASSERT_TRUE(Restart().ok());
  Sweep();
  EXPECT_TRUE(HasKey()) << "not of four seconds";
  LookTwice();
  EXPECT_FALSE(HasKey());
}

TEST_F(ClockGuard, BootedIn1970ItGoesOnFromWhereItWasUntilNtpSpeaks) {
  PassAndSweep(kMondaysDue - kMonday - absl::Minutes(5));
  server_.Stop();
  time_.Reboot(absl::UnixEpoch());
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), kMondaysDue - absl::Minutes(5));
  EXPECT_TRUE(Shows("Ada"));
  PassAndSweep(absl::Minutes(1));
  EXPECT_EQ(Now(), kMondaysDue - absl::Minutes(4));
  time_.Discipline(kMondaysDue + absl::Minutes(30));
  EXPECT_FALSE(Shows("Ada")) << "at once";
  LookTwice();
  EXPECT_EQ(Now(), kMondaysDue + absl::Minutes(30) + GuardedClock::kAgreeAfter);
  EXPECT_FALSE(HasKey());
}

TEST_F(ClockGuard, SuspensionIsTimeThatPassed) {
  PassAndSweep(kMondaysDue - kMonday + 3 * kOneDay);
  EXPECT_FALSE(HasKey());
  EXPECT_EQ(Corrections(), std::vector<std::string>());
}

// What no suspension is: the machine's clock has not seen it.
TEST_F(ClockGuard, ABootThatClaimsMonthsDestroysNothing) {
  for (const bool restarts : {false, true}) {
    if (restarts) server_.Stop();
    time_.PassByBoottimeAlone(100 * kOneDay);
    if (restarts) {
      ASSERT_TRUE(Restart().ok());
    }
    PassAndSweep(absl::Seconds(1));
    EXPECT_TRUE(HasKey() && Shows("Ada"));
    EXPECT_EQ(Now(), time_.Wall());
    EXPECT_FALSE(Waits());
  }
  PassAndSweep(kMondaysDue - time_.Wall());
  EXPECT_FALSE(HasKey()) << "on time";
}

// Nobody can tell how long it was.
TEST_F(ClockGuard, ABootInDoubtForHoursWaitsLateAndLoud) {
  server_.Stop();
  time_.Pass(kMondaysDue - kMonday);
  time_.PassByBoottimeAlone(kOneDay);
  ASSERT_TRUE(Restart().ok());
  Sweep();
  EXPECT_TRUE(HasKey() && Waits());
  EXPECT_FALSE(Shows("Ada"));
  EXPECT_EQ(server_.Health(""), 2);
  ASSERT_TRUE(Confirm(kMondaysDue).ok());
  EXPECT_FALSE(HasKey());
}

// A snapshot of a virtual machine that is resumed: the same boot, and no time has passed in it.
TEST_F(ClockGuard, AResumedSnapshotCatchesUpOnceNtpSpeaks) {
  time_.Jump(20 * kOneDay);
  LookTwice();
  EXPECT_TRUE(HasKey());
  EXPECT_FALSE(Shows("Ada"));
  time_.Discipline(time_.Wall());
  LookTwice();
  EXPECT_FALSE(HasKey());
}

// For longer than any word leads, whoever gives it: that alone waits for an operator's, and for no longer than it
// lasts.
TEST_F(ClockGuard, OnceItIsUndoneNothingSaysThatItWas) {
  for (const bool vouches : {false, true}) {
    for (const absl::Duration jump : {13 * 30 * kOneDay, -13 * 30 * kOneDay}) {
      const std::string what = absl::StrCat(absl::FormatDuration(jump), vouches ? " vouched for" : "");
      const absl::Time right = time_.Wall();
      vouches ? time_.Discipline(right + jump) : time_.SetWall(right + jump);
      Sweep();
      PassAndSweep(absl::Seconds(1));
      EXPECT_EQ(Waits(), vouches) << what;
      EXPECT_EQ(server_.Health(""), vouches ? 2 : 1) << what;
      EXPECT_EQ(Gauge("retention_clock_ahead_seconds"), absl::ToInt64Seconds(jump)) << what;
      EXPECT_EQ(Gauge("retention_clock_waits"), vouches ? 1 : 0) << what;
      EXPECT_EQ(Gauge("retention_serving"), vouches ? 0 : 1) << what;
      vouches ? time_.Discipline(right + absl::Seconds(1)) : time_.SetWall(right + absl::Seconds(1));
      Sweep();
      EXPECT_FALSE(Waits()) << what;
      EXPECT_EQ(server_.Health(""), 1) << what;
      for (const char* gauge : {"retention_clock_ahead_seconds", "retention_clock_waits",
                                "retention_oldest_overdue_seconds", "retention_erasure_unentered"}) {
        EXPECT_EQ(Gauge(gauge), 0) << gauge << " " << what;
      }
      EXPECT_EQ(Gauge("retention_serving"), 1) << what;
      EXPECT_TRUE(Shows("Ada") && HasKey()) << what;
      EXPECT_TRUE(RecordLate(what).ok()) << what;
    }
  }
}

// Nothing is due by a clock that is behind: what waits is another thing, and so is what helps.
TEST_F(ClockGuard, AClockThatIsBehindIsSaidToBeBehind) {
  for (const bool is_behind : {false, true}) {
    const absl::Time right = time_.Wall();
    ::testing::internal::CaptureStderr();
    time_.Discipline(right + (is_behind ? -13 : 13) * 30 * kOneDay);
    Sweep();
    PassAndSweep(absl::Seconds(1));
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(Waits());
    EXPECT_EQ(absl::StrContains(said, "alone waits"), !is_behind) << said;
    EXPECT_EQ(absl::StrContains(said, "by which keys go on being destroyed"), is_behind) << said;
    EXPECT_TRUE(absl::StrContains(said, "retentionctl clock confirm")) << said;
    time_.Discipline(right + absl::Seconds(1));
    Sweep();
  }
}

TEST_F(ClockGuard, TheSlackIsForAllStartsOfTheMachineTogether) {
  for (int minutes = 6; minutes <= 30; minutes += 6) {
    server_.Stop();
    time_.Reboot(kMonday + absl::Minutes(minutes));
    ASSERT_TRUE(Restart().ok());
    EXPECT_EQ(Now(), kMonday + std::min(absl::Minutes(minutes), GuardedClock::kRestartSlack));
  }
  time_.Discipline(time_.Wall());
  LookTwice();
  Sweep();
  server_.Stop();
  time_.Reboot(time_.Wall() + absl::Minutes(10));
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), time_.Wall()) << "there is some again";
}

TEST_F(ClockGuard, WhatWasTakenOnTrustIsGivenBackByStandingStill) {
  server_.Stop();
  time_.Reboot(kMonday + absl::Minutes(10));
  ASSERT_TRUE(Restart().ok());
  ASSERT_EQ(Now(), kMonday + absl::Minutes(10));
  time_.Discipline(kMonday + absl::Minutes(2));
  LookTwice();
  const absl::Time still = Now();
  EXPECT_EQ(still, kMonday + absl::Minutes(10) + GuardedClock::kAgreeAfter);
  PassAndSweep(absl::Minutes(5));
  EXPECT_EQ(Now(), still);
  PassAndSweep(absl::Minutes(5));
  EXPECT_EQ(Now(), time_.Wall());
}

TEST_F(ClockGuard, OnlyAnOperatorPutsItBack_AndNoKeyIsMintedAnew) {
  PassAndSweep(kMondaysDue - kMonday);
  ASSERT_FALSE(HasKey());
  // It had been wrong all the time.
  const absl::Time right = kMonday + kOneDay;
  time_.Discipline(right);
  LookTwice();
  EXPECT_EQ(Now(), kMondaysDue + GuardedClock::kAgreeAfter);
  EXPECT_TRUE(Waits());
  ASSERT_TRUE(Confirm(right).ok());
  EXPECT_EQ(Now(), right + GuardedClock::kAgreeAfter);
  EXPECT_FALSE(Shows("Ada"));
  EXPECT_EQ(RecordLate("late").Summary(), "OK");
  EXPECT_FALSE(Shows("Eve") || HasKey()) << "its day is over for good";
  ASSERT_TRUE(Restart().ok());
  EXPECT_EQ(Now(), right + GuardedClock::kAgreeAfter);
  EXPECT_EQ(Corrections(), (std::vector<std::string>{"2026-03-09T23:00:30 2026-03-03T09:00:30 CONFIRMED"}));
}

TEST_F(ClockGuard, WhoBringsNothingDoubtfulDoesNotWait) {
  time_.Jump(20 * kOneDay);
  EXPECT_EQ(RecordLate("late").Summary(), "UNAVAILABLE CLOCK_IN_DOUBT");
  EXPECT_EQ(server_.Health(""), 1) << "that is no failure of the store";
  v1::BatchRecordEventsRequest request;
  *request.add_events() = Joined("other", "now", kMonday, "q");
  const CallEnd end = server_.Call("/retention.v1.EventService/BatchRecordEvents", request);
  EXPECT_EQ(end.Summary(), "UNAVAILABLE CLOCK_IN_DOUBT") << "its addresses are due by the machine's clock";
  time_.Jump(-20 * kOneDay);
  EXPECT_TRUE(server_.Call("/retention.v1.EventService/BatchRecordEvents", request).ok());
  EXPECT_EQ(RecordLate("late").Summary(), "OK");
  EXPECT_TRUE(Shows("Eve"));
  time_.Jump(absl::Hours(2));
  *request.add_events() = Joined("other", "later", kMonday, "r");
  EXPECT_TRUE(server_.Call("/retention.v1.EventService/BatchRecordEvents", request).ok())
      << "due by both, or by neither";
}

TEST_F(ClockGuard, WhereTheProcessDiesBetweenCorrectionAndEntryTheNextOneEntersIt) {
  server_.Stop();
  time_.Reboot(kMonday + 21 * kOneDay);
  time_.Discipline(kMonday + 21 * kOneDay);
  ASSERT_TRUE(Restart().ok());
  disk_.FailWrites(FaultFileSystem::Fault::kDiskFull);
  server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest());
  time_.Pass(GuardedClock::kAgreeAfter);
  server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest());
  EXPECT_EQ(Now(), kMonday + 21 * kOneDay + GuardedClock::kAgreeAfter) << "it needs no store";
  // What kill -9 leaves.
  const fs::path copy = server_.directory() / "killed";
  fs::create_directory(copy);
  fs::copy(server_.directory() / "data", copy / "data", fs::copy_options::recursive);
  fs::copy(server_.directory() / "ring", copy / "ring", fs::copy_options::recursive);
  server_.Stop();
  for (int start = 0; start < 2; ++start) {
    ServerOptions options;
    OnTheMachine()(options);
    options.listen_addresses = {"127.0.0.1:0"};
    options.data_directory = (copy / "data").string();
    options.key_ring_directory = (copy / "ring").string();
    options.policy_file = RETENTION_POLICY_FILE;
    options.ballast_bytes = 0;
    options.store = {};
    const auto next = Server::Start(options);
    ASSERT_TRUE(next.ok()) << next.status();
  }
  EXPECT_EQ(Corrections(copy / "data"),
            (std::vector<std::string>{"2026-03-02T09:00:00 2026-03-02T09:15:00 RESTARTED",
                                      "2026-03-02T09:15:30 2026-03-23T09:00:30 VOUCHED_FOR"}))
      << "once";
}

TEST_F(ClockGuard, AStartWithoutAStoreDestroysByTheEnginesClock) {
  server_.Stop();
  time_.Jump(40 * kOneDay);
  const fs::path data = server_.directory() / "data";
  fs::rename(data, server_.directory() / "aside");
  std::ofstream(data) << "no directory";
  EXPECT_FALSE(Restart().ok());
  time_.Reboot(time_.Wall());
  EXPECT_FALSE(Restart().ok());
  fs::remove(data);
  fs::rename(server_.directory() / "aside", data);
  ASSERT_TRUE(Restart().ok());
  EXPECT_TRUE(HasKey());
  time_.SetWall(Now());
  EXPECT_TRUE(Shows("Ada"));
}

TEST_F(ClockGuard, WithoutAWitnessTheLedgerSaysHowLateItWas) {
  server_.Stop();
  fs::remove(server_.directory() / "ring" / "witness");
  time_.Jump(40 * kOneDay);
  EXPECT_EQ(DetailsOf(Restart()).reason, "WITNESS_MISSING");
  const absl::Status status = server_.Restart([this](ServerOptions& options) {
    OnTheMachine()(options);
    options.accept_data_loss = true;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(HasKey() && Waits());
  EXPECT_EQ(Now(), kMonday + GuardedClock::kRestartSlack);
}

TEST_F(ClockGuard, AStoreKeepsToItsKindOfClock) {
  server_.Stop();
  const auto simulated = [](ServerOptions& options) { options.simulated_start = kMonday + 40 * kOneDay; };
  for (const char* without : {"", "witness"}) {
    if (*without != '\0') fs::remove(server_.directory() / "ring" / without);
    const absl::Status refused = server_.Restart(simulated);
    EXPECT_EQ(DetailsOf(refused).reason, "CLOCK_MISMATCH") << refused;
    EXPECT_FALSE(absl::StrContains(refused.message(), '\n'));
  }
  RunningServer other(simulated);
  other.AdvanceTo(kMonday + 50 * kOneDay);
  const absl::Status again = other.Restart(simulated);
  ASSERT_TRUE(again.ok()) << again;
  v1::GetClockResponse clock;
  ASSERT_TRUE(other.Call("/retention.v1.ClockService/GetClock", v1::GetClockRequest(), &clock).ok());
  EXPECT_EQ(clock.now().seconds(), absl::ToUnixSeconds(kMonday + 50 * kOneDay)) << "it does not go back either";
  EXPECT_EQ(DetailsOf(other.Restart(OnTheMachine())).reason, "CLOCK_MISMATCH");
}

TEST_F(ClockGuard, ASimulatedStoreGoesOnWhereItWasUnlessALaterStartIsGiven) {
  const auto anywhere = [](ServerOptions& options) { options.simulated_start = absl::InfinitePast(); };
  const auto now_of = [](RunningServer& server) {
    v1::GetClockResponse clock;
    EXPECT_TRUE(server.Call("/retention.v1.ClockService/GetClock", v1::GetClockRequest(), &clock).ok());
    return absl::FromUnixSeconds(clock.now().seconds());
  };
  // Long before today: a jump to now would end all that is held.
  RunningServer server;
  server.AdvanceTo(kMonday + kOneDay);
  ASSERT_EQ(DetailsOf(server.Restart(OnTheMachine())).reason, "CLOCK_MISMATCH");
  ASSERT_TRUE(server.Restart(anywhere).ok());
  EXPECT_EQ(now_of(server), kMonday + kOneDay);
  RunningServer fresh(anywhere);
  EXPECT_GT(now_of(fresh), kMonday + kOneDay) << "a new one begins now";
}

}  // namespace
}  // namespace retention
