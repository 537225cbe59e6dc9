#include "client/notice/promises.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr uint32_t kDaysAWeek = 7;
constexpr uint32_t kMonthsAYear = 12;

// Words one of which a sentence has, and what that means.
struct Term {
  std::vector<std::string> meanings;
  std::vector<std::string> words;
};

std::vector<std::string> Split(std::string_view text, const char* separator) {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(text.data(), text.size()), separator)) {
    parts.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return parts;
}

// promises.LANGUAGE.txt.
class Vocabulary {
 public:
  explicit Vocabulary(Language language) {
    for (const auto& [key, words] : LinesOf(NoticeText("promises", language, "txt"))) {
      std::vector<std::string> meanings = Split(key, " ");
      const std::string kind = meanings.front();
      meanings.erase(meanings.begin());
      terms_[kind].push_back({.meanings = std::move(meanings), .words = Split(words, "|")});
    }
  }

  bool Has(const std::string& kind, std::string_view sentence) const { return Position(kind, sentence).has_value(); }

  // What the term that stands first in a sentence means; nothing if there is none.
  std::vector<std::string> First(const std::string& kind, std::string_view sentence) const {
    std::vector<std::string> meanings;
    size_t first = std::string_view::npos;
    for (const Term& term : TermsOf(kind)) {
      for (const std::string& word : term.words) {
        const size_t at = sentence.find(word);
        if (at >= first) continue;
        first = at;
        meanings = term.meanings;
      }
    }
    return meanings;
  }

  // What the first term of the list that is in a sentence means.
  std::vector<std::string> FirstOfList(const std::string& kind, std::string_view sentence) const {
    for (const Term& term : TermsOf(kind)) {
      for (const std::string& word : term.words) {
        if (sentence.find(word) != std::string_view::npos) return term.meanings;
      }
    }
    return {};
  }

  // What a word means by itself; empty if nothing.
  std::string Meaning(const std::string& kind, const std::string& word) const {
    for (const Term& term : TermsOf(kind)) {
      if (std::find(term.words.begin(), term.words.end(), word) != term.words.end()) return term.meanings.front();
    }
    return "";
  }

 private:
  const std::vector<Term>& TermsOf(const std::string& kind) const { return terms_.at(kind); }
  std::optional<size_t> Position(const std::string& kind, std::string_view sentence) const {
    for (const Term& term : TermsOf(kind)) {
      for (const std::string& word : term.words) {
        if (const size_t at = sentence.find(word); at != std::string_view::npos) return at;
      }
    }
    return std::nullopt;
  }

  std::map<std::string, std::vector<Term>> terms_;
};

std::optional<PromisedLength> LengthIn(const std::string& number, const std::string& unit, const Vocabulary& words) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(number, &count) && !absl::SimpleAtoi(words.Meaning("number", number), &count)) {
    return std::nullopt;
  }
  const std::string meant = words.Meaning("unit", unit);
  if (meant == "days") return PromisedLength{PromisedLength::Unit::kDays, count};
  if (meant == "weeks") return PromisedLength{PromisedLength::Unit::kDays, count * kDaysAWeek};
  if (meant == "months") return PromisedLength{PromisedLength::Unit::kMonths, count};
  if (meant == "years") return PromisedLength{PromisedLength::Unit::kMonths, count * kMonthsAYear};
  if (meant == "hours") return PromisedLength{PromisedLength::Unit::kHours, count};
  return std::nullopt;
}

std::vector<PromisedLength> LengthsIn(std::string_view sentence, const Vocabulary& words) {
  std::vector<PromisedLength> lengths;
  const std::vector<std::string> spoken = WordsOf(sentence);
  for (size_t i = 0; i + 1 < spoken.size(); ++i) {
    auto length = LengthIn(spoken[i], spoken[i + 1], words);
    if (!length.has_value()) continue;
    length->is_most = words.Has("up-to", sentence);
    lengths.push_back(*length);
  }
  return lengths;
}

// What a sentence is about: by what stands before its colon, else by all of it.
std::string SubjectOf(std::string_view sentence, const Vocabulary& words) {
  const size_t colon = sentence.find(':');
  std::vector<std::string> found;
  if (colon != std::string_view::npos) found = words.First("category", sentence.substr(0, colon));
  if (found.empty()) found = words.First("category", sentence);
  return found.empty() ? "" : found.front();
}

void ReadSentence(const Sentence& sentence, std::string& subject, const Vocabulary& words, Promises& promises) {
  const std::string said = InLowerCase(sentence.text);
  if (std::string own = SubjectOf(said, words); !own.empty()) subject = std::move(own);
  std::vector<PromisedLength> lengths = LengthsIn(said, words);
  const std::vector<std::string> end = words.FirstOfList("end", said);
  Promise promise{.sentence = sentence, .about = end.empty() || lengths.empty() ? subject : end.front()};
  if (promise.about.empty()) {
    if (!lengths.empty()) promises.unclear.push_back(sentence);
    return;
  }
  if (lengths.empty() && words.Has("immediately", said)) {
    lengths.push_back({.unit = PromisedLength::Unit::kImmediately});
  }
  promise.is_anonymised = words.Has("anonymised", said);
  promise.is_extended = words.Has("extended", said);
  for (const std::string& start : words.FirstOfList("start", said)) promise.starts.insert(start);
  if (lengths.empty() && words.Has("trigger", said)) promises.made.push_back(promise);
  for (const PromisedLength& length : lengths) {
    promise.length = length;
    promises.made.push_back(promise);
  }
}

}  // namespace

Promises ReadPromises(std::string_view text, Language language) {
  const Vocabulary words(language);
  Promises promises;
  for (const std::vector<Sentence>& passage : PassagesOf(text)) {
    std::string subject;  // Of the sentences that name none themselves.
    for (const Sentence& sentence : passage) ReadSentence(sentence, subject, words, promises);
  }
  return promises;
}

}  // namespace retention
