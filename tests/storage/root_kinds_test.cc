// The places that a root of a ring can be kept in.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/lived_ring.h"
#include "tests/storage/root_places.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/ring_decoder.h"

namespace retention {
namespace {

class RootKinds : public ::testing::TestWithParam<RootKind> {
 protected:
  RootKinds() : place_(MakeRootPlace(GetParam())) {}
  void SetUp() override {
    if (!place_->is_there()) GTEST_SKIP() << "not installed: deploy/setup.sh";
  }
  KeyRing::Options Options() {
    KeyRing::Options options;
    options.root = place_->Open();
    return options;
  }
  // What anybody reads of it who has it as it is.
  KeysAbove RootsNow(const std::string& identity) {
    KeysAbove above;
    RootName name;
    std::copy(identity.begin(), identity.end(), name.ring.begin());
    const auto root = place_->Open();
    for (name.epoch = 1; name.epoch < 8; ++name.epoch) {
      if (const auto read = root->Read(name); read.ok()) above.roots[name.epoch] = BytesOf(*read);
    }
    return above;
  }

  const std::unique_ptr<RootPlace> place_;
  const FreshDirectory directory_;
};

TEST_P(RootKinds, TheFormerAndTheNextAreThere_UntilOneIsKept) {
  RootName first{.ring = {1, 2, 3}, .epoch = 1};
  RootName second{.ring = {1, 2, 3}, .epoch = 2};
  auto root = place_->Open();
  EXPECT_EQ(root->kind(), GetParam());
  EXPECT_TRUE(absl::IsNotFound(root->Read(first).status()));
  const std::string one = BytesOf(*root->Make(first));
  const std::string other = BytesOf(*root->Make(second));
  EXPECT_NE(one, other);
  root = nullptr;
  root = place_->Open();
  EXPECT_EQ(BytesOf(*root->Read(first)), one);
  EXPECT_EQ(BytesOf(*root->Read(second)), other);
  EXPECT_NE(BytesOf(*root->Make(second)), other) << "it is replaced";
  ASSERT_TRUE(root->KeepOnly(second).ok());
  ASSERT_TRUE(root->KeepOnly(second).ok());
  EXPECT_TRUE(absl::IsNotFound(root->Read(first).status()));
  EXPECT_TRUE(root->Read(second).ok());
  EXPECT_TRUE(absl::IsNotFound(root->KeepOnly(first))) << "it would leave none";
  EXPECT_TRUE(root->Read(second).ok());
}

TEST_P(RootKinds, AnotherRingsIsLeftAlone) {
  const RootName ours{.ring = {1}, .epoch = 1};
  const RootName theirs{.ring = {2}, .epoch = 1};
  const auto root = place_->Open();
  const std::string secret = BytesOf(*root->Make(ours));
  const auto made = root->Make(theirs);
  // A token has room for more than one.
  if (GetParam() == RootKind::kPkcs11) {
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(root->KeepOnly(theirs).ok());
  } else {
    EXPECT_TRUE(absl::IsFailedPrecondition(made.status())) << made.status();
    EXPECT_TRUE(absl::IsFailedPrecondition(root->Read(theirs).status()));
    EXPECT_FALSE(root->KeepOnly(theirs).ok());
  }
  EXPECT_EQ(BytesOf(*root->Read(ours)), secret);
}

TEST_P(RootKinds, AnImageFromBeforeItsChangeOpensNothing) {
  auto ring = *KeyRing::Create(directory_ / "ring", Options());
  const Lived lived(*ring);
  const std::string identity = ring->identity();
  CopyRing(directory_ / "ring", directory_ / "image");
  const DecodedRing before = DecodeRing(directory_ / "image/a", RootsNow(identity));
  ASSERT_TRUE(before.whole);
  EXPECT_EQ(before.OwnerSecret(lived.owners[7]), lived.secrets[7]) << "the image has it";
  EXPECT_FALSE(DecodeRing(directory_ / "image/a").whole) << "but not without the root";
  ASSERT_TRUE(lived.Destroy(*ring).ok());
  ASSERT_TRUE(ring->ChangeRoot(kRingNow).ok());
  lived.ExpectLiving(*ring);
  const KeysAbove now = RootsNow(identity);
  EXPECT_EQ(now.roots.size(), 1u);
  for (const char* replica : {"image/a", "image/b"}) EXPECT_FALSE(DecodeRing(directory_ / replica, now).whole);
  for (const char* replica : {"ring/a", "ring/b"}) EXPECT_TRUE(DecodeRing(directory_ / replica, now).whole);
  ring.reset();
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::Open(directory_ / "image", Options()).status()));
  ring = *KeyRing::Open(directory_ / "ring", Options());
  lived.ExpectLiving(*ring);
  EXPECT_EQ(ring->status().root, GetParam());
  EXPECT_EQ(ring->status().root_changed, kRingNow);
}

INSTANTIATE_TEST_SUITE_P(Places, RootKinds, ::testing::Values(RootKind::kFile, RootKind::kPkcs11, RootKind::kTpm),
                         [](const auto& info) {
                           return info.param == RootKind::kFile     ? "File"
                                  : info.param == RootKind::kPkcs11 ? "Token"
                                                                    : "Tpm";
                         });

}  // namespace
}  // namespace retention
