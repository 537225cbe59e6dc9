// Log lines as a finder of the disk would see them, with and without an extension, and after a crash at every write of
// its move.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"
#include "tests/privacy/disk_search.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/fresh_directory.h"

namespace retention::privacy {
namespace {

using Texts = std::vector<std::string>;

constexpr auto kMcu = v1::LOG_SERVER_MCU;
constexpr char kCanary[] = "erika.musterfrau.canary@example.org logged in from 192.0.2.77";
constexpr char kReason[] = "complaint of erika.musterfrau.reason@example.org";
const absl::Time kDue = At("2026-03-10T00:00:00+01:00");
const absl::Duration kMoment = absl::Microseconds(1);

class LogLinesOnDisk : public ::testing::Test {
 protected:
  std::filesystem::path Data() const { return harness_.directory() / "data"; }
  void ExpectNoPlaintext() {
    const auto found = FindBytes(harness_.directory(), PlainAndHex({kCanary, kReason}));
    EXPECT_TRUE(found.empty()) << found.front();
  }
  // Sealed rows of log lines as they lie in the store now.
  std::vector<Needle> Envelopes() {
    std::vector<Needle> envelopes;
    for (auto cursor = harness_.store().Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      envelopes.push_back({absl::StrCat("row ", envelopes.size()), std::string(cursor->value())});
    }
    return envelopes;
  }
  Needle SealedReason() {
    return {"extension", harness_.store().Get(Family::kState, LogExtensionKey(kMcu)).value().value_or("")};
  }
  void ExpectOnDisk(const std::vector<Needle>& needles) {
    ASSERT_FALSE(needles.empty());
    for (const Needle& needle : needles) EXPECT_FALSE(FindBytes(Data(), {needle}).empty()) << needle.name;
  }
  void ExpectGone(const std::vector<Needle>& needles) {
    const auto found = FindBytes(Data(), needles);
    EXPECT_TRUE(found.empty()) << found.front();
  }
  Texts Shown() { return ReadTexts(harness_.engine(), harness_.now); }

  Harness harness_{kMonday, Harness::Backend::kRocksDb};
};

TEST_F(LogLinesOnDisk, ALineIsReadUntilTheLastMicrosecondOfItsSeventhDay_AndThenInNoFile) {
  Append(harness_.engine(), {Line(kMcu, kMonday, kCanary)}, harness_.now);
  ExpectNoPlaintext();
  const auto sealed = Envelopes();
  harness_.now = kDue - kMoment;
  harness_.Sweep();
  EXPECT_EQ(Shown(), Texts{kCanary});
  ExpectOnDisk(sealed);
  ExpectNoPlaintext();
  harness_.now = kDue;
  EXPECT_EQ(Shown(), Texts{});
  harness_.Sweep(/*scrub=*/false);
  ExpectGone(sealed);
  ASSERT_TRUE(harness_.Reopen().ok());
  ExpectGone(sealed);
  ExpectNoPlaintext();
}

TEST_F(LogLinesOnDisk, AnExtensionKeepsALineUntilItsEnd_AndItsReasonNoLonger) {
  Append(harness_.engine(), {Line(kMcu, kMonday, kCanary)}, harness_.now);
  ASSERT_TRUE(Extend(harness_.engine(), ExtensionUntil(kMcu, "2026-03-20", kReason), harness_.now).ok());
  auto sealed = Envelopes();
  sealed.push_back(SealedReason());
  harness_.now = At("2026-03-21T00:00:00+01:00") - kMoment;
  harness_.Sweep();
  EXPECT_EQ(Shown(), Texts{kCanary});
  ExpectOnDisk(sealed);
  ExpectNoPlaintext();
  harness_.now += kMoment;
  EXPECT_EQ(Shown(), Texts{});
  harness_.Sweep();
  ExpectGone(sealed);
}

TEST_F(LogLinesOnDisk, AShortenedExtensionLeavesNoBytesInLaterDays) {
  Append(harness_.engine(), {Line(kMcu, kMonday, kCanary)}, harness_.now);
  ASSERT_TRUE(Extend(harness_.engine(), ExtensionUntil(kMcu, "2026-03-20", kReason), harness_.now).ok());
  auto sealed = Envelopes();
  sealed.push_back(SealedReason());
  ExpectOnDisk(sealed);
  harness_.now = At("2026-03-12T10:00:00+01:00");
  harness_.Sweep();
  ASSERT_TRUE(harness_.Reopen().ok());  // so that they are in table files
  ASSERT_TRUE(Extend(harness_.engine(), ExtensionUntil(kMcu, "2026-03-13", "other"), harness_.now).ok());
  EXPECT_EQ(Shown(), Texts{kCanary});
  harness_.Sweep();
  ExpectGone(sealed);
  EXPECT_EQ(Shown(), Texts{kCanary});
  harness_.now = At("2026-03-14T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(Shown(), Texts{});
  EXPECT_EQ(harness_.Values(kServerLog), 0u);
}

// An engine on a disk that crashes.
class Trial {
 public:
  ~Trial() { Close(); }
  void Close() {
    engine.reset();
    store_.reset();
    ring_.reset();
  }
  absl::Status Open(absl::Time now) {
    const std::string ring = (directory_ / "ring").string();
    auto opened_ring = std::filesystem::exists(ring) ? KeyRing::Open(ring, {}) : KeyRing::Create(ring, {});
    if (!opened_ring.ok()) return opened_ring.status();
    ring_ = *std::move(opened_ring);
    RocksDbOptions options;
    options.file_system = disk.file_system();
    auto store = OpenRocksDbStore((directory_ / "data").string(), options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    auto opened = TestEngine::Open(*store_, *ring_, SystemRandom(), policy_, now);
    if (opened.ok()) engine = *std::move(opened);
    return opened.status();
  }

  FaultFileSystem disk;
  std::unique_ptr<TestEngine> engine;

 private:
  const Policy policy_ = DefaultPolicy();
  FreshDirectory directory_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Store> store_;
};

absl::Status SweepOnce(TestEngine& engine, absl::Time now) {
  TestSweeper sweeper(engine, [](std::function<absl::Status()> task) { return task(); }, {});
  return sweeper.RunOnce(now, /*scrub_now=*/true).status();
}

// Extends, or shortens, with a crash at the nth write, and comes back after the lines' ordinary day. False if there was
// no such write.
bool CrashAt(uint64_t nth, bool shorten, bool power) {
  SCOPED_TRACE(absl::StrCat("crash at write ", nth, shorten ? ", shortened" : "", power ? ", power lost" : ""));
  Trial trial;
  EXPECT_TRUE(trial.Open(kMonday).ok());
  // More text than two steps move.
  constexpr int kLines = 1200;
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<v1::LogLine> lines;
    for (int i = 0; i < kLines / 3; ++i) lines.push_back(Line(kMcu, kMonday, std::string(8000, 'x')));
    Append(*trial.engine, lines, kMonday);
  }
  if (shorten) {
    EXPECT_TRUE(Extend(*trial.engine, ExtensionUntil(kMcu, "2026-03-20"), kMonday).ok());
  }
  trial.disk.CrashAt(nth);
  const auto request = ExtensionUntil(kMcu, shorten ? "2026-03-10" : "2026-03-20");
  const bool acknowledged = trial.engine->ExtendLogRetention(request, kDue - kMoment).ok();
  while (acknowledged) {
    const auto more = trial.engine->RefileLogs(kDue - kMoment);
    if (!more.ok() || !*more) break;
  }
  const bool crashed = trial.disk.crashed();
  trial.Close();
  if (power) {
    EXPECT_TRUE(trial.disk.LosePower().ok());
  }
  trial.disk.Restart();
  EXPECT_TRUE(trial.Open(kDue).ok());
  const bool in_force = !trial.engine->logs().InForce(kDue).empty();
  const bool kept = shorten || in_force;
  EXPECT_TRUE(in_force || !acknowledged) << "an extension that was acknowledged is lost";
  EXPECT_EQ(ReadAll(*trial.engine, kDue).size(), kept ? kLines : 0u);
  EXPECT_TRUE(SweepOnce(*trial.engine, kDue).ok());
  EXPECT_EQ(ReadAll(*trial.engine, kDue).size(), kept ? kLines : 0u);
  EXPECT_FALSE(trial.engine->logs().refiling());
  // A shorter one that was acknowledged ends them all at its end.
  const absl::Time after = At("2026-03-11T00:00:00+01:00");
  EXPECT_TRUE(SweepOnce(*trial.engine, after).ok());
  uint64_t values = 0;
  for (const auto& [day, counts] : trial.engine->counts().Read()) values += counts[kServerLog].values;
  if (acknowledged) {
    EXPECT_EQ(values, shorten ? 0u : kLines);
  }
  EXPECT_EQ(ReadAll(*trial.engine, after).size(), values);
  return crashed;
}

// Whether the extension is a shorter one, and whether the power is lost with the process.
class LogLinesAfterACrash : public ::testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(LogLinesAfterACrash, AnExtensionLosesNothingAndKeepsNothingTooLong_AtEveryWrite) {
  const auto [shorten, power] = GetParam();
  uint64_t nth = 1;
  while (CrashAt(nth, shorten, power) && !HasFailure()) ++nth;
  EXPECT_GE(nth, 6u) << "the extension and at least two steps were to be hit";
}

INSTANTIATE_TEST_SUITE_P(All, LogLinesAfterACrash, ::testing::Combine(::testing::Bool(), ::testing::Bool()));

}  // namespace
}  // namespace retention::privacy
