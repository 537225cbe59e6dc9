// What the ring remembers for destructions without a store: durable in both replicas before anything depends on it,
// never less than was said, and nothing at all where a part of it was lost.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

DueDay Day(uint32_t number) { return DueDay::FromNumber(number); }
PbxId Pbx(uint8_t number) {
  PbxId pbx;
  pbx.bytes[7] = number;
  return pbx;
}

class DueRulesTest : public ::testing::Test {
 protected:
  fs::path path() const { return directory_ / "ring"; }
  KeyRing::Options Options() {
    KeyRing::Options options;
    options.on_io = [this](size_t, RingFile, RingReplica::Io) {
      if (!fuse_.has_value()) return absl::OkStatus();
      if (*fuse_ == 0) return absl::UnavailableError("no more");
      --*fuse_;
      return absl::OkStatus();
    };
    options.opening.accept_lower_replica = accept_;
    return options;
  }
  void Begin() {
    ring_.reset();
    fs::remove_all(path());
    auto ring = KeyRing::Create(path().string(), Options());
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    // The zone does not lie beside what holds may concern.
    const PbxId pbxs[] = {Pbx(1), Pbx(2)};
    ASSERT_TRUE(ring_->HoldPbxs(pbxs, Day(100)).ok());
    ASSERT_TRUE(ring_->ForDay(Day(50)).ok());
    ASSERT_TRUE(ring_->SetDueRules(kBefore).ok());
  }
  absl::Status Reopen() {
    ring_.reset();
    auto ring = KeyRing::Open(path().string(), Options());
    if (ring.ok()) ring_ = *std::move(ring);
    return ring.status();
  }
  DueRules OnDisk(const char* replica) const {
    const DecodedRing decoded = DecodeRing((path() / replica).string());
    EXPECT_TRUE(decoded.whole);
    DueRules rules{.zone = decoded.zone, .suspended = decoded.suspended, .held = {}};
    for (const auto& [pbx, until] : decoded.held) rules.held.emplace(Pbx(static_cast<uint8_t>(pbx)), Day(until));
    return rules;
  }
  void ExpectEverywhere(const DueRules& rules) const {
    EXPECT_EQ(ring_->due_rules(), rules);
    for (const char* replica : {"a", "b"}) EXPECT_EQ(OnDisk(replica), rules) << replica;
  }
  // In all replicas that have seen the last change.
  void ExpectDurable(const DueRules& rules) const {
    for (const char* replica : {"a", "b"}) {
      const bool is_last = DecodeRing((path() / replica).string()).generation == ring_->generation();
      EXPECT_TRUE(is_last || ring_->stale_replicas() > 0);
      if (is_last) EXPECT_EQ(OnDisk(replica), rules) << replica;
    }
  }
  // Damages the entry of a kind in both replicas.
  void Damage(char kind) {
    for (const char* replica : {"a", "b"}) {
      const std::string file = path() / replica / "keys";
      std::string bytes = ReadBytes(file);
      for (size_t at = 4096; at + 64 <= bytes.size(); at += 64) {
        if (bytes[at] == kind) bytes[at + 20] ^= 1;
      }
      WriteBytes(file, bytes);
    }
  }

  const DueRules kBefore = {
      .zone = "Europe/Berlin", .suspended = false, .held = {{Pbx(1), Day(100)}, {Pbx(2), Day(200)}}};
  FreshDirectory directory_;
  std::optional<size_t> fuse_;  // so many reads and writes of replicas succeed
  bool accept_ = false;
  std::unique_ptr<KeyRing> ring_;
};

TEST_F(DueRulesTest, AreRememberedInBothReplicas) {
  Begin();
  ExpectEverywhere(kBefore);
  ASSERT_TRUE(Reopen().ok());
  ExpectEverywhere(kBefore);
  const uint64_t generation = ring_->generation();
  ASSERT_TRUE(ring_->SetDueRules(kBefore).ok());
  EXPECT_EQ(ring_->generation(), generation) << "what is known already is not written";
  const DueRules next = {.zone = "Asia/Kathmandu", .suspended = true, .held = {{Pbx(2), Day(150)}}};
  ASSERT_TRUE(ring_->SetDueRules(next).ok());
  ExpectEverywhere(next);
  EXPECT_GT(ring_->generation(), generation) << "a replica that missed it is told from one that did not";
  ASSERT_TRUE(ring_->SetDueRules({}).ok());
  ASSERT_TRUE(Reopen().ok());
  ExpectEverywhere({});
}

TEST_F(DueRulesTest, AHoldIsNeverShortenedByAnother) {
  Begin();
  const PbxId pbxs[] = {Pbx(1), Pbx(2), Pbx(3)};
  const uint64_t generation = ring_->generation();
  ASSERT_TRUE(ring_->HoldPbxs(pbxs, Day(150)).ok());
  EXPECT_GT(ring_->generation(), generation) << "a replica that missed it is told from one that did not";
  ExpectEverywhere({.zone = "Europe/Berlin",
                    .suspended = false,
                    .held = {{Pbx(1), Day(150)}, {Pbx(2), Day(200)}, {Pbx(3), Day(150)}}});
}

TEST_F(DueRulesTest, WithoutAZoneThereIsNothingToSuspend) {
  Begin();
  ASSERT_TRUE(ring_->SetDueRules({}).ok());
  ASSERT_TRUE(ring_->SuspendDue().ok());
  EXPECT_EQ(ring_->due_rules().zone, "");
}

TEST_F(DueRulesTest, NamesOfZonesThatAreTooLongAreRefused) {
  Begin();
  const std::string longest(DueRules::kMaxZoneBytes, 'z');
  ASSERT_TRUE(ring_->SetDueRules({.zone = longest, .suspended = false, .held = {}}).ok());
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(ring_->due_rules().zone, longest);
  EXPECT_TRUE(absl::IsInvalidArgument(ring_->SetDueRules({.zone = longest + "z", .suspended = false, .held = {}})));
  EXPECT_EQ(ring_->due_rules().zone, longest);
}

// Each change stops at each of its writes: the process goes on and tries again, or ends there.
TEST_F(DueRulesTest, AChangeThatStopsAnywhereSaysNoLessThanBefore) {
  const PbxId held[] = {Pbx(1), Pbx(3)};
  const PbxId longer[] = {Pbx(1)};
  struct Step {
    const char* name;
    std::function<absl::Status(KeyRing&)> act;
    DueRules after;
  };
  const std::vector<Step> steps = {
      {"hold",
       [&](KeyRing& ring) { return ring.HoldPbxs(held, Day(300)); },
       {.zone = "Europe/Berlin",
        .suspended = false,
        .held = {{Pbx(1), Day(300)}, {Pbx(2), Day(200)}, {Pbx(3), Day(300)}}}},
      {"extend",
       [&](KeyRing& ring) { return ring.HoldPbxs(longer, Day(300)); },
       {.zone = "Europe/Berlin", .suspended = false, .held = {{Pbx(1), Day(300)}, {Pbx(2), Day(200)}}}},
      {"suspend",
       [](KeyRing& ring) { return ring.SuspendDue(); },
       {.zone = "Europe/Berlin", .suspended = true, .held = kBefore.held}},
      {"release",
       [](KeyRing& ring) { return ring.SetDueRules({.zone = "UTC", .suspended = false, .held = {}}); },
       {.zone = "UTC", .suspended = false, .held = {}}},
  };
  for (const Step& step : steps) {
    for (const bool ends : {false, true}) {
      bool stopped = true;
      for (size_t at = 0; stopped; ++at) {
        SCOPED_TRACE(absl::StrCat(step.name, " stops at ", at, ends ? ", and the process" : ""));
        ASSERT_LT(at, 100u);
        Begin();
        fuse_ = at;
        const absl::Status acted = step.act(*ring_);
        stopped = !acted.ok();
        fuse_.reset();
        if (ends) {
          ASSERT_TRUE(Reopen().ok());
          const DueRules found = ring_->due_rules();
          EXPECT_FALSE(found.zone.empty());
          for (const auto& [pbx, until] : kBefore.held) {
            const auto now = found.held.find(pbx);
            const bool over = step.after.held.empty() && now == found.held.end();
            EXPECT_TRUE(over || (now != found.held.end() && now->second >= until));
          }
          if (!stopped) EXPECT_EQ(found, step.after);
        }
        ASSERT_TRUE(step.act(*ring_).ok());
        ExpectDurable(step.after);
        EXPECT_TRUE(ring_->Mend().ok()) << "one replica alone may have stopped";
        ExpectEverywhere(step.after);
      }
    }
  }
}

// It may have been a hold: nothing tells any more. That is known before it is overwritten, wherever the opening stops.
TEST_F(DueRulesTest, WhereAnEntryWasDamagedTheZoneIsForgotten) {
  for (const char kind : {char{10}, char{9}, char{1}}) {
    bool stopped = true;
    for (size_t at = 0; stopped; ++at) {
      SCOPED_TRACE(absl::StrCat("kind ", static_cast<int>(kind), " stops at ", at));
      ASSERT_LT(at, 100u);
      Begin();
      ring_.reset();
      Damage(kind);
      fuse_ = at;
      stopped = !Reopen().ok();
      fuse_.reset();
      ASSERT_TRUE(Reopen().ok());
      EXPECT_EQ(ring_->due_rules().zone, "");
    }
  }
}

TEST_F(DueRulesTest, ARingThatMayNotBeTheLastOneForgetsTheZone) {
  Begin();
  ring_.reset();
  fs::remove_all(path() / "a");
  EXPECT_FALSE(Reopen().ok());
  accept_ = true;
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(ring_->due_rules().zone, "");
  EXPECT_EQ(ring_->due_rules().held, kBefore.held);
  accept_ = false;
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(ring_->due_rules().zone, "") << "until a store has said what is so";
}

TEST_F(DueRulesTest, OutliveWhatIsRescuedAndDropped) {
  Begin();
  const RescuedKey rescued[] = {{.day = Day(50), .pbx = Pbx(1), .use = PbxKeyUse::kForOrders, .key = SecretKey()}};
  ASSERT_TRUE(ring_->DestroyDaysThrough(Day(60), absl::UnixEpoch(), rescued).ok());
  EXPECT_EQ(ring_->FirstRescued(), Day(50));
  ASSERT_TRUE(ring_->DropRescues(Day(60)).ok());
  EXPECT_EQ(ring_->FirstRescued(), DueDay::None());
  ExpectEverywhere(kBefore);
}

TEST_F(DueRulesTest, PbxsAreThoseThatHaveAKey) {
  Begin();
  for (const uint8_t pbx : {5, 6, 7}) ASSERT_TRUE(ring_->MintPbx(Pbx(pbx)).ok());
  ASSERT_TRUE(ring_->NarrowPbx(Pbx(6)).ok());
  ASSERT_TRUE(ring_->DestroyPbx(Pbx(7)).ok());
  EXPECT_EQ(ring_->Pbxs(), (std::vector<PbxId>{Pbx(5), Pbx(6)}));
}

}  // namespace
}  // namespace retention
