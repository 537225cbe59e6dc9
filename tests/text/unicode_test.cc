#include "text/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace retention {
namespace {

TEST(Unicode, WidthIsThatOfATerminal) {
  const std::pair<std::string, size_t> cases[] = {
      {"", 0},
      {"Emma", 4},
      {"J\u00f6rg", 4},                  // one character
      {"Jo\u0308rg", 4},                 // o and a mark that combines
      {"\u738b\u5c0f\u660e", 6},         // Han
      {"\ud55c\uae00", 4},               // Hangul, composed
      {"\u1112\u1161\u11ab", 2},         // the same kind, as consonant, vowel and final
      {"\uff21", 2},                     // full-width A
      {"\uff71", 1},                     // half-width katakana
      {"\u0e01\u0e31", 1},               // Thai with a vowel above
      {"\U0001F600", 2},                 // an emoji
      {"a\u200bb\u2060", 2},             // marks of format
      {"a\u00adb", 3},                   // a soft hyphen is shown
      {"\u05e9\u05b8\u05dc", 2},         // Hebrew with a point
      {std::string("a\xff\xc3", 3), 3},  // bytes that are no UTF-8
  };
  for (const auto& [text, width] : cases) EXPECT_EQ(DisplayWidth(text), width) << text;
}

TEST(Unicode, Utf8IsWellFormed) {
  for (const char* text : {"", "a", "\u00f6", "\u738b", "\U0001F600", "\u202e"}) EXPECT_TRUE(IsUtf8(text)) << text;
  for (const char* text : {"\xff", "\xc3", "a\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe7\x8e"}) {
    EXPECT_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace retention
