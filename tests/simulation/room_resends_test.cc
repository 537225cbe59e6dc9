// What was told is told once more, whatever days have ended since: nothing is held for it, or announced anew.
// (An object whose event comes again when its history is over gets a second order: docs/exceptions.md.)
//
// RETENTION_ROOM_SETS changes the number of rooms, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/room_events.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kRoomsSentAgain = 40;
constexpr size_t kEventsSentAgain = 500;
constexpr absl::Duration kTenDays = absl::Hours(10 * 24);
// Until nothing of them is left that has a day.
constexpr int kDaysOfResending = 85;

// How many values of each bucket, and notices.
std::map<std::string, uint64_t> HeldOfRooms(Harness& harness) {
  std::map<std::string, uint64_t> held;
  for (const auto& [day, counts] : harness.engine().counts().Read()) {
    for (size_t category = 1; category < kCategories; ++category) {
      const uint64_t values = counts[category].values;
      if (values > 0) held[absl::StrCat(day.number(), " ", category)] = values;
    }
  }
  for (auto row = harness.store().ScanPrefix(Family::kState, ReportNoticePrefix()); row->Valid(); row->Next()) {
    ++held["notices"];
  }
  return held;
}

void RecordAll(Harness& harness, const std::vector<v1::Event>& events) {
  for (size_t begin = 0; begin < events.size(); begin += kEventsSentAgain) {
    const size_t end = std::min(events.size(), begin + kEventsSentAgain);
    harness.Record(std::vector<v1::Event>(events.begin() + static_cast<std::ptrdiff_t>(begin),
                                          events.begin() + static_cast<std::ptrdiff_t>(end)));
  }
}

TEST(RoomResends, SentAgainOnAnyDayNothingComesOfIt) {
  Dice dice(FromEnvironment("RETENTION_SEED", 1));
  Harness harness(kMonday);
  harness.SyncPbx();
  std::vector<v1::Event> all;
  for (uint64_t i = 0; i < FromEnvironment("RETENTION_ROOM_SETS", kRoomsSentAgain); ++i) {
    RoomEvents events(dice, absl::StrCat("room-", i));
    for (v1::Event& event : events.Anything(kMonday, kTenDays)) {
      // Chat is judged by what is known when it comes; an invitation is one to the plan that waits, as far as is known.
      if (event.has_chat_message_sent() || event.has_participant_invited() || event.has_participant_uninvited() ||
          event.has_dial_in_assigned()) {
        continue;
      }
      all.push_back(std::move(event));
    }
  }
  harness.now = kMonday + kTenDays + absl::Hours(24);
  RecordAll(harness, all);
  harness.Sweep();
  for (int day = 0; day < kDaysOfResending && !HasFailure(); ++day) {
    harness.now += absl::Hours(24);
    harness.Sweep();
    const auto before = HeldOfRooms(harness);
    RecordAll(harness, all);
    harness.Sweep();
    EXPECT_EQ(HeldOfRooms(harness), before) << "sent again " << day + 1 << " days later";
  }
}

}  // namespace
}  // namespace retention::simulation
