// What comes late into a meeting that is fixed: any order, and any batches, give the same occurrences and reports, and
// nobody was there for longer than the meeting lasted.
//
// RETENTION_ROOM_SETS changes the number of sets, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "server/meetings/meeting_cache.h"
#include "server/meetings/remnant.h"
#include "tests/engine/harness.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/random.h"
#include "tests/simulation/room_sight.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kLateSets = 300;
constexpr uint64_t kLateSetsPerEngine = 100;
constexpr int64_t kPresenceMinutes = 8 * 60;
// Names have gone.
constexpr absl::Duration kFixedAfter = absl::Hours(9 * 24);
// So have addresses, whose days depend on what came when: all is told by history.
constexpr absl::Duration kLateSeenAfter = absl::Hours(25 * 24);

using Rooms = std::map<std::string, std::vector<v1::Event>>;  // by meeting id

v1::Event AnyPresence(Dice& dice, const std::string& room, int id) {
  const absl::Time time = kMonday + absl::Minutes(dice.Between(0, kPresenceMinutes));
  const std::string who(1, static_cast<char>('a' + dice.Below(4)));
  const std::string event_id = absl::StrCat(room, "-", id);
  v1::Event event = dice.Chance(40)   ? Joined(room, event_id, time, who)
                    : dice.Chance(50) ? Left(room, event_id, time, who)
                    : dice.Chance(30) ? Ended(room, event_id, time)
                    : dice.Chance(20) ? Started(room, event_id, time)
                                      : Reconnected(room, event_id, time, who);
  if (dice.Chance(30)) event.set_occurrence_id(dice.Chance(50) ? "A" : "B");
  return event;
}

// Events of a few people in `rooms`, first those that are told in time.
void FillLate(Dice& dice, uint64_t rooms, Rooms& in_time, Rooms& late) {
  for (uint64_t i = 0; i < rooms; ++i) {
    const std::string room = absl::StrCat("room-", i);
    int id = 0;
    if (dice.Chance(30)) {
      in_time[room].push_back(Scheduled(room, room + "-plan", kMonday - absl::Hours(1),
                                        kMonday + absl::Minutes(dice.Between(0, kPresenceMinutes)), absl::Hours(1)));
    }
    for (int64_t left = dice.Between(1, 8); left > 0; --left) in_time[room].push_back(AnyPresence(dice, room, id++));
    for (int64_t left = dice.Between(2, 6); left > 0; --left) {
      v1::Event event = AnyPresence(dice, room, id++);
      if (dice.Chance(20)) event.set_occurrence_id("C");
      late[room].push_back(std::move(event));
    }
  }
}

// Leaves, of what is to come late, what lies within the span of a fixed meeting.
void KeepWhatIsSpanned(Harness& harness, Rooms& late) {
  const Holdings& holdings = harness.engine().holdings();
  MeetingCache cache(holdings.store, holdings.vault, holdings.names, holdings.policies);
  const auto pbx = holdings.registry.Find("pbx", harness.now);
  ASSERT_TRUE(pbx.has_value());
  for (auto& [id, events] : late) {
    const auto room = cache.Find(*pbx, id, holdings.LastDue(harness.now));
    ASSERT_TRUE(room.ok()) << room.status();
    std::erase_if(events, [&](const v1::Event& event) {
      return std::none_of((*room)->meetings.begin(), (*room)->meetings.end(), [&](const auto& meeting) {
        const RoomEvent joins{.time_us = Us(event.time()), .kind = RoomEventKind::kJoined};
        return meeting.second.fixed && Spans(meeting.second.locator, joins);
      });
    });
  }
}

// Of each event where it lies, and of each occurrence what its report says.
std::map<std::string, std::string> SeenOf(Harness& harness, const Rooms& rooms) {
  std::map<std::string, std::string> all;
  std::vector<std::string> ids;
  for (const auto& [id, events] : rooms) ids.push_back(id);
  for (const auto& [id, seen] : LookAtRooms(harness.engine(), harness.now, ids)) {
    std::map<std::string, std::string> reports;
    std::map<std::string, uint64_t> first;  // event of each occurrence: their numbers are secret
    for (const auto& [event, place] : seen.history) {
      absl::StrAppend(&all[id], event, " with ", first.try_emplace(place.occurrence, event).first->second, " until ",
                      absl::FormatCivilTime(place.day), "\n");
      if (!reports[place.occurrence].empty()) continue;
      v1::GetMeetingReportRequest request;
      request.set_pbx_id("pbx");
      request.set_meeting_id(id);
      request.set_occurrence(place.occurrence);
      auto report = Reader(harness.engine()).GetMeetingReport(request, harness.now);
      if (report.ok()) report->mutable_report()->clear_occurrence();
      reports[place.occurrence] = report.ok() ? report->report().ShortDebugString() : report.status().ToString();
      if (!report.ok() || !report->report().has_end_time()) continue;
      const int64_t span_us = Us(report->report().end_time()) - Us(report->report().start_time());
      for (const v1::ParticipantReport& line : report->report().participants()) {
        EXPECT_LE(Us(line.total_time()), span_us) << id << ": " << report->report().ShortDebugString();
      }
    }
    std::map<uint64_t, std::string> in_order;
    for (const auto& [occurrence, report] : reports) in_order[first.at(occurrence)] = report;
    for (const auto& [event, report] : in_order) absl::StrAppend(&all[id], report, "\n");
  }
  return all;
}

void ExpectTheSameHoweverLate(uint64_t seed, uint64_t sets) {
  SCOPED_TRACE(absl::StrCat("RETENTION_SEED=", seed));
  Dice dice(seed);
  Rooms in_time;
  Rooms late;
  FillLate(dice, sets, in_time, late);
  const auto begin = [&](Harness& harness) {
    harness.SyncPbx();
    harness.now = kMonday + absl::Minutes(kPresenceMinutes) + absl::Hours(1);
    for (const auto& [id, events] : in_time) harness.Record(events);
    harness.now = kMonday + kFixedAfter;
    harness.Sweep();
  };
  const auto see = [&](Harness& harness) {
    harness.now = kMonday + kLateSeenAfter;
    harness.Sweep();
    return SeenOf(harness, in_time);
  };
  Harness at_once(kMonday);
  begin(at_once);
  KeepWhatIsSpanned(at_once, late);
  if (::testing::Test::HasFatalFailure()) return;
  for (auto& [id, events] : late) {
    std::stable_sort(events.begin(), events.end(),
                     [](const v1::Event& a, const v1::Event& b) { return Us(a.time()) < Us(b.time()); });
    if (!events.empty()) at_once.Record(events);
  }
  Harness one_by_one(kMonday);
  begin(one_by_one);
  for (auto& [id, events] : late) {
    for (size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[dice.Below(i)]);
    for (const v1::Event& event : events) one_by_one.Record(event);
    if (dice.Chance(5)) {
      ASSERT_TRUE(one_by_one.Reopen().ok());
    }
    if (!events.empty()) one_by_one.Record(events);  // all once more
  }
  const auto expected = see(at_once);
  const auto found = see(one_by_one);
  for (const auto& [id, text] : expected) {
    std::string told;
    for (const v1::Event& event : in_time[id]) absl::StrAppend(&told, event.ShortDebugString(), "\n");
    for (const v1::Event& event : late[id]) absl::StrAppend(&told, "late: ", event.ShortDebugString(), "\n");
    ASSERT_EQ(text, found.at(id)) << told;
  }
}

TEST(LateEvents, OfFixedMeetingsSayTheSameInAnyOrderAndBatches) {
  const uint64_t sets = FromEnvironment("RETENTION_ROOM_SETS", kLateSets);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  for (uint64_t begun = 0; begun < sets && !HasFailure(); begun += kLateSetsPerEngine) {
    ExpectTheSameHoweverLate(first + begun, std::min(kLateSetsPerEngine, sets - begun));
  }
}

}  // namespace
}  // namespace retention::simulation
