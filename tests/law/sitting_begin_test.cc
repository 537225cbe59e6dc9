// Who goes over into a sitting when the one before it came to its limit.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "server/law/room_cut.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;
constexpr int64_t kFirstDay = 1'700'000'000'000'000;

// Two people stay for eight days, a sample each twelve hours; a third comes in time for the next sitting.
class OverTheLimit {
 public:
  OverTheLimit() {
    Add(0, RoomEventKind::kJoined, 1);
    Add(0, RoomEventKind::kJoined, 2);
    for (int64_t hour = 12; hour <= 24 * 7; hour += 12) Add(hour, RoomEventKind::kQuality, 1);
    former_ = events_.size();
  }
  OverTheLimit& Add(int64_t hour, RoomEventKind kind, uint64_t participant, uint64_t connection = 0) {
    events_.push_back({.id = events_.size() + 1,
                       .time_us = kFirstDay + hour * kHourUs,
                       .kind = kind,
                       .participant = participant,
                       .connection = connection});
    return *this;
  }
  // From here on it is the next sitting's.
  OverTheLimit& Next() {
    former_ = events_.size();
    return *this;
  }
  // The facts of the last sitting, as the whole room says; and as it says when the former sitting is fixed.
  OccurrenceFacts Whole() const { return LastOf(CutOfThem(events_)); }
  OccurrenceFacts Fixed() const {
    const RoomCut former = CutOfThem({events_.begin(), events_.begin() + former_});
    RoomCut next(DefaultCuts());
    next.Follow(former.Former());
    for (size_t i = former_; i < events_.size(); ++i) next.Add(events_[i], 0);
    next.Settle();
    EXPECT_EQ(LastOf(next), FollowedLater(former));
    return LastOf(next);
  }

 private:
  // The former sitting becomes known after the next.
  OccurrenceFacts FollowedLater(const RoomCut& former) const {
    RoomCut next = CutOfThem({events_.begin() + former_, events_.end()});
    next.TakeChanges();
    const auto occurrences = next.occurrences();
    next.Follow(former.Former());
    const CutChanges changes = next.TakeChanges();
    for (const uint64_t occurrence : occurrences) EXPECT_TRUE(changes.touched.contains(occurrence));
    return LastOf(next);
  }
  static RoomCut CutOfThem(const std::vector<RoomEvent>& events) {
    RoomCut cut(DefaultCuts());
    for (const RoomEvent& event : events) cut.Add(event, 0);
    cut.Settle();
    return cut;
  }
  static OccurrenceFacts LastOf(const RoomCut& cut) {
    OccurrenceFacts last;
    for (const uint64_t occurrence : cut.occurrences()) {
      uint32_t organizer = 0;
      OccurrenceFacts facts = cut.FactsOf(occurrence, organizer);
      if (!facts.sittings.empty() && facts.first_us > last.first_us) last = std::move(facts);
    }
    return last;
  }

  std::vector<RoomEvent> events_;
  ptrdiff_t former_ = 0;
};

TEST(SittingBegin, WhoIsThereAtTheLimitIsInTheNextSittingWhetherTheFormerIsFixedOrNot) {
  OverTheLimit room;
  room.Next().Add(24 * 7 + 2, RoomEventKind::kJoined, 3).Add(24 * 7 + 3, RoomEventKind::kLeft, 3);
  EXPECT_EQ(room.Fixed().present, 2u);
  EXPECT_EQ(room.Fixed().sittings[0].carried.size(), 2u);
  EXPECT_FALSE(room.Fixed().sittings[0].emptied_us.has_value()) << "they are there";
  EXPECT_EQ(room.Fixed(), room.Whole());
  room.Add(24 * 7 + 4, RoomEventKind::kLeft, 2).Add(24 * 7 + 5, RoomEventKind::kLeft, 1);
  EXPECT_EQ(room.Fixed().sittings[0].emptied_us, kFirstDay + (24 * 7 + 5) * kHourUs);
  EXPECT_EQ(room.Fixed(), room.Whole());
  // A week later nobody goes over from the one before.
  room.Add(24 * 15, RoomEventKind::kJoined, 3);
  EXPECT_TRUE(room.Fixed().sittings[0].carried.empty());
  EXPECT_EQ(room.Fixed(), room.Whole());
}

TEST(SittingBegin, WhoLeavesBetweenTheLimitAndTheNextSittingIsNotInThat) {
  for (const bool is_known_of_the_former : {true, false}) {
    OverTheLimit room;
    room.Add(24 * 7 + 1, RoomEventKind::kLeft, 1);
    if (is_known_of_the_former) room.Next();
    room.Add(24 * 7 + 2, RoomEventKind::kJoined, 3);
    EXPECT_EQ(room.Whole().sittings[0].carried.size(), 1u);
    EXPECT_EQ(room.Whole().present, 2u);
    room.Add(24 * 7 + 3, RoomEventKind::kLeft, 3).Add(24 * 7 + 4, RoomEventKind::kLeft, 2);
    EXPECT_EQ(room.Whole().sittings[0].emptied_us, kFirstDay + (24 * 7 + 4) * kHourUs);
  }
  OverTheLimit ended;
  ended.Add(24 * 7 + 1, RoomEventKind::kEnded, 0).Next().Add(24 * 7 + 2, RoomEventKind::kJoined, 3);
  EXPECT_TRUE(ended.Whole().sittings[0].carried.empty());
  EXPECT_EQ(ended.Fixed(), ended.Whole());
}

TEST(SittingBegin, WhoIsPresumedToHaveLeftDoesNotGoOver) {
  OverTheLimit room;
  room.Next().Add(24 * 8 + 1, RoomEventKind::kJoined, 3);
  EXPECT_EQ(room.Fixed().sittings[0].carried.size(), 2u) << "an hour and a day after they were heard of";
  EXPECT_EQ(room.Fixed(), room.Whole());
  OverTheLimit later;
  later.Next().Add(24 * 8 + 2, RoomEventKind::kJoined, 3);
  EXPECT_TRUE(later.Fixed().sittings[0].carried.empty());
  EXPECT_EQ(later.Fixed(), later.Whole());
}

// One rule, for who walks through events and for who has the facts alone.
TEST(SittingBegin, UntilWhenWhoIsThereGoesOver) {
  const CutRules rules{.reopen_within = absl::Hours(1),
                       .early_within = {},
                       .late_within = {},
                       .presumed_end_after = absl::Hours(24),
                       .longest_sitting = absl::Hours(24 * 7),
                       .refresh_within = {}};
  EXPECT_EQ(GoesOverUntil(rules, /*is_named=*/false, 5 * kHourUs, 9 * kHourUs), 30 * kHourUs);
  EXPECT_EQ(GoesOverUntil(rules, /*is_named=*/true, 5 * kHourUs, 9 * kHourUs), 34 * kHourUs) << "absence cuts it not";
  EXPECT_EQ(GoesOverUntil(rules, /*is_named=*/true, 9 * kHourUs, 5 * kHourUs), 34 * kHourUs);
}

TEST(SittingBegin, OfTooManyConnectionsTheLatestGoOver) {
  OverTheLimit room;
  for (uint64_t i = 0; i < kMaxCarriedConnections; ++i) room.Add(24 * 6 + 1, RoomEventKind::kJoined, 10 + i);
  room.Next().Add(24 * 7 + 1, RoomEventKind::kJoined, 3);
  const std::vector<CarriedConnection> carried = room.Fixed().sittings[0].carried;
  ASSERT_EQ(carried.size(), kMaxCarriedConnections);
  EXPECT_EQ(carried.front().participant, 10u) << "the first two were there longest";
  EXPECT_EQ(room.Fixed(), room.Whole());
}

TEST(SittingsRepeated, WhoLeavesLooksAtThoseThatRepeatTheirSittingAlone) {
  // People come and go in one sitting, while others of other names begin.
  RoomWalk walk(DefaultCuts());
  constexpr uint64_t kSittings = 2000;
  uint64_t id = 0;
  const auto step = [&](RoomEventKind kind, uint64_t sitting, uint64_t participant) {
    ++id;
    walk.Step({.id = id,
               .time_us = kFirstDay + static_cast<int64_t>(id) * 1'000'000,
               .kind = kind,
               .participant = participant,
               .sitting = sitting});
  };
  for (uint64_t i = 1; i <= kSittings; ++i) {
    step(RoomEventKind::kJoined, 1, 1);
    step(RoomEventKind::kJoined, 1 + i, 2);
    step(RoomEventKind::kLeft, 1, 1);
  }
  ASSERT_EQ(walk.sittings().size(), kSittings + 1);
  EXPECT_LE(walk.looked_at(), 4 * kSittings);
}

}  // namespace
}  // namespace retention
