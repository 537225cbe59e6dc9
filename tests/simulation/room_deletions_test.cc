// What a deletion deleted is never held again: whatever comes later, in whatever order, however long.
//
// RETENTION_ROOM_SETS changes the number of rooms, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/recording/event_intake.h"
#include "tests/engine/harness.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_events.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultRooms = 20;
constexpr uint64_t kRoomsPerEngine = 20;
constexpr int kDaysOfDeletions = 240;
constexpr int kDaysBetweenReopenings = 23;
// Longer than all of the history that there is.
constexpr int kLatestDays = 150;

// A room that is planned in far ahead, used, and deleted now and then. Half of it is told late, months late.
class DeletedRoom {
 public:
  DeletedRoom(Dice& dice, const std::string& id) : dice_(dice), events_(dice, id) {
    for (int day = 0; day < kDaysOfDeletions; ++day) {
      const absl::Time ten = kMonday + absl::Hours(24 * day);
      Tell(day, ten);
      for (v1::Event& event : events_.Take()) Send(day, std::move(event));
    }
  }

  const std::string& id() const { return events_.meeting_id(); }
  const std::vector<v1::Event>& SentOn(int day) { return sent_[day]; }
  bool IsDeletedByOperatorOn(int day) const { return operators_.contains(day); }

 private:
  void Tell(int day, absl::Time ten) {
    const absl::Time ahead = ten + absl::Hours(dice_.Between(1, 24 * 170));
    if (dice_.Chance(8)) events_.Scheduled(ten, ahead, absl::Hours(1));
    if (dice_.Chance(4)) events_.Rescheduled(ten + absl::Minutes(5), ahead, absl::Hours(2));
    if (dice_.Chance(8)) events_.Invited(ten + absl::Minutes(6), events_.Anybody());
    if (dice_.Chance(4)) events_.DialIn(ten + absl::Minutes(7));
    if (dice_.Chance(12)) {
      const std::string who = events_.Anybody();
      events_.Joined(ten + absl::Minutes(10), who);
      if (dice_.Chance(40)) events_.File(ten + absl::Minutes(11));
      if (dice_.Chance(40)) events_.Pdf(ten + absl::Minutes(12));
      if (dice_.Chance(40)) events_.Recording(ten + absl::Minutes(13));
      if (dice_.Chance(80)) events_.Left(ten + absl::Minutes(50), who);
    }
    if (dice_.Chance(3)) events_.Deleted(ten + absl::Hours(1));
    if (dice_.Chance(1)) operators_.insert(day);
  }
  // Deletions at once: what of one meeting was due cannot be deleted in part.
  void Send(int day, v1::Event event) {
    const bool late = !event.has_meeting_deleted() && dice_.Chance(50);
    sent_[day + static_cast<int>(late ? dice_.Between(1, kLatestDays) : 0)].push_back(std::move(event));
  }

  Dice& dice_;
  RoomEvents events_;
  std::map<int, std::vector<v1::Event>> sent_;
  std::set<int> operators_;
};

// What was deleted of a room, as far as was said by now.
class DeletedSoFar {
 public:
  void Record(const v1::Event& event) {
    time_us_[FingerprintOf(event.event_id())] = Us(event.time());
    if (event.has_meeting_deleted()) until_us_ = std::max(until_us_, Us(event.time()));
  }
  // An operator deletes what has come, and what happened before that whenever it comes.
  void DeleteAll(absl::Time now) {
    for (const auto& [event, time_us] : time_us_) known_.insert(event);
    by_operator_us_ = std::max(by_operator_us_, absl::ToUnixMicros(now - kMaxAhead));
  }
  bool IsDeleted(uint64_t event, bool recording) const {
    const int64_t time_us = time_us_.at(event);
    return known_.contains(event) || time_us <= by_operator_us_ || (!recording && time_us <= until_us_);
  }

  void Check(const SeenRoom& seen, absl::Time now) const {
    for (const auto& [value, place] : seen.values) {
      if (place.day != absl::CivilDay::max() && now >= DueAfter(place.day)) continue;  // waits for its sweep
      EXPECT_FALSE(IsDeleted(value.event, value.category == v1::DATA_CATEGORY_RECORDING))
          << v1::DataCategory_Name(value.category) << " " << value.text << " was deleted, and is held until "
          << absl::FormatCivilTime(place.day);
    }
  }
  // Of what is listed something must have happened since.
  void CheckListed(Harness& harness, const std::string& id, const SeenRoom& seen) const {
    v1::ListMeetingsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id(id);
    request.set_page_size(200);
    const auto listed = harness.reader().ListMeetings(request, harness.now);
    ASSERT_TRUE(listed.ok()) << listed.status();
    for (const v1::Meeting& meeting : listed->meetings()) {
      EXPECT_TRUE(std::any_of(seen.history.begin(), seen.history.end(),
                              [&](const auto& entry) {
                                return entry.second.occurrence == meeting.occurrence() &&
                                       !IsDeleted(entry.first, false);
                              }))
          << "it was deleted, and is listed: " << meeting.ShortDebugString();
    }
  }

 private:
  std::map<uint64_t, int64_t> time_us_;  // of all that has come, by fingerprint
  std::set<uint64_t> known_;             // to the operator who deleted it
  int64_t until_us_ = INT64_MIN;
  int64_t by_operator_us_ = INT64_MIN;
};

void LiveAndDelete(uint64_t seed, uint64_t rooms) {
  SCOPED_TRACE(absl::StrCat("RETENTION_SEED=", seed));
  Dice dice(seed);
  Harness harness(kMonday);
  harness.SyncPbx();
  std::vector<DeletedRoom> all;
  std::vector<std::string> ids;
  for (uint64_t i = 0; i < rooms; ++i) {
    all.emplace_back(dice, absl::StrCat("room-", i));
    ids.push_back(all.back().id());
  }
  std::map<std::string, DeletedSoFar> deleted;
  for (int day = 0; day < kDaysOfDeletions && !::testing::Test::HasFailure(); ++day) {
    harness.now = kMonday + absl::Hours(24 * day + 12);
    for (DeletedRoom& room : all) {
      std::vector<v1::Event> events = room.SentOn(day);
      for (size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[dice.Below(i)]);
      for (const v1::Event& event : events) deleted[room.id()].Record(event);
      if (!events.empty()) harness.Record(events);
      if (!room.IsDeletedByOperatorOn(day)) continue;
      if (harness.engine().DeleteMeeting("pbx", room.id(), "OPERATOR_UNLAWFUL", harness.now).ok()) {
        deleted[room.id()].DeleteAll(harness.now);
      }
    }
    if (day % kDaysBetweenReopenings == kDaysBetweenReopenings - 1) {
      ASSERT_TRUE(harness.Reopen().ok());
    }
    auto seen = LookAtRooms(harness.engine(), harness.now, ids);
    for (const std::string& id : ids) {
      SCOPED_TRACE(absl::StrCat(id, " on day ", day));
      deleted[id].Check(seen[id], harness.now);
      deleted[id].CheckListed(harness, id, seen[id]);
    }
    harness.Sweep(/*scrub=*/false);
  }
  CompareCountsWithRows(harness.engine());
}

TEST(RoomDeletions, WhatWasDeletedIsNeverHeldAgain) {
  const uint64_t rooms = FromEnvironment("RETENTION_ROOM_SETS", kDefaultRooms);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  for (uint64_t begun = 0; begun < rooms && !HasFailure(); begun += kRoomsPerEngine) {
    LiveAndDelete(first + begun, std::min(kRoomsPerEngine, rooms - begun));
  }
}

}  // namespace
}  // namespace retention::simulation
