#include "storage/secrets/witness.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

Witness ExampleWitness(uint64_t sequence = 0x3132333435363738) {
  Witness witness;
  witness.count = 1;
  witness.store_id = 0x1112131415161718;
  witness.ring_generation = 0x2122232425262728;
  witness.progress = {.sequence = sequence, .log = 0x4142434445464748};
  witness.ledger_size = 0x5152535455565758;
  witness.ledger_head.fill(0x66);
  witness.instant_us = 0x7172737475767778;
  witness.boottime_us = 0x0182838485868788;
  witness.boot_id.fill(0x99);
  witness.clock = 1;
  witness.corrected_by = 2;
  witness.corrected_from_us = 0x0011121314151617;
  witness.corrected_to_us = 0x0021222324252627;
  witness.slack_us = 0x0031323334353637;
  witness.agreed = 1;
  return witness;
}

void Scramble(const fs::path& path, size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset)) << "torn";
}

std::unique_ptr<WitnessFile> MustOpen(const std::vector<std::string>& directories, WitnessFile::OnIo on_io = {}) {
  auto file = WitnessFile::Open(directories, std::move(on_io));
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

// The check by another program.
constexpr char kGoldenWitness[] =
    "52545732"          // magic and version
    "00000001"          // count
    "1112131415161718"  // store
    "2122232425262728"  // ring's generation
    "3132333435363738"  // sequence
    "4142434445464748"  // log
    "5152535455565758"  // ledger's size and head
    "6666666666666666666666666666666666666666666666666666666666666666"
    "7172737475767778"                  // instant
    "0182838485868788"                  // boottime
    "99999999999999999999999999999999"  // boot id
    "01"                                // the machine's clock
    "02"                                // corrected by what vouches for it
    "0011121314151617"                  // from
    "0021222324252627"                  // to
    "0031323334353637"                  // slack
    "01"                                // the machine's clock agreed
    "0000000000"
    "538c71608af33a3af9c76ee1ac8bfe56";

// The same, but for the clock, as the first version wrote it.
constexpr char kFirstGoldenWitness[] =
    "52545731"
    "00000001"
    "1112131415161718"
    "2122232425262728"
    "3132333435363738"
    "4142434445464748"
    "5152535455565758"
    "6666666666666666666666666666666666666666666666666666666666666666"
    "7172737475767778"
    "0182838485868788"
    "99999999999999999999999999999999"
    "c6e31caf49443d144acf407b2454860a";

TEST(Witness, GoldenBytes) {
  const auto bytes = WitnessBytes(ExampleWitness());
  EXPECT_EQ(Hex(std::string(bytes.begin(), bytes.end())), kGoldenWitness);
  EXPECT_EQ(ReadWitness(WitnessBytes(ExampleWitness())), ExampleWitness());
}

TEST(Witness, TheFirstVersionIsRead) {
  const std::string text = absl::HexStringToBytes(kFirstGoldenWitness);
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  Witness first = ExampleWitness();
  first.clock = 0;
  first.corrected_by = 0;
  first.corrected_from_us = 0;
  first.corrected_to_us = 0;
  first.slack_us = 0;
  first.agreed = 0;
  EXPECT_EQ(ReadWitness(bytes), first);
  std::vector<uint8_t> torn = bytes;
  torn[100] ^= 1;
  EXPECT_FALSE(ReadWitness(torn).has_value());
}

TEST(Witness, OneBitThatIsNotAsItWasMakesItNone) {
  for (size_t bit = 0; bit < kWitnessBytes * 8; ++bit) {
    auto bytes = WitnessBytes(ExampleWitness());
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(ReadWitness(bytes).has_value()) << bit;
  }
  const auto bytes = WitnessBytes(ExampleWitness());
  EXPECT_FALSE(ReadWitness(std::span(bytes).first(kWitnessBytes - 1)).has_value());
}

TEST(Witness, IsWrittenInTurnsToTwoPlaces) {
  const FreshDirectory directory;
  const auto file = MustOpen({directory.path()});
  EXPECT_FALSE(file->last().has_value());
  EXPECT_FALSE(file->damaged());
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    ASSERT_TRUE(file->Write(ExampleWitness(sequence)).ok());
    EXPECT_EQ(file->last()->count, sequence);
    EXPECT_EQ(MustOpen({directory.path()})->last()->progress.sequence, sequence);
    EXPECT_EQ(fs::file_size(directory / "witness"), 8192u);
  }
  struct stat info;
  ASSERT_EQ(::stat((directory / "witness").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string bytes = Hex(ReadBytes(directory / "witness"));
  EXPECT_EQ(bytes.substr(0, 16), "5254573200000005");
  EXPECT_EQ(bytes.substr(8192, 16), "5254573200000004");
}

TEST(Witness, ATornPlaceCostsTheLastWriteAlone_AndIsWrittenNext) {
  const FreshDirectory directory;
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    ASSERT_TRUE(MustOpen({directory.path()})->Write(ExampleWitness(sequence)).ok());
  }
  Scramble(directory / "witness", 4096 + 50);  // of the fourth
  const auto file = MustOpen({directory.path()});
  EXPECT_FALSE(file->damaged());
  ASSERT_EQ(file->last()->progress.sequence, 3u);
  ASSERT_TRUE(file->Write(ExampleWitness(5)).ok());
  Scramble(directory / "witness", 4096 + 50);
  EXPECT_EQ(MustOpen({directory.path()})->last()->progress.sequence, 3u) << "the sound one was left alone";
}

TEST(Witness, BothTornIsDamage_AndNoneIsNot) {
  const FreshDirectory directory;
  ASSERT_TRUE(MustOpen({directory.path()})->Write(ExampleWitness(1)).ok());
  Scramble(directory / "witness", 50);
  EXPECT_TRUE(MustOpen({directory.path()})->damaged());
  EXPECT_FALSE(MustOpen({directory.path()})->last().has_value());
  // As a crash leaves it between the making of the file and the first write.
  fs::resize_file(directory / "witness", 0);
  EXPECT_FALSE(MustOpen({directory.path()})->damaged());
  fs::resize_file(directory / "witness", 8192);
  EXPECT_FALSE(MustOpen({directory.path()})->damaged());
  EXPECT_FALSE(MustOpen({directory.path()})->last().has_value());
}

TEST(Witness, AFailedWriteIsTriedAgainInTheSamePlace) {
  const FreshDirectory directory;
  bool fails = false;
  const auto file =
      MustOpen({directory.path()}, [&](size_t) { return fails ? absl::UnavailableError("disk") : absl::OkStatus(); });
  ASSERT_TRUE(file->Write(ExampleWitness(1)).ok());
  ASSERT_TRUE(file->Write(ExampleWitness(2)).ok());
  for (int tries = 0; tries < 3; ++tries) {
    fails = true;
    EXPECT_FALSE(file->Write(ExampleWitness(3)).ok());
    EXPECT_EQ(file->last()->progress.sequence, 2u);
    fails = false;
  }
  ASSERT_TRUE(file->Write(ExampleWitness(3)).ok());
  EXPECT_EQ(file->last()->count, 3u);
  Scramble(directory / "witness", 50);
  EXPECT_EQ(MustOpen({directory.path()})->last()->progress.sequence, 2u);
}

// As where its volume was mounted anew, or its directory replaced: what is written is where it will be looked for.
TEST(Witness, FollowsItsPath) {
  const FreshDirectory root;
  const std::string path = root / "ring";
  fs::create_directory(path);
  const auto file = MustOpen({path});
  ASSERT_TRUE(file->Write(ExampleWitness(1)).ok());
  fs::copy(path, root / "older", fs::copy_options::recursive);
  ASSERT_TRUE(file->Write(ExampleWitness(2)).ok());
  fs::rename(path, root / "away");
  EXPECT_FALSE(file->Write(ExampleWitness(3)).ok()) << "there is no such directory";
  fs::rename(root / "older", path);
  ASSERT_TRUE(file->Write(ExampleWitness(4)).ok());
  EXPECT_EQ(MustOpen({path})->last()->progress.sequence, 4u);
  fs::remove(path + "/witness");
  ASSERT_TRUE(file->Write(ExampleWitness(5)).ok());
  EXPECT_EQ(MustOpen({path})->last()->progress.sequence, 5u);
  EXPECT_EQ(MustOpen({root / "away"})->last()->progress.sequence, 2u) << "is let go of";
}

// As a ring: who has access may have put there what is there.
TEST(Witness, NoneIsMadeAmongOtherFiles_IfOthersHaveAccess) {
  const FreshDirectory root;
  const std::string path = root / "ring";
  fs::create_directory(path);
  WriteBytes(path + "/ledger", "");
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  const auto file = MustOpen({path});
  const absl::Status refused = file->Write(ExampleWitness(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_FALSE(fs::exists(path + "/witness"));
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u) << "left as it is";
  ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  EXPECT_TRUE(file->Write(ExampleWitness(2)).ok());
}

// What failed may be read, and yet not be durable: it is not what the other place is given up for.
TEST(Witness, OneThatCouldNotBeSyncedDoesNotCount) {
  const FreshDirectory directory;
  int left = 1000;
  const auto file = MustOpen({directory.path()},
                             [&](size_t) { return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("disk"); });
  ASSERT_TRUE(file->Write(ExampleWitness(1)).ok());
  ASSERT_TRUE(file->Write(ExampleWitness(2)).ok());
  left = 1;
  EXPECT_FALSE(file->Write(ExampleWitness(3)).ok());
  left = 1;
  EXPECT_FALSE(file->Write(ExampleWitness(4)).ok());
  Scramble(directory / "witness", 50);
  EXPECT_EQ(MustOpen({directory.path()})->last()->progress.sequence, 2u);
}

TEST(Witness, TheLaterOfTwoDirectoriesCounts_AndOneIsEnough) {
  const FreshDirectory first;
  const FreshDirectory second;
  const std::vector<std::string> both = {first.path(), second.path()};
  ASSERT_TRUE(MustOpen(both)->Write(ExampleWitness(1)).ok());
  size_t lost = 1;
  const auto file =
      MustOpen(both, [&](size_t i) { return i == lost ? absl::UnavailableError("lost") : absl::OkStatus(); });
  ASSERT_TRUE(file->Write(ExampleWitness(2)).ok());
  EXPECT_FALSE(file->failure().ok()) << "it is told";
  EXPECT_EQ(MustOpen({second.path()})->last()->progress.sequence, 1u);
  EXPECT_EQ(MustOpen(both)->last()->progress.sequence, 2u);
  lost = 2;
  ASSERT_TRUE(file->Write(ExampleWitness(3)).ok());
  EXPECT_TRUE(file->failure().ok());
  Scramble(first / "witness", 50);
  Scramble(first / "witness", 4096 + 50);
  EXPECT_FALSE(MustOpen(both)->damaged()) << "the other tells";
  fs::remove(first / "witness");
  EXPECT_EQ(MustOpen(both)->last()->progress.sequence, 3u);
  Scramble(second / "witness", 50);
  Scramble(second / "witness", 4096 + 50);
  EXPECT_TRUE(MustOpen(both)->damaged());
}

}  // namespace
}  // namespace retention
