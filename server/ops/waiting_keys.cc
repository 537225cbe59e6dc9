#include "server/ops/waiting_keys.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/ops/log.h"

namespace retention {
namespace {

// "2026-03-09 to 2026-03-11"; empty of no day.
std::string DaysText(DueDay first, DueDay last) {
  if (first == DueDay::None()) return "";
  const std::string text = absl::FormatCivilTime(first.civil());
  return first == last ? text : absl::StrCat(text, " to ", absl::FormatCivilTime(last.civil()));
}

}  // namespace

void LogWaiting(std::string_view of, const Waiting& waits, std::string_view why) {
  Log(Severity::kError, "keys that are due have to wait",
      {{"of", std::string(of)},
       {"day", DaysText(waits.first, waits.last)},
       {"keys", absl::StrCat(waits.keys)},
       {"status", std::string(why)}});
}

std::string_view WaitingKeys::NameOf(size_t of) {
  switch (of) {
    case kOfDays:
      return "days";
    case kRescued:
      return "what holds or orders kept of days";
    default:
      return "what was erased early";
  }
}

WaitingKeys::OfClasses WaitingKeys::Find(absl::Time now) const {
  OfClasses found{};
  const DueDay last = holdings_.LastDue(now);
  if (const std::vector<DueDay> days = holdings_.ring.DaysThrough(last); !days.empty()) {
    found[kOfDays] = {.first = days.front(), .last = days.back(), .keys = days.size()};
  }
  // Of which there may be more, of later days too.
  if (const DueDay rescued = holdings_.ring.FirstRescued(); rescued != DueDay::None()) {
    found[kRescued] = {.first = rescued, .last = rescued, .keys = 1};
  }
  found[kOfOwners].keys = holdings_.owner_ends.overdue();
  return found;
}

void WaitingKeys::Note(absl::Time now) { told_ = Find(now); }

void WaitingKeys::Look(absl::Time now, const absl::Status& outcome) {
  const OfClasses found = Find(now);
  for (size_t of = 0; of < kClasses; ++of) {
    Waiting& told = told_.at(of);
    const Waiting& waits = found.at(of);
    if (waits.keys == 0 && told.keys > 0) {
      Log(Severity::kInfo, "keys that were due are gone",
          {{"of", std::string(NameOf(of))},
           {"day", DaysText(told.first, told.last)},
           {"keys", absl::StrCat(told.keys)}});
    }
    // Of what is erased early there is more all the time.
    if (waits.keys > 0 && (told.keys == 0 || waits.last > told.last)) {
      LogWaiting(NameOf(of), waits, DescribeStatus(outcome));
    } else if (waits.keys > 0) {
      told.keys = waits.keys;
      continue;
    }
    told = waits;
  }
}

}  // namespace retention
