#include "tests/logs/log_fixture.h"

#include <gtest/gtest.h>

#include "server/base/request_parts.h"
#include "server/logs/log_reader.h"
#include "server/meetings/meeting_view.h"

namespace retention {

v1::LogLine Line(v1::LogServer server, absl::Time time, const std::string& text, v1::LogSeverity severity) {
  v1::LogLine line;
  line.set_server(server);
  line.set_severity(severity);
  SetTime(absl::ToUnixMicros(time), *line.mutable_time());
  line.set_text(text);
  return line;
}

v1::AppendLogsResponse Append(TestEngine& engine, const std::vector<v1::LogLine>& lines, absl::Time now,
                              const std::string& request_id) {
  const google::protobuf::RepeatedPtrField<v1::LogLine> batch(lines.begin(), lines.end());
  LineBatch queued;
  queued.lines = &batch;
  queued.request_id = request_id;
  absl::Status status = queued.Prepare(now);
  EXPECT_TRUE(status.ok()) << status;
  LineBatch* const group[] = {&queued};
  status = engine.Record({}, group, now);
  EXPECT_TRUE(status.ok()) << status;
  return queued.result;
}

v1::ExtendLogRetentionRequest ExtensionUntil(v1::LogServer server, const std::string& until,
                                             const std::string& reason) {
  v1::ExtendLogRetentionRequest request;
  request.set_server(server);
  request.set_reason(reason);
  absl::CivilDay day;
  EXPECT_TRUE(absl::ParseCivilTime(until, &day));
  SetDate(DueDay(day), *request.mutable_until());
  return request;
}

std::vector<v1::LogLine> ReadAll(TestEngine& engine, absl::Time now, v1::ReadLogsRequest request) {
  std::vector<v1::LogLine> lines;
  do {
    auto page = LogReaderOf(engine).ReadLogs(request, now);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    lines.insert(lines.end(), page->lines().begin(), page->lines().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return lines;
}

std::vector<std::string> ReadTexts(TestEngine& engine, absl::Time now, v1::ReadLogsRequest request) {
  std::vector<std::string> texts;
  for (const v1::LogLine& line : ReadAll(engine, now, std::move(request))) texts.push_back(line.text());
  return texts;
}

absl::Status Extend(TestEngine& engine, const v1::ExtendLogRetentionRequest& request, absl::Time now) {
  const auto extended = engine.ExtendLogRetention(request, now);
  if (!extended.ok()) return extended.status();
  for (;;) {
    const auto more = engine.RefileLogs(now);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  }
}

}  // namespace retention
