// What no flag of a start gives up by itself: tables that nothing names, or that are missing, and PBXs whose keys are
// gone.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "retention/v1/meeting_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class GivenUp : public ::testing::Test {
 protected:
  GivenUp() {
    server_.SyncPbx();
    server_.Batch({Joined("m", "join", kMonday, "p", "Ada", "ada@example.org"), Left("m", "left", kMonday, "p")});
  }
  absl::Status Start(bool accept_data_loss, bool accept_lower_replica) {
    return server_.Restart([&](ServerOptions& options) {
      options.accept_data_loss = accept_data_loss;
      options.accept_lower_replica = accept_lower_replica;
    });
  }
  fs::path data() const { return server_.directory() / "data"; }
  std::set<std::string> Files(const std::function<bool(const std::string&)>& wanted) const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(data())) {
      if (wanted(entry.path().filename().string())) names.insert(entry.path().filename().string());
    }
    return names;
  }

  // The tables that hold values of that day, and of others with it perhaps: whether there were any. The server is
  // stopped.
  bool RemoveTablesOf(DueDay day) {
    EXPECT_TRUE(server_.Restart().ok());  // what lies in the log lies in files afterwards
    server_.Stop();
    const auto is_table = [](const std::string& name) { return absl::EndsWith(name, ".sst"); };
    const auto before = Files(is_table);
    {
      auto store = OpenRocksDbStore(data().string(), {});
      EXPECT_TRUE(store.ok()) << store.status();
      if (!store.ok()) return false;
      EXPECT_TRUE((*store)->Scrub({{Family::kFiled, {"", ""}}}).ok());
    }
    // Those of values alone are new.
    bool any = false;
    for (const std::string& table : Files(is_table)) {
      std::ifstream in(data() / table, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (!before.contains(table) && absl::StrContains(bytes, FiledPrefix(day))) any |= fs::remove(data() / table);
    }
    return any;
  }

  RunningServer server_;
};

// A list of tables that is cut says that there are none; to begin anew would delete them.
TEST_F(GivenUp, TablesThatNothingNamesAreNoStoreThatIsMissing) {
  // What lies in the log lies in files afterwards.
  ASSERT_TRUE(server_.Restart().ok());
  server_.Stop();
  const auto is_table = [](const std::string& name) { return absl::EndsWith(name, ".sst"); };
  const auto tables = Files(is_table);
  ASSERT_FALSE(tables.empty());
  const auto lists = Files([](const std::string& name) { return absl::StartsWith(name, "MANIFEST"); });
  ASSERT_EQ(lists.size(), 1u);
  const fs::path whole = server_.directory() / "whole";
  fs::copy_file(data() / *lists.begin(), whole);
  fs::resize_file(data() / *lists.begin(), 60);  // no edit of it is whole
  for (const bool accepting : {false, true, false}) {
    const absl::Status refused = Start(accepting, /*accept_lower_replica=*/false);
    EXPECT_FALSE(refused.ok());
    EXPECT_NE(DetailsOf(refused).reason, "STORE_MISSING") << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "MANIFEST")) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "retention_backup restore")) << refused;
    EXPECT_EQ(Files(is_table), tables);
  }
  fs::copy_file(whole, data() / *lists.begin(), fs::copy_options::overwrite_existing);
  const absl::Status after = Start(false, false);
  EXPECT_TRUE(after.ok()) << after;
}

// What is put back is there again: no start that is refused has written it off. Without registers none goes on at all.
TEST_F(GivenUp, TablesThatAreMissingAreRefusedByName_AndWhatIsPutBackIsThere) {
  server_.Stop();
  {
    auto store = OpenRocksDbStore(data().string(), {});
    ASSERT_TRUE(store.ok()) << store.status();
    // From level 0, of which nothing is given up, to the levels below it.
    ASSERT_TRUE((*store)->Scrub({{Family::kFiled, {"", ""}}, {Family::kState, {"", ""}}}).ok());
  }
  const auto is_table = [](const std::string& name) { return absl::EndsWith(name, ".sst"); };
  const auto tables = Files(is_table);
  ASSERT_GE(tables.size(), 2u);
  const auto lists = [](const std::string& name) { return absl::StartsWith(name, "MANIFEST"); };
  const auto listed = Files(lists);
  const fs::path away = server_.directory() / "away";
  for (const std::string& table : tables) {
    fs::rename(data() / table, away);
    const absl::Status refused = Start(/*accept_data_loss=*/false, false);
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    for (const std::string& said : {table, std::string("put an intact copy back"), std::string("--accept-data-loss")}) {
      EXPECT_TRUE(absl::StrContains(refused.message(), said)) << refused;
    }
    EXPECT_EQ(Files(lists), listed);
    if (table == *tables.rbegin()) {  // of `state`, which is rewritten last
      const absl::Status accepting = Start(/*accept_data_loss=*/true, false);
      EXPECT_TRUE(absl::IsDataLoss(accepting)) << accepting;
      EXPECT_TRUE(absl::StrContains(accepting.message(), table)) << accepting;
      EXPECT_EQ(Files(lists), listed);
    }
    fs::rename(away, data() / table);
  }
  const absl::Status after = Start(false, false);
  EXPECT_TRUE(after.ok()) << after;
  v1::GetMeetingRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("m");
  const CallEnd found = server_.Call("/retention.v1.MeetingService/GetMeeting", request);
  EXPECT_TRUE(found.ok()) << found;
}

// What somebody goes on without is entered, with the days of which values are lost, and once.
TEST_F(GivenUp, TablesThatAreGoneOnWithoutAreEnteredInTheLedger) {
  // Of names and addresses.
  ASSERT_TRUE(RemoveTablesOf(kNextMonday));
  for (int start = 0; start < 2; ++start) {
    const absl::Status accepting = Start(/*accept_data_loss=*/true, false);
    ASSERT_TRUE(accepting.ok()) << accepting;
  }
  server_.Stop();
  const auto store = OpenRocksDbStore(data().string(), {});
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<stored::v1::LedgerEntry> losses;
  EXPECT_TRUE(VerifyLedger(**store, [&](const stored::v1::LedgerEntry& entry) {
                if (entry.kind() == stored::v1::LedgerEntry::KIND_LOSS_ACCEPTED) losses.push_back(entry);
              }).ok());
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses.front().reason(), "STORE_TABLES_MISSING");
  EXPECT_EQ(losses.front().day(), kNextMonday.number());
  EXPECT_EQ(losses.front().through_day(), kNextMonday.number());
}

// A start that goes on after a loss looks for what was lost with a key, and finds what was lost with a file.
TEST_F(GivenUp, TablesOfHistoryAreGoneOnWithoutToo) {
  ASSERT_TRUE(RemoveTablesOf(DueDay(absl::CivilDay(2026, 5, 2))));
  EXPECT_TRUE(absl::IsDataLoss(Start(/*accept_data_loss=*/false, false)));
  for (const bool accepting : {true, true, false}) {
    const absl::Status started = Start(accepting, false);
    ASSERT_TRUE(started.ok()) << started;
  }
}

// That a replica was not the later one says nothing of keys that are gone.
TEST_F(GivenUp, KeysOfPbxsGoWithWhoAcceptsALossAlone) {
  server_.Stop();
  for (const auto& entry : fs::recursive_directory_iterator(server_.directory())) {
    if (entry.path().filename() == "keys") fs::resize_file(entry.path(), 4096);
  }
  EXPECT_EQ(DetailsOf(Start(false, false)).reason, "PBX_KEYS_GONE");
  EXPECT_EQ(DetailsOf(Start(false, true)).reason, "PBX_KEYS_GONE");
  // Who accepts it is told that nothing is lost only when nothing is.
  for (const bool lost : {true, false}) {
    ::testing::internal::CaptureStderr();
    const absl::Status accepted = Start(true, false);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(accepted.ok()) << accepted;
    EXPECT_EQ(absl::StrContains(said, "nothing is lost: take --accept-data-loss away"), !lost) << said;
  }
}

}  // namespace
}  // namespace retention
