#include "text/length_of_time.h"

#include <cstdint>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace retention {
namespace {

struct Unit {
  const char* name;
  int64_t milliseconds;
};

// From the longest to the shortest.
constexpr Unit kUnits[] = {{"w", 7 * 86'400'000}, {"d", 86'400'000}, {"h", 3'600'000},
                           {"m", 60'000},         {"s", 1000},       {"ms", 1}};

}  // namespace

absl::StatusOr<absl::Duration> ParseLength(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError("not a length of time; write 90s, 15m, 2h, 1d, 2w or 1d12h");
  if (text == "0") return absl::ZeroDuration();
  absl::string_view rest(text.data(), text.size());
  absl::Duration total;
  const Unit* unit = std::begin(kUnits);  // the longest that may still come
  if (rest.empty()) return bad;
  while (!rest.empty()) {
    size_t digits = 0;
    while (digits < rest.size() && absl::ascii_isdigit(static_cast<unsigned char>(rest[digits]))) ++digits;
    size_t letters = digits;
    while (letters < rest.size() && absl::ascii_isalpha(static_cast<unsigned char>(rest[letters]))) ++letters;
    const absl::string_view name = rest.substr(digits, letters - digits);
    int32_t number = 0;
    if (!absl::SimpleAtoi(rest.substr(0, digits), &number)) return bad;
    while (unit != std::end(kUnits) && name != unit->name) ++unit;
    if (unit == std::end(kUnits)) return bad;
    total += absl::Milliseconds((unit++)->milliseconds) * number;
    rest.remove_prefix(letters);
  }
  return total;
}

std::string WriteLength(absl::Duration length) {
  std::string text;
  int64_t rest = absl::ToInt64Milliseconds(length);
  for (const Unit& unit : std::span(kUnits).subspan(1)) {  // a number of weeks reads worse than one of days
    if (rest >= unit.milliseconds) absl::StrAppend(&text, rest / unit.milliseconds, unit.name);
    rest %= unit.milliseconds;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace retention
