// The order property: for the same set of events, any order, batching and duplication, and restarts between them, give
// the same reads, due days, counts, orders and inputs of statistics, before any of their due instants.
//
// RETENTION_ROOM_SETS changes the number of sets, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_events.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultSets = 500;
constexpr uint64_t kSetsPerEngine = 250;
constexpr absl::Duration kDay = absl::Hours(13);  // to the end of the first
constexpr absl::Duration kSpan = absl::Hours(4 * 24);
// Nothing is planned earlier than ten hours before the events, so that nothing is due by then.
constexpr absl::Duration kSeenAfter = absl::Hours(5 * 24);
constexpr size_t kRestarts = 3;
// From the day before the events to that of the latest plan.
constexpr int kCohortDays = 8;

using Rooms = std::map<std::string, std::vector<v1::Event>>;  // by meeting id

bool IsChat(const v1::Event& event) { return event.has_chat_message_sent(); }

// Chat is judged by what was announced until it comes: it comes last.
void ChatLast(std::vector<v1::Event>& events) {
  std::stable_partition(events.begin(), events.end(), [](const v1::Event& event) { return !IsChat(event); });
}

void Shuffle(std::vector<v1::Event>& events, Dice& dice) {
  for (size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[dice.Below(i)]);
}

RoomModel ModelOf(const std::vector<v1::Event>& events) {
  RoomModel model;
  for (const v1::Event& event : events) {
    if (!IsChat(event)) model.Add(event);
  }
  for (const v1::Event& event : events) {
    if (!IsChat(event)) continue;
    RoomModel with = model;
    with.Add(event);
    for (const OccurrenceModel& of : with.Occurrences()) {
      const bool in_it = std::any_of(of.events.begin(), of.events.end(),
                                     [&](const v1::Event& other) { return other.event_id() == event.event_id(); });
      if (in_it && of.ProtocolledAt(Us(event.time()))) model.Add(event);
    }
  }
  return model;
}

void CompareAll(Harness& harness, const std::map<std::string, RoomModel>& models, RoomScope scope) {
  const PolicyModel policy(harness.engine().policy().proto());
  std::vector<std::string> ids;
  for (const auto& [id, model] : models) ids.push_back(id);
  auto seen = LookAtRooms(harness, ids);
  const std::multiset<std::string> ordered = OrderedAway(harness);
  for (const auto& [id, model] : models) {
    SCOPED_TRACE(absl::StrCat("room ", id, scope.in_order ? " at once" : " in disorder"));
    CompareRoomRows(model, seen[id], ordered, policy, harness.now, scope);
    CompareRoomReads(harness, id, model, seen[id], policy);
    if (::testing::Test::HasFailure()) return;
  }
  CompareCountsWithRows(harness);
  const absl::CivilDay first = DayAt(kMonday) - 1;
  CompareCohorts(models, seen, LookAtCohorts(harness, ids, first, first + kCohortDays), policy, harness.now, scope);
}

// Every room's events in one batch.
void RecordAtOnce(Harness& harness, const Rooms& rooms) {
  for (const auto& [id, events] : rooms) {
    std::vector<v1::Event> batch = events;
    ChatLast(batch);
    harness.Record(batch);
  }
}

// In any order, a few at a time, some twice, rooms among each other; restarts between them.
void RecordInDisorder(Harness& harness, const Rooms& rooms, Dice& dice) {
  std::vector<std::vector<v1::Event>> left;
  size_t batches = 0;
  for (const auto& [id, events] : rooms) {
    std::vector<v1::Event>& sent = left.emplace_back(events);
    for (int i = 0; i < 4; ++i) sent.push_back(dice.Pick(events));
    Shuffle(sent, dice);
    ChatLast(sent);
    std::reverse(sent.begin(), sent.end());  // the first is the last
    batches += sent.size() / 3;
  }
  for (size_t sent = 1; !left.empty(); ++sent) {
    std::vector<v1::Event> batch;
    for (int64_t i = dice.Between(1, 3); i > 0 && !left.empty(); --i) {
      const size_t room = dice.Below(left.size());
      for (int64_t count = dice.Between(1, 4); count > 0 && !left[room].empty(); --count) {
        batch.push_back(left[room].back());
        left[room].pop_back();
      }
      if (left[room].empty()) left.erase(left.begin() + static_cast<std::ptrdiff_t>(room));
    }
    harness.Record(batch);
    if (sent % (batches / kRestarts + 1) == 0) {
      ASSERT_TRUE(harness.Reopen().ok());
    }
  }
}

TEST(RoomOrder, OrderBatchesDuplicatesAndRestartsChangeNothing) {
  const uint64_t sets = FromEnvironment("RETENTION_ROOM_SETS", kDefaultSets);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  for (uint64_t begun = 0; begun < sets; begun += kSetsPerEngine) {
    Dice dice(first + begun);
    Rooms rooms;
    std::map<std::string, RoomModel> models;
    for (uint64_t i = 0; i < std::min(kSetsPerEngine, sets - begun); ++i) {
      RoomEvents events(dice, absl::StrCat("room-", i));
      rooms[events.meeting_id()] = events.Anything(kMonday, dice.Chance(30) ? kDay : kSpan);
      models[events.meeting_id()] = ModelOf(rooms[events.meeting_id()]);
    }
    SCOPED_TRACE(absl::StrCat("RETENTION_SEED=", first + begun));
    Harness at_once(kMonday);
    at_once.SyncPbx();
    at_once.now = kMonday + kSeenAfter;
    RecordAtOnce(at_once, rooms);
    CompareAll(at_once, models, {.in_order = true});
    if (HasFailure()) return;
    Harness disorder(kMonday);
    disorder.SyncPbx();
    disorder.now = kMonday + kSeenAfter;
    RecordInDisorder(disorder, rooms, dice);
    CompareAll(disorder, models, {.in_order = false});
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace retention::simulation
