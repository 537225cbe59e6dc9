#include "storage/secrets/key_ring.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

const PbxId kPbx = IdOf<PbxId>(0x41);  // shard 1

std::string BytesOf(const SecretKey& key) { return {reinterpret_cast<const char*>(key.data()), SecretKey::kBytes}; }

KeyRing::Options Counting() {
  auto random = std::make_shared<CountingRandom>();
  return {.random = [random](uint8_t* bytes, size_t size) { return random->Fill(bytes, size); }};
}

std::unique_ptr<KeyRing> MustCreate(const std::string& path) {
  auto ring = KeyRing::Create(path, {});
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::unique_ptr<KeyRing> MustOpen(const std::string& path) {
  auto ring = KeyRing::Open(path, {});
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::string WithChecksum(std::string bytes) {
  uint8_t sum[32];
  EVP_Digest(bytes.data(), bytes.size(), sum, nullptr, EVP_sha256(), nullptr);
  return bytes.append(reinterpret_cast<const char*>(sum), sizeof(sum));
}

void Rewrite(const std::string& path, size_t offset, char byte, bool fix_checksum) {
  std::string bytes = ReadBytes(path);
  bytes[offset] = byte;
  WriteBytes(path, fix_checksum ? WithChecksum(bytes.substr(0, bytes.size() - 32)) : bytes);
}

TEST(KeyRing, Files_GoldenBytes) {
  const FreshDirectory directory;
  const auto ring = KeyRing::Create(directory / "ring", Counting());
  ASSERT_TRUE(ring.ok()) << ring.status();
  ASSERT_TRUE((*ring)->ForDay(kDay).ok());
  ASSERT_TRUE((*ring)->ForCohort(DueDay::FromNumber(0x01020304)).ok());
  ASSERT_TRUE((*ring)->MintPbx(kPbx).ok());
  ASSERT_TRUE((*ring)->DestroyDaysThrough(DueDay::FromNumber(5)).ok());
  ASSERT_TRUE((*ring)->DestroyCohortsThrough(DueDay::FromNumber(6)).ok());
  const std::string identity = "000102030405060708090a0b0c0d0e0f";
  const std::string days = ReadBytes(directory / "ring/days");
  EXPECT_EQ(Hex(days.substr(0, days.size() - 32)),
            "5245544e52494e47"
            "00000002"
            "44"
            "00" +
                identity +
                "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
                "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f"
                "00000005"
                "00000006"
                "00000001"
                "00005028"
                "505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"
                "00000001"
                "01020304"
                "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f");
  EXPECT_EQ(days, WithChecksum(days.substr(0, days.size() - 32)));
  const std::string pbxs = ReadBytes(directory / "ring/pbx-01");
  EXPECT_EQ(Hex(pbxs.substr(0, pbxs.size() - 32)),
            "5245544e52494e47"
            "00000002"
            "50"
            "01" +
                identity +
                "00000001"
                "4142434445464748"
                "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
                "00000000");
  ASSERT_TRUE((*ring)->NarrowPbx(kPbx).ok());
  const std::string narrowed = ReadBytes(directory / "ring/pbx-01");
  EXPECT_EQ(Hex(narrowed.substr(0, narrowed.size() - 32)),
            "5245544e52494e47"
            "00000002"
            "50"
            "01" +
                identity +
                "00000000"
                "00000001"
                "4142434445464748"
                "4eeaf0e0084383e7fcae9bc5ce95e3f9b0f0b05276641f25d2f56eef90ddb6ad");
}

TEST(KeyRing, IsForItsOwnerOnly) {
  const FreshDirectory directory;
  const auto ring = MustCreate(directory / "ring");
  struct stat info;
  ASSERT_EQ(::stat((directory / "ring").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(directory / "ring")) {
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ++files;
  }
  EXPECT_EQ(files, 65u);
}

TEST(KeyRing, KeysSurviveReopening) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  const std::string identity = ring->identity();
  const std::string hash = BytesOf(ring->HashKey());
  const std::string open = BytesOf(ring->OpenKey());
  const std::string day = BytesOf(*ring->ForDay(kDay));
  const std::string cohort = BytesOf(*ring->ForCohort(kDay));
  const std::string pbx = BytesOf(*ring->MintPbx(kPbx));
  EXPECT_EQ(BytesOf(*ring->ForDay(kDay)), day);
  EXPECT_EQ(BytesOf(*ring->MintPbx(kPbx)), pbx);
  ring.reset();
  ring = MustOpen(directory / "ring");
  EXPECT_EQ(ring->identity(), identity);
  EXPECT_EQ(BytesOf(ring->HashKey()), hash);
  EXPECT_EQ(BytesOf(ring->OpenKey()), open);
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day);
  EXPECT_EQ(BytesOf(*ring->FindCohort(kDay)), cohort);
  EXPECT_EQ(BytesOf(*ring->FindPbx(kPbx)), pbx);
  EXPECT_FALSE(ring->FindDay(kDay.Next()).has_value());
  EXPECT_EQ((std::set<std::string>{hash, open, day, cohort, pbx}).size(), 5u);
}

TEST(KeyRing, DestroyedKeysAreGoneForGood) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  const std::string first = BytesOf(*ring->ForDay(kDay));
  const std::string second = BytesOf(*ring->ForDay(kDay.Next()));
  const std::string later = BytesOf(*ring->ForDay(kDay.Next().Next()));
  const std::string cohort = BytesOf(*ring->ForCohort(kDay));
  const std::string pbx = BytesOf(*ring->MintPbx(kPbx));
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay.Next()).ok());
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay.Next()).ok());
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_EQ(ring->destroyed_through(), kDay.Next());
  ASSERT_TRUE(ring->DestroyCohortsThrough(kDay).ok());
  ASSERT_TRUE(ring->DestroyPbx(kPbx).ok());
  ASSERT_TRUE(ring->DestroyPbx(kPbx).ok());
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(ring->FindDay(kDay).has_value());
    EXPECT_FALSE(ring->FindDay(kDay.Next()).has_value());
    EXPECT_EQ(ring->ForDay(kDay).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(BytesOf(*ring->ForDay(kDay.Next().Next())), later);
    EXPECT_EQ(ring->ForCohort(kDay).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ring->cohorts_destroyed_through(), kDay);
    EXPECT_FALSE(ring->FindPbx(kPbx).has_value());
    for (const std::string& key : {first, second, cohort, pbx}) {
      EXPECT_EQ(FilesHolding(directory.path(), key), std::vector<std::string>());
    }
    ring.reset();
    ring = MustOpen(directory / "ring");
  }
}

TEST(KeyRing, OnlyCivilDaysHaveKeysAndEnds) {
  const FreshDirectory directory;
  const auto ring = MustCreate(directory / "ring");
  for (const DueDay day : {DueDay::Open(), DueDay::Kept()}) {
    EXPECT_EQ(ring->ForDay(day).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ring->DestroyDaysThrough(day).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ring->DestroyCohortsThrough(day).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(KeyRing, ANarrowedPbxKeepsItsOrderKeyAlone) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok()) << "there is none yet";
  EXPECT_FALSE(ring->FindPbxOrders(kPbx).has_value());
  const std::string pbx = BytesOf(*ring->MintPbx(kPbx));
  const std::string orders = BytesOf(*ring->FindPbxOrders(kPbx));
  EXPECT_NE(orders, pbx);
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok());
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok());
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(ring->FindPbx(kPbx).has_value());
    EXPECT_EQ(BytesOf(*ring->FindPbxOrders(kPbx)), orders);
    EXPECT_EQ(ring->MintPbx(kPbx).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(FilesHolding(directory.path(), pbx), std::vector<std::string>());
    EXPECT_EQ(FilesHolding(directory.path(), orders).size(), 1u);
    ring.reset();
    ring = MustOpen(directory / "ring");
  }
  ASSERT_TRUE(ring->DestroyPbx(kPbx).ok());
  EXPECT_FALSE(ring->FindPbxOrders(kPbx).has_value());
  EXPECT_EQ(FilesHolding(directory.path(), orders), std::vector<std::string>());
}

// The old file's bytes must be overwritten, not only unlinked: a second name shows what became of them.
TEST(KeyRing, DestructionOverwritesTheOldFile) {
  const FreshDirectory directory;
  const auto ring = MustCreate(directory / "ring");
  ASSERT_TRUE(ring->ForDay(kDay).ok());
  ASSERT_TRUE(ring->MintPbx(kPbx).ok());
  fs::create_hard_link(directory / "ring/days", directory / "witness-days");
  fs::create_hard_link(directory / "ring/pbx-01", directory / "witness-pbx");
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  ASSERT_TRUE(ring->DestroyPbx(kPbx).ok());
  for (const char* witness : {"witness-days", "witness-pbx"}) {
    const std::string bytes = ReadBytes(directory / witness);
    EXPECT_FALSE(bytes.empty());
    EXPECT_EQ(bytes, std::string(bytes.size(), '\0'));
  }
}

// A crash between the two halves of a replacement leaves the current file under a second name: it must not be
// overwritten.
TEST(KeyRing, ASecondNameOfTheCurrentFile_IsRemovedUnharmed) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  const std::string day = BytesOf(*ring->ForDay(kDay));
  ring.reset();
  fs::create_hard_link(directory / "ring/days", directory / "ring/days.old");
  ring = MustOpen(directory / "ring");
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day);
  EXPECT_FALSE(fs::exists(directory / "ring/days.old"));
}

TEST(KeyRing, CreateAndOpen_KnowWhatIsThere) {
  const FreshDirectory directory;
  EXPECT_EQ(KeyRing::Open(directory / "ring", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(KeyRing::Open(directory.path(), {}).status().code(), absl::StatusCode::kNotFound);
  MustCreate(directory / "ring").reset();
  EXPECT_EQ(KeyRing::Create(directory / "ring", {}).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(KeyRing, OneProcessAtATime) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  EXPECT_EQ(KeyRing::Open(directory / "ring", {}).status().code(), absl::StatusCode::kFailedPrecondition);
  ring.reset();
  EXPECT_TRUE(KeyRing::Open(directory / "ring", {}).ok());
}

class DamagedKeyRing : public ::testing::Test {
 protected:
  DamagedKeyRing() {
    const auto ring = MustCreate(path_);
    EXPECT_TRUE(ring->ForDay(kDay).ok());
    EXPECT_TRUE(ring->MintPbx(kPbx).ok());
  }
  absl::StatusCode OpenCode() const { return KeyRing::Open(path_, {}).status().code(); }
  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
};

TEST_F(DamagedKeyRing, MissingDays_IsDataLoss) {
  fs::remove(path_ + "/days");
  EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(KeyRing::Create(path_, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(DamagedKeyRing, MissingPbxFile_IsDataLoss) {
  fs::remove(path_ + "/pbx-3f");
  EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss);
}

TEST_F(DamagedKeyRing, AnyFlippedByte_IsDataLoss) {
  for (const char* name : {"/days", "/pbx-01"}) {
    const std::string bytes = ReadBytes(path_ + name);
    for (size_t i = 0; i < bytes.size(); ++i) {
      Rewrite(path_ + name, i, static_cast<char>(bytes[i] ^ 1), false);
      EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss) << name << " byte " << i;
    }
    WriteBytes(path_ + name, bytes);
  }
  EXPECT_EQ(OpenCode(), absl::StatusCode::kOk);
}

TEST_F(DamagedKeyRing, AnyTruncation_IsDataLoss) {
  const std::string bytes = ReadBytes(path_ + "/days");
  for (size_t size = 0; size < bytes.size(); ++size) {
    WriteBytes(path_ + "/days", bytes.substr(0, size));
    EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss) << size;
    const size_t body = size < 32 ? 0 : size - 32;
    WriteBytes(path_ + "/days", WithChecksum(bytes.substr(0, body)));
    EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST_F(DamagedKeyRing, UnknownVersion_IsFailedPrecondition) {
  Rewrite(path_ + "/days", 11, 3, true);
  EXPECT_EQ(OpenCode(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DamagedKeyRing, SwappedFiles_AreDataLoss) {
  const std::string other = ReadBytes(path_ + "/pbx-02");
  WriteBytes(path_ + "/pbx-02", ReadBytes(path_ + "/pbx-01"));
  EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss);
  WriteBytes(path_ + "/pbx-02", other);
  const auto stranger = MustCreate(directory_ / "stranger");
  ASSERT_TRUE(stranger->MintPbx(kPbx).ok());
  WriteBytes(path_ + "/pbx-01", ReadBytes(directory_ / "stranger/pbx-01"));
  EXPECT_EQ(OpenCode(), absl::StatusCode::kDataLoss);
}

// Stops a rewrite at one step, as a crash or an error would.
class KeyRingSteps : public ::testing::TestWithParam<KeyRing::Step> {
 protected:
  KeyRing::Options Stopping() {
    return {.on_step = [this](KeyRing::Step step) {
      return armed_ && step == GetParam() ? absl::ResourceExhaustedError("stopped") : absl::OkStatus();
    }};
  }
  bool armed_ = false;
  FreshDirectory directory_;
  const std::string path_ = directory_ / "ring";
};

TEST_P(KeyRingSteps, CrashInDestruction_LeavesTheOldRingOrTheNew) {
  auto ring = *KeyRing::Create(path_, Stopping());
  const std::string day = BytesOf(*ring->ForDay(kDay));
  const std::string kept = BytesOf(*ring->ForDay(kDay.Next()));
  armed_ = true;
  EXPECT_FALSE(ring->DestroyDaysThrough(kDay).ok());
  ring.reset();
  ring = MustOpen(path_);
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay.Next())), kept);
  const bool renamed = GetParam() >= KeyRing::Step::kBeforeOverwrite;
  EXPECT_EQ(ring->FindDay(kDay).has_value(), !renamed);
  EXPECT_EQ(ring->destroyed_through(), renamed ? kDay : DueDay::None());
  // Either way no other file holds the key, and trying again ends it.
  EXPECT_EQ(FilesHolding(path_, day), renamed ? std::vector<std::string>() : std::vector<std::string>{"days"});
  EXPECT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_EQ(FilesHolding(path_, day), std::vector<std::string>());
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), fs::directory_iterator()), 65);
}

TEST_P(KeyRingSteps, CrashInDestruction_OldBytesAreOverwrittenAtTheNextOpen) {
  auto ring = *KeyRing::Create(path_, Stopping());
  const std::string day = BytesOf(*ring->ForDay(kDay));
  fs::create_hard_link(path_ + "/days", directory_ / "witness");
  armed_ = true;
  EXPECT_FALSE(ring->DestroyDaysThrough(kDay).ok());
  ring.reset();
  ring = MustOpen(path_);
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_EQ(FilesHolding(directory_.path(), day), std::vector<std::string>());
}

TEST_P(KeyRingSteps, FailedDestruction_SucceedsWhenTriedAgain) {
  auto ring = *KeyRing::Create(path_, Stopping());
  const std::string day = BytesOf(*ring->ForDay(kDay));
  const std::string pbx = BytesOf(*ring->MintPbx(kPbx));
  armed_ = true;
  EXPECT_EQ(ring->DestroyDaysThrough(kDay).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ring->DestroyPbx(kPbx).code(), absl::StatusCode::kResourceExhausted);
  armed_ = false;
  EXPECT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_TRUE(ring->DestroyPbx(kPbx).ok());
  EXPECT_FALSE(ring->FindDay(kDay).has_value());
  EXPECT_FALSE(ring->FindPbx(kPbx).has_value());
  EXPECT_EQ(FilesHolding(path_, day), std::vector<std::string>());
  EXPECT_EQ(FilesHolding(path_, pbx), std::vector<std::string>());
}

TEST_P(KeyRingSteps, FailedMinting_NeverHandsOutAKeyThatIsNotOnDisk) {
  auto ring = *KeyRing::Create(path_, Stopping());
  armed_ = true;
  EXPECT_FALSE(ring->ForDay(kDay).ok());
  EXPECT_FALSE(ring->MintPbx(kPbx).ok());
  armed_ = false;
  const std::string day = BytesOf(*ring->ForDay(kDay));
  const std::string pbx = BytesOf(*ring->MintPbx(kPbx));
  ring.reset();
  ring = MustOpen(path_);
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day);
  EXPECT_EQ(BytesOf(*ring->FindPbx(kPbx)), pbx);
}

TEST_P(KeyRingSteps, CrashInCreation_LeavesARingOrNone) {
  armed_ = true;
  EXPECT_FALSE(KeyRing::Create(path_, Stopping()).ok());
  const bool renamed = GetParam() >= KeyRing::Step::kBeforeOverwrite;
  EXPECT_EQ(KeyRing::Open(path_, {}).status().code(), renamed ? absl::StatusCode::kOk : absl::StatusCode::kNotFound);
  EXPECT_EQ(KeyRing::Create(path_, {}).status().code(),
            renamed ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kOk);
  EXPECT_TRUE(KeyRing::Open(path_, {}).ok());
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KeyRingSteps,
                         ::testing::Values(KeyRing::Step::kBeforeWrite, KeyRing::Step::kBeforeRename,
                                           KeyRing::Step::kBeforeOverwrite, KeyRing::Step::kDone));

TEST(KeyRing, NoRandomness_MintsNothing) {
  const FreshDirectory directory;
  auto random = std::make_shared<CountingRandom>();
  const auto ring = *KeyRing::Create(
      directory / "ring", {.random = [random](uint8_t* bytes, size_t size) { return random->Fill(bytes, size); }});
  random->Fail(absl::UnavailableError("no randomness"));
  EXPECT_EQ(ring->ForDay(kDay).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(ring->FindDay(kDay).has_value());
}

}  // namespace
}  // namespace retention
