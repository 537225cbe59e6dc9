#include "storage/secrets/vault.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr char kName[] = "Erika Mustermann";

class VaultTest : public ::testing::Test {
 protected:
  VaultTest() {
    auto draws = std::make_shared<CountingRandom>();
    // No envelope depends on the fourth, the key of the ring's entries.
    auto count = std::make_shared<int>();
    const auto draw = [draws, count](uint8_t* bytes, size_t size) {
      return ++*count == 4 ? absl::OkStatus() : draws->Fill(bytes, size);
    };
    ring_ = *KeyRing::Create(directory_ / "ring", {.random = draw});
    EXPECT_TRUE(ring_->MintPbx(IdOf<PbxId>(0x10)).ok());
    vault_ = std::make_unique<Vault>(*ring_, random_);
  }
  std::string Seal(const FiledKey& key, PbxKeyUse use = PbxKeyUse::kNeeded, uint32_t values = 1, uint64_t owner = 0) {
    auto envelope = vault_->Seal(key, use, Personal(kName), values, owner);
    EXPECT_TRUE(envelope.ok()) << envelope.status();
    return *envelope;
  }
  absl::StatusCode OpenCode(const FiledKey& key, std::string_view envelope) {
    return vault_->Open(key, envelope).status().code();
  }

  FreshDirectory directory_;
  CountingRandom random_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Vault> vault_;
};

TEST_F(VaultTest, Envelope_GoldenBytes) {
  EXPECT_EQ(Hex(Seal(SomeKey(kDay), PbxKeyUse::kNeeded, 300)),
            "0201ac0200000102030405060708090a0b9e7921d8654f3dbba68578784c6ae836d082eed9212048c89956936d3453516e");
  EXPECT_EQ(Hex(Seal(SomeKey(kDay), PbxKeyUse::kNotNeeded, 1)),
            "020001000c0d0e0f101112131415161729888772140bf9af161eb0e64a0fa7b1c1ec642261236e7028d0774146af25c7");
  EXPECT_EQ(Hex(Seal(SomeKey(DueDay::Open()), PbxKeyUse::kNeeded, 1)),
            "0201010018191a1b1c1d1e1f202122233c14ba69c68ad5e07f5085c43521b133201cca98536e15b092a3accc5358f742");
  EXPECT_EQ(Hex(*vault_->SealState("O12345678", Personal(kName), 0)),
            "020000002425262728292a2b2c2d2e2fe18f91b5de4288a525aa59dd5bf7d327fe781ebcef39f401b1977956d4cf8376");
  EXPECT_EQ(Hex(Seal(SomeKey(kDay), PbxKeyUse::kForOrders, 1)),
            "02020100303132333435363738393a3b7904c0d0a3e9bf305d9c07f0eab140476fefc7d58bebc550e4836dc31ae80b05");
  const OwnerNumber owner = *ring_->NewOwner(DueDay::Open());
  EXPECT_EQ(owner, 256u);
  EXPECT_EQ(Hex(Seal(SomeKey(kDay), PbxKeyUse::kNeeded, 1, owner)),
            "02010180023c3d3e3f4041424344454647066cdb28561eb821da5e7a3d1a063c2a6df523845baa092f2344c2104950b210");
}

TEST_F(VaultTest, Hash_GoldenBytes) {
  const auto hex = [](const std::array<uint8_t, 16>& hash) {
    return Hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
  };
  EXPECT_EQ(hex(vault_->Hash("meeting", "12345678", "4711")), "9dbac6d064447acac72ac3012567b293");
  const std::array<uint8_t, 8> mark = vault_->Mark("address", "12345678abcdefgh", "anna");
  EXPECT_EQ(Hex({reinterpret_cast<const char*>(mark.data()), mark.size()}), "f33f4da8fd376aa8");
  // RFC 4231, test case 1 has a 20-byte key; case 4's 25 bytes are zero-padded as HMAC pads them: same result.
  std::array<uint8_t, 32> key{};
  for (uint8_t i = 0; i < 25; ++i) key[i] = static_cast<uint8_t>(i + 1);
  EXPECT_EQ(hex(Vault::HashWith(HmacKey(SecretKey(key)), std::string(50, '\xcd'))), "82558a389a443c0ea4cc819899f2083a");
}

TEST_F(VaultTest, Hash_SeparatesItsParts) {
  const std::set<std::array<uint8_t, 16>> hashes = {vault_->Hash("a", "b", "c"), vault_->Hash("ab", "", "c"),
                                                    vault_->Hash("a", "bc", ""), vault_->Hash("", "ab", "c"),
                                                    vault_->Hash("", "", "abc"), vault_->Hash("abc", "", "")};
  EXPECT_EQ(hashes.size(), 6u);
}

TEST_F(VaultTest, OpensWhatItSealed) {
  for (const DueDay day : {kDay, DueDay::Open(), DueDay::Kept()}) {
    for (const PbxKeyUse use : {PbxKeyUse::kNeeded, PbxKeyUse::kNotNeeded, PbxKeyUse::kForOrders}) {
      for (const uint32_t values : {0u, 1u, 127u, 128u, UINT32_MAX}) {
        const std::string envelope = Seal(SomeKey(day), use, values);
        EXPECT_EQ(envelope.find(kName), std::string::npos);
        EXPECT_EQ(Vault::ValueCount(envelope), values);
        const auto opened = vault_->Open(SomeKey(day), envelope);
        ASSERT_TRUE(opened.ok()) << opened.status();
        EXPECT_EQ(opened->Reveal(), kName);
      }
    }
  }
  const std::string empty = *vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(), 0, 0);
  EXPECT_EQ(vault_->Open(SomeKey(kDay), empty)->Reveal(), "");
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(
      vault_->Open(SomeKey(kDay), *vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(large), 9, 0))->Reveal(),
      large);
}

TEST_F(VaultTest, EveryFlippedBitIsNoticed) {
  for (const PbxKeyUse use : {PbxKeyUse::kNeeded, PbxKeyUse::kNotNeeded, PbxKeyUse::kForOrders}) {
    const std::string envelope = Seal(SomeKey(kDay), use);
    for (size_t bit = 0; bit < envelope.size() * 8; ++bit) {
      std::string tampered = envelope;
      tampered[bit / 8] = static_cast<char>(tampered[bit / 8] ^ (1 << (bit % 8)));
      const absl::StatusCode code = OpenCode(SomeKey(kDay), tampered);
      // With another number it is of an owner that nobody knows.
      const bool of_number = bit / 8 == 2 || bit / 8 == 3;
      EXPECT_TRUE(code == absl::StatusCode::kDataLoss || (of_number && code == absl::StatusCode::kNotFound)) << bit;
    }
    for (size_t size = 0; size < envelope.size(); ++size) {
      EXPECT_EQ(OpenCode(SomeKey(kDay), envelope.substr(0, size)), absl::StatusCode::kDataLoss) << size;
    }
    EXPECT_EQ(OpenCode(SomeKey(kDay), envelope + "x"), absl::StatusCode::kDataLoss);
  }
}

TEST_F(VaultTest, WithoutItsOwnersSecretNothingOpens) {
  std::vector<OwnerNumber> owners;
  std::vector<std::string> envelopes;
  for (int i = 0; i < 3; ++i) {
    owners.push_back(*ring_->NewOwner(kDay));
    envelopes.push_back(Seal(SomeKey(kDay), PbxKeyUse::kNeeded, 1, owners.back()));
    EXPECT_EQ(Vault::OwnerOf(envelopes.back()), owners.back());
  }
  const std::string state = *vault_->SealState("O12345678", Personal(kName), owners[1]);
  ASSERT_TRUE(ring_->DestroyOwners({&owners[1], 1}).ok());
  for (const size_t i : {0u, 2u}) EXPECT_EQ(OpenCode(SomeKey(kDay), envelopes[i]), absl::StatusCode::kOk);
  EXPECT_EQ(OpenCode(SomeKey(kDay), envelopes[1]), absl::StatusCode::kNotFound);
  EXPECT_EQ(vault_->OpenState("O12345678", state).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(kName), 1, owners[1]).status().code(),
            absl::StatusCode::kNotFound);
  // Another owner's number does not open it.
  std::string other = envelopes[2];
  other[3] = envelopes[0][3];
  EXPECT_EQ(OpenCode(SomeKey(kDay), other), absl::StatusCode::kDataLoss);
}

TEST_F(VaultTest, AnEnvelopeOpensOnlyInItsOwnRow) {
  ASSERT_TRUE(ring_->ForDay(kDay.Next()).ok());
  ASSERT_TRUE(ring_->MintPbx(IdOf<PbxId>(0x11)).ok());
  for (const PbxKeyUse use : {PbxKeyUse::kNeeded, PbxKeyUse::kNotNeeded, PbxKeyUse::kForOrders}) {
    const FiledKey key = SomeKey(kDay);
    const std::string envelope = Seal(key, use);
    FiledKey moved = key;
    moved.day = kDay.Next();
    EXPECT_EQ(OpenCode(moved, envelope), absl::StatusCode::kDataLoss);
    moved = key;
    moved.category = 4;
    EXPECT_EQ(OpenCode(moved, envelope), absl::StatusCode::kDataLoss);
    moved = key;
    moved.pbx = IdOf<PbxId>(0x11);
    EXPECT_EQ(OpenCode(moved, envelope), absl::StatusCode::kDataLoss);
    moved = key;
    moved.owner.bytes[15] ^= 1;
    EXPECT_EQ(OpenCode(moved, envelope), absl::StatusCode::kDataLoss);
    moved = key;
    moved.item.bytes[15] ^= 1;
    EXPECT_EQ(OpenCode(moved, envelope), absl::StatusCode::kDataLoss);
  }
}

TEST_F(VaultTest, StateEnvelopes_OpenOnlyUnderTheirRowKey) {
  const std::string envelope = *vault_->SealState("O12345678", Personal(kName), 0);
  EXPECT_EQ(vault_->OpenState("O12345678", envelope)->Reveal(), kName);
  EXPECT_EQ(vault_->OpenState("O12345679", envelope).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(vault_->OpenState("O12345678", envelope + "x").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(vault_->OpenState("O12345678", "").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(VaultTest, ADestroyedDayIsUnreadable_EvenFromAnOldCopyOfTheRows) {
  const std::string by_pbx = Seal(SomeKey(kDay), PbxKeyUse::kNeeded);
  const std::string by_day = Seal(SomeKey(kDay), PbxKeyUse::kNotNeeded);
  const std::string later = Seal(SomeKey(kDay.Next()));
  ASSERT_TRUE(ring_->DestroyDaysThrough(kDay).ok());
  vault_->ForgetDaysThrough(kDay);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(OpenCode(SomeKey(kDay), by_pbx), absl::StatusCode::kNotFound);
    EXPECT_EQ(OpenCode(SomeKey(kDay), by_day), absl::StatusCode::kNotFound);
    EXPECT_EQ(vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(kName), 1, 0).status().code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(OpenCode(SomeKey(kDay.Next()), later), absl::StatusCode::kOk);
    vault_.reset();
    ring_.reset();
    ring_ = *KeyRing::Open(directory_ / "ring", {});
    vault_ = std::make_unique<Vault>(*ring_, random_);
  }
}

TEST_F(VaultTest, ADestroyedPbxIsUnreadable_ButForRowsThatOutliveIt) {
  const std::string by_pbx = Seal(SomeKey(kDay), PbxKeyUse::kNeeded);
  const std::string open = Seal(SomeKey(DueDay::Open()), PbxKeyUse::kNeeded);
  const std::string by_day = Seal(SomeKey(kDay), PbxKeyUse::kNotNeeded);
  ASSERT_TRUE(ring_->DestroyPbx(IdOf<PbxId>(0x10)).ok());
  vault_->ForgetPbx(IdOf<PbxId>(0x10));
  EXPECT_EQ(OpenCode(SomeKey(kDay), by_pbx), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenCode(SomeKey(DueDay::Open()), open), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenCode(SomeKey(kDay), by_day), absl::StatusCode::kOk);
  EXPECT_EQ(vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(kName), 1, 0).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(VaultTest, ANarrowedPbxIsUnreadable_ButForWhatItsOrdersNeed) {
  const std::string by_pbx = Seal(SomeKey(kDay), PbxKeyUse::kNeeded);
  const std::string for_orders = Seal(SomeKey(kDay), PbxKeyUse::kForOrders);
  ASSERT_TRUE(ring_->NarrowPbx(IdOf<PbxId>(0x10)).ok());
  vault_->ForgetPbx(IdOf<PbxId>(0x10));
  EXPECT_EQ(OpenCode(SomeKey(kDay), by_pbx), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenCode(SomeKey(kDay), for_orders), absl::StatusCode::kOk);
  EXPECT_EQ(OpenCode(SomeKey(kDay), Seal(SomeKey(kDay), PbxKeyUse::kForOrders)), absl::StatusCode::kOk);
  ASSERT_TRUE(ring_->DestroyPbx(IdOf<PbxId>(0x10)).ok());
  vault_->ForgetPbx(IdOf<PbxId>(0x10));
  EXPECT_EQ(OpenCode(SomeKey(kDay), for_orders), absl::StatusCode::kNotFound);
}

TEST_F(VaultTest, APbxMintedAnewDoesNotOpenTheOldOnesRows) {
  const std::string envelope = Seal(SomeKey(kDay));
  ASSERT_TRUE(ring_->DestroyPbx(IdOf<PbxId>(0x10)).ok());
  vault_->ForgetPbx(IdOf<PbxId>(0x10));
  ASSERT_TRUE(ring_->MintPbx(IdOf<PbxId>(0x10)).ok());
  EXPECT_EQ(OpenCode(SomeKey(kDay), envelope), absl::StatusCode::kDataLoss);
}

TEST_F(VaultTest, SealingForAnUnknownPbx_MintsNoDayKey) {
  FiledKey key = SomeKey(kDay);
  key.pbx = IdOf<PbxId>(0x77);
  EXPECT_EQ(vault_->Seal(key, PbxKeyUse::kNeeded, Personal(kName), 1, 0).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(ring_->FindDay(kDay).has_value());
}

TEST_F(VaultTest, NoncesNeverRepeat) {
  Vault vault(*ring_, SystemRandom());
  std::set<std::string> nonces;
  constexpr int kSeals = 5000;  // many times the block that is drawn at once
  for (int i = 0; i < kSeals; ++i) {
    nonces.insert(vault.Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(), 1, 0)->substr(4, 12));
  }
  EXPECT_EQ(nonces.size(), static_cast<size_t>(kSeals));
}

TEST_F(VaultTest, WithoutRandomness_NothingIsSealed) {
  random_.Fail(absl::UnavailableError("no randomness"));
  EXPECT_EQ(vault_->Seal(SomeKey(kDay), PbxKeyUse::kNeeded, Personal(kName), 1, 0).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(vault_->SealState("O", Personal(kName), 0).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(VaultTest, MoreKeysThanTheCacheHolds_AreDerivedAnew) {
  constexpr uint32_t kDays = 17000;
  std::vector<std::string> envelopes;
  for (uint32_t i = 0; i < kDays; ++i) envelopes.push_back(Seal(SomeKey(DueDay::FromNumber(30000 + i))));
  for (uint32_t i = 0; i < kDays; ++i) {
    const auto opened = vault_->Open(SomeKey(DueDay::FromNumber(30000 + i)), envelopes[i]);
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_EQ(opened->Reveal(), kName);
  }
}

TEST_F(VaultTest, ThreadsSealOpenAndForgetTogether) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint8_t t = 0; t < 3; ++t) {
    threads.emplace_back([this, t, &stop] {
      for (int i = 0; i < 2000; ++i) {
        const FiledKey key = SomeKey(kDay, t);
        const auto envelope = vault_->Seal(key, PbxKeyUse::kNeeded, Personal(kName), 1, 0);
        ASSERT_TRUE(envelope.ok());
        EXPECT_EQ(vault_->Open(key, *envelope)->Reveal(), kName);
      }
      stop = true;
    });
  }
  while (!stop) {
    vault_->ForgetDaysThrough(kDay);
    vault_->ForgetPbx(IdOf<PbxId>(0x10));
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace retention
