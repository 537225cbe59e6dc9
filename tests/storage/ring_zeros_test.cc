// Zeros are damage: what was destroyed says so by a check of its place. In every span of every file, at a start and
// while the ring is open: those in one replica are mended from the other; of those in both what memory knows is written
// anew, and what is lost is said to be lost, never to be over.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
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

constexpr std::array<const char*, 3> kFiles = {"head", "keys", "pages"};
constexpr std::array<const char*, 2> kReplicas = {"a", "b"};

class RingZeros : public ::testing::Test {
 protected:
  RingZeros() {
    auto ring = KeyRing::Create(path_, {});
    EXPECT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    lived_.emplace(*ring_);
    EXPECT_TRUE(lived_->Destroy(*ring_).ok());
    generation_ = ring_->generation();
    ring_.reset();
    fs::copy(path_, sound_, fs::copy_options::recursive);
  }

  std::string PathOf(const char* replica, const char* file) const {
    return absl::StrCat(path_, "/", replica, "/", file);
  }
  absl::Status Open(bool accept_lower_replica = false) {
    KeyRing::Options options;
    options.opening.known_generation = generation_;
    options.opening.accept_lower_replica = accept_lower_replica;
    auto ring = KeyRing::Open(path_, std::move(options));
    if (ring.ok()) ring_ = *std::move(ring);
    return ring.status();
  }
  // As it was before it was harmed.
  void Restore() {
    ring_.reset();
    for (const char* replica : kReplicas) {
      for (const char* file : kFiles)
        WriteBytes(PathOf(replica, file), ReadBytes(absl::StrCat(sound_, "/", replica, "/", file)));
    }
  }
  // In place, as a disk does it.
  void Zero(const char* replica, const char* file, size_t from, size_t size) const {
    std::fstream bytes(PathOf(replica, file), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(from)) << std::string(size, '\0');
  }
  // Every sector, every page, and the whole.
  static void ForEachSpan(size_t size, const std::function<void(size_t from, size_t size)>& act) {
    for (const size_t step : {size_t{512}, size_t{4096}, size}) {
      for (size_t from = 0; from < size; from += step) act(from, std::min(step, size - from));
    }
  }
  static std::string NameOfSpan(const char* file, size_t from, size_t size) {
    return absl::StrCat(file, " from ", from, ", ", size, " bytes");
  }
  KeyRing::Inspection Round() { return RoundOf(*ring_); }
  void ExpectAlike() const {
    for (const char* file : {"keys", "pages"})
      EXPECT_TRUE(ReadBytes(PathOf("a", file)) == ReadBytes(PathOf("b", file)));
    EXPECT_TRUE(ring_->Verify()->is_sound());
  }
  // Whoever lives is found, or said to be lost; whoever went stays so. Returns whether anybody is lost.
  bool ExpectNobodyIsOver() const {
    bool lost = !ring_->FindDay(kDay.Next()).has_value();
    EXPECT_FALSE(ring_->FindDay(kDay).has_value());
    for (size_t i = 0; i < lived_->owners.size(); ++i) {
      const auto owner = ring_->FindOwner(lived_->owners[i], DueDay::Open());
      const bool is_gone = std::find(std::begin(Lived::kGone), std::end(Lived::kGone), i) != std::end(Lived::kGone);
      if (!owner.ok()) {
        EXPECT_TRUE(absl::IsDataLoss(owner.status())) << owner.status();
        lost = true;
      } else if (is_gone) {
        EXPECT_FALSE(owner->has_value()) << "it is back";
      } else if (!owner->has_value()) {
        ADD_FAILURE() << "lost, and answered as over";
      } else {
        EXPECT_EQ(BytesOf((*owner)->secret), lived_->secrets[i]);
      }
    }
    return lost;
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
  const std::string sound_ = directory_ / "sound";
  std::unique_ptr<KeyRing> ring_;
  std::optional<Lived> lived_;
  uint64_t generation_ = 0;
};

TEST_F(RingZeros, ZerosInOneReplicaAtAStartAreMendedFromTheOther) {
  for (const char* replica : kReplicas) {
    for (const char* file : kFiles) {
      ForEachSpan(fs::file_size(PathOf(replica, file)), [&](size_t from, size_t size) {
        SCOPED_TRACE(absl::StrCat(NameOfSpan(file, from, size), " of ", replica));
        Restore();
        Zero(replica, file, from, size);
        const absl::Status opened = Open();
        ASSERT_TRUE(opened.ok()) << opened;
        lived_->ExpectLiving(*ring_);
        EXPECT_FALSE(ring_->has_untold_loss());
        ExpectAlike();
      });
    }
  }
}

// It once wrote the damage to the only one that was whole.
TEST_F(RingZeros, DamageOfTheLaterReplicaIsNotWrittenToTheEarlier) {
  ASSERT_TRUE(Open().ok());
  ring_.reset();
  const std::string earlier = directory_ / "earlier";
  fs::copy(absl::StrCat(path_, "/a"), earlier, fs::copy_options::recursive);
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(ring_->ForDay(kDay.Next().Next()).ok());
  generation_ = ring_->generation();
  ring_.reset();
  fs::remove_all(absl::StrCat(path_, "/a"));
  fs::rename(earlier, absl::StrCat(path_, "/a"));
  fs::remove_all(sound_);
  fs::copy(path_, sound_, fs::copy_options::recursive);
  size_t refused = 0;
  const auto expect = [&](const char* file) {
    const std::string before = ReadBytes(PathOf("b", file));
    if (const absl::Status opened = Open(); opened.ok()) {
      lived_->ExpectLiving(*ring_);
      EXPECT_FALSE(ring_->has_untold_loss());
      ExpectAlike();
      return;
    } else {
      ++refused;
      EXPECT_TRUE(absl::IsFailedPrecondition(opened)) << opened;
      for (const std::string& said : {PathOf("b", file), absl::StrCat("put an intact ", path_, "/b back"),
                                      std::string("--accept-lower-replica")}) {
        EXPECT_TRUE(absl::StrContains(opened.message(), said)) << opened;
      }
    }
    for (const char* of : kFiles) {
      EXPECT_TRUE(ReadBytes(PathOf("a", of)) == ReadBytes(absl::StrCat(sound_, "/a/", of))) << "nothing is written";
    }
    EXPECT_TRUE(ReadBytes(PathOf("b", file)) == before) << "nothing is written";
    ASSERT_TRUE(Open(/*accept_lower_replica=*/true).ok());
    lived_->ExpectLiving(*ring_);
    EXPECT_FALSE(ring_->FindDay(kDay.Next().Next()).has_value()) << "it came later";
    EXPECT_TRUE(ring_->found().rolled_back);
    EXPECT_GT(ring_->generation(), generation_);
    EXPECT_FALSE(ring_->has_untold_loss());
    ExpectAlike();
  };
  for (const char* file : {"keys", "pages"}) {
    const size_t whole = fs::file_size(PathOf("b", file));
    ForEachSpan(whole, [&](size_t from, size_t size) {
      SCOPED_TRACE(NameOfSpan(file, from, size));
      Restore();
      Zero("b", file, from, size);
      expect(file);
    });
    for (const size_t left : {kRingFileHeaderBytes, kRingFileHeaderBytes + size_t{1000}}) {
      SCOPED_TRACE(absl::StrCat(file, " cut to ", left));
      Restore();
      fs::resize_file(PathOf("b", file), left);
      expect(file);
    }
  }
  {
    SCOPED_TRACE("one entry");
    Restore();
    Zero("b", "keys", kRingFileHeaderBytes + 64, 64);
    expect("keys");
  }
  EXPECT_GT(refused, 40u);
}

TEST_F(RingZeros, ZerosInBothAtAStartAreRefused_OrALossThatIsTold) {
  size_t losses = 0;
  for (const char* file : kFiles) {
    ForEachSpan(fs::file_size(PathOf("a", file)), [&](size_t from, size_t size) {
      SCOPED_TRACE(NameOfSpan(file, from, size));
      Restore();
      for (const char* replica : kReplicas) Zero(replica, file, from, size);
      const absl::Status opened = Open();
      if (!opened.ok()) {
        EXPECT_STREQ(file, "head") << "anything else costs itself: " << opened;
        EXPECT_TRUE(absl::IsDataLoss(opened) || absl::IsFailedPrecondition(opened)) << opened;
        return;
      }
      if (!ExpectNobodyIsOver()) return;
      ++losses;
      EXPECT_TRUE(ring_->has_untold_loss());
      EXPECT_GT(ring_->status().entries_lost, 0u);
      // Headers of blocks follow from entries: what is left of it is mended by the first look.
      Round();
      ExpectAlike();
    });
  }
  EXPECT_GT(losses, 40u);
}

TEST_F(RingZeros, ZerosInOneReplicaWhileItIsOpenAreMended) {
  for (const char* replica : kReplicas) {
    for (const char* file : kFiles) {
      ForEachSpan(fs::file_size(PathOf(replica, file)), [&](size_t from, size_t size) {
        SCOPED_TRACE(absl::StrCat(NameOfSpan(file, from, size), " of ", replica));
        Restore();
        ASSERT_TRUE(Open().ok());
        Zero(replica, file, from, size);
        Round();
        ASSERT_TRUE(ring_->Mend().ok());
        lived_->ExpectLiving(*ring_);
        EXPECT_EQ(ring_->status().entries_lost, 0u);
        EXPECT_FALSE(ring_->has_untold_loss());
        ExpectAlike();
      });
    }
  }
}

TEST_F(RingZeros, ZerosInBothWhileItIsOpenAreMendedFromMemory_OrALossThatIsTold) {
  size_t losses = 0;
  for (const char* file : kFiles) {
    ForEachSpan(fs::file_size(PathOf("a", file)), [&](size_t from, size_t size) {
      SCOPED_TRACE(NameOfSpan(file, from, size));
      Restore();
      ASSERT_TRUE(Open().ok());
      for (const char* replica : kReplicas) Zero(replica, file, from, size);
      Round();
      ASSERT_TRUE(ring_->Mend().ok());
      const bool lost = ExpectNobodyIsOver();
      EXPECT_TRUE(!lost || std::string_view(file) == "pages") << "memory has it";
      EXPECT_EQ(ring_->status().entries_lost > 0, ring_->has_untold_loss());
      EXPECT_TRUE(!lost || ring_->has_untold_loss());
      losses += lost ? 1 : 0;
      ExpectAlike();
      // What was written anew is what a start finds.
      ring_.reset();
      ASSERT_TRUE(Open().ok());
      EXPECT_EQ(ExpectNobodyIsOver(), lost);
    });
  }
  EXPECT_GT(losses, 30u);
}

// As by a check of the file system that gives up what it cannot read.
TEST_F(RingZeros, WhatIsCutOffInBothIsALossThatIsTold) {
  for (const char* file : {"keys", "pages"}) {
    const size_t whole = fs::file_size(PathOf("a", file));
    for (size_t cut = 4096; cut < whole; cut += 500) {
      for (const bool open : {false, true}) {
        SCOPED_TRACE(absl::StrCat(file, " at ", cut, open ? ", open" : ""));
        Restore();
        if (open) {
          ASSERT_TRUE(Open().ok());
        }
        for (const char* replica : kReplicas) fs::resize_file(PathOf(replica, file), cut);
        if (open) {
          Round();
          ASSERT_TRUE(ring_->Mend().ok());
        } else {
          ASSERT_TRUE(Open().ok());
        }
        const bool lost = ExpectNobodyIsOver();
        EXPECT_TRUE(!lost || ring_->has_untold_loss());
        // It is one loss, however often the ring is opened.
        ASSERT_TRUE(ring_->MarkLossTold().ok());
        ring_.reset();
        ASSERT_TRUE(Open().ok());
        EXPECT_FALSE(ring_->has_untold_loss());
      }
    }
  }
}

// A tombstone is one where it was written, and nowhere else.
TEST_F(RingZeros, ATombstoneOfAnotherPlaceIsDamage) {
  const auto copy = [&](const char* file, size_t from, size_t to, size_t size) {
    for (const char* replica : kReplicas) {
      std::string bytes = ReadBytes(PathOf(replica, file));
      WriteBytes(PathOf(replica, file), bytes.replace(to, size, std::string(bytes, from, size)));
    }
  };
  const auto slot_of = [&](size_t i) { return 4096 + 64 + lived_->owners[i] % kPageNumbers * 40; };
  copy("pages", slot_of(7), slot_of(8), 40);
  // Entries: the day that went was the first, the day that lives the second.
  copy("keys", 4096, 4096 + 64, 64);
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(lived_->owners[8]).status()));
  EXPECT_FALSE(ring_->FindDay(kDay.Next()).has_value());
  EXPECT_TRUE(ring_->has_untold_loss());
  EXPECT_EQ(ring_->found().entries_damaged, 2u);
}

// Be it the first that missed it.
TEST_F(RingZeros, WhatOneSaysWasDestroyedWasDestroyed) {
  for (const char* replica : kReplicas) {
    Restore();
    ASSERT_TRUE(Open().ok());
    const std::string pages = ReadBytes(PathOf(replica, "pages"));
    const OwnerNumber owner = lived_->owners[30];
    ASSERT_TRUE(ring_->DestroyOwners({&owner, 1}).ok());
    PbxId pbx;
    ASSERT_TRUE(ring_->MintPbx(pbx).ok());
    const std::string minted = ReadBytes(PathOf(replica, "keys"));
    ASSERT_TRUE(ring_->DestroyPbx(pbx).ok());
    ring_.reset();
    WriteBytes(PathOf(replica, "keys"), minted);
    WriteBytes(PathOf(replica, "pages"), pages);
    ASSERT_TRUE(Open().ok());
    EXPECT_FALSE(ring_->FindOwner(owner)->has_value());
    EXPECT_FALSE(ring_->FindPbx(pbx).has_value());
    EXPECT_FALSE(ring_->has_untold_loss());
    ExpectAlike();
  }
}

// What lies behind all that was ever written is nobody's, whatever it is.
TEST_F(RingZeros, BehindWhatWasWrittenNothingIsMissed) {
  for (const char* replica : kReplicas) {
    std::string bytes = ReadBytes(PathOf(replica, "keys"));
    WriteBytes(PathOf(replica, "keys"), bytes.replace(bytes.size() - 640, 640, 640, 'x'));
  }
  ASSERT_TRUE(Open().ok());
  lived_->ExpectLiving(*ring_);
  EXPECT_FALSE(ring_->has_untold_loss());
  EXPECT_EQ(Round().mended, 0u);
  ExpectAlike();
  EXPECT_EQ(ReadBytes(PathOf("a", "keys")).find('x', fs::file_size(PathOf("a", "keys")) - 640), std::string::npos);
}

}  // namespace
}  // namespace retention
