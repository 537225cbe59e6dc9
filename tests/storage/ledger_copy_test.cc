#include "storage/secrets/ledger_copy.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr char kRing[] = "0123456789abcdef";

// A chain of `size` entries.
std::vector<LedgerCopy::Entry> Chain(size_t size) {
  std::vector<LedgerCopy::Entry> chain;
  std::string head = LedgerBeginning();
  for (size_t i = 1; i <= size; ++i) {
    std::string leaf = absl::StrCat("entry ", i, std::string(i * 7 % 23, '.'));
    head = ChainHash(head, leaf);
    chain.push_back({.leaf = std::move(leaf), .hash = head});
  }
  return chain;
}

std::unique_ptr<LedgerCopy> CopyIn(const FreshDirectory& directory, uint64_t durable = 0, LedgerCopy::OnIo on_io = {}) {
  auto copy = LedgerCopy::Open(directory.path(), kRing, durable, std::move(on_io));
  EXPECT_TRUE(copy.ok()) << copy.status();
  return *std::move(copy);
}

void WriteChain(const FreshDirectory& directory, const std::vector<LedgerCopy::Entry>& chain) {
  const auto copy = CopyIn(directory);
  ASSERT_TRUE(copy->Append(chain).ok());
  ASSERT_TRUE(copy->Sync().ok());
}

TEST(LedgerCopy, GoldenBytes) {
  const FreshDirectory directory;
  WriteChain(directory, {{.leaf = "leaf", .hash = ChainHash(LedgerBeginning(), "leaf")}});
  EXPECT_EQ(Hex(ReadBytes(directory / "ledger")),
            "5245544e4c454447"  // magic
            "00000001"
            "00000000"                          // version
            "30313233343536373839616263646566"  // ring
            "00000004"
            "0000000000000001"  // length, sequence
            "5310d16ea8d5b9d12cb6b7ccff2304c5cf365801134bd0c72398b4475e831d39"
            "6c656166"
            "00000004");
}

TEST(LedgerCopy, GoesOnWhereItEnded) {
  const FreshDirectory directory;
  const auto chain = Chain(50);
  EXPECT_EQ(CopyIn(directory)->size(), 0u);
  EXPECT_FALSE(fs::exists(directory / "ledger")) << "an opening makes nothing";
  for (size_t at = 0; at < 50; at += 10) {
    const auto copy = CopyIn(directory, at);
    EXPECT_EQ(copy->size(), at);
    EXPECT_EQ(copy->cut_bytes(), 0u);
    ASSERT_TRUE(copy->Append(std::span(chain).subspan(at, 10)).ok());
    ASSERT_TRUE(copy->Sync().ok());
  }
  size_t seen = 20;
  ASSERT_TRUE(CopyIn(directory)
                  ->Visit(21,
                          [&](uint64_t sequence, const LedgerCopy::Entry& entry) {
                            EXPECT_EQ(sequence, seen + 1);
                            EXPECT_EQ(entry.leaf, chain[seen++].leaf);
                            return true;
                          })
                  .ok());
  EXPECT_EQ(seen, 50u);
  EXPECT_EQ(CopyIn(directory)->Append(std::span(chain).first(1)).code(), absl::StatusCode::kInvalidArgument);
}

// Wherever the file ends, what is whole of it is kept, and the rest is written again.
TEST(LedgerCopy, ATornTailIsCut) {
  const auto chain = Chain(4);
  const FreshDirectory whole;
  WriteChain(whole, chain);
  const std::string bytes = ReadBytes(whole / "ledger");
  for (size_t end = 0; end <= bytes.size(); ++end) {
    for (const char* garbage : {"", "garbage"}) {
      const FreshDirectory directory;
      WriteBytes(directory / "ledger", bytes.substr(0, end) + garbage);
      if (end < 32 && end > 0 && *garbage != '\0' && end + 7 >= 32) continue;  // a header that is not ours
      const auto copy = CopyIn(directory);
      const uint64_t size = copy->size();
      EXPECT_LE(size, 4u);
      EXPECT_EQ(size == 4, end == bytes.size());
      EXPECT_EQ(copy->head(), size == 0 ? LedgerBeginning() : chain[size - 1].hash);
      ASSERT_TRUE(copy->Append(std::span(chain).subspan(size)).ok());
      ASSERT_TRUE(copy->Sync().ok());
      EXPECT_EQ(ReadBytes(directory / "ledger"), bytes) << end;
    }
  }
}

// What was not durable may lack what is before its end.
TEST(LedgerCopy, AHoleIsFoundAmongWhatWasNotDurable) {
  const auto chain = Chain(6);
  const FreshDirectory directory;
  WriteChain(directory, chain);
  std::string bytes = ReadBytes(directory / "ledger");
  const size_t hole = bytes.find("entry 3");
  bytes.replace(hole, 4, std::string(4, '\0'));
  WriteBytes(directory / "ledger", bytes);
  EXPECT_EQ(CopyIn(directory, 5)->size(), 6u) << "5 were durable: nobody looks there at a start";
  const absl::Status found = CopyIn(directory, 5)->Visit(1, [](uint64_t, const LedgerCopy::Entry&) { return true; });
  EXPECT_TRUE(absl::IsDataLoss(found)) << found;
  EXPECT_EQ(CopyIn(directory, 1)->size(), 2u);
}

TEST(LedgerCopy, AnotherRingsIsNotTouched) {
  const FreshDirectory directory;
  WriteChain(directory, Chain(2));
  const std::string bytes = ReadBytes(directory / "ledger");
  const auto opened = LedgerCopy::Open(directory.path(), "of-another-ring!", 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
  EXPECT_EQ(ReadBytes(directory / "ledger"), bytes);
}

// A flipped bit was once another ring's, and no start went on.
TEST(LedgerCopy, ADamagedHeaderIsWrittenAnew) {
  const auto chain = Chain(3);
  const FreshDirectory directory;
  WriteChain(directory, chain);
  const std::string bytes = ReadBytes(directory / "ledger");
  EXPECT_FALSE(CopyIn(directory, 3)->header_mended());
  std::vector<std::string> headers;
  for (size_t bit = 0; bit < size_t{8} * 32; ++bit) {
    headers.push_back(bytes.substr(0, 32));
    headers.back()[bit / 8] = static_cast<char>(headers.back()[bit / 8] ^ (1 << bit % 8));
  }
  headers.emplace_back(32, 'x');
  for (const std::string& header : headers) {
    WriteBytes(directory / "ledger", header + bytes.substr(32));
    const auto copy = CopyIn(directory, 3);
    EXPECT_TRUE(copy->header_mended());
    EXPECT_EQ(copy->size(), 3u);
    EXPECT_EQ(copy->head(), chain.back().hash);
    EXPECT_EQ(ReadBytes(directory / "ledger"), bytes);
  }
}

TEST(LedgerCopy, OneThatIsOutOfReachIsFoundWhenItIsBack) {
  const FreshDirectory directory;
  WriteChain(directory, Chain(3));
  fs::rename(directory / "ledger", directory / "away");
  fs::create_symlink(directory / "away", directory / "ledger");
  const auto copy = CopyIn(directory, 3);
  EXPECT_EQ(copy->size(), 0u);
  EXPECT_FALSE(copy->FollowPath().ok());
  fs::rename(directory / "away", directory / "ledger");
  const auto is_another = copy->FollowPath();
  ASSERT_TRUE(is_another.ok()) << is_another.status();
  EXPECT_TRUE(*is_another);
  EXPECT_EQ(copy->size(), 3u);
}

TEST(LedgerCopy, WhatCouldNotBeSyncedIsWrittenAgain) {
  const auto chain = Chain(6);
  const FreshDirectory directory;
  bool fails = false;
  const auto copy = CopyIn(directory, 0, [&] { return fails ? absl::UnavailableError("disk") : absl::OkStatus(); });
  ASSERT_TRUE(copy->Append(std::span(chain).first(2)).ok());
  ASSERT_TRUE(copy->Sync().ok());
  ASSERT_TRUE(copy->Append(std::span(chain).subspan(2)).ok());
  fails = true;
  EXPECT_FALSE(copy->Sync().ok());
  EXPECT_EQ(copy->size(), 2u);
  EXPECT_FALSE(copy->Append(std::span(chain).subspan(2)).ok());
  fails = false;
  ASSERT_TRUE(copy->Append(std::span(chain).subspan(2)).ok());
  ASSERT_TRUE(copy->Sync().ok());
  EXPECT_EQ(CopyIn(directory)->size(), 6u);
}

TEST(LedgerCopy, IsCutToItsBeginning) {
  const auto chain = Chain(6);
  for (uint64_t size = 0; size <= 6; ++size) {
    const FreshDirectory directory;
    WriteChain(directory, chain);
    const auto copy = CopyIn(directory);
    ASSERT_TRUE(copy->CutTo(size).ok());
    EXPECT_EQ(copy->size(), size);
    EXPECT_EQ(CopyIn(directory)->size(), size);
    ASSERT_TRUE(copy->Append(std::span(chain).subspan(size)).ok());
    ASSERT_TRUE(copy->Sync().ok());
    EXPECT_EQ(CopyIn(directory, 6)->size(), 6u);
  }
}

}  // namespace
}  // namespace retention
