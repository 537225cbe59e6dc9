// Log lines and their extensions, as readers see them, held against the oracle.
#include <gtest/gtest.h>

#include <map>

#include "server/logs/log_reader.h"
#include "tests/logs/log_fixture.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"

namespace retention::simulation {
namespace {

// What a reader asks for: from the time itself, so that every run asks for everything.
v1::ReadLogsRequest FilterFor(absl::Time now) {
  v1::ReadLogsRequest request;
  const uint64_t draw = static_cast<uint64_t>(absl::ToUnixMicros(now)) * 0x9E3779B97F4A7C15u >> 40;
  request.set_page_size(static_cast<int>(draw % 5) + 2);
  request.set_server(static_cast<v1::LogServer>(draw / 5 % 5));
  request.set_min_severity(static_cast<v1::LogSeverity>(draw / 25 % 9));
  if (draw & 1 << 10)
    request.mutable_start_time()->set_seconds(absl::ToUnixSeconds(now) - static_cast<int64_t>(draw % 600000));
  if (draw & 1 << 11)
    request.mutable_end_time()->set_seconds(absl::ToUnixSeconds(now) - static_cast<int64_t>(draw % 400));
  return request;
}

bool Takes(const v1::ReadLogsRequest& filter, const v1::LogLine& line) {
  return (filter.server() == v1::LOG_SERVER_UNSPECIFIED || filter.server() == line.server()) &&
         (filter.min_severity() == v1::LOG_SEVERITY_UNSPECIFIED || line.severity() <= filter.min_severity()) &&
         (!filter.has_start_time() || line.time().seconds() >= filter.start_time().seconds()) &&
         (!filter.has_end_time() || line.time().seconds() < filter.end_time().seconds());
}

void CompareLines(TestEngine& engine, const LogModel& logs, const v1::ReadLogsRequest& filter, absl::Time now) {
  std::map<std::string, v1::LogLine> found;
  for (v1::LogLine& line : ReadAll(engine, now, filter)) {
    const std::string text = line.text();
    EXPECT_TRUE(found.emplace(text, std::move(line)).second) << "log line " << text << " is shown twice";
  }
  for (const LineModel& expected : logs.lines()) {
    const auto it = found.find(expected.line.text());
    if (it == found.end()) {
      EXPECT_FALSE(expected.sure && Takes(filter, expected.line))
          << "log line " << expected.line.text() << " is missing";
      continue;
    }
    EXPECT_TRUE(Takes(filter, expected.line)) << "log line " << it->first << " was not asked for";
    EXPECT_EQ(it->second.SerializeAsString(), expected.line.SerializeAsString());
    found.erase(it);
  }
  for (const auto& [text, line] : found) ADD_FAILURE() << "log line " << text << " must not be readable";
}

}  // namespace

void CompareLogs(TestEngine& engine, const LogModel& logs, absl::Time now) {
  CompareLines(engine, logs, {}, now);
  v1::ReadLogsRequest filter = FilterFor(now);
  if (filter.has_end_time() && filter.has_start_time() && filter.end_time().seconds() < filter.start_time().seconds())
    filter.clear_end_time();
  CompareLines(engine, logs, filter, now);
  std::map<int, ExtensionModel> left = logs.extensions();
  for (const v1::LogExtension& extension : engine.logs().InForce(now)) {
    const auto it = left.find(extension.server());
    if (it == left.end()) {
      ADD_FAILURE() << "an extension of server " << extension.server() << " must not be in force";
      continue;
    }
    EXPECT_EQ(absl::CivilDay(extension.until().year(), extension.until().month(), extension.until().day()),
              it->second.until);
    EXPECT_EQ(extension.reason(), it->second.reason);
    EXPECT_EQ(extension.create_time().seconds() * 1000000 + extension.create_time().nanos() / 1000,
              it->second.created_us);
    left.erase(it);
  }
  for (const auto& [server, extension] : left) ADD_FAILURE() << "the extension of server " << server << " is missing";
}

}  // namespace retention::simulation
