// Each kind of file of the store, harmed in each way before a start: the one line that refuses it names the file that
// was harmed, no other, and what to do; and once that is put back, all is there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

// By what its files are known: a part of their names.
constexpr const char* kAnyKind[] = {"CURRENT", "MANIFEST", "OPTIONS", "IDENTITY", "LOCK", ".log", ".sst"};

struct HarmToBytes {
  std::string name;
  // `others`: what the files of its kind held.
  std::function<void(std::string& bytes, const std::vector<std::string>& others)> harm;
};

void FlipAt(std::string& bytes, size_t at, int bit) { bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit); }

// Of a table the last places are its footer: checksum type, handles, version, magic number.
const std::vector<HarmToBytes>& AnyHarm() {
  static const std::vector<HarmToBytes> all = {
      {"first bit", [](std::string& bytes, const auto&) { FlipAt(bytes, 0, 0); }},
      {"middle bit", [](std::string& bytes, const auto&) { FlipAt(bytes, bytes.size() / 2, 3); }},
      {"last bit", [](std::string& bytes, const auto&) { FlipAt(bytes, bytes.size() - 1, 7); }},
      {"version",
       [](std::string& bytes, const auto&) { FlipAt(bytes, bytes.size() - std::min<size_t>(bytes.size(), 12), 6); }},
      {"checksum",
       [](std::string& bytes, const auto&) { FlipAt(bytes, bytes.size() - std::min<size_t>(bytes.size(), 53), 5); }},
      {"outline",
       [](std::string& bytes, const auto&) { FlipAt(bytes, bytes.size() - std::min<size_t>(bytes.size(), 700), 2); }},
      {"half", [](std::string& bytes, const auto&) { bytes.resize(bytes.size() / 2); }},
      {"one byte", [](std::string& bytes, const auto&) { bytes.resize(1); }},
      {"empty", [](std::string& bytes, const auto&) { bytes.clear(); }},
      {"zeros",
       [](std::string& bytes, const auto&) {
         constexpr size_t kPage = 4096;
         const size_t begin = bytes.size() > kPage ? (bytes.size() - kPage) / kPage * kPage : 0;
         std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end(), '\0');
       }},
      {"longer", [](std::string& bytes, const auto&) { bytes.append(1, 'x'); }},
      {"another of another length",
       [](std::string& bytes, const std::vector<std::string>& others) {
         const auto is_other = [&](const std::string& other) { return other.size() != bytes.size(); };
         const auto other = std::find_if(others.begin(), others.end(), is_other);
         if (other != others.end()) bytes = *other;
       }},
      {"another of its length",
       [](std::string& bytes, const std::vector<std::string>& others) {
         const auto is_other = [&](const std::string& other) { return other != bytes && other.size() == bytes.size(); };
         const auto other = std::find_if(others.begin(), others.end(), is_other);
         if (other != others.end()) bytes = *other;
       }},
  };
  return all;
}

class HarmedStore : public ::testing::Test {
 protected:
  HarmedStore() {
    server_.SyncPbx();
    Meet("old");
    EXPECT_TRUE(server_.Restart().ok());  // what lies in the log lies in files of level 0 afterwards
    Meet("young");
    server_.Stop();
    Copy("data", "sound-data");
    Copy("ring", "sound-ring");
  }
  fs::path data() const { return server_.directory() / "data"; }
  void Copy(const std::string& from, const std::string& to) const {
    fs::remove_all(server_.directory() / to);
    fs::copy(server_.directory() / from, server_.directory() / to, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(server_.directory() / to)) {
      fs::permissions(entry,
                      entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write);
    }
    fs::permissions(server_.directory() / to, fs::perms::owner_all);
  }
  void PutAllBack() {
    server_.Stop();
    Copy("sound-data", "data");
    Copy("sound-ring", "ring");
  }
  static std::string BytesOf(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Meet(const std::string& meeting) {
    server_.Batch({Joined(meeting, meeting + "-join", kMonday, "p", "Ada", "ada@example.org"),
                   Left(meeting, meeting + "-left", kMonday + absl::Minutes(5), "p")});
  }
  CallEnd Get(const std::string& meeting) {
    v1::GetMeetingRequest get;
    get.set_pbx_id("pbx");
    get.set_meeting_id(meeting);
    return server_.Call("/retention.v1.MeetingService/GetMeeting", get);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(server_.directory() / "sound-data")) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void Expect(const absl::Status& started, const std::string& victim, const std::string& harm) {
    const std::string what = absl::StrCat(victim, ", ", harm, ": ", started.message());
    if (started.ok()) {
      for (const char* meeting : {"old", "young"}) {
        const CallEnd end = Get(meeting);
        EXPECT_TRUE(end.ok() || end.code == absl::StatusCode::kDataLoss) << what << " " << meeting << ": " << end;
      }
      return;
    }
    EXPECT_TRUE(absl::StrContains(started.message(), victim)) << what;
    for (const std::string& name : Names()) {
      EXPECT_TRUE(name == victim || !absl::StrContains(started.message(), (data() / name).string())) << name << what;
    }
    EXPECT_TRUE(absl::StrContains(started.message(), "put an intact")) << what;
    EXPECT_FALSE(absl::StrContains(started.message(), '\n')) << what;
  }

  RunningServer server_;
};

class NamedDamage : public HarmedStore, public ::testing::WithParamInterface<const char*> {};

using NamedBits = HarmedStore;

// More of them by RETENTION_DAMAGED_BITS.
int BitsOfEach() {
  const char* asked = std::getenv("RETENTION_DAMAGED_BITS");
  return asked == nullptr ? 5 : std::atoi(asked);
}

// While it runs, what leads to the tables is put back within a sweep, and said.
TEST_P(NamedDamage, WhileItRunsItIsPutBack) {
  const std::string kind = GetParam();
  if (kind == ".log" || kind == ".sst") return;  // what they hold is nowhere else
  for (const HarmToBytes& each : AnyHarm()) {
    PutAllBack();
    ASSERT_TRUE(server_.Restart().ok());
    fs::path victim;
    for (const auto& entry : fs::directory_iterator(data())) {
      const bool is_it = absl::StartsWith(entry.path().filename().string(), kind);
      if (is_it && entry.path() > victim) victim = entry.path();
    }
    std::string bytes = BytesOf(victim);
    const std::string sound = bytes;
    if (sound.empty()) continue;
    each.harm(bytes, {});
    if (absl::StartsWith(bytes, sound)) continue;  // what was written is there
    std::ofstream(victim, std::ios::binary | std::ios::trunc) << bytes;
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
    const std::string said = ::testing::internal::GetCapturedStderr();
    if (kind == "MANIFEST") {
      EXPECT_TRUE(absl::StrContains(said, absl::StrCat(victim.string(), "\""))) << said;
    }
    Meet("later");
    const absl::Status started = server_.Restart();
    ASSERT_TRUE(started.ok()) << kind << ", " << each.name << ": " << started;
    for (const char* meeting : {"old", "young", "later"}) EXPECT_TRUE(Get(meeting).ok()) << kind << ", " << each.name;
  }
}

TEST_P(NamedDamage, ARefusedStartNamesTheFileAndWhatToDo) {
  for (const std::string& victim : Names()) {
    if (!absl::StrContains(victim, GetParam())) continue;
    const fs::path path = data() / victim;
    const std::string sound = BytesOf(server_.directory() / "sound-data" / victim);
    std::vector<std::string> others;
    for (const std::string& name : Names()) {
      if (absl::StrContains(name, GetParam())) others.push_back(BytesOf(server_.directory() / "sound-data" / name));
    }
    for (const HarmToBytes& each : AnyHarm()) {
      if (sound.empty()) continue;
      std::string bytes = sound;
      each.harm(bytes, others);
      PutAllBack();
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      Expect(server_.Restart(), victim, each.name);
    }
    PutAllBack();
    fs::remove(path);
    Expect(server_.Restart(), victim, "gone");
  }
  PutAllBack();
  const absl::Status after = server_.Restart();
  ASSERT_TRUE(after.ok()) << after;
  for (const char* meeting : {"old", "young"}) EXPECT_TRUE(Get(meeting).ok());
}
// Checksums do not cover all of a table alike: what leads to its blocks decides what is read at all.
TEST_F(NamedBits, OfATableNamesItWhateverBitIsFlipped) {
  std::minstd_rand draw(5);
  for (const std::string& victim : Names()) {
    if (!absl::StrContains(victim, ".sst")) continue;
    const std::string sound = BytesOf(server_.directory() / "sound-data" / victim);
    for (int i = 0; i < BitsOfEach(); ++i) {
      std::string bytes = sound;
      const size_t at = draw() % sound.size();
      const int bit = static_cast<int>(draw() % 8);
      FlipAt(bytes, at, bit);
      PutAllBack();
      std::ofstream(data() / victim, std::ios::binary | std::ios::trunc) << bytes;
      Expect(server_.Restart(), victim, absl::StrCat("bit ", bit, " of byte ", at));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NamedDamage, ::testing::ValuesIn(kAnyKind));

}  // namespace
}  // namespace retention
