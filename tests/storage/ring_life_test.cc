// A ring lives: it mints, destroys, loses replicas, changes its root, crashes between any two writes. After each step a
// decoder of its own reads every replica that counts, and must find what lives and nothing else; all bytes that what
// was destroyed ever lay as are searched for. Images of the whole disk are taken now and then: with the root of today
// none opens what was destroyed before the root was changed.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/root_file.h"
#include "tests/storage/failing_root.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

constexpr uint32_t kFirstDay = 20000;

namespace fs = std::filesystem;

enum class Above { kNothing, kWrapping, kRoot, kBoth };

class RingLife {
 public:
  RingLife(uint32_t seed, Above above) : random_(seed), root_random_(seed + 1000), above_(above) {
    auto ring = KeyRing::Create(path(), Options());
    EXPECT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
  }

  void Step() {
    // Some more often than others.
    static constexpr void (RingLife::*kSteps[])() = {
        &RingLife::MintDay,       &RingLife::MintDay,     &RingLife::MintCohort,  &RingLife::MintPbx,
        &RingLife::NewOwners,     &RingLife::NewOwners,   &RingLife::NewOwners,   &RingLife::DestroyOwners,
        &RingLife::DestroyOwners, &RingLife::Restrict,    &RingLife::DestroyDays, &RingLife::EndPbx,
        &RingLife::Reopen,        &RingLife::LoseReplica, &RingLife::Crash,       &RingLife::TakeImage,
        &RingLife::ChangeRoot,    &RingLife::ChangeNames, &RingLife::ChangeRules, &RingLife::ChangeRules,
        &RingLife::MendAll};
    (this->*kSteps[random_() % std::size(kSteps)])();
  }

  // What is on the disks equals what lives.
  void Check() {
    size_t sound = 0;
    for (const char* name : {"a", "b"}) {
      const DecodedRing replica = DecodeRing(path() + "/" + name, KeysOfToday());
      if (!replica.whole || replica.generation != ring_->generation()) continue;
      ++sound;
      std::map<std::pair<char, uint64_t>, std::string> found = replica.keys;
      EXPECT_EQ(found, keys_) << name;
      EXPECT_EQ(replica.damaged, 0u) << "all that was ever written has its check";
      EXPECT_EQ(std::tie(replica.held, replica.zone, replica.suspended), std::tie(held_, zone_, suspended_)) << name;
      for (const auto& [number, secret] : owners_) EXPECT_EQ(replica.OwnerSecret(number), secret) << number;
      for (const OwnerNumber number : gone_) EXPECT_EQ(replica.OwnerSecret(number), "") << number;
      std::string bytes;
      for (const char* file : {"head", "keys", "pages"}) bytes += ReadBytes(path() + "/" + name + "/" + file);
      for (const auto& [secret, sealed] : replica.sealed) lay_as_[secret].insert(sealed);
      for (const std::string& secret : destroyed_) {
        EXPECT_EQ(bytes.find(secret), std::string::npos);
        for (const std::string& sealed : lay_as_[secret]) EXPECT_EQ(bytes.find(sealed), std::string::npos);
      }
    }
    EXPECT_EQ(sound + ring_->stale_replicas(), 2u);
    for (const auto& [number, secret] : owners_) {
      const auto owner = ring_->FindOwner(number);
      ASSERT_TRUE(owner.ok() && owner->has_value()) << number;
      EXPECT_EQ(BytesOf((*owner)->secret), secret);
    }
    for (const OwnerNumber number : gone_) {
      const auto owner = ring_->FindOwner(number);
      EXPECT_TRUE(owner.ok() && !owner->has_value()) << number;
    }
  }

 private:
  std::string path() const { return directory_ / "ring"; }

  bool wrapped() const { return above_ == Above::kWrapping || above_ == Above::kBoth; }
  bool rooted() const { return above_ == Above::kRoot || above_ == Above::kBoth; }
  std::string root_path() const { return directory_ / "root"; }
  static SecretKey Wrapping() {
    std::array<uint8_t, 32> bytes{};
    bytes.fill(0x77);
    return SecretKey(bytes);
  }
  KeysAbove KeysOfToday() const {
    KeysAbove above;
    if (wrapped()) above.wrapping = BytesOf(Wrapping());
    if (rooted()) above.roots = DecodeRootFile(root_path());
    return above;
  }

  KeyRing::Options Options() {
    const auto fuse = [this] {
      if (!fuse_.has_value()) return absl::OkStatus();
      if (*fuse_ == 0) return absl::UnavailableError("crashed");
      --*fuse_;
      return absl::OkStatus();
    };
    std::shared_ptr<RootKey> root;
    if (rooted()) root = std::make_shared<FailingRoot>(OpenRootFile(root_path(), root_random_), fuse);
    return {.random =
                [this](uint8_t* bytes, size_t size) {
                  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(random_());
                  if (size == SecretKey::kBytes) drawn_.emplace_back(reinterpret_cast<const char*>(bytes), size);
                  return absl::OkStatus();
                },
            .on_io =
                [this, fuse](size_t replica, RingFile, RingReplica::Io) {
                  if (lost_ == replica) return absl::UnavailableError("lost");
                  return fuse();
                },
            .second_directory = "",
            .opening = {},
            .spare_blocks = 1,
            .wrapping = wrapped() ? std::optional(Wrapping()) : std::nullopt,
            .root = std::move(root)};
  }

  DueDay SomeDay() {
    return DueDay::FromNumber(std::max(kFirstDay, through_ + 1) + static_cast<uint32_t>(random_() % 40));
  }
  // Whether the change came to its end; if the ring crashed in it, it is opened again, and the change is made again.
  void Do(const std::function<absl::Status()>& change) {
    const absl::Status status = change();
    if (!fuse_.has_value()) {
      EXPECT_TRUE(status.ok()) << status;
      return;
    }
    const bool crashed = !status.ok();
    fuse_.reset();
    if (!crashed) return;
    Reopen();
    const absl::Status again = change();
    EXPECT_TRUE(again.ok()) << again;
  }

  void MintDay() {
    const DueDay day = SomeDay();
    Do([&] {
      auto key = ring_->ForDay(day);
      if (key.ok()) keys_[{'D', day.number()}] = BytesOf(*key);
      return key.status();
    });
  }
  void MintCohort() {
    const DueDay day = DueDay::FromNumber(cohorts_through_ + 1 + static_cast<uint32_t>(random_() % 20));
    Do([&] {
      auto key = ring_->ForCohort(day);
      if (key.ok()) keys_[{'C', day.number()}] = BytesOf(*key);
      return key.status();
    });
  }
  void ChangeNames() {
    const uint32_t last = names_;
    if (random_() % 2 == 0) {
      Do([&] { return ring_->MintNames(last + 1, SomeDay()); });
      names_ = last + 1;
      const auto keys = ring_->NamesKeys();
      ASSERT_EQ(keys.back().number, names_);
      keys_[{'N', names_}] = BytesOf(keys.back().key);
      return;
    }
    Do([&] { return ring_->DestroyNamesBefore(last); });
    const auto all = keys_;
    for (const auto& [name, key] : all) {
      if (name.first == 'N' && name.second < last) Drop(name);
    }
  }
  static PbxId Pbx(uint64_t name) {
    PbxId pbx;
    pbx.bytes[7] = static_cast<uint8_t>(name);
    return pbx;
  }
  void MintPbx() {
    const uint64_t name = random_() % 8;
    if (keys_.contains({'O', name})) return;
    Do([&] {
      auto key = ring_->MintPbx(Pbx(name));
      if (key.ok()) keys_[{'P', name}] = BytesOf(*key);
      return key.status();
    });
  }
  void ChangeRules() {
    if (random_() % 3 == 0) {
      const uint64_t pbx = random_() % 16;
      const uint32_t until = kFirstDay + static_cast<uint32_t>(random_() % 100);
      const PbxId pbxs[] = {Pbx(pbx), Pbx(3)};
      Do([&] { return ring_->HoldPbxs(pbxs, DueDay::FromNumber(until)); });
      for (const uint64_t each : {pbx, uint64_t{3}}) held_[each] = std::max(held_[each], until);
      return;
    }
    suspended_ = random_() % 2 == 0 && !zone_.empty();
    if (suspended_) return Do([&] { return ring_->SuspendDue(); });
    zone_ = random_() % 2 == 0 ? "America/Argentina/ComodRivadavia" : "UTC";
    std::erase_if(held_, [this](const auto&) { return random_() % 2 == 0; });
    DueRules rules{.zone = zone_, .suspended = false, .held = {}};
    for (const auto& [pbx, until] : held_) rules.held.emplace(Pbx(pbx), DueDay::FromNumber(until));
    Do([&] { return ring_->SetDueRules(rules); });
  }
  void Drop(std::pair<char, uint64_t> name) {
    const auto key = keys_.find(name);
    if (key == keys_.end()) return;
    destroyed_.insert(key->second);
    keys_.erase(key);
  }
  void EndPbx() {
    const uint64_t name = random_() % 8;
    if (random_() % 2 == 0) {
      if (!keys_.contains({'P', name})) return;
      const std::string orders = BytesOf(*ring_->FindPbxOrders(Pbx(name)));
      Do([&] { return ring_->NarrowPbx(Pbx(name)); });
      Drop({'P', name});
      keys_[{'O', name}] = orders;
      return;
    }
    Do([&] { return ring_->DestroyPbx(Pbx(name)); });
    Drop({'P', name});
    Drop({'O', name});
  }
  void NewOwners() {
    const DueDay until = random_() % 3 == 0 ? DueDay::Open() : SomeDay();
    for (uint64_t left = random_() % 200; left > 0; --left) {
      Do([&]() -> absl::Status {
        const auto number = ring_->NewOwner(until);
        if (!number.ok()) return number.status();
        EXPECT_TRUE(given_.insert(*number).second) << "a number was given twice";
        const auto owner = ring_->FindOwner(*number);
        if (!owner.ok()) return owner.status();
        if (!owner->has_value()) return absl::InternalError("a new owner has no secret");
        owners_[*number] = BytesOf((*owner)->secret);
        until_[*number] = until;
        return absl::OkStatus();
      });
    }
  }
  OwnerNumber SomeOwner() {
    auto owner = owners_.begin();
    std::advance(owner, random_() % owners_.size());
    return owner->first;
  }
  void Gone(OwnerNumber number) {
    const auto owner = owners_.find(number);
    if (owner == owners_.end()) return;
    destroyed_.insert(owner->second);
    // The seed that it followed from, if it did, must be gone too.
    for (const std::string& drawn : drawn_) {
      DecodedRing seeded;
      seeded.seeds[number / 256] = drawn;
      if (seeded.OwnerSecret(number) == owner->second) destroyed_.insert(drawn);
    }
    owners_.erase(owner);
    gone_.insert(number);
  }
  void DestroyOwners() {
    std::vector<OwnerNumber> some;
    for (uint64_t left = random_() % 6; left > 0 && !owners_.empty(); --left) some.push_back(SomeOwner());
    if (!gone_.empty()) some.push_back(*gone_.begin());
    Do([&] { return ring_->DestroyOwners(some); });
    for (const OwnerNumber number : some) Gone(number);
  }
  void Restrict() {
    if (owners_.empty()) return;
    const OwnerNumber number = SomeOwner();
    Do([&] { return ring_->RestrictOwner(number, random_() % 2 == 0); });
  }
  void DestroyDays() {
    through_ = std::max(kFirstDay, through_) + static_cast<uint32_t>(random_() % 4);
    const DueDay last = DueDay::FromNumber(through_);
    Do([&] { return ring_->DestroyDaysThrough(last); });
    if (random_() % 2 == 0) {
      cohorts_through_ += 3;
      Do([&] { return ring_->DestroyCohortsThrough(DueDay::FromNumber(cohorts_through_)); });
    }
    const auto all = keys_;
    for (const auto& [name, key] : all) {
      if (name.first == 'D' && name.second <= through_) Drop(name);
      if (name.first == 'C' && name.second <= cohorts_through_) Drop(name);
    }
    // With their page: it was to live to a day that has gone.
    const auto owners = owners_;
    for (const auto& [number, secret] : owners) {
      const auto owner = ring_->FindOwner(number);
      ASSERT_TRUE(owner.ok()) << owner.status();
      if (owner->has_value()) continue;
      EXPECT_LE(until_.at(number), last) << number;
      Gone(number);
    }
  }
  void Reopen() {
    ring_.reset();
    // A replica that comes back is of a lower generation, and is overwritten.
    lost_.reset();
    auto ring = KeyRing::Open(path(), Options());
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    EXPECT_EQ(ring_->stale_replicas(), 0u);
  }
  void LoseReplica() {
    if (ring_->stale_replicas() > 0) return;
    lost_ = random_() % 2;
    MintDay();
  }
  void MendAll() {
    lost_.reset();
    EXPECT_TRUE(ring_->Mend().ok());
    EXPECT_EQ(ring_->stale_replicas(), 0u);
  }
  void TakeImage() {
    if (!rooted() || images_.size() > 6) return;
    const fs::path image = directory_ / absl::StrCat("image-", images_.size());
    fs::copy(path(), image, fs::copy_options::recursive);
    images_.push_back(image);
  }
  void ChangeRoot() {
    if (!rooted()) return;
    Do([&] { return ring_->ChangeRoot(absl::UnixEpoch()); });
    EXPECT_EQ(DecodeRootFile(root_path()).size(), 1u) << "the former root is still there";
    for (const fs::path& image : images_) {
      for (const char* name : {"a", "b"}) {
        ExpectNothingDestroyed(image / name);
        // Somebody who has the ring of today as well takes its keys.
        const fs::path mixed = directory_ / "mixed";
        for (const char* own : {"a", "b"}) {
          fs::remove_all(mixed);
          fs::copy(fs::path(path()) / own, mixed);
          for (const char* file : {"pages", "keys"}) {
            fs::copy_file(image / name / file, mixed / file, fs::copy_options::overwrite_existing);
            ExpectNothingDestroyed(mixed);
          }
        }
      }
    }
  }
  void ExpectNothingDestroyed(const fs::path& replica) {
    KeysAbove above = KeysOfToday();
    above.tries_all_entries = true;
    const DecodedRing opened = DecodeRing(replica, above);
    std::set<std::string> secrets;
    for (const auto& [name, key] : opened.keys) secrets.insert(key);
    for (const auto& [number, secret] : opened.owners) secrets.insert(secret);
    for (const auto& [page, seed] : opened.seeds) secrets.insert(seed);
    for (const std::string& secret : destroyed_) EXPECT_FALSE(secrets.contains(secret)) << replica;
    // Under the wrong key something opens, but not what it was.
    for (const OwnerNumber number : gone_) EXPECT_FALSE(destroyed_.contains(opened.OwnerSecret(number))) << number;
  }
  // The next change stops at one of its writes, and all after it.
  void Crash() {
    if (lost_.has_value()) return;
    fuse_ = random_() % 12;
    switch (random_() % 8) {
      case 7:
        ChangeRules();
        break;
      case 5:
      case 6:
        fuse_ = random_() % 30;
        ChangeRoot();
        break;
      case 0:
        DestroyOwners();
        break;
      case 1:
        DestroyDays();
        break;
      case 2:
        EndPbx();
        break;
      case 3:
        Restrict();
        break;
      default:
        MintDay();
    }
    fuse_.reset();
  }

  std::mt19937 random_;
  SeededRandom root_random_;
  const Above above_;
  std::vector<fs::path> images_;
  std::map<std::string, std::set<std::string>> lay_as_;  // the bytes that a secret lay as, of all times
  FreshDirectory directory_;
  std::unique_ptr<KeyRing> ring_;
  std::vector<std::string> drawn_;
  std::optional<size_t> fuse_;
  std::optional<size_t> lost_;
  uint32_t through_ = 0;
  uint32_t cohorts_through_ = 100;
  uint32_t names_ = 0;
  std::map<std::pair<char, uint64_t>, std::string> keys_;
  std::map<uint64_t, uint32_t> held_;
  std::string zone_;
  bool suspended_ = false;
  std::map<OwnerNumber, std::string> owners_;
  std::map<OwnerNumber, DueDay> until_;
  std::set<OwnerNumber> gone_;
  std::set<OwnerNumber> given_;
  std::set<std::string> destroyed_;
};

class RingLives : public ::testing::TestWithParam<std::tuple<uint32_t, Above>> {};

TEST_P(RingLives, WhatIsDestroyedIsNowhere_WhatLivesIsEverywhere) {
  RingLife life(std::get<0>(GetParam()), std::get<1>(GetParam()));
  for (int step = 0; step < 120 && !::testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    life.Step();
    life.Check();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RingLives,
                         ::testing::Combine(::testing::Range(1u, 7u),
                                            ::testing::Values(Above::kNothing, Above::kWrapping, Above::kRoot,
                                                              Above::kBoth)));

}  // namespace
}  // namespace retention
