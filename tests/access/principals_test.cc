#include "server/access/principals.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "server/base/errors.h"
#include "tests/access/certificates.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

class PrincipalsTest : public ::testing::Test {
 protected:
  std::string Path() const { return (directory_ / "principals").string(); }
  std::unique_ptr<Principals> Open() {
    auto opened = Principals::Open(Path(), SystemRandom());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  FreshDirectory directory_;
};

TEST_F(PrincipalsTest, ANameKeepsItsIdAndTheFileSaysWhose) {
  const std::string id = *Open()->IdOf("CN=Ina Kunz,O=Example");
  EXPECT_EQ(id.size(), Principals::kIdBytes);
  const auto again = Open();
  EXPECT_EQ(*again->IdOf("CN=Ina Kunz,O=Example"), id);
  EXPECT_NE(*again->IdOf("CN=Eva"), id);
  EXPECT_TRUE(absl::StartsWith(TextOf(Path()), absl::BytesToHexString(id) + " CN=Ina Kunz,O=Example\n"));
  struct stat info {};
  ASSERT_EQ(::stat(Path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(PrincipalsTest, WhoIsErasedGetsAnotherId) {
  const std::string id = *Open()->IdOf("CN=Ina");
  std::ofstream(Path(), std::ios::trunc);
  EXPECT_NE(*Open()->IdOf("CN=Ina"), id);
}

TEST_F(PrincipalsTest, ANameForgesNoLine) {
  Open()->IdOf("CN=x\n0000000000000000 CN=forged").IgnoreError();
  const auto again = Open();
  EXPECT_NE(*again->IdOf("CN=forged"), std::string(8, '\0'));
}

TEST_F(PrincipalsTest, WhatIsWrongWithTheFileIsSaid) {
  std::ofstream(Path()) << "0123456789abcdef CN=Ina\nnonsense\n";
  ::chmod(Path().c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(Principals::Open(Path(), SystemRandom()).status()));
  ::chmod(Path().c_str(), 0600);
  const absl::Status broken = Principals::Open(Path(), SystemRandom()).status();
  EXPECT_TRUE(absl::StrContains(broken.message(), "line 2")) << broken;
  const absl::Status nowhere = Principals::Open("/nowhere/principals", SystemRandom()).status();
  EXPECT_TRUE(absl::StrContains(nowhere.message(), "(errno 2)")) << nowhere;
}

TEST_F(PrincipalsTest, WhoCannotBeWrittenDownHasNoId) {
  const auto principals = Open();
  EXPECT_TRUE(principals->IdOf("CN=Ina").ok());
  std::filesystem::remove(Path());
  std::filesystem::create_directory(Path());
  EXPECT_TRUE(principals->IdOf("CN=Ina").ok());  // is known
  const absl::Status status = principals->IdOf("CN=Eva").status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(DetailsOf(status).reason, "AUDIT_UNAVAILABLE");
}

}  // namespace
}  // namespace retention
