// Synchronisations that remove extensions: tried first, and confirmed where they are many.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/engine/harness.h"

namespace retention {
namespace {

using Numbers = std::vector<std::string>;

v1::PbxSynced Having(const Numbers& numbers) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  for (const std::string& number : numbers) synced.add_extensions()->set_number(number);
  return synced;
}

class PbxSyncTest : public ::testing::Test {
 protected:
  PbxSyncTest() : harness_(kMonday) { harness_.SyncPbx("pbx", {"100", "101", "102", "103"}); }

  TestEngine& engine() { return harness_.engine(); }
  // Both of them, for every extension.
  void GiveThemPollsAndPdfs(const Numbers& numbers) {
    for (const std::string& number : numbers) {
      const std::string meeting = "m" + number;
      v1::Event poll = NewEvent("", "poll" + number, kMonday);
      poll.mutable_poll_created()->set_poll_id("poll" + number);
      poll.mutable_poll_created()->set_owner_extension(number);
      v1::Event answer = NewEvent("", "answer" + number, kMonday);
      answer.mutable_poll_answered()->set_poll_id("poll" + number);
      answer.mutable_poll_answered()->set_participant_id("p");
      const auto result =
          harness_.Record({poll, answer, Scheduled(meeting, "s", kMonday, kMonday, absl::Hours(1), number),
                           Pdf(meeting, "d1", kMonday, meeting + "-1"), Pdf(meeting, "d2", kMonday, meeting + "-2")});
      EXPECT_EQ(result.accepted(), 5u) << result.ShortDebugString();
    }
  }
  v1::Pbx Held() {
    v1::GetPbxRequest request;
    request.set_pbx_id("pbx");
    const auto pbx = harness_.reader().GetPbx(request, harness_.now);
    EXPECT_TRUE(pbx.ok()) << pbx.status();
    return pbx->pbx();
  }
  // Every row, and every file of the key ring: the store is a map.
  std::map<std::string, std::string> Everything() {
    std::map<std::string, std::string> all;
    for (const Family family : {Family::kState, Family::kFiled, Family::kLedger}) {
      for (auto cursor = engine().store().Scan(family, "", ""); cursor->Valid(); cursor->Next()) {
        all[std::to_string(static_cast<int>(family)) + std::string(cursor->key())] = std::string(cursor->value());
      }
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(harness_.directory())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all[entry.path()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return all;
  }

  Harness harness_;
};

TEST_F(PbxSyncTest, ATrialSaysWhatTheSynchronisationThenDoesAndDoesNothing) {
  GiveThemPollsAndPdfs({"100", "101", "102"});
  harness_.now += absl::Hours(30);  // a contact would be noted
  const v1::PbxSynced synced = Having({"102"});
  const auto before = Everything();
  const auto would = engine().PreviewSync("pbx", synced, harness_.now);
  ASSERT_TRUE(would.ok()) << would.status();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(Held().extensions_size(), 4);
  EXPECT_EQ(would->removed, (Numbers{"100", "101", "103"}));
  EXPECT_EQ(would->polls, 2u);
  EXPECT_EQ(would->pdfs, 4u);
  EXPECT_TRUE(would->needs_confirmation);
  EXPECT_FALSE(would->created);

  const auto done = engine().SyncPbx("pbx", synced, harness_.now);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->removed, would->removed);
  EXPECT_EQ(done->polls, would->polls);
  EXPECT_EQ(done->pdfs, would->pdfs);
  EXPECT_EQ(harness_.Values(kPoll), 2u);
  EXPECT_EQ(harness_.Values(kPdfShare), 2u);
  EXPECT_EQ(harness_.Orders(), 4u);
  EXPECT_EQ(engine().PreviewSync("pbx", synced, harness_.now)->removed, Numbers());
}

TEST_F(PbxSyncTest, ATrialOfANewPbxMakesNoKey) {
  const auto before = Everything();
  const auto would = engine().PreviewSync("new", Having({"100"}), harness_.now);
  ASSERT_TRUE(would.ok()) << would.status();
  EXPECT_TRUE(would->created);
  EXPECT_FALSE(would->needs_confirmation);
  EXPECT_EQ(Everything(), before);
}

TEST_F(PbxSyncTest, MoreThanHalfIsRefusedAndHalfIsNot) {
  GiveThemPollsAndPdfs({"100"});
  const auto before = Held();
  const auto orders = harness_.Orders();
  v1::PbxSynced synced = Having({"103", "104", "105", "106"});
  synced.mutable_profile()->set_fqdn("other.example.org");
  const auto refused = engine().SyncPbx("pbx", synced, harness_.now, SyncMode::kGuarded);
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_TRUE(refused->needs_confirmation) << "new ones do not make up for those that go";
  EXPECT_EQ(Held().SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(harness_.Orders(), orders);
  EXPECT_EQ(harness_.Values(kPoll), 2u);

  const auto half = engine().SyncPbx("pbx", Having({"102", "103"}), harness_.now, SyncMode::kGuarded);
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_FALSE(half->needs_confirmation);
  EXPECT_EQ(half->removed, (Numbers{"100", "101"}));
  EXPECT_EQ(Held().extensions_size(), 2);
  EXPECT_TRUE(engine().SyncPbx("pbx", Having({}), harness_.now, SyncMode::kGuarded)->needs_confirmation)
      << "the marks of those that went are no extensions";
}

TEST_F(PbxSyncTest, TheOnlyOneIsAll) {
  harness_.SyncPbx("small", {"200"});
  EXPECT_TRUE(engine().SyncPbx("small", Having({}), harness_.now, SyncMode::kGuarded)->needs_confirmation);
  EXPECT_TRUE(engine().SyncPbx("small", Having({"201"}), harness_.now, SyncMode::kGuarded)->needs_confirmation);
  EXPECT_EQ(engine().SyncPbx("small", Having({}), harness_.now, SyncMode::kAsTold)->removed, Numbers{"200"});
  EXPECT_FALSE(engine().SyncPbx("small", Having({}), harness_.now, SyncMode::kGuarded)->needs_confirmation);
}

TEST_F(PbxSyncTest, WhatIsRefusedIsAContactAllTheSame) {
  harness_.now += absl::Hours(24);
  ASSERT_TRUE(engine().SyncPbx("pbx", Having({}), harness_.now, SyncMode::kGuarded)->needs_confirmation);
  EXPECT_EQ(Held().contact_day().day(), 3);
  EXPECT_EQ(Held().extensions_size(), 4);
}

TEST_F(PbxSyncTest, AnEventTellsWhatHasHappened) {
  harness_.now += absl::Minutes(1);
  v1::Event event = NewEvent("", "sync", harness_.now);
  *event.mutable_pbx_synced() = Having({});
  EXPECT_EQ(harness_.Record(event).accepted(), 1u);
  EXPECT_EQ(Held().extensions_size(), 0);
}

}  // namespace
}  // namespace retention
