#include "server/anonymisation/filter.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr char kPrefix[] = "DIMENSION_";

bool IsWordByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '+' || c == '_' || c == '.';
}

class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<DimensionCondition>> Parse() {
    std::vector<DimensionCondition> conditions;
    SkipSpace();
    if (at_ == text_.size()) return conditions;
    do {
      auto conjunct = Conjunct();
      if (!conjunct.ok()) return conjunct.status();
      conditions.push_back(*std::move(conjunct));
    } while (TakeWord("AND"));
    if (at_ != text_.size()) return Malformed("AND, OR or the end expected");
    return conditions;
  }

 private:
  absl::StatusOr<DimensionCondition> Conjunct() {
    const bool in_brackets = Take('(');
    auto condition = Comparison();
    if (!condition.ok()) return condition;
    while (TakeWord("OR")) {
      auto other = Comparison();
      if (!other.ok()) return other;
      if (other->dimension != condition->dimension) return Malformed("OR joins comparisons of one dimension");
      if (!other->is_one_of || !condition->is_one_of) return Malformed("!= is joined by AND alone");
      condition->values.push_back(std::move(other->values.front()));
    }
    if (in_brackets && !Take(')')) return Malformed(") expected");
    return condition;
  }
  absl::StatusOr<DimensionCondition> Comparison() {
    SkipSpace();
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
    DimensionCondition condition{.dimension = DimensionNamed(text_.substr(begin, at_ - begin)), .values = {}};
    if (condition.dimension == v1::DIMENSION_UNSPECIFIED) {
      at_ = begin;
      return Malformed("a dimension expected");
    }
    SkipSpace();
    if (Take('!')) condition.is_one_of = false;
    if (!Take('=')) return Malformed("= or != expected");
    auto value = Value();
    if (!value.ok()) return value.status();
    condition.values.push_back(*std::move(value));
    return condition;
  }
  absl::StatusOr<std::string> Value() {
    SkipSpace();
    if (at_ < text_.size() && text_[at_] == '"') {
      const size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) return Malformed("the quotation does not end");
      std::string value(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      SkipSpace();
      return value;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
    if (at_ == begin) return Malformed("a value expected");
    std::string value(text_.substr(begin, at_ - begin));
    SkipSpace();
    return value;
  }

  void SkipSpace() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipSpace();
    if (text_.substr(at_, word.size()) != word) return false;
    const size_t end = at_ + word.size();
    if (end < text_.size() && IsWordByte(text_[end])) return false;
    at_ = end;
    return true;
  }
  absl::Status Malformed(std::string_view what) const {
    return InvalidField("filter", absl::StrCat("byte ", at_, ": ", std::string(what)));
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<DimensionCondition>> ParseFilter(std::string_view text) {
  if (text.size() > kMaxFilterBytes) return InvalidField("filter", "at most 4,096 bytes");
  return FilterParser(text).Parse();
}

v1::Dimension DimensionNamed(std::string_view name) {
  const std::string upper = absl::AsciiStrToUpper(absl::StrReplaceAll(std::string(name), {{"-", "_"}}));
  v1::Dimension dimension = v1::DIMENSION_UNSPECIFIED;
  v1::Dimension_Parse(absl::StrCat(kPrefix, upper), &dimension);
  return dimension;
}

std::string NameOf(v1::Dimension dimension) {
  return absl::AsciiStrToLower(v1::Dimension_Name(dimension).substr(sizeof(kPrefix) - 1));
}

}  // namespace retention
