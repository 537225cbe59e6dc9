// Replicas that come out of reach while the ring is open, and are back: their volumes were unmounted, or are full.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

const DueDay kDoomed = DueDay::FromNumber(30000);
const DueDay kLiving = DueDay::FromNumber(40000);

class RingReach : public ::testing::Test {
 protected:
  RingReach() {
    KeyRing::Options options;
    options.second_directory = path_.at(1);
    options.running = [this] { return running_; };
    options.on_io = [this](size_t replica, RingFile, RingReplica::Io io) {
      if (replica == failing_ && io == RingReplica::Io::kWrite) {
        ++failed_;
        return absl::UnavailableError("failing");
      }
      const bool is_full = io == RingReplica::Io::kExtend && full_.at(replica);
      return is_full ? absl::ResourceExhaustedError("full") : absl::OkStatus();
    };
    options.on_reach = [this](const std::string& directory, const absl::Status& why) {
      said_.push_back(absl::StrCat(fs::path(directory).filename().string(), why.ok() ? " back" : " lost"));
    };
    auto ring = KeyRing::Create(path_.at(0), std::move(options));
    EXPECT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    living_ = BytesOf(*ring_->ForDay(kLiving));
    doomed_ = MintSealed(kDoomed);
    for (int i = 0; i < 3; ++i) owners_.push_back(*ring_->NewOwner(DueDay::Open()));
    EXPECT_TRUE(ring_->DestroyOwners({&owners_[0], 1}).ok());  // their page is opened
  }

  std::string Replica(size_t i) const { return absl::StrCat(path_.at(i), i == 0 ? "/a" : "/b"); }
  std::string Away(size_t i) const { return directory_ / absl::StrCat("away-", i); }
  // The bytes that the day's key lies as.
  std::string MintSealed(DueDay day) {
    const std::string key = BytesOf(*ring_->ForDay(day));
    return DecodeRing(Replica(0)).sealed.at(key);
  }
  // What the process has open is of no use from now on, but is not removed; what is in the files is kept elsewhere.
  void Unmount(size_t i) {
    fs::copy(path_.at(i), Away(i), fs::copy_options::recursive);
    fs::rename(path_.at(i), unmounted_ / absl::StrCat(unmounts_++));
  }
  void Mount(size_t i) { fs::rename(Away(i), path_.at(i)); }
  std::vector<std::string> Holding(const std::string& bytes) const { return FilesHolding(directory_.path(), bytes); }
  void ExpectWhole() {
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    EXPECT_EQ(BytesOf(*ring_->FindDay(kLiving)), living_);
    EXPECT_FALSE((*ring_->FindOwner(owners_[0])).has_value());
    EXPECT_TRUE((*ring_->FindOwner(owners_[2])).has_value());
    EXPECT_TRUE(ring_->Verify()->is_sound());
    for (const char* file : {"/keys", "/pages"}) {
      EXPECT_TRUE(ReadBytes(Replica(0) + file) == ReadBytes(Replica(1) + file)) << file;
    }
  }

  FreshDirectory directory_;
  FreshDirectory unmounted_;
  int unmounts_ = 0;
  const std::vector<std::string> path_ = {directory_ / "first", directory_ / "second"};
  std::vector<bool> full_ = {false, false};
  size_t failing_ = 2;  // none
  uint64_t failed_ = 0;
  absl::Duration running_;
  std::vector<std::string> said_;
  std::unique_ptr<KeyRing> ring_;
  std::string living_;
  std::string doomed_;  // as it lies
  std::vector<OwnerNumber> owners_;
};

TEST_F(RingReach, OneWhoseVolumeWasAwayIsTakenBack) {
  for (const size_t lost : {0u, 1u}) {
    const DueDay day = DueDay::FromNumber(kDoomed.number() + static_cast<uint32_t>(lost));
    const std::string doomed = MintSealed(day);
    Unmount(lost);
    ASSERT_TRUE(ring_->DestroyDaysThrough(day).ok());
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    EXPECT_FALSE(ring_->Mend().ok());
    Mount(lost);
    EXPECT_EQ(Holding(doomed), std::vector<std::string>{"keys"}) << "of the one that was away";
    const absl::Status mended = ring_->Mend();
    EXPECT_TRUE(mended.ok()) << mended;
    EXPECT_EQ(Holding(doomed), std::vector<std::string>());
    ExpectWhole();
  }
  EXPECT_EQ(said_, (std::vector<std::string>{"a lost", "a back", "b lost", "b back"}));
}

// Nothing is written for hours, and yet it is known.
TEST_F(RingReach, ALookTellsOfALoss) {
  Unmount(1);
  EXPECT_FALSE(ring_->Mend().ok());
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  EXPECT_EQ(said_, std::vector<std::string>{"b lost"});
}

TEST_F(RingReach, BothThatWereAwayAreGoneOnWith) {
  Unmount(0);
  Unmount(1);
  EXPECT_TRUE(absl::IsUnavailable(ring_->DestroyDaysThrough(kDoomed)));
  EXPECT_TRUE(absl::IsUnavailable(ring_->DestroyOwners({&owners_[1], 1})));
  EXPECT_FALSE(ring_->Mend().ok());
  EXPECT_TRUE(absl::IsUnavailable(ring_->FindOwner(owners_[2]).status()));
  EXPECT_TRUE(ring_->out_of_reach());
  EXPECT_EQ(ring_->stale_replicas(), 2u);
  Mount(1);
  EXPECT_FALSE(ring_->Mend().ok()) << "one is missing";
  EXPECT_FALSE(ring_->out_of_reach());
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed).ok());
  ASSERT_TRUE(ring_->DestroyOwners({&owners_[1], 1}).ok());
  Mount(0);
  ASSERT_TRUE(ring_->Mend().ok());
  EXPECT_EQ(Holding(doomed_), std::vector<std::string>());
  ExpectWhole();
  EXPECT_EQ(said_, (std::vector<std::string>{"a lost", "b lost", "b back", "a back"}));
}

// What is destroyed would come back with it.
TEST_F(RingReach, AnOlderOneInThePlaceOfTheLastIsNotGoneOnWith) {
  fs::copy(path_.at(0), directory_ / "older", fs::copy_options::recursive);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed).ok());
  Unmount(0);
  Unmount(1);
  EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(40001)).ok());
  fs::copy(directory_ / "older", path_.at(0), fs::copy_options::recursive);
  EXPECT_TRUE(absl::IsFailedPrecondition(ring_->Mend()));
  EXPECT_TRUE(ring_->out_of_reach());
  Mount(1);
  ASSERT_TRUE(ring_->Mend().ok());
  fs::remove_all(directory_ / "older");
  fs::remove_all(Away(0));
  EXPECT_EQ(Holding(doomed_), std::vector<std::string>());
  ExpectWhole();
}

TEST_F(RingReach, AnotherRingInItsPlaceIsLeftAlone) {
  Unmount(1);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed).ok());
  KeyRing::Create(directory_ / "stranger", {}).value().reset();
  fs::create_directory(path_.at(1));
  fs::permissions(path_.at(1), fs::perms::owner_all);
  fs::copy(directory_ / "stranger/b", Replica(1), fs::copy_options::recursive);
  const std::string keys = ReadBytes(Replica(1) + "/keys");
  const absl::Status mended = ring_->Mend();
  EXPECT_TRUE(absl::IsFailedPrecondition(mended)) << mended;
  EXPECT_TRUE(absl::StrContains(mended.message(), "is of another ring")) << mended;
  EXPECT_TRUE(ReadBytes(Replica(1) + "/keys") == keys);
  fs::remove_all(Replica(1));
  ASSERT_TRUE(ring_->Mend().ok()) << "it is made anew where it was";
  ExpectWhole();
}

// Somebody went on with a copy: memory is not the last any more.
TEST_F(RingReach, ANewerOneInThePlaceOfTheLastIsNotGoneOnWith) {
  Unmount(0);
  Unmount(1);
  EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(40001)).ok());
  for (const size_t i : {0u, 1u}) {
    fs::copy(Away(i), directory_ / absl::StrCat("elsewhere-", i), fs::copy_options::recursive);
  }
  KeyRing::Options elsewhere;
  elsewhere.second_directory = directory_ / "elsewhere-1";
  {
    const auto other = KeyRing::Open(directory_ / "elsewhere-0", std::move(elsewhere));
    ASSERT_TRUE(other.ok()) << other.status();
    for (uint32_t day = 40002; day < 40010; ++day) ASSERT_TRUE((*other)->ForDay(DueDay::FromNumber(day)).ok());
  }
  for (const size_t i : {0u, 1u}) fs::rename(directory_ / absl::StrCat("elsewhere-", i), path_.at(i));
  EXPECT_TRUE(absl::IsFailedPrecondition(ring_->Mend()));
  EXPECT_TRUE(ring_->out_of_reach());
  for (const size_t i : {0u, 1u}) fs::remove_all(path_.at(i));
  for (const size_t i : {0u, 1u}) Mount(i);
  ASSERT_TRUE(ring_->Mend().ok());
  ExpectWhole();
}

TEST_F(RingReach, WhereSomethingElseLiesByNowNothingIsTakenBack) {
  for (const bool both : {false, true}) {
    SCOPED_TRACE(both);
    if (both) Unmount(0);
    Unmount(1);
    EXPECT_EQ(ring_->ForDay(DueDay::FromNumber(both ? 40002 : 40001)).ok(), !both);
    if (both) Mount(0);
    Mount(1);
    for (const size_t i : {0u, 1u}) WriteBytes(path_.at(i) + "/thesis", "words");
    const absl::Status mended = ring_->Mend();
    EXPECT_TRUE(absl::IsFailedPrecondition(mended)) << mended;
    EXPECT_TRUE(absl::StrContains(mended.message(), "thesis")) << mended;
    EXPECT_EQ(ring_->out_of_reach(), both);
    for (const size_t i : {0u, 1u}) fs::remove(path_.at(i) + "/thesis");
    ASSERT_TRUE(ring_->Mend().ok());
    ExpectWhole();
  }
}

// What is in memory is whole.
TEST_F(RingReach, WhatWasDamagedWhileBothWereAwayIsWrittenAnew) {
  Unmount(0);
  Unmount(1);
  EXPECT_FALSE(ring_->ForDay(DueDay::FromNumber(40001)).ok());
  for (const size_t i : {0u, 1u}) {
    const std::string keys = Away(i) + (i == 0 ? "/a/keys" : "/b/keys");
    std::string bytes = ReadBytes(keys);
    bytes[4096 + 20] = static_cast<char>(bytes[4096 + 20] ^ 1);
    WriteBytes(keys, bytes);
    Mount(i);
  }
  ASSERT_TRUE(ring_->Mend().ok());
  ExpectWhole();
}

// As where a volume is not mounted: what is written there would be missing once it is.
TEST_F(RingReach, NothingIsMadeOnAnotherVolume) {
  const auto volume_of = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_dev;
  };
  const std::string other = volume_of("/dev/shm") == volume_of(path_.at(1)) ? "/var/tmp" : "/dev/shm";
  ASSERT_NE(volume_of(other), volume_of(path_.at(1)));
  const FreshDirectory beneath(other);
  Unmount(1);
  fs::create_directory_symlink(beneath.path(), path_.at(1));
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ring_->Mend()));
  EXPECT_TRUE(fs::is_empty(beneath.path()));
  fs::remove(path_.at(1));
  Mount(1);
  ASSERT_TRUE(ring_->Mend().ok());
  ExpectWhole();
}

TEST_F(RingReach, NoOtherProcessHasAReplicaOpen) {
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Open(path_.at(0), {}).status()));
  KeyRing::Options swapped;
  swapped.second_directory = path_.at(1);
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Open(directory_ / "elsewhere", std::move(swapped)).status()));
}

// The other goes on; what the full one has is overwritten all the same.
TEST_F(RingReach, AFullOneIsLeftAlone_AndTakenBackWhenThereIsRoom) {
  for (const size_t full : {0u, 1u}) {
    said_.clear();
    full_.at(full) = true;
    const DueDay day = DueDay::FromNumber(kDoomed.number() + static_cast<uint32_t>(full));
    const std::string doomed = MintSealed(day);
    const uint64_t bytes = ring_->size();
    while (ring_->size() == bytes) ASSERT_TRUE(ring_->NewOwner(DueDay::Open()).ok());
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    ASSERT_TRUE(ring_->DestroyDaysThrough(day).ok());
    EXPECT_EQ(Holding(doomed), std::vector<std::string>{"keys"}) << "of the full one";
    EXPECT_TRUE(absl::IsResourceExhausted(ring_->Mend()));
    EXPECT_EQ(Holding(doomed), std::vector<std::string>());
    EXPECT_TRUE(absl::IsResourceExhausted(ring_->Mend()));
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    full_.at(full) = false;
    ASSERT_TRUE(ring_->Mend().ok());
    ExpectWhole();
    const std::string name = full == 0 ? "a" : "b";
    EXPECT_EQ(said_, (std::vector<std::string>{name + " lost", name + " back"}));
  }
}

// A disk that fails is not written from end to end with every run of a sweep.
TEST_F(RingReach, OneThatFailsAgainAndAgainIsOverwrittenEverMoreRarely) {
  Unmount(1);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed).ok());
  Mount(1);
  failing_ = 1;
  absl::Time now = absl::UnixEpoch();
  std::vector<int64_t> tries;
  for (int second = 0; second < 600; ++second, now += absl::Seconds(1)) {
    const uint64_t before = failed_;
    EXPECT_TRUE(absl::IsUnavailable(ring_->Mend(now)));
    if (failed_ > before) tries.push_back(second);
  }
  ASSERT_GE(tries.size(), 10u);
  EXPECT_EQ(std::vector<int64_t>(tries.begin(), tries.begin() + 6), (std::vector<int64_t>{0, 1, 3, 7, 15, 31}));
  for (size_t i = 1; i < tries.size(); ++i) EXPECT_LE(tries[i] - tries[i - 1], 60);
  EXPECT_LE(tries.size(), 20u);
  // A clock that stands still keeps nothing waiting for ever.
  const uint64_t before = failed_;
  running_ += KeyRing::kRebuildWait;
  EXPECT_TRUE(absl::IsUnavailable(ring_->Mend(now - absl::Seconds(1))));
  EXPECT_GT(failed_, before);
  // It is taken back a minute later at most; at once where the clock was put back.
  failing_ = 2;
  EXPECT_TRUE(ring_->Mend(absl::UnixEpoch()).ok());
  ExpectWhole();
}

// On a full disk the room that is kept is for those alone that it is kept for.
TEST_F(RingReach, RoomThatIsKeptIsThereOnAFullDisk) {
  constexpr uint64_t kOwners = 100 * kPageNumbers;
  ASSERT_TRUE(ring_->KeepRoom(kOwners, 20).ok());
  full_ = {true, true};
  while (ring_->NewOwner(DueDay::Open()).ok()) continue;
  while (ring_->NewOwner(kLiving).ok()) continue;
  EXPECT_TRUE(absl::IsResourceExhausted(ring_->ForDay(DueDay::FromNumber(40001)).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(ring_->KeepRoom(1000 * kOwners, 20)));
  for (uint64_t i = 0; i < kOwners; ++i) {
    const auto owner = ring_->NewOwner(DueDay::Open(), KeyRing::Room::kKept);
    ASSERT_TRUE(owner.ok()) << i << owner.status();
  }
  std::vector<RescuedKey> rescues;
  for (uint8_t i = 0; i < 20; ++i) rescues.push_back({.day = kDoomed, .pbx = IdOf<PbxId>(i)});
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDoomed, absl::UnixEpoch(), rescues).ok());
  full_ = {false, false};
  EXPECT_TRUE(ring_->KeepRoom(0, 0).ok());
  EXPECT_TRUE(ring_->NewOwner(DueDay::Open()).ok());
}

TEST_F(RingReach, IfBothAreFullNoneIsLost) {
  full_ = {true, true};
  absl::Status status;
  while (status.ok()) status = ring_->NewOwner(DueDay::Open()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ring_->stale_replicas(), 0u);
  EXPECT_EQ(said_, std::vector<std::string>());
  full_ = {false, false};
  EXPECT_TRUE(ring_->NewOwner(DueDay::Open()).ok());
}

}  // namespace
}  // namespace retention
