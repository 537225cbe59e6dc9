#include "server/anonymisation/cube_codec.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "test_cohort.h"

namespace retention {
namespace {

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

TEST(CubeCodec, GoldenBytes) {
  CubeDescription description = TestDescription(PublicLists(PolicyWithControllers()), Day(3, 30), 7);
  description.schema_version = 2;
  description.rho_ppm = 20'000;
  description.damaged = true;
  description.late_people = -3;
  EXPECT_EQ(Hex(EncodeHead(description)),
            "08bea001100718022204667261312204626572312204766965312a0762726f777365722a066d6f62696c65"
            "30a09c013805420461636d654207696e69746563684801");
  EXPECT_EQ(Hex(EncodeCells({0, -1, 1, 300})), "0a05000102d804");
}

TEST(CubeCodec, WhatIsWrittenIsReadBack) {
  Tape tape(1);
  for (const auto& policy : {TestPolicy(), PolicyWithControllers()}) {
    const NoisyCube cube = *Filled(RandomVisits(50, tape), tape, kLargeProfile, PublicLists(policy)).Finish(tape);
    const auto read = DecodeCube(EncodeCube(cube));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, cube);
  }
  CubeDescription month = TestDescription();
  month.schema_version = 2;
  month.is_month = true;
  month.cohorts = 4;
  month.cohorts_damaged = 1;
  month.cohorts_late_counted = 3;
  EXPECT_EQ(*DecodeHead(EncodeHead(month)), month);
}

TEST(CubeCodec, WhatIsMalformedIsDataLoss) {
  Tape tape(2);
  const NoisyCube cube = *Filled(RandomVisits(10, tape), tape).Finish(tape);
  EncodedCube encoded = EncodeCube(cube);
  encoded.head = "\xff";
  EXPECT_TRUE(absl::IsDataLoss(DecodeCube(encoded).status()));
  encoded = EncodeCube(cube);
  encoded.parts.pop_back();
  EXPECT_TRUE(absl::IsDataLoss(DecodeCube(encoded).status()));
  encoded = EncodeCube(cube);
  encoded.parts[3].second = EncodeCells({1});
  EXPECT_TRUE(absl::IsDataLoss(DecodeCube(encoded).status()));
  CubeDescription unknown = TestDescription();
  unknown.schema_version = 1;
  EXPECT_TRUE(absl::IsDataLoss(DecodeHead(EncodeHead(unknown)).status())) << "of the first schema";
}

}  // namespace
}  // namespace retention
