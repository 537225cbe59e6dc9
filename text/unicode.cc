#include "text/unicode.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace retention {
namespace {

// Calls `take` with each character; a negative one is a byte that is no UTF-8.
template <typename Take>
void EachCharacter(std::string_view text, Take take) {
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 character = 0;
    U8_NEXT(text.data(), at, size, character);
    take(character);
  }
}

// Vowels and final consonants of Hangul, which are shown in the block of the consonant before them.
bool IsWithinHangulBlock(UChar32 character) {
  const int type = u_getIntPropertyValue(character, UCHAR_HANGUL_SYLLABLE_TYPE);
  return type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

size_t WidthOf(UChar32 character) {
  constexpr UChar32 kSoftHyphen = 0xad;  // terminals show it
  if (character < 0 || character == kSoftHyphen) return 1;
  const uint32_t kind = U_MASK(u_charType(character));
  if ((kind & (U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK)) != 0 || IsWithinHangulBlock(character)) return 0;
  const int width = u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  bool is_utf8 = true;
  EachCharacter(text, [&](UChar32 character) { is_utf8 = is_utf8 && character >= 0; });
  return is_utf8;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  EachCharacter(text, [&](UChar32 character) { width += WidthOf(character); });
  return width;
}

}  // namespace retention
