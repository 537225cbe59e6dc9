#include "server/base/request_parts.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr size_t kMarkBytes = sizeof(uint64_t);

// Which question a request asks, whichever page of its answer.
std::string QuestionMark(const google::protobuf::Message& request) {
  const std::unique_ptr<google::protobuf::Message> question(request.New());
  question->CopyFrom(request);
  for (const char* name : {"page_size", "page_token"}) {
    const auto* field = question->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) question->GetReflection()->ClearField(question.get(), field);
  }
  const std::string text = absl::StrCat(question->GetDescriptor()->full_name(), "\n", question->SerializeAsString());
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::string mark;
  for (size_t i = 0; i < kMarkBytes; ++i) mark.push_back(static_cast<char>(hash >> (56 - 8 * i)));
  return mark;
}

}  // namespace

absl::StatusOr<int> PageSize(int32_t asked, int fallback, int max) {
  if (asked < 0) return InvalidField("page_size", "not negative");
  return asked == 0 ? fallback : std::min(asked, max);
}

std::string TokenOf(std::string_view position, const google::protobuf::Message& request) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(QuestionMark(request), absl::string_view(position.data(), position.size())));
}

absl::StatusOr<std::string> PositionIn(const google::protobuf::Message& request) {
  const std::string token =
      request.GetReflection()->GetString(request, request.GetDescriptor()->FindFieldByName("page_token"));
  if (token.empty()) return std::string();
  std::string position;
  if (!absl::WebSafeBase64Unescape(token, &position) || position.size() <= kMarkBytes) {
    return InvalidField("page_token", "not a token of this server");
  }
  if (!absl::StartsWith(position, QuestionMark(request))) {
    return InvalidField("page_token", "made for another filter or order: all fields but `page_size` must be the same");
  }
  return position.substr(kMarkBytes);
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
