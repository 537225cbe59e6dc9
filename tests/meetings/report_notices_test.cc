#include "server/meetings/report_notices.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/harness.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

constexpr auto kComplete = v1::REPORT_NOTICE_KIND_COMPLETE;
constexpr auto kLeaving = v1::REPORT_NOTICE_KIND_NAMES_LEAVING;

// What a watcher that comes now is told, message by message.
std::vector<std::vector<v1::ReportNotice>> Messages(Harness& harness, uint64_t after = 0, const std::string& pbx = "") {
  v1::WatchReportsRequest request;
  request.set_after_notice_id(after);
  request.set_pbx_id(pbx);
  auto delivery = ReportDelivery::For(harness.store(), harness.engine().holdings(), request, harness.now);
  EXPECT_TRUE(delivery.ok()) << delivery.status();
  std::vector<std::vector<v1::ReportNotice>> messages;
  while (delivery.ok()) {
    auto message = delivery->Next(harness.now);
    EXPECT_TRUE(message.ok()) << message.status();
    if (!message.ok()) break;
    if (!message->notices.empty())
      messages.push_back(std::move(message->notices));
    else if (message->next != absl::InfinitePast())
      break;
  }
  return messages;
}

std::vector<v1::ReportNotice> Notices(Harness& harness, uint64_t after = 0) {
  std::vector<v1::ReportNotice> all;
  for (const auto& message : Messages(harness, after)) all.insert(all.end(), message.begin(), message.end());
  return all;
}

// "m complete", "m leaving".
std::vector<std::string> Told(Harness& harness, uint64_t after = 0) {
  std::vector<std::string> told;
  for (const v1::ReportNotice& notice : Notices(harness, after)) {
    told.push_back(notice.meeting_id() + (notice.kind() == kComplete ? " complete" : " leaving"));
  }
  return told;
}
using Tellings = std::vector<std::string>;

void SweepAt(Harness& harness, absl::Time time) {
  harness.now = time;
  harness.Sweep();
}

// A quick meeting of ten minutes that has ended.
void Meet(Harness& harness, const std::string& meeting, absl::Time start) {
  harness.Record({Joined(meeting, meeting + "-j", start, "p", "Ada", "ada@example.org"),
                  Left(meeting, meeting + "-l", start + absl::Minutes(10), "p")});
}

class ReportNotices : public ::testing::Test {
 protected:
  ReportNotices() : harness_(kMonday + absl::Hours(2)) { harness_.SyncPbx(); }
  void Wait(absl::Duration time = absl::Minutes(1)) { harness_.now += time; }

  Harness harness_;
};

TEST_F(ReportNotices, ACompleteReportIsToldOnceItHasSettled) {
  Meet(harness_, "m", kMonday);
  const absl::Time given = harness_.now;
  harness_.now = given + kRefreshWithin - kTick;
  EXPECT_EQ(Told(harness_), Tellings());
  harness_.now = given + kRefreshWithin;
  const auto notices = Notices(harness_);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind(), kComplete);
  EXPECT_EQ(notices[0].pbx_id(), "pbx");
  EXPECT_EQ(notices[0].meeting_id(), "m");
  EXPECT_EQ(notices[0].occurrence(), harness_.Get("m")->occurrence());
  EXPECT_EQ(notices[0].end_time().seconds(), absl::ToUnixSeconds(kMonday + absl::Minutes(10)));
  EXPECT_FALSE(notices[0].end_presumed());
  EXPECT_EQ(notices[0].names_leave_time().seconds(), absl::ToUnixSeconds(At("2026-03-10T00:00:00+01:00")));
  EXPECT_EQ(notices[0].issue_time().seconds(), absl::ToUnixSeconds(given));
  EXPECT_EQ(Told(harness_, notices[0].notice_id()), Tellings()) << "who knows it is not told again";
}

TEST_F(ReportNotices, WhatDoesNotChangeAReportTellsNothingAnew) {
  Meet(harness_, "m", kMonday);
  Wait();
  const auto before = Notices(harness_);
  v1::Event sample = NewEvent("m", "q", kMonday + absl::Minutes(5));
  sample.mutable_media_quality_sampled()->set_participant_id("p");
  harness_.Record({Recording("m", "r", kMonday + absl::Minutes(20), "ref"), sample,
                   Left("m", "m-l", kMonday + absl::Minutes(10), "p")});
  SweepAt(harness_, harness_.now + absl::Hours(30));
  EXPECT_EQ(Told(harness_, before[0].notice_id()), Tellings());
}

TEST_F(ReportNotices, OneThatAnEventChangesIsToldAnewAndTheFormerIsWithdrawn) {
  Meet(harness_, "m", kMonday);
  Wait();
  const uint64_t first = Notices(harness_)[0].notice_id();
  harness_.Record(Reconnected("m", "late", kMonday + absl::Minutes(5), "p"));
  Wait();
  const auto anew = Notices(harness_);
  ASSERT_EQ(anew.size(), 1u);
  EXPECT_GT(anew[0].notice_id(), first);
}

TEST_F(ReportNotices, PeopleWhoComeBackTakeItBackUntilTheyHaveGone) {
  harness_.now = kMonday + absl::Minutes(10);
  Meet(harness_, "m", kMonday);
  harness_.now += absl::Seconds(20);
  harness_.Record(Joined("m", "back", harness_.now, "p", "Ada"));
  Wait(absl::Minutes(10));
  EXPECT_EQ(Told(harness_), Tellings());
  harness_.Record(Left("m", "gone", harness_.now, "p"));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
}

TEST_F(ReportNotices, AnEndThatNobodyReportsIsPresumedByTheSweep) {
  harness_.Record(Joined("m", "j", harness_.now, "p", "Ada"));
  const absl::Time end = harness_.now + absl::Hours(24);
  SweepAt(harness_, end - kTick);
  Wait();
  EXPECT_EQ(Told(harness_), Tellings());
  SweepAt(harness_, end + absl::Minutes(1));
  Wait();
  const auto notices = Notices(harness_);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_TRUE(notices[0].end_presumed());
  EXPECT_EQ(notices[0].end_time().seconds(), absl::ToUnixSeconds(end));
  // The true end replaces the presumption.
  harness_.Record(Left("m", "l", end, "p"));
  Wait();
  ASSERT_EQ(Notices(harness_).size(), 1u);
  EXPECT_FALSE(Notices(harness_)[0].end_presumed());
}

TEST_F(ReportNotices, ASignOfLifeMovesThePresumedEndAndNoTimerWithIt) {
  harness_.Record(Joined("m", "j", harness_.now, "p", "Ada"));
  const absl::Time joined = harness_.now;
  SweepAt(harness_, joined + absl::Hours(23));
  harness_.Record(Reconnected("m", "r", harness_.now, "p"));
  SweepAt(harness_, joined + absl::Hours(25));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings()) << "it goes on";
  SweepAt(harness_, joined + absl::Hours(47));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
}

TEST_F(ReportNotices, ThatNamesLeaveIsToldADayBeforeAndNoMoreWhenTheyHaveLeft) {
  Meet(harness_, "m", kMonday);
  const absl::Time leave = At("2026-03-10T00:00:00+01:00");
  SweepAt(harness_, leave - kNamesLeavingNotice - kTick);
  Wait(kTick + kRefreshWithin);
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
  SweepAt(harness_, leave - kNamesLeavingNotice);
  Wait();
  EXPECT_EQ(Told(harness_), (Tellings{"m complete", "m leaving"}));
  EXPECT_EQ(Notices(harness_)[1].names_leave_time().seconds(), absl::ToUnixSeconds(leave));
  harness_.now = leave - kTick;
  EXPECT_EQ(Told(harness_), (Tellings{"m complete", "m leaving"}));
  harness_.now = leave;  // swept or not
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
  EXPECT_FALSE(Notices(harness_)[0].has_names_leave_time());
}

TEST_F(ReportNotices, WhatHasNoNamesOrDidNotTakePlaceLosesNone) {
  harness_.Record({Scheduled("never", "s", harness_.now, harness_.now, absl::Hours(1)),
                   Joined("nameless", "j", harness_.now, "p"), Left("nameless", "l", harness_.now, "p")});
  SweepAt(harness_, At("2026-03-09T12:00:00+01:00"));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings{"nameless complete"});
}

TEST_F(ReportNotices, SurviveARestartAndNoNumberComesTwice) {
  Meet(harness_, "m", kMonday);
  Wait();
  const uint64_t first = Notices(harness_)[0].notice_id();
  ASSERT_TRUE(harness_.Reopen().ok());
  ASSERT_EQ(Notices(harness_).size(), 1u);
  EXPECT_EQ(Notices(harness_)[0].notice_id(), first);
  harness_.Record(Reconnected("m", "late", kMonday + absl::Minutes(5), "p"));
  ASSERT_TRUE(harness_.Reopen().ok());
  Meet(harness_, "n", kMonday);
  Wait();
  const auto notices = Notices(harness_, first);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_GT(notices[0].notice_id(), first);
  EXPECT_GT(notices[1].notice_id(), notices[0].notice_id());
}

TEST_F(ReportNotices, ABacklogComesInBoundedMessagesAndOfOnePbxIfAskedFor) {
  harness_.SyncPbx("other");
  std::vector<v1::Event> events;
  for (int i = 0; i < 230; ++i) {
    const std::string meeting = absl::StrCat("m", i);
    events.push_back(Joined(meeting, absl::StrCat("j", i), kMonday, "p", "Ada"));
    events.push_back(Left(meeting, absl::StrCat("l", i), kMonday + absl::Minutes(1), "p"));
    if (i % 50 == 0) {
      for (size_t at = events.size() - 2; at < events.size(); ++at) events[at].set_pbx_id("other");
    }
  }
  harness_.Record(events);
  Wait();
  const auto messages = Messages(harness_);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].size(), ReportDelivery::kMaxNoticesPerMessage);
  EXPECT_EQ(messages[2].size(), 30u);
  const auto others = Messages(harness_, 0, "other");
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].size(), 5u);
  EXPECT_EQ(others[0][0].pbx_id(), "other");
}

TEST_F(ReportNotices, NobodyIsToldOfWhatIsDeletedOrOfAPbxThatIsOver) {
  Meet(harness_, "m", kMonday);
  Meet(harness_, "n", kMonday);
  Wait();
  harness_.Record(Deleted("m", "d", harness_.now));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings{"n complete"});
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_EQ(Told(harness_), Tellings());
}

TEST_F(ReportNotices, GoWithTheReport) {
  Meet(harness_, "m", kMonday);
  const absl::Time due = At("2026-05-03T00:00:00+02:00");
  SweepAt(harness_, due - absl::Minutes(2));
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
  harness_.now = due;
  EXPECT_EQ(Told(harness_), Tellings()) << "swept or not";
  harness_.Sweep();
  EXPECT_FALSE(harness_.store().ScanPrefix(Family::kState, ReportNoticePrefix())->Valid());
  EXPECT_FALSE(harness_.store().ScanPrefix(Family::kState, BeginPrefix())->Valid());
}

TEST_F(ReportNotices, AnotherPolicyThatLetsNamesLeaveSoonerTellsItAtOnceAndOneThatKeepsThemTellsItAgain) {
  Meet(harness_, "m", kMonday);
  SweepAt(harness_, At("2026-03-05T12:00:00+01:00"));
  PlanAndApply(harness_, Days({{kParticipantName, 3}}));
  SweepAt(harness_, harness_.now + absl::Minutes(1));
  Wait();
  EXPECT_EQ(Told(harness_), (Tellings{"m complete", "m leaving"}));
  EXPECT_EQ(Notices(harness_)[1].names_leave_time().seconds(), absl::ToUnixSeconds(At("2026-03-06T00:00:00+01:00")));
  PlanAndApply(harness_, Days({{kParticipantName, 7}}));
  SweepAt(harness_, harness_.now + absl::Minutes(1));
  Wait();
  EXPECT_EQ(Told(harness_), Tellings{"m complete"});
  SweepAt(harness_, At("2026-03-09T00:00:00+01:00"));
  Wait();
  EXPECT_EQ(Told(harness_), (Tellings{"m complete", "m leaving"}));
}

TEST_F(ReportNotices, ANumberThatNobodyWasGivenIsRefused) {
  Meet(harness_, "m", kMonday);
  v1::WatchReportsRequest request;
  request.set_after_notice_id(harness_.engine().holdings().notices.last_given() + 1);
  const auto refused = ReportDelivery::For(harness_.store(), harness_.engine().holdings(), request, harness_.now);
  EXPECT_EQ(DetailsOf(refused.status()).field(), "after_notice_id");
  request.set_after_notice_id(0);
  request.set_pbx_id("another");
  const auto unknown = ReportDelivery::For(harness_.store(), harness_.engine().holdings(), request, harness_.now);
  EXPECT_EQ(DetailsOf(unknown.status()).reason, "PBX_UNKNOWN");
}

TEST(ReportNoticesAtADayWithoutMidnight, TheDayBeforeIsTwentyFourHoursLongThoughTheClocksChange) {
  // The names' last day is Sunday, 29 March, of 23 hours.
  Harness harness(At("2026-03-22T12:00:00+01:00"));
  harness.SyncPbx();
  Meet(harness, "m", At("2026-03-22T10:00:00+01:00"));
  const absl::Time told = At("2026-03-28T23:00:00+01:00");
  SweepAt(harness, told - kTick);
  harness.now += kRefreshWithin;
  EXPECT_EQ(Told(harness), Tellings{"m complete"});
  SweepAt(harness, told);
  harness.now += kRefreshWithin;
  EXPECT_EQ(Told(harness), (Tellings{"m complete", "m leaving"}));
}

}  // namespace
}  // namespace retention
