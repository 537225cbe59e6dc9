// Lists in their order, and histories that are folded once.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/meetings/meeting_folds.h"
#include "server/meetings/meeting_reader.h"
#include "tests/engine/harness.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

using MeetingIds = std::vector<std::string>;

v1::ListMeetingsRequest ListRequest(int page_size = 0, const std::string& order_by = "") {
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  request.set_page_size(page_size);
  request.set_order_by(order_by);
  return request;
}

// The next page, and where the one after it goes on.
MeetingIds Page(Harness& harness, v1::ListMeetingsRequest& request) {
  const auto page = harness.reader().ListMeetings(request, harness.now);
  EXPECT_TRUE(page.ok()) << page.status();
  MeetingIds ids;
  if (!page.ok()) return ids;
  for (const v1::Meeting& meeting : page->meetings()) ids.push_back(meeting.meeting_id());
  request.set_page_token(page->next_page_token());
  return ids;
}

MeetingIds All(Harness& harness, v1::ListMeetingsRequest request) {
  MeetingIds all;
  do {
    const MeetingIds page = Page(harness, request);
    all.insert(all.end(), page.begin(), page.end());
  } while (!request.page_token().empty());
  return all;
}

// In batches as large as they may be.
void RecordAll(Harness& harness, const std::vector<v1::Event>& events) {
  constexpr size_t kBatch = 1000;
  for (size_t begin = 0; begin < events.size(); begin += kBatch) {
    const size_t end = std::min(events.size(), begin + kBatch);
    harness.Record(std::vector<v1::Event>(events.begin() + static_cast<std::ptrdiff_t>(begin),
                                          events.begin() + static_cast<std::ptrdiff_t>(end)));
  }
}

class MeetingLists : public ::testing::Test {
 protected:
  MeetingLists() : harness_(kMonday) {
    harness_.SyncPbx();
    for (int i : {3, 1, 4, 0, 2}) Plan(i);
  }
  void Plan(int hour, const std::string& organizer = "100") {
    const std::string id = absl::StrCat("m", hour);
    harness_.Record(Scheduled(id, "s" + id, kMonday, kMonday + absl::Hours(hour), absl::Hours(1), organizer));
  }
  Harness harness_;
};

TEST_F(MeetingLists, ComeInTheOrderOfTheirBeginWhateverTheSizeOfAPage) {
  const MeetingIds ascending = {"m0", "m1", "m2", "m3", "m4"};
  const MeetingIds descending(ascending.rbegin(), ascending.rend());
  for (int size = 1; size <= 6; ++size) {
    EXPECT_EQ(All(harness_, ListRequest(size)), ascending);
    EXPECT_EQ(All(harness_, ListRequest(size, "begin_time")), ascending);
    EXPECT_EQ(All(harness_, ListRequest(size, "begin_time desc")), descending);
  }
  EXPECT_EQ(DetailsOf(harness_.reader().ListMeetings(ListRequest(0, "begin_time up"), kMonday).status()).field(),
            "order_by");
}

TEST_F(MeetingLists, TheLastPageHasNoTokenThoughItIsFull) {
  auto request = ListRequest(5);
  EXPECT_EQ(Page(harness_, request).size(), 5u);
  EXPECT_EQ(request.page_token(), "");
}

TEST_F(MeetingLists, WhatComesOrGoesMovesNothingElseToAnotherPage) {
  for (const bool descending : {false, true}) {
    Harness harness(kMonday);
    harness.SyncPbx();
    for (const int hour : {0, 2, 4, 6}) {
      const std::string id = absl::StrCat("m", hour);
      harness.Record(Scheduled(id, "s" + id, kMonday, kMonday + absl::Hours(hour), absl::Hours(1)));
    }
    auto request = ListRequest(2, descending ? "begin_time desc" : "");
    EXPECT_EQ(Page(harness, request), (descending ? MeetingIds{"m6", "m4"} : MeetingIds{"m0", "m2"}));
    harness.Record({Deleted(descending ? "m4" : "m2", "gone", kMonday),
                    Scheduled("before", "b", kMonday, kMonday + absl::Hours(descending ? 7 : 1), absl::Hours(1)),
                    Scheduled("after", "a", kMonday, kMonday + absl::Hours(3), absl::Hours(1))});
    EXPECT_EQ(Page(harness, request), (descending ? MeetingIds{"after", "m2"} : MeetingIds{"after", "m4"}));
    EXPECT_EQ(Page(harness, request), (descending ? MeetingIds{"m0"} : MeetingIds{"m6"}));
  }
}

TEST_F(MeetingLists, AnExtensionsMeetingsFollowWhoSchedulesThem) {
  Plan(5, "101");
  auto of_101 = ListRequest();
  of_101.set_organizer_extension("101");
  EXPECT_EQ(All(harness_, of_101), MeetingIds{"m5"});
  harness_.Record({Scheduled("m3", "again", kMonday + kTick, kMonday + absl::Hours(3), absl::Hours(1), "101")});
  EXPECT_EQ(All(harness_, of_101), (MeetingIds{"m3", "m5"}));
  of_101.set_organizer_extension("100");
  of_101.set_order_by("begin_time desc");
  EXPECT_EQ(All(harness_, of_101), (MeetingIds{"m4", "m2", "m1", "m0"}));
}

TEST_F(MeetingLists, OnesThatGoOnEndAfterAnyTimeBeforeTheirPresumedEnd) {
  // Planned to end at one, and still there the day after.
  harness_.now = kMonday + absl::Hours(2);
  harness_.Record(Joined("m2", "j", kMonday + absl::Hours(2), "p"));
  harness_.now = kMonday + absl::Hours(20);
  auto request = ListRequest();
  SetTime(absl::ToUnixMicros(kMonday + absl::Hours(19)), *request.mutable_ends_after());
  EXPECT_EQ(All(harness_, request), MeetingIds{"m2"});
  SetTime(absl::ToUnixMicros(kMonday + absl::Hours(3 + 24)), *request.mutable_ends_after());
  EXPECT_EQ(All(harness_, request), MeetingIds());
}

TEST_F(MeetingLists, TheLongestOccurrenceThereCanBeIsFoundByItsEnd) {
  const absl::Duration week = absl::Hours(7 * 24);
  harness_.Record(Scheduled("long", "l", kMonday, kMonday + absl::Hours(1), week));
  const absl::Time late = kMonday + absl::Hours(1) + week + absl::Hours(24);
  harness_.now = late;
  harness_.Record(Joined("long", "j", kMonday + absl::Hours(1), "p"));
  harness_.Record(Left("long", "k", kMonday + absl::Hours(2), "p"));
  harness_.Record(Joined("long", "n", late - kTick, "p"));
  harness_.now = late + week - absl::Hours(1);
  harness_.Record(Reconnected("long", "r", harness_.now, "p"));
  harness_.now += absl::Hours(3);
  auto request = ListRequest();
  const auto end = harness_.Get("long");
  ASSERT_TRUE(end.ok()) << end.status();
  SetTime(absl::ToUnixMicros(harness_.now - absl::Hours(3)), *request.mutable_ends_after());
  EXPECT_EQ(All(harness_, request), MeetingIds{"long"});
}

TEST_F(MeetingLists, ARoomsOccurrencesComeInTheSameOrder) {
  for (int day = 0; day < 5; ++day) {
    const absl::Time start = kMonday - absl::Hours(24) * ((day * 2) % 5);  // in none
    const std::string id = absl::StrCat(day);
    harness_.Record({Joined("room", "j" + id, start, "p"), Left("room", "l" + id, start + absl::Minutes(1), "p")});
  }
  for (const bool descending : {false, true}) {
    auto request = ListRequest(2, descending ? "begin_time desc" : "");
    request.set_meeting_id("room");
    std::vector<int64_t> begins;
    do {
      const auto page = harness_.reader().ListMeetings(request, harness_.now);
      ASSERT_TRUE(page.ok());
      for (const v1::Meeting& meeting : page->meetings()) begins.push_back(meeting.begin_time().seconds());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(begins.size(), 5u);
    if (descending) std::reverse(begins.begin(), begins.end());
    EXPECT_TRUE(std::is_sorted(begins.begin(), begins.end()));
  }
}

TEST_F(MeetingLists, NeedNoHistory) {
  // Of a copy in which no row of history can be read.
  class WithoutHistory final : public MapStore {
   public:
    explicit WithoutHistory(const StoreView& view) : MapStore(Strip(RowsOf(view))) {}

   private:
    static std::shared_ptr<MapDisk> Strip(Rows rows) {
      std::erase_if(rows[static_cast<size_t>(Family::kFiled)],
                    [](const auto& row) { return FiledKey::Decode(row.first)->category == kHistory; });
      return std::make_shared<MapDisk>(std::move(rows));
    }
  };
  const WithoutHistory stripped(harness_.store());
  const MeetingReader reader(stripped, harness_.engine().holdings());
  const auto page = reader.ListMeetings(ListRequest(), harness_.now);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->meetings_size(), 5);
  EXPECT_EQ(page->meetings(0).meeting_id(), "m0");
  EXPECT_EQ(page->meetings(0).name(), "Quarterly review");
}

// One reader, as the server has it: what it keeps must say no less and no more than the rows.
class MeetingFoldsTest : public ::testing::Test {
 protected:
  MeetingFoldsTest() : harness_(kMonday + absl::Hours(1)), reader_(harness_.store(), harness_.engine().holdings()) {
    harness_.SyncPbx();
    harness_.Record({Joined("m", "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                     Joined("m", "j2", kMonday + absl::Minutes(1), "q", "Bob", "bob@example.org", "192.0.2.2"),
                     Left("m", "l", kMonday + absl::Minutes(10), "p")});
  }
  absl::StatusOr<v1::MeetingReport> Report() {
    v1::GetMeetingReportRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id("m");
    auto response = reader_.GetMeetingReport(request, harness_.now);
    if (!response.ok()) return response.status();
    return response->report();
  }
  std::vector<v1::Participant> Participants() {
    v1::ListParticipantsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id("m");
    const auto response = reader_.ListParticipants(request, harness_.now);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return {};
    return {response->participants().begin(), response->participants().end()};
  }
  Harness harness_;
  MeetingReader reader_;
};

TEST_F(MeetingFoldsTest, AnAnswerFollowsEveryEvent) {
  EXPECT_EQ(Report()->participants(0).total_time().seconds(), 600);
  harness_.Record(Reconnected("m", "r", kMonday + absl::Minutes(11), "p"));
  EXPECT_EQ(Report()->participants(0).reconnections(), 1u);
  harness_.Record(Joined("m", "j3", kMonday - absl::Minutes(1), "r", "Cem"));
  EXPECT_EQ(Report()->participants(0).name(), "Cem");
  EXPECT_EQ(Participants().size(), 3u);
  harness_.Record(Joined("m", "j4", kMonday + absl::Minutes(12), "r", "Cem C."));
  EXPECT_EQ(Report()->participants(0).name(), "Cem C.") << "the latest counts";
  ASSERT_TRUE(harness_.Reopen().ok());
}

TEST_F(MeetingFoldsTest, NothingThatIsDueIsShownAndNothingThatIsDueIsKept) {
  EXPECT_EQ(Report()->participants(0).name(), "Ada");
  harness_.now = At("2026-03-10T00:00:00+01:00") - kTick;
  EXPECT_EQ(Report()->participants(0).name(), "Ada");
  ASSERT_EQ(Report()->participants(0).participant_ids_size(), 1);
  harness_.now += kTick;
  EXPECT_EQ(Report()->participants(0).name(), "participant 1");
  EXPECT_EQ(Report()->participants(0).participant_ids_size(), 0);
  const auto participants = Participants();
  ASSERT_EQ(participants.size(), 2u);
  EXPECT_EQ(participants[0].participant_id(), "participant 1");
  EXPECT_EQ(participants[0].email(), "");
  EXPECT_EQ(participants[0].ips_size(), 0);
  harness_.now = At("2026-05-03T00:00:00+02:00");
  EXPECT_EQ(DetailsOf(Report().status()).reason, "ANONYMISED");
}

TEST_F(MeetingFoldsTest, WhatANewPolicyEndsIsNotShownThoughItWasFolded) {
  harness_.now = At("2026-03-06T12:00:00+01:00");
  EXPECT_EQ(Report()->participants(0).name(), "Ada");
  PlanAndApply(harness_, Days({{kParticipantName, 3}}));
  EXPECT_EQ(Report()->participants(0).name(), "participant 1") << "due by the policy in force, swept or not";
  EXPECT_EQ(Report()->participants(0).participant_ids_size(), 1) << "their address lives";
}

TEST_F(MeetingFoldsTest, ALargeHistoryTakesLongOnceAndAReportOfManyAlways) {
  v1::GetMeetingRequest meeting;
  meeting.set_pbx_id("pbx");
  meeting.set_meeting_id("m");
  v1::GetMeetingReportRequest report;
  report.set_pbx_id("pbx");
  report.set_meeting_id("m");
  v1::ListParticipantsRequest participants;
  participants.set_pbx_id("pbx");
  participants.set_meeting_id("m");
  EXPECT_FALSE(reader_.TakesLong(meeting, harness_.now));
  std::vector<v1::Event> events;
  for (uint32_t i = 0; i < MeetingReader::kLargeEvents; ++i) {
    events.push_back(Reconnected("m", absl::StrCat("r", i), kMonday + absl::Seconds(i % 60), "p"));
  }
  RecordAll(harness_, events);
  EXPECT_TRUE(reader_.TakesLong(meeting, harness_.now));
  EXPECT_TRUE(reader_.TakesLong(report, harness_.now));
  EXPECT_TRUE(reader_.TakesLong(participants, harness_.now));
  EXPECT_EQ(Participants().size(), 2u);
  EXPECT_FALSE(reader_.TakesLong(meeting, harness_.now));
  EXPECT_FALSE(reader_.TakesLong(report, harness_.now));
  events.clear();
  for (size_t i = 0; i < MeetingReader::kLargePeople; ++i) {
    events.push_back(Joined("m", absl::StrCat("n", i), kMonday + absl::Minutes(2), absl::StrCat("n", i), "Name"));
  }
  RecordAll(harness_, events);
  EXPECT_TRUE(reader_.TakesLong(participants, harness_.now)) << "it has changed";
  EXPECT_EQ(Report()->participants_size(), static_cast<int>(MeetingReader::kLargePeople) + 2);
  EXPECT_TRUE(reader_.TakesLong(report, harness_.now));
  EXPECT_FALSE(reader_.TakesLong(participants, harness_.now));
  meeting.set_meeting_id("another");
  EXPECT_FALSE(reader_.TakesLong(meeting, harness_.now));
}

TEST_F(MeetingFoldsTest, PagesOfParticipantsAreThoseOfOneListWhoeverComesMeanwhile) {
  std::vector<v1::Event> events = {Scheduled("g", "s", kMonday - absl::Hours(1), kMonday, absl::Hours(1)),
                                   Joined("g", "gj", kMonday, "p", "Ada"),
                                   Joined("g", "gq", kMonday + absl::Minutes(1), "q", "Bob")};
  for (int i = 0; i < 7; ++i) {
    v1::Event invited = NewEvent("g", absl::StrCat("i", i), kMonday - absl::Minutes(10 - i));
    invited.mutable_participant_invited()->mutable_invitee()->set_participant_id(absl::StrCat("guest", i));
    invited.mutable_participant_invited()->mutable_invitee()->set_name("Guest");
    events.push_back(invited);
  }
  harness_.Record(events);
  v1::ListParticipantsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("g");
  request.set_page_size(2);
  MeetingIds seen;
  for (int page = 0;; ++page) {
    const auto response = reader_.ListParticipants(request, harness_.now);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const v1::Participant& participant : response->participants()) seen.push_back(participant.participant_id());
    request.set_page_token(response->next_page_token());
    if (request.page_token().empty()) break;
    // One who was on no page yet comes first from now on.
    if (page == 1) harness_.Record(Joined("g", "early", kMonday - absl::Minutes(1), "guest6", "Guest"));
  }
  EXPECT_EQ(seen, (MeetingIds{"p", "q", "guest", "guest0", "guest1", "guest2", "guest3", "guest4", "guest5"}));
}

TEST(MeetingParticipants, NobodyIsOnTwoPagesThoughSomebodyIsKnownToHaveComeEarlier) {
  Harness harness(kMonday + absl::Hours(1));
  harness.SyncPbx();
  harness.Record({Joined("m", "j1", kMonday + absl::Minutes(1), "p1"),
                  Joined("m", "j2", kMonday + absl::Minutes(2), "p2"),
                  Joined("m", "j3", kMonday + absl::Minutes(3), "p3")});
  v1::ListParticipantsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("m");
  request.set_page_size(1);
  MeetingIds seen;
  for (int page = 0;; ++page) {
    const auto response = harness.reader().ListParticipants(request, harness.now);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const v1::Participant& participant : response->participants()) seen.push_back(participant.participant_id());
    request.set_page_token(response->next_page_token());
    if (request.page_token().empty()) break;
    if (page == 0) harness.Record(Joined("m", "j0", kMonday, "p0"));
  }
  EXPECT_EQ(seen, (MeetingIds{"p1", "p2", "p3"}));
}

TEST(MeetingParticipants, WhoAreInvitedByOneEventAreOnOnePageEach) {
  Harness harness(kMonday);
  harness.SyncPbx();
  v1::Event scheduled = Scheduled("m", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1));
  scheduled.mutable_meeting_scheduled()->clear_invitees();
  MeetingIds invited;
  for (int i = 0; i < 40; ++i) {
    v1::Invitee& invitee = *scheduled.mutable_meeting_scheduled()->add_invitees();
    invitee.set_participant_id(absl::StrCat("guest", i));
    invitee.set_email(absl::StrCat("guest", i, "@kunde.example"));
    invited.push_back(invitee.participant_id());
  }
  harness.Record(scheduled);
  v1::ListParticipantsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("m");
  request.set_page_size(7);
  MeetingIds seen;
  do {
    const auto response = harness.reader().ListParticipants(request, harness.now);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const v1::Participant& participant : response->participants()) seen.push_back(participant.participant_id());
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, invited) << "in the order of the event";
}

TEST(MeetingFolds, AreBoundedByTheirBytesAndForgottenWhenTheyAreDue) {
  Harness harness(kMonday + absl::Hours(1));
  harness.SyncPbx();
  constexpr size_t kBound = 1500;
  MeetingFolds folds(kBound);
  std::vector<MeetingView> views;
  for (int i = 0; i < 10; ++i) {
    const std::string id = absl::StrCat("m", i);
    harness.Record({Joined(id, "j" + id, kMonday, "p", "Ada"), Left(id, "l" + id, kMonday + absl::Minutes(1), "p")});
  }
  const auto pbx = harness.engine().registry().Find("pbx", harness.now);
  const auto view = harness.store().Snapshot();
  for (auto cursor = view->ScanPrefix(Family::kState, LocatorPrefix(*pbx)); cursor->Valid(); cursor->Next()) {
    auto meeting = MeetingView::Read(*view, harness.engine().vault(), harness.engine().policies().current(), *pbx,
                                     DecodeLocatorKey(cursor->key())->meeting, harness.now);
    ASSERT_TRUE(meeting.ok() && meeting->has_value());
    const auto fold = MeetingFold::Of(**meeting);
    ASSERT_TRUE(fold.ok());
    EXPECT_EQ(folds.Find(**meeting), nullptr);
    folds.Keep(**meeting, *fold);
    EXPECT_EQ(folds.Find(**meeting), *fold);
    EXPECT_LE(folds.bytes(), kBound);
    views.push_back(**std::move(meeting));
  }
  EXPECT_GT(folds.bytes(), 0u);
  EXPECT_EQ(folds.Find(views.front()), nullptr) << "the one that was not asked for longest";
  folds.ForgetDue(At("2026-05-03T00:00:00+02:00") - kTick);
  EXPECT_GT(folds.bytes(), 0u);
  folds.ForgetDue(At("2026-05-03T00:00:00+02:00"));
  EXPECT_EQ(folds.bytes(), 0u);
}

}  // namespace
}  // namespace retention
