#include "storage/secrets/key_ring.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

const PbxId kPbx = IdOf<PbxId>(0x41);

std::unique_ptr<KeyRing> MustCreate(const std::string& path, KeyRing::Options options = {}) {
  auto ring = KeyRing::Create(path, std::move(options));
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::unique_ptr<KeyRing> MustOpen(const std::string& path, KeyRing::Options options = {}) {
  auto ring = KeyRing::Open(path, std::move(options));
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::string OwnerBytes(const KeyRing& ring, OwnerNumber number) {
  const auto owner = ring.FindOwner(number);
  EXPECT_TRUE(owner.ok()) << owner.status();
  return owner.ok() && owner->has_value() ? BytesOf((*owner)->secret) : "";
}

// The bytes that a secret lies as in a ring, now.
std::string SealedIn(const FreshDirectory& directory, const std::string& secret) {
  const DecodedRing ring = DecodeRing(directory / "ring/a");
  const auto found = ring.sealed.find(secret);
  EXPECT_NE(found, ring.sealed.end());
  return found == ring.sealed.end() ? secret : found->second;
}

TEST(KeyRing, Files_GoldenBytes) {
  const FreshDirectory directory;
  auto random = std::make_shared<CountingRandom>();
  KeyRing::Options options;
  options.random = [random](uint8_t* bytes, size_t size) { return random->Fill(bytes, size); };
  const auto ring = MustCreate(directory / "ring", std::move(options));
  ASSERT_TRUE(ring->ForDay(kDay).ok());
  ASSERT_TRUE(ring->ForCohort(DueDay::FromNumber(0x01020304)).ok());
  ASSERT_TRUE(ring->MintPbx(kPbx).ok());
  ASSERT_TRUE(ring->DestroyDaysThrough(DueDay::FromNumber(5)).ok());
  ASSERT_TRUE(ring->DestroyCohortsThrough(DueDay::FromNumber(6)).ok());
  // Generation 6 lies in the first place.
  const std::string head = ReadBytes(directory / "ring/a/head");
  ASSERT_EQ(head.size(), 8192u);
  EXPECT_EQ(Hex(head.substr(0, 72)),
            "5245544e52494e47"
            "00000005"
            "0000000000000006"
            "000102030405060708090a0b0c0d0e0f"
            "00000000"
            "00000001"
            "0000000000000000"
            "0000000000000000"
            "0000000000000001"
            "00000000");
  EXPECT_EQ(Hex(head.substr(72, 104)),
            "e037133c3e81789c6cc83751821832041514f43c95b6afd9"
            "cab56c3ba2efba805fb1a2eb406597091d59f7f00741f28f"
            "f01c1ac3268a153ceba9dd40d91191c1856c14325be9724b"
            "8b4c20dd84e94e809df66031e15b1556b583f8f4303d0e39"
            "5452265066d15c43");
  EXPECT_EQ(Hex(head.substr(176, 24)),
            "0000000000000001"
            "00000005"
            "00000006"
            "00000003"
            "00000000");
  const std::string keys = ReadBytes(directory / "ring/a/keys");
  EXPECT_EQ(Hex(keys.substr(0, 24)), "5245544e4b455953000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(Hex(keys.substr(4096, 56)),
            "01000000"
            "00000000"
            "0000000000005028"
            "e43dffe1f5ed756c0dd0ecd941286a49fb0391ebb36f0f215e0a7fedf91a22a2"
            "00000001"
            "00000000");
  EXPECT_EQ(Hex(keys.substr(4096 + 128, 56)),
            "03000000"
            "00000000"
            "4142434445464748"
            "079e8ce52d29301a51879496838dc182846365bb9658d51c5da70fe2f510ec40"
            "00000001"
            "00000000");
  const DecodedRing decoded = DecodeRing(directory / "ring/a");
  EXPECT_EQ(Hex(decoded.hash_key), "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f");
  EXPECT_EQ(Hex(decoded.open_key), "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f");
  EXPECT_EQ(Hex(decoded.keys.at({'D', 0x5028})), "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f");
  EXPECT_EQ(Hex(decoded.keys.at({'P', 0x4142434445464748})),
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
  for (const char* file : {"head", "keys", "pages"}) {
    EXPECT_EQ(ReadBytes(directory / "ring/a" / file), ReadBytes(directory / "ring/b" / file)) << file;
  }
  // The check is over the file and the place too.
  EXPECT_EQ(Hex(keys.substr(4096 + 56, 8)), "b5c425840b326191");
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok());
  // What was destroyed leaves a tombstone of its name.
  EXPECT_EQ(Hex(ReadBytes(directory / "ring/a/keys").substr(4096 + 128, 64)),
            "03010000"
            "00000000"
            "4142434445464748"
            "0000000000000000000000000000000000000000000000000000000000000000"
            "00000000"
            "00000000"
            "2fef2d508dd2b398");
  EXPECT_EQ(Hex(DecodeRing(directory / "ring/a").keys.at({'O', 0x4142434445464748})),
            "4bda79ca7571e1d748c3cc973f10108a5f4bfda5be49ee65989bd95414500a65");
}

TEST(KeyRing, IsForItsOwnerOnly) {
  const FreshDirectory directory;
  MustCreate(directory / "ring").reset();
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory / "ring")) {
    struct stat info;
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 8u);
  for (const char* open : {"ring", "ring/b", "ring/a/keys"}) {
    ASSERT_EQ(::chmod((directory / open).c_str(), 0750), 0);
    const absl::Status refused = KeyRing::Open(directory / "ring", {}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << open << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), "chmod")) << refused;
    ASSERT_EQ(::chmod((directory / open).c_str(), 0700), 0);
  }
  MustOpen(directory / "ring");
}

// Opening a ring once wiped whatever ended in .old in a directory that was given by mistake.
TEST(KeyRing, ADirectoryOfSomethingElse_IsRefusedAndUntouched) {
  const FreshDirectory directory;
  const std::string home = directory / "home";
  fs::create_directory(home);
  WriteBytes(home + "/thesis.old", "words");
  for (const auto& status : {KeyRing::Create(home, {}).status(), KeyRing::Open(home, {}).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "thesis.old")) << status;
  }
  const absl::Status no_directory = KeyRing::Create(home + "/thesis.old", {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(no_directory)) << no_directory;
  KeyRing::Options beside;
  beside.second_directory = home;
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Create(directory / "ring", std::move(beside)).status()));
  EXPECT_FALSE(fs::exists(directory / "ring/a/head"));
  EXPECT_EQ(ReadBytes(home + "/thesis.old"), "words");
  EXPECT_EQ(std::distance(fs::directory_iterator(home), fs::directory_iterator()), 1);
}

TEST(KeyRing, WhatIsNoFileIsRefused) {
  const FreshDirectory directory;
  const std::string home = directory / "ring";
  KeyRing::Create(home, {}).value().reset();
  fs::remove(home + "/a/pages");
  fs::create_directory(home + "/a/pages");
  fs::permissions(home + "/a/pages", fs::perms::owner_all);
  const absl::Status refused = KeyRing::Open(home, {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "is no file")) << refused;
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
  std::vector<std::string> bytes;
  for (const std::string& key : {first, second, cohort, pbx}) bytes.push_back(SealedIn(directory, key));
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
    for (const std::string& key : bytes) EXPECT_EQ(FilesHolding(directory.path(), key), std::vector<std::string>());
    ring.reset();
    ring = MustOpen(directory / "ring");
  }
}

TEST(KeyRing, KeysOfNamesFollowOneAnother) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  EXPECT_TRUE(ring->NamesKeys().empty());
  ASSERT_TRUE(ring->MintNames(1, kDay).ok());
  const std::string first = BytesOf(ring->NamesKeys().front().key);
  const std::string lies = SealedIn(directory, first);
  ASSERT_TRUE(ring->MintNames(1, kDay.Next()).ok());
  ASSERT_TRUE(ring->MintNames(2, kDay.Next()).ok());
  // They are no rescues.
  EXPECT_EQ(ring->FirstRescued(), DueDay::None());
  ASSERT_TRUE(ring->DropRescues(kDay.Next()).ok());
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay.Next()).ok());
  for (int run = 0; run < 2; ++run) {
    const auto keys = ring->NamesKeys();
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[0].number, 1u);
    EXPECT_EQ(keys[0].made, kDay);
    EXPECT_EQ(BytesOf(keys[0].key), first);
    EXPECT_EQ(keys[1].number, 2u);
    EXPECT_EQ(keys[1].made, kDay.Next());
    EXPECT_NE(BytesOf(keys[1].key), first);
    ring.reset();
    ring = MustOpen(directory / "ring");
  }
  ASSERT_TRUE(ring->DestroyNamesBefore(2).ok());
  ASSERT_TRUE(ring->DestroyNamesBefore(2).ok());
  EXPECT_EQ(FilesHolding(directory.path(), lies), std::vector<std::string>());
  ring.reset();
  ring = MustOpen(directory / "ring");
  ASSERT_EQ(ring->NamesKeys().size(), 1u);
  EXPECT_EQ(ring->NamesKeys().front().number, 2u);
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
  const std::string pbx_bytes = SealedIn(directory, pbx);
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok());
  ASSERT_TRUE(ring->NarrowPbx(kPbx).ok());
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(ring->FindPbx(kPbx).has_value());
    EXPECT_EQ(BytesOf(*ring->FindPbxOrders(kPbx)), orders);
    EXPECT_EQ(ring->MintPbx(kPbx).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(FilesHolding(directory.path(), pbx_bytes), std::vector<std::string>());
    EXPECT_EQ(FilesHolding(directory.path(), SealedIn(directory, orders)).size(), 2u);
    ring.reset();
    ring = MustOpen(directory / "ring");
  }
  const std::string orders_bytes = SealedIn(directory, orders);
  ASSERT_TRUE(ring->DestroyPbx(kPbx).ok());
  EXPECT_FALSE(ring->FindPbxOrders(kPbx).has_value());
  EXPECT_EQ(FilesHolding(directory.path(), orders_bytes), std::vector<std::string>());
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

TEST(KeyRing, NumbersOfOwnersAreNeverGivenTwice) {
  const FreshDirectory directory;
  std::set<OwnerNumber> given;
  for (int start = 0; start < 3; ++start) {
    const auto ring = start == 0 ? MustCreate(directory / "ring") : MustOpen(directory / "ring");
    for (int i = 0; i < 600; ++i) EXPECT_TRUE(given.insert(*ring->NewOwner(i % 2 == 0 ? kDay : DueDay::Open())).second);
  }
  EXPECT_FALSE(given.contains(0));
}

TEST(KeyRing, OneOwnerGoes_TheOthersOfItsPageStay) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  std::vector<OwnerNumber> owners;
  std::vector<std::string> secrets;
  for (size_t i = 0; i < kPageNumbers; ++i) {
    owners.push_back(*ring->NewOwner(DueDay::Open()));
    secrets.push_back(OwnerBytes(*ring, owners.back()));
  }
  ASSERT_TRUE(ring->RestrictOwner(owners[0], false).ok()) << "opens the page";
  const std::string gone = SealedIn(directory, secrets[7]);
  EXPECT_EQ(FilesHolding(directory.path(), gone), (std::vector<std::string>{"pages", "pages"}));
  ASSERT_TRUE(ring->DestroyOwners({&owners[7], 1}).ok());
  ASSERT_TRUE(ring->DestroyOwners({&owners[7], 1}).ok()) << "what is gone is passed over";
  for (const bool reopened : {false, true}) {
    if (reopened) {
      ring.reset();
      ring = MustOpen(directory / "ring");
    }
    for (size_t i = 0; i < owners.size(); ++i) EXPECT_EQ(OwnerBytes(*ring, owners[i]), i == 7 ? "" : secrets[i]) << i;
  }
  EXPECT_EQ(FilesHolding(directory.path(), gone), std::vector<std::string>());
  EXPECT_EQ(FilesHolding(directory.path(), SealedIn(directory, secrets[8])),
            (std::vector<std::string>{"pages", "pages"}));
}

TEST(KeyRing, AnOwnerGoesWithItsDay) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  const OwnerNumber first = *ring->NewOwner(kDay);
  const OwnerNumber second = *ring->NewOwner(DueDay::Open());
  const std::string secret = OwnerBytes(*ring, first);
  // Those that end within a month of each other share pages, and go with the last of their days.
  const DueDay last = DueDay::FromNumber((kDay.number() / 32 + 1) * 32 - 1);
  ASSERT_TRUE(ring->DestroyDaysThrough(DueDay::FromNumber(last.number() - 1)).ok());
  EXPECT_EQ(OwnerBytes(*ring, first), secret);
  ASSERT_TRUE(ring->DestroyDaysThrough(last).ok());
  EXPECT_EQ(OwnerBytes(*ring, first), "");
  EXPECT_NE(OwnerBytes(*ring, second), "");
}

TEST(KeyRing, RestrictionIsAStateOfAnOwner) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  const OwnerNumber owner = *ring->NewOwner(DueDay::Open());
  const std::string secret = OwnerBytes(*ring, owner);
  EXPECT_FALSE((*ring->FindOwner(owner))->restricted);
  ASSERT_TRUE(ring->RestrictOwner(owner, true).ok());
  ring.reset();
  ring = MustOpen(directory / "ring");
  EXPECT_TRUE((*ring->FindOwner(owner))->restricted);
  ASSERT_TRUE(ring->RestrictOwner(owner, false).ok());
  EXPECT_FALSE((*ring->FindOwner(owner))->restricted);
  EXPECT_EQ(OwnerBytes(*ring, owner), secret);
}

TEST(KeyRing, DestructionsAreKnownUntilTheyAreEntered) {
  const FreshDirectory directory;
  auto ring = MustCreate(directory / "ring");
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay, absl::FromUnixSeconds(7)).ok());
  EXPECT_EQ(ring->unentered(), std::vector<UnenteredDestruction>()) << "no day of it had a key";
  ASSERT_TRUE(ring->ForDay(kDay.Next()).ok());
  const DueDay last = kDay.Next().Next();
  ASSERT_TRUE(ring->DestroyDaysThrough(last, absl::FromUnixSeconds(8)).ok());
  const std::vector<UnenteredDestruction> one = {
      {.from = kDay.Next(), .to = last, .instant_us = 8000000, .generation = ring->generation()}};
  EXPECT_EQ(ring->unentered(), one);
  ring.reset();
  ring = MustOpen(directory / "ring");
  EXPECT_EQ(ring->unentered(), one);
  ASSERT_TRUE(ring->MarkEntered(kDay.Next()).ok());
  EXPECT_EQ(ring->unentered(), one) << "all of it has to be entered";
  ASSERT_TRUE(ring->MarkEntered(last).ok());
  EXPECT_EQ(ring->unentered(), std::vector<UnenteredDestruction>());
  // More ranges than there is room for become one.
  DueDay day = last;
  for (size_t i = 0; i < kUnenteredMax + 10; ++i) {
    day = day.Next();
    ASSERT_TRUE(ring->ForDay(day).ok());
    ASSERT_TRUE(ring->DestroyDaysThrough(day).ok());
  }
  EXPECT_EQ(ring->unentered().size(), kUnenteredMax);
  EXPECT_EQ(ring->unentered().back().to, day);
}

// A full disk: nothing can be allocated, and everything can be destroyed.
TEST(KeyRing, AFullDiskKeepsNothingFromBeingDestroyed) {
  const FreshDirectory directory;
  KeyRing::Options options;
  options.spare_blocks = 8;
  auto ring = MustCreate(directory / "ring", std::move(options));
  const std::string day = SealedIn(directory, BytesOf(*ring->ForDay(kDay)));
  std::vector<OwnerNumber> owners;
  for (size_t i = 0; i < 8 * kPageNumbers; ++i) owners.push_back(*ring->NewOwner(DueDay::Open()));
  const auto sizes = [&] {
    return std::vector<uintmax_t>{fs::file_size(directory / "ring/a/keys"), fs::file_size(directory / "ring/a/pages")};
  };
  const auto before = sizes();
  // No file may grow any more.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit as_before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &as_before), 0);
  rlimit full = as_before;
  full.rlim_cur = before.back();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  for (size_t i = 0; i < owners.size(); i += 100) ASSERT_TRUE(ring->DestroyOwners({&owners[i], 1}).ok());
  ASSERT_TRUE(ring->DestroyDaysThrough(kDay).ok());
  EXPECT_EQ(sizes(), before);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &as_before), 0);
  EXPECT_EQ(FilesHolding(directory.path(), day), std::vector<std::string>());
}

}  // namespace
}  // namespace retention
