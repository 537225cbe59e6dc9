// Files of an open ring that are removed, or replaced, beneath it: what they hold is with the process alone from then
// on, so they are made anew where they were before anything is lost, and it is said.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class RingRemovals : public ::testing::Test {
 protected:
  RingRemovals() {
    KeyRing::Options options;
    options.on_io = [this](size_t replica, RingFile, RingReplica::Io io) {
      const bool fails = full_.contains(replica) && io == RingReplica::Io::kExtend;
      return fails ? absl::ResourceExhaustedError("full") : absl::OkStatus();
    };
    auto ring = KeyRing::Create(path_, std::move(options));
    EXPECT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    lived_.emplace(*ring_);
    EXPECT_TRUE(lived_->Destroy(*ring_).ok());
  }

  std::string PathOf(size_t replica, const char* file) const {
    return absl::StrCat(path_, replica == 0 ? "/a/" : "/b/", file);
  }
  KeyRing::Inspection Round() { return RoundOf(*ring_); }
  void ExpectSound() {
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    EXPECT_EQ(Round().mended, 0u);
    EXPECT_TRUE(ring_->Verify()->is_sound());
    for (const size_t replica : {0u, 1u}) {
      EXPECT_EQ(DecodeRing(fs::path(PathOf(replica, "head")).parent_path().string()).generation, ring_->generation());
    }
    lived_->ExpectLiving(*ring_);
  }
  void ExpectSoundAfterAStart() {
    ExpectSound();
    const uint64_t generation = ring_->generation();
    ring_.reset();
    KeyRing::Options options;
    options.opening.known_generation = generation;
    auto opened = KeyRing::Open(path_, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    ring_ = *std::move(opened);
    EXPECT_EQ(ring_->found().replicas_rebuilt + ring_->found().entries_mended + ring_->found().entries_damaged, 0u);
    EXPECT_FALSE(ring_->has_untold_loss());
    ExpectSound();
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
  std::set<size_t> full_;
  std::unique_ptr<KeyRing> ring_;
  std::optional<Lived> lived_;
};

TEST_F(RingRemovals, WhatIsRemovedFromBothIsPutBack_AndSaid) {
  for (const char* file : {"head", "keys", "pages"}) {
    SCOPED_TRACE(file);
    for (const size_t replica : {0u, 1u}) fs::remove(PathOf(replica, file));
    EXPECT_EQ(Round().put_back, (std::vector<std::string>{PathOf(0, file), PathOf(1, file)}));
    EXPECT_TRUE(Round().put_back.empty()) << "once";
    ExpectSound();
    EXPECT_EQ(fs::status(PathOf(0, file)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  }
  ExpectSoundAfterAStart();
}

TEST_F(RingRemovals, WhatIsRemovedFromOneIsPutBack) {
  for (const size_t replica : {0u, 1u}) {
    for (const char* file : {"head", "keys", "pages"}) {
      fs::remove(PathOf(replica, file));
      EXPECT_EQ(Round().put_back, std::vector<std::string>{PathOf(replica, file)});
      ExpectSound();
    }
  }
  ExpectSoundAfterAStart();
}

// All that is written meanwhile fails: the file that has it is the process's alone.
TEST_F(RingRemovals, WhatIsRemovedFromBothIsPutBack_ThoughSomebodyWritesFirst) {
  uint32_t day = 40000;
  for (const char* file : {"head", "keys", "pages"}) {
    SCOPED_TRACE(file);
    for (const size_t replica : {0u, 1u}) fs::remove(PathOf(replica, file));
    const OwnerNumber owner = *ring_->NewOwner(DueDay::Open());
    const bool written = ring_->ForDay(DueDay::FromNumber(++day)).ok() && ring_->DestroyOwners({&owner, 1}).ok();
    EXPECT_FALSE(written);
    const absl::Status mended = ring_->Mend();
    EXPECT_TRUE(mended.ok()) << mended;
    EXPECT_FALSE(Round().put_back.empty());
    EXPECT_TRUE(ring_->Mend().ok());
    EXPECT_TRUE(ring_->ForDay(DueDay::FromNumber(day)).ok());
    ASSERT_TRUE(ring_->DestroyOwners({&owner, 1}).ok());
    ExpectSound();
  }
  ExpectSoundAfterAStart();
}

TEST_F(RingRemovals, WhatIsReplacedIsPutBack) {
  for (const char* file : {"head", "keys", "pages"}) {
    for (const size_t replica : {0u, 1u}) {
      fs::copy_file(PathOf(replica, file), directory_ / "copy", fs::copy_options::overwrite_existing);
      fs::rename(directory_ / "copy", PathOf(replica, file));
    }
    EXPECT_EQ(Round().put_back.size(), 2u);
    ExpectSound();
  }
  ExpectSoundAfterAStart();
}

// The file without a name goes with its last descriptor; what was in it is not to be found on the disk.
TEST_F(RingRemovals, WhatHadNoNameIsOverwritten) {
  fs::create_hard_link(PathOf(0, "keys"), directory_ / "kept");
  fs::remove(PathOf(0, "keys"));
  const std::string before = ReadBytes(directory_ / "kept");
  EXPECT_EQ(Round().put_back.size(), 1u);
  EXPECT_EQ(ReadBytes(directory_ / "kept"), before) << "what has a name is somebody's";
  const int open = ::open(PathOf(0, "keys").c_str(), O_RDONLY | O_CLOEXEC);
  fs::remove(PathOf(0, "keys"));
  EXPECT_EQ(Round().put_back.size(), 1u);
  std::string bytes(before.size(), 'x');
  EXPECT_EQ(::pread(open, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(bytes, std::string(bytes.size(), '\0'));
  ::close(open);
}

// One that cannot be put back is written anew when it can be; the last is gone on with, and the failure is told.
TEST_F(RingRemovals, WhatCannotBePutBackIsToldUntilItCan) {
  fs::remove(PathOf(0, "keys"));
  full_ = {0};
  Round();
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  EXPECT_FALSE(fs::exists(PathOf(0, "keys"))) << "a part of it is not to be taken for all";
  fs::remove(PathOf(1, "keys"));
  full_ = {1};
  KeyRing::Inspection found;
  absl::Status status;
  for (int step = 0; step < 10 && status.ok(); ++step) status = ring_->Inspect(found);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  lived_->ExpectLiving(*ring_);
  full_.clear();
  EXPECT_TRUE(ring_->Mend().ok());
  ExpectSoundAfterAStart();
}

// The process has the only copy until then, whatever else fails: it was once let go of with the file.
TEST_F(RingRemovals, WhatAWriteMissesIsKeptUntilItIsPutBack) {
  uint32_t day = 40000;
  for (const bool other_is_stale : {false, true}) {
    for (const char* file : {"pages", "keys", "head"}) {
      SCOPED_TRACE(absl::StrCat(file, other_is_stale ? ", the other stale" : ", of both"));
      if (other_is_stale) {
        fs::remove(PathOf(1, file));
        full_ = {1};
        Round();
        ASSERT_EQ(ring_->stale_replicas(), 1u);
      } else {
        fs::remove(PathOf(1, file));
      }
      fs::remove(PathOf(0, file));
      const OwnerNumber owner = *ring_->NewOwner(DueDay::Open());
      const bool written = ring_->ForDay(DueDay::FromNumber(++day)).ok() && ring_->DestroyOwners({&owner, 1}).ok();
      EXPECT_FALSE(written);
      EXPECT_EQ(ring_->stale_replicas(), 2u);
      full_ = {0, 1};
      for (int round = 0; round < 2; ++round) {
        const absl::Status mended = ring_->Mend();
        EXPECT_TRUE(absl::IsResourceExhausted(mended)) << mended;
        lived_->ExpectLiving(*ring_);
      }
      full_.clear();
      EXPECT_TRUE(ring_->Mend().ok());
      EXPECT_TRUE(ring_->Mend().ok());
      EXPECT_TRUE(ring_->ForDay(DueDay::FromNumber(day)).ok());
      ASSERT_TRUE(ring_->DestroyOwners({&owner, 1}).ok());
      ExpectSound();
    }
  }
  ExpectSoundAfterAStart();
}

// With the directories, and with what they lay in, the process has the only copy.
TEST_F(RingRemovals, DirectoriesThatAreRemovedAreMadeAnew_WithAllThatWasInThem) {
  uint32_t day = 40000;
  for (const bool with_parent : {false, true}) {
    for (const bool writes_first : {false, true}) {
      SCOPED_TRACE(absl::StrCat(with_parent, writes_first));
      if (with_parent) {
        fs::remove_all(path_);
      } else {
        for (const char* replica : {"/a", "/b"}) fs::remove_all(path_ + replica);
      }
      if (writes_first) {
        EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(++day)).ok());
        EXPECT_TRUE(ring_->out_of_reach()) << "which the alarm tells";
      }
      const absl::Status mended = ring_->Mend();
      EXPECT_TRUE(mended.ok()) << mended;
      EXPECT_EQ(Round().put_back.size(), 6u);
      EXPECT_EQ(fs::status(path_ + "/a").permissions(), fs::perms::owner_all);
      const auto key = ring_->ForDay(DueDay::FromNumber(++day));
      ASSERT_TRUE(key.ok()) << key.status();
      ExpectSound();
    }
  }
  ExpectSoundAfterAStart();
}

TEST_F(RingRemovals, ADirectoryThatCannotBeMadeAnewIsToldUntilItCan) {
  for (const char* replica : {"/a", "/b"}) fs::remove_all(path_ + replica);
  for (const char* replica : {"/a", "/b"}) WriteBytes(path_ + replica, "somebody's");
  EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(40000)).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(ring_->Mend().ok());
    EXPECT_TRUE(ring_->out_of_reach());
    EXPECT_EQ(ReadBytes(path_ + "/a"), "somebody's");
  }
  for (const char* replica : {"/a", "/b"}) fs::remove(path_ + replica);
  EXPECT_TRUE(ring_->Mend().ok());
  ExpectSoundAfterAStart();
}

// It is for who moved it to move it back.
TEST_F(RingRemovals, DirectoriesThatAreMovedAreNotMadeAnew) {
  fs::rename(path_, directory_ / "moved");
  EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(40000)).ok());
  EXPECT_FALSE(ring_->Mend().ok());
  EXPECT_FALSE(fs::exists(path_));
  fs::rename(directory_ / "moved", path_);
  EXPECT_TRUE(ring_->Mend().ok());
  ExpectSoundAfterAStart();
}

}  // namespace
}  // namespace retention
