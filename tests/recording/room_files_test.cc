// Files that are shared when nobody is known to be in the room.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

class RoomFiles : public ::testing::Test {
 protected:
  RoomFiles() : harness_(kMonday - absl::Hours(24)) { harness_.SyncPbx(); }

  void RecordAt(absl::Time now, std::vector<v1::Event> events) {
    harness_.now = std::max(harness_.now, now);
    harness_.Record(std::move(events));
  }

  Harness harness_;
};

// Somebody was in the room before; whoever comes now, and a file of this moment: in whatever order they are told of.
TEST_F(RoomFiles, AFileWaitsARefreshForTheJoinThatItBelongsTo) {
  enum class Told { kTogether, kFileFirst, kJoinFirst };
  absl::Time begin = kMonday;
  size_t orders = 0;
  for (const absl::Duration away : {absl::Minutes(10), absl::Hours(48)}) {
    // Within a sitting the file may come before those who come back, too.
    for (int after = away < absl::Hours(1) ? -29 : 0; after < 30; ++after) {
      for (const Told told : {Told::kTogether, Told::kFileFirst, Told::kJoinFirst}) {
        SCOPED_TRACE(absl::StrCat("away for ", absl::FormatDuration(away), ", shared ", after, " s after the join, ",
                                  told == Told::kTogether ? "together" : "apart"));
        const std::string room = absl::StrCat("room", orders);
        const absl::Time join = begin + absl::Minutes(1) + away;
        const absl::Time upload = join + absl::Seconds(after);
        RecordAt(begin + absl::Minutes(2),
                 {Joined(room, room + "j1", begin, "ada"), Left(room, room + "l1", begin + absl::Minutes(1), "ada")});
        const v1::Event file = File(room, room + "f", upload, "bucket/f");
        const v1::Event joined = Joined(room, room + "j2", join, "bo");
        const absl::Time last = upload + absl::Seconds(30) - absl::Microseconds(1);
        if (told == Told::kTogether) RecordAt(std::max(upload, join), {file, joined});
        if (told == Told::kFileFirst) RecordAt(upload, {file});
        if (told == Told::kJoinFirst) RecordAt(std::max(upload, join), {joined});
        harness_.now = std::max(harness_.now, last);
        harness_.Sweep();
        if (told == Told::kFileFirst) RecordAt(last, {joined});
        if (told == Told::kJoinFirst) RecordAt(last, {file});
        EXPECT_EQ(harness_.Orders(), orders);
        harness_.now = join + absl::Hours(1);
        harness_.Sweep();
        EXPECT_EQ(harness_.Values(kFileShare), 1u);
        EXPECT_EQ(harness_.Orders(), orders);
        RecordAt(harness_.now, {Left(room, room + "l2", harness_.now, "bo")});
        harness_.now += absl::Seconds(30);
        harness_.Sweep();
        ++orders;
        ASSERT_EQ(harness_.Values(kFileShare), 0u);
        ASSERT_EQ(harness_.Orders(), orders);
        begin = harness_.now;
      }
    }
  }
}

TEST_F(RoomFiles, AFileWaitsInTheLastHourOfADayToo) {
  const absl::Time join = At("2026-03-02T23:30:00+01:00");
  RecordAt(kMonday + absl::Hours(2),
           {Joined("room", "j0", kMonday, "ada"), Left("room", "l0", kMonday + absl::Hours(1), "ada")});
  harness_.now = join - absl::Minutes(10);
  harness_.Sweep();  // closes the day
  RecordAt(join + absl::Seconds(2), {File("room", "f", join + absl::Seconds(1), "bucket/f")});
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  harness_.now = join + absl::Seconds(20);
  harness_.Sweep();
  RecordAt(harness_.now, {Joined("room", "j", join, "bo")});
  harness_.now = At("2026-03-03T00:10:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kFileShare), 1u);
  EXPECT_EQ(harness_.Orders(), 0u);
}

TEST_F(RoomFiles, FilesToWhichNobodyComesEndEachARefreshAfterItsUpload) {
  RecordAt(kMonday + absl::Hours(2),
           {Joined("room", "j0", kMonday, "ada"), Left("room", "l0", kMonday + absl::Hours(1), "ada")});
  const absl::Time upload = kMonday + absl::Hours(48) - absl::Hours(10);
  const auto expect_at = [&](absl::Time now, size_t held) {
    harness_.now = now;
    harness_.Sweep();
    EXPECT_EQ(harness_.Values(kFileShare), held) << now - upload;
    EXPECT_EQ(harness_.Orders(), 3 - held) << now - upload;
  };
  const absl::Duration moment = absl::Microseconds(1);
  RecordAt(upload + absl::Seconds(12),
           {File("room", "f2", upload + absl::Seconds(5), "bucket/2"), File("room", "f1", upload, "bucket/1"),
            File("room", "f3", upload + absl::Seconds(12), "bucket/3")});
  RecordAt(upload + absl::Seconds(20), {Chat("room", "c", upload + absl::Seconds(20), "Is anybody there?")});
  expect_at(upload + absl::Seconds(30) - moment, 3);
  expect_at(upload + absl::Seconds(30), 2);
  expect_at(upload + absl::Seconds(35) - moment, 2);
  expect_at(upload + absl::Seconds(35), 1);
  expect_at(upload + absl::Seconds(42) - moment, 1);
  harness_.now = upload + absl::Seconds(50);
  EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::Seconds(8)) << "no sweep came";
  expect_at(harness_.now, 0);
  const v1::RecordResult late = harness_.Record({File("room", "f4", upload + absl::Seconds(12), "bucket/4")});
  EXPECT_EQ(late.values_past_due(), 1u);
  EXPECT_EQ(harness_.Orders(), 4u) << "what comes later than that ends at once";
}

}  // namespace
}  // namespace retention
