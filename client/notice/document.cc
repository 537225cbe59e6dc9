#include "client/notice/document.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace retention {
namespace {

constexpr char kStyle[] =
    "body{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}h3{font-size:1em}"
    "table{border-collapse:collapse;font-size:.9em}th,td{border:1px solid #999;padding:.3em .6em;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}"
    "@media print{body{font-size:10.5pt;max-width:none;margin:0;padding:0}h1,h2,h3{break-after:avoid}"
    "li,tr,p{break-inside:avoid}}@page{margin:2cm}";

// CommonMark: every ASCII punctuation may stand behind a backslash.
std::string MarkdownText(const std::string& text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(text[i]))) {
      escaped += ' ';  // A line ends where the template ends it.
      continue;
    }
    const bool is_entity = text[i] == '&' && i + 1 < text.size() && text[i + 1] != ' ';
    if (is_entity || std::string_view("\\`*_[]<|~").find(text[i]) != std::string_view::npos) escaped += '\\';
    escaped += text[i];
  }
  return escaped;
}

std::string MarkdownLine(const Line& line) {
  std::string text;
  for (const Span& span : line) {
    const char* const mark = span.bold ? "**" : "";
    absl::StrAppend(&text, mark, MarkdownText(span.text), mark);
  }
  // Up to three spaces may stand before what begins a block, and more begin code.
  absl::StripAsciiWhitespace(&text);
  // What begins like a heading (or its underline), a quotation, an item or a number of a list is none.
  if (!text.empty() && std::string_view("#>-+=").find(text[0]) != std::string_view::npos) return "\\" + text;
  const size_t digits = text.find_first_not_of("0123456789");
  if (digits != 0 && digits != std::string::npos && (text[digits] == '.' || text[digits] == ')')) {
    text.insert(digits, "\\");
  }
  return text;
}

std::string HtmlText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string HtmlLine(const Line& line) {
  std::string html;
  for (const Span& span : line) {
    absl::StrAppend(&html, span.bold ? "<strong>" : "", HtmlText(span.text), span.bold ? "</strong>" : "");
  }
  return html;
}

std::string HtmlRow(const Block& row, const char* cell) {
  std::string html = "<tr>";
  for (const Line& line : row.lines) absl::StrAppend(&html, "<", cell, ">", HtmlLine(line), "</", cell, ">");
  return html + "</tr>\n";
}

}  // namespace

std::string ToMarkdown(const Document& document) {
  std::string text;
  for (size_t i = 0; i < document.size(); ++i) {
    const Block& block = document[i];
    const bool follows = i > 0 && document[i - 1].kind == block.kind;
    switch (block.kind) {
      case Block::Kind::kHeading:
        absl::StrAppend(&text, i > 0 ? "\n" : "", std::string(static_cast<size_t>(block.level), '#'), " ");
        for (const Span& span : block.lines.front()) absl::StrAppend(&text, MarkdownText(span.text));
        absl::StrAppend(&text, "\n");
        break;
      case Block::Kind::kParagraph:
        absl::StrAppend(&text, "\n");
        for (size_t line = 0; line < block.lines.size(); ++line) {
          const bool is_last = line + 1 == block.lines.size();
          absl::StrAppend(&text, MarkdownLine(block.lines[line]), is_last ? "\n" : "  \n");
        }
        break;
      case Block::Kind::kItem:
        absl::StrAppend(&text, follows ? "" : "\n", "- ", MarkdownLine(block.lines.front()), "\n");
        break;
      case Block::Kind::kRow:
        absl::StrAppend(&text, follows ? "" : "\n", "|");
        for (const Line& cell : block.lines) absl::StrAppend(&text, " ", MarkdownLine(cell), " |");
        absl::StrAppend(&text, "\n");
        if (follows) break;
        absl::StrAppend(&text, "|");
        for (size_t cell = 0; cell < block.lines.size(); ++cell) absl::StrAppend(&text, " --- |");
        absl::StrAppend(&text, "\n");
        break;
    }
  }
  return text;
}

std::string ToHtml(const Document& document, std::string_view language) {
  std::string title;
  if (!document.empty()) {
    for (const Span& span : document.front().lines.front()) title += span.text;
  }
  std::string html = absl::StrCat("<!DOCTYPE html>\n<html lang=\"", absl::string_view(language.data(), language.size()),
                                  "\"><head><meta charset=\"utf-8\"><title>", HtmlText(title), "</title>\n<style>",
                                  kStyle, "</style></head>\n<body>\n");
  for (size_t i = 0; i < document.size(); ++i) {
    const Block& block = document[i];
    const bool begins = i == 0 || document[i - 1].kind != block.kind;
    const bool ends = i + 1 == document.size() || document[i + 1].kind != block.kind;
    switch (block.kind) {
      case Block::Kind::kHeading:
        absl::StrAppend(&html, "<h", block.level, ">", HtmlLine(block.lines.front()), "</h", block.level, ">\n");
        break;
      case Block::Kind::kParagraph:
        absl::StrAppend(&html, "<p>");
        for (size_t line = 0; line < block.lines.size(); ++line) {
          absl::StrAppend(&html, line > 0 ? "<br>\n" : "", HtmlLine(block.lines[line]));
        }
        absl::StrAppend(&html, "</p>\n");
        break;
      case Block::Kind::kItem:
        absl::StrAppend(&html, begins ? "<ul>\n" : "", "<li>", HtmlLine(block.lines.front()), "</li>\n",
                        ends ? "</ul>\n" : "");
        break;
      case Block::Kind::kRow:
        absl::StrAppend(&html, begins ? "<table>\n" : "", HtmlRow(block, begins ? "th" : "td"),
                        ends ? "</table>\n" : "");
        break;
    }
  }
  return html + "</body></html>\n";
}

}  // namespace retention
