#include "server/engine/forecast.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"

namespace retention {
namespace {

const absl::Time kValuesDue = At("2026-03-10T00:00:00+01:00");

// Rows and values, by due day (0 for none) and category.
using Totals = std::map<std::pair<int, int>, std::pair<uint64_t, uint64_t>>;

void AddTo(Totals& totals, const v1::ListDueDaysResponse& response) {
  for (const v1::DueBucket& bucket : response.buckets()) {
    const int day = bucket.due_day().month() * 100 + bucket.due_day().day();
    auto& [rows, values] = totals[{day, bucket.category()}];
    rows += bucket.rows();
    values += bucket.values();
  }
}

Totals& operator+=(Totals& totals, const Totals& more) {
  for (const auto& [bucket, count] : more) {
    totals[bucket].first += count.first;
    totals[bucket].second += count.second;
  }
  return totals;
}

v1::ListDueDaysRequest OfPbx(const std::string& pbx_id) {
  v1::ListDueDaysRequest request;
  request.set_pbx_id(pbx_id);
  return request;
}

v1::ListDueDaysRequest OfController(const std::string& controller_id) {
  v1::ListDueDaysRequest request;
  request.set_controller_id(controller_id);
  return request;
}

// Three PBXs of two controllers, with meetings of two days on each, and log lines.
class ForecastTest : public ::testing::Test {
 protected:
  ForecastTest() : harness_(kMonday) {
    Plant("pbx-a", "controller-1", 1);
    Plant("pbx-b", "controller-1", 2);
    Plant("pbx-c", "controller-2", 3);
    Append(harness_.engine(), {Line(v1::LOG_SERVER_MCU, kMonday, "a line"), Line(v1::LOG_SERVER_PORTAL, kMonday, "b")},
           kMonday);
  }

  void Plant(const std::string& pbx_id, const std::string& controller, int meetings) {
    v1::PbxSynced synced;
    synced.set_controller_id(controller);
    synced.add_extensions()->set_number("100");
    ASSERT_TRUE(harness_.engine().SyncPbx(pbx_id, synced, kMonday).ok());
    for (int i = 0; i < meetings; ++i) {
      const std::string meeting = "m" + std::to_string(i);
      const absl::Time start = kMonday + absl::Hours(24 * i);
      std::vector<v1::Event> events = {
          Scheduled(meeting, "s", kMonday, start, absl::Hours(1)),
          Joined(meeting, "j", kMonday, "p", "Ada Example", "ada@example.org", "192.0.2.1"),
          Recording(meeting, "r", kMonday, "recording"), Pdf(meeting, "d", kMonday, "pdf"),
          File(meeting, "f", kMonday, "file")};
      for (v1::Event& event : events) event.set_pbx_id(pbx_id);
      EXPECT_EQ(harness_.Record(events).rejections_size(), 0);
    }
  }

  // Over as many pages as it takes, of at most so many rows.
  Totals Ask(v1::ListDueDaysRequest request, size_t page_rows = kForecastPageRows) {
    Totals totals;
    pages_ = 0;
    do {
      const auto response = Forecast(harness_.engine(), request, harness_.now, page_rows);
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok()) break;
      AddTo(totals, *response);
      request.set_page_token(response->next_page_token());
      ++pages_;
    } while (!request.page_token().empty() && pages_ < 1000);
    return totals;
  }
  absl::Status Refusal(const v1::ListDueDaysRequest& request) {
    return Forecast(harness_.engine(), request, harness_.now).status();
  }

  Harness harness_;
  int pages_ = 0;
};

TEST_F(ForecastTest, AllPbxsAndTheLogsTogetherAreTheUnscopedAnswer) {
  Totals all;
  for (const char* pbx : {"pbx-a", "pbx-b", "pbx-c"}) {
    const Totals one = Ask(OfPbx(pbx));
    EXPECT_FALSE(one.empty());
    for (const auto& [bucket, count] : one) EXPECT_NE(bucket.second, v1::DATA_CATEGORY_SERVER_LOG);
    all += one;
  }
  v1::ListDueDaysRequest logs;
  logs.add_categories(v1::DATA_CATEGORY_SERVER_LOG);
  EXPECT_EQ(Ask(logs).size(), 1u);
  all += Ask(logs);
  EXPECT_EQ(all, Ask({}));
}

TEST_F(ForecastTest, AControllersAnswerIsThatOfItsPbxs) {
  Totals both = Ask(OfPbx("pbx-a"));
  both += Ask(OfPbx("pbx-b"));
  EXPECT_EQ(Ask(OfController("controller-1")), both);
  EXPECT_EQ(Ask(OfController("controller-2")), Ask(OfPbx("pbx-c")));
}

TEST_F(ForecastTest, PagesOfAnySizeAddUpToTheSame) {
  const Totals whole = Ask(OfController("controller-1"));
  EXPECT_EQ(pages_, 1);
  for (const size_t page_rows : {1u, 2u, 3u, 7u}) {
    EXPECT_EQ(Ask(OfController("controller-1"), page_rows), whole) << page_rows;
    EXPECT_GT(pages_, 3);
  }
}

TEST_F(ForecastTest, DaysAndCategoriesAreFilteredWithinAScope) {
  v1::ListDueDaysRequest request = OfPbx("pbx-c");
  request.add_categories(v1::DATA_CATEGORY_MEETING_NAME);
  request.mutable_first_day()->set_year(2026);
  request.mutable_first_day()->set_month(3);
  request.mutable_first_day()->set_day(10);
  *request.mutable_last_day() = request.first_day();
  const Totals expected = {{{310, v1::DATA_CATEGORY_MEETING_NAME}, {1, 1}}};
  EXPECT_EQ(Ask(request), expected);
}

TEST_F(ForecastTest, WhatIsOverdueIsShownUntilItsDayEnds_WithAndWithoutAScope) {
  harness_.now = kValuesDue;
  const std::pair<int, int> names = {309, v1::DATA_CATEGORY_PARTICIPANT_NAME};
  EXPECT_TRUE(Ask({}).contains(names));
  EXPECT_TRUE(Ask(OfPbx("pbx-a")).contains(names));
  ASSERT_TRUE(harness_.engine().EndDays(harness_.now).ok());
  const DueDay day(absl::CivilDay(2026, 3, 9));
  ASSERT_TRUE(harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, kParticipantName))->Valid())
      << "its rows still lie there";
  EXPECT_FALSE(Ask({}).contains(names));
  EXPECT_FALSE(Ask(OfPbx("pbx-a")).contains(names));
  EXPECT_FALSE(Ask(OfController("controller-1")).contains(names));
}

TEST_F(ForecastTest, TheHistoryOfAnEndedPbxIsInTheUnscopedAnswerAlone) {
  ASSERT_TRUE(harness_.EndPbx("pbx-c").ok());
  EXPECT_EQ(DetailsOf(Refusal(OfPbx("pbx-c"))).reason, "PBX_UNKNOWN");
  EXPECT_EQ(DetailsOf(Refusal(OfController("controller-2"))).reason, "CONTROLLER_UNKNOWN");
  Totals lived = Ask(OfController("controller-1"));
  const Totals all = Ask({});
  uint64_t left = 0;
  for (const auto& [bucket, count] : all) {
    if (lived[bucket] == count || bucket.second == v1::DATA_CATEGORY_SERVER_LOG) continue;
    EXPECT_EQ(bucket.second, v1::DATA_CATEGORY_HISTORY);
    left += count.second - lived[bucket].second;
  }
  EXPECT_GT(left, 0u);
}

TEST_F(ForecastTest, EveryFlawNamesItsField) {
  v1::ListDueDaysRequest both = OfPbx("pbx-a");
  both.set_controller_id("controller-1");
  EXPECT_EQ(DetailsOf(Refusal(both)).field(), "controller_id");
  EXPECT_EQ(DetailsOf(Refusal(OfPbx("with space"))).field(), "pbx_id");
  EXPECT_EQ(DetailsOf(Refusal(OfController("with space"))).field(), "controller_id");
  v1::ListDueDaysRequest unscoped;
  unscoped.set_page_token("AAAA");
  EXPECT_EQ(DetailsOf(Refusal(unscoped)).field(), "page_token");
  v1::ListDueDaysRequest scoped = OfPbx("pbx-a");
  scoped.set_page_token("AAAA");
  EXPECT_EQ(DetailsOf(Refusal(scoped)).field(), "page_token");
  EXPECT_EQ(DetailsOf(Refusal(OfPbx("nobody"))).reason, "PBX_UNKNOWN");
  EXPECT_EQ(DetailsOf(Refusal(OfController("nobody"))).reason, "CONTROLLER_UNKNOWN");
}

TEST_F(ForecastTest, LogExtensionsInForceAreShownWithTheDaysThatTheyDecide) {
  ASSERT_TRUE(Extend(harness_.engine(), ExtensionUntil(v1::LOG_SERVER_MCU, "2026-03-20"), kMonday).ok());
  v1::ListDueDaysRequest logs;
  logs.add_categories(v1::DATA_CATEGORY_SERVER_LOG);
  const auto response = Forecast(harness_.engine(), logs, harness_.now);
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->log_extensions_size(), 1);
  EXPECT_EQ(response->log_extensions(0).server(), v1::LOG_SERVER_MCU);
  EXPECT_EQ(response->log_extensions(0).until().day(), 20);
  ASSERT_EQ(response->buckets_size(), 2);
  EXPECT_EQ(response->buckets(0).due_day().day(), 9);
  EXPECT_EQ(response->buckets(1).due_day().day(), 20);
  v1::ListDueDaysRequest names;
  names.add_categories(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  EXPECT_EQ(Forecast(harness_.engine(), names, harness_.now)->log_extensions_size(), 0);
  EXPECT_EQ(Forecast(harness_.engine(), OfPbx("pbx-a"), harness_.now)->log_extensions_size(), 0);
  EXPECT_EQ(Forecast(harness_.engine(), {}, At("2026-03-21T00:00:00+01:00"))->log_extensions_size(), 0) << "it is over";
}

}  // namespace
}  // namespace retention
