#include "client/importers/json_lines.h"

#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/importers/imported_text.h"

namespace retention {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// 2000 to 2096; what lies beyond is no time of a meeting, and may be another unit, or stand for "not yet known".
constexpr int64_t kEpochSecondsMin = 946684800;
constexpr int64_t kEpochSecondsMax = 4000000000;
constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

absl::StatusOr<absl::Time> EpochTime(const Value& value, double per_second, const char* reason) {
  const double seconds = value.number_value() / per_second;
  // Negated, so that what is not a number fails, too.
  if (!(seconds >= kEpochSecondsMin && seconds <= kEpochSecondsMax)) return absl::InvalidArgumentError(reason);
  return absl::FromUnixMillis(static_cast<int64_t>(std::llround(seconds * 1000)));
}

}  // namespace

const Value& MemberOf(const Struct& object, std::string_view name) {
  static const Value& none = *new Value();
  const auto found = object.fields().find(std::string(name));
  return found == object.fields().end() ? none : found->second;
}

std::string IdentifierOf(const Value& value) {
  const double number = value.number_value();
  // Up to here every whole number is exact.
  if (number > 0 && number < 9e15 && number == std::floor(number)) return absl::StrCat(static_cast<int64_t>(number));
  return value.string_value();
}

const Value& JsonEvent::At(std::string_view path) const {
  const Struct* object = &object_;
  const std::vector<std::string> names = absl::StrSplit(std::string(path), '.');
  for (size_t i = 0; i + 1 < names.size(); ++i) object = &MemberOf(*object, names[i]).struct_value();
  return MemberOf(*object, names.back());
}

std::string JsonEvent::Identifier(std::string_view path) const { return IdentifierOf(At(path)); }

std::string JsonEvent::Kind(std::string_view path) const { return KindWord(Text(path)); }

absl::StatusOr<absl::Time> JsonEvent::Millis(std::string_view path) const {
  return EpochTime(At(path), 1000, "not epoch milliseconds");
}

absl::StatusOr<absl::Time> JsonEvent::Seconds(std::string_view path) const {
  return EpochTime(At(path), 1, "not epoch seconds");
}

absl::StatusOr<absl::Time> JsonEvent::Rfc3339Time(std::string_view path) const {
  absl::Time time;
  std::string error;
  const bool is_time = absl::ParseTime(absl::RFC3339_full, Text(path), &time, &error);
  if (!is_time || time < absl::FromUnixSeconds(kEpochSecondsMin) || time > absl::FromUnixSeconds(kEpochSecondsMax)) {
    return absl::InvalidArgumentError("not a time as 2026-03-31T09:00:00Z");
  }
  return time;
}

LeftOutLine JsonEvent::Fault(std::string_view field, std::string reason) const {
  return {line_, absl::StrCat(place_, std::string(field)), std::move(reason)};
}

std::vector<JsonEvent> ReadJsonLines(std::istream& input, std::vector<LeftOutLine>* left_out) {
  std::vector<JsonEvent> events;
  std::string text;
  for (int line = 1; std::getline(input, text); ++line) {
    // Some editors and exports begin a file so.
    if (line == 1 && text.starts_with(kByteOrderMark)) text.erase(0, sizeof(kByteOrderMark) - 1);
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos) continue;
    google::protobuf::ListValue list;
    const bool is_array = text[first] == '[';
    if (!is_array) list.add_values();
    google::protobuf::Message* whole = &list;
    if (!is_array) whole = list.mutable_values(0)->mutable_struct_value();
    if (!google::protobuf::util::JsonStringToMessage(text, whole).ok()) {
      left_out->push_back({line, "", "not a JSON object, nor an array of them"});
      continue;
    }
    for (int i = 0; i < list.values_size(); ++i) {
      const std::string place = list.values_size() == 1 ? "" : absl::StrCat("[", i, "].");
      if (!list.values(i).has_struct_value()) {
        left_out->push_back({line, absl::StrCat("[", i, "]"), "not a JSON object"});
        continue;
      }
      events.emplace_back(line, place, std::move(*list.mutable_values(i)->mutable_struct_value()));
    }
  }
  return events;
}

}  // namespace retention
