// Events of a room as tests of its cut write them, and what became of them as people read it.
#ifndef RETENTION_TESTS_LAW_ROOM_SCRIPT_H_
#define RETENTION_TESTS_LAW_ROOM_SCRIPT_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/law/occurrences.h"
#include "tests/engine/harness.h"

namespace retention {

using Kind = RoomEventKind;
using Of = CutPlace::Of;

inline constexpr int64_t kOneMinute = 60 * 1000000;
inline constexpr int64_t kOneHour = 60 * kOneMinute;
inline constexpr int64_t kOneDay = 24 * kOneHour;

// Of short names, that a failure can show them; 0 for none.
inline uint64_t Fingerprint(const std::string& name) {
  uint64_t number = 0;
  for (const char c : name) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

inline std::string NameOf(uint64_t fingerprint) {
  std::string name;
  for (; fingerprint != 0; fingerprint >>= 8) name.insert(name.begin(), static_cast<char>(fingerprint & 0xff));
  return name;
}

// Events of one room; those that are not told otherwise have no name and no connection.
class RoomScript {
 public:
  RoomScript& Do(int64_t time_us, Kind kind, const std::string& participant = "") {
    RoomEvent& event = events_.emplace_back();
    event.id = events_.size();
    event.time_us = time_us;
    event.kind = kind;
    event.participant = Fingerprint(participant);
    return *this;
  }
  RoomScript& Plan(int64_t time_us, int64_t start_us, int64_t length_us = kOneHour, Kind kind = Kind::kScheduled) {
    Do(time_us, kind);
    events_.back().planned_start_us = start_us;
    events_.back().planned_end_us = start_us + length_us;
    return *this;
  }
  RoomScript& Named(const std::string& sitting) {
    events_.back().sitting = Fingerprint(sitting);
    return *this;
  }
  RoomScript& Through(const std::string& connection) {
    events_.back().connection = Fingerprint(connection);
    return *this;
  }

  const std::vector<RoomEvent>& events() const { return events_; }

 private:
  std::vector<RoomEvent> events_;
};

struct WalkedRoom {
  RoomWalk walk{DefaultCuts()};
  std::vector<CutPlace> places;  // in the order of the walk
};

inline WalkedRoom Cut(std::vector<RoomEvent> events) {
  std::sort(events.begin(), events.end());
  WalkedRoom cut;
  for (const RoomEvent& event : events) cut.places.push_back(cut.walk.Step(event));
  return cut;
}
inline WalkedRoom Cut(const RoomScript& script) { return Cut(script.events()); }

// "9:00-9:40 plan 0; 10:50- " for people who read a failure.
inline std::string Describe(const RoomWalk& walk) {
  const auto hours = [](int64_t time_us) {
    return absl::StrCat(time_us / kOneHour, ":", time_us % kOneHour / kOneMinute);
  };
  std::string text;
  for (const Sitting& sitting : walk.sittings()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", hours(sitting.start_us), "-",
                    sitting.emptied_us.has_value() ? hours(*sitting.emptied_us) : "");
    if (sitting.plan.has_value()) absl::StrAppend(&text, " of ", *sitting.plan);
    if (sitting.name != 0) absl::StrAppend(&text, " named ", NameOf(sitting.name));
  }
  return text;
}

}  // namespace retention

#endif  // RETENTION_TESTS_LAW_ROOM_SCRIPT_H_
