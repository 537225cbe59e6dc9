// A table of results, printed for people (aligned columns, human units) or as CSV for programs (plain units).
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retention {

// `text`, whose control characters, line ends and marks of direction, which come from outside and could steer a
// terminal, are written as `\u001b`. The one form in which commands show text, but as JSON.
std::string Printable(std::string_view text);

struct TableColumn {
  std::string heading;   // For people; empty: a column for programs only.
  std::string csv_name;  // For programs, with its unit: `total_time_seconds`; empty: a column for people only.
  bool right_aligned = false;
};

struct TableCell {
  std::string text;      // For people.
  std::string csv_text;  // For programs.

  TableCell(std::string both) : text(both), csv_text(std::move(both)) {}  // NOLINT(google-explicit-constructor)
  TableCell(const char* both) : TableCell(std::string(both)) {}           // NOLINT(google-explicit-constructor)
  TableCell(std::string for_people, std::string for_programs)
      : text(std::move(for_people)), csv_text(std::move(for_programs)) {}
};

inline TableCell YesOrNo(bool yes) { return {yes ? "yes" : "no", yes ? "true" : "false"}; }

class OutputTable {
 public:
  explicit OutputTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // REQUIRES: one cell per column.
  void AddRow(std::vector<TableCell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // Every cell Printable.
  void PrintAligned(std::ostream& out) const;
  // RFC 4180, with a heading line and "\n" line ends; every field Printable, and so on one line. One that a spreadsheet
  // would run (it begins with = + - @, and is no number) begins with an apostrophe (OWASP), and so does what would run
  // behind a semicolon, at which some split; a field that has one is quoted.
  void PrintCsv(std::ostream& out) const;

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<TableCell>> rows_;
};

}  // namespace retention
