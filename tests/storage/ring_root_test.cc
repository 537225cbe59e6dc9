// The change of a ring's root, whatever fails in it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/root_file.h"
#include "tests/storage/failing_root.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class RootInFile : public ::testing::Test {
 protected:
  std::string root_path() const { return directory_ / "root"; }
  KeyRing::Options Options() {
    KeyRing::Options options;
    options.root = std::make_shared<FailingRoot>(OpenRootFile(root_path(), SystemRandom()), [this] { return OnIo(); });
    options.on_io = [this](size_t replica, RingFile file, RingReplica::Io) {
      if (lost_after_.has_value() && replica == 1 && (*lost_after_)-- <= 0) lost_ = 1;
      if (replica == lost_) return absl::UnavailableError("lost");
      return failing_.value_or(file) == file ? OnIo() : absl::OkStatus();
    };
    options.opening.known_generation = 1;
    options.running = [this] { return running_; };
    return options;
  }
  absl::Status OnIo() {
    if (!fuse_.has_value()) return absl::OkStatus();
    return (*fuse_)-- > 0 ? absl::OkStatus() : absl::UnavailableError("crashed");
  }
  static void ExpectNothingMissed(const KeyRing& ring) {
    EXPECT_EQ(ring.found().entries_damaged, 0u);
    EXPECT_FALSE(ring.has_untold_loss());
    EXPECT_TRUE(ring.Verify()->is_sound());
  }
  KeysAbove Now() const { return {.wrapping = "", .roots = DecodeRootFile(root_path())}; }

  const FreshDirectory directory_;
  std::optional<int> fuse_;
  std::optional<RingFile> failing_;  // this file alone
  std::optional<size_t> lost_;
  absl::Duration running_;
  std::optional<int> lost_after_;  // of its writes and syncs, of the second replica
};

// Each write and sync of the ring, and each call of the root before and after it acts, as the last before a crash; with
// both replicas and with one.
TEST_F(RootInFile, AChangeThatCrashesAnywhereLosesNothing) {
  for (const std::optional<size_t> lost : {std::optional<size_t>(), std::optional<size_t>(0)}) {
    for (int fuse = 0;; ++fuse) {
      SCOPED_TRACE(absl::StrCat("after ", fuse, " steps"));
      fs::remove_all(directory_ / "ring");
      fs::remove_all(directory_ / "image");
      fs::remove(root_path());
      auto ring = *KeyRing::Create(directory_ / "ring", Options());
      const Lived lived(*ring);
      CopyRing(directory_ / "ring", directory_ / "image");
      ASSERT_TRUE(lived.Destroy(*ring).ok());
      lost_ = lost;
      fuse_ = fuse;
      const bool changed = ring->ChangeRoot(kRingNow).ok();
      lived.ExpectLiving(*ring);
      ring.reset();
      lost_.reset();
      fuse_.reset();
      auto opened = KeyRing::Open(directory_ / "ring", Options());
      ASSERT_TRUE(opened.ok()) << opened.status();
      ring = *std::move(opened);
      lived.ExpectLiving(*ring);
      EXPECT_EQ(ring->found().entries_damaged, 0u);
      EXPECT_EQ(Now().roots.size(), 1u) << "the other root is still there";
      if (changed) {
        EXPECT_FALSE(DecodeRing(directory_ / "image/a", Now()).whole);
      }
      ASSERT_TRUE(ring->ChangeRoot(kRingNow).ok());
      EXPECT_FALSE(DecodeRing(directory_ / "image/a", Now()).whole);
      lived.ExpectLiving(*ring);
      const auto verified = ring->Verify();
      EXPECT_TRUE(verified->is_sound());
      if (changed) break;
    }
  }
}

// Where only the one file cannot be written any more, nothing in the others goes that it still names.
TEST_F(RootInFile, AChangeOfWhichOneFileFailsLosesNothing) {
  for (const RingFile file : {RingFile::kHead, RingFile::kKeys, RingFile::kPages}) {
    bool changed = false;
    for (int fuse = 0; !changed; ++fuse) {
      SCOPED_TRACE(absl::StrCat(NameOf(file), " after ", fuse, " steps"));
      fs::remove_all(directory_ / "ring");
      fs::remove(root_path());
      auto ring = *KeyRing::Create(directory_ / "ring", Options());
      const Lived lived(*ring);
      ASSERT_TRUE(lived.Destroy(*ring).ok());
      failing_ = file;
      fuse_ = fuse;
      changed = ring->ChangeRoot(kRingNow).ok();
      ring->Mend().IgnoreError();
      ring.reset();
      failing_.reset();
      fuse_.reset();
      ring = *KeyRing::Open(directory_ / "ring", Options());
      lived.ExpectLiving(*ring);
    }
  }
}

// A replica is lost in the middle of a change, and soon after it the other fails.
TEST_F(RootInFile, AChangeThatFailsTwiceIsTakenBack) {
  bool changed = false;
  for (int lost = 0; !changed; ++lost) {
    changed = true;
    for (const int more : {1, 2, 3, 4}) {
      SCOPED_TRACE(absl::StrCat("lost after ", lost, ", failed ", more, " later"));
      fs::remove_all(directory_ / "ring");
      fs::remove(root_path());
      auto ring = *KeyRing::Create(directory_ / "ring", Options());
      const Lived lived(*ring);
      ASSERT_TRUE(lived.Destroy(*ring).ok());
      lost_after_ = lost;
      fuse_ = 2 * lost + more;  // counts both
      changed = ring->ChangeRoot(kRingNow).ok() && changed;
      fuse_.reset();
      ring->Mend().IgnoreError();  // the lost one stays lost
      lived.ExpectLiving(*ring);
      ring.reset();
      lost_after_.reset();
      lost_.reset();
      auto opened = KeyRing::Open(directory_ / "ring", Options());
      ASSERT_TRUE(opened.ok()) << opened.status();
      lived.ExpectLiving(**opened);
      ExpectNothingMissed(**opened);
    }
  }
}

// A change that fails is taken back or ended by the process that goes on, too.
TEST_F(RootInFile, AChangeThatFailsAnywhereIsMadeAgain) {
  for (int i = 0;; ++i) {
    const int fuse = i / 2;
    const bool starts = i % 2 == 1;
    SCOPED_TRACE(absl::StrCat("after ", fuse, " steps", starts ? ", with a start" : ""));
    fs::remove_all(directory_ / "ring");
    fs::remove(root_path());
    auto ring = *KeyRing::Create(directory_ / "ring", Options());
    const Lived lived(*ring);
    ASSERT_TRUE(lived.Destroy(*ring).ok());
    // One replica, so that it does not only lose the other.
    lost_ = 1;
    ASSERT_TRUE(ring->ForDay(DueDay::FromNumber(40000)).ok());
    fuse_ = fuse;
    const bool changed = ring->ChangeRoot(kRingNow).ok();
    fuse_.reset();
    if (!changed && fuse % 2 == 0) {
      EXPECT_FALSE(ring->unfinished()) << "nothing that was destroyed waits for the root";
      ring->Mend().IgnoreError();  // the lost one stays lost
      EXPECT_EQ(Now().roots.size(), 1u);
    }
    if (starts) {
      ring->Mend().IgnoreError();
      lost_.reset();
      ring.reset();
      ring = *KeyRing::Open(directory_ / "ring", Options());
      ExpectNothingMissed(*ring);
    }
    lived.ExpectLiving(*ring);
    ASSERT_TRUE(ring->ChangeRoot(kRingNow).ok());
    lost_.reset();
    ASSERT_TRUE(ring->Mend().ok());
    ring.reset();
    ring = *KeyRing::Open(directory_ / "ring", Options());
    lived.ExpectLiving(*ring);
    ExpectNothingMissed(*ring);
    if (changed && starts) break;
  }
}

TEST_F(RootInFile, File_GoldenBytes) {
  CountingRandom random;
  const auto root = OpenRootFile(root_path(), random);
  ASSERT_TRUE(root->Make({.ring = {0xA1, 0xA2}, .epoch = 0x01020304}).ok());
  struct stat info;
  ASSERT_EQ(::stat(root_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Hex(ReadBytes(root_path())),
            "5245544e524f4f54"
            "01020304"
            "a1a20000000000000000000000000000"
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
            "1124a39d41aa052a1ca6c43c" +
                std::string(128, '0'));
}

TEST_F(RootInFile, ItIsDueAtOnceAfterADay_AndInAnHourAfterAnythingElse) {
  auto ring = *KeyRing::Create(directory_ / "ring", Options());
  const Lived lived(*ring);
  absl::Time now = kRingNow;
  EXPECT_TRUE(*ring->ChangeRootIfDue(now)) << "it never was changed";
  EXPECT_FALSE(*ring->ChangeRootIfDue(now + absl::Hours(9))) << "nothing was destroyed since";
  ASSERT_TRUE(ring->DestroyOwners({&lived.owners[7], 1}).ok());
  EXPECT_TRUE(ring->status().erased_since_root);
  EXPECT_FALSE(*ring->ChangeRootIfDue(now + absl::Minutes(59)));
  ring.reset();
  ring = *KeyRing::Open(directory_ / "ring", Options());
  EXPECT_FALSE(*ring->ChangeRootIfDue(now + absl::Minutes(59)));
  now += KeyRing::kRootInterval;
  EXPECT_TRUE(*ring->ChangeRootIfDue(now)) << "a start forgets it not";
  EXPECT_FALSE(ring->status().erased_since_root);
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_TRUE(*ring->ChangeRootIfDue(now + absl::Seconds(1)));
  EXPECT_FALSE(*ring->ChangeRootIfDue(now + absl::Seconds(1)));
  // A clock that was set back.
  ASSERT_TRUE(ring->DestroyOwners({&lived.owners[9], 1}).ok());
  EXPECT_TRUE(*ring->ChangeRootIfDue(now - absl::Hours(100)));
}

TEST_F(RootInFile, OneThatIsOutOfReachKeepsNothingFromBeingOverwritten) {
  auto ring = *KeyRing::Create(directory_ / "ring", Options());
  const Lived lived(*ring);
  fs::rename(root_path(), directory_ / "away");
  ASSERT_TRUE(lived.Destroy(*ring).ok());
  lived.ExpectLiving(*ring);
  EXPECT_FALSE(ring->ChangeRootIfDue(kRingNow).ok());
  EXPECT_FALSE(*ring->ChangeRootIfDue(kRingNow + absl::Seconds(59))) << "not tried again so soon";
  running_ += absl::Minutes(1);
  EXPECT_FALSE(ring->ChangeRootIfDue(kRingNow).ok()) << "but where the clock stands still";
  EXPECT_FALSE(ring->ChangeRootIfDue(kRingNow + absl::Hours(1)).ok());
  EXPECT_EQ(ring->status().root_due_since, kRingNow);
  EXPECT_FALSE(fs::exists(root_path())) << "no other is made in its place";
  lived.ExpectLiving(*ring);
  fs::rename(directory_ / "away", root_path());
  EXPECT_TRUE(*ring->ChangeRootIfDue(kRingNow + absl::Hours(2)));
  EXPECT_EQ(ring->status().root_due_since, std::nullopt);
  lived.ExpectLiving(*ring);
}

// The file is put away while the ring is open: found within a minute, and so is its coming back.
TEST_F(RootInFile, OneThatIsTakenAwayIsMissed) {
  auto ring = *KeyRing::Create(directory_ / "ring", Options());
  EXPECT_TRUE(ring->LookForRoot(kRingNow).ok());
  fs::rename(root_path(), directory_ / "away");
  EXPECT_TRUE(ring->LookForRoot(kRingNow + absl::Seconds(59)).ok()) << "not asked again so soon";
  EXPECT_FALSE(ring->LookForRoot(kRingNow + absl::Minutes(1)).ok());
  fs::rename(directory_ / "away", root_path());
  EXPECT_FALSE(ring->LookForRoot(kRingNow + absl::Minutes(1)).ok());
  EXPECT_TRUE(ring->LookForRoot(kRingNow + absl::Minutes(2)).ok());
  fs::rename(root_path(), directory_ / "away");
  running_ += absl::Minutes(1);
  EXPECT_FALSE(ring->LookForRoot(kRingNow + absl::Minutes(2)).ok()) << "a clock that stands still hides nothing";
}

TEST_F(RootInFile, AnotherOrNoneOpensNothing_AndTouchesNothing) {
  KeyRing::Create(directory_ / "ring", Options())->reset();
  const auto bytes = [&] {
    std::string all = ReadBytes(root_path());
    for (const char* file : {"head", "keys", "pages"}) all += ReadBytes(directory_ / "ring/a" / file);
    return all;
  };
  const std::string before = bytes();
  const auto refused = [&](KeyRing::Options options, const char* word) {
    const absl::Status status = KeyRing::Open(directory_ / "ring", std::move(options)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), word)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "\n"));
    EXPECT_EQ(bytes(), before);
  };
  refused({}, "kept elsewhere (file)");
  KeyRing::Options other = Options();
  other.root = OpenRootFile(directory_ / "other", SystemRandom());
  refused(other, "not where --ring-root-file says");
  KeyRing::Create(directory_ / "stranger", other)->reset();
  refused(other, "another ring's");
  KeyRing::Options over = Options();
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Create(directory_ / "third", over).status()));
  EXPECT_EQ(bytes(), before) << "a new ring takes no root away";
  fs::permissions(root_path(), fs::perms::group_read, fs::perm_options::add);
  refused(Options(), "chmod 0600");
}

TEST_F(RootInFile, ACreationThatCrashesAnywhereIsMadeAgain) {
  for (int fuse = 0;; ++fuse) {
    SCOPED_TRACE(absl::StrCat("after ", fuse, " steps"));
    fs::remove_all(directory_ / "ring");
    fs::remove(root_path());
    fuse_ = fuse;
    const bool made = KeyRing::Create(directory_ / "ring", Options()).ok();
    fuse_.reset();
    auto opened = KeyRing::Open(directory_ / "ring", Options());
    if (absl::IsNotFound(opened.status())) opened = KeyRing::Create(directory_ / "ring", Options());
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (made) break;
  }
}

TEST_F(RootInFile, ARingTakesOneOn) {
  auto ring = *KeyRing::Create(directory_ / "ring", {});
  const Lived lived(*ring);
  ASSERT_TRUE(lived.Destroy(*ring).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ring->ChangeRoot(kRingNow)));
  ring.reset();
  for (int fuse = 0;; ++fuse) {
    fs::remove_all(directory_ / "tried");
    fs::remove(root_path());
    CopyRing(directory_ / "ring", directory_ / "tried");
    fs::permissions(directory_ / "tried", fs::perms::owner_all);
    for (const char* replica : {"a", "b"}) fs::permissions(directory_ / "tried" / replica, fs::perms::owner_all);
    fuse_ = fuse;
    const bool taken = KeyRing::Open(directory_ / "tried", Options()).ok();
    fuse_.reset();
    auto opened = KeyRing::Open(directory_ / "tried", Options());
    ASSERT_TRUE(opened.ok()) << fuse << opened.status();
    lived.ExpectLiving(**opened);
    EXPECT_EQ((*opened)->status().root, RootKind::kFile);
    EXPECT_FALSE(DecodeRing(directory_ / "tried/a").whole);
    EXPECT_TRUE(DecodeRing(directory_ / "tried/a", Now()).whole);
    if (taken) break;
  }
}

// The root is changed with the blocks that are kept free.
TEST_F(RootInFile, AFullDiskKeepsNoRoot) {
  KeyRing::Options options = Options();
  options.spare_blocks = 8;
  auto ring = *KeyRing::Create(directory_ / "ring", std::move(options));
  std::vector<OwnerNumber> owners;
  for (size_t i = 0; i < 12 * kPageNumbers; ++i) owners.push_back(*ring->NewOwner(DueDay::Open()));
  std::vector<OwnerNumber> gone;
  for (size_t i = 0; i < owners.size(); i += kPageNumbers) gone.push_back(owners[i]);
  ASSERT_TRUE(ring->DestroyOwners(gone).ok());
  const auto size = fs::file_size(directory_ / "ring/a/pages");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit as_before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &as_before), 0);
  rlimit full = as_before;
  full.rlim_cur = size;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status changed = ring->ChangeRoot(kRingNow);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &as_before), 0);
  EXPECT_TRUE(changed.ok()) << changed;
  EXPECT_EQ(fs::file_size(directory_ / "ring/a/pages"), size);
}

}  // namespace
}  // namespace retention
