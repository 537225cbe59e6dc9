// The wrapping key of a ring, and the check of its replicas.
#include "storage/secrets/wrapping.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/secret_seal.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

SecretKey KeyOf(uint8_t byte) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(byte);
  return SecretKey(bytes);
}

KeyRing::Options Wrapped(uint8_t byte) {
  KeyRing::Options options;
  options.wrapping = KeyOf(byte);
  return options;
}

TEST(WrappingKey, IsReadFromAFileForItsOwnerOnly) {
  const FreshDirectory directory;
  const std::string path = directory / "key";
  EXPECT_TRUE(absl::IsNotFound(ReadWrappingKeyFile(path).status()));
  WriteBytes(path, std::string(32, 'k'));
  ::chmod(path.c_str(), 0600);
  const auto key = ReadWrappingKeyFile(path);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(BytesOf(*key), std::string(32, 'k'));
  ::chmod(path.c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadWrappingKeyFile(path).status()));
  EXPECT_TRUE(absl::StrContains(ReadWrappingKeyFile(path).status().message(), "chmod 0600"));
  ::chmod(path.c_str(), 0600);
  for (const size_t size : {0u, 31u, 33u}) {
    WriteBytes(path, std::string(size, 'k'));
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadWrappingKeyFile(path).status())) << size;
  }
  EXPECT_FALSE(ReadWrappingKeyFile(directory.path()).ok());
}

// systemd decides who may read a credential, and says so with an access list, which looks like access for the group.
TEST(WrappingKey, IsReadFromACredential) {
  const FreshDirectory directory;
  WriteBytes(directory / "ring", std::string(32, 'c'));
  ::chmod((directory / "ring").c_str(), 0440);
  EXPECT_EQ(BytesOf(*ReadWrappingCredential(directory.path(), "ring")), std::string(32, 'c'));
  EXPECT_TRUE(absl::IsNotFound(ReadWrappingCredential(directory.path(), "other").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadWrappingCredential("", "ring").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadWrappingCredential("/", "../ring").status()));
}

TEST(WrappingKey, AStolenRingOpensNothingWithoutIt) {
  const FreshDirectory directory;
  const auto ring = *KeyRing::Create(directory / "ring", Wrapped(1));
  const std::string day = BytesOf(*ring->ForDay(kDay));
  const OwnerNumber owner = *ring->NewOwner(DueDay::Open());
  ASSERT_TRUE(ring->RestrictOwner(owner, false).ok()) << "opens its page";
  EXPECT_FALSE(DecodeRing(directory / "ring/a").whole);
  EXPECT_FALSE(DecodeRing(directory / "ring/a", {.wrapping = std::string(32, '\2'), .roots = {}}).whole);
  const DecodedRing decoded = DecodeRing(directory / "ring/a", {.wrapping = std::string(32, '\1'), .roots = {}});
  ASSERT_TRUE(decoded.whole);
  EXPECT_EQ(decoded.keys.at({'D', kDay.number()}), day);
  EXPECT_EQ(decoded.OwnerSecret(owner), BytesOf((*ring->FindOwner(owner))->secret));
  for (const std::string& secret : {day, decoded.hash_key, decoded.open_key, decoded.OwnerSecret(owner)}) {
    EXPECT_EQ(FilesHolding(directory.path(), secret), std::vector<std::string>());
  }
}

TEST(WrappingKey, AnotherOneIsRefused_AndNothingTouched) {
  const FreshDirectory directory;
  KeyRing::Create(directory / "ring", Wrapped(1))->reset();
  // What an opening would mend, too.
  std::string keys = ReadBytes(directory / "ring/b/keys");
  keys.back() = 'x';
  WriteBytes(directory / "ring/b/keys", keys);
  const auto bytes = [&] {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(directory / "ring")) {
      if (entry.is_regular_file()) all += entry.path().string() + ReadBytes(entry.path());
    }
    return all;
  };
  const std::string before = bytes();
  for (auto& [options, word] : {std::pair(Wrapped(2), "another wrapping key"), {KeyRing::Options(), "give the"}}) {
    const absl::Status refused = KeyRing::Open(directory / "ring", options).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), word)) << refused;
    EXPECT_FALSE(absl::StrContains(refused.message(), "\n"));
    EXPECT_EQ(bytes(), before);
  }
  EXPECT_TRUE(KeyRing::Open(directory / "ring", Wrapped(1)).ok());
}

TEST(WrappingKey, ARingTakesOneOn) {
  const FreshDirectory directory;
  auto ring = *KeyRing::Create(directory / "ring", {});
  const std::string day = BytesOf(*ring->ForDay(kDay));
  ring.reset();
  ring = *KeyRing::Open(directory / "ring", Wrapped(3));
  EXPECT_EQ(BytesOf(*ring->FindDay(kDay)), day);
  EXPECT_TRUE(ring->status().is_wrapped);
  for (const char* replica : {"ring/a", "ring/b"}) {
    EXPECT_FALSE(DecodeRing(directory / replica).whole);
    EXPECT_TRUE(DecodeRing(directory / replica, {.wrapping = std::string(32, '\3'), .roots = {}}).whole);
  }
  ring.reset();
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Open(directory / "ring", {}).status()));
}

// IEEE 1619 gives no vector of this size; what the decoder reads with OpenSSL alone is the other witness.
TEST(SecretSeal, OpensWhatItSealed_UnderItsKeyAndNameAlone) {
  SecretSeal seal(KeyOf(1));
  SecretSeal other(KeyOf(2));
  SecretSeal::Name name{};
  name[15] = 7;
  const SecretKey sealed = seal.Seal(name, KeyOf(9));
  EXPECT_EQ(BytesOf(seal.Open(name, sealed)), BytesOf(KeyOf(9)));
  EXPECT_NE(BytesOf(other.Open(name, sealed)), BytesOf(KeyOf(9)));
  EXPECT_NE(BytesOf(seal.Open({}, sealed)), BytesOf(KeyOf(9)));
  EXPECT_NE(BytesOf(seal.Seal({}, KeyOf(9))), BytesOf(sealed));
  EXPECT_NE(BytesOf(sealed).substr(0, 16), BytesOf(sealed).substr(16));
}

TEST(RingVerification, FindsEveryDamagedByteThatCounts) {
  const FreshDirectory directory;
  auto ring = *KeyRing::Create(directory / "ring", Wrapped(1));
  ASSERT_TRUE(ring->ForDay(kDay).ok());
  const OwnerNumber owner = *ring->NewOwner(DueDay::Open());
  ASSERT_TRUE(ring->DestroyOwners({&owner, 1}).ok());
  const auto sound = *ring->Verify();
  EXPECT_TRUE(sound.is_sound());
  EXPECT_EQ(sound.entries, 17u) << "a day and 16 pages";
  EXPECT_EQ(sound.owners, 255u);
  const size_t head = ring->generation() % 2 * kHeadBytes;
  const std::pair<const char*, size_t> places[] = {
      {"head", head + 100}, {"keys", 4096 + 20}, {"pages", 4096 + 20}, {"pages", 4096 + 64 + 40 + 20}};
  for (const auto& [file, at] : places) {
    for (const char* replica : {"a", "b", "ab"}) {
      const bool in_both = std::string(replica) == "ab";
      std::vector<std::pair<std::string, std::string>> before;
      for (const char* one : {"a", "b"}) {
        if (!in_both && std::string(one) != replica) continue;
        const std::string path = directory / "ring" / one / file;
        std::string bytes = ReadBytes(path);
        before.emplace_back(path, bytes);
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
        WriteBytes(path, bytes);
      }
      const auto found = *ring->Verify();
      EXPECT_FALSE(found.is_sound()) << file << at << replica;
      EXPECT_EQ(found.differing, in_both ? 0u : 1u) << file << at << replica;
      EXPECT_EQ(found.lost, in_both ? 1u : 0u) << file << at << replica;
      EXPECT_EQ(found.replicas[0].damaged + found.replicas[1].damaged, in_both ? 2u : 1u) << file << at << replica;
      for (const auto& [path, bytes] : before) WriteBytes(path, bytes);
    }
  }
  EXPECT_TRUE(ring->Verify()->is_sound());
  // A page's entry says which it is, whatever became of its header.
  for (const char* one : {"a", "b"}) {
    std::string bytes = ReadBytes(directory / "ring" / one / "pages");
    bytes[4096 + 20] = static_cast<char>(bytes[4096 + 20] ^ 1);
    WriteBytes(directory / "ring" / one / "pages", bytes);
  }
  const std::string secret = BytesOf((*ring->FindOwner(owner + 1))->secret);
  ring.reset();
  ring = *KeyRing::Open(directory / "ring", Wrapped(1));
  EXPECT_EQ(ring->found().entries_damaged, 0u);
  EXPECT_EQ(BytesOf((*ring->FindOwner(owner + 1))->secret), secret);
  EXPECT_FALSE(ring->FindOwner(owner)->has_value());
  fs::resize_file(directory / "ring/b/pages", 5000);
  EXPECT_FALSE(ring->Verify()->replicas[1].is_readable);
}

}  // namespace
}  // namespace retention
