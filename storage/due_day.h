// The last civil day on which a value may exist ("Löschtag"), as the leading part of every filed row's key.
#ifndef RETENTION_STORAGE_DUE_DAY_H_
#define RETENTION_STORAGE_DUE_DAY_H_

#include <compare>
#include <cstdint>

#include "absl/time/civil_time.h"

namespace retention {

// A civil day, or the reserved place of values that have none. Ordered in time; Kept() and Open() are after every day.
class DueDay {
 public:
  constexpr DueDay() = default;
  explicit DueDay(absl::CivilDay day) : number_(static_cast<uint32_t>(day - absl::CivilDay(1970, 1, 1))) {}
  static constexpr DueDay FromNumber(uint32_t number) { return DueDay(number); }
  // No day: in places where there may be none. (1970-01-01, before every day of a value.)
  static constexpr DueDay None() { return DueDay(); }
  // Where values live that have no period, until an explicit trigger ends them.
  static constexpr DueDay Open() { return DueDay(0xFFFFFFFFu); }
  // Where values live that have ended but for a hold.
  static constexpr DueDay Kept() { return DueDay(0xFFFFFFFEu); }

  // Days since 1970-01-01, or the reserved number.
  constexpr uint32_t number() const { return number_; }
  constexpr bool is_civil() const { return number_ < 0xFFFFFFFEu; }
  // REQUIRES: is_civil().
  absl::CivilDay civil() const { return absl::CivilDay(1970, 1, 1) + static_cast<int64_t>(number_); }
  // The following day. REQUIRES: is_civil().
  constexpr DueDay Next() const { return DueDay(number_ + 1); }

  friend constexpr auto operator<=>(DueDay, DueDay) = default;
  template <typename H>
  friend H AbslHashValue(H h, DueDay day) {
    return H::combine(std::move(h), day.number_);
  }

 private:
  explicit constexpr DueDay(uint32_t number) : number_(number) {}
  uint32_t number_ = 0;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_DUE_DAY_H_
