// The replicas of a key ring: which one is believed, which are mended and which refused.
#include <gtest/gtest.h>
#include <openssl/evp.h>

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

KeyRing::Options Knowing(uint64_t generation, bool accept_lower_replica = false) {
  KeyRing::Options options;
  options.opening = {.known_generation = generation, .accept_lower_replica = accept_lower_replica};
  return options;
}

void Flip(const std::string& path, size_t offset) {
  std::string bytes = ReadBytes(path);
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  WriteBytes(path, bytes);
}

std::unique_ptr<KeyRing> MustCreateRing(const std::string& path) {
  auto ring = KeyRing::Create(path, {});
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::unique_ptr<KeyRing> MustOpenRing(const std::string& path, KeyRing::Options options = {}) {
  auto ring = KeyRing::Open(path, std::move(options));
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

class TwoReplicas : public ::testing::Test {
 protected:
  TwoReplicas() : ring_(MustCreateRing(path_)) {
    day_ = BytesOf(*ring_->ForDay(kDay));
    later_ = BytesOf(*ring_->ForDay(kDay.Next()));
    generation_ = ring_->generation();
  }
  void Close() { ring_.reset(); }
  absl::Status OpenStatus(KeyRing::Options options = {}) { return KeyRing::Open(path_, std::move(options)).status(); }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
  // The bytes that a secret lies as now.
  std::string Sealed(const std::string& secret) const { return DecodeRing(path_ + "/a").sealed.at(secret); }

  std::unique_ptr<KeyRing> ring_;
  std::string day_;
  std::string later_;
  uint64_t generation_ = 0;
};

TEST_F(TwoReplicas, ADamagedEntryIsMendedFromTheOther) {
  Close();
  for (const char* name : {"/a/keys", "/b/keys"}) {
    for (size_t offset = 4096; offset < 4096 + 128; ++offset) {
      Flip(path_ + name, offset);
      const auto ring = MustOpenRing(path_);
      ASSERT_EQ(BytesOf(*ring->FindDay(kDay)), day_) << name << offset;
      EXPECT_EQ(ring->found().entries_mended, 1u);
      EXPECT_EQ(ring->found().entries_damaged, 0u);
    }
  }
  EXPECT_EQ(ReadBytes(path_ + "/a/keys"), ReadBytes(path_ + "/b/keys"));
}

TEST_F(TwoReplicas, AnEntryThatIsDamagedInBothCostsItself) {
  Close();
  for (const char* name : {"/a/keys", "/b/keys"}) Flip(path_ + name, 4096 + 20);
  const auto ring = MustOpenRing(path_);
  EXPECT_EQ(ring->found().entries_damaged, 1u);
  EXPECT_FALSE(ring->FindDay(kDay).has_value());
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay.Next())), later_);
  // It must not outlive what it was of.
  for (const char* name : {"/a/keys", "/b/keys"}) {
    EXPECT_EQ(ReadBytes(path_ + name).substr(4096, 56), std::string(56, '\0')) << name;
  }
}

// It once kept the whole server from starting.
TEST_F(TwoReplicas, AnOwnerThatIsDamagedInBothIsLost_AndOverwritten) {
  std::vector<OwnerNumber> owners;
  for (int i = 0; i < 4; ++i) owners.push_back(*ring_->NewOwner(DueDay::Open()));
  ASSERT_TRUE(ring_->DestroyOwners({&owners[0], 1}).ok());
  const auto damage = [&](const char* replica, OwnerNumber owner) {
    // In the first block, behind the file's header and its own.
    Flip(path_ + replica + "/pages", 4096 + 64 + owner % kPageNumbers * 40 + 20);
  };
  damage("/a", owners[1]);
  EXPECT_TRUE(ring_->FindOwner(owners[1])->has_value()) << "the other has it";
  damage("/a", owners[2]);
  damage("/b", owners[2]);
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owners[2]).status()));
  Close();
  ring_ = MustOpenRing(path_);
  EXPECT_EQ(ring_->found().entries_damaged, 1u);
  EXPECT_EQ(ring_->found().entries_mended, 1u);
  EXPECT_TRUE(ring_->FindOwner(owners[1])->has_value());
  EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owners[2]).status()));
  EXPECT_TRUE(ring_->FindOwner(owners[3])->has_value());
  EXPECT_TRUE(ring_->Verify()->is_sound());
  for (int start = 0; start < 2; ++start) {
    Close();
    ring_ = MustOpenRing(path_);
    EXPECT_EQ(ring_->found().entries_damaged, 0u);
    EXPECT_TRUE(absl::IsDataLoss(ring_->FindOwner(owners[2]).status())) << "lost, not ended";
  }
  ASSERT_TRUE(ring_->DestroyOwners({&owners[2], 1}).ok());
  EXPECT_EQ(*ring_->FindOwner(owners[2]), std::nullopt) << "ended, lost or not";
}

TEST_F(TwoReplicas, ALostOneIsWrittenAnew_IfTheOtherIsKnownToBeTheLast) {
  Close();
  std::filesystem::remove_all(path_ + "/a");
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus(Knowing(generation_ + 1))));
  {
    const auto ring = MustOpenRing(path_, Knowing(generation_));
    EXPECT_EQ(ring->found().replicas_rebuilt, 1u);
    EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day_);
  }
  EXPECT_EQ(ReadBytes(path_ + "/a/keys"), ReadBytes(path_ + "/b/keys"));
  for (const char* file : {"/b/head", "/b/keys", "/b/pages"}) std::filesystem::remove(path_ + file);
  MustOpenRing(path_, Knowing(0, /*accept_lower_replica=*/true));
}

// A file that is not there, or too short, once counted as one without keys, and emptied the other.
TEST_F(TwoReplicas, OneThatLacksAFileOrPartOfItIsWrittenAnew) {
  const OwnerNumber owner = *ring_->NewOwner(DueDay::Open());
  generation_ = ring_->generation();
  Close();
  for (const char* replica : {"/a", "/b"}) {
    for (const char* file : {"/keys", "/pages"}) {
      for (const bool cut : {false, true}) {
        const std::string name = path_ + replica + file;
        const std::string whole = ReadBytes(name);
        std::filesystem::remove(name);
        if (cut) {
          WriteBytes(name, whole.substr(0, whole.size() - 200));
          std::filesystem::permissions(name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        }
        const auto ring = MustOpenRing(path_, Knowing(generation_));
        EXPECT_EQ(ring->found().replicas_rebuilt, 1u) << name << cut;
        ASSERT_TRUE(ring->FindDay(kDay).has_value()) << name << cut;
        EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day_);
        EXPECT_TRUE((*ring->FindOwner(owner)).has_value());
        EXPECT_EQ(ReadBytes(name), whole);
      }
    }
  }
}

// Else it could have the same head and the same sizes as the other, and zeros for keys.
TEST_F(TwoReplicas, AnOverwritingThatCrashesAnywhereLosesNothing) {
  Close();
  for (const char* replica : {"/a", "/b"}) {
    bool done = false;
    for (int fuse = 0; !done; ++fuse) {
      SCOPED_TRACE(absl::StrCat(replica, " ", fuse));
      // It lacks all but one entry.
      std::filesystem::resize_file(path_ + replica + "/keys", 4096 + 64);
      int left = fuse;
      KeyRing::Options options = Knowing(generation_);
      options.on_io = [&](size_t, RingFile, RingReplica::Io) {
        return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("crashed");
      };
      done = KeyRing::Open(path_, std::move(options)).ok();
      const auto ring = MustOpenRing(path_, Knowing(generation_));
      ASSERT_TRUE(ring->FindDay(kDay).has_value());
      ASSERT_TRUE(ring->FindDay(kDay.Next()).has_value());
      EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day_);
      EXPECT_EQ(BytesOf(*ring->FindDay(kDay.Next())), later_);
    }
  }
}

// The one that was away when something was destroyed still holds it.
TEST_F(TwoReplicas, AStaleOneIsOverwritten_NeverRead) {
  const std::string bytes = Sealed(day_);
  Close();
  std::filesystem::copy(path_ + "/b", directory_ / "stale", std::filesystem::copy_options::recursive);
  ring_ = MustOpenRing(path_);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  Close();
  std::filesystem::remove_all(path_ + "/b");
  std::filesystem::copy(directory_ / "stale", path_ + "/b", std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(directory_ / "stale");
  ring_ = MustOpenRing(path_);
  EXPECT_FALSE(ring_->FindDay(kDay).has_value());
  EXPECT_EQ(FilesHolding(directory_.path(), bytes), std::vector<std::string>());
}

TEST_F(TwoReplicas, ARingThatWasRolledBackIsRefused) {
  Close();
  std::filesystem::copy(path_, directory_ / "yesterday", std::filesystem::copy_options::recursive);
  ring_ = MustOpenRing(path_);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  const uint64_t known = ring_->generation();
  Close();
  std::filesystem::remove_all(path_);
  std::filesystem::rename(directory_ / "yesterday", path_);
  const absl::Status refused = OpenStatus(Knowing(known));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "rolled back")) << refused;
}

// What it gave since must not be given again, to another row; nor may it look like the ring that it is behind.
TEST_F(TwoReplicas, ARingThatWasRolledBackIsGoneOnWithBeyondAllThatWas) {
  for (uint64_t behind = 1; behind <= 6; ++behind) {
    Close();
    std::filesystem::copy(path_, directory_ / "yesterday", std::filesystem::copy_options::recursive);
    ring_ = MustOpenRing(path_);
    const OwnerNumber given = *ring_->NewOwner(kDay);
    for (uint64_t i = 0; i < behind; ++i) ASSERT_TRUE(ring_->ForDay(DueDay::FromNumber(30000 + behind * 10 + i)).ok());
    const uint64_t known = ring_->generation();
    Close();
    std::filesystem::remove_all(path_);
    std::filesystem::rename(directory_ / "yesterday", path_);
    ring_ = MustOpenRing(path_, Knowing(known, true));
    EXPECT_TRUE(ring_->found().rolled_back);
    EXPECT_GT(ring_->generation(), known);
    EXPECT_EQ(BytesOf(*ring_->FindDay(kDay)), day_);
    EXPECT_GT(*ring_->NewOwner(kDay), given + (uint64_t{1} << 32));
    const uint64_t now = ring_->generation();
    Close();
    ring_ = MustOpenRing(path_, Knowing(now));
    EXPECT_FALSE(ring_->found().rolled_back);
  }
}

TEST_F(TwoReplicas, OneThatCannotBeWrittenIsCounted_AndMendedLater) {
  Close();
  for (const size_t broken : {size_t{0}, size_t{1}}) {
    bool armed = false;
    KeyRing::Options options;
    options.on_io = [&](size_t replica, RingFile, RingReplica::Io) {
      return armed && replica == broken ? absl::UnavailableError("broken") : absl::OkStatus();
    };
    ring_ = MustOpenRing(path_, std::move(options));
    const std::string key = BytesOf(*ring_->ForDay(DueDay::FromNumber(40000)));
    armed = true;
    const DueDay day = DueDay::FromNumber(30000 + static_cast<uint32_t>(broken));
    const std::string doomed = [&] {
      armed = false;
      const std::string minted = Sealed(BytesOf(*ring_->ForDay(day)));
      armed = true;
      return minted;
    }();
    ASSERT_TRUE(ring_->DestroyDaysThrough(day).ok());
    EXPECT_EQ(ring_->stale_replicas(), 1u);
    EXPECT_EQ(FilesHolding(path_, doomed), std::vector<std::string>{"keys"}) << "of the broken one";
    armed = false;
    ASSERT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(ring_->stale_replicas(), 0u);
    EXPECT_EQ(FilesHolding(path_, doomed), std::vector<std::string>());
    EXPECT_EQ(BytesOf(*ring_->FindDay(DueDay::FromNumber(40000))), key);
    Close();
  }
  EXPECT_TRUE(OpenStatus().ok());
}

TEST_F(TwoReplicas, OneThatIsRemovedBeneathItIsNoticed) {
  std::filesystem::remove_all(path_ + "/b");
  ASSERT_TRUE(ring_->ForDay(DueDay::FromNumber(40000)).ok());
  EXPECT_EQ(ring_->stale_replicas(), 1u);
  std::filesystem::remove_all(path_ + "/a");
  EXPECT_TRUE(absl::IsUnavailable(ring_->ForDay(DueDay::FromNumber(40001)).status()));
}

TEST_F(TwoReplicas, KeysWithoutAHead_AreDataLoss) {
  Close();
  for (const char* name : {"/a/head", "/b/head"}) WriteBytes(path_ + name, std::string(8192, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(OpenStatus()));
  EXPECT_TRUE(absl::IsDataLoss(KeyRing::Create(path_, {}).status()));
}

TEST_F(TwoReplicas, AnotherVersionIsRefused_AndNothingIsTouched) {
  Close();
  for (const char version : {4, 6}) {
    std::string head = ReadBytes(path_ + "/a/head");
    std::string place = head.substr(generation_ % 2 * 4096, 4064);
    place[11] = version;
    uint8_t sum[32];
    EVP_Digest(place.data(), place.size(), sum, nullptr, EVP_sha256(), nullptr);
    place.append(reinterpret_cast<const char*>(sum), sizeof(sum));
    head.replace(generation_ % 2 * 4096, 4096, place);
    WriteBytes(path_ + "/a/head", head);
    const absl::Status refused = OpenStatus();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), absl::StrCat("version ", static_cast<int>(version)))) << refused;
    EXPECT_EQ(ReadBytes(path_ + "/a/head"), head);
  }
}

// A header says nothing that the head does not.
TEST_F(TwoReplicas, AHeaderThatIsDamagedInBothIsWrittenAnew) {
  Close();
  for (const char* file : {"/keys", "/pages"}) {
    const std::string whole = ReadBytes(path_ + "/a" + file);
    for (const char* harm : {"zeros", "magic", "identity", "rest"}) {
      SCOPED_TRACE(absl::StrCat(file, " ", harm));
      std::string bytes = whole;
      if (std::string_view(harm) == "zeros") bytes.replace(0, 4096, 4096, '\0');
      if (std::string_view(harm) == "magic") bytes[2] ^= 1;
      if (std::string_view(harm) == "identity") bytes[12] ^= 1;
      if (std::string_view(harm) == "rest") bytes[4000] ^= 1;
      for (const char* replica : {"/a", "/b"}) WriteBytes(path_ + replica + file, bytes);
      const auto ring = MustOpenRing(path_);
      EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day_);
      EXPECT_EQ(ring->found().entries_mended, 2u);
      EXPECT_FALSE(ring->has_untold_loss());
      for (const char* replica : {"/a", "/b"}) EXPECT_EQ(ReadBytes(path_ + replica + file), whole);
    }
  }
}

TEST_F(TwoReplicas, AFileThatIsMissingInBothIsNamed) {
  Close();
  for (const char* file : {"head", "keys", "pages"}) {
    std::vector<std::string> before;
    for (const char* replica : {"/a/", "/b/"}) {
      before.push_back(ReadBytes(path_ + replica + file));
      WriteBytes(path_ + replica + file, "");
    }
    const absl::Status refused = OpenStatus(Knowing(generation_));
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), absl::StrCat("its file ", file, " is missing"))) << refused;
    WriteBytes(path_ + "/a/" + file, before[0]);
    WriteBytes(path_ + "/b/" + file, before[1]);
  }
  EXPECT_TRUE(OpenStatus().ok());
}

TEST_F(TwoReplicas, AFileOfAnotherRingIsNotTaken) {
  Close();
  MustCreateRing(directory_ / "stranger").reset();
  for (const char* file : {"/a/keys", "/a/pages"}) {
    const std::string own = ReadBytes(path_ + file);
    WriteBytes(path_ + file, ReadBytes(absl::StrCat((directory_ / "stranger").string(), file)));
    EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
    const auto ring = MustOpenRing(path_, Knowing(generation_));
    EXPECT_EQ(ring->found().replicas_rebuilt, 1u);
    EXPECT_EQ(ReadBytes(path_ + file), own);
  }
}

// The later one lacks a file, and still says that it is the later.
TEST_F(TwoReplicas, AnOlderOneIsNotBelievedBecauseTheLaterLacksAFile) {
  Close();
  std::filesystem::copy(path_ + "/b", directory_ / "older", std::filesystem::copy_options::recursive);
  ring_ = MustOpenRing(path_);
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  Close();
  std::filesystem::remove_all(path_ + "/b");
  std::filesystem::rename(directory_ / "older", path_ + "/b");
  for (const char* file : {"/a/keys", "/a/pages"}) {
    const std::string whole = ReadBytes(path_ + file);
    WriteBytes(path_ + file, "");
    const absl::Status refused = OpenStatus(Knowing(generation_));
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "rolled back")) << refused;
    WriteBytes(path_ + file, whole);
  }
  EXPECT_FALSE(MustOpenRing(path_, Knowing(generation_))->FindDay(kDay).has_value());
}

TEST_F(TwoReplicas, OfDifferentRingsAreRefused) {
  Close();
  MustCreateRing(directory_ / "stranger").reset();
  std::filesystem::remove_all(path_ + "/b");
  std::filesystem::copy(directory_ / "stranger/b", path_ + "/b", std::filesystem::copy_options::recursive);
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
}

// Each write and sync that a creation makes, as the last before a crash.
TEST(KeyRing, ACreationThatCrashesLeavesARingOrNone) {
  for (int fuse = 0;; ++fuse) {
    const FreshDirectory directory;
    int left = fuse;
    KeyRing::Options options;
    options.on_io = [&](size_t, RingFile, RingReplica::Io) {
      return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("crashed");
    };
    const bool made = KeyRing::Create(directory / "ring", std::move(options)).ok();
    const auto opened = KeyRing::Open(directory / "ring", Knowing(0, /*accept_lower_replica=*/true));
    EXPECT_TRUE(opened.ok() || absl::IsNotFound(opened.status())) << fuse << opened.status();
    if (!opened.ok()) {
      EXPECT_TRUE(KeyRing::Create(directory / "ring", {}).ok()) << fuse;
    }
    if (made) break;
  }
}

}  // namespace
}  // namespace retention
