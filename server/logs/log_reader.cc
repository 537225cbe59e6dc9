#include "server/logs/log_reader.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/logs/log_rows.h"

namespace retention {
namespace {

// What of the lines is asked for.
struct Filter {
  int server = 0;
  uint32_t severity_max = std::numeric_limits<uint32_t>::max();
  int64_t from_us = std::numeric_limits<int64_t>::min();
  int64_t to_us = std::numeric_limits<int64_t>::max();

  bool Takes(const stored::v1::LogEntry& line) const {
    return line.severity() <= severity_max && line.time_us() >= from_us && line.time_us() < to_us;
  }
};

// Where a page begins: a line of a row.
struct Position {
  FiledKey row;
  uint32_t line = 0;
};

constexpr size_t kLineBytes = 4;

std::string TokenOfPosition(const Position& position, const v1::ReadLogsRequest& request) {
  std::string raw = position.row.Encode();
  for (size_t i = 0; i < kLineBytes; ++i) raw.push_back(static_cast<char>(position.line >> (24 - 8 * i)));
  return TokenOf(raw, request);
}

absl::StatusOr<Position> ReadPosition(const v1::ReadLogsRequest& request) {
  auto raw = PositionIn(request);
  if (!raw.ok()) return raw.status();
  Position position;
  const auto key =
      raw->size() == FiledKey::kBytes + kLineBytes ? FiledKey::Decode(raw->substr(0, FiledKey::kBytes)) : std::nullopt;
  if (!key.has_value()) return InvalidField("page_token", "not a token of this server");
  position.row = *key;
  for (size_t i = 0; i < kLineBytes; ++i) {
    position.line = position.line << 8 | static_cast<uint8_t>((*raw)[FiledKey::kBytes + i]);
  }
  return position;
}

absl::StatusOr<Filter> ReadFilter(const v1::ReadLogsRequest& request) {
  Filter filter;
  FieldViolations violations;
  if (request.server() != v1::LOG_SERVER_UNSPECIFIED) {
    if (!IsLogServer(request.server())) violations.Add("server", "not a server that logs");
    filter.server = request.server();
  }
  if (request.min_severity() != v1::LOG_SEVERITY_UNSPECIFIED) {
    if (!v1::LogSeverity_IsValid(request.min_severity())) {
      violations.Add("min_severity", "not a severity");
    }
    filter.severity_max = static_cast<uint32_t>(request.min_severity());
  }
  if (request.has_start_time()) {
    if (!IsEventTime(request.start_time())) violations.Add("start_time", "not a time since 2000-01-01");
    filter.from_us = MicrosOf(request.start_time());
  }
  if (request.has_end_time()) {
    if (!IsEventTime(request.end_time())) violations.Add("end_time", "not a time since 2000-01-01");
    filter.to_us = MicrosOf(request.end_time());
  }
  if (filter.to_us < filter.from_us) violations.Add("end_time", "not before `start_time`");
  if (!violations.ok()) return violations.status();
  return filter;
}

// Whether none of a row's lines can be within the times that are asked for: they are of one civil day.
bool IsOutside(const FiledKey& row, const Filter& filter, const absl::TimeZone& zone) {
  const int64_t first_us = FirstTimeOf(row);
  if (first_us >= filter.to_us) return true;
  if (first_us >= filter.from_us) return false;
  const absl::CivilDay day = DayOf(absl::FromUnixMicros(first_us), zone);
  return absl::ToUnixMicros(FirstInstantOf(day + 1, zone)) <= filter.from_us;
}

}  // namespace

absl::StatusOr<v1::ReadLogsResponse> LogReader::ReadLogs(const v1::ReadLogsRequest& request, absl::Time now) const {
  auto filter = ReadFilter(request);
  if (!filter.ok()) return filter.status();
  auto page_size = PageSize(request.page_size(), kDefaultLinesPerPage, kMaxLinesPerPage);
  if (!page_size.ok()) return page_size.status();
  Position begin{.row = LogRowKey(holdings_.ring.destroyed_through().Next(), 0, 0, 0)};
  if (!request.page_token().empty()) {
    auto position = ReadPosition(request);
    if (!position.ok()) return position.status();
    begin = *position;
  }
  const Policy& policy = holdings_.policy();
  const DueDay last_due = LastDueDay(now, policy.zone());
  const auto view = store_.Snapshot();
  const LogTerms terms = logs_.Terms();
  v1::ReadLogsResponse page;
  size_t page_bytes = 0;
  int rows = 0;
  int lines = 0;
  LogRowWalk walk(*view, begin.row, filter->server);
  for (; walk.Valid(); walk.Next(), ++rows) {
    const FiledKey& key = walk.key();
    if (rows == kMaxRowsScanned || lines >= kMaxLinesScanned) {
      page.set_next_page_token(TokenOfPosition({.row = key}, request));
      break;
    }
    if (RightLogDay(key, terms, policy) <= last_due || IsOutside(key, *filter, policy.zone())) continue;
    auto plaintext = holdings_.vault.Open(key, walk.value());
    if (absl::IsNotFound(plaintext.status())) continue;  // its day ended this very moment
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::LogChunk chunk;
    if (!chunk.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a row of log lines does not parse");
    for (int i = key == begin.row ? static_cast<int>(begin.line) : 0; i < chunk.lines_size(); ++i, ++lines) {
      stored::v1::LogEntry& entry = *chunk.mutable_lines(i);
      if (!filter->Takes(entry)) continue;
      page_bytes += entry.text().size();
      if (page.lines_size() == *page_size || (page_bytes > kMaxPageBytes && page.lines_size() > 0)) {
        page.set_next_page_token(TokenOfPosition({.row = key, .line = static_cast<uint32_t>(i)}, request));
        return page;
      }
      v1::LogLine& line = *page.add_lines();
      line.set_server(static_cast<v1::LogServer>(LogServerOf(key)));
      line.set_severity(static_cast<v1::LogSeverity>(entry.severity()));
      SetTime(entry.time_us(), *line.mutable_time());
      line.set_text(std::move(*entry.mutable_text()));
    }
  }
  if (!walk.Valid() && !walk.status().ok()) return walk.status();
  return page;
}

}  // namespace retention
