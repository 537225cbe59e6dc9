#include "client/notice/notice_texts.h"

#include <cstdlib>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

struct EmbeddedText {
  std::string_view file;
  std::string_view text;
};

constexpr EmbeddedText kTexts[] = {
#include "embedded_texts.inc"
};

using Phrases = std::map<std::string_view, std::string_view>;

Phrases ReadPhrases(Language language) {
  Phrases phrases;
  for (const auto& [key, text] : LinesOf(NoticeText("phrases", language, "txt"))) phrases.emplace(key, text);
  return phrases;
}

}  // namespace

std::string_view CodeOf(Language language) { return language == Language::kGerman ? "de" : "en"; }

std::string_view NoticeText(std::string_view name, Language language, std::string_view extension) {
  const std::string file =
      absl::StrCat(std::string(name), ".", std::string(CodeOf(language)), ".", std::string(extension));
  for (const EmbeddedText& text : kTexts) {
    if (text.file == file) return text.text;
  }
  std::abort();  // a text that the build leaves out: every test finds it first
}

std::vector<std::pair<std::string_view, std::string_view>> LinesOf(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> lines;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const size_t equals = line.find(" = ");
    if (line.empty() || line[0] == '#' || equals == absl::string_view::npos) continue;
    lines.emplace_back(std::string_view(line.data(), equals),
                       std::string_view(line.data() + equals + 3, line.size() - equals - 3));
  }
  return lines;
}

std::string_view Phrase(Language language, std::string_view key) {
  static const Phrases& german = *new Phrases(ReadPhrases(Language::kGerman));
  static const Phrases& english = *new Phrases(ReadPhrases(Language::kEnglish));
  const Phrases& phrases = language == Language::kGerman ? german : english;
  const auto found = phrases.find(key);
  return found == phrases.end() ? std::string_view() : found->second;
}

}  // namespace retention
