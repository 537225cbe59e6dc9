// A day with many objects is closed in steps: each gets one order, whatever comes between two of them.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rows/day_progress.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

constexpr int kObjects = 2500;  // two steps and a half
const absl::Time kLastHour = At("2026-03-09T23:30:00+01:00");
const absl::Time kOver = At("2026-03-10T00:00:00+01:00");

class Closing : public ::testing::Test {
 protected:
  Closing() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.SyncPbx("other");
    for (int i = 0; i < kObjects; i += 500) {
      std::vector<v1::Event> events;
      for (int j = i; j < i + 500; ++j) {
        events.push_back(Recording(absl::StrCat("m", j / 100), absl::StrCat(j), kMonday, absl::StrCat("s3://", j)));
        if (j % 5 == 0) events.back().set_pbx_id("other");
      }
      EXPECT_EQ(harness_.Record(events).accepted(), 500u);
    }
    harness_.now = kLastHour;
  }

  template <typename Command>
  auto Do(const Command& command) {
    return harness_.engine().engine().writer().Do(harness_.now, command);
  }
  DayEnder& days() { return harness_.engine().engine().domains().days; }
  absl::Status Close() {
    return Do([&](Change& change) { return days().Close(kNextMonday, change); });
  }
  absl::StatusOr<bool> Step() {
    return Do([&](Change& change) { return days().OrderStep(kNextMonday, change); });
  }
  // How many orders each object has had.
  std::map<std::string, int> Ordered() {
    std::map<std::string, int> ordered;
    for (const v1::ErasureOrder& order : HeldOrders(harness_.engine())) ++ordered[order.object_ref()];
    return ordered;
  }
  void ExpectOneEach() {
    const auto ordered = Ordered();
    EXPECT_EQ(ordered.size(), static_cast<size_t>(kObjects));
    for (const auto& [ref, times] : ordered) EXPECT_EQ(times, 1) << ref;
  }
  // Key and envelope of recordings, in their order.
  std::vector<std::pair<FiledKey, std::string>> Rows() {
    std::vector<std::pair<FiledKey, std::string>> rows;
    auto cursor = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(kNextMonday, kRecording));
    for (; cursor->Valid(); cursor->Next()) rows.emplace_back(*FiledKey::Decode(cursor->key()), cursor->value());
    return rows;
  }

  Harness harness_;
};

TEST_F(Closing, GoesOnWhereItWas_AfterARestartToo) {
  ASSERT_TRUE(Close().ok());
  int steps = 0;
  for (bool more = true; more; ++steps) {
    const auto step = Step();
    ASSERT_TRUE(step.ok()) << step.status();
    more = *step;
    ASSERT_TRUE(harness_.Reopen().ok());
    ASSERT_TRUE(Close().ok());
  }
  EXPECT_EQ(steps, 3);
  ExpectOneEach();
  harness_.Sweep();
  harness_.now = kOver;
  harness_.Sweep();
  ExpectOneEach();
}

TEST_F(Closing, WhatIsLeftWhenTheDayIsOverGetsItsOrderThen) {
  ASSERT_TRUE(Close().ok());
  ASSERT_TRUE(Step().ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.now = kOver;
  harness_.Sweep();
  ExpectOneEach();
  EXPECT_TRUE(harness_.ring().DaysThrough(kNextMonday).empty());
  EXPECT_EQ(harness_.ring().FirstRescued(), DueDay::None());
}

TEST_F(Closing, ThatNeverBeganEndsInSteps) {
  harness_.now = kOver;
  harness_.Sweep();
  ExpectOneEach();
}

// A late event cuts a room anew, and a recording lies with another occurrence: before or behind where the walk is.
TEST_F(Closing, WhatMovesMeanwhileIsNeitherForgottenNorOrderedForItsMove) {
  ASSERT_TRUE(Close().ok());
  ASSERT_TRUE(Step().ok());
  const auto rows = Rows();
  const std::string at = harness_.engine().holdings().gate.ProgressOf(kNextMonday).ordered_to();
  const auto move = [&](size_t from, size_t beside) {
    FiledKey to = rows[beside].first;
    to.item = rows[from].first.item;
    const absl::Status moved = Do([&](Change& change) -> absl::Status {
      auto plaintext = harness_.engine().vault().Open(rows[from].first, rows[from].second);
      if (!plaintext.ok()) return plaintext.status();
      std::vector<RowPart> parts;
      parts.push_back({.key = to, .plaintext = *std::move(plaintext), .values = 1, .ends_for = {}});
      return change.Divide(rows[from].first, rows[from].second, std::move(parts));
    });
    ASSERT_TRUE(moved.ok()) << moved;
  };
  ASSERT_LT(rows[10].first.Encode(), at);
  ASSERT_GT(rows[1500].first.Encode(), at);
  move(10, 500);     // both have been passed
  move(1500, 20);    // behind the walk: it would not be seen any more
  move(1600, 2000);  // both are still to come
  for (;;) {
    const auto more = Step();
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) break;
  }
  harness_.now = kOver;
  harness_.Sweep();
  ExpectOneEach();
}

// A hold that comes between two steps keeps what has had no order yet; the other PBX's objects are ordered.
TEST_F(Closing, AHoldMeanwhileIsHeeded) {
  ASSERT_TRUE(Close().ok());
  ASSERT_TRUE(Step().ok());
  ASSERT_TRUE(harness_.engine().CreateHold(PbxHold("case", harness_.now), harness_.now).ok());
  harness_.now = kOver;
  harness_.Sweep();
  const size_t others = kObjects / 5;
  EXPECT_LT(Ordered().size(), static_cast<size_t>(kObjects));
  EXPECT_GE(Ordered().size(), others);
  const auto kept = harness_.engine().counts().Of(DueDay::Kept());
  EXPECT_EQ(kept[kRecording].values, static_cast<uint64_t>(kObjects) - others)
      << "rows of what is ordered are kept too";
  ASSERT_TRUE(harness_.engine().ReleaseHold("case", harness_.now).ok());
  harness_.Sweep();
  EXPECT_EQ(Ordered().size(), static_cast<size_t>(kObjects));
}

}  // namespace
}  // namespace retention
