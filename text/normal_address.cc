#include "text/normal_address.h"

#include <unicode/bytestream.h>
#include <unicode/idna.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace retention {
namespace {

// What a registry minds and a comparison does not.
constexpr uint32_t kHarmless = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG |
                               UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;
// With which a label begins that is encoded.
constexpr absl::string_view kEncoded = "xn--";

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::optional<std::string> NormalLocalPart(absl::string_view text) {
  if (IsAscii(text)) return absl::AsciiStrToLower(text);
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return std::nullopt;
  // Composed before, lest a mark be folded apart from its letter; after, since folding can decompose.
  icu::UnicodeString folded = nfc->normalize(
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size()))), error);
  if (U_FAILURE(error)) return std::nullopt;
  folded = nfc->normalize(folded.foldCase(), error);
  if (U_FAILURE(error)) return std::nullopt;
  std::string normal;
  folded.toUTF8String(normal);
  return normal;
}

std::optional<std::string> NormalDomain(absl::string_view text) {
  std::string lower = absl::AsciiStrToLower(text);
  if (IsAscii(lower) && !absl::StrContains(lower, kEncoded)) return lower;
  static const icu::IDNA* const idna = [] {
    UErrorCode error = U_ZERO_ERROR;
    return icu::IDNA::createUTS46Instance(UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_CHECK_BIDI, error);
  }();
  if (idna == nullptr) return std::nullopt;
  UErrorCode error = U_ZERO_ERROR;
  icu::IDNAInfo info;
  std::string normal;
  icu::StringByteSink<std::string> sink(&normal);
  idna->nameToASCII_UTF8(icu::StringPiece(lower.data(), static_cast<int32_t>(lower.size())), sink, info, error);
  if (U_FAILURE(error) || (info.getErrors() & ~kHarmless) != 0) return std::nullopt;
  return normal;
}

// Whether it is UTF-8: what is not is mended by the library, so that two that differ would become one.
bool IsUtf8(absl::string_view text) {
  if (IsAscii(text)) return true;
  std::string mended;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size()))).toUTF8String(mended);
  return mended == text;
}

}  // namespace

std::string NormalAddress(std::string_view address) {
  const absl::string_view text(address.data(), address.size());
  const size_t at = text.rfind('@');
  if (at == absl::string_view::npos || !IsUtf8(text)) return std::string(address);
  const auto local = NormalLocalPart(text.substr(0, at));
  const auto domain = NormalDomain(text.substr(at + 1));
  if (!local.has_value() || !domain.has_value()) return std::string(address);
  return absl::StrCat(*local, "@", *domain);
}

}  // namespace retention
