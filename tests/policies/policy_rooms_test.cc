// What a new policy makes of the cut of rooms.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "server/base/field_checks.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

// When the meetings of the PBX began and ended, or were to end, in minutes after the first begin.
std::vector<std::pair<int64_t, int64_t>> BeginsAndEnds(Harness& harness) {
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  const auto list = harness.reader().ListMeetings(request, harness.now);
  EXPECT_TRUE(list.ok()) << list.status();
  std::vector<std::pair<int64_t, int64_t>> all;
  if (!list.ok()) return all;
  const int64_t first = absl::ToUnixSeconds(kMonday);
  for (const v1::Meeting& meeting : list->meetings()) {
    const auto& end = meeting.has_end_time() ? meeting.end_time() : meeting.planned_end();
    all.emplace_back((meeting.begin_time().seconds() - first) / 60, (end.seconds() - first) / 60);
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

std::function<void(v1::Policy&)> PresumedEndAfter(absl::Duration length) {
  return
      [=](v1::Policy& p) { p.mutable_cut()->mutable_presumed_end_after()->set_seconds(absl::ToInt64Seconds(length)); };
}

TEST(PolicyRooms, WhatBeganUnderTheFormerPolicyEndsAsItSaid) {
  for (const bool restarts : {false, true}) {
    Harness harness(kMonday);
    harness.SyncPbx();
    harness.Record({Joined("m", "j", kMonday, "p", "Ada"), File("m", "f", kMonday, "ref")});
    harness.now = kMonday + absl::Hours(3);
    const auto plan = PlanAndApply(harness, PresumedEndAfter(absl::Hours(2)));
    EXPECT_TRUE(plan.moves().empty());
    EXPECT_EQ(plan.changed_fields(1), "cut");
    harness.Sweep();
    if (restarts) {
      ASSERT_TRUE(harness.Reopen().ok());
    }
    EXPECT_EQ(harness.Get("m")->files_size(), 1) << restarts;
    const absl::Time begun = harness.now + kMaxAhead + kTick;
    harness.now = begun;
    harness.Record({Joined("n", "j", begun, "p", "Bo"), File("n", "f", begun, "new-ref")});
    harness.now = begun + absl::Hours(2);
    harness.Sweep();
    EXPECT_EQ(harness.Get("n")->files_size(), 0) << restarts << ": two hours without a sign of life";
    EXPECT_EQ(harness.Get("m")->files_size(), 1) << restarts;
    harness.now = kMonday + absl::Hours(24);
    harness.Sweep();
    EXPECT_EQ(harness.Get("m")->files_size(), 0) << restarts << ": a day";
    EXPECT_EQ(harness.Orders(), 2u) << restarts;
  }
}

TEST(PolicyRooms, ANewPolicyCutsWhatBeginsMoreThanFiveMinutesAfterIt) {
  for (const bool restarts : {false, true}) {
    Harness harness(kMonday);
    harness.SyncPbx();
    const auto reopen = [](v1::Policy& p) { p.mutable_cut()->mutable_reopen_within()->set_seconds(60); };
    // A clock that is ahead: what begins while the policy is applied was recorded before.
    harness.Record({Joined("m", "j", kMonday + kMaxAhead, "p", "Ada")});
    PlanAndApply(harness, reopen);
    harness.Sweep();
    if (restarts) {
      ASSERT_TRUE(harness.Reopen().ok());
    }
    harness.now = kMonday + absl::Hours(5);
    const auto at = [](int minutes) { return kMonday + kMaxAhead + absl::Minutes(minutes); };
    harness.Record({Left("m", "l", at(10), "p"), Joined("m", "j2", at(60), "p"), Left("m", "l2", at(61), "p")});
    harness.Record({Joined("m", "j3", at(180), "p"), Left("m", "l3", at(181), "p"), Joined("m", "j4", at(183), "p"),
                    Left("m", "l4", at(184), "p")});
    const std::vector<std::pair<int64_t, int64_t>> expected = {{5, 66}, {185, 186}, {188, 189}};
    EXPECT_EQ(BeginsAndEnds(harness), expected) << restarts;
  }
}

TEST(PolicyRooms, APlanTakesPeopleInAsWasTheLawWhenItWasMade) {
  for (const bool restarts : {false, true}) {
    Harness harness(kMonday);
    harness.SyncPbx();
    harness.Record(Scheduled("m", "s", kMonday, kMonday + absl::Hours(30), absl::Hours(1)));
    PlanAndApply(harness, [](v1::Policy& p) { p.mutable_cut()->mutable_late_within()->set_seconds(3600); });
    harness.Sweep();
    if (restarts) {
      ASSERT_TRUE(harness.Reopen().ok());
    }
    harness.now = kMonday + absl::Hours(1);
    harness.Record(Scheduled("n", "s", harness.now, kMonday + absl::Hours(30), absl::Hours(1)));
    harness.now = kMonday + absl::Hours(34);
    const absl::Time late = kMonday + absl::Hours(33);
    harness.Record({Joined("m", "j", late, "p"), Left("m", "l", late + absl::Minutes(1), "p"),
                    Joined("n", "j", late, "p"), Left("n", "l", late + absl::Minutes(1), "p")});
    std::vector<std::pair<int64_t, int64_t>> all = BeginsAndEnds(harness);
    std::sort(all.begin(), all.end());
    // Of n, the plan ended as it was planned, and who came later meets on their own.
    const std::vector<std::pair<int64_t, int64_t>> expected = {
        {30 * 60, 31 * 60}, {30 * 60, 33 * 60 + 1}, {33 * 60, 33 * 60 + 1}};
    EXPECT_EQ(all, expected) << restarts;
  }
}

}  // namespace
}  // namespace retention
