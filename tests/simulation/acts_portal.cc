// The portal confirms orders, and its servers log.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "tests/logs/log_fixture.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/months.h"

namespace retention::simulation {

void Months::Confirm() {
  last_ = "confirm";
  portal_.Look(machine_.engine(), now_);
  const v1::ConfirmErasureOrdersRequest request = portal_.NextConfirmations(dice_);
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> response;
  const bool first = Execute(
      true,
      [&] {
        response = machine_.engine().ConfirmOrders(request, now_);
        return response.status();
      },
      kManyFaults);
  const v1::ConfirmErasureOrdersResponse expected = portal_.Confirm(request);
  if (!response.ok()) return;
  if (first) {
    EXPECT_EQ(response->SerializeAsString(), expected.SerializeAsString());
  } else {
    // All of it was done by the attempt whose answer was lost, or by this one.
    EXPECT_TRUE(response->done() == expected.done() || response->done() == 0) << "one call is one batch";
  }
}

void Months::AppendLogs() {
  last_ = "append logs";
  filed_.reset();
  std::vector<v1::LogLine> lines;
  std::vector<std::vector<v1::LogLine>> in_doubt;
  v1::AppendLogsResponse response;
  Execute(true, [&] {
    // Lines have no identity: what is sent again would be held twice.
    if (!lines.empty()) in_doubt.push_back(std::move(lines));
    lines = workload_.NextLines(now_);
    return machine_.Append(lines, now_, response);
  });
  const LogModel::Answer expected = logs_.Append(lines, now_);
  EXPECT_GE(response.accepted(), expected.accepted_min);
  EXPECT_LE(response.accepted(), expected.accepted_max);
  EXPECT_EQ(static_cast<uint32_t>(response.rejections_size()), expected.rejected);
  EXPECT_EQ(response.accepted() + response.past_due() + expected.rejected, lines.size());
  const std::vector<std::string> texts =
      in_doubt.empty() ? std::vector<std::string>() : ReadTexts(machine_.engine(), now_);
  const std::set<std::string> held(texts.begin(), texts.end());
  for (const auto& batch : in_doubt) {
    const bool durable =
        std::any_of(batch.begin(), batch.end(), [&](const v1::LogLine& line) { return held.contains(line.text()); });
    if (durable) logs_.Append(batch, now_);
  }
  if (dice_.Chance(10)) FollowLines();
}

void Months::ExtendLogs() {
  v1::ExtendLogRetentionRequest request;
  const absl::CivilDay until = workload_.NextUntil(now_);
  request.set_server(workload_.AnyServer());
  request.set_reason(workload_.Canary("ticket"));
  SetDate(DueDay(until), *request.mutable_until());
  last_ = "extend logs of " + std::to_string(request.server()) + " until " + absl::FormatCivilTime(until);
  absl::Status outcome;

  const bool refiling = model_.refiled_from().has_value();
  const bool first = Execute(true, [&] {
    outcome = machine_.engine().ExtendLogRetention(request, now_).status();
    const ErrorDetails details = DetailsOf(outcome);
    return details.field() == "until" || details.reason == "REFILE_UNDER_WAY" ? absl::OkStatus() : outcome;
  });

  const bool refused = DetailsOf(outcome).reason == "REFILE_UNDER_WAY";
  EXPECT_TRUE(refused ? refiling : !first || !refiling) << outcome;
  if (refused) return;
  EXPECT_EQ(outcome.ok(), logs_.Extend(request.server(), until, request.reason(), now_)) << outcome;
  // Else the sweeper carries it out, or the next extension.
  if (dice_.Chance(50)) agenda_.push_back([this] { RefileLogs(); });
  if (dice_.Chance(40)) FollowLines();
}

// To where some lines end, an instant before it, and a sweep.
void Months::FollowLines() {
  if (logs_.lines().empty()) return;
  const LineModel& line = dice_.Pick(logs_.lines());
  const int64_t time_us = line.line.time().seconds() * 1000000;
  // Their ordinary day, which they have left if they are kept longer, or the last.
  const absl::CivilDay ordinary = model_.policy().LastDay(v1::DATA_CATEGORY_SERVER_LOG, DayAtUs(time_us));
  const absl::Time end = DueAfter(dice_.Chance(60) && DueAfter(ordinary) > now_ ? ordinary : line.due);
  if (dice_.Chance(50)) agenda_.push_back([this, end] { MoveTo(end - absl::Microseconds(1)); });
  if (dice_.Chance(40)) agenda_.push_back([this] { ExtendLogs(); });
  agenda_.push_back([this, end] { MoveTo(end); });
  agenda_.push_back([this] { Sweep(); });
}

void Months::RefileLogs() {
  last_ = "refile logs";

  Execute(
      false,
      [&] {
        while (machine_.engine().logs().refiling()) {
          if (auto more = machine_.engine().RefileLogs(now_); !more.ok()) return more.status();
        }
        return absl::OkStatus();
      },
      kManyFaults);
}

}  // namespace retention::simulation
