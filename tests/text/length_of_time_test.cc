#include "text/length_of_time.h"

#include <gtest/gtest.h>

#include "tests/text/lengths.h"

namespace retention {
namespace {

TEST(LengthOfTime, IsReadAsTheTableSays) {
  for (const auto& [text, length] : kLengths) EXPECT_EQ(ParseLength(text).value_or(absl::Seconds(-1)), length) << text;
  for (const char* text : kNoLengths) EXPECT_FALSE(ParseLength(text).ok()) << text;
}

TEST(LengthOfTime, WhatIsWrittenIsReadAgain) {
  for (const auto& [text, length] : kLengths) EXPECT_EQ(*ParseLength(WriteLength(length)), length) << text;
  EXPECT_EQ(WriteLength(absl::Hours(48)), "2d");
  EXPECT_EQ(WriteLength(absl::Hours(30 * 24)), "30d");
  EXPECT_EQ(WriteLength(absl::Minutes(90)), "1h30m");
  EXPECT_EQ(WriteLength(absl::Milliseconds(1500)), "1s500ms");
  EXPECT_EQ(WriteLength(absl::ZeroDuration()), "0s");
}

}  // namespace
}  // namespace retention
