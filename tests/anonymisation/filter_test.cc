#include "server/anonymisation/filter.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"

namespace retention {
namespace {

TEST(Filter, ComparisonsAreJoinedByAnd_AndThoseOfOneDimensionByOr) {
  const auto parsed = *ParseFilter("region = fra1 AND (client=browser OR client = \"mobile app\") AND hour!=03");
  ASSERT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed[0].dimension, v1::DIMENSION_REGION);
  EXPECT_EQ(parsed[0].values, std::vector<std::string>{"fra1"});
  EXPECT_EQ(parsed[1].values, (std::vector<std::string>{"browser", "mobile app"}));
  EXPECT_FALSE(parsed[2].is_one_of);
  EXPECT_EQ(parsed[2].values, std::vector<std::string>{"03"});
  EXPECT_TRUE(ParseFilter("").value().empty());
  EXPECT_TRUE(ParseFilter("  ").value().empty());
  EXPECT_EQ(ParseFilter("client = a OR client = b AND region = c")->size(), 2u) << "OR binds tighter";
  EXPECT_EQ(ParseFilter("join-failure-cause = network")->front().dimension, v1::DIMENSION_JOIN_FAILURE_CAUSE);
}

TEST(Filter, WhatIsMalformedNamesTheFilter) {
  for (const char* wrong :
       {"region", "region =", "= fra1", "mood = good", "region = fra1 AND", "region = fra1 region = fra2",
        "(region = fra1", "region = \"fra1", "region = fra1 OR client = browser", "region != a OR region = b",
        "region > 3", "region = fra1 and client = browser", "region = fra1)", "unspecified = x"}) {
    const absl::Status status = ParseFilter(wrong).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong;
    EXPECT_EQ(DetailsOf(status).field(), "filter") << wrong;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseFilter(std::string(kMaxFilterBytes + 1, ' ')).status()));
}

TEST(Filter, EveryDimensionHasAName) {
  for (int value = v1::Dimension_MIN + 1; value <= v1::Dimension_MAX; ++value) {
    if (!v1::Dimension_IsValid(value)) continue;
    const auto dimension = static_cast<v1::Dimension>(value);
    EXPECT_EQ(DimensionNamed(NameOf(dimension)), dimension);
  }
}

}  // namespace
}  // namespace retention
