// What a start makes of a store, a log or a ring that lacks what was acknowledged: it is told from what a crash leaves
// behind, refused, and gone on with only if whoever runs the server says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

class Loss : public ::testing::Test {
 protected:
  Loss() { server_.SyncPbx(); }

  fs::path data() const { return server_.directory() / "data"; }
  fs::path ring() const { return server_.directory() / "ring"; }
  void Meet(const std::string& meeting) {
    server_.Batch(
        {Joined(meeting, "join", kMonday, "p", "Ada", "ada@example.org"), Left(meeting, "left", kMonday, "p")});
  }
  // Ends something, so that the ledger grows.
  void Entry(const std::string& pbx) { server_.SyncPbx(pbx); }
  // With its server stopped.
  fs::path CopyOf(const fs::path& from, const std::string& name) const {
    const fs::path to = server_.directory() / name;
    fs::copy(from, to, fs::copy_options::recursive);
    return to;
  }
  static void PutBack(const fs::path& copy, const fs::path& place) {
    fs::remove_all(place);
    fs::rename(copy, place);
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      if (entry.is_directory()) fs::permissions(entry, fs::perms::owner_all);
    }
    fs::permissions(place, fs::perms::owner_all);
  }
  absl::Status StartAccepting() {
    return server_.Restart([](ServerOptions& options) { options.accept_data_loss = true; });
  }
  // With its server stopped: the reasons of losses that were accepted; the chain is verified.
  std::vector<std::string> LossesEntered(uint64_t* entries = nullptr) const {
    std::vector<std::string> reasons;
    auto store = OpenRocksDbStore(data().string(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    const absl::Status verified = VerifyLedger(**store, [&](const LedgerEntry& entry) {
      if (entry.kind() == LedgerEntry::KIND_LOSS_ACCEPTED) reasons.push_back(entry.reason());
      if (entries != nullptr) *entries = entry.sequence();
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return reasons;
  }
  // Refused for `reason`, with one line that says what to do; with the flag it goes on, enters it, and is sound.
  void ExpectRefusedAndAccepted(const std::string& reason) {
    const absl::Status refused = server_.Restart();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_EQ(DetailsOf(refused).reason, reason) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "--accept-data-loss")) << refused;
    EXPECT_FALSE(absl::StrContains(refused.message(), '\n')) << refused;
    EXPECT_EQ(DetailsOf(server_.Restart()).reason, reason) << "it is told as often as it is tried";
    const absl::Status accepted = StartAccepting();
    ASSERT_TRUE(accepted.ok()) << accepted;
    server_.SyncPbx("later");
    server_.Stop();
    const std::vector<std::string> entered = LossesEntered();
    EXPECT_TRUE(!entered.empty() && entered.back() == reason);
    const absl::Status after = server_.Restart();
    EXPECT_TRUE(after.ok()) << after;
  }

  RunningServer server_;
};

// The newest log that holds anything, and its bytes.
std::pair<fs::path, std::string> LastLog(const fs::path& data) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(data)) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0 && entry.path() > newest) newest = entry.path();
  }
  std::ifstream file(newest, std::ios::binary);
  return {newest, std::string(std::istreambuf_iterator<char>(file), {})};
}

void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Every file of a directory, with its bytes.
std::map<std::string, std::string> BytesIn(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return files;
}

// An opening gives up the log that was missed: whoever puts it back later would have lost what is in it.
TEST_F(Loss, ARefusedStartLeavesTheStoreAsItLies_AndTheLogCanBePutBack) {
  const std::vector<std::function<void(const fs::path&, const std::string&)>> faults = {
      [](const fs::path& log, const std::string&) { fs::remove(log); },
      [](const fs::path& log, const std::string& bytes) { fs::resize_file(log, bytes.size() / 2); },
      [](const fs::path& log, const std::string& bytes) {
        std::string damaged = bytes;
        damaged[bytes.size() / 2] = static_cast<char>(damaged[bytes.size() / 2] ^ 1);
        WriteFile(log, damaged);
      },
  };
  for (size_t fault = 0; fault < faults.size(); ++fault) {
    SCOPED_TRACE(fault);
    const std::string last = absl::StrCat("last", fault);
    for (const std::string& meeting : {absl::StrCat("k", fault), absl::StrCat("l", fault), last}) Meet(meeting);
    server_.Stop();
    const auto [log, bytes] = LastLog(data());
    faults[fault](log, bytes);
    const auto before = BytesIn(data());
    for (int start = 0; start < 3; ++start) {
      EXPECT_FALSE(server_.Restart().ok());
      EXPECT_TRUE(BytesIn(data()) == before) << "start " << start;
    }
    WriteFile(log, bytes);
    const absl::Status restarted = server_.Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    v1::GetMeetingRequest get;
    get.set_pbx_id("pbx");
    get.set_meeting_id(last);
    EXPECT_TRUE(server_.Call("/retention.v1.MeetingService/GetMeeting", get).ok());
  }
  server_.Stop();
  EXPECT_TRUE(LossesEntered().empty());
}

TEST_F(Loss, AnOlderCopyOfTheStoreIsRefused) {
  server_.Stop();
  const fs::path yesterday = CopyOf(data(), "yesterday");
  ASSERT_TRUE(server_.Restart().ok());
  Meet("m");
  Entry("other");
  server_.Stop();
  uint64_t entered = 0;
  LossesEntered(&entered);
  PutBack(yesterday, data());
  ExpectRefusedAndAccepted("STORE_ROLLED_BACK");
  server_.Stop();
  uint64_t entries = 0;
  LossesEntered(&entries);
  EXPECT_EQ(entries, entered + 2) << "what the copy had is put back, then comes the loss, then what was done since";
}

TEST_F(Loss, ALogThatWasCutIsRefused) {
  Meet("m");
  Meet("n");
  server_.Stop();
  const auto [log, bytes] = LastLog(data());
  fs::resize_file(log, bytes.size() / 2);
  ExpectRefusedAndAccepted("STORE_LOG_SHORT");
}

// RocksDB takes it for a torn tail, and drops what follows without a word.
TEST_F(Loss, AFlippedBitInTheLengthOfARecordIsRefused) {
  for (const char* meeting : {"k", "l", "m", "n"}) Meet(meeting);
  server_.Stop();
  auto [log, bytes] = LastLog(data());
  // Records begin with a check (4), their length (2, little-endian) and their type (1). The second.
  const auto length_at = [&](size_t record) {
    return static_cast<size_t>(static_cast<uint8_t>(bytes[record + 4])) |
           static_cast<size_t>(static_cast<uint8_t>(bytes[record + 5])) << 8;
  };
  const size_t second = 7 + length_at(0);
  ASSERT_LT(second + 7 + length_at(second), bytes.size()) << "others follow it";
  bytes[second + 5] = static_cast<char>(bytes[second + 5] ^ 0x80);
  WriteFile(log, bytes);
  ExpectRefusedAndAccepted("STORE_LOG_SHORT");
}

TEST_F(Loss, AMissingStoreIsRefused_AndItsLedgerGoesOnInANewOne) {
  Entry("other");
  server_.Stop();
  uint64_t entered = 0;
  LossesEntered(&entered);
  fs::remove_all(data());
  ExpectRefusedAndAccepted("STORE_MISSING");
  server_.Stop();
  uint64_t entries = 0;
  LossesEntered(&entries);
  EXPECT_EQ(entries, entered + 4) << "it is created, under a policy, the loss, and what was done since";
}

TEST_F(Loss, AnotherStoreIsRefused) {
  Entry("other");
  server_.Stop();
  const fs::path first = CopyOf(data(), "first");
  fs::remove_all(data());
  ASSERT_TRUE(StartAccepting().ok()) << "a new one";
  server_.Stop();
  PutBack(first, data());
  ExpectRefusedAndAccepted("STORE_ANOTHER");
}

TEST_F(Loss, AStoreWithAHistoryOfItsOwnIsRefused) {
  server_.Stop();
  const fs::path fork = CopyOf(data(), "fork");
  ASSERT_TRUE(server_.Restart().ok());
  Entry("other");
  server_.Stop();
  const fs::path witness = CopyOf(ring() / "witness", "witness-of-the-first");
  const fs::path ledger = CopyOf(ring() / "ledger", "ledger-of-the-first");
  // The copy goes on for longer, where nobody remembers the first.
  PutBack(fork, data());
  fs::remove(ring() / "witness");
  fs::remove(ring() / "ledger");
  ASSERT_TRUE(StartAccepting().ok()) << "the ring has not changed for it";
  for (const char* pbx : {"a", "b", "c", "d"}) Entry(pbx);
  server_.Stop();
  fs::rename(witness, ring() / "witness");
  fs::rename(ledger, ring() / "ledger");
  ExpectRefusedAndAccepted("STORE_ANOTHER");
}

TEST_F(Loss, OneTornPlaceOfTheWitnessIsEnough_AndNoneIsNot) {
  server_.Stop();
  const fs::path witness = ring() / "witness";
  std::fstream file(witness, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(60) << "torn";
  file.close();
  ASSERT_TRUE(server_.Restart().ok());
  server_.Stop();
  for (const int place : {0, 4096}) {
    file.open(witness, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(place + 60) << "torn";
    file.close();
  }
  ExpectRefusedAndAccepted("WITNESS_DAMAGED");
}

TEST_F(Loss, AWitnessThatWasRemovedIsRefused) {
  server_.Stop();
  fs::remove(ring() / "witness");
  ExpectRefusedAndAccepted("WITNESS_MISSING");
}

TEST_F(Loss, NorDoesTheLedgersCopyMakeUpForIt) {
  server_.Stop();
  fs::remove(ring() / "witness");
  fs::remove(ring() / "ledger");
  ExpectRefusedAndAccepted("WITNESS_MISSING");
}

// Valid records follow it.
TEST_F(Loss, ALogThatIsDamagedWithinIsGoneOnWithUpToThere) {
  for (const char* meeting : {"k", "l", "m", "n"}) Meet(meeting);
  server_.Stop();
  const auto [log, bytes] = LastLog(data());
  std::string damaged = bytes;
  damaged[bytes.size() / 2] = static_cast<char>(damaged[bytes.size() / 2] ^ 1);
  WriteFile(log, damaged);
  const absl::Status refused = server_.Restart();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "--accept-data-loss")) << refused;
  const absl::Status accepted = StartAccepting();
  ASSERT_TRUE(accepted.ok()) << accepted;
  Meet("later");
  server_.Stop();
  const std::vector<std::string> entered = LossesEntered();
  EXPECT_EQ(entered, (std::vector<std::string>{"STORE_LOG_DAMAGED", "STORE_LOG_SHORT"}));
  const absl::Status after = server_.Restart();
  EXPECT_TRUE(after.ok()) << after;
}

// Whatever has ended since, or was synchronised anew: its keys are gone, and what of it lives is shown.
TEST_F(Loss, ACopyFromBeforeAPbxEndedOrWasSynchronisedAnewIsGoneOnWith) {
  server_.SyncPbx("ends");
  Meet("m");
  server_.Stop();
  const fs::path yesterday = CopyOf(data(), "yesterday");
  ASSERT_TRUE(server_.Restart().ok());
  v1::DeletePbxRequest ends;
  ends.set_pbx_id("ends");
  ends.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
  ASSERT_TRUE(server_.Call("/retention.v1.DeletionService/DeletePbx", ends).ok());
  server_.AdvanceTo(kMonday + absl::Hours(1));
  server_.SyncPbx();
  server_.Stop();
  PutBack(yesterday, data());
  ExpectRefusedAndAccepted("STORE_ROLLED_BACK");
  v1::ListPbxsResponse pbxs;
  ASSERT_TRUE(server_.Call("/retention.v1.PbxService/ListPbxs", v1::ListPbxsRequest(), &pbxs).ok());
  std::vector<std::string> ids;
  for (const v1::Pbx& pbx : pbxs.pbxs()) ids.push_back(pbx.pbx_id());
  EXPECT_EQ(ids, (std::vector<std::string>{"later", "pbx"}));
  v1::GetMeetingRequest get;
  get.set_pbx_id("pbx");
  get.set_meeting_id("m");
  EXPECT_TRUE(server_.Call("/retention.v1.MeetingService/GetMeeting", get).ok());
}

// It ended before, as the ledger's copy tells: what is left of it in the store ends without being entered again.
TEST_F(Loss, ADayThatEndedSinceEndsOnce) {
  Meet("m");
  server_.Stop();
  const fs::path yesterday = CopyOf(data(), "yesterday");
  ASSERT_TRUE(server_.Restart().ok());
  const absl::Time later = kMonday + absl::Hours(24 * 8);
  server_.AdvanceTo(later);
  server_.Stop();
  PutBack(yesterday, data());
  const absl::Status accepted = server_.Restart([&](ServerOptions& options) {
    options.accept_data_loss = true;
    options.simulated_start = later;
  });
  ASSERT_TRUE(accepted.ok()) << accepted;
  server_.AdvanceTo(later + absl::Hours(24 * 70));
  server_.Stop();
  std::map<uint32_t, int> ends;
  auto store = OpenRocksDbStore(data().string(), {});
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status verified = VerifyLedger(**store, [&](const LedgerEntry& entry) {
    if (entry.kind() == LedgerEntry::KIND_DAY_ENDED) ++ends[entry.day()];
  });
  ASSERT_TRUE(verified.ok()) << verified;
  EXPECT_TRUE(ends.contains(kNextMonday.number()));
  for (const auto& [day, times] : ends) EXPECT_EQ(times, 1) << day;
}

// As kill -9 leaves it: the store has gone on since the ring's volume was told.
TEST_F(Loss, AStoreThatIsAheadOfItsWitnessIsNormal) {
  server_.Stop();
  const fs::path witness = CopyOf(ring() / "witness", "earlier-witness");
  const fs::path ledger = CopyOf(ring() / "ledger", "earlier-ledger");
  ASSERT_TRUE(server_.Restart().ok());
  Meet("m");
  Entry("other");
  server_.Stop();
  fs::rename(witness, ring() / "witness");
  fs::resize_file(ledger, fs::file_size(ledger) - 3);  // and torn
  fs::rename(ledger, ring() / "ledger");
  const absl::Status status = server_.Restart();
  EXPECT_TRUE(status.ok()) << status;
  server_.Stop();
  EXPECT_TRUE(LossesEntered().empty());
}

TEST_F(Loss, TheSecondReplicasDirectoryRemembersToo) {
  const fs::path second = server_.directory() / "second";
  fs::create_directory(second);
  fs::permissions(second, fs::perms::owner_all);
  const auto with_second = [&](ServerOptions& options) { options.second_key_ring_directory = second.string(); };
  ASSERT_TRUE(server_.Restart(with_second).ok());
  server_.Stop();
  const fs::path yesterday = CopyOf(data(), "yesterday");
  ASSERT_TRUE(server_.Restart(with_second).ok());
  Entry("other");
  server_.Stop();
  PutBack(yesterday, data());
  fs::remove(ring() / "witness");
  fs::remove(ring() / "ledger");
  EXPECT_EQ(DetailsOf(server_.Restart(with_second)).reason, "STORE_ROLLED_BACK");
}

// It once was refused, as if there were no ring at all.
TEST_F(Loss, WithoutTheFirstDirectoryAStartGoesOnWithTheSecond) {
  const fs::path second = server_.directory() / "second";
  fs::create_directory(second);
  fs::permissions(second, fs::perms::owner_all);
  const auto with_second = [&](ServerOptions& options) { options.second_key_ring_directory = second.string(); };
  ASSERT_TRUE(server_.Restart(with_second).ok());
  Meet("m");
  server_.Stop();
  const fs::path away = server_.directory() / "away";
  fs::rename(ring(), away);
  const absl::Status started = server_.Restart(with_second);
  EXPECT_TRUE(started.ok()) << started;
  Meet("n");
  server_.Stop();
  fs::rename(away, ring());
  EXPECT_TRUE(server_.Restart(with_second).ok());
  server_.Stop();
  EXPECT_TRUE(LossesEntered().empty());
}

TEST_F(Loss, ARingOfYesterdayIsGoneOnWithOnlyIfThereIsNoOther) {
  server_.Stop();
  const fs::path yesterday = CopyOf(ring(), "yesterday");
  ASSERT_TRUE(server_.Restart().ok());
  Meet("m");
  Entry("new");  // which that ring does not know
  server_.Stop();
  PutBack(yesterday, ring());
  const absl::Status refused = server_.Restart();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "rolled back")) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "--accept-lower-replica")) << refused;
  const absl::Status accepted = server_.Restart([](ServerOptions& options) { options.accept_lower_replica = true; });
  ASSERT_TRUE(accepted.ok()) << accepted;
  Meet("n");
  server_.Stop();
  EXPECT_EQ(LossesEntered(), std::vector<std::string>{"KEY_RING_ROLLED_BACK"});
  const absl::Status after = server_.Restart();
  EXPECT_TRUE(after.ok()) << after;
}

}  // namespace
}  // namespace retention
