#include "server/law/room_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/engine/harness.h"

namespace retention {
namespace {

using Kind = RoomEventKind;

constexpr int64_t kAMinute = 60'000'000;
constexpr int64_t kAnHour = 60 * kAMinute;
constexpr int64_t kBegin = 1'700'000'000'000'000;

// What a cut says, but for the numbers, which follow the order of arrival: which events are together, and the facts.
using Parts = std::map<std::set<uint64_t>, OccurrenceFacts>;

Parts PartsOf(const RoomCut& cut) {
  std::map<uint64_t, std::set<uint64_t>> events;
  for (const CutEvent& event : cut.events()) events[event.occurrence].insert(event.event.id);
  Parts parts;
  for (const auto& [occurrence, ids] : events) {
    uint32_t organizer = 0;
    OccurrenceFacts& facts = parts[ids] = cut.FactsOf(occurrence, organizer);
    facts.organizer = std::to_string(organizer);
  }
  return parts;
}

// Some weeks of a room in disorder.
std::vector<RoomEvent> RandomRoom(std::mt19937& random) {
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  std::vector<RoomEvent> events;
  const int64_t count = 1 + below(40);
  const int64_t span = kAnHour * (1 + below(24 * 20));
  for (int64_t i = 1; i <= count; ++i) {
    RoomEvent& event = events.emplace_back();
    event.id = static_cast<uint64_t>(i);
    event.time_us = kBegin + below(span) / kAMinute * kAMinute;
    event.kind = static_cast<Kind>(below(static_cast<int64_t>(Kind::kDeleted) + (below(8) == 0 ? 1 : 0)));
    event.participant = 1 + random() % 3;
    if (below(3) == 0) event.connection = 1 + random() % 2;
    if (below(6) == 0) event.sitting = 1 + random() % 2;
    event.protocolled = below(2) == 0;
    event.organizer = static_cast<uint32_t>(below(3));
    event.planned_start_us = event.time_us + (below(60) - 10) * kAnHour;
    event.planned_end_us = event.planned_start_us + below(4) * kAnHour;
  }
  // Somebody who is heard of all the time, in one room of many.
  for (int64_t i = below(20) == 0 ? 20 + below(80) : 0, begin = below(span); i > 0; --i) {
    RoomEvent& sample = events.emplace_back();
    sample.id = events.size();
    sample.time_us = kBegin + begin + i * (i % 7 == 0 ? kAnHour : kAMinute / 6);
    sample.kind = Kind::kQuality;
    sample.participant = 1 + random() % 3;
    if (below(6) == 0) sample.sitting = 1 + random() % 2;
  }
  return events;
}

using Facts = std::map<uint64_t, OccurrenceFacts>;  // by occurrence

Facts FactsIn(const RoomCut& cut) {
  Facts facts;
  for (const uint64_t occurrence : cut.occurrences()) {
    uint32_t organizer = 0;
    facts[occurrence] = cut.FactsOf(occurrence, organizer);
    facts[occurrence].organizer = std::to_string(organizer);
  }
  return facts;
}

// Which events are together and deleted, but for deletions.
std::map<std::set<uint64_t>, bool> DeletedParts(const RoomCut& cut) {
  std::map<uint64_t, std::set<uint64_t>> events;
  for (const CutEvent& event : cut.events()) {
    const bool deletion = event.event.kind == Kind::kDeleted || event.event.kind == Kind::kWall;
    if (!deletion) events[event.occurrence].insert(event.event.id);
  }
  std::map<std::set<uint64_t>, bool> parts;
  for (const auto& [occurrence, ids] : events) {
    uint32_t organizer = 0;
    parts[ids] = cut.FactsOf(occurrence, organizer).deleted;
  }
  return parts;
}

// Takes in events in their order, so many at a time, and keeps rows where the cut says.
class Keeper {
 public:
  explicit Keeper(size_t events_per_checkpoint, const CutHistory& rules = DefaultCuts(),
                  size_t events_per_copied = RoomCut::kEventsPerCopied)
      : events_per_checkpoint_(events_per_checkpoint),
        events_per_copied_(events_per_copied),
        cut_(rules, nullptr, events_per_checkpoint, events_per_copied) {}

  void Take(const std::vector<RoomEvent>& events, std::mt19937& random) {
    for (size_t next = 0; next < events.size();) {
      size_t batch = 1 + random() % 5;
      for (; batch > 0 && next < events.size(); --batch, ++next) {
        if (!cut_.Contains(events[next].id)) cut_.Add(events[next], 0);
        if (random() % 4 == 0) cut_.Settle();
      }
      Follow(cut_.TakeChanges());
    }
  }
  // Everything is read back, as after a restart.
  void Restart(const CutHistory& rules = DefaultCuts()) {
    std::vector<RoomEvent> events;
    for (const CutEvent& event : cut_.events()) events.push_back(event.event);
    cut_ = RoomCut(rules, nullptr, events_per_checkpoint_, events_per_copied_);
    for (const RoomEvent& event : events) cut_.Add(event, rows_.at(event.id));
    Follow(cut_.TakeChanges());
  }
  const RoomCut& cut() const { return cut_; }

 private:
  void Follow(const CutChanges& changes) {
    for (const auto& [id, occurrence] : changes.fresh) {
      EXPECT_FALSE(rows_.contains(id)) << "it is new only once";
      rows_[id] = occurrence;
      EXPECT_TRUE(changes.touched.contains(occurrence));
    }
    for (const auto& [id, occurrence] : changes.moved) {
      EXPECT_TRUE(changes.left.contains(rows_.at(id)));
      EXPECT_TRUE(changes.touched.contains(rows_.at(id)) && changes.touched.contains(occurrence));
      EXPECT_NE(rows_.at(id), occurrence);
      rows_[id] = occurrence;
    }
    for (const CutEvent& event : cut_.events()) {
      EXPECT_EQ(rows_.at(event.event.id), event.occurrence) << "rows lie where the cut says";
    }
    Facts facts = FactsIn(cut_);
    for (const auto& [occurrence, known] : facts) {
      const auto before = facts_.find(occurrence);
      const bool same = before != facts_.end() && before->second == known;
      EXPECT_TRUE(same || changes.touched.contains(occurrence)) << "whatever changed is said to have";
    }
    facts_ = std::move(facts);
  }

  size_t events_per_checkpoint_;
  size_t events_per_copied_;
  RoomCut cut_;
  std::map<uint64_t, uint64_t> rows_;
  Facts facts_;
};

TEST(RoomCut, DisorderBatchesDuplicatesAndRestartsChangeNothing) {
  constexpr int kRooms = 10000;
  std::mt19937 random(11);
  for (int round = 0; round < kRooms; ++round) {
    std::vector<RoomEvent> events = RandomRoom(random);
    std::vector<RoomEvent> in_order = events;
    std::sort(in_order.begin(), in_order.end());
    RoomCut expected(DefaultCuts());
    for (const RoomEvent& event : in_order) expected.Add(event, 0);
    expected.Settle();
    std::shuffle(events.begin(), events.end(), random);
    std::vector<RoomEvent> sent = events;
    for (int i = 0; i < 5; ++i) sent.push_back(events[random() % events.size()]);
    Keeper keeper(/*events_per_checkpoint=*/1 + random() % 20, DefaultCuts(), /*events_per_copied=*/1);
    keeper.Take(sent, random);
    ASSERT_EQ(PartsOf(keeper.cut()), PartsOf(expected)) << "room " << round;
    keeper.Restart();
    ASSERT_EQ(PartsOf(keeper.cut()), PartsOf(expected)) << "room " << round << ", read back";
    if (HasFailure()) return;
  }
}

TEST(RoomCut, ADeletionWhoseEventIsHeldNoMoreDeletesTheSame) {
  constexpr int kRooms = 5000;
  std::mt19937 random(23);
  size_t deleted = 0;
  for (int round = 0; round < kRooms; ++round) {
    std::vector<RoomEvent> events = RandomRoom(random);
    RoomCut expected(DefaultCuts());
    RoomCut walled(DefaultCuts(), nullptr, /*events_per_checkpoint=*/1 + random() % 20, /*events_per_copied=*/1);
    for (const RoomEvent& event : events) {
      expected.Add(event, 0);
      if (event.kind == Kind::kDeleted) walled.AddWall(event.time_us, event.with_recordings);
    }
    expected.Settle();
    std::erase_if(events, [&](const RoomEvent& event) {
      return event.kind == Kind::kDeleted && (random() % 3 > 0 || ++deleted == 0);
    });
    std::shuffle(events.begin(), events.end(), random);
    for (const RoomEvent& event : events) {
      walled.Add(event, 0);
      if (random() % 4 == 0) walled.Settle();
    }
    walled.Settle();
    ASSERT_EQ(DeletedParts(walled), DeletedParts(expected)) << "room " << round;
    EXPECT_EQ(walled.load().events, expected.load().events) << "since the last deletion";
  }
  EXPECT_GT(deleted, kRooms / 50) << "or it tries nothing";
}

// Any that a policy may say.
CutRules AnyRules(std::mt19937& random) {
  const auto any = [&](absl::Duration least, absl::Duration most) {
    const auto steps = static_cast<uint64_t>(absl::ToInt64Minutes(most - least));
    // Most of them short, so that much is near the line.
    return least + absl::Minutes(static_cast<int64_t>(random() % (1 + steps / (1 + random() % 20))));
  };
  v1::CutRules proto;
  const auto set = [](absl::Duration length, google::protobuf::Duration& rule) {
    rule.set_seconds(absl::ToInt64Seconds(length));
  };
  const absl::Duration reopen = any(absl::Minutes(1), kMaxReopenWithin);
  set(reopen, *proto.mutable_reopen_within());
  set(any(absl::Minutes(1), kMaxEarlyWithin), *proto.mutable_early_within());
  set(any(absl::Minutes(1), kMaxLateWithin), *proto.mutable_late_within());
  set(any(absl::Hours(1), kMaxPresumedEndAfter), *proto.mutable_presumed_end_after());
  set(any(absl::Hours(24), kMaxLongestSitting), *proto.mutable_longest_sitting());
  set(any(absl::Minutes(1), reopen), *proto.mutable_refresh_within());
  const auto rules = ParseCutRules(proto);
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *rules;
}

RoomCut CutOfAll(const std::vector<RoomEvent>& events, const CutHistory& rules) {
  RoomCut cut(rules);
  for (const RoomEvent& event : events) cut.Add(event, 0);
  cut.Settle();
  return cut;
}

TEST(RoomCut, APolicyThatComesBetweenChangesNoOrderAndNothingThatBegan) {
  constexpr int kRooms = 5000;
  std::mt19937 random(17);
  size_t cut_by_both = 0;
  for (int round = 0; round < kRooms; ++round) {
    std::vector<RoomEvent> events = RandomRoom(random);
    const auto any_time = [&] { return absl::FromUnixMicros(events[random() % events.size()].time_us); };
    const CutHistory before = CutHistory(AnyRules(random)).Then(any_time() - absl::Hours(30), AnyRules(random));
    const absl::Time applied = any_time() - (random() % 2 == 0 ? kMaxAhead : absl::ZeroDuration());
    const CutHistory after = before.Then(applied, AnyRules(random));
    std::shuffle(events.begin(), events.end(), random);
    // What was recorded before it was applied lies no later than this.
    const auto may_be_known = std::stable_partition(events.begin(), events.end(), [&](const RoomEvent& event) {
      return event.time_us <= absl::ToUnixMicros(applied + kMaxAhead);
    });
    const std::vector<RoomEvent> known(events.begin(), may_be_known);
    ASSERT_EQ(PartsOf(CutOfAll(known, before)), PartsOf(CutOfAll(known, after))) << "room " << round;
    const size_t told = known.empty() ? 0 : random() % known.size();
    std::vector<RoomEvent> later(events.begin() + static_cast<std::ptrdiff_t>(told), events.end());
    std::shuffle(later.begin(), later.end(), random);
    Keeper keeper(/*events_per_checkpoint=*/1 + random() % 20, before, /*events_per_copied=*/1);
    keeper.Take({events.begin(), events.begin() + static_cast<std::ptrdiff_t>(told)}, random);
    keeper.Restart(after);
    keeper.Take(later, random);
    const Parts expected = PartsOf(CutOfAll(events, after));
    ASSERT_EQ(PartsOf(keeper.cut()), expected) << "room " << round;
    keeper.Restart(after);
    ASSERT_EQ(PartsOf(keeper.cut()), expected) << "room " << round << ", read back";
    if (HasFailure()) return;
    if (expected != PartsOf(CutOfAll(events, before))) ++cut_by_both;
  }
  EXPECT_GT(cut_by_both, kRooms / 20) << "or it tries nothing";
}

TEST(RoomCut, AnEventOfALongRoomThatComesALittleLateIsCutFromThere) {
  std::mt19937 random(3);
  std::vector<RoomEvent> events;
  for (uint64_t i = 1; i <= 3000; ++i) {
    events.push_back({.id = i,
                      .time_us = kBegin + static_cast<int64_t>(i) * kAMinute,
                      .kind = i % 2 == 1 ? Kind::kJoined : Kind::kLeft,
                      .participant = 1 + (i / 2) % 7});
  }
  RoomCut expected(DefaultCuts());
  for (const RoomEvent& event : events) expected.Add(event, 0);
  expected.Settle();
  for (size_t i = 0; i + 20 < events.size(); i += 10) std::swap(events[i], events[i + random() % 20]);
  Keeper keeper(RoomCut::kEventsPerCheckpoint);
  keeper.Take(events, random);
  EXPECT_EQ(PartsOf(keeper.cut()), PartsOf(expected));
}

TEST(RoomCut, CopiesOfTheWalkHoldNoMoreThanThereAreEvents) {
  RoomCut cut(DefaultCuts());
  uint64_t id = 0;
  const auto add = [&](Kind kind, int64_t time_us, uint64_t participant) {
    cut.Add({.id = ++id, .time_us = time_us, .kind = kind, .participant = participant}, 0);
  };
  for (int64_t i = 0; i < 500; ++i) add(Kind::kJoined, kBegin + i, static_cast<uint64_t>(i));
  for (int64_t i = 0; i < 3000; ++i) add(Kind::kQuality, kBegin + kAMinute + i * 10, static_cast<uint64_t>(i) % 500);
  cut.Settle();
  EXPECT_LE(cut.weight_of_copies() * RoomCut::kEventsPerCopied, cut.size());
  for (int64_t i = 0; i < 2000; ++i) {
    add(Kind::kQuality, kBegin + kAMinute + 9000 + i % 10, 1);  // before one copy and after another
    cut.Settle();
    ASSERT_LE(cut.weight_of_copies() * RoomCut::kEventsPerCopied, cut.size()) << i;
  }
}

TEST(RoomCut, ASampleOfManyTakesLittleMemory) {
  RoomCut cut(DefaultCuts());
  uint64_t id = 0;
  constexpr uint64_t kPeople = 500;
  constexpr uint64_t kSamples = 100'000;
  for (uint64_t i = 0; i < kPeople; ++i) {
    cut.Add({.id = ++id, .time_us = kBegin, .kind = Kind::kJoined, .participant = 1 + i}, 0);
  }
  cut.Settle();
  const size_t before = cut.MemoryBytes();
  for (uint64_t i = 0; i < kSamples; ++i) {
    const int64_t time_us = kBegin + static_cast<int64_t>(i) * 20'000;
    cut.Add({.id = ++id, .time_us = time_us, .kind = Kind::kQuality, .participant = 1 + i % kPeople}, 0);
    if (i % 100 == 0) cut.Settle();
  }
  cut.Settle();
  EXPECT_LE(cut.MemoryBytes() - before, kSamples * 80);
  EXPECT_EQ(cut.load().quality_samples, kSamples);
  EXPECT_EQ(cut.load().in_memory, kPeople);
}

TEST(RoomCut, WhoCameLateAndIsThereInTheNextSittingToo) {
  // A sitting of more than seven days: whoever is there goes on in the next one, an occurrence of its own.
  std::vector<RoomEvent> events = {{.id = 1, .time_us = kBegin, .kind = Kind::kJoined, .participant = 1}};
  for (uint64_t hour = 12; hour <= 24 * 7 + 12; hour += 12) {
    const int64_t time_us = kBegin + static_cast<int64_t>(hour) * kAnHour;
    events.push_back({.id = 1 + hour, .time_us = time_us, .kind = Kind::kReconnected, .participant = 1});
  }
  events.push_back({.id = 500, .time_us = events.back().time_us + kAMinute, .kind = Kind::kLeft, .participant = 1});
  const RoomEvent late = {.id = 600, .time_us = kBegin + kAMinute, .kind = Kind::kJoined, .participant = 2};
  events.push_back(late);
  RoomCut expected(DefaultCuts());
  for (const RoomEvent& event : events) expected.Add(event, 0);
  expected.Settle();
  ASSERT_EQ(expected.occurrences().size(), 2);
  std::mt19937 random(1);
  Keeper keeper(RoomCut::kEventsPerCheckpoint);
  keeper.Take(events, random);
  EXPECT_EQ(PartsOf(keeper.cut()), PartsOf(expected));
}

TEST(RoomCut, AFileThatIsStampedJustBeforeASittingIsOfThatOne) {
  std::vector<RoomEvent> events = {
      {.id = 1, .time_us = kBegin, .kind = Kind::kJoined, .participant = 1},
      {.id = 2, .time_us = kBegin + kAMinute, .kind = Kind::kLeft, .participant = 1},
      {.id = 3, .time_us = kBegin + 3 * kAnHour - kAMinute / 2, .kind = Kind::kFile},      // a refresh before
      {.id = 4, .time_us = kBegin + 3 * kAnHour - kAMinute / 2 + 1, .kind = Kind::kFile},  // sooner
      {.id = 5, .time_us = kBegin + 3 * kAnHour - 1, .kind = Kind::kShared},               // no file
      {.id = 6, .time_us = kBegin + 3 * kAnHour, .kind = Kind::kJoined, .participant = 1}};
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(events.begin(), events.end(), random);
    Keeper keeper(/*events_per_checkpoint=*/1 + random() % 3, DefaultCuts(), /*events_per_copied=*/1);
    keeper.Take(events, random);
    const Parts parts = PartsOf(keeper.cut());
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_TRUE(parts.contains({1, 2, 3, 5}));
    EXPECT_TRUE(parts.contains({4, 6}));
  }
  // Of a room that was deleted in between it is not.
  events.push_back({.id = 7, .time_us = kBegin + 3 * kAnHour - 2, .kind = Kind::kDeleted});
  EXPECT_FALSE(PartsOf(CutOfAll(events, DefaultCuts())).contains({4, 6}));
}

TEST(RoomCut, ChatIsJudgedByWhatWasAnnouncedAtItsTime) {
  RoomCut cut(DefaultCuts());
  const int64_t begin = 1'700'000'000'000'000;
  cut.Add({.id = 1, .time_us = begin, .kind = Kind::kStarted}, 0);
  cut.Add({.id = 2, .time_us = begin + 10 * kAMinute, .kind = Kind::kStarted, .protocolled = true}, 0);
  cut.Add({.id = 3, .time_us = begin + 20 * kAMinute, .kind = Kind::kJoined, .participant = 1}, 0);
  cut.Settle();
  const auto judged_at = [&](int64_t minute) {
    return cut.IsProtocolledAt({.id = 9, .time_us = begin + minute * kAMinute, .kind = Kind::kShared});
  };
  EXPECT_FALSE(judged_at(5));
  EXPECT_TRUE(judged_at(15));
  EXPECT_TRUE(judged_at(30));
  EXPECT_FALSE(judged_at(-5));
}

TEST(RoomCut, WhenASittingEndedIsComparedWhereBothSayThatNobodyCame) {
  RoomCut cut(DefaultCuts());
  cut.Add({.id = 1, .time_us = kBegin, .kind = Kind::kStarted}, 0);
  cut.Add({.id = 2, .time_us = kBegin + kAMinute, .kind = Kind::kEnded}, 0);
  cut.Settle();
  uint32_t organizer = 0;
  const uint64_t occurrence = cut.occurrences().front();
  OccurrenceFacts facts = cut.FactsOf(occurrence, organizer);
  ASSERT_EQ(facts.sittings[0].nobody_until_us, kNobodyCame);
  ASSERT_TRUE(facts.sittings[0].emptied_us.has_value());
  EXPECT_TRUE(cut.Cuts(occurrence, facts));
  facts.sittings[0].emptied_us.reset();
  EXPECT_FALSE(cut.Cuts(occurrence, facts));
  facts.sittings[0].nobody_until_us = kBegin;
  EXPECT_TRUE(cut.Cuts(occurrence, facts));
}

TEST(RoomCut, WhatIsAskedOfATimeAfterAStart_KnowsThatItCame) {
  // Somebody comes twelve hours before a plan, and is never heard of again; another plan, for a name, waits beside it.
  RoomCut cut(DefaultCuts());
  const auto plan = [](uint64_t id, int64_t time_us, int64_t start_us) {
    return RoomEvent{.id = id,
                     .time_us = time_us,
                     .kind = Kind::kScheduled,
                     .planned_start_us = start_us,
                     .planned_end_us = start_us + kAnHour};
  };
  cut.Add(plan(1, kBegin, kBegin + 14 * kAnHour), 0);
  cut.Add({.id = 2, .time_us = kBegin + 2 * kAnHour, .kind = Kind::kJoined, .participant = 1}, 0);
  RoomEvent beside = plan(3, kBegin + 2 * kAnHour + kAMinute, kBegin + 13 * kAnHour);
  beside.sitting = 7;
  cut.Add(beside, 0);
  cut.Settle();
  const RoomEvent said{.id = 4, .time_us = kBegin + 27 * kAnHour + kAMinute, .kind = Kind::kShared};
  const uint64_t asked = cut.OccurrenceOfShown(said);
  cut.Add(said, 0);
  cut.Settle();
  for (const CutEvent& event : cut.events()) {
    if (event.event.id == said.id || event.event.id == beside.id) {
      EXPECT_EQ(event.occurrence, asked);
    }
  }
}

}  // namespace
}  // namespace retention
