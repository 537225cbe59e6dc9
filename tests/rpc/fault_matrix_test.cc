// Each kind of file of store and ring, harmed in each way, while the server runs and before it starts: what is due goes
// on its day, nothing that was acknowledged is lost without a word, and what is put right again serves.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

enum class FileHarm { kFlip, kZeroPage, kCut, kGone };
enum class HarmedWhen { kRunning, kAtStart };
enum class FileKind {
  kCurrent,
  kManifest,
  kOptions,
  kIdentity,
  kLog,
  kTable,
  kRingHead,
  kRingKeys,
  kRingPages,
  kWitness,
  kLedgerCopy,
  kBothRingKeys,  // of both replicas, in the same place
  kBothRingPages
};
using MatrixCell = std::tuple<FileKind, FileHarm, HarmedWhen>;

constexpr const char* kHarms[] = {"Flip", "ZeroPage", "Cut", "Gone"};
constexpr const char* kKinds[] = {"Current",    "Manifest",     "Options",      "Identity",  "Log",
                                  "Table",      "RingHead",     "RingKeys",     "RingPages", "Witness",
                                  "LedgerCopy", "BothRingKeys", "BothRingPages"};

std::string NameOfCell(const MatrixCell& cell) {
  const auto [kind, harm, when] = cell;
  return absl::StrCat(kKinds[static_cast<int>(kind)], kHarms[static_cast<int>(harm)],
                      when == HarmedWhen::kRunning ? "Running" : "AtStart");
}

const absl::Duration kMatrixDay = absl::Hours(24);
const absl::Time kMatrixDue = kMonday + 8 * kMatrixDay;

class FaultMatrix : public ::testing::TestWithParam<MatrixCell> {
 protected:
  FaultMatrix() {
    fs::create_directory(directory(1));
    fs::permissions(directory(1), fs::perms::owner_all);
    EXPECT_TRUE(Start(kMonday).ok());
    server_.SyncPbx();
    Meet("old", kMonday);
    // So that some of it lies in files.
    EXPECT_TRUE(Start(kMonday).ok());
    server_.AdvanceTo(kMonday + 6 * kMatrixDay);
    Meet("young", kMonday + 6 * kMatrixDay);
  }

  fs::path data() const { return server_.directory() / "data"; }
  fs::path directory(size_t i) const { return server_.directory() / (i == 0 ? "ring" : "second"); }
  fs::path replica(size_t i) const { return directory(i) / (i == 0 ? "a" : "b"); }
  absl::Status Start(absl::Time now) {
    return server_.Restart([&](ServerOptions& options) {
      options.second_key_ring_directory = directory(1).string();
      options.simulated_start = now;
      options.metrics_address = "127.0.0.1:0";
    });
  }
  void Meet(const std::string& meeting, absl::Time at) {
    server_.Batch({Joined(meeting, meeting + "-join", at, "p", "Ada", "ada@example.org"),
                   Left(meeting, meeting + "-left", at + absl::Minutes(5), "p")});
  }
  CallEnd Get(const std::string& meeting) {
    v1::GetMeetingRequest get;
    get.set_pbx_id("pbx");
    get.set_meeting_id(meeting);
    return server_.Call("/retention.v1.MeetingService/GetMeeting", get);
  }
  bool HasDueKey() const {
    for (const size_t i : {0u, 1u}) {
      if (DecodeRing(replica(i).string()).keys.contains({'D', kNextMonday.number()})) return true;
    }
    return false;
  }
  // The files that are harmed alike.
  std::vector<fs::path> Victims(FileKind kind) const {
    if (kind == FileKind::kBothRingKeys) return {replica(0) / "keys", replica(1) / "keys"};
    if (kind == FileKind::kBothRingPages) return {replica(0) / "pages", replica(1) / "pages"};
    return {Victim(kind)};
  }
  // Of several the largest. Of the ring that of the first replica; the second is for that.
  fs::path Victim(FileKind kind) const {
    const std::map<FileKind, fs::path> named = {
        {FileKind::kCurrent, data() / "CURRENT"},         {FileKind::kIdentity, data() / "IDENTITY"},
        {FileKind::kRingHead, replica(0) / "head"},       {FileKind::kRingKeys, replica(0) / "keys"},
        {FileKind::kRingPages, replica(0) / "pages"},     {FileKind::kWitness, directory(0) / "witness"},
        {FileKind::kLedgerCopy, directory(0) / "ledger"},
    };
    if (const auto found = named.find(kind); found != named.end()) return found->second;
    fs::path victim;
    for (const auto& entry : fs::directory_iterator(data())) {
      const std::string name = entry.path().filename().string();
      const bool is_it = (kind == FileKind::kManifest && absl::StartsWith(name, "MANIFEST")) ||
                         (kind == FileKind::kOptions && absl::StartsWith(name, "OPTIONS")) ||
                         (kind == FileKind::kLog && absl::EndsWith(name, ".log")) ||
                         (kind == FileKind::kTable && absl::EndsWith(name, ".sst"));
      if (is_it && (victim.empty() || entry.file_size() > fs::file_size(victim))) victim = entry.path();
    }
    EXPECT_FALSE(victim.empty());
    return victim;
  }
  // In place, as a disk does it: whoever has the file open sees it.
  static void Do(FileHarm harm, const std::vector<fs::path>& files, const std::mt19937& random) {
    for (const fs::path& file : files) {
      std::mt19937 same = random;
      DoOne(harm, file, same);
    }
  }
  static void DoOne(FileHarm harm, const fs::path& file, std::mt19937& random) {
    const uintmax_t size = fs::file_size(file);
    ASSERT_GT(size, 0u);
    if (harm == FileHarm::kGone) {
      fs::remove(file);
      return;
    }
    if (harm == FileHarm::kCut) {
      fs::resize_file(file, random() % size);
      return;
    }
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(random() % size);
    if (harm == FileHarm::kFlip) {
      bytes.seekg(at);
      const int was = bytes.get();
      bytes.seekp(at);
      bytes.put(static_cast<char>(was ^ 1 << random() % 8));
      return;
    }
    constexpr std::streamoff kPage = 4096;
    const std::streamoff begin = at / kPage * kPage;
    bytes.seekp(begin);
    bytes << std::string(
        static_cast<size_t>(std::min<std::streamoff>(kPage, static_cast<std::streamoff>(size) - begin)), '\0');
  }
  static std::string BytesOf(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string Metric(const std::string& name) {
    const std::string page = HttpGet(server_.server().metrics_port(), "/metrics");
    const size_t at = page.find("\n" + name + " ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 2;
    return page.substr(begin, page.find_first_of("\r\n", begin) - begin);
  }

  // Whether what was acknowledged answers, or says that it is lost, or a loss of keys is told of; and the rest serves.
  void ExpectTold(const std::vector<std::string>& meetings) {
    for (const std::string& meeting : meetings) {
      const CallEnd end = Get(meeting);
      const bool is_told = Metric("retention_key_ring_entries_lost") != "0";
      EXPECT_TRUE(end.ok() || end.code == absl::StatusCode::kDataLoss ||
                  (is_told && end.code == absl::StatusCode::kNotFound))
          << meeting << ": " << end;
    }
    EXPECT_TRUE(server_.Call("/retention.v1.RingService/GetRingStatus", v1::GetRingStatusRequest()).ok());
  }
  // The due key is gone, or the alarm is up.
  void ExpectDueGoneOrAlarm() {
    if (!HasDueKey()) return;
    EXPECT_EQ(server_.Health("erasure"), 2) << "the key of a due day lies there, and nobody is told";
  }
  // A start that did not succeed: one line that names what it is about and says what to do.
  static void ExpectRefusal(const absl::Status& refused) {
    EXPECT_FALSE(absl::StrContains(refused.message(), '\n')) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "data directory") ||
                absl::StrContains(refused.message(), "the store") || absl::StrContains(refused.message(), "key ring"))
        << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "put") || absl::StrContains(refused.message(), "--accept") ||
                absl::StrContains(refused.message(), "look"))
        << refused;
  }

  RunningServer server_;
};

TEST_P(FaultMatrix, DueKeysGo_NothingIsLostSilently_TheRestServes) {
  const auto [kind, harm, when] = GetParam();
  std::mt19937 random(static_cast<unsigned>(kind) * 16 + static_cast<unsigned>(harm));
  std::vector<std::string> acknowledged = {"young"};
  std::vector<fs::path> victims;
  std::vector<std::string> sound;
  const auto harm_them = [&, kind = kind, harm = harm] {
    victims = Victims(kind);
    for (const fs::path& victim : victims) sound.push_back(BytesOf(victim));
    Do(harm, victims, random);
  };
  if (when == HarmedWhen::kRunning) {
    harm_them();
    // Whatever it makes of that, it says so.
    v1::BatchRecordEventsRequest request;
    const absl::Time now = kMonday + 6 * kMatrixDay;
    *request.add_events() = Joined("during", "during-join", now, "p", "Bob");
    v1::BatchRecordEventsResponse response;
    const CallEnd end = server_.Call("/retention.v1.EventService/BatchRecordEvents", request, &response);
    if (end.ok() && response.result().accepted() == 1) acknowledged.push_back("during");
    ExpectTold(acknowledged);
    server_.AdvanceTo(kMatrixDue);
    server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest());
    ExpectDueGoneOrAlarm();
    ExpectTold(acknowledged);
    server_.Stop();
  } else {
    server_.Stop();
    harm_them();
  }
  const absl::Status started = Start(kMatrixDue);
  EXPECT_FALSE(HasDueKey()) << started;
  if (started.ok()) {
    ExpectTold(acknowledged);
    const CallEnd end = Get("old");
    EXPECT_NE(end.code, absl::StatusCode::kUnavailable) << end;
    Meet("after", kMatrixDue);
    EXPECT_TRUE(Get("after").ok());
    return;
  }
  ExpectRefusal(started);
  EXPECT_NE(kind, FileKind::kRingHead) << "the second replica is for that";
  if (when == HarmedWhen::kRunning) return;  // nobody has what was written meanwhile
  for (size_t i = 0; i < victims.size(); ++i) {
    std::ofstream(victims[i], std::ios::binary | std::ios::trunc) << sound[i];
    fs::permissions(victims[i], fs::perms::owner_read | fs::perms::owner_write);
  }
  const absl::Status repaired = Start(kMatrixDue);
  ASSERT_TRUE(repaired.ok()) << repaired << "; before: " << started;
  EXPECT_TRUE(Get("young").ok());
  EXPECT_FALSE(HasDueKey());
}

INSTANTIATE_TEST_SUITE_P(
    Cells, FaultMatrix,
    ::testing::Combine(::testing::Values(FileKind::kCurrent, FileKind::kManifest, FileKind::kOptions,
                                         FileKind::kIdentity, FileKind::kLog, FileKind::kTable, FileKind::kRingHead,
                                         FileKind::kRingKeys, FileKind::kRingPages, FileKind::kWitness,
                                         FileKind::kLedgerCopy, FileKind::kBothRingKeys, FileKind::kBothRingPages),
                       ::testing::Values(FileHarm::kFlip, FileHarm::kZeroPage, FileHarm::kCut, FileHarm::kGone),
                       ::testing::Values(HarmedWhen::kRunning, HarmedWhen::kAtStart)),
    [](const auto& info) { return NameOfCell(info.param); });

}  // namespace
}  // namespace retention
