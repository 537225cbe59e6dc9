#include "tests/simulation/log_model.h"

#include <algorithm>

#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

absl::CivilDay DayOfLine(const v1::LogLine& line) {
  return DayAtUs(line.time().seconds() * 1000000 + line.time().nanos() / 1000);
}

}  // namespace

// The ordinary period; while an extension is in force until its last day, if that is later, but never more than the
// longest.
absl::CivilDay LogModel::DueDayOf(const v1::LogLine& line, const PolicyModel& policy) const {
  const absl::CivilDay day = DayOfLine(line);
  const absl::CivilDay ordinary = policy.LastDay(v1::DATA_CATEGORY_SERVER_LOG, day);
  const auto extension = extensions_.find(line.server());
  if (extension == extensions_.end()) return ordinary;
  return std::max(ordinary, std::min(policy.LongestLogDay(day), extension->second.until));
}

void LogModel::ApplyPolicy(const PolicyModel& next, absl::Time now) {
  AdvanceTo(now);
  policy_ = next;
  for (LineModel& line : lines_) line.due = DueDayOf(line.line, policy_);
  AdvanceTo(now);
}

Model::Moves LogModel::MovesUnder(const PolicyModel& next, absl::Time now) const {
  Model::Moves moves;
  for (const LineModel& line : lines_) {
    const absl::CivilDay to = DueDayOf(line.line, next);
    if (to == line.due) continue;
    (now >= DueAfter(to) ? moves.gone : to < line.due ? moves.earlier : moves.later).Add(1, line.sure);
  }
  return moves;
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
    const absl::CivilDay due = DueDayOf(line, policy_);
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
  if (until < today || until > policy_.LongestLogDay(today)) return false;
  extensions_[server] = {.until = until, .reason = reason, .created_us = absl::ToUnixMicros(now)};
  for (LineModel& line : lines_) {
    if (line.line.server() == server) line.due = DueDayOf(line.line, policy_);
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
