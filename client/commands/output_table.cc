#include "client/commands/output_table.h"

#include <algorithm>
#include <ostream>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "text/unicode.h"

namespace retention {
namespace {

// Whether a character could steer a terminal, begin a line of its own, or have what follows read in another direction.
bool Steers(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// The character that begins `text`, and its length in bytes. What is no UTF-8 is a byte.
std::pair<char32_t, size_t> FirstOf(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  if ((byte(0) & 0xe0) == 0xc0 && follows(1)) return {(byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu), 2};
  if ((byte(0) & 0xf0) == 0xe0 && follows(1) && follows(2)) {
    return {(byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu), 3};
  }
  if ((byte(0) & 0xf8) == 0xf0 && follows(1) && follows(2) && follows(3)) {
    return {(byte(0) & 0x07u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 | (byte(3) & 0x3fu), 4};
  }
  return {byte(0), 1};
}

// Whether a spreadsheet would take it for a formula (OWASP, CSV injection). Numbers are none.
bool IsFormula(std::string_view text) {
  if (text.empty()) return false;
  const char32_t first = FirstOf(text).first;
  constexpr std::u32string_view kBegins = U"=+-@\uff1d\uff0b\uff0d\uff20";
  if (kBegins.find(first) == std::u32string_view::npos) return false;
  const bool is_number = (first == '+' || first == '-') && std::all_of(text.begin() + 1, text.end(), [](char c) {
                           return absl::ascii_isdigit(c) || c == '.';
                         });
  return !is_number;
}

// Where decimals have a comma, spreadsheets split at this one (tabs are none any more: Printable), and take only quotes
// that stand behind it for quotes.
constexpr char kOtherSeparator = ';';

// Whether what stands behind kOtherSeparator would be a formula in a cell of its own.
bool IsFormulaOfItsOwn(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\" "), text.size()));
  return IsFormula(text);
}

std::string CsvField(const std::string& raw) {
  const std::string text = Printable(raw);
  const bool is_formula = IsFormula(text);
  if (!is_formula && text.find_first_of(",\";") == std::string::npos) return text;
  std::string quoted = is_formula ? "\"'" : "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted += '"';
    quoted += text[i];
    if (text[i] == kOtherSeparator && IsFormulaOfItsOwn(std::string_view(text).substr(i + 1))) quoted += '\'';
  }
  return quoted + "\"";
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const auto [character, bytes] = FirstOf(text);
    if (Steers(character)) {
      absl::StrAppend(&printable, "\\u", absl::Hex(static_cast<uint32_t>(character), absl::kZeroPad4));
    } else {
      printable.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return printable;
}

void OutputTable::PrintAligned(std::ostream& out) const {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : columns_) lines[0].push_back(column.heading);
  for (const auto& row : rows_) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row) line.push_back(Printable(cell.text));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(line[i]));
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].heading.empty()) continue;
      const std::string padding(widths[i] - DisplayWidth(line[i]), ' ');
      if (!text.empty()) text += "  ";
      text += columns_[i].right_aligned ? padding + line[i] : line[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

void OutputTable::PrintCsv(std::ostream& out) const {
  const auto print = [&](auto field_of) {
    const char* separator = "";
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].csv_name.empty()) continue;
      out << std::exchange(separator, ",") << CsvField(field_of(i));
    }
    out << "\n";
  };
  print([this](size_t i) { return columns_[i].csv_name; });
  for (const auto& row : rows_) print([&row](size_t i) { return row[i].csv_text; });
}

}  // namespace retention
