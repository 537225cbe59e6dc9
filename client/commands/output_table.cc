#include "client/commands/output_table.h"

#include <algorithm>
#include <ostream>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"

namespace retention {
namespace {

// Characters, not bytes: everything but UTF-8 continuation bytes.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::string CsvField(const std::string& text) {
  // A spreadsheet would run a name that looks like a formula.
  const bool is_formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos &&
      !std::all_of(text.begin() + 1, text.end(), [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  if (!is_formula && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = is_formula ? "\"'" : "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string Printable(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) text[i] = '?';
    // C1 control characters are U+0080 to U+009F: C2 80 to C2 9F in UTF-8.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) text.replace(i, 2, "?");
  }
  return text;
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
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].heading.empty()) continue;
      const std::string padding(widths[i] - Width(line[i]), ' ');
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
