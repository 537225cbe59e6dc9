#include "client/notice/template.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace retention {
namespace {

// The facts around a place, the innermost last.
using Around = std::vector<const Facts*>;

const std::string* TextOf(const Around& around, std::string_view name) {
  for (auto it = around.rbegin(); it != around.rend(); ++it) {
    if (const auto found = (*it)->texts.find(name); found != (*it)->texts.end()) return &found->second;
  }
  return nullptr;
}

const std::vector<Facts>& ListOf(const Around& around, std::string_view name) {
  static const std::vector<Facts>& none = *new std::vector<Facts>();
  for (auto it = around.rbegin(); it != around.rend(); ++it) {
    if (const auto found = (*it)->lists.find(name); found != (*it)->lists.end()) return found->second;
  }
  return none;
}

// A line as it is filled: its spans, and whether it named facts, and any of them was there.
struct Filled {
  Line line;
  bool has_names = false;
  bool has_facts = false;
};

void Append(std::string_view text, bool bold, Line& line) {
  if (text.empty()) return;
  if (line.empty() || line.back().bold != bold) line.push_back({.text = {}, .bold = bold});
  line.back().text.append(text);
}

Filled Fill(std::string_view text, const Around& around) {
  Filled filled;
  bool bold = false;
  while (!text.empty()) {
    const size_t mark = text.find("**");
    const size_t name = text.find("{{");
    const size_t next = std::min(mark, name);
    Append(text.substr(0, next), bold, filled.line);
    if (next == std::string_view::npos) break;
    if (next == mark) {
      bold = !bold;
      text.remove_prefix(next + 2);
      continue;
    }
    const size_t end = text.find("}}", next);
    if (end == std::string_view::npos) {
      Append(text.substr(next), bold, filled.line);
      break;
    }
    const std::string* const fact = TextOf(around, text.substr(next + 2, end - next - 2));
    filled.has_names = true;
    filled.has_facts |= fact == nullptr || !fact->empty();
    Append(fact == nullptr ? text.substr(next, end + 2 - next) : std::string_view(*fact), bold, filled.line);
    text.remove_prefix(end + 2);
  }
  // What stood before a fact that is missing.
  if (!filled.line.empty()) {
    absl::StripTrailingAsciiWhitespace(&filled.line.back().text);
    if (filled.line.back().text.empty()) filled.line.pop_back();
  }
  return filled;
}

struct Section {
  std::string_view name;
  bool is_inverted = false;
};

// "{{#list}}" or "{{^list}}".
std::optional<Section> SectionIn(std::string_view line) {
  if (line.size() < 6 || line.substr(0, 2) != "{{" || line.substr(line.size() - 2) != "}}") return std::nullopt;
  if (line[2] != '#' && line[2] != '^') return std::nullopt;
  return Section{.name = line.substr(3, line.size() - 5), .is_inverted = line[2] == '^'};
}

class Filling {
 public:
  explicit Filling(std::string_view text) {
    for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
      lines_.emplace_back(line.data(), line.size());
    }
  }

  Document Run(const Facts& facts) {
    Around around = {&facts};
    Lines(0, lines_.size(), around);
    return std::move(document_);
  }

 private:
  void Lines(size_t begin, size_t end, Around& around) {
    for (size_t i = begin; i < end; ++i) {
      const auto section = SectionIn(lines_[i]);
      if (!section.has_value()) {
        One(lines_[i], around);
        continue;
      }
      const size_t close = EndOf(*section, i + 1, end);
      const std::vector<Facts>& list = ListOf(around, section->name);
      if (section->is_inverted && list.empty()) Lines(i + 1, close, around);
      for (size_t item = 0; !section->is_inverted && item < list.size(); ++item) {
        around.push_back(&list[item]);
        Lines(i + 1, close, around);
        around.pop_back();
      }
      i = close;
    }
  }

  size_t EndOf(const Section& section, size_t begin, size_t end) const {
    const std::string closing = "{{/" + std::string(section.name) + "}}";
    size_t depth = 1;
    for (size_t i = begin; i < end; ++i) {
      const auto inner = SectionIn(lines_[i]);
      if (inner.has_value() && inner->name == section.name) ++depth;
      if (lines_[i] == closing && --depth == 0) return i;
    }
    return end;
  }

  void One(std::string_view text, const Around& around) {
    if (text.empty()) {
      in_paragraph_ = false;
      return;
    }
    size_t level = 0;
    while (level < text.size() && text[level] == '#') ++level;
    if (level > 0) return Put(Block::Kind::kHeading, static_cast<int>(level), text.substr(level + 1), around);
    if (text.substr(0, 2) == "- ") return Put(Block::Kind::kItem, 0, text.substr(2), around);
    if (text.substr(0, 2) == "| ") return Row(text, around);
    const Filled filled = Fill(text, around);
    if (filled.has_names && !filled.has_facts) return;
    if (!in_paragraph_) document_.push_back({.kind = Block::Kind::kParagraph});
    in_paragraph_ = true;
    document_.back().lines.push_back(filled.line);
  }

  void Put(Block::Kind kind, int level, std::string_view text, const Around& around) {
    Filled filled = Fill(text, around);
    in_paragraph_ = false;
    if (filled.has_names && !filled.has_facts) return;
    document_.push_back({.kind = kind, .level = level, .lines = {std::move(filled.line)}});
  }

  void Row(std::string_view text, const Around& around) {
    Block row{.kind = Block::Kind::kRow};
    std::vector<absl::string_view> cells = absl::StrSplit(absl::string_view(text.data(), text.size()), '|');
    for (size_t i = 1; i + 1 < cells.size(); ++i) {
      const absl::string_view cell = absl::StripAsciiWhitespace(cells[i]);
      row.lines.push_back(Fill({cell.data(), cell.size()}, around).line);
    }
    in_paragraph_ = false;
    document_.push_back(std::move(row));
  }

  std::vector<std::string_view> lines_;
  Document document_;
  bool in_paragraph_ = false;
};

}  // namespace

Document FillTemplate(std::string_view text, const Facts& facts) { return Filling(text).Run(facts); }

std::string FillSentence(std::string_view sentence, const Facts& facts) {
  std::string text;
  for (const Span& span : Fill(sentence, {&facts}).line) text += span.text;
  return text;
}

}  // namespace retention
