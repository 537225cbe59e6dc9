#include "server/ops/store_mending.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "retention/v1/category.pb.h"
#include "server/base/errors.h"
#include "server/ops/log.h"
#include "storage/keys.h"

namespace retention {
namespace {

// The end of a span is not of it: "to" and the category there say no less than is lost.
std::string DescribePlace(std::string_view key) {
  const std::optional<DueDay> day = DayOfFiled(key);
  if (!day.has_value()) return "the end";
  std::string place = day->is_civil() ? absl::FormatCivilTime(day->civil()) : "no day";
  const std::string_view behind = key.substr(FiledPrefix(*day).size());
  if (!behind.empty()) {
    absl::StrAppend(&place, " ", v1::DataCategory_Name(static_cast<v1::DataCategory>(behind.front())));
  }
  return place;
}

std::string DescribeKind(std::string_view key) {
  return !key.empty() && std::isalpha(static_cast<unsigned char>(key[0])) != 0 ? std::string(1, key[0]) : "the end";
}

}  // namespace

std::string DescribeLost(const LostRows& lost) {
  switch (lost.family) {
    case Family::kFiled:
      return absl::StrCat("values of ", DescribePlace(lost.span.begin), " to ", DescribePlace(lost.span.end));
    case Family::kState:
      return absl::StrCat("state, kind ", DescribeKind(lost.span.begin), " to ", DescribeKind(lost.span.end));
    case Family::kStatistics:
      return "statistics";
    case Family::kLedger:
      return "ledger";
  }
  return "";
}

std::optional<LostDays> DaysOf(const std::vector<LostRows>& lost) {
  std::optional<LostDays> days;
  for (const LostRows& rows : lost) {
    if (rows.family != Family::kFiled) continue;
    const std::optional<DueDay> first = DayOfFiled(rows.span.begin);
    const std::optional<DueDay> last = DayOfFiled(rows.span.end);
    if (!first.has_value() || !last.has_value() || !first->is_civil() || !last->is_civil()) return std::nullopt;
    if (!days.has_value()) days = LostDays{*first, *last};
    days->first = std::min(days->first, *first);
    days->last = std::max(days->last, *last);
  }
  return days;
}

bool CanLose(const LostRows& lost) {
  if (lost.family == Family::kLedger) return false;
  if (lost.family != Family::kState) return true;
  const auto spares = [&lost](const std::string& prefix) {
    const std::string end = PrefixEnd(prefix);
    return (!lost.span.end.empty() && lost.span.end <= prefix) || lost.span.begin >= end;
  };
  // Of what a start reads nothing may be missing: tests/ops/store_mending_test.cc.
  const std::string names = PbxNameKey(PbxId()).substr(0, 1);
  const auto needed = {names,
                       PbxLifePrefix(),
                       PbxEndPrefix(),
                       FormatKey(),
                       PolicyPrefix(),
                       PbxEntryPrefix(),
                       DayCountsPrefix(),
                       PurgeMarkPrefix(),
                       OrderCounterKey(),
                       OwnerEndPrefix(),
                       ReportNoticeCounterKey(),
                       RingGenerationKey(),
                       DayProgressPrefix(),
                       GoneSweepKey(),
                       LogExtensionPrefix(),
                       HoldPrefix(),
                       HoldCoverPrefix(),
                       HeldEndPrefix()};
  return std::all_of(needed.begin(), needed.end(), spares);
}

void ReportLost(const LostRows& lost) {
  Log(Severity::kError, "rows of the store were lost with a damaged file", {{"rows", DescribeLost(lost)}});
}

absl::Status MendStore(Store& store) {
  const size_t damaged = store.DamagedFiles();
  if (damaged == 0) return absl::OkStatus();
  Log(Severity::kError, "files of the store are damaged: they are taken out", {{"files", absl::StrCat(damaged)}});
  const absl::Status mended = store.Mend();
  if (mended.ok()) {
    Log(Severity::kInfo, "no file of the store is damaged any more");
  } else {
    Log(Severity::kError, "a damaged file of the store is still in use; it is tried again",
        {{"status", DescribeStatus(mended)}});
  }
  return mended;
}

}  // namespace retention
