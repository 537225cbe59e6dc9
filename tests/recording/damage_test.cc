// A meeting that cannot be read costs itself: its own calls fail and its events are rejected; nobody else notices.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/ledger/ledger.h"
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

  // Flips a bit in every row that "bad" has of a category, or in the first of them alone.
  void DamageRows(CategoryNumber category, bool all = true) {
    const auto pbx = harness_.engine().registry().Find("pbx", harness_.now);
    const RoomId room = harness_.engine().RoomNamed(*pbx, "bad");
    Batch batch;
    for (const auto& [day, counts] : harness_.engine().counts().Read()) {
      auto rows = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, category, *pbx, room));
      for (; rows->Valid(); rows->Next()) {
        std::string damaged(rows->value());
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        if (all || batch.empty()) batch.Put(Family::kFiled, std::string(rows->key()), damaged);
      }
    }
    ASSERT_FALSE(batch.empty());
    ASSERT_TRUE(harness_.store().Commit(batch).ok());
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  // Rows that "bad" has of a category.
  size_t RowsOf(CategoryNumber category) {
    const auto pbx = harness_.engine().registry().Find("pbx", harness_.now);
    const RoomId room = harness_.engine().RoomNamed(*pbx, "bad");
    size_t count = 0;
    auto rows = harness_.store().Scan(Family::kFiled, "", "");
    for (; rows->Valid(); rows->Next()) {
      const auto key = FiledKey::Decode(rows->key());
      count += key->category == category && RoomOf(key->owner) == room ? 1 : 0;
    }
    return count;
  }
  // That nothing of "bad" is left but history, that the ledger tells of damaged rows, and that its id can be used
  // again.
  void ExpectDeleted(uint64_t damaged) {
    for (const CategoryNumber category :
         {kMeetingName, kParticipantName, kParticipantEmail, kRecording, kFileShare, kPdfShare}) {
      EXPECT_EQ(RowsOf(category), 0u) << "category " << int{category};
    }
    uint64_t entered = 0;
    EXPECT_TRUE(VerifyLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                  if (entry.kind() == stored::v1::LedgerEntry::KIND_PURGED) entered += entry.rows_damaged();
                }).ok());
    EXPECT_EQ(entered, LedgerStep(damaged));
    EXPECT_EQ(DetailsOf(harness_.Get("bad").status()).reason, "MEETING_UNKNOWN");
    EXPECT_EQ(DetailsOf(DeleteBad().status()).reason, "MEETING_UNKNOWN");
    harness_.now += absl::Minutes(10);
    for (const char* id : {"after", "after-a-restart"}) {
      EXPECT_EQ(harness_.Record(Joined("bad", id, harness_.now, "q", "Bo")).accepted(), 1u);
      ASSERT_TRUE(harness_.Reopen().ok());
      EXPECT_TRUE(harness_.Report("bad").ok());
    }
    ExpectNothingDangles(harness_.store(), harness_.engine().policy());
  }
  absl::StatusOr<ErasedMeeting> DeleteBad() {
    return harness_.engine().DeleteMeeting("pbx", "bad", "OPERATOR_UNLAWFUL", harness_.now);
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

TEST_F(Damage, IsNotEndedByTheDeletionOfWhatWasBefore) {
  DamageRows(kHistory);
  const size_t rows = RowsOf(kHistory);
  const v1::RecordResult result = harness_.Record(Deleted("bad", "d", harness_.now - absl::Hours(24 * 3)));
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_UNREADABLE);
  EXPECT_EQ(RowsOf(kHistory), rows);
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

TEST_F(Damage, OfAHistoryKeepsNothingFromItsDeletion) {
  harness_.Record({File("bad", "f", harness_.now, "file-ref"), Recording("bad", "r", harness_.now, "recording-ref"),
                   Pdf("bad", "pdf", harness_.now, "pdf-ref")});
  DamageRows(kHistory);
  ASSERT_EQ(RowsOf(kHistory), 2u);
  EXPECT_EQ(harness_.Record(Joined("bad", "b", harness_.now, "q")).rejections_size(), 1) << "it is known as damaged";
  const auto erased = DeleteBad();
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->values[kParticipantName], 2u) << "an invitee and a participant";
  EXPECT_EQ(erased->values[kHistory], 5u) << "two events, and three";
  EXPECT_EQ(erased->unread.rows, 2u);
  EXPECT_EQ(erased->unread.objects, 0u);
  EXPECT_EQ(harness_.Orders(), 3u);
  ExpectDeleted(2);
}

TEST_F(Damage, OfAPartOfAHistoryKeepsNothingFromItsDeletion) {
  harness_.Record({Joined("bad", "2", harness_.now, "q", "Bo"), File("bad", "f", harness_.now, "file-ref")});
  DamageRows(kHistory, /*all=*/false);
  ASSERT_TRUE(DeleteBad().ok());
  EXPECT_EQ(harness_.Orders(), 1u);
  ExpectDeleted(1);
}

TEST_F(Damage, OfAPartOfAHistoryKeepsNothingFromItsDeletionByThePortal) {
  harness_.Record({Joined("bad", "2", harness_.now, "q", "Bo"), File("bad", "f", harness_.now, "file-ref")});
  DamageRows(kHistory, /*all=*/false);
  EXPECT_EQ(harness_.Record(Deleted("bad", "d", harness_.now)).accepted(), 1u);
  EXPECT_EQ(harness_.Orders(), 1u);
  ExpectDeleted(1);
}

TEST_F(Damage, OfWhatIsCutNoMoreKeepsNothingFromItsDeletion) {
  harness_.Record(Pdf("bad", "pdf", harness_.now, "pdf-ref"));
  harness_.now += absl::Hours(24 * 9);
  harness_.Sweep();
  EXPECT_EQ(harness_.Record(Joined("bad", "2", harness_.now - absl::Minutes(1), "q", "Bo")).accepted(), 1u);
  DamageRows(kHistory);
  EXPECT_EQ(harness_.Record(Deleted("bad", "d", harness_.now)).accepted(), 1u);
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(RowsOf(kParticipantName), 0u);
  EXPECT_EQ(RowsOf(kPdfShare), 0u);
}

TEST_F(Damage, OfAnObjectLeavesNobodyToOrderItFrom) {
  harness_.Record({File("bad", "f", harness_.now, "file-ref"), Recording("bad", "r", harness_.now, "recording-ref")});
  DamageRows(kFileShare);
  const auto erased = DeleteBad();
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->values[kFileShare], 1u);
  EXPECT_EQ(erased->unread.rows, 1u);
  EXPECT_EQ(erased->unread.objects, 1u);
  EXPECT_EQ(harness_.Orders(), 1u) << "of the recording";
  ExpectDeleted(1);
}

TEST_F(Damage, OfAPollKeepsNoExtensionFromItsRemoval) {
  for (const char* id : {"first", "second"}) {
    v1::Event poll = Joined("good", id, harness_.now, "p");
    v1::PollCreated& created = *poll.mutable_poll_created();
    created.set_poll_id(id);
    created.set_owner_extension("100");
    created.set_question("Where?");
    created.add_options("here");
    ASSERT_EQ(harness_.Record(poll).accepted(), 1u);
  }
  const std::string prefix =
      FiledPrefix(DueDay::Open(), kPoll, *harness_.engine().registry().Find("pbx", harness_.now));
  Batch batch;
  auto rows = harness_.store().ScanPrefix(Family::kFiled, prefix);
  ASSERT_TRUE(rows->Valid());
  std::string damaged(rows->value());
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  batch.Put(Family::kFiled, std::string(rows->key()), damaged);
  ASSERT_TRUE(harness_.store().Commit(batch).ok());
  const auto removed = harness_.engine().RemoveExtension("pbx", "100", "OPERATOR_UNLAWFUL", harness_.now);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->polls, 1u) << "the other; whose the damaged one is, nobody can tell";
}

TEST_F(Damage, OfAHistoryKeepsNoObjectFromItsDeletion) {
  harness_.Record(Recording("bad", "r", harness_.now, "recording-ref"));
  DamageRows(kHistory);
  auto& engine = harness_.engine();
  ASSERT_TRUE(engine.DeleteObject("pbx", "bad", kRecording, "recording-r", "OPERATOR_UNLAWFUL", harness_.now).ok());
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(RowsOf(kRecording), 0u);
}

}  // namespace
}  // namespace retention
