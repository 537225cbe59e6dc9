#include "client/notice/sentences.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

// Behind these a full stop ends no sentence.
constexpr std::array<std::string_view, 16> kAbbreviations = {"d",   "h",  "z", "b",  "art", "abs", "ggf", "bzw",
                                                             "lit", "nr", "s", "co", "i",   "v",   "m",   "para"};

bool IsLetter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || (c & 0x80) != 0; }

// Whether a capital letter begins: ASCII, or one of ÄÖÜ.
bool BeginsCapital(std::string_view text) {
  if (text.empty()) return false;
  return absl::ascii_isupper(static_cast<unsigned char>(text[0])) || text.substr(0, 2) == "Ä" ||
         text.substr(0, 2) == "Ö" || text.substr(0, 2) == "Ü";
}

// HTML without its tags; where one ends a passage, a line end. Lines stay what they are but for that: `lines` says
// which line of the original each one was.
std::string WithoutTags(std::string_view text, std::vector<size_t>& lines) {
  std::string plain;
  size_t line = 1;
  lines = {line};
  const auto end_line = [&] {
    plain += '\n';
    lines.push_back(line);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ++line;
    const size_t close = text[i] == '<' ? text.find('>', i) : std::string_view::npos;
    const bool is_tag =
        close != std::string_view::npos && i + 1 < text.size() &&
        (absl::ascii_isalpha(static_cast<unsigned char>(text[i + 1])) || text[i + 1] == '/' || text[i + 1] == '!');
    if (!is_tag) {
      if (text[i] == '\n') {
        end_line();
      } else {
        plain += text[i];
      }
      continue;
    }
    const std::string_view tag = text.substr(i, close - i);
    if (tag == "<style" || tag.substr(0, 7) == "<style " || tag == "<title") {
      const size_t over = text.find("</", close);
      i = over == std::string_view::npos ? text.size() : over - 1;
      continue;
    }
    if (tag.substr(0, 3) == "</p" || tag.substr(0, 3) == "</l" || tag.substr(0, 3) == "</h" ||
        tag.substr(0, 3) == "</t") {
      end_line();
      end_line();
    }
    i = close;
  }
  return plain;
}

std::string Unescaped(std::string_view line) {
  std::string text = absl::StrReplaceAll(absl::string_view(line.data(), line.size()), {{"**", ""},
                                                                                       {"&amp;", "&"},
                                                                                       {"&lt;", "<"},
                                                                                       {"&gt;", ">"},
                                                                                       {"&quot;", "\""},
                                                                                       {"&#39;", "'"},
                                                                                       {"&nbsp;", " "},
                                                                                       {"\xc2\xa0", " "}});
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    // [text](address) is its text; an escaped sign is itself.
    const bool is_escape =
        text[i] == '\\' && i + 1 < text.size() && absl::ascii_ispunct(static_cast<unsigned char>(text[i + 1]));
    if (is_escape) {
      plain += text[++i];
    } else if (text[i] == ']' && i + 1 < text.size() && text[i + 1] == '(') {
      const size_t close = text.find(')', i);
      i = close == std::string::npos ? i : close;
    } else if (text[i] != '[') {
      plain += text[i];
    }
  }
  return plain;
}

// The sign of an item or heading that a line begins with, and its text.
bool TakeSign(absl::string_view& line) {
  bool is_sign = false;
  while (absl::StartsWith(line, "#") || absl::StartsWith(line, "|") || absl::StartsWith(line, ">")) {
    line.remove_prefix(1);
    is_sign = true;
  }
  for (const char* sign : {"- ", "* ", "+ ", "• "}) {
    if (!absl::StartsWith(line, sign)) continue;
    line.remove_prefix(std::string_view(sign).size());
    is_sign = true;
  }
  line = absl::StripAsciiWhitespace(line);
  return is_sign;
}

// A passage as it is gathered, line by line.
class Passage {
 public:
  void Add(const std::string& text, size_t line) {
    if (!text_.empty()) {
      text_ += ' ';
      lines_.push_back(line);
    }
    text_ += text;
    lines_.resize(text_.size(), line);
  }
  bool empty() const { return text_.empty(); }

  std::vector<Sentence> Take() {
    std::vector<Sentence> sentences;
    size_t begin = 0;
    for (size_t i = 0; i < text_.size(); ++i) {
      if (i + 1 < text_.size() && !EndsAt(begin, i)) continue;
      Put(begin, i + 1, sentences);
      begin = i + 1;
    }
    text_.clear();
    lines_.clear();
    return sentences;
  }

 private:
  bool EndsAt(size_t begin, size_t at) const {
    if (std::string_view(".!?").find(text_[at]) == std::string_view::npos || text_[at + 1] != ' ') return false;
    if (!BeginsCapital(std::string_view(text_).substr(at + 2))) return false;
    size_t word = at;
    while (word > begin && IsLetter(text_[word - 1])) --word;
    const std::string last = InLowerCase(std::string_view(text_).substr(word, at - word));
    if (!last.empty() && last.find_first_not_of("0123456789") == std::string::npos) return false;
    for (const std::string_view abbreviation : kAbbreviations) {
      if (last == abbreviation) return false;
    }
    return true;
  }

  void Put(size_t begin, size_t end, std::vector<Sentence>& sentences) const {
    while (begin < end && text_[begin] == ' ') ++begin;
    if (begin < end) sentences.push_back({.line = lines_[begin], .text = text_.substr(begin, end - begin)});
  }

  std::string text_;
  std::vector<size_t> lines_;  // Of each character.
};

}  // namespace

std::string InLowerCase(std::string_view text) {
  std::string lower =
      absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"Ä", "ä"}, {"Ö", "ö"}, {"Ü", "ü"}});
  absl::AsciiStrToLower(&lower);
  return lower;
}

std::vector<std::string> WordsOf(std::string_view text) {
  // What is no letter beyond ASCII.
  const std::string plain = absl::StrReplaceAll(InLowerCase(text), {{"\u00ad", ""},
                                                                    {"„", " "},
                                                                    {"“", " "},
                                                                    {"”", " "},
                                                                    {"‚", " "},
                                                                    {"‘", " "},
                                                                    {"«", " "},
                                                                    {"»", " "},
                                                                    {"…", " "},
                                                                    {"–", " "},
                                                                    {"—", " "},
                                                                    {"\u2009", " "},
                                                                    {"\u202f", " "},
                                                                    {"’", "'"}});
  std::vector<std::string> words;
  std::string word;
  const auto is_digit = [&](size_t at) {
    return at < plain.size() && absl::ascii_isdigit(static_cast<unsigned char>(plain[at]));
  };
  for (size_t i = 0; i <= plain.size(); ++i) {
    const char c = i < plain.size() ? plain[i] : ' ';
    const bool is_within = !word.empty() && (c == '-' || c == '\'');
    const bool is_point = (c == '.' || c == ',') && i > 0 && is_digit(i - 1) && is_digit(i + 1);
    if (IsLetter(c) || is_within || is_point) {
      word += c;
      continue;
    }
    if (!word.empty()) words.push_back(std::exchange(word, {}));
    if (c == ',' || c == ';') words.emplace_back(",");
  }
  return words;
}

std::vector<std::vector<Sentence>> PassagesOf(std::string_view text) {
  std::vector<size_t> numbers;
  const std::string plain = WithoutTags(text, numbers);
  std::vector<std::vector<Sentence>> passages;
  Passage passage;
  const auto end = [&] {
    if (!passage.empty()) passages.push_back(passage.Take());
  };
  size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(plain, '\n')) {
    const size_t line_number = numbers[number++];
    absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || TakeSign(line)) end();
    if (!line.empty()) passage.Add(Unescaped({line.data(), line.size()}), line_number);
  }
  end();
  return passages;
}

}  // namespace retention
