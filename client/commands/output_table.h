// A table of results, printed for people (aligned columns, human units) or as CSV for programs (plain units).
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace retention {

// `text` without control characters, which could steer a terminal.
std::string Printable(std::string text);

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

class OutputTable {
 public:
  explicit OutputTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // REQUIRES: one cell per column.
  void AddRow(std::vector<TableCell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // Control characters, which could come from outside and steer a terminal, are shown as `?`.
  void PrintAligned(std::ostream& out) const;
  // RFC 4180, with a heading line and "\n" line ends.
  void PrintCsv(std::ostream& out) const;

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<TableCell>> rows_;
};

}  // namespace retention
