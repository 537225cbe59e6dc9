#include "server/pbxs/pbx_commands.h"

#include <gtest/gtest.h>

#include "server/rows/row_keys.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

v1::Event Poll(absl::string_view id, absl::string_view poll, absl::string_view owner) {
  v1::Event event = NewEvent("", id, kMonday);
  event.mutable_poll_created()->set_poll_id(std::string(poll));
  event.mutable_poll_created()->set_owner_extension(std::string(owner));
  event.mutable_poll_created()->set_question("Lunch?");
  event.mutable_poll_created()->add_options("yes");
  event.mutable_poll_created()->add_options("no");
  return event;
}

v1::Event Answer(absl::string_view id, absl::string_view poll) {
  v1::Event event = NewEvent("", id, kMonday);
  event.mutable_poll_answered()->set_poll_id(std::string(poll));
  event.mutable_poll_answered()->set_participant_id("p");
  event.mutable_poll_answered()->add_option_indexes(1);
  return event;
}

v1::Event PollDeletion(absl::string_view id, absl::string_view poll) {
  v1::Event event = NewEvent("", id, kMonday);
  event.mutable_poll_deleted()->set_poll_id(std::string(poll));
  return event;
}

class PbxCommandsTest : public ::testing::Test {
 protected:
  PbxCommandsTest() : harness_(kMonday) { harness_.SyncPbx(); }
  Harness harness_;
};

TEST_F(PbxCommandsTest, SyncReplacesWhatWasHeld) {
  harness_.SyncPbx("pbx", {"100", "102"});
  v1::GetPbxRequest request;
  request.set_pbx_id("pbx");
  const auto pbx = harness_.reader().GetPbx(request, harness_.now);
  ASSERT_TRUE(pbx.ok()) << pbx.status();
  ASSERT_EQ(pbx->pbx().extensions_size(), 2);
  EXPECT_EQ(pbx->pbx().extensions(1).number(), "102");
  EXPECT_EQ(pbx->pbx().profile().fqdn(), "pbx.example.org");
}

// What is damaged of one keeps nobody from the others.
TEST_F(PbxCommandsTest, ADamagedRecordCostsItselfInAList) {
  harness_.SyncPbx("other");
  const FiledKey record = PbxRecordKey(*harness_.engine().registry().Held("pbx"));
  const auto row = harness_.store().Get(Family::kFiled, record.Encode());
  ASSERT_TRUE(row.ok() && row->has_value());
  const auto list = [&] {
    const auto pbxs = harness_.reader().ListPbxs(v1::ListPbxsRequest(), harness_.now);
    EXPECT_TRUE(pbxs.ok()) << pbxs.status();
    return pbxs.value_or(v1::ListPbxsResponse());
  };
  ASSERT_EQ(list().pbxs_size(), 2);
  EXPECT_FALSE(list().pbxs(1).unreadable());
  for (const bool is_lost : {false, true}) {
    std::string damaged = **row;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    Batch batch;
    is_lost ? batch.Delete(Family::kFiled, record.Encode()) : batch.Put(Family::kFiled, record.Encode(), damaged);
    ASSERT_TRUE(harness_.store().Commit(batch).ok());
    const v1::ListPbxsResponse listed = list();
    ASSERT_EQ(listed.pbxs_size(), 2);
    EXPECT_FALSE(listed.pbxs(0).unreadable());
    EXPECT_EQ(listed.pbxs(0).controller_id(), "controller");
    EXPECT_TRUE(listed.pbxs(1).unreadable());
    EXPECT_EQ(listed.pbxs(1).pbx_id(), "pbx");
    EXPECT_TRUE(listed.pbxs(1).has_contact_day()) << "what is said elsewhere is there";
  }
}

TEST_F(PbxCommandsTest, RemovedExtensionTakesItsPollsAndThePdfsOfItsMeetings) {
  harness_.Record({Poll("p1", "lunch", "100"), Answer("a1", "lunch"), Poll("p2", "dinner", "101"),
                   Scheduled("m1", "s", kMonday, kMonday, absl::Hours(1), "100"), Pdf("m1", "d", kMonday, "one"),
                   Scheduled("m2", "s", kMonday, kMonday, absl::Hours(1), "101"), Pdf("m2", "d", kMonday, "two")});
  EXPECT_EQ(harness_.Values(kPoll), 3u);
  const auto outcome = harness_.engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, kMonday);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->polls, 1u);
  EXPECT_EQ(outcome->pdfs, 1u);
  EXPECT_EQ(harness_.Values(kPoll), 1u);
  EXPECT_EQ(harness_.Get("m1")->pdfs_size(), 0);
  EXPECT_EQ(harness_.Get("m1")->organizer_extension(), "") << "its number went with it";
  EXPECT_EQ(harness_.Get("m2")->organizer_extension(), "101");
  EXPECT_EQ(harness_.Get("m2")->pdfs_size(), 1);
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(harness_.engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, kMonday).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(PbxCommandsTest, WhoGetsTheNumberOfSomebodyElseGetsNothingOfTheirs) {
  const auto synced = [](const char* id, absl::Time time, const char* first_name, const char* email) {
    v1::Event event = NewEvent("", id, time);
    v1::Extension& extension = *event.mutable_extension_synced()->mutable_extension();
    extension.set_number("100");
    extension.set_first_name(first_name);
    extension.set_email(email);
    return event;
  };
  harness_.Record(synced("s1", kMonday, "Anna", "anna@example.org"));
  harness_.Record({Scheduled("m", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1)),
                   Pdf("m", "d", kMonday, "bucket/pdf"), Poll("p1", "lunch", "100")});
  harness_.Record(synced("s2", kMonday, "Anna", "anna.alt@example.org"));
  EXPECT_EQ(harness_.Values(kPoll), 1u) << "she has another address";
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
  harness_.Record(synced("s3", kMonday, "Zoe", "zoe@example.org"));
  EXPECT_EQ(harness_.Values(kPoll), 0u);
  EXPECT_EQ(harness_.Values(kPdfShare), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

TEST_F(PbxCommandsTest, ADeletedPollDoesNotComeBackByADuplicate) {
  harness_.Record({Poll("p1", "lunch", "100"), Answer("a1", "lunch")});
  EXPECT_EQ(harness_.Record(Poll("p1", "lunch", "100")).duplicates(), 1u);
  harness_.Record(PollDeletion("x", "lunch"));
  EXPECT_EQ(harness_.Values(kPoll), 0u);
  EXPECT_EQ(harness_.Record(Poll("p1", "lunch", "100")).duplicates(), 1u);
  EXPECT_EQ(harness_.Record(Poll("p2", "lunch", "100")).duplicates(), 1u) << "nor by another event";
  EXPECT_EQ(harness_.Record(PollDeletion("x", "lunch")).duplicates(), 1u);
  EXPECT_EQ(harness_.Values(kPoll), 0u);
}

TEST_F(PbxCommandsTest, PollNeedsAnExtensionThatCanEndIt) {
  v1::RecordResult result = harness_.Record(Poll("p1", "lunch", "999"));
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_EXTENSION_UNKNOWN);
  result = harness_.Record(Answer("a1", "lunch"));
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_POLL_UNKNOWN);
}

TEST_F(PbxCommandsTest, EndOfAPbxLeavesHistoryOnly) {
  harness_.SyncPbx("other");
  harness_.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)), Joined("m", "j", kMonday, "p", "Ada"),
                   Recording("m", "r", kMonday, "rec"), Pdf("m", "d", kMonday, "pdf"), File("m", "f", kMonday, "file"),
                   Poll("p1", "lunch", "100")});
  const auto erased = harness_.EndPbx("pbx");
  ASSERT_TRUE(erased.ok()) << erased.status();
  for (size_t category = 1; category < kCategories; ++category) {
    const uint64_t left = harness_.Values(static_cast<CategoryNumber>(category));
    if (category == kHistory) {
      EXPECT_EQ(left, 5u);
    } else if (category == kPbxSync) {
      EXPECT_EQ(left, 3u) << "the other PBX";
    } else {
      EXPECT_EQ(left, 0u) << category;
    }
  }
  EXPECT_EQ(harness_.Orders(), 3u);
  EXPECT_EQ(harness_.Report("m").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(harness_.Record(Joined("m", "j2", kMonday, "p")).rejections(0).reason(), v1::REJECTION_REASON_PBX_UNKNOWN);
  harness_.SyncPbx();
  EXPECT_EQ(harness_.Get("m").status().code(), absl::StatusCode::kNotFound) << "a PBX that comes back is another one";
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.engine().registry().size(), 2u);
}

}  // namespace
}  // namespace retention
