// Openings of which a replica is out of reach, cannot be written, or lies where others have access; and of a ring that
// is opened for what is due alone.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using Access = RingReplica::Access;

enum class Fault : uint8_t {
  kNone,
  kNotWritten,
  kNotInReach,
  kReadInPart,  // its header
  kNotRead,     // but written
};

class RingOpenings : public ::testing::Test {
 protected:
  RingOpenings() {
    auto ring = KeyRing::Create(path_.at(0), Options());
    EXPECT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    lived_.emplace(*ring_);
    doomed_ = DecodeRing(Replica(0)).sealed.at(lived_->day);
    generation_ = ring_->generation();
  }

  std::string Replica(size_t i) const { return absl::StrCat(path_.at(i), i == 0 ? "/a" : "/b"); }
  KeyRing::Options Options() {
    KeyRing::Options options;
    options.second_directory = path_.at(1);
    options.opening.known_generation = generation_;
    options.on_io = [this](size_t, RingFile file, RingReplica::Io) {
      return unwritten_.contains(file) ? absl::UnavailableError("failing") : absl::OkStatus();
    };
    options.on_access = [this](size_t replica, RingFile file, Access access) {
      const Fault fault = faults_.at(replica);
      bool fails = fault == Fault::kNotWritten || fault == Fault::kNotInReach;
      if (access == Access::kRead) {
        fails = fault == Fault::kNotRead || fault == Fault::kNotInReach ||
                (fault == Fault::kReadInPart && file == RingFile::kKeys && ++reads_ > 1);
      }
      return fails ? absl::UnavailableError("failing") : absl::OkStatus();
    };
    options.on_reach = [this](const std::string& directory, const absl::Status& why) {
      said_.push_back(absl::StrCat(fs::path(directory).filename().string(), why.ok() ? " back" : " lost"));
    };
    return options;
  }
  absl::Status Reopen(bool only_destroys = false) {
    ring_.reset();
    reads_ = 0;
    KeyRing::Options options = Options();
    options.opening.only_destroys = only_destroys;
    auto ring = KeyRing::Open(path_.at(0), std::move(options));
    if (ring.ok()) ring_ = *std::move(ring);
    return ring.status();
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info;
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }
  void MakeAnew(size_t i) const {
    fs::remove_all(path_.at(i));
    ASSERT_EQ(::mkdir(path_.at(i).c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path_.at(i).c_str(), 0755), 0);
  }
  std::vector<std::string> Doomed() const { return FilesHolding(directory_.path(), doomed_); }

  FreshDirectory directory_;
  const std::vector<std::string> path_ = {directory_ / "first", directory_ / "second"};
  std::vector<Fault> faults_ = {Fault::kNone, Fault::kNone};
  std::set<RingFile> unwritten_;  // in both
  size_t reads_ = 0;
  std::vector<std::string> said_;
  std::unique_ptr<KeyRing> ring_;
  std::optional<Lived> lived_;
  std::string doomed_;  // as it lies
  uint64_t generation_ = 0;
};

// Such an opening once failed, and nothing that was due was destroyed.
TEST_F(RingOpenings, OneThatFailsIsLeftAlone_AndTakenBackLater) {
  for (const Fault fault : {Fault::kNotWritten, Fault::kNotInReach, Fault::kReadInPart}) {
    for (const size_t broken : {0u, 1u}) {
      SCOPED_TRACE(absl::StrCat(static_cast<int>(fault), " of ", broken));
      said_.clear();
      generation_ = ring_->generation();
      faults_.at(broken) = fault;
      const absl::Status opened = Reopen();
      ASSERT_TRUE(opened.ok()) << opened;
      EXPECT_EQ(ring_->stale_replicas(), 1u);
      EXPECT_GT(ring_->generation(), generation_) << "it is told apart when it comes back";
      const std::string name = broken == 0 ? "a" : "b";
      EXPECT_EQ(said_, std::vector<std::string>{name + " lost"});
      if (fault == Fault::kNotInReach && broken == 1) {
        ASSERT_TRUE(lived_->Destroy(*ring_).ok());
        EXPECT_EQ(Doomed(), std::vector<std::string>{"keys"}) << "of the broken one";
        EXPECT_FALSE(ring_->Mend().ok());
      }
      faults_.at(broken) = Fault::kNone;
      const absl::Status mended = ring_->Mend();
      EXPECT_TRUE(mended.ok()) << mended;
      EXPECT_EQ(ring_->stale_replicas(), 0u);
      EXPECT_EQ(said_.back(), name + " back");
      EXPECT_TRUE(ring_->Verify()->is_sound());
    }
    if (fault != Fault::kNotWritten) {
      EXPECT_EQ(Doomed(), std::vector<std::string>());
      lived_->ExpectLiving(*ring_);
    }
  }
}

TEST_F(RingOpenings, OneWhoseReadsFailIsOverwritten) {
  for (const size_t broken : {0u, 1u}) {
    faults_ = {Fault::kNone, Fault::kNone};
    faults_.at(broken) = Fault::kNotRead;
    const absl::Status opened = Reopen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  faults_ = {Fault::kNone, Fault::kNone};
  ASSERT_TRUE(Reopen().ok());
  lived_->ExpectLiving(*ring_);
}

TEST_F(RingOpenings, OneThatCanBeReadAloneIsRead_IfItIsTheLast) {
  ring_.reset();
  CopyRing(path_.at(1), directory_ / "older");
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  ring_.reset();
  fs::remove_all(path_.at(1));
  fs::rename(directory_ / "older", path_.at(1));
  faults_.at(0) = Fault::kNotWritten;
  const absl::Status opened = Reopen();
  ASSERT_TRUE(opened.ok()) << opened;
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  EXPECT_EQ(Doomed(), std::vector<std::string>()) << "the older one is overwritten";
  lived_->ExpectLiving(*ring_);
  EXPECT_TRUE(ring_->ForDay(kDay.Next().Next()).ok());
}

TEST_F(RingOpenings, IfNothingTellsThatTheOtherIsTheLastItIsRefused) {
  generation_ += 1;
  faults_.at(0) = Fault::kNotInReach;
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen()));
  generation_ = 0;
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen()));
}

TEST_F(RingOpenings, IfNoneCanBeWrittenNothingIsTouched) {
  const std::string before = ReadBytes(Replica(0) + "/head");
  for (const Fault fault : {Fault::kNotWritten, Fault::kNotInReach}) {
    faults_ = {fault, fault};
    const absl::Status opened = Reopen();
    EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  }
  // Not that it be gone on with what there is, which helps nobody.
  generation_ = 0;
  faults_ = {Fault::kNotWritten, Fault::kNotInReach};
  const absl::Status opened = Reopen();
  EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  EXPECT_EQ(ReadBytes(Replica(0) + "/head"), before);
}

// Else a new one would be made, and nothing that was sealed would open again.
TEST_F(RingOpenings, ARingThatNobodyCanLookAtIsNotOneThatIsNotThere) {
  ring_.reset();
  for (const size_t i : {0u, 1u}) {
    fs::rename(Replica(i), directory_ / absl::StrCat("away-", i));
    fs::create_symlink(Replica(i), Replica(i));  // leads nowhere, as one on a disk that fails
  }
  const absl::Status opened = Reopen();
  EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  const absl::Status created = KeyRing::Create(path_.at(0), Options()).status();
  EXPECT_TRUE(absl::IsUnavailable(created)) << created;
  for (const size_t i : {0u, 1u}) {
    fs::remove(Replica(i));
    fs::rename(directory_ / absl::StrCat("away-", i), Replica(i));
  }
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  lived_->ExpectLiving(*ring_);
}

TEST_F(RingOpenings, OneWhoseDirectoryCannotBeLookedUpIsLeftAlone_AndTakenBackLater) {
  ring_.reset();
  fs::rename(path_.at(1), directory_ / "away");
  fs::create_symlink(path_.at(1), path_.at(1));
  const absl::Status opened = Reopen();
  ASSERT_TRUE(opened.ok()) << opened;
  EXPECT_EQ(said_, std::vector<std::string>{"b lost"});
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  EXPECT_FALSE(ring_->Mend().ok());
  fs::remove(path_.at(1));
  fs::rename(directory_ / "away", path_.at(1));
  ASSERT_TRUE(ring_->Mend().ok());
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  lived_->ExpectLiving(*ring_);
}

TEST_F(RingOpenings, ThatTheOneThatIsReadIsNotWritten_AndNoOtherIsMade_IsSaid) {
  ring_.reset();
  fs::remove_all(Replica(1));
  faults_.at(0) = Fault::kNotWritten;
  unwritten_ = {RingFile::kHead};
  const absl::Status opened = Reopen();
  EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  EXPECT_EQ(opened.message(), "failing");
}

// What cannot be looked at may be another ring's.
TEST_F(RingOpenings, OneThatIsOutOfReachIsNotWrittenByTheOpening) {
  const std::vector<std::string> files = {"/head", "/keys", "/pages"};
  for (const std::string& linked : files) {
    SCOPED_TRACE(linked);
    ring_.reset();
    std::vector<std::string> before;
    for (const std::string& file : files) before.push_back(ReadBytes(Replica(1) + file));
    fs::rename(Replica(1) + linked, directory_ / "linked");
    fs::create_symlink(directory_ / "linked", Replica(1) + linked);
    ASSERT_TRUE(Reopen().ok());
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    ASSERT_TRUE(lived_->Destroy(*ring_).ok());
    EXPECT_FALSE(ring_->Mend().ok());
    for (size_t i = 0; i < files.size(); ++i) {
      EXPECT_TRUE(ReadBytes(Replica(1) + files[i]) == before[i]) << files[i];
    }
    fs::rename(directory_ / "linked", Replica(1) + linked);
    EXPECT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(Doomed(), std::vector<std::string>());
  }
}

// A generation that could not be written is nothing that lies on a disk.
TEST_F(RingOpenings, WhileNoneIsInReachNothingIsUnfinishedButWhatWasDestroyed) {
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  faults_ = {Fault::kNotInReach, Fault::kNotInReach};
  unwritten_ = {RingFile::kHead, RingFile::kKeys, RingFile::kPages};
  EXPECT_FALSE(ring_->Mend().ok());
  EXPECT_TRUE(ring_->out_of_reach());
  EXPECT_FALSE(ring_->unfinished());
}

// It was once filled, and refused by the next opening.
TEST_F(RingOpenings, ADirectoryThatIsMadeAnewIsItsOwnersAlone) {
  for (const size_t i : {0u, 1u}) {
    MakeAnew(i);
    ASSERT_TRUE(Reopen().ok());
    EXPECT_EQ(ModeOf(path_.at(i)), 0700u) << "by an opening";
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    EXPECT_TRUE(Reopen().ok());
    MakeAnew(i);
    EXPECT_TRUE(ring_->ForDay(DueDay::FromNumber(40000 + static_cast<uint32_t>(i))).ok());
    EXPECT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(ModeOf(path_.at(i)), 0700u) << "while it is open";
    EXPECT_TRUE(Reopen().ok());
  }
}

TEST_F(RingOpenings, ADirectoryWithSomethingInItIsNotFilled_IfOthersHaveAccess) {
  MakeAnew(1);
  WriteBytes(path_.at(1) + "/ledger", "");
  EXPECT_TRUE(ring_->ForDay(DueDay::FromNumber(40000)).ok());
  const absl::Status mended = ring_->Mend();
  EXPECT_TRUE(absl::IsFailedPrecondition(mended)) << mended;
  EXPECT_FALSE(fs::exists(Replica(1)));
}

TEST_F(RingOpenings, ThatOthersHaveAccessKeepsNothingThatIsDue) {
  for (const std::string& path : {path_.at(1), Replica(0), Replica(0) + "/keys"})
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  WriteBytes(path_.at(0) + "/note", "");
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen()));
  const absl::Status opened = Reopen(/*only_destroys=*/true);
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen()));
}

// In memory nobody knows of it any more: the start ends it.
TEST_F(RingOpenings, WhatADestructionThatWasCutShortLeftIsOverwritten) {
  const OwnerNumber gone = *ring_->NewOwner(kDay);
  const OwnerNumber ended = *ring_->NewOwner(kDay);
  ASSERT_TRUE(ring_->DestroyOwners({&gone, 1}).ok());
  const std::string secret = BytesOf((*ring_->FindOwner(ended))->secret);
  const std::string sealed = DecodeRing(Replica(0)).sealed.at(secret);
  const DueDay last = DueDay::FromNumber(kDay.number() + 31);
  const auto left = [&](const std::string& bytes) { return FilesHolding(directory_.path(), bytes); };
  // Of the page, its block.
  unwritten_ = {RingFile::kPages};
  EXPECT_FALSE(ring_->DestroyDaysThrough(last).ok());
  EXPECT_EQ(left(sealed), (std::vector<std::string>{"pages", "pages"}));
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  unwritten_ = {};
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(left(sealed), std::vector<std::string>());
  // Of a day, its key.
  const DueDay day = last.Next();
  const std::string key = BytesOf(*ring_->ForDay(day));
  const std::string sealed_key = DecodeRing(Replica(0)).sealed.at(key);
  unwritten_ = {RingFile::kKeys};
  EXPECT_FALSE(ring_->DestroyDaysThrough(day).ok());
  EXPECT_EQ(left(sealed_key), (std::vector<std::string>{"keys", "keys"}));
  unwritten_ = {};
  ASSERT_TRUE(Reopen().ok());
  EXPECT_FALSE(ring_->FindDay(day).has_value());
  EXPECT_EQ(left(sealed_key), std::vector<std::string>());
}

// An opening for what is due alone makes nothing.
TEST_F(RingOpenings, ForWhatIsDueAloneNoOtherIsMade) {
  ring_.reset();
  fs::remove_all(Replica(1));
  const absl::Status opened = Reopen(/*only_destroys=*/true);
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  EXPECT_FALSE(fs::exists(Replica(1)));
}

// They were once said to lack heads, and the days' keys were spared.
TEST_F(RingOpenings, PagesThatAreDamagedInBothAreNamed_AndKeepNoDay) {
  ring_.reset();
  const std::string pages = ReadBytes(Replica(0) + "/pages");
  for (const size_t i : {0u, 1u}) WriteBytes(Replica(i) + "/pages", "");
  const absl::Status refused = Reopen();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "pages")) << refused;
  EXPECT_FALSE(absl::StrContains(refused.message(), "heads")) << refused;
  EXPECT_EQ(Doomed(), (std::vector<std::string>{"keys", "keys"}));
  const absl::Status opened = Reopen(/*only_destroys=*/true);
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  EXPECT_EQ(Doomed(), std::vector<std::string>());
  ring_.reset();
  for (const size_t i : {0u, 1u}) {
    EXPECT_EQ(ReadBytes(Replica(i) + "/pages"), "") << "left as it lies";
    WriteBytes(Replica(i) + "/pages", pages);
  }
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  lived_->ExpectLiving(*ring_);
}

// Something of them may be mended by hand.
TEST_F(RingOpenings, PagesThatAreDamagedInBothAreNotWrittenOver_BeOneTheLater) {
  ring_.reset();
  CopyRing(path_.at(1), directory_ / "older");
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(ring_->ForDay(kDay.Next().Next()).ok());
  ring_.reset();
  fs::remove_all(path_.at(1));
  fs::rename(directory_ / "older", path_.at(1));
  const std::string damaged = "x" + ReadBytes(Replica(1) + "/pages").substr(1);
  WriteBytes(Replica(1) + "/pages", damaged);
  WriteBytes(Replica(0) + "/pages", "");
  const absl::Status opened = Reopen(/*only_destroys=*/true);
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  ring_.reset();
  EXPECT_TRUE(ReadBytes(Replica(1) + "/pages") == damaged);
}

TEST_F(RingOpenings, PagesOfOneThatIsOutOfReachAreNotSaidToBeDamaged) {
  ring_.reset();
  WriteBytes(Replica(1) + "/pages", "");
  faults_.at(0) = Fault::kNotInReach;
  for (const bool only_destroys : {false, true}) {
    const absl::Status opened = Reopen(only_destroys);
    EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  }
  faults_.at(0) = Fault::kNone;
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(lived_->Destroy(*ring_).ok());
  lived_->ExpectLiving(*ring_);
}

}  // namespace
}  // namespace retention
