#include "client/importers/imported_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "text/normal_address.h"

namespace retention {
namespace {

constexpr size_t kIdentifierBytesMax = 128;
constexpr size_t kDialledBytesMax = 32;  // event.proto
constexpr size_t kKindBytesMax = 64;

// Length of the UTF-8 character at `at`, or 0 if there is none (RFC 3629).
size_t CharacterLength(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

std::string ValidUtf8(std::string text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharacterLength(text, at);
    if (length == 0) text[at] = '?';
    at += length == 0 ? 1 : length;
  }
  return text;
}

std::string StandIn(const std::string& id) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return absl::StrCat("id-", absl::Hex(hash, absl::kZeroPad16));
}

}  // namespace

std::string ShortenedText(const std::string& recorded, size_t bytes_max) {
  const std::string text = ValidUtf8(recorded);
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

std::string ValidIdentifier(const std::string& id) {
  const bool valid = !id.empty() && id.size() <= kIdentifierBytesMax &&
                     std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~' && c != '@'; });
  return valid ? id : StandIn(id);
}

std::string PersonIdentifier(const std::string& id) {
  return ValidIdentifier(id.find('@') == std::string::npos ? id : NormalAddress(id));
}

std::string PathComponent(const std::string& name) {
  std::string component;
  for (const char c : name) {
    const bool is_plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_=~+", c) ||
                          (c == '.' && !component.empty());
    if (is_plain) {
      component += c;
    } else {
      absl::StrAppendFormat(&component, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return component;
}

std::string DialledNumber(const std::string& text) {
  std::string number;
  for (const char c : text) {
    if (c == ' ') continue;
    if (c < ' ' || c > '~') return "";
    number.push_back(c);
  }
  return number.size() <= kDialledBytesMax ? number : "";
}

std::string KindWord(const std::string& text) {
  const bool is_word = text.size() <= kKindBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
                         return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
                       });
  return is_word ? text : "";
}

std::string ComparedText(const std::string& text) {
  std::string compared = absl::AsciiStrToLower(text);
  absl::RemoveExtraAsciiWhitespace(&compared);
  // Capitals of Latin-1 (U+00C0 to U+00DE without the multiplication sign), as in "Überall".
  for (size_t i = 1; i < compared.size(); ++i) {
    const auto byte = static_cast<unsigned char>(compared[i]);
    if (compared[i - 1] == '\xc3' && byte >= 0x80 && byte <= 0x9e && byte != 0x97) {
      compared[i] = static_cast<char>(byte + 0x20);
    }
  }
  return compared;
}

bool IsTelephoneNumber(const std::string& name) {
  constexpr int kDigitsMin = 5;  // fewer may be a room, or a joke
  int digits = 0;
  for (const char c : name) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '*' || c == 'x' || c == 'X') {
      ++digits;
    } else if (!absl::StrContains("+-()./ ", std::string(1, c))) {
      return false;
    }
  }
  return digits >= kDigitsMin && absl::c_any_of(name, [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace retention
