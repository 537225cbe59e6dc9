#include "client/objects/local_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "retention/v1/erasure_order_service.pb.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class LocalStoreTest : public ::testing::Test {
 protected:
  LocalStoreTest() {
    std::string pattern = (fs::path(::testing::TempDir()) / "local-store-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    fs::create_directories(root() / "2026" / "03");
    fs::create_directories(base_ / "outside");
    Write(base_ / "outside" / "victim");
    store_ = *OpenLocalStore(root().string());
  }
  ~LocalStoreTest() override { fs::remove_all(base_); }

  fs::path root() const { return base_ / "objects"; }
  static void Write(const fs::path& file) { std::ofstream(file) << "content"; }
  v1::ErasureOutcome Erase(const std::string& object_ref) { return store_->Erase(object_ref).outcome; }

  fs::path base_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(LocalStoreTest, AFileIsErasedAndThenNotFound) {
  Write(root() / "2026" / "03" / "a.webm");
  Write(root() / "top");
  EXPECT_EQ(Erase("2026/03/a.webm"), v1::ERASURE_OUTCOME_ERASED);
  EXPECT_FALSE(fs::exists(root() / "2026" / "03" / "a.webm"));
  EXPECT_EQ(Erase("2026/03/a.webm"), v1::ERASURE_OUTCOME_NOT_FOUND);
  EXPECT_EQ(Erase("top"), v1::ERASURE_OUTCOME_ERASED);
  EXPECT_EQ(Erase("2027/01/a.webm"), v1::ERASURE_OUTCOME_NOT_FOUND);
}

TEST_F(LocalStoreTest, TheMarkerIsWrittenOnceAndNoOrderDeletesIt) {
  EXPECT_EQ(*store_->HasMarker(), false);
  EXPECT_TRUE(store_->WriteMarker().ok());
  EXPECT_TRUE(store_->WriteMarker().ok());
  EXPECT_EQ(*store_->HasMarker(), true);
  EXPECT_EQ(Erase(kStoreMarker), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(*store_->HasMarker(), true);
}

TEST_F(LocalStoreTest, AMarkerIsAnOrdinaryFile) {
  fs::create_symlink(base_ / "outside" / "victim", root() / kStoreMarker);
  EXPECT_EQ(*store_->HasMarker(), false);
  EXPECT_FALSE(store_->WriteMarker().ok());
}

TEST_F(LocalStoreTest, WhatIsNoPlainPathIsRefused) {
  const std::string outside = (base_ / "outside" / "victim").string();
  for (const std::string& ref :
       {outside, std::string("../outside/victim"), std::string("2026/../../outside/victim"), std::string("2026/./03"),
        std::string(""), std::string("/"), std::string("."), std::string(".."), std::string("2026//03"),
        std::string("2026/"), std::string("a\0b", 3)}) {
    EXPECT_EQ(Erase(ref), v1::ERASURE_OUTCOME_FAILED) << ref;
  }
  EXPECT_TRUE(fs::exists(outside));
}

TEST_F(LocalStoreTest, LinksLeadNowhere) {
  fs::create_directory_symlink(base_ / "outside", root() / "out");
  fs::create_directory_symlink("2026", root() / "in");
  fs::create_symlink(base_ / "outside" / "victim", root() / "link");
  Write(root() / "2026" / "x");
  EXPECT_EQ(Erase("out/victim"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(Erase("in/x"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(Erase("link"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_TRUE(fs::exists(base_ / "outside" / "victim"));
  EXPECT_TRUE(fs::is_symlink(root() / "link"));
  EXPECT_TRUE(fs::exists(root() / "2026" / "x"));
}

TEST_F(LocalStoreTest, OnlyOrdinaryFilesThatHaveNoOtherNameAreErased) {
  Write(root() / "one");
  fs::create_hard_link(root() / "one", base_ / "outside" / "two");
  ASSERT_EQ(mkfifo((root() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Erase("one"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(Erase("2026"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(Erase("pipe"), v1::ERASURE_OUTCOME_FAILED);
  EXPECT_TRUE(fs::exists(root() / "one"));
  EXPECT_EQ(Erase("one/two"), v1::ERASURE_OUTCOME_FAILED);
  fs::remove(base_ / "outside" / "two");
  EXPECT_EQ(Erase("one"), v1::ERASURE_OUTCOME_ERASED);
}

TEST_F(LocalStoreTest, ADirectoryThatIsGoneFindsNothingAndFails) {
  EXPECT_TRUE(store_->Check().ok());
  fs::remove_all(root());
  EXPECT_FALSE(store_->Check().ok());
  EXPECT_EQ(Erase("a"), v1::ERASURE_OUTCOME_FAILED);
}

TEST_F(LocalStoreTest, ADirectoryThatIsNotThereCannotBeOpened) {
  EXPECT_EQ(OpenLocalStore((base_ / "nowhere").string()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(OpenLocalStore((base_ / "outside" / "victim").string()).ok());
}

TEST_F(LocalStoreTest, FailuresDoNotNameTheObject) {
  fs::create_symlink("nothing", root() / "secret-name");
  for (const char* ref : {"secret-name", "../secret-name", "2026/03/../secret-name"}) {
    const Erasure erasure = store_->Erase(ref);
    EXPECT_FALSE(erasure.why.empty());
    EXPECT_EQ(erasure.why.find("secret"), std::string::npos) << erasure.why;
  }
}

}  // namespace
}  // namespace retention
