// A replica that may have what the other one lost by damage is never overwritten: what lives is taken from it, what was
// destroyed is not, and where nothing tells which it is, it is left as it lies.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class RingReturns : public ::testing::Test {
 protected:
  RingReturns() {
    ring_ = KeyRing::Create(path_, Options()).value();
    lived_.emplace(*ring_);
    EXPECT_TRUE(lived_->Destroy(*ring_).ok());
    generation_ = ring_->generation();
  }

  KeyRing::Options Options() {
    KeyRing::Options options;
    options.opening.known_generation = generation_;
    options.on_io = [this](size_t replica, RingFile, RingReplica::Io) { return StatusOf(away_, replica); };
    options.on_access = [this](size_t replica, RingFile, RingReplica::Access access) {
      const bool is_read = access == RingReplica::Access::kRead;
      return is_read ? StatusOf(away_, replica) : StatusOf(unwritable_, replica);
    };
    options.on_reach = [this](const std::string& directory, const absl::Status& why) {
      said_.push_back(absl::StrCat(directory, ": ", std::string(why.message())));
    };
    return options;
  }
  static absl::Status StatusOf(const std::set<size_t>& failing, size_t replica) {
    return failing.contains(replica) ? absl::UnavailableError("away") : absl::OkStatus();
  }
  absl::Status Reopen(bool accept_lower_replica = false) {
    ring_.reset();
    KeyRing::Options options = Options();
    options.opening.accept_lower_replica = accept_lower_replica;
    auto ring = KeyRing::Open(path_, std::move(options));
    if (ring.ok()) ring_ = *std::move(ring);
    return ring.status();
  }
  std::string PathOf(size_t replica, const char* file) const {
    return absl::StrCat(path_, replica == 0 ? "/a/" : "/b/", file);
  }
  void Damage(size_t replica, const char* file, size_t offset) const {
    std::string bytes = ReadBytes(PathOf(replica, file));
    bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 1);
    WriteBytes(PathOf(replica, file), bytes);
  }
  // Where the slot of an owner lies: their page is the first that was opened.
  size_t SlotOf(size_t owner) const {
    return kRingFileHeaderBytes + kBlockHeaderBytes + lived_->owners[owner] % kPageNumbers * kOwnerSlotBytes + 20;
  }
  // As it was before it was harmed.
  void Keep() { CopyRing(path_, kept_); }
  void Restore() {
    ring_.reset();
    fs::remove_all(path_);
    CopyRing(kept_, path_);
  }
  std::string AllOf(size_t replica) const {
    return ReadBytes(PathOf(replica, "head")) + ReadBytes(PathOf(replica, "keys")) +
           ReadBytes(PathOf(replica, "pages"));
  }
  void ExpectWhole() {
    lived_->ExpectLiving(*ring_);
    EXPECT_FALSE(ring_->has_untold_loss());
    EXPECT_EQ(ring_->status().entries_lost, 0u);
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    EXPECT_TRUE(ring_->Verify()->is_sound());
    for (const char* file : {"keys", "pages"}) EXPECT_EQ(ReadBytes(PathOf(0, file)), ReadBytes(PathOf(1, file)));
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
  const std::string kept_ = directory_ / "kept";
  uint64_t generation_ = 0;
  std::set<size_t> away_;        // nothing of them can be read or written
  std::set<size_t> unwritable_;  // on a volume that is read-only
  std::vector<std::string> said_;
  std::unique_ptr<KeyRing> ring_;
  std::optional<Lived> lived_;
};

// The start once went on with what was left, and overwrote the other when it was back.
TEST_F(RingReturns, DamageBesideOneThatCannotBeReadIsNoLossYet) {
  ring_.reset();
  Keep();
  for (const size_t away : {0u, 1u}) {
    for (const bool is_moved : {false, true}) {
      for (const char* file : {"keys", "pages"}) {
        SCOPED_TRACE(absl::StrCat(away, is_moved, file));
        Restore();
        const size_t left = 1 - away;
        Damage(left, file, std::string_view(file) == "keys" ? kRingFileHeaderBytes + 64 + 20 : SlotOf(21));
        const std::string before = AllOf(left);
        const fs::path directory = fs::path(PathOf(away, "head")).parent_path();
        if (is_moved) {
          fs::rename(directory, directory_ / "moved");
        } else {
          away_ = {away};
        }
        for (int start = 0; start < 2; ++start) {
          const absl::Status refused = Reopen();
          EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
          for (const std::string& said : {PathOf(left, file), directory.string(), std::string("--accept-lower")}) {
            EXPECT_TRUE(absl::StrContains(refused.message(), said)) << refused;
          }
          EXPECT_TRUE(AllOf(left) == before) << "nothing is written";
        }
        away_.clear();
        if (is_moved) fs::rename(directory_ / "moved", directory);
        const absl::Status opened = Reopen();
        ASSERT_TRUE(opened.ok()) << opened;
        ExpectWhole();
      }
    }
  }
}

// There is none any more.
TEST_F(RingReturns, DamageBesideOneThatCannotBeReadIsALoss_IfSomebodySaysSo) {
  ring_.reset();
  Damage(0, "pages", SlotOf(21));
  away_ = {1};
  ASSERT_FALSE(Reopen().ok());
  ASSERT_TRUE(Reopen(/*accept_lower_replica=*/true).ok());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[21]).status()));
  EXPECT_TRUE(ring_->has_untold_loss());
  EXPECT_TRUE(ring_->MarkLossTold().ok());
  EXPECT_FALSE(ring_->has_untold_loss());
  away_.clear();
  EXPECT_TRUE(ring_->Mend().ok()) << "it is overwritten";
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[21]).status()));
  EXPECT_TRUE(ring_->Verify()->is_sound());
}

TEST_F(RingReturns, WhatWasDamagedMeanwhileIsTakenBack_ButForWhatWasDestroyedOrRestrictedSince) {
  for (const size_t away : {0u, 1u}) {
    SCOPED_TRACE(away);
    const size_t left = 1 - away;
    const OwnerNumber destroyed = lived_->owners[away == 0 ? 30 : 31];
    const OwnerNumber restricted = lived_->owners[40];
    away_ = {away};
    ASSERT_TRUE(ring_->DestroyOwners({&destroyed, 1}).ok());
    ASSERT_TRUE(ring_->RestrictOwner(restricted, away == 0).ok());
    ASSERT_EQ(ring_->stale_replicas(), 1u);
    for (const size_t owner : {away == 0 ? size_t{30} : size_t{31}, size_t{40}, size_t{41}}) {
      Damage(left, "pages", SlotOf(owner));
    }
    EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[41]).status()));
    ASSERT_TRUE(ring_->RestrictOwner(lived_->owners[41], away == 1).ok()) << "lost or not";
    RoundOf(*ring_);
    EXPECT_GT(ring_->status().entries_lost, 0u);
    EXPECT_FALSE(ring_->has_untold_loss()) << "it is not lost yet";
    EXPECT_TRUE(ring_->MarkLossTold().ok());
    EXPECT_FALSE(ring_->Mend().ok());
    away_.clear();
    const absl::Status mended = ring_->Mend();
    EXPECT_TRUE(mended.ok()) << mended;
    EXPECT_FALSE(ring_->FindOwner(destroyed)->has_value()) << "it is back";
    EXPECT_EQ((*ring_->FindOwner(restricted))->restricted, away == 0);
    EXPECT_EQ(BytesOf((*ring_->FindOwner(lived_->owners[41]))->secret), lived_->secrets[41]);
    EXPECT_EQ((*ring_->FindOwner(lived_->owners[41]))->restricted, away == 1);
    EXPECT_FALSE(ring_->has_untold_loss());
    EXPECT_EQ(ring_->status().entries_lost, 0u);
    EXPECT_TRUE(ring_->Verify()->is_sound());
  }
}

// What is damaged in both is lost, and then it is told.
TEST_F(RingReturns, WhatIsDamagedInOneThatIsBackTooIsLost) {
  away_ = {1};
  ASSERT_TRUE(ring_->ForDay(kDay.Next().Next()).ok());
  for (const size_t replica : {0u, 1u}) Damage(replica, "pages", SlotOf(41));
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[41]).status()));
  EXPECT_FALSE(ring_->has_untold_loss());
  away_.clear();
  ASSERT_TRUE(ring_->Mend().ok());
  EXPECT_TRUE(ring_->has_untold_loss());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[41]).status()));
  EXPECT_TRUE(ring_->Verify()->is_sound());
}

// It may have been destroyed by then, and what tells of that is what was damaged.
TEST_F(RingReturns, OneOfThePastIsLeftAsItLies_IfItHasWhatTheOtherLost) {
  away_ = {1};
  ASSERT_TRUE(ring_->DestroyOwners({&lived_->owners[30], 1}).ok());
  generation_ = ring_->generation();
  const absl::Status opened = Reopen();
  ASSERT_TRUE(opened.ok()) << opened;
  Damage(0, "pages", SlotOf(30));
  const std::string before = AllOf(1);
  said_.clear();
  away_.clear();
  for (int sweep = 0; sweep < 2; ++sweep) {
    const absl::Status left = ring_->Mend();
    EXPECT_TRUE(absl::IsFailedPrecondition(left)) << left;
    EXPECT_TRUE(AllOf(1) == before);
  }
  ASSERT_EQ(said_.size(), 1u) << "once";
  EXPECT_TRUE(absl::StrContains(said_[0], "/ring/b: ")) << said_[0];
  EXPECT_TRUE(absl::StrContains(said_[0], "left as it lies")) << said_[0];
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[30]).status()));
  const absl::Status refused = Reopen();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), PathOf(0, "pages"))) << refused;
  EXPECT_TRUE(AllOf(1) == before);
}

TEST_F(RingReturns, OneThatIsLaterThanWhatWasGoneOnWithIsLeftAsItLies) {
  ring_.reset();
  CopyRing(path_, directory_ / "elsewhere");
  {
    const auto elsewhere = KeyRing::Open(directory_ / "elsewhere", {});
    ASSERT_TRUE(elsewhere.ok());
    for (uint32_t day = 40002; day < 40010; ++day) ASSERT_TRUE((*elsewhere)->ForDay(DueDay::FromNumber(day)).ok());
  }
  fs::remove_all(path_ + "/b");
  CopyRing(directory_ / "elsewhere/b", path_ + "/b");
  const std::string before = AllOf(1);
  away_ = {1};
  ASSERT_TRUE(Reopen().ok());
  away_.clear();
  EXPECT_TRUE(absl::IsFailedPrecondition(ring_->Mend()));
  EXPECT_TRUE(AllOf(1) == before);
}

// The shorter one, or one that lacks a file, was once overwritten with the damage of the other.
TEST_F(RingReturns, OfOneGenerationWhatIsWholeInEitherIsTaken_ThoughOneIsCutOrCannotBeWritten) {
  ring_.reset();
  Keep();
  for (const size_t cut : {0u, 1u}) {
    for (const char* file : {"keys", "pages"}) {
      const size_t whole = fs::file_size(PathOf(cut, file));
      for (const size_t size : {size_t{0}, kRingFileHeaderBytes, kRingFileHeaderBytes + 1000, whole - 1, whole}) {
        SCOPED_TRACE(absl::StrCat(file, " of ", cut, " cut to ", size));
        Restore();
        // The other one is damaged in its other file.
        const bool keys = std::string_view(file) == "keys";
        Damage(1 - cut, keys ? "pages" : "keys", keys ? SlotOf(21) : kRingFileHeaderBytes + 64 + 20);
        if (size == 0) {
          fs::remove(PathOf(cut, file));
        } else {
          fs::resize_file(PathOf(cut, file), size);
        }
        if (size == whole) unwritable_ = {cut};
        const absl::Status opened = Reopen();
        ASSERT_TRUE(opened.ok()) << opened;
        lived_->ExpectLiving(*ring_);
        unwritable_.clear();
        EXPECT_TRUE(ring_->Mend().ok());
        ExpectWhole();
      }
    }
  }
}

TEST_F(RingReturns, AnEarlierOneThatLacksAFileIsNotOverwritten_IfItHasWhatTheLaterLost) {
  away_ = {1};
  ASSERT_TRUE(ring_->ForDay(kDay.Next().Next()).ok());
  generation_ = ring_->generation();
  away_.clear();
  ring_.reset();
  Damage(0, "keys", kRingFileHeaderBytes + 64 + 20);
  fs::remove(PathOf(1, "pages"));
  const std::string before = ReadBytes(PathOf(1, "keys"));
  const absl::Status refused = Reopen();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), PathOf(0, "keys"))) << refused;
  EXPECT_EQ(ReadBytes(PathOf(1, "keys")), before);
}

}  // namespace
}  // namespace retention
