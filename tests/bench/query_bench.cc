// query_p99: answers over a year of daily cohorts, each with all its tables.
#include <random>

#include "absl/strings/str_cat.h"
#include "server/anonymisation/cohort.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "tests/bench/bench_engine.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr int kCohorts = 365;
constexpr int kPeoplePerCohort = 20'000;

void ReleaseCohorts(BenchEngine& bench, absl::CivilDay first) {
  std::mt19937_64 random(7);
  const Policy& policy = bench.engine().policy();
  for (int i = 0; i < kCohorts; ++i) {
    const DueDay cohort(first + i);
    auto builder =
        OrDie(CohortBuilder::Create({.first_day = cohort, .lists = PublicLists(policy.statistics()), .late_people = {}},
                                    ProfileOf(v1::STATISTICS_PROFILE_DAILY), SystemRandom()),
              "cohort");
    for (int person = 0; person < kPeoplePerCohort; ++person) {
      Participation participation{.hour = static_cast<uint8_t>(7 + random() % 12),
                                  .region = static_cast<uint8_t>(random() % 7),
                                  .client = static_cast<uint8_t>(random() % 8),
                                  .duration_seconds = static_cast<uint32_t>(60 + random() % 7200),
                                  .reconnections = static_cast<uint32_t>(random() % 4),
                                  .quality = {}};
      const uint64_t name[2] = {random(), random()};
      std::memcpy(participation.person.data(), name, sizeof(name));
      builder.Add(participation, absl::StrCat("meeting ", person / 8));
    }
    NoisyCube cube = OrDie(std::move(builder).Finish(SystemRandom()), "noise");
    Batch batch;
    PutCube(cube, EraseDayOfCohort(cohort, policy), batch);
    OrDie(bench.store().Commit(batch), "Commit");
  }
}

google::type::Date DateOf(absl::CivilDay day) {
  google::type::Date date;
  date.set_year(static_cast<int32_t>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
  return date;
}

// Questions that the tables can answer, over the whole year.
std::vector<v1::QueryStatisticsRequest> Questions(absl::CivilDay first) {
  using Groups = std::vector<v1::Dimension>;
  std::vector<v1::QueryStatisticsRequest> questions;
  const std::vector<v1::Metric> metrics = {v1::METRIC_PEOPLE,
                                           v1::METRIC_PARTICIPATIONS,
                                           v1::METRIC_SHARE,
                                           v1::METRIC_DURATION_MEAN,
                                           v1::METRIC_TOTAL_TIME,
                                           v1::METRIC_DURATION_PERCENTILE,
                                           v1::METRIC_RECONNECTIONS_MEAN};
  const std::vector<Groups> groups = {{},
                                      {v1::DIMENSION_REGION},
                                      {v1::DIMENSION_CLIENT},
                                      {v1::DIMENSION_HOUR},
                                      {v1::DIMENSION_DURATION},
                                      {v1::DIMENSION_CLIENT, v1::DIMENSION_REGION},
                                      {v1::DIMENSION_HOUR, v1::DIMENSION_REGION}};
  const std::vector<v1::Dimension> calendars = {v1::DIMENSION_UNSPECIFIED, v1::DIMENSION_DAY, v1::DIMENSION_WEEK,
                                                v1::DIMENSION_MONTH};
  for (const v1::Metric metric : metrics) {
    for (const Groups& group : groups) {
      for (const v1::Dimension calendar : calendars) {
        for (const bool filtered : {false, true}) {
          v1::QueryStatisticsRequest& question = questions.emplace_back();
          question.set_metric(metric);
          if (calendar != v1::DIMENSION_UNSPECIFIED) question.add_group_by(calendar);
          for (const v1::Dimension dimension : group) question.add_group_by(dimension);
          if (metric == v1::METRIC_DURATION_PERCENTILE) question.set_percentile(90);
          if (filtered) {
            question.set_filter("region = fra OR region = lon");
          }
          *question.mutable_first_day() = DateOf(first);
          *question.mutable_last_day() = DateOf(first + (kCohorts - 1));
        }
      }
    }
  }
  return questions;
}

}  // namespace

void BenchQuery(const BenchOptions& options) {
  const FreshDirectory directory(options.directory);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Berlin", &zone);
  const absl::CivilDay first(2025, 3, 1);
  const absl::Time now = absl::FromCivil(absl::CivilSecond(first + kCohorts), zone);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  ReleaseCohorts(bench, first);
  const Reader reader(bench.engine());
  std::vector<double> milliseconds;
  size_t unanswerable = 0;
  double slowest = 0;
  std::string slowest_question;
  const int rounds = options.quick ? 5 : 20;
  for (int round = 0; round < rounds; ++round) {
    for (const v1::QueryStatisticsRequest& question : Questions(first)) {
      const Stopwatch answering;
      const auto answer = reader.QueryStatistics(question, now);
      const double took = answering.Seconds() * 1e3;
      if (absl::IsFailedPrecondition(answer.status()) || absl::IsInvalidArgument(answer.status())) {
        ++unanswerable;  // no table holds it, or it would have too many rows
        continue;
      }
      OrDie(answer.status(), "QueryStatistics");
      if (answer->coverage().cohorts() != kCohorts)
        OrDie(absl::InternalError("cohorts are missing"), "QueryStatistics");
      milliseconds.push_back(took);
      if (took > slowest) {
        slowest = took;
        slowest_question = question.ShortDebugString();
      }
    }
  }
  Remark(absl::StrCat("query: ", milliseconds.size(), " answers (", unanswerable, " questions had none), median ",
                      Percentile(milliseconds, 0.5), " ms, slowest ", slowest, " ms: ", slowest_question));
  Report("query_p99", Percentile(milliseconds, 0.99), "ms");
}

}  // namespace retention
