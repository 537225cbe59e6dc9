// Damage of a ring that is open: it is found within a round, whoever met it or not.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

class RingInspections : public ::testing::Test {
 protected:
  RingInspections() : ring_(Make()) { EXPECT_TRUE(lived_.Destroy(*ring_).ok()); }

  std::unique_ptr<KeyRing> Make() {
    KeyRing::Options options;
    options.on_io = [this](size_t, RingFile, RingReplica::Io) {
      ++writes_;
      return absl::OkStatus();
    };
    options.on_access = [this](size_t replica, RingFile file, RingReplica::Access access) {
      const bool fails = access == RingReplica::Access::kRead && file == RingFile::kPages && replica == unreadable_;
      return fails ? absl::UnavailableError("EIO") : absl::OkStatus();
    };
    auto ring = KeyRing::Create(path_, std::move(options));
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }
  std::string PathOf(size_t replica, const char* file) const { return path_ + (replica == 0 ? "/a/" : "/b/") + file; }
  void Flip(size_t replica, const char* file, size_t offset) const {
    std::string bytes = ReadBytes(PathOf(replica, file));
    bytes.at(offset) = static_cast<char>(bytes[offset] ^ 1);
    WriteBytes(PathOf(replica, file), bytes);
  }
  KeyRing::Inspection Round() { return RoundOf(*ring_); }
  void ExpectAlike() const {
    for (const char* file : {"keys", "pages"}) EXPECT_EQ(ReadBytes(PathOf(0, file)), ReadBytes(PathOf(1, file)));
    EXPECT_TRUE(ring_->Verify()->is_sound());
  }
  // In the first block, behind the file's header and its own.
  static size_t SlotAt(OwnerNumber owner) { return 4096 + 64 + owner % kPageNumbers * 40; }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
  int writes_ = 0;
  size_t unreadable_ = SIZE_MAX;
  std::unique_ptr<KeyRing> ring_;
  const Lived lived_{*ring_};
};

TEST_F(RingInspections, OfARingThatIsWholeNothingIsWritten) {
  writes_ = 0;
  for (int round = 0; round < 2; ++round) {
    const KeyRing::Inspection found = Round();
    EXPECT_EQ(found.mended + found.lost + found.differing, 0u);
  }
  EXPECT_EQ(writes_, 0);
}

TEST_F(RingInspections, AByteThatIsDamagedInOneReplicaIsMended) {
  const size_t head = ring_->generation() % 2 * 4096;
  const std::vector<std::pair<const char*, size_t>> places = {
      {"head", head + 5},         {"head", head + 4095},      {"keys", 3},
      {"keys", 4096 + 20},        {"keys", 4096 + 250 * 64},  {"pages", 3},
      {"pages", 4096 + 10},       {"pages", SlotAt(100) + 9}, {"pages", SlotAt(lived_.owners[20]) + 9},
      {"pages", 4096 + 3 * 10304}};
  for (const size_t replica : {0u, 1u}) {
    for (const auto& [file, offset] : places) {
      SCOPED_TRACE(std::string(file) + " " + std::to_string(offset) + " of " + std::to_string(replica));
      const size_t at = std::string(file) == "head" ? offset % 4096 + ring_->generation() % 2 * 4096 : offset;
      Flip(replica, file, at);
      EXPECT_EQ(Round().mended, 1u);
      EXPECT_TRUE(ring_->Mend().ok()) << "one without its head is overwritten";
      EXPECT_EQ(ring_->stale_replicas(), 0u);
      ExpectAlike();
      EXPECT_EQ(Round().mended, 0u);
    }
  }
  lived_.ExpectLiving(*ring_);
  EXPECT_EQ(ring_->status().entries_lost, 0u);
}

// What memory knows is written anew.
TEST_F(RingInspections, WhatIsDamagedInBothIsMended_ButForOwnersOfOpenedPages) {
  const size_t head = ring_->generation() % 2 * 4096;
  const std::vector<std::pair<const char*, size_t>> places = {
      {"head", head + 100},      {"keys", 3},  {"keys", 4096 + 20}, {"keys", 4096 + 64 * 3 + 40},
      {"keys", 4096 + 250 * 64}, {"pages", 3}, {"pages", 4096 + 10}};
  for (const auto& [file, offset] : places) {
    for (const size_t replica : {0u, 1u}) Flip(replica, file, offset);
  }
  const KeyRing::Inspection found = Round();
  EXPECT_GT(found.mended, 0u);
  EXPECT_EQ(found.lost, 0u);
  EXPECT_EQ(Round().mended, 0u);
  ExpectAlike();
  lived_.ExpectLiving(*ring_);
  ring_.reset();
  auto opened = KeyRing::Open(path_, {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  ring_ = *std::move(opened);
  EXPECT_EQ(ring_->found().entries_damaged + ring_->found().replicas_rebuilt + ring_->found().entries_mended, 0u);
  lived_.ExpectLiving(*ring_);
}

TEST_F(RingInspections, AnOwnerThatIsDamagedInBothIsLost_SaidSoAndOverwritten) {
  const OwnerNumber owner = lived_.owners[30];
  for (const size_t replica : {0u, 1u}) Flip(replica, "pages", SlotAt(owner) + 9);
  EXPECT_EQ(Round().lost, 1u);
  EXPECT_EQ(ring_->status().entries_lost, 1u);
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owner).status()));
  EXPECT_TRUE(ring_->FindOwner(lived_.owners[31])->has_value());
  for (const size_t replica : {0u, 1u}) {
    // State 3, no secret, and a check.
    EXPECT_EQ(ReadBytes(PathOf(replica, "pages")).substr(SlotAt(owner), 33), "\3" + std::string(32, '\0'));
  }
  EXPECT_EQ(Round().lost, 0u);
  EXPECT_EQ(ring_->status().entries_lost, 1u) << "that stays so";
}

// Whoever meets it raises the alarm, not the round that comes by later.
TEST_F(RingInspections, AnOwnerThatIsDamagedInBothIsCountedByTheReadThatMeetsIt_Once) {
  const OwnerNumber owner = lived_.owners[30];
  EXPECT_FALSE(ring_->has_untold_loss());
  for (const size_t replica : {0u, 1u}) Flip(replica, "pages", SlotAt(owner) + 9);
  for (int read = 0; read < 3; ++read) {
    EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owner).status()));
    EXPECT_EQ(ring_->status().entries_lost, 1u);
    EXPECT_TRUE(ring_->has_untold_loss());
  }
  KeyRing::Inspection first;
  ASSERT_TRUE(ring_->Inspect(first).ok());
  EXPECT_EQ(first.lost, 1u) << "the next step tells of it, wherever it looks";
  EXPECT_EQ(Round().lost, 0u);
  EXPECT_EQ(ring_->status().entries_lost, 1u);
  ExpectAlike();
}

// It once stopped all that was to be sealed under new numbers of the page.
TEST_F(RingInspections, NumbersOfADamagedPageAreNotGiven) {
  const OwnerNumber before = *ring_->NewOwner(DueDay::Open());
  ASSERT_TRUE(ring_->DestroyOwners({&before, 1}).ok()) << "the page is opened";
  const size_t block = ring_->status().pages_opened - 1;
  for (const size_t replica : {0u, 1u}) {
    for (size_t slot = 0; slot < kPageNumbers; ++slot) Flip(replica, "pages", SlotAt(slot) + block * 10304 + 9);
  }
  for (int i = 0; i < 300; ++i) {
    const auto owner = ring_->NewOwner(DueDay::Open());
    ASSERT_TRUE(owner.ok()) << owner.status();
    const auto found = ring_->FindOwner(*owner);
    ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  }
  EXPECT_GT(ring_->status().entries_lost, 0u) << "the first number met it";
}

// From then on a start knows of it, until a ledger tells.
TEST_F(RingInspections, ALossIsRememberedUntilItIsTold) {
  for (const size_t replica : {0u, 1u}) Flip(replica, "pages", SlotAt(lived_.owners[30]) + 9);
  Round();
  for (int start = 0; start < 2; ++start) {
    ring_.reset();
    ring_ = *KeyRing::Open(path_, {});
    EXPECT_TRUE(ring_->has_untold_loss());
  }
  ASSERT_TRUE(ring_->MarkLossTold().ok());
  EXPECT_FALSE(ring_->has_untold_loss());
  ring_.reset();
  ring_ = *KeyRing::Open(path_, {});
  EXPECT_FALSE(ring_->has_untold_loss());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_.owners[30]).status()));
}

// Of which a start does not know whose it was.
TEST_F(RingInspections, ASeedThatWasDamagedInBothBeforeAStartIsLost_NotEnded) {
  const OwnerNumber owner = *ring_->NewOwner(kDay.Next());
  const size_t entries = (ReadBytes(PathOf(0, "keys")).size() - 4096) / 64;
  ring_.reset();
  for (size_t entry = 0; entry < entries; ++entry) {
    const std::string bytes = ReadBytes(PathOf(0, "keys")).substr(4096 + entry * 64, 64);
    if (bytes[0] != 5) continue;
    for (const size_t replica : {0u, 1u}) Flip(replica, "keys", 4096 + entry * 64 + 20);
  }
  ring_ = *KeyRing::Open(path_, {});
  EXPECT_TRUE(ring_->has_untold_loss());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owner, kDay.Next()).status()));
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_.owners[3], DueDay::Open()).status()));
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay.Next()).ok());
  EXPECT_FALSE(ring_->FindOwner(owner, kDay.Next())->has_value()) << "its day is over";
}

// Whether it was restricted, or set free, nothing tells.
TEST_F(RingInspections, WhatIsWholeInBothAndNotAlikeIsSaidInEachRound) {
  const std::string before = ReadBytes(PathOf(1, "pages"));
  ASSERT_TRUE(ring_->RestrictOwner(lived_.owners[30], true).ok());
  std::string bytes = ReadBytes(PathOf(1, "pages"));
  const size_t slot = SlotAt(lived_.owners[30]);
  bytes.replace(slot, 40, before.substr(slot, 40));
  WriteBytes(PathOf(1, "pages"), bytes);
  for (int round = 0; round < 2; ++round) {
    const KeyRing::Inspection found = Round();
    EXPECT_EQ(found.differing, 1u);
    EXPECT_EQ(found.mended + found.lost, 0u);
  }
  EXPECT_EQ(ReadBytes(PathOf(1, "pages")), bytes);
}

// A disk that forgot an erasure brings nothing back.
TEST_F(RingInspections, WhatIsDestroyedInOneIsDestroyedInBoth) {
  for (const size_t replica : {0u, 1u}) {
    const OwnerNumber owner = lived_.owners[30 + replica];
    const std::string before = ReadBytes(PathOf(replica, "pages")).substr(SlotAt(owner), 40);
    ASSERT_TRUE(ring_->DestroyOwners({&owner, 1}).ok());
    std::string bytes = ReadBytes(PathOf(replica, "pages"));
    WriteBytes(PathOf(replica, "pages"), bytes.replace(SlotAt(owner), 40, before));
    EXPECT_EQ(Round().mended, 1u);
    EXPECT_FALSE(ring_->FindOwner(owner)->has_value());
    ExpectAlike();
  }
}

// Of which nothing may be believed, be it the first.
TEST_F(RingInspections, AReplicaOfThePastIsOverwritten_NotRead) {
  for (const size_t replica : {0u, 1u}) {
    const std::string past = directory_ / "past";
    std::filesystem::remove_all(past);
    CopyRing(path_, past);
    const OwnerNumber owner = lived_.owners[40 + replica];
    ASSERT_TRUE(ring_->DestroyOwners({&owner, 1}).ok());
    for (const char* file : {"head", "keys", "pages"}) {
      WriteBytes(PathOf(replica, file), ReadBytes(past + (replica == 0 ? "/a/" : "/b/") + file));
    }
    // What lies there before it is found out is of a block that the other has opened anew.
    Round();
    EXPECT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    ExpectAlike();
    EXPECT_EQ(ReadBytes(PathOf(replica, "pages")).substr(SlotAt(owner), 33), "\4" + std::string(32, '\0'));
    EXPECT_FALSE(ring_->FindOwner(owner)->has_value());
  }
}

TEST_F(RingInspections, AReplicaThatCannotBeReadIsOverwritten) {
  for (const size_t replica : {0u, 1u}) {
    const uint64_t generation = ring_->generation();
    unreadable_ = replica;
    Round();
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    EXPECT_GT(ring_->generation(), generation) << "it is known by that";
    unreadable_ = SIZE_MAX;
    ASSERT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    ExpectAlike();
  }
}

// Until then all of it was in memory: a start would have had nothing.
TEST_F(RingInspections, WhatWasCutInBothIsWrittenAnew) {
  for (const char* file : {"keys", "pages"}) {
    const std::string whole = ReadBytes(PathOf(0, file));
    for (const size_t replica : {0u, 1u}) std::filesystem::resize_file(PathOf(replica, file), 4160);
    Round();
    if (std::string_view(file) == "keys") EXPECT_EQ(ReadBytes(PathOf(0, file)), whole);
    EXPECT_GE(ReadBytes(PathOf(0, file)).size(), whole.size()) << file;
    EXPECT_EQ(ReadBytes(PathOf(0, file)), ReadBytes(PathOf(1, file))) << file;
  }
  EXPECT_TRUE(ring_->Mend().ok());
}

TEST_F(RingInspections, AStepReadsABoundedPart) {
  std::vector<OwnerNumber> owners;
  for (int page = 0; page < 60; ++page) {
    for (size_t i = 0; i < kPageNumbers; ++i) owners.push_back(*ring_->NewOwner(DueDay::Open()));
  }
  ASSERT_TRUE(ring_->DestroyOwners(owners).ok());
  KeyRing::Inspection found;
  size_t steps = 0;
  for (; !found.ends_round; ++steps) ASSERT_TRUE(ring_->Inspect(found).ok());
  // The heads, the entries, and blocks of 10,304 bytes.
  const size_t blocks = (ReadBytes(PathOf(0, "pages")).size() - 4096) / 10304;
  ASSERT_GT(blocks, 60u);
  EXPECT_EQ(steps, 2 + (blocks + 24) / 25);
}

}  // namespace
}  // namespace retention
