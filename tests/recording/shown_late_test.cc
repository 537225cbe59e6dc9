// PDFs that are shared in a room of which something is fixed: each is taken once, and costs what it is, whatever its
// room holds.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/domains.h"
#include "server/recording/event_intake.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

// Behind the span of the meeting of Monday, and of it all the same.
const absl::Time kBehind = kMonday + absl::Hours(20);
const absl::Time kDaysLater = kMonday + absl::Hours(5 * 24);

// Counts the scans of history rows.
class CountingStore final : public MapStore {
 public:
  explicit CountingStore(const StoreView& view) : MapStore(RowsOf(view)) {}
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    const bool is_filed = family == Family::kFiled && span.begin.size() >= FiledKey::kPbxBegin;
    if (is_filed && static_cast<CategoryNumber>(span.begin[FiledKey::kPbxBegin - 1]) == kHistory) ++scans_;
    return MapStore::Walk(family, std::move(span), at_loss);
  }
  int scans() const { return scans_; }

 private:
  mutable int scans_ = 0;
};

class ShownLate : public ::testing::Test {
 protected:
  ShownLate() : harness_(kMonday - absl::Hours(1)) {
    harness_.SyncPbx();
    harness_.Record(Scheduled("m", "plan", harness_.now, kMonday, absl::Hours(1)));
    harness_.now = kMonday + absl::Hours(1);
    harness_.Record({Joined("m", "join", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                     Left("m", "left", kMonday + absl::Minutes(50), "p")});
    harness_.now = kMonday + absl::Hours(24 * 9);
    harness_.Sweep();
  }
  Room& CachedRoom() {
    const PbxId pbx = *harness_.engine().registry().Find("pbx", harness_.now);
    Room* room = harness_.engine().engine().domains().meetings.Peek(pbx, harness_.engine().RoomNamed(pbx, "m"));
    EXPECT_NE(room, nullptr);
    return *room;
  }

  Harness harness_;
};

TEST_F(ShownLate, IsTakenOnceBehindTheSpanOfItsMeetingToo) {
  const v1::Event pdf = Pdf("m", "pdf", kBehind, "store/pdf");
  const v1::RecordResult twice = harness_.Record({pdf, pdf});
  EXPECT_EQ(CachedRoom().fixed.size(), 1u);
  EXPECT_EQ(twice.accepted(), 1u);
  EXPECT_EQ(twice.duplicates(), 1u);
  EXPECT_EQ(harness_.Record(pdf).duplicates(), 1u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.Record(pdf).duplicates(), 1u);
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
}

TEST_F(ShownLate, CutsItsRoomOnceHoweverMuchComesInBetween) {
  constexpr int kOfEach = 200;
  for (const char* batch : {"a", "b"}) {
    std::vector<v1::Event> events;
    for (int i = 0; i < kOfEach; ++i) {
      const absl::Time time = kDaysLater + absl::Minutes(i);
      const std::string id = absl::StrCat(batch, i);
      events.push_back(Pdf("m", "pdf" + id, time, "store/" + id));
      events.push_back(Joined("m", "join" + id, time, absl::StrCat("p", i)));
    }
    EXPECT_EQ(harness_.Record(events).accepted(), 2u * kOfEach);
    EXPECT_EQ(CachedRoom().made_whole, 1u);
  }
}

TEST_F(ShownLate, CutsNothingWhereNothingFixedIsNear) {
  harness_.Record(Pdf("m", "near", kBehind, "store/near"));
  ASSERT_EQ(CachedRoom().fixed.size(), 1u);
  CachedRoom().whole.reset();
  harness_.now = kMonday + absl::Hours(24 * 10);
  harness_.Record(Pdf("m", "far", harness_.now, "store/far"));
  EXPECT_FALSE(CachedRoom().whole.has_value());
}

TEST_F(ShownLate, IsRefusedWhereItsOwnMeetingIsFull) {
  harness_.Record(Pdf("m", "pdf", kBehind, "store/pdf"));
  ASSERT_EQ(CachedRoom().fixed.size(), 1u);
  RoomCut& own = CachedRoom().fixed.begin()->second;
  for (uint64_t i = 1; i <= kMaxMeetingEvents + kMaxEndingEvents; ++i) {
    own.Add({.id = i, .time_us = absl::ToUnixMicros(kMonday), .kind = RoomEventKind::kShared}, 0);
  }
  own.Settle();
  const v1::RecordResult result = harness_.Record(Pdf("m", "more", kBehind + absl::Hours(2), "store/more"));
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_MEETING_FULL);
}

TEST_F(ShownLate, ADamagedMeetingNearIsReadOnceForAll) {
  Batch damage;
  auto rows = harness_.store().Scan(Family::kFiled, "", "");
  for (; rows->Valid(); rows->Next()) {
    if (FiledKey::Decode(rows->key())->category != kHistory) continue;
    std::string damaged(rows->value());
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    damage.Put(Family::kFiled, std::string(rows->key()), damaged);
  }
  ASSERT_FALSE(damage.empty());
  ASSERT_TRUE(harness_.store().Commit(damage).ok());
  // How often history is scanned for so many.
  const auto scans = [&](int pdfs) {
    CountingStore store(harness_.store());
    auto engine = TestEngine::Open(store, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    EXPECT_TRUE(engine.ok()) << engine.status();
    google::protobuf::RepeatedPtrField<v1::Event> events;
    for (int i = 0; i < pdfs; ++i) {
      *events.Add() = Pdf("m", absl::StrCat("pdf", i), kDaysLater, absl::StrCat("store/", i));
    }
    EventBatch batch;
    batch.events = &events;
    EXPECT_TRUE(batch.Prepare(harness_.now).ok());
    EventBatch* const group[] = {&batch};
    const int before = store.scans();
    EXPECT_TRUE((*engine)->Record(group, harness_.now).ok());
    EXPECT_EQ(batch.result.accepted(), static_cast<uint64_t>(pdfs));
    return store.scans() - before;
  };
  EXPECT_EQ(scans(20), scans(1));
}

}  // namespace
}  // namespace retention
