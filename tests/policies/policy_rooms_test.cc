// What a new policy makes of the cut of rooms.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

// When the meetings of the PBX began and ended, in minutes after the first begin.
std::vector<std::pair<int64_t, int64_t>> BeginsAndEnds(Harness& harness) {
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  const auto list = harness.reader().ListMeetings(request, harness.now);
  EXPECT_TRUE(list.ok()) << list.status();
  std::vector<std::pair<int64_t, int64_t>> all;
  if (!list.ok()) return all;
  const int64_t first = absl::ToUnixSeconds(kMonday);
  for (const v1::Meeting& meeting : list->meetings()) {
    all.emplace_back((meeting.begin_time().seconds() - first) / 60, (meeting.end_time().seconds() - first) / 60);
  }
  return all;
}

TEST(PolicyRooms, WhatARefileFixesIsCutNoMoreThoughTheRoomIsInMemory) {
  for (const bool restarts : {false, true}) {
    Harness harness(kMonday + absl::Hours(2));
    harness.SyncPbx();
    harness.Record({Joined("m", "j", kMonday, "p", "Ada"), Left("m", "l", kMonday + absl::Minutes(10), "p")});
    harness.now = At("2026-03-05T12:00:00+01:00");
    harness.Record({Joined("m", "x", harness.now - absl::Hours(1), "p", "Ada"),
                    Left("m", "y", harness.now - absl::Minutes(30), "p")});
    PlanAndApply(harness, Days({{kParticipantName, 1}}));
    harness.now += absl::Minutes(1);
    harness.Sweep();
    if (restarts) {
      ASSERT_TRUE(harness.Reopen(harness.engine().policy()).ok());
    }
    harness.Record(
        {Joined("m", "j2", kMonday + absl::Minutes(40), "q", "Bo"), Left("m", "l2", kMonday + absl::Minutes(50), "q")});
    const auto all = BeginsAndEnds(harness);
    ASSERT_EQ(all.size(), 3u) << restarts;
    EXPECT_EQ(all[0], std::make_pair(int64_t{0}, int64_t{10})) << restarts;
    EXPECT_EQ(all[1], std::make_pair(int64_t{40}, int64_t{50})) << restarts;
  }
}

}  // namespace
}  // namespace retention
