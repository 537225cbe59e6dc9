#include "server/base/request_parts.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {

absl::StatusOr<int> PageSize(int32_t asked, int fallback, int max) {
  if (asked < 0 || asked > max) return InvalidField("page_size", absl::StrCat("0 to ", max));
  return asked == 0 ? fallback : asked;
}

std::string TokenOf(std::string_view position) {
  return absl::WebSafeBase64Escape(absl::string_view(position.data(), position.size()));
}

absl::StatusOr<std::string> PositionOf(const std::string& token) {
  std::string position;
  if (!absl::WebSafeBase64Unescape(token, &position)) return InvalidField("page_token", "not a token of this server");
  return position;
}

absl::StatusOr<DueDay> DayOfDate(const google::type::Date& date, std::string_view field) {
  const absl::CivilDay day(date.year(), date.month(), date.day());
  if (date.year() < 1970 || date.year() > 9999 || day.month() != date.month() || day.day() != date.day()) {
    return InvalidField(field, "not a day since 1970-01-01");
  }
  return DueDay(day);
}

void SetDate(DueDay day, google::type::Date& date) {
  date.set_year(static_cast<int32_t>(day.civil().year()));
  date.set_month(day.civil().month());
  date.set_day(day.civil().day());
}

}  // namespace retention
