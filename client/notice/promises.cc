#include "client/notice/promises.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr uint32_t kDaysAWeek = 7;
constexpr uint32_t kMonthsAYear = 12;
// Nobody promises more of a unit; years of it are still counted in 32 bits.
constexpr uint32_t kMostCounted = 10'000;

// Words in their order, and what they mean.
struct Term {
  std::string kind;
  std::vector<std::string> meanings;
  std::vector<std::string> words;
};

// promises.LANGUAGE.txt.
class Vocabulary {
 public:
  explicit Vocabulary(Language language) {
    for (const auto& [key, words] : LinesOf(NoticeText("promises", language, "txt"))) {
      std::vector<std::string> meanings = absl::StrSplit(absl::string_view(key.data(), key.size()), ' ');
      const std::string kind = meanings.front();
      meanings.erase(meanings.begin());
      for (const absl::string_view said : absl::StrSplit(absl::string_view(words.data(), words.size()), " | ")) {
        Add({.kind = kind, .meanings = meanings, .words = WordsOf({said.data(), said.size()})});
      }
    }
  }

  // The longest term that stands at a place; nullptr if there is none.
  const Term* At(const std::vector<std::string>& words, size_t at) const {
    const auto terms = by_first_.find(words[at]);
    if (terms == by_first_.end()) return nullptr;
    const Term* longest = nullptr;
    for (const Term& term : terms->second) {
      const bool stands = at + term.words.size() <= words.size() &&
                          std::equal(term.words.begin(), term.words.end(), words.begin() + static_cast<long>(at));
      if (stands && (longest == nullptr || term.words.size() > longest->words.size())) longest = &term;
    }
    return longest;
  }

 private:
  void Add(Term term) {
    if (!term.words.empty()) by_first_[term.words.front()].push_back(term);
  }

  std::map<std::string, std::vector<Term>> by_first_;
};

std::optional<PromisedLength> LengthOf(const std::string& number, const std::string& unit) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(number, &count) || count > kMostCounted) return std::nullopt;
  if (unit == "days") return PromisedLength{PromisedLength::Unit::kDays, count};
  if (unit == "weeks") return PromisedLength{PromisedLength::Unit::kDays, count * kDaysAWeek};
  if (unit == "months") return PromisedLength{PromisedLength::Unit::kMonths, count};
  if (unit == "years") return PromisedLength{PromisedLength::Unit::kMonths, count * kMonthsAYear};
  if (unit == "hours") return PromisedLength{PromisedLength::Unit::kHours, count};
  return std::nullopt;
}

// A length of time with what its clause says of it.
struct Clause {
  PromisedLength length;
  std::vector<std::set<std::string>> starts;
  bool is_anonymised = false;
  bool is_erased = false;
  bool is_extended = false;
};

// What the terms of a sentence say. Every word counts: one that no term takes makes it unclear.
class Reading {
 public:
  Reading(const Sentence& sentence, const Vocabulary& vocabulary) {
    const std::vector<std::string> words = WordsOf(sentence.text);
    for (size_t i = 0; i < words.size();) {
      const Term* const term = vocabulary.At(words, i);
      i += term == nullptr ? 1 : term->words.size();
      Take(term, term == nullptr ? words[i - 1] : "");
    }
    End();
  }

  const std::set<std::string>& categories() const { return categories_; }
  const std::set<std::string>& events() const { return events_; }
  const std::set<std::string>& ends() const { return ends_; }
  const std::vector<Clause>& clauses() const { return clauses_; }
  // Whether it speaks of how long something is kept, as far as its words are known.
  bool names_time() const { return !clauses_.empty() || names_time_; }
  bool names_storing() const { return names_storing_ || !events_.empty() || names_start_; }
  // Whether nothing in it was left over. `of_end`: of the end of a PBX.
  bool is_understood(bool of_end) const {
    return !is_unknown_ && (of_end ? !has_starts() : !has_end_words_) &&
           std::none_of(clauses_.begin(), clauses_.end(), [](const Clause& c) {
             return c.starts.size() > 1 || (c.is_anonymised && c.is_erased) ||
                    (c.is_extended && (c.is_anonymised || c.is_erased));
           });
  }

 private:
  bool has_starts() const {
    return std::any_of(clauses_.begin(), clauses_.end(), [](const Clause& c) { return !c.starts.empty(); });
  }

  void Take(const Term* term, const std::string& word) {
    const std::string kind = term != nullptr ? term->kind : "";
    const bool is_number = kind == "number" || (!word.empty() && word.find_first_not_of("0123456789") == word.npos);
    if (kind == "unit") return TakeUnit(term->meanings.front());
    if (!number_.empty()) is_unknown_ = true;  // A number of nothing.
    number_.clear();
    if (is_number) {
      number_ = term != nullptr ? term->meanings.front() : word;
      return;
    }
    if (kind == "up-to") {
      if (is_most_) is_unknown_ = true;
      is_most_ = true;
      return;
    }
    if (kind == "before-length") {
      is_before_length_ = true;
      return;
    }
    // They stand right before a length, or mean something else.
    if (is_most_ || is_before_length_) is_unknown_ = true;
    is_most_ = is_before_length_ = false;
    if (kind == "immediately") return Begin({.unit = PromisedLength::Unit::kImmediately});
    TakeOther(term, kind);
  }

  void TakeOther(const Term* term, const std::string& kind) {
    if (kind == "category") {
      categories_.insert(term->meanings.front());
    } else if (kind == "event") {
      events_.insert(term->meanings.front());
    } else if (kind == "end") {
      ends_.insert(term->meanings.front());
    } else if (kind == "end-aside") {
      has_end_words_ = true;
    } else if (kind == "start") {
      names_start_ = true;
      pending_.starts.emplace_back(term->meanings.begin(), term->meanings.end());
    } else if (kind == "anonymised") {
      names_storing_ = pending_.is_anonymised = true;
    } else if (kind == "erased") {
      names_storing_ = pending_.is_erased = true;
    } else if (kind == "extended") {
      names_storing_ = pending_.is_extended = true;
    } else if (kind == "kept") {
      names_storing_ = true;
    } else if (kind == "separator") {
      Settle();
    } else if (kind == "unknown-time") {
      names_time_ = is_unknown_ = true;
    } else if (kind != "aside") {
      is_unknown_ = true;
    }
  }

  void TakeUnit(const std::string& unit) {
    const auto length = LengthOf(number_, unit);
    number_.clear();
    if (!length.has_value()) {
      names_time_ = is_unknown_ = true;
      is_most_ = is_before_length_ = false;
      return;
    }
    Begin(*length);
  }

  // A length begins its clause, or takes the one that a separator began.
  void Begin(PromisedLength length) {
    length.is_most = is_most_;
    is_most_ = is_before_length_ = false;
    // Two in one clause: which of them the words around are about is not known.
    if (has_length_) is_unknown_ = true;
    if (has_length_) Settle();
    pending_.length = length;
    has_length_ = true;
  }

  // What stood since the last separator: a clause of its own if it has a length, else more of the one before.
  void Settle() {
    if (has_length_) {
      clauses_.push_back(std::move(before_));
      std::swap(clauses_.back(), pending_);
      AddTo(clauses_.back(), pending_);
    } else if (!clauses_.empty()) {
      AddTo(clauses_.back(), pending_);
    } else {
      AddTo(before_, pending_);
      pending_ = {};
      return;
    }
    before_ = {};
    pending_ = {};
    has_length_ = false;
  }

  static void AddTo(Clause& clause, const Clause& more) {
    clause.starts.insert(clause.starts.end(), more.starts.begin(), more.starts.end());
    clause.is_anonymised |= more.is_anonymised;
    clause.is_erased |= more.is_erased;
    clause.is_extended |= more.is_extended;
  }

  void End() {
    Settle();
    if (!number_.empty() || is_most_ || is_before_length_) is_unknown_ = true;
  }

  std::set<std::string> categories_;
  std::set<std::string> events_;
  std::set<std::string> ends_;
  std::vector<Clause> clauses_;
  Clause before_;   // What was said before the first clause that has a length.
  Clause pending_;  // Since the last separator.
  bool has_length_ = false;
  std::string number_;  // That stood just before.
  bool is_most_ = false;
  bool is_before_length_ = false;
  bool is_unknown_ = false;
  bool names_time_ = false;
  bool names_storing_ = false;
  bool names_start_ = false;
  bool has_end_words_ = false;
};

// What a sentence promises of the things it is about; nothing if it is not understood.
std::vector<Promise> PromisesOf(const Sentence& sentence, const Reading& said, const std::set<std::string>& about) {
  std::vector<Promise> made;
  const bool is_end = !said.ends().empty();
  const size_t lengths = said.clauses().size();
  if (!said.is_understood(is_end) || (lengths == 0) == said.events().empty()) return made;
  // Which length is whose is not known.
  if (about.size() > 1 && lengths > 1) return made;
  if (is_end && (lengths != 1 || said.ends().size() > 1 || !said.categories().empty())) return made;
  for (const std::string& one : is_end ? said.ends() : about) {
    Promise promise{.sentence = sentence, .about = one, .events = said.events()};
    if (lengths == 0) made.push_back(promise);
    for (const Clause& clause : said.clauses()) {
      promise.length = clause.length;
      promise.starts = clause.starts.empty() ? std::set<std::string>() : clause.starts.front();
      promise.is_anonymised = clause.is_anonymised;
      promise.is_extended = clause.is_extended;
      made.push_back(promise);
    }
  }
  return made;
}

void ReadPassage(const std::vector<Sentence>& passage, const Vocabulary& vocabulary, Promises& promises) {
  std::set<std::string> about;  // Of the sentences that name nothing themselves.
  const Sentence* label = nullptr;
  bool is_said = false;
  for (const Sentence& sentence : passage) {
    const Reading said(sentence, vocabulary);
    if (!said.categories().empty()) about = said.categories();
    const size_t colon = sentence.text.find(':');
    if (colon != std::string::npos && label == nullptr) {
      const Reading before({.line = sentence.line, .text = sentence.text.substr(0, colon)}, vocabulary);
      if (!before.categories().empty() && before.is_understood(false)) label = &sentence;
    }
    const bool is_of_something = !about.empty() || !said.ends().empty();
    if (is_of_something ? !said.names_time() && !said.names_storing()
                        : said.clauses().empty() && !(said.names_time() && said.names_storing())) {
      continue;
    }
    is_said = true;
    std::vector<Promise> made = PromisesOf(sentence, said, about);
    if (made.empty()) promises.unclear.push_back(sentence);
    std::move(made.begin(), made.end(), std::back_inserter(promises.made));
  }
  // "Category: something" is there to say how long it is kept.
  if (label != nullptr && !is_said) promises.unclear.push_back(*label);
}

}  // namespace

Promises ReadPromises(std::string_view text, Language language) {
  const Vocabulary vocabulary(language);
  Promises promises;
  for (const std::vector<Sentence>& passage : PassagesOf(text)) ReadPassage(passage, vocabulary, promises);
  return promises;
}

}  // namespace retention
