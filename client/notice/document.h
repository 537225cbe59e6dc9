// A text of headings, paragraphs, items and rows, and how it is written down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace retention {

struct Span {
  std::string text;
  bool bold = false;
};
using Line = std::vector<Span>;

struct Block {
  enum class Kind { kHeading, kParagraph, kItem, kRow };

  Kind kind = Kind::kParagraph;
  int level = 0;            // Of a heading, from 1 on.
  std::vector<Line> lines;  // Of a row its cells; the first row of a table is its head.
};
using Document = std::vector<Block>;

// Whatever characters a text has, it is a text: what would be a sign of Markdown or HTML is escaped.
std::string ToMarkdown(const Document& document);
// A page of its own, for screen and paper, that loads nothing. `language`: "de".
std::string ToHtml(const Document& document, std::string_view language);

}  // namespace retention
