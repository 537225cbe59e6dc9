// The order property: for the same set of events, any order, batching and duplication, and restarts between them, give
// the same reads, due days, counts, orders and inputs of statistics, before any of their due instants.
//
// RETENTION_ROOM_SETS changes the number of sets, RETENTION_SEED where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "tests/policies/policy_fixture.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_events.h"
#include "tests/simulation/room_policies.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultSets = 500;
constexpr uint64_t kSetsPerEngine = 250;
constexpr absl::Duration kDay = absl::Hours(13);  // to the end of the first
constexpr absl::Duration kSpan = absl::Hours(4 * 24);
// Nothing is planned earlier than ten hours before the events, so that nothing is due by then.
constexpr absl::Duration kSeenAfter = absl::Hours(5 * 24);
constexpr size_t kRestarts = 3;
constexpr uint64_t kSetsPerHistory = 25;
// All of them within two days and a half: then the first cohort is released, and who comes late is in none.
constexpr uint64_t kMostPolicies = 3;
constexpr int64_t kMinutesBetweenPolicies = 20 * 60;
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

RoomModel ModelOf(const std::vector<v1::Event>& events, const CutsModel& cuts) {
  RoomModel model(cuts);
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
  auto seen = LookAtRooms(harness.engine(), harness.now, ids);
  const std::multiset<std::string> ordered = OrderedAway(harness.engine());
  for (const auto& [id, model] : models) {
    SCOPED_TRACE(absl::StrCat("room ", id, scope.in_order ? " at once" : " in disorder"));
    CompareRoomRows(model, seen[id], ordered, policy, harness.now, scope);
    CompareRoomReads(harness.engine(), id, model, seen[id], policy, harness.now);
    if (::testing::Test::HasFailure()) return;
  }
  CompareCountsWithRows(harness.engine());
  const absl::CivilDay first = DayAt(kMonday) - 1;
  const CohortsSeen cohorts = LookAtCohorts(harness.engine(), harness.now, ids, first, first + kCohortDays);
  CompareCohorts(models, seen, cohorts, policy, harness.now, /*late=*/{});
}

// Every room's events in one batch; deletions of polls, which are taken in alone, after all else.
void RecordAtOnce(Harness& harness, const Rooms& rooms) {
  for (const auto& [id, events] : rooms) {
    std::vector<v1::Event> batch = events;
    ChatLast(batch);
    std::stable_partition(batch.begin(), batch.end(), [](const v1::Event& event) { return !event.has_poll_deleted(); });
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

// A policy that comes between.
struct NextCut {
  absl::Time at;
  v1::CutRules rules;
};

void Apply(Harness& harness, const NextCut& next) {
  harness.now = next.at;
  PlanAndApply(harness, [&](v1::Policy& policy) { *policy.mutable_cut() = next.rules; });
  harness.Sweep();
}

// What is recorded before each of the policies, and after the last: nothing earlier than clocks allow, some twice. Chat
// comes last.
std::vector<Rooms> InTurn(const Rooms& rooms, const std::vector<NextCut>& policies, Dice& dice) {
  std::vector<Rooms> turns(policies.size() + 1);
  for (const auto& [id, events] : rooms) {
    for (const v1::Event& event : events) {
      size_t turn = policies.size();
      while (!IsChat(event) && turn > 0 && dice.Chance(70) &&
             Us(event.time()) <= absl::ToUnixMicros(policies[turn - 1].at + kMaxAhead)) {
        --turn;
      }
      turns[turn][id].push_back(event);
      if (!IsChat(event) && dice.Chance(10)) turns.back()[id].push_back(event);
    }
  }
  return turns;
}

void ExpectTheSameInAnyOrder(uint64_t seed, uint64_t sets, size_t policy_changes) {
  Dice dice(seed);
  const v1::Policy first = PatientPolicy().proto();
  const v1::CutRules first_cut = policy_changes == 0 ? first.cut() : AnyCutRules(dice);
  CutsModel cuts(first_cut);
  std::vector<NextCut> policies;
  for (size_t i = 0; i < policy_changes; ++i) {
    const absl::Time after = policies.empty() ? kMonday : policies.back().at;
    policies.push_back(
        {.at = after + absl::Minutes(dice.Between(1, kMinutesBetweenPolicies)), .rules = AnyCutRules(dice)});
    cuts.Apply(policies.back().rules, absl::ToUnixMicros(policies.back().at));
  }
  Rooms rooms;
  std::map<std::string, RoomModel> models;
  for (uint64_t i = 0; i < sets; ++i) {
    RoomEvents events(dice, absl::StrCat("room-", i));
    rooms[events.meeting_id()] = events.Anything(kMonday, dice.Chance(30) ? kDay : kSpan);
    models.emplace(events.meeting_id(), ModelOf(rooms[events.meeting_id()], cuts));
  }
  SCOPED_TRACE(absl::StrCat("RETENTION_SEED=", seed));
  const auto policy = PatientPolicy([&](v1::Policy& p) { *p.mutable_cut() = first_cut; });
  Harness at_once(kMonday, policy);
  at_once.SyncPbx();
  for (const NextCut& next : policies) Apply(at_once, next);
  at_once.now = kMonday + kSeenAfter;
  RecordAtOnce(at_once, rooms);
  CompareAll(at_once, models, {.in_order = true});
  if (::testing::Test::HasFailure()) return;
  Harness disorder(kMonday, policy);
  disorder.SyncPbx();
  const std::vector<Rooms> turns = InTurn(rooms, policies, dice);
  for (size_t i = 0; i < policies.size(); ++i) {
    disorder.now = policies[i].at;
    RecordInDisorder(disorder, turns[i], dice);
    Apply(disorder, policies[i]);
  }
  disorder.now = kMonday + kSeenAfter;
  RecordInDisorder(disorder, turns.back(), dice);
  if (!policies.empty()) disorder.Sweep();  // what ran on when it was recorded
  CompareAll(disorder, models, {.in_order = false});
}

TEST(RoomOrder, OrderBatchesDuplicatesAndRestartsChangeNothing) {
  const uint64_t sets = FromEnvironment("RETENTION_ROOM_SETS", kDefaultSets);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  for (uint64_t begun = 0; begun < sets && !HasFailure(); begun += kSetsPerEngine) {
    ExpectTheSameInAnyOrder(first + begun, std::min(kSetsPerEngine, sets - begun), /*policy_changes=*/0);
  }
}

TEST(RoomOrder, NorDoPoliciesThatComeBetween) {
  const uint64_t sets = FromEnvironment("RETENTION_ROOM_SETS", kDefaultSets);
  const uint64_t first = FromEnvironment("RETENTION_SEED", 1);
  for (uint64_t begun = 0; begun < sets && !HasFailure(); begun += kSetsPerHistory) {
    const uint64_t changes = 1 + begun / kSetsPerHistory % kMostPolicies;
    ExpectTheSameInAnyOrder(first + begun, std::min(kSetsPerHistory, sets - begun), changes);
  }
}

// A plan in whose window a file was shared is moved away: the file belongs to those who are there.
TEST(RoomOrder, APlanThatMovesIntoThePastTakesNoFileOfARunningSittingWithIt) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Joined("meeting", "join", kMonday, "ada"),
                  Scheduled("meeting", "plan", kMonday + absl::Minutes(1), kMonday + absl::Hours(20), absl::Hours(1))});
  harness.now = kMonday + absl::Hours(10);
  harness.Record(File("meeting", "file", harness.now, "file-ref"));
  ASSERT_EQ(harness.Values(kFileShare), 1u);
  harness.Record(
      Rescheduled("meeting", "back", harness.now - absl::Minutes(1), kMonday - absl::Hours(60), absl::Hours(1)));
  EXPECT_EQ(harness.Values(kFileShare), 1u);
  EXPECT_EQ(harness.Orders(), 0u);
}

}  // namespace
}  // namespace retention::simulation
