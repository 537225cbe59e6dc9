#include "server/anonymisation/query.h"

#include <gtest/gtest.h>

#include <cmath>

#include "questions.h"
#include "server/anonymisation/export.h"
#include "server/anonymisation/synthetic.h"

namespace retention {
namespace {

FakeCubes TwoWeeks() {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), Even);
  cubes.Add(Day(3, 30), kLargeProfile, TestPolicy(), Even);
  return cubes;
}

TEST(Query, PeopleAreAddedUpOverCohorts) {
  const FakeCubes cubes = TwoWeeks();
  const auto answer = Answer(cubes, Ask(v1::METRIC_PEOPLE));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 1);
  const v1::StatisticsRow& row = answer->rows(0);
  EXPECT_EQ(row.estimate(), 2 * 28'800);
  EXPECT_EQ(row.people(), row.estimate());
  EXPECT_LT(row.interval_low(), row.estimate());
  EXPECT_NEAR(row.interval_high() - row.estimate(), 1.96 * row.noise_stddev(), 0.1);
  EXPECT_EQ(row.coverage().cohorts(), 2u);
  EXPECT_GT(row.coverage().cohorts_in_range(), 50u);
  EXPECT_EQ(answer->unit(), "people");
  EXPECT_EQ(answer->table(), "people");
}

TEST(Query, GroupsAreTheValuesOfTheirDomains_InTheOrderAskedFor) {
  const FakeCubes cubes = TwoWeeks();
  const auto answer =
      Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_REGION, v1::DIMENSION_WEEK, v1::DIMENSION_CLIENT}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 4 * 2 * 3);
  EXPECT_EQ(answer->rows(0).group(0), "fra1");
  EXPECT_EQ(answer->rows(0).group(1), "2026-W13");
  EXPECT_EQ(answer->rows(0).group(2), "browser");
  EXPECT_EQ(answer->rows(23).group(0), "other");
  EXPECT_EQ(answer->rows(23).group(1), "2026-W14");
  EXPECT_EQ(answer->rows(23).group(2), "other");
  for (const auto& row : answer->rows()) EXPECT_EQ(row.estimate(), 28'800.0 / 12);
}

TEST(Query, FiltersKeepWhatTheySay) {
  const FakeCubes cubes = TwoWeeks();
  auto answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {}, "region = fra1 AND (client = browser OR client = mobile)"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(0).estimate(), 2 * 28'800.0 / 12 * 2);
  answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_REGION}, "region != fra1"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 3);
  EXPECT_EQ(answer->rows(0).group(0), "ber1");
}

TEST(Query, DaysOfAWeekAreItsWeekdays) {
  const FakeCubes cubes = TwoWeeks();
  const auto answer = Answer(cubes, Ask(v1::METRIC_PARTICIPATIONS, {v1::DIMENSION_DAY}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 14);
  EXPECT_EQ(answer->rows(0).group(0), "2026-03-23");
  EXPECT_EQ(answer->rows(13).group(0), "2026-04-05");
  for (const auto& row : answer->rows()) {
    EXPECT_NEAR(row.estimate(), 28'800.0 / 7, 0.001);
    EXPECT_EQ(row.coverage().cohorts(), 1u);
    EXPECT_EQ(row.coverage().cohorts_in_range(), 1u);
  }
  EXPECT_EQ(answer->coverage().cohorts(), 2u) << "cohorts, not days";
}

TEST(Query, AWeekIsOfTheMonthAndYearOfItsThursday) {
  const FakeCubes cubes = TwoWeeks();
  const auto answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_MONTH}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 2);
  EXPECT_EQ(answer->rows(0).group(0), "2026-03");
  EXPECT_EQ(answer->rows(1).group(0), "2026-04") << "30 March to 5 April";
  EXPECT_EQ(Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_YEAR}))->rows(0).group(0), "2026");
}

TEST(Query, MeansAreSumsOverParticipations_AndSharesAreOfTheirOwnTotal) {
  const FakeCubes cubes = TwoWeeks();
  auto answer = Answer(cubes, Ask(v1::METRIC_DURATION_MEAN, {v1::DIMENSION_CLIENT}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_NEAR(answer->rows(0).estimate(), 1'800, 0.01);
  EXPECT_EQ(answer->unit(), "seconds");
  answer = Answer(cubes, Ask(v1::METRIC_SHARE, {v1::DIMENSION_REGION, v1::DIMENSION_CLIENT}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  for (const auto& row : answer->rows()) EXPECT_NEAR(row.estimate(), 1.0 / 3, 1e-6) << "of the region";
}

TEST(Query, PercentilesAreTheBucketsThatHoldThem) {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), [](Measure, const auto& at) {
    const auto duration = at.find(v1::DIMENSION_DURATION);
    return duration == at.end() ? 10'000.0 : duration->second == "600-899" ? 10'000.0 : 0.0;
  });
  const auto answer = Answer(cubes, Ask(v1::METRIC_DURATION_PERCENTILE));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(0).estimate(), 750);
  EXPECT_EQ(answer->rows(0).interval_low(), 600);
  EXPECT_EQ(answer->rows(0).interval_high(), 900);
  EXPECT_FALSE(answer->rows(0).has_noise_stddev());
}

TEST(Query, QualityMeetingsFailuresAndCapsCanBeAskedFor) {
  const FakeCubes cubes = TwoWeeks();
  for (const auto& request :
       {Ask(v1::METRIC_RTT, {v1::DIMENSION_REGION}), Ask(v1::METRIC_LOSS, {v1::DIMENSION_CLIENT}),
        Ask(v1::METRIC_JITTER), Ask(v1::METRIC_MEETINGS, {v1::DIMENSION_WEEK}),
        Ask(v1::METRIC_JOIN_FAILURES, {v1::DIMENSION_JOIN_FAILURE_CAUSE}),
        Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_AT_CAP}), Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_RTT}),
        Ask(v1::METRIC_RECONNECTIONS, {v1::DIMENSION_CLIENT}), Ask(v1::METRIC_TOTAL_TIME, {v1::DIMENSION_HOUR})}) {
    const auto answer = Answer(cubes, request);
    ASSERT_TRUE(answer.ok()) << answer.status() << request.ShortDebugString();
    EXPECT_TRUE(answer->rows(0).has_estimate()) << request.ShortDebugString();
  }
}

TEST(Query, EveryQuestionThatIsListedHasAnAnswer_AndItsFiguresAddUp) {
  Tape tape(1);
  FakeCubes cubes;
  for (int i = 0; i < 3; ++i) {
    CohortBuilder builder = *CohortBuilder::Create(
        TestDescription(TestLists(), DueDay::FromNumber(Day(3, 23).number() + 7 * i)), kLargeProfile, tape);
    for (const Visit& visit : RandomVisits(3'000, tape)) builder.Add(visit.participation, visit.meeting);
    cubes.Add(*std::move(builder).Finish(tape));
  }
  std::map<v1::Metric, int64_t> totals;
  for (const v1::AvailableQuestion& question : AvailableQuestions(kLargeProfile, TestLists())) {
    std::vector<v1::Dimension> dimensions;
    for (const int dimension : question.dimensions()) dimensions.push_back(static_cast<v1::Dimension>(dimension));
    const auto answer = Answer(cubes, Ask(question.metric(), dimensions));
    ASSERT_TRUE(answer.ok()) << answer.status() << question.ShortDebugString();
    EXPECT_GT(answer->rows_size(), 0);
  }
}

TEST(Query, WhoIsTooFewIsSuppressed_AndThenNothingOfTheFigureIsSaid) {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), [](Measure, const auto&) { return 1.0; });
  for (const v1::Metric metric : {v1::METRIC_PEOPLE, v1::METRIC_PARTICIPATIONS, v1::METRIC_TOTAL_TIME,
                                  v1::METRIC_DURATION_MEAN, v1::METRIC_DURATION_PERCENTILE, v1::METRIC_MEETINGS}) {
    const auto answer = Answer(cubes, Ask(metric));
    ASSERT_TRUE(answer.ok()) << answer.status();
    const v1::StatisticsRow& row = answer->rows(0);
    EXPECT_FALSE(row.has_estimate() || row.has_interval_low() || row.has_people() || row.has_noise_stddev()) << metric;
    EXPECT_GT(row.threshold(), 24);
  }
}

TEST(Query, PagesAreTheWholeAnswerInOrder) {
  const FakeCubes cubes = TwoWeeks();
  QueryStatisticsRequest request = Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_HOUR, v1::DIMENSION_REGION});
  const auto whole = Answer(cubes, request);
  ASSERT_TRUE(whole.ok()) << whole.status();
  request.set_page_size(7);
  std::vector<std::string> rows;
  do {
    const auto page = Answer(cubes, request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& row : page->rows()) rows.push_back(row.SerializeAsString());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  ASSERT_EQ(rows.size(), static_cast<size_t>(whole->rows_size()));
  for (int i = 0; i < whole->rows_size(); ++i) EXPECT_EQ(rows[i], whole->rows(i).SerializeAsString());
}

TEST(Query, MonthsThatAreLeftOfEndedCohortsAnswerWhereNoWeekOrDayIsAskedFor) {
  FakeCubes cubes = TwoWeeks();
  CubeDescription& month = cubes.Add(Day(1, 1), kLargeProfile, TestPolicy(), Even);
  month.is_month = true;
  month.day_count = 31;
  month.cohorts = 4;
  auto answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_MONTH}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 3);
  EXPECT_EQ(answer->rows(0).group(0), "2026-01");
  EXPECT_EQ(answer->rows(0).coverage().cohorts(), 4u);
  EXPECT_NEAR(answer->rows(0).noise_stddev(), 2 * answer->rows(1).noise_stddev(), 1e-9) << "of four cohorts";
  answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_WEEK}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows_size(), 2);
}

TEST(Query, ListsThatChangedAreBroughtTogether) {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), Even);
  v1::StatisticsPolicy more = TestPolicy();
  more.add_media_sites("lon1");
  cubes.Add(Day(3, 30), kLargeProfile, more, Even);
  const auto answer = Answer(cubes, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_REGION}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 5);
  EXPECT_EQ(answer->rows(3).group(0), "lon1");
  EXPECT_EQ(answer->rows(3).estimate(), 28'800.0 / 4);
  EXPECT_EQ(answer->rows(4).group(0), "other");
  EXPECT_EQ(answer->rows(4).estimate(), 2 * 28'800.0 / 4);
}

TEST(Query, WithoutACubeThereIsNoFigure) {
  const FakeCubes none;
  const auto answer = Answer(none, Ask(v1::METRIC_PEOPLE));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 1);
  EXPECT_FALSE(answer->rows(0).has_estimate());
  EXPECT_EQ(answer->coverage().cohorts(), 0u);
  EXPECT_EQ(Answer(none, Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_WEEK}))->rows_size(), 0);
}

// Of everything that is asked of one drawn cohort, the intervals hold as often as they say.
TEST(Query, IntervalsOfShownFiguresHold) {
  Tape tape(7);
  const Visits visits = RandomVisits(2'500, tape);
  const auto exact = [&] {
    Tape keys(1);
    return CohortTestAccess::Count(Filled(visits, keys));
  }();
  int shown = 0, held = 0;
  for (int draw = 0; draw < 30; ++draw) {
    FakeCubes cubes;
    cubes.Add(*Filled(visits, tape).Finish(tape));
    for (const auto& [metric, dimension, table] :
         {std::tuple(v1::METRIC_PEOPLE, v1::DIMENSION_REGION, TableId::kRegion),
          std::tuple(v1::METRIC_PEOPLE, v1::DIMENSION_HOUR, TableId::kHour),
          std::tuple(v1::METRIC_PARTICIPATIONS, v1::DIMENSION_CLIENT, TableId::kParticipationsByClient),
          std::tuple(v1::METRIC_TOTAL_TIME, v1::DIMENSION_HOUR, TableId::kTimeByHour)}) {
      const auto answer = Answer(cubes, Ask(metric, {dimension}));
      ASSERT_TRUE(answer.ok()) << answer.status();
      for (int i = 0; i < answer->rows_size(); ++i) {
        const v1::StatisticsRow& row = answer->rows(i);
        if (!row.has_estimate()) continue;
        const double truth = static_cast<double>(exact.at(table)[i]) * UnitOf(SpecOf(table).measure);
        ++shown;
        held += row.interval_low() <= truth && truth <= row.interval_high();
      }
    }
  }
  ASSERT_GT(shown, 1'000);
  EXPECT_NEAR(double(held) / shown, 0.95, 0.02);
}

TEST(Export, IsTheCubeWhole_AndItsEstimatesAddUpAsDoubles) {
  Tape tape(2);
  FakeCubes cubes;
  cubes.Add(*Filled(RandomVisits(100, tape), tape).Finish(tape));
  const auto found = cubes.Find(Day(1, 1), Day(12, 31));
  const auto messages = ExportCube(found->front(), cubes, Weeks);
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_EQ(messages->front().cohort().cohorts(), 1u);
  EXPECT_EQ(messages->front().cohort().cohorts_in_range(), 1u);
  EXPECT_EQ(messages->front().cohort().first_day().day(), 30);
  EXPECT_EQ(messages->front().cohort().last_day().day(), 5);
  std::map<std::string, double> totals;
  for (size_t i = 1; i < messages->size(); ++i) {
    const v1::ExportedTable& table = (*messages)[i].table();
    EXPECT_EQ(table.drawn_size(), table.estimates_size());
    const std::string name = table.table().name();
    double total = 0;
    for (const double estimate : table.estimates()) total += estimate;
    EXPECT_EQ(totals.emplace(name.substr(0, name.find('/')) + table.table().unit(), total).first->second, total)
        << name;
    EXPECT_GT(table.drawn_variance(), 0);
  }
}

TEST(Export, OfAMonthSaysHowManyCohortsItLacks) {
  FakeCubes cubes;
  CubeDescription& month = cubes.Add(Day(4, 1), kLargeProfile, TestPolicy(), Even);
  month.is_month = true;
  month.day_count = 30;
  month.cohorts = 3;
  const auto found = cubes.Find(Day(4, 1), Day(4, 30));
  const auto messages = ExportCube(found->front(), cubes, Weeks);
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_EQ(messages->front().cohort().cohorts(), 3u);
  EXPECT_EQ(messages->front().cohort().cohorts_in_range(), 5u) << "April 2026 has five Thursdays";
}

TEST(Synthetic, RecordsAreDrawnFromTheDomains) {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), [](Measure, const auto& at) {
    const auto region = at.find(v1::DIMENSION_REGION);
    return region == at.end() || region->second == "ber1" ? 100.0 : -5.0;
  });
  v1::SampleSyntheticRecordsRequest request;
  SetDate(*request.mutable_first_day(), Day(1, 1));
  SetDate(*request.mutable_last_day(), Day(12, 31));
  Tape tape(3);
  EXPECT_FALSE(SampleRecords(request, cubes, tape).ok());
  request.set_count(200);
  const auto records = SampleRecords(request, cubes, tape);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->records_size(), 200);
  for (const auto& record : records->records()) {
    EXPECT_EQ(record.region(), "ber1");
    EXPECT_FALSE(record.hour().empty() || record.client().empty() || record.duration().empty());
  }
}

}  // namespace
}  // namespace retention
