#include "client/notice/notice_check.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/notice/notice_facts.h"

namespace retention {
namespace {

using Unit = PromisedLength::Unit;

// Days of months: at least and at most.
constexpr uint32_t kShortestMonth = 28;
constexpr uint32_t kLongestMonth = 31;

PromisedLength LengthOf(const v1::Period& period) {
  if (period.has_months()) return {.unit = Unit::kMonths, .count = period.months()};
  if (period.has_days()) return {.unit = Unit::kDays, .count = period.days()};
  return {.unit = Unit::kImmediately};
}

uint32_t DaysAtLeast(const PromisedLength& length) {
  return length.unit == Unit::kMonths ? length.count * kShortestMonth : length.unit == Unit::kDays ? length.count : 0;
}

uint32_t DaysAtMost(const PromisedLength& length) {
  return length.unit == Unit::kMonths ? length.count * kLongestMonth : length.unit == Unit::kDays ? length.count : 0;
}

// Whether what the policy does is what was promised: just as long, or, of "up to", surely no longer. Hours are none of
// its units: what they promise it can only keep by ending things at once.
bool Keeps(const PromisedLength& policy, const PromisedLength& promised) {
  if (policy.unit == promised.unit && policy.count == promised.count) return true;
  if (policy.unit == promised.unit) return promised.is_most && policy.count <= promised.count;
  return promised.is_most && DaysAtMost(policy) <= DaysAtLeast(promised);
}

std::string Described(const Promise& promise) {
  if (!promise.length.has_value()) return "until an event";
  std::string text = promise.length->is_most ? "up to " : "";
  switch (promise.length->unit) {
    case Unit::kImmediately:
      text = "immediately";
      break;
    case Unit::kHours:
      absl::StrAppend(&text, promise.length->count, " hours");
      break;
    case Unit::kDays:
      absl::StrAppend(&text, promise.length->count, " days");
      break;
    case Unit::kMonths:
      absl::StrAppend(&text, promise.length->count, " months");
      break;
  }
  if (!promise.starts.empty()) absl::StrAppend(&text, " from ", absl::StrJoin(promise.starts, " or "));
  return absl::StrCat(text, promise.is_anonymised ? ", then anonymised" : "", promise.is_extended ? ", extended" : "");
}

// The period of a rule that a promise is about; nullopt if it has none.
std::optional<PromisedLength> Meant(const v1::DeletionRule& rule, const Promise& promise) {
  const auto of = [](bool has, const v1::Period& period) {
    return has ? std::optional(LengthOf(period)) : std::nullopt;
  };
  if (promise.is_extended) return of(rule.has_extended_period(), rule.extended_period());
  const bool is_end_of_anonymised = rule.action() == v1::END_ACTION_ANONYMISE && !promise.is_anonymised;
  return is_end_of_anonymised ? of(rule.has_anonymised_period(), rule.anonymised_period())
                              : of(rule.has_period(), rule.period());
}

// What ends a category that has no period.
std::set<std::string> EventsOf(v1::DataCategory category) {
  if (category == v1::DATA_CATEGORY_PDF_SHARE) return {"EXTENSION_REMOVED", "MEETING_DELETED"};
  if (category == v1::DATA_CATEGORY_POLL) return {"EXTENSION_REMOVED", "POLL_DELETED"};
  if (category == v1::DATA_CATEGORY_PBX_SYNC) return {"PBX_INACTIVE"};
  if (category == v1::DATA_CATEGORY_STATISTICS) return {"ANONYMOUS"};
  return {};
}

bool KeepsRule(const v1::DeletionRule& rule, const Promise& promise) {
  const auto meant = Meant(rule, promise);
  // An extension that there is not shortens what is promised to be at most so long.
  if (promise.is_extended && !meant.has_value()) return !promise.length.has_value() || promise.length->is_most;
  if (meant.has_value() != promise.length.has_value()) return false;
  if (!meant.has_value()) return promise.events == EventsOf(rule.category());
  if (!Keeps(*meant, *promise.length)) return false;
  if (promise.is_anonymised && rule.action() == v1::END_ACTION_ERASE) return false;
  const std::string start(absl::StripPrefix(v1::StartingPoint_Name(rule.starting_point()), "STARTING_POINT_"));
  return promise.starts.empty() || promise.starts.contains(start);
}

const v1::DeletionRule* RuleOf(const v1::Policy& policy, const std::string& category) {
  for (const v1::DeletionRule& rule : policy.rules()) {
    if (NameOf(rule.category()) == category) return &rule;
  }
  return nullptr;
}

}  // namespace

NoticeCheck CheckNotice(std::string_view text, const v1::Policy& policy, Language language) {
  Promises promises = ReadPromises(text, language);
  NoticeCheck check{.promises = promises.made.size(), .unclear = std::move(promises.unclear)};
  std::set<std::string> said;
  const auto deviates = [&](const Promise& promise, std::string does) {
    check.deviations.push_back({.promise = promise, .promised = Described(promise), .policy = std::move(does)});
  };
  for (const Promise& promise : promises.made) {
    said.insert(promise.about);
    const bool is_contact = promise.about == "NO_CONTACT";
    if (is_contact || promise.about == "FQDN_UNRESOLVED") {
      const v1::Period& period = is_contact ? policy.pbx_end().no_contact() : policy.pbx_end().fqdn_unresolved();
      if (!Keeps(LengthOf(period), *promise.length)) deviates(promise, PeriodText(period, language));
      continue;
    }
    const v1::DeletionRule* const rule = RuleOf(policy, promise.about);
    if (rule != nullptr && !KeepsRule(*rule, promise)) deviates(promise, RuleText(*rule, language));
  }
  for (const v1::DeletionRule& rule : policy.rules()) {
    if (!said.contains(NameOf(rule.category()))) check.silent.push_back(NameOf(rule.category()));
  }
  return check;
}

}  // namespace retention
