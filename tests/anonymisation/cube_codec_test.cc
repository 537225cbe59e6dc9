#include "server/anonymisation/cube_codec.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "retention/stored/v1/stored.pb.h"
#include "test_cohort.h"

namespace retention {
namespace {

NoisyCube Cube(uint64_t seed) {
  Tape tape(seed);
  Tape data(1);
  return *Filled(RandomMeetings(300, 40, data), tape).Finish(tape);
}

TEST(CubeCodec, HeadHasItsGoldenBytes) {
  EXPECT_EQ(absl::BytesToHexString(EncodeCube(Cube(1)).head),
            "08bfa001"            // first_day 20543
            "1001"                // day_count 1
            "1801"                // schema_version 1
            "220466726131"        // fra1
            "220462657231"        // ber1
            "220476696531"        // vie1
            "2a0762726f77736572"  // browser
            "2a066d6f62696c65"    // mobile
            "30a09c01");          // rho_ppm 20000
}

TEST(CubeCodec, TableHasItsGoldenBytes) {
  // The bytes of the whole chain: key, choice, count, floor, noise, encoding, from one tape.
  const EncodedCube encoded = EncodeCube(Cube(1));
  ASSERT_EQ(encoded.tables.size(), 10u);
  EXPECT_EQ(encoded.tables[2].first, TableId::kMeetingsPerPerson);
  EXPECT_EQ(absl::BytesToHexString(encoded.tables[2].second), "0a094c8801664e8e01121c");
}

TEST(CubeCodec, CellsAreZigZagPacked) {
  stored::v1::CubeTable table;
  for (const int64_t cell : {0, -1, 1, 70, -300}) table.add_cells(cell);
  const std::string bytes = table.SerializeAsString();
  EXPECT_EQ(absl::BytesToHexString(bytes), "0a070001028c01d704");
  std::vector<int64_t> cells;
  ASSERT_TRUE(DecodeTable(bytes, 5, cells).ok());
  EXPECT_EQ(cells, (std::vector<int64_t>{0, -1, 1, 70, -300}));
}

TEST(CubeCodec, RoundTrip) {
  const NoisyCube cube = Cube(2);
  const absl::StatusOr<NoisyCube> back = DecodeCube(EncodeCube(cube));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, cube);
}

TEST(CubeCodec, MalformedBytesAreDataLoss) {
  const EncodedCube good = EncodeCube(Cube(3));
  const auto code = [](const EncodedCube& encoded) { return DecodeCube(encoded).status().code(); };
  EncodedCube bad = good;
  bad.head = "";
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);
  bad.head = good.head.substr(0, good.head.size() - 1);
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);
  bad = good;
  bad.tables.pop_back();
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);
  bad = good;
  std::swap(bad.tables[0], bad.tables[1]);
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);
  bad = good;
  bad.tables[0].second += std::string("\x08\x02", 2);  // one cell more
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);

  stored::v1::CubeHead head;
  ASSERT_TRUE(head.ParseFromString(good.head));
  head.set_schema_version(99);
  bad = good;
  bad.head = head.SerializeAsString();
  EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace retention
