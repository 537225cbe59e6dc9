#include "server/app/ballast.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr uint64_t kMib = 1 << 20;

class BallastTest : public ::testing::Test {
 protected:
  Ballast New(uint64_t bytes) {
    return Ballast(directory_.path().string(), bytes, [this](const std::string&) { return volume_; });
  }
  uint64_t Lying() const {
    const auto path = directory_ / "ballast";
    return std::filesystem::exists(path) ? std::filesystem::file_size(path) : 0;
  }

  const FreshDirectory directory_;
  Ballast::Volume volume_{.bytes = 1024 * kMib, .free = 512 * kMib};
};

TEST_F(BallastTest, IsLaid_GivenBack_AndLaidAgainWhenThereIsRoom) {
  Ballast ballast = New(8 * kMib);
  EXPECT_TRUE(ballast.Lay());
  EXPECT_EQ(Lying(), 8 * kMib);
  EXPECT_EQ(ballast.bytes(), 8 * kMib);
  EXPECT_FALSE(ballast.Lay()) << "it is there";
  EXPECT_TRUE(ballast.status().ok());

  EXPECT_TRUE(ballast.Release());
  EXPECT_EQ(Lying(), 0u);
  EXPECT_TRUE(absl::IsResourceExhausted(ballast.status()));
  EXPECT_FALSE(ballast.Release()) << "there is none";
  volume_.free = 15 * kMib;
  EXPECT_FALSE(ballast.Lay()) << "as much must be left";
  EXPECT_FALSE(ballast.status().ok());
  volume_.free = 16 * kMib;
  EXPECT_TRUE(ballast.Lay());
  EXPECT_TRUE(ballast.status().ok());
}

TEST_F(BallastTest, TakesUpOneThatIsThere) {
  New(8 * kMib).Lay();
  Ballast ballast = New(8 * kMib);
  EXPECT_GE(ballast.bytes(), 8 * kMib);
  EXPECT_FALSE(ballast.Lay());
  EXPECT_TRUE(ballast.Release());
}

TEST_F(BallastTest, IsAnEighthOfASmallVolume_AndNoneOfATinyOne) {
  volume_ = {.bytes = 64 * kMib, .free = 60 * kMib};
  New(64 * kMib).Lay();
  EXPECT_EQ(Lying(), 8 * kMib);
  std::filesystem::remove(directory_ / "ballast");
  volume_ = {.bytes = 7 * kMib, .free = 7 * kMib};
  EXPECT_FALSE(New(64 * kMib).Lay());
  EXPECT_FALSE(New(0).Lay());
  EXPECT_EQ(Lying(), 0u);
}

// A full disk at the first start takes nobody's events away.
TEST_F(BallastTest, OneThatWasNeverLaidIsNotMissed) {
  volume_.free = kMib;
  Ballast ballast = New(64 * kMib);
  EXPECT_FALSE(ballast.Lay());
  EXPECT_TRUE(ballast.status().ok());
}

}  // namespace
}  // namespace retention
