#include "tests/simulation/log_model.h"

#include <algorithm>

#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

constexpr int kOrdinaryDays = 7;

absl::CivilDay DayOfLine(const v1::LogLine& line) {
  return DayAtUs(line.time().seconds() * 1000000 + line.time().nanos() / 1000);
}

}  // namespace

// Seven days; while an extension is in force until its last day, if that is later, but never more than a month.
absl::CivilDay LogModel::DueDayOf(const v1::LogLine& line) const {
  const absl::CivilDay day = DayOfLine(line);
  const auto extension = extensions_.find(line.server());
  if (extension == extensions_.end()) return day + kOrdinaryDays;
  return std::max(day + kOrdinaryDays, std::min(MonthsAfter(day, 1), extension->second.until));
}

void LogModel::AdvanceTo(absl::Time now) {
  std::erase_if(lines_, [now](const LineModel& line) { return now >= DueAfter(line.due); });
  std::erase_if(extensions_, [now](const auto& extension) { return now >= DueAfter(extension.second.until); });
}

LogModel::Answer LogModel::Append(const std::vector<v1::LogLine>& lines, absl::Time now) {
  AdvanceTo(now);
  Answer answer;
  for (const v1::LogLine& line : lines) {
    if (line.text().empty()) {
      ++answer.rejected;
      continue;
    }
    const absl::CivilDay due = DueDayOf(line);
    if (now >= DueAfter(due)) continue;
    const bool sure = now < DueAfter(due) - kLeadWindow;
    lines_.push_back({.line = line, .due = due, .sure = sure});
    ++answer.accepted_max;
    if (sure) ++answer.accepted_min;
  }
  return answer;
}

bool LogModel::Extend(v1::LogServer server, absl::CivilDay until, const std::string& reason, absl::Time now) {
  AdvanceTo(now);
  const absl::CivilDay today = DayAt(now);
  if (until < today || until > MonthsAfter(today, 1)) return false;
  extensions_[server] = {.until = until, .reason = reason, .created_us = absl::ToUnixMicros(now)};
  for (LineModel& line : lines_) {
    if (line.line.server() == server) line.due = DueDayOf(line.line);
  }
  ++extended_;
  return true;
}

std::map<absl::CivilDay, Model::Range> LogModel::ExpectedValues() const {
  std::map<absl::CivilDay, Model::Range> values;
  for (const LineModel& line : lines_) values[line.due].Add(1, line.sure);
  return values;
}

}  // namespace retention::simulation
