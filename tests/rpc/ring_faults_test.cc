// Starts at which something is the matter with one directory of the ring, or with both: what is due goes all the same.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class RingFaults : public ::testing::Test {
 protected:
  RingFaults() {
    fs::create_directory(directory(1));
    fs::permissions(directory(1), fs::perms::owner_all);
    EXPECT_TRUE(Start(kMonday).ok());
    server_.SyncPbx();
    server_.Batch({Joined("meeting", "join", kMonday, "p", "Ada", "ada@example.org")});
    server_.Stop();
    EXPECT_TRUE(HasDay(0) && HasDay(1));
  }

  fs::path directory(size_t i) const { return server_.directory() / (i == 0 ? "ring" : "second"); }
  fs::path replica(size_t i) const { return directory(i) / (i == 0 ? "a" : "b"); }
  absl::Status Start(absl::Time now, const std::string& wrapping = "") {
    return server_.Restart([&](ServerOptions& options) {
      options.second_key_ring_directory = directory(1).string();
      options.simulated_start = now;
      options.ring_keys.wrapping_key_file = wrapping;
      options.metrics_address = "127.0.0.1:0";
    });
  }
  absl::Status StartLate() { return Start(kMonday + absl::Hours(24 * 8)); }
  // Whether a key of the day that is due lies in a replica.
  bool HasDay(size_t i) const { return DecodeRing(replica(i).string()).keys.contains({'D', kNextMonday.number()}); }
  v1::GetRingStatusResponse Status() {
    v1::GetRingStatusResponse status;
    EXPECT_TRUE(server_.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest(), &status).ok());
    return status;
  }
  void Sweep() { EXPECT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok()); }
  // INT64_MIN if there is none.
  int64_t Metric(const std::string& name) {
    const std::string page = HttpGet(server_.server().metrics_port(), "/metrics");
    const size_t at = page.find(absl::StrCat("\n", name, " "));
    return at == std::string::npos ? INT64_MIN : static_cast<int64_t>(std::stod(page.substr(at + name.size() + 2)));
  }
  // Damages a byte of all replicas.
  void Flip(const char* file, size_t offset) const {
    for (const size_t i : {0u, 1u}) {
      std::fstream stream(replica(i) / file, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekg(static_cast<std::streamoff>(offset));
      const char byte = static_cast<char>(stream.get() ^ 1);
      stream.seekp(static_cast<std::streamoff>(offset)).put(byte);
    }
  }
  // In place, from there to its end.
  static void Zero(const fs::path& file, size_t from) {
    const size_t size = fs::file_size(file) - from;
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(from)) << std::string(size, '\0');
  }
  // So that pages are opened.
  void DeleteAnother() {
    server_.Batch({Joined("another", "join", kMonday, "p", "Bo", "bo@example.org")});
    v1::DeleteMeetingRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id("another");
    request.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
    ASSERT_TRUE(server_.Call("/retention.v1.DeletionService/DeleteMeeting", request).ok());
    ASSERT_GT(Status().pages_opened(), 0u);
  }
  void DamagePages() {
    const uint64_t blocks = Status().pages_opened();
    for (uint64_t slot = 0; slot < blocks * 256; ++slot) {
      Flip("pages", 4096 + slot / 256 * 10304 + 64 + slot % 256 * 40 + 10);
    }
  }
  CallEnd Read(const std::string& meeting) {
    v1::ListParticipantsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id(meeting);
    v1::ListParticipantsResponse response;
    return server_.Call("/retention.v1.MeetingService/ListParticipants", request, &response);
  }
  // With its server stopped.
  uint64_t Entered(const std::function<uint64_t(const stored::v1::LedgerEntry&)>& count) const {
    auto store = OpenRocksDbStore((server_.directory() / "data").string(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    uint64_t entered = 0;
    EXPECT_TRUE(VerifyLedger(**store, [&](const auto& entry) { entered += count(entry); }).ok());
    return entered;
  }
  uint64_t LossesEntered() const {
    return Entered([](const stored::v1::LedgerEntry& entry) {
      return entry.kind() == stored::v1::LedgerEntry::KIND_LOSS_ACCEPTED && entry.reason() == "KEYS_DAMAGED" ? 1 : 0;
    });
  }
  uint64_t ValuesLost() const {
    return Entered([](const stored::v1::LedgerEntry& entry) {
      uint64_t values = 0;
      // It has the day that it was to end on.
      if (entry.reason() != "KEY_GONE" || entry.day() == 0) return values;
      for (const auto& count : entry.counts()) values += count.values();
      return values;
    });
  }
  // Where a link leads nobody goes, root neither.
  void TakeAway(const fs::path& file) const {
    const fs::path away = server_.directory() / file.filename();
    fs::rename(file, away);
    fs::create_symlink(away, file);
  }
  void GiveBack(const fs::path& file) const { fs::rename(server_.directory() / file.filename(), file); }

  RunningServer server_;
};

TEST_F(RingFaults, AReplicaThatCannotBeOpenedStopsNoStart) {
  for (const size_t lost : {0u, 1u}) {
    SCOPED_TRACE(lost);
    const std::vector<fs::path> files = {replica(lost) / "head", replica(lost) / "keys", replica(lost) / "pages",
                                         directory(lost) / "witness", directory(lost) / "ledger"};
    for (const fs::path& file : files) TakeAway(file);
    const absl::Status started = StartLate();
    ASSERT_TRUE(started.ok()) << started;
    EXPECT_EQ(Status().stale_replicas(), 1u);
    EXPECT_EQ(Metric("retention_key_ring_stale_replicas"), 1);
    EXPECT_EQ(Metric("retention_oldest_overdue_seconds"), 0) << "what one may keep is no day that waits";
    EXPECT_EQ(Metric("retention_erasure_unentered"), 0);
    EXPECT_FALSE(HasDay(1 - lost));
    for (const fs::path& file : files) GiveBack(file);
    server_.AdvanceTo(kMonday + absl::Hours(24 * 8 + 1 + static_cast<int>(lost)));
    AwaitTrue([&] { return Status().stale_replicas() == 0; });
    EXPECT_FALSE(HasDay(lost));
    EXPECT_EQ(Metric("retention_key_ring_stale_replicas"), 0);
    server_.Stop();
  }
}

// Without a start, and without anybody who meets it.
TEST_F(RingFaults, DamageOfBothWhileItRunsIsMendedFromMemory) {
  ASSERT_TRUE(Start(kMonday).ok());
  EXPECT_EQ(Metric("retention_key_ring_mended_total"), 0);
  for (size_t entry = 0; entry < 8; ++entry) Flip("keys", 4096 + entry * 64 + 20);
  // Heads, entries and pages.
  for (int step = 0; step < 4; ++step) Sweep();
  EXPECT_EQ(Metric("retention_key_ring_mended_total"), 16);
  EXPECT_EQ(Metric("retention_key_ring_entries_lost"), 0);
  EXPECT_TRUE(HasDay(0) && HasDay(1));
  server_.Stop();
  ASSERT_TRUE(StartLate().ok());
  EXPECT_EQ(Status().entries_lost(), 0u);
}

// Until the process ended its open files would have had all that was ever sealed.
TEST_F(RingFaults, FilesThatAreRemovedFromBothWhileItRunsArePutBackAndSaid) {
  ASSERT_TRUE(Start(kMonday).ok());
  DeleteAnother();
  ::testing::internal::CaptureStderr();
  for (const char* file : {"keys", "pages"}) {
    for (const size_t i : {0u, 1u}) fs::remove(replica(i) / file);
  }
  for (int step = 0; step < 4; ++step) Sweep();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(absl::StrContains(said, "was removed while it was open, and is put back")) << said;
  EXPECT_EQ(Metric("retention_key_ring_mended_total"), 4);
  EXPECT_TRUE(HasDay(0) && HasDay(1));
  server_.Stop();
  const absl::Status started = Start(kMonday);
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_TRUE(Read("meeting").ok());
  EXPECT_EQ(Status().entries_lost(), 0u);
}

// Once they were what a destruction leaves, and what they were of was over without a word.
TEST_F(RingFaults, ZerosInBothWhileItRunsAreEnteredAsALoss) {
  ASSERT_TRUE(Start(kMonday).ok());
  server_.Batch({Joined("lost", "join", kMonday, "p", "Ada", "ada@example.org")});
  DeleteAnother();
  for (const size_t i : {0u, 1u}) {
    Zero(replica(i) / "keys", 0);
    Zero(replica(i) / "pages", 0);
  }
  for (int step = 0; step < 5; ++step) {
    EXPECT_EQ(Read("lost").code, absl::StatusCode::kDataLoss);
    Sweep();
  }
  EXPECT_GT(Metric("retention_key_ring_entries_lost"), 200);
  EXPECT_TRUE(HasDay(0) && HasDay(1)) << "memory has them";
  server_.Batch({Joined("new", "join", kMonday, "p", "Bo", "bo@example.org")});
  EXPECT_TRUE(Read("new").ok());
  server_.Stop();
  EXPECT_EQ(LossesEntered(), 1u);
}

TEST_F(RingFaults, ZerosInBothAtAStartAreEnteredAsALoss) {
  ASSERT_TRUE(Start(kMonday).ok());
  server_.Batch({Joined("lost", "join", kMonday, "p", "Ada", "ada@example.org")});
  DeleteAnother();
  server_.Stop();
  for (const size_t i : {0u, 1u}) Zero(replica(i) / "pages", 4096);
  for (int start = 0; start < 2; ++start) {
    const absl::Status started = Start(kMonday);
    ASSERT_TRUE(started.ok()) << started;
    EXPECT_FALSE(Read("lost").ok());
    server_.Stop();
    EXPECT_EQ(LossesEntered(), 1u);
    EXPECT_GT(ValuesLost(), 2u);
  }
}

// It once wiped the other.
TEST_F(RingFaults, ZerosInOneReplicaAreMendedFromTheOther) {
  ASSERT_TRUE(Start(kMonday).ok());
  DeleteAnother();
  server_.Stop();
  for (const size_t i : {0u, 1u}) {
    for (const size_t from : {size_t{0}, size_t{4096}}) {
      for (const bool runs : {false, true}) {
        SCOPED_TRACE(absl::StrCat(i, " from ", from, runs ? ", running" : ""));
        if (runs) {
          ASSERT_TRUE(Start(kMonday).ok());
        }
        for (const char* file : {"keys", "pages"}) Zero(replica(i) / file, from);
        if (!runs) {
          ASSERT_TRUE(Start(kMonday).ok());
        }
        for (int step = 0; step < 4; ++step) Sweep();
        EXPECT_TRUE(Read("meeting").ok());
        EXPECT_EQ(Status().entries_lost(), 0u);
        EXPECT_TRUE(HasDay(0) && HasDay(1));
        server_.Stop();
        EXPECT_EQ(LossesEntered(), 0u);
      }
    }
  }
}

TEST_F(RingFaults, WhatIsLostWhileItRunsRaisesTheAlarm) {
  ASSERT_TRUE(Start(kMonday).ok());
  DeleteAnother();
  DamagePages();
  for (int step = 0; step < 4; ++step) Sweep();
  EXPECT_GT(Metric("retention_key_ring_entries_lost"), 200);
  EXPECT_EQ(Status().entries_lost(), static_cast<uint64_t>(Metric("retention_key_ring_entries_lost")));
  EXPECT_EQ(Metric("retention_key_ring_differing"), 0);
}

// It once stopped all that was taken in until the watch came by, and was answered as if its day were over.
TEST_F(RingFaults, ADamagedPageCostsWhatItSealed_AndNothingElse) {
  ASSERT_TRUE(Start(kMonday).ok());
  server_.Batch({Joined("lost", "join", kMonday, "p", "Ada", "ada@example.org")});
  DeleteAnother();
  DamagePages();
  for (int i = 0; i < 3; ++i) {
    const std::string meeting = absl::StrCat("new", i);
    EXPECT_EQ(server_.Batch({Joined(meeting, "join", kMonday, "p", "Bo", "bo@example.org")}).accepted(), 1u);
    EXPECT_TRUE(Read(meeting).ok());
  }
  EXPECT_GT(Metric("retention_key_ring_entries_lost"), 0) << "who met it raised the alarm";
  for (int step = 0; step < 5; ++step) {
    EXPECT_EQ(Read("lost").code, absl::StatusCode::kDataLoss);
    Sweep();
  }
  server_.Stop();
  EXPECT_EQ(LossesEntered(), 1u);
  EXPECT_EQ(ValuesLost(), 0u) << "what it sealed is swept by the next start";
  for (int start = 0; start < 2; ++start) {
    const absl::Status started = Start(kMonday);
    ASSERT_TRUE(started.ok()) << started;
    EXPECT_FALSE(Read("lost").ok());
    EXPECT_TRUE(Read("new0").ok());
    EXPECT_EQ(server_.Batch({Joined(absl::StrCat("then", start), "join", kMonday, "q", "Cy")}).accepted(), 1u);
    server_.Stop();
    EXPECT_EQ(LossesEntered(), 1u);
    EXPECT_GT(ValuesLost(), 2u);
  }
}

// What it kept would have gone with the day.
TEST_F(RingFaults, AHoldThatIsLostWithItsKeyIsReplacedByOneOnAllOfItsPbx) {
  ASSERT_TRUE(Start(kMonday).ok());
  for (const char* id : {"case-0", "case-1"}) {
    v1::CreateHoldRequest request;
    *request.mutable_hold() = PbxHold(id, kMonday);
    ASSERT_TRUE(server_.Call("/retention.v1.HoldService/CreateHold", request).ok());
  }
  // So that their page is opened.
  v1::ReleaseHoldRequest release;
  release.set_hold_id("case-0");
  ASSERT_TRUE(server_.Call("/retention.v1.HoldService/ReleaseHold", release).ok());
  const auto holds = [&] {
    v1::ListHoldsResponse listed;
    EXPECT_TRUE(server_.Call("/retention.v1.HoldService/ListHolds", v1::ListHoldsRequest(), &listed).ok());
    std::vector<std::string> ids;
    for (const v1::Hold& hold : listed.holds()) ids.push_back(hold.hold_id());
    return ids;
  };
  DamagePages();
  for (int step = 0; step < 5; ++step) Sweep();
  EXPECT_EQ(holds(), std::vector<std::string>{"case-1"}) << "memory has it";
  for (int start = 0; start < 2; ++start) {
    const absl::Status started = Start(kMonday);
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_EQ(holds().size(), 1u);
    EXPECT_TRUE(absl::StartsWith(holds().front(), "in-place-of-lost-")) << holds().front();
  }
}

TEST_F(RingFaults, AKeyThatWasDamagedBeforeAStartIsEnteredAsLost_Once) {
  for (size_t entry = 0; entry < 250; ++entry) {
    char kind = 0;
    std::ifstream(replica(0) / "keys", std::ios::binary)
        .seekg(static_cast<std::streamoff>(4096 + entry * 64))
        .get(kind);
    if (kind == 1) Flip("keys", 4096 + entry * 64 + 20);
  }
  for (int start = 0; start < 2; ++start) {
    const absl::Status started = Start(kMonday);
    ASSERT_TRUE(started.ok()) << started;
    server_.Stop();
    EXPECT_EQ(LossesEntered(), 1u);
    EXPECT_GT(ValuesLost(), 2u);
  }
}

// Where the path of a directory leads nowhere (a volume that fails answers its look-ups with EIO), nothing can be said
// of what lies within what.
TEST_F(RingFaults, APathThatCannotBeLookedUpKeepsNoKey) {
  const fs::path wrapping = server_.directory() / "wrapping";
  std::ofstream(wrapping) << std::string(32, 'w');
  fs::permissions(wrapping, fs::perms::owner_read);
  fs::rename(directory(1), server_.directory() / "away");
  fs::create_symlink(directory(1), directory(1));
  const absl::Status started = Start(kMonday + absl::Hours(24 * 8), wrapping.string());
  EXPECT_FALSE(absl::IsInvalidArgument(started)) << started;
  EXPECT_FALSE(HasDay(0));
}

TEST_F(RingFaults, ADataDirectoryThatCannotBeLookedUpKeepsNoKey) {
  fs::rename(server_.directory() / "data", server_.directory() / "away");
  fs::create_symlink(server_.directory() / "data", server_.directory() / "data");
  const absl::Status refused = StartLate();
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(absl::StrContains(refused.message(), "data")) << refused;
  EXPECT_FALSE(HasDay(0) || HasDay(1));
}

TEST_F(RingFaults, APolicyThatCannotBeReadKeepsNoKey) {
  for (const fs::path& policy : {server_.directory() / "nowhere", server_.directory()}) {
    const absl::Status refused = server_.Restart([&](ServerOptions& options) {
      options.second_key_ring_directory = directory(1).string();
      options.simulated_start = kMonday + absl::Hours(24 * 8);
      options.policy_file = policy.string();
    });
    EXPECT_FALSE(refused.ok());
    EXPECT_TRUE(absl::StartsWith(refused.message(), "policy: ")) << refused;
    EXPECT_FALSE(HasDay(0) || HasDay(1));
  }
}

// Found within a sweep, and put back: the next start would be refused.
TEST_F(RingFaults, CurrentThatIsRemovedWhileItRunsIsPutBackAndSaid) {
  ASSERT_TRUE(Start(kMonday).ok());
  ::testing::internal::CaptureStderr();
  fs::remove(server_.directory() / "data" / "CURRENT");
  Sweep();
  Sweep();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(absl::StrContains(said, "was removed or damaged, and is put back")) << said;
  server_.Stop();
  const absl::Status started = Start(kMonday);
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_TRUE(Read("meeting").ok());
}

// What the line says is what helps (tests/rpc/restore_test.cc).
TEST_F(RingFaults, AStoreWithoutItsListIsRefusedWithAWayOutThatWorks) {
  const fs::path data = server_.directory() / "data";
  fs::rename(data / "CURRENT", server_.directory() / "CURRENT");
  const absl::Status refused = StartLate();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "retention_backup restore")) << refused;
  EXPECT_FALSE(absl::StrContains(refused.message(), "\n"));
  EXPECT_FALSE(HasDay(0) || HasDay(1));
  fs::rename(server_.directory() / "CURRENT", data / "CURRENT");
  for (const auto& entry : fs::directory_iterator(data)) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary).seekp(100) << "damage";
  }
  const absl::Status damaged = StartLate();
  EXPECT_FALSE(damaged.ok());
  EXPECT_TRUE(absl::StrContains(damaged.message(), "retention_backup restore")) << damaged;
}

TEST_F(RingFaults, AccessOfOthersIsRefusedAtEachStart_AndKeepsNoKey) {
  fs::permissions(directory(1), fs::perms::owner_all | fs::perms::group_read);
  for (int start = 0; start < 2; ++start) {
    const absl::Status refused = StartLate();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "chmod 0700")) << refused;
    EXPECT_FALSE(HasDay(0) || HasDay(1));
  }
  fs::permissions(directory(1), fs::perms::owner_all);
  EXPECT_TRUE(StartLate().ok());
}

TEST_F(RingFaults, PagesThatAreGoneFromBothAreNamed_AndKeepNoDay) {
  for (const size_t i : {0u, 1u}) fs::resize_file(replica(i) / "pages", 0);
  const absl::Status refused = StartLate();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "its file pages is missing")) << refused;
  EXPECT_FALSE(HasDay(0) || HasDay(1));
}

TEST_F(RingFaults, ADamagedHeaderOfTheLedgersCopyStopsNoStart) {
  for (const size_t i : {0u, 1u}) {
    std::fstream(directory(i) / "ledger", std::ios::in | std::ios::out | std::ios::binary).seekp(3) << "x";
  }
  const absl::Status started = StartLate();
  EXPECT_TRUE(started.ok()) << started;
  EXPECT_FALSE(HasDay(0) || HasDay(1));
}

}  // namespace
}  // namespace retention
