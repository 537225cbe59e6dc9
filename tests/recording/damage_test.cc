// A meeting that cannot be read costs itself: its own calls fail and its events are rejected; nobody else notices.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rows/row_keys.h"
#include "tests/engine/harness.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

class Damage : public ::testing::Test {
 protected:
  Damage() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now = kMonday + absl::Minutes(30);
    for (const char* meeting : {"bad", "good"}) {
      v1::Event plan = Scheduled(meeting, "plan", kMonday, kMonday, absl::Hours(1));
      plan.mutable_meeting_scheduled()->set_name(absl::StrCat("about ", meeting));
      EXPECT_EQ(harness_.Record({plan, Joined(meeting, "1", kMonday, "p", "Ada", "ada@example.org")}).accepted(), 2u);
    }
  }

  // Flips a bit in every row that "bad" has of a category.
  void DamageRows(CategoryNumber category) {
    const auto pbx = harness_.engine().registry().Find("pbx", harness_.now);
    const RoomId room = harness_.engine().RoomNamed(*pbx, "bad");
    Batch batch;
    for (const auto& [day, counts] : harness_.engine().counts().Read()) {
      auto rows = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, category, *pbx, room));
      for (; rows->Valid(); rows->Next()) {
        std::string damaged(rows->value());
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        batch.Put(Family::kFiled, std::string(rows->key()), damaged);
      }
    }
    ASSERT_FALSE(batch.empty());
    ASSERT_TRUE(harness_.store().Commit(batch).ok());
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  absl::StatusCode CodeOf(const absl::Status& status) { return status.code(); }

  Harness harness_;
};

TEST_F(Damage, OfAHistoryCostsTheEventsOfItsRoomAlone) {
  DamageRows(kHistory);
  for (int i = 0; i < 3; ++i) {
    const v1::RecordResult result = harness_.Record({Joined("good", absl::StrCat("g", i), harness_.now, "q"),
                                                     Joined("bad", absl::StrCat("b", i), harness_.now, "q"),
                                                     Recording("bad", absl::StrCat("r", i), harness_.now, "s3://bad"),
                                                     Joined("new", absl::StrCat("n", i), harness_.now, "q")});
    EXPECT_EQ(result.accepted(), 2u);
    ASSERT_EQ(result.rejections_size(), 2);
    for (const v1::Rejection& rejection : result.rejections()) {
      EXPECT_EQ(rejection.reason(), v1::REJECTION_REASON_UNREADABLE);
      EXPECT_EQ(rejection.field(), "meeting_id");
      EXPECT_TRUE(rejection.retryable());
    }
  }
  EXPECT_EQ(harness_.Orders(), 0u) << "what may come again is not ordered away";
  EXPECT_TRUE(harness_.store().Health().ok());
  EXPECT_EQ(CodeOf(harness_.Report("bad").status()), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(harness_.Report("good").ok());
  harness_.Sweep();
  // Once its history is over, the id may be used again.
  harness_.now += absl::Hours(24 * 70);
  harness_.Sweep();
  EXPECT_EQ(harness_.Record(Joined("bad", "later", harness_.now, "q")).accepted(), 1u);
}

TEST_F(Damage, OfANameCostsItsOwnMeetingInALongList) {
  DamageRows(kMeetingName);
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  const auto listed = harness_.reader().ListMeetings(request, harness_.now);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->meetings_size(), 2);
  for (const v1::Meeting& meeting : listed->meetings()) {
    EXPECT_EQ(meeting.unreadable(), meeting.meeting_id() == "bad");
    EXPECT_EQ(meeting.name(), meeting.unreadable() ? "" : "about good");
    EXPECT_TRUE(meeting.has_planned_start());
    EXPECT_FALSE(meeting.occurrence().empty());
  }
  EXPECT_EQ(CodeOf(harness_.Get("bad").status()), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(harness_.Get("good").ok());
  EXPECT_EQ(harness_.Record(Joined("bad", "2", harness_.now, "q")).accepted(), 1u) << "its history is sound";
}

}  // namespace
}  // namespace retention
