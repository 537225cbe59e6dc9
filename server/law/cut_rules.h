// How a room's life is cut into occurrences, as policies say it, and from when on each of them does.
#ifndef RETENTION_SERVER_LAW_CUT_RULES_H_
#define RETENTION_SERVER_LAW_CUT_RULES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/policy.pb.h"

namespace retention {

// What no policy may exceed: what is looked for is bounded by it, whichever policies were in force.
inline constexpr absl::Duration kMaxReopenWithin = absl::Hours(24);
inline constexpr absl::Duration kMaxEarlyWithin = absl::Hours(24);
inline constexpr absl::Duration kMaxLateWithin = absl::Hours(48);
inline constexpr absl::Duration kMaxPresumedEndAfter = absl::Hours(7 * 24);
inline constexpr absl::Duration kMaxLongestSitting = absl::Hours(7 * 24);

// Whole seconds each.
struct CutRules {
  // Who comes back within this time after the sitting became empty, or was last heard of, goes on with it.
  absl::Duration reopen_within;
  // So long before its planned start a sitting can belong to a plan.
  absl::Duration early_within;
  // So long after its planned end it still can.
  absl::Duration late_within;
  // After this time without a sign of life a sitting is presumed to have ended.
  absl::Duration presumed_end_after;
  // No sitting is longer.
  absl::Duration longest_sitting;
  // Who comes back within this time was not away: a page that is refreshed ends nothing. At most reopen_within.
  absl::Duration refresh_within;

  friend bool operator==(const CutRules&, const CutRules&) = default;
};

// Until when who is still in a sitting when it comes to its limit goes over into the one that begins then. One with a
// name is not cut by absence, but it has a limit. Nobody goes over if that is no later than the limit.
int64_t GoesOverUntil(const CutRules& rules, bool is_named, int64_t last_us, int64_t limit_us);

// INVALID_ARGUMENT naming the field (`cut.late_within`) if one is missing or beyond its limits.
absl::StatusOr<CutRules> ParseCutRules(const v1::CutRules& proto);

// The rules of all policies so far. A plan or a sitting is cut by those that were in force when it began, by its own
// time, so that no later policy cuts anew what had begun. An immutable value, cheap to copy; thread-safe.
class CutHistory {
 public:
  // `first`: what began before any other rules came into force.
  explicit CutHistory(const CutRules& first);

  // These, and `rules` for what begins more than kMaxAhead after `applied`: what was recorded by then began no later.
  CutHistory Then(absl::Time applied, const CutRules& rules) const;
  // The rules of what begins at that time, in microseconds since the Unix epoch.
  const CutRules& At(int64_t begin_us) const {
    size_t i = periods_->size() - 1;
    while (i > 0 && begin_us <= (*periods_)[i].after_us) --i;
    return (*periods_)[i].rules;
  }

  // Whether they say the same of whatever began, or will.
  friend bool operator==(const CutHistory& a, const CutHistory& b) {
    return a.periods_ == b.periods_ || *a.periods_ == *b.periods_;
  }

 private:
  struct Period {
    int64_t after_us;
    CutRules rules;

    friend bool operator==(const Period&, const Period&) = default;
  };
  explicit CutHistory(std::vector<Period> periods);

  std::shared_ptr<const std::vector<Period>> periods_;  // never empty; each after the one before
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_CUT_RULES_H_
