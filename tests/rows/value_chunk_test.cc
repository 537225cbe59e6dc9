#include "server/rows/value_chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace retention {
namespace {

using stored::v1::Value;
using stored::v1::ValueChunk;

void Add(ValueChunk& chunk, int64_t time_us, uint64_t event, Value::Source source, const char* text) {
  Value& value = *chunk.add_values();
  value.set_time_us(time_us);
  value.set_event(event);
  if (source != Value::SOURCE_UNSPECIFIED) value.set_source(source);
  value.set_text(text);
}

// Of two events, of which the second is earlier; what the second brings comes from nowhere else, or from a plan again.
ValueChunk SomeValues() {
  ValueChunk chunk;
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "a");
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "b");
  Add(chunk, 1'000'000, 9, Value::SOURCE_UNSPECIFIED, "c");
  Add(chunk, 1'000'000, 9, Value::SOURCE_UNSPECIFIED, "d");
  Add(chunk, 3'000'000, 9, Value::SOURCE_INVITATION, "e");
  Add(chunk, 3'000'000, 7, Value::SOURCE_PLAN, "f");
  return chunk;
}

TEST(ValueChunk, ComesOutAsItWentIn) {
  const ValueChunk whole = SomeValues();
  ValueChunk packed = whole;
  ValueChunk unpacked;
  ASSERT_TRUE(UnpackValues(PackValues(packed), unpacked));
  // To the byte: values are compared as they are serialised.
  EXPECT_EQ(unpacked.SerializeAsString(), whole.SerializeAsString());
}

TEST(ValueChunk, AnyTimesComeOutAsTheyWentIn) {
  ValueChunk whole;
  for (const int64_t time_us : {INT64_MIN, INT64_MAX, int64_t{0}, INT64_MIN, int64_t{-1}}) {
    Add(whole, time_us, 1, Value::SOURCE_UNSPECIFIED, "");
  }
  ValueChunk packed = whole;
  ValueChunk unpacked;
  ASSERT_TRUE(UnpackValues(PackValues(packed), unpacked));
  EXPECT_EQ(unpacked.SerializeAsString(), whole.SerializeAsString());
}

// People who were invited join, a few of them elsewhere or under another name; what is short is said again.
TEST(ValueChunk, WhatWasSaidBeforeIsSaidOnce) {
  ValueChunk whole;
  const auto add = [&](const std::string& participant, const std::string& text) {
    Add(whole, 1'000'000, 7, Value::SOURCE_UNSPECIFIED, text.c_str());
    whole.mutable_values()->rbegin()->set_participant_id(participant);
  };
  for (int i = 0; i < 200; ++i) add(absl::StrCat("participant-", i), absl::StrCat("Person ", i));
  const size_t invited_bytes = ValueChunk(whole).ByteSizeLong();
  for (int i = 150; i < 200; ++i) {
    add(absl::StrCat("participant-", i), absl::StrCat("Person ", i == 170 ? 171 : i));
  }
  for (int i = 190; i < 200; ++i) add(absl::StrCat("participant-", i), "");
  add("p", "x");
  add("p", "x");
  for (int i = 0; i < 3; ++i) add("", "participant-199");
  ValueChunk packed = whole;
  ValueChunk unpacked;
  const std::string row = PackValues(packed);
  ASSERT_TRUE(UnpackValues(row, unpacked));
  EXPECT_EQ(unpacked.SerializeAsString(), whole.SerializeAsString());
  // All but one who joined as invited; a name without its person is another saying.
  EXPECT_EQ(std::count_if(packed.values().begin(), packed.values().end(),
                          [](const Value& value) { return value.said_before() > 0; }),
            51);
  EXPECT_LT(row.size(), invited_bytes + 2500);
}

TEST(ValueChunk, GoldenBytes) {
  ValueChunk chunk;
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "a");
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "b");
  Add(chunk, 2'000'001, 9, Value::SOURCE_UNSPECIFIED, "c");
  EXPECT_EQ(absl::BytesToHexString(PackValues(chunk)),
            // time 2,000,000; text; event 7; of a plan
            "0a12"
            "0880897a"
            "220161"
            "610700000000000000"
            "6801"
            // text alone
            "0a03"
            "220162"
            // time 1 more; text; event 9; of nothing
            "0a10"
            "0801"
            "220163"
            "610900000000000000"
            "6800");
}

TEST(ValueChunk, GoldenBytesOfWhatWasSaidBefore) {
  ValueChunk chunk;
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "Anna");
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "Bert");
  Add(chunk, 2'000'000, 7, Value::SOURCE_PLAN, "Anna");
  EXPECT_EQ(absl::BytesToHexString(PackValues(chunk)),
            // time 2,000,000; text; event 7; of a plan
            "0a15"
            "0880897a"
            "2204416e6e61"
            "610700000000000000"
            "6801"
            // text alone
            "0a06"
            "220442657274"
            // as two before
            "0a03"
            "900102");
}

TEST(ValueChunk, WhatIsMalformedIsRefused) {
  ValueChunk chunk;
  EXPECT_FALSE(UnpackValues("\x0a\x05", chunk));
  // As one before, where there is none; as two before the second.
  EXPECT_FALSE(UnpackValues(std::string_view("\x0a\x03\x90\x01\x01", 5), chunk));
  EXPECT_FALSE(UnpackValues(std::string_view("\x0a\x00\x0a\x03\x90\x01\x02", 7), chunk));
}

}  // namespace
}  // namespace retention
