// Is anything said of a cohort that is not blurred? Two servers, of which one has a person more: but for the noise, all
// that the API, the ledger and the metrics tell of their statistics must be the same, at every instant.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "retention/v1/ledger_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/base/request_parts.h"
#include "tests/privacy/attacked_platform.h"
#include "tests/rpc/running_server.h"

namespace retention::privacy {
namespace {

constexpr char kStatistics[] = "/retention.v1.StatisticsService/";

v1::QueryStatisticsRequest Asked(v1::Metric metric) {
  v1::QueryStatisticsRequest request;
  request.set_metric(metric);
  SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *request.mutable_first_day());
  SetDate(DueDay(absl::CivilDay(2026, 3, 5)), *request.mutable_last_day());
  if (metric == v1::METRIC_DURATION_PERCENTILE || metric == v1::METRIC_RTT || metric == v1::METRIC_LOSS ||
      metric == v1::METRIC_JITTER) {
    request.set_percentile(50);
  }
  return request;
}

// What noise hides, and what follows from it alone.
void Blank(v1::Coverage& coverage) {
  coverage.clear_in_time();
  coverage.clear_in_time_low();
  coverage.clear_in_time_high();
}
void Blank(v1::StatisticsRow& row) {
  row.clear_estimate();
  row.clear_noise_stddev();
  row.clear_interval_low();
  row.clear_interval_high();
  row.clear_people();
  row.clear_certainty();
  Blank(*row.mutable_coverage());
}
void Blank(google::protobuf::RepeatedField<double>& cells) {
  for (double& cell : cells) cell = 0;
}

class Sight {
 public:
  explicit Sight(const std::vector<v1::Event>& events) {
    server_.SyncPbx();
    server_.AdvanceTo(HourOf(36));
    if (!events.empty()) EXPECT_EQ(server_.Batch(events).rejections_size(), 0);
  }

  // All that is told at `hour`.
  std::vector<std::string> At(double hour) {
    server_.AdvanceTo(HourOf(hour));
    EXPECT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
    seen_.clear();
    Queries();
    Refusals();
    Export();
    Constants();
    Ledger();
    Metrics();
    return seen_;
  }

 private:
  void Note(const google::protobuf::Message& message) { seen_.push_back(message.ShortDebugString()); }

  void Queries() {
    v1::ListTablesResponse tables;
    EXPECT_TRUE(server_.Call(absl::StrCat(kStatistics, "ListTables"), v1::ListTablesRequest(), &tables).ok());
    for (const v1::AvailableQuestion& question : tables.questions()) {
      v1::QueryStatisticsRequest request = Asked(question.metric());
      if (question.dimensions_size() < 2) request.add_group_by(v1::DIMENSION_DAY);
      for (const int dimension : question.dimensions()) request.add_group_by(static_cast<v1::Dimension>(dimension));
      request.set_page_size(50);
      int pages = 0;
      do {
        v1::QueryStatisticsResponse page;
        const CallEnd end = server_.Call(absl::StrCat(kStatistics, "QueryStatistics"), request, &page);
        EXPECT_TRUE(end.ok()) << end << request.ShortDebugString();
        request.set_page_token(page.next_page_token());
        page.clear_next_page_token();
        for (v1::StatisticsRow& row : *page.mutable_rows()) Blank(row);
        Blank(*page.mutable_coverage());
        Note(page);
      } while (!request.page_token().empty() && ++pages < 100);
      seen_.push_back(absl::StrCat(pages, " pages"));
    }
  }
  void Refusals() {
    std::vector<v1::QueryStatisticsRequest> refused(3, Asked(v1::METRIC_PEOPLE));
    refused[0].add_group_by(v1::DIMENSION_HOUR);
    refused[0].add_group_by(v1::DIMENSION_DURATION);
    refused[1].add_group_by(v1::DIMENSION_CONTROLLER);
    refused[2].set_filter("region = nowhere");
    for (const auto& request : refused) {
      std::ostringstream text;
      text << server_.Call(absl::StrCat(kStatistics, "QueryStatistics"), request);
      seen_.push_back(text.str());
    }
  }
  void Export() {
    v1::ExportStatisticsRequest request;
    *request.mutable_first_day() = Asked(v1::METRIC_PEOPLE).first_day();
    *request.mutable_last_day() = Asked(v1::METRIC_PEOPLE).last_day();
    const auto stream = server_.caller().Open(absl::StrCat(kStatistics, "ExportStatistics"));
    EXPECT_TRUE(stream->Write(request));
    stream->WritesDone();
    for (std::string bytes; stream->Read(bytes);) {
      v1::ExportStatisticsResponse message;
      EXPECT_TRUE(message.ParseFromString(bytes));
      seen_.push_back(message.has_table() ? absl::StrCat(bytes.size(), " bytes") : "");
      if (message.has_cohort()) {
        EXPECT_EQ(message.cohort().cohorts_in_range(), 1u);
        message.mutable_cohort()->clear_late_people();
      }
      if (message.has_table()) {
        Blank(*message.mutable_table()->mutable_drawn());
        Blank(*message.mutable_table()->mutable_estimates());
      }
      Note(message);
    }
    EXPECT_TRUE(stream->Finish().ok());
  }
  void Constants() {
    v1::GetGuaranteeResponse guarantee;
    EXPECT_TRUE(server_.Call(absl::StrCat(kStatistics, "GetGuarantee"), v1::GetGuaranteeRequest(), &guarantee).ok());
    Note(guarantee);
  }
  void Ledger() {
    v1::ListLedgerEntriesRequest request;
    v1::ListLedgerEntriesResponse page;
    do {
      EXPECT_TRUE(server_.Call("/retention.v1.LedgerService/ListLedgerEntries", request, &page).ok());
      for (v1::LedgerEntry entry : page.entries()) {
        if (entry.act() != v1::LEDGER_ACT_COHORT_RELEASED) continue;
        entry.clear_entry_time();  // of the sweep
        entry.clear_done_time();
        entry.clear_sequence();
        entry.clear_ring_generation();
        Note(entry);
      }
      request.set_page_token(page.next_page_token());
    } while (!page.next_page_token().empty());
  }
  void Metrics() {
    for (const absl::string_view line : absl::StrSplit(HttpGet(server_.server().metrics_port(), "/metrics"), '\n')) {
      if (absl::StartsWith(line, "retention_cohort")) seen_.emplace_back(line);
    }
  }

  RunningServer server_{[](ServerOptions& options) {
    options.metrics_address = "127.0.0.1:0";
    options.sweep_interval = absl::Hours(24);
  }};
  std::vector<std::string> seen_;
};

// Before the day's release, at it, when the late ones are counted, and when the originals are gone.
constexpr double kHours[] = {71.9, 72.1, 24.0 * 61 - 0.5, 24.0 * 62};

void ExpectAlike(const std::vector<v1::Event>& with, const std::vector<v1::Event>& without) {
  Sight a(with), b(without);
  for (const double hour : kHours) {
    SCOPED_TRACE(hour);
    const std::vector<std::string> seen = a.At(hour), seen_without = b.At(hour);
    ASSERT_EQ(seen.size(), seen_without.size());
    EXPECT_EQ(absl::StrContains(absl::StrJoin(seen, "\n"), "drawn_variance"), hour != kHours[0]) << "released";
    for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], seen_without[i]);
  }
}

TEST(SideChannels, OnePersonMoreInAMeetingOfTheirOwn) {
  std::vector<v1::Event> events;
  for (int person = 1; person <= 30; ++person) Append(Stay(person, "m", 9, 30), events);
  std::vector<v1::Event> with = events;
  Append(Stay(1'000, "own", 11, 600), with);
  ExpectAlike(with, events);
}

TEST(SideChannels, OnePersonOnAPlatformOfNobody) { ExpectAlike(Stay(1'000, "own", 11, 90), {}); }

}  // namespace
}  // namespace retention::privacy
