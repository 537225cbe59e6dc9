// Whatever bytes lie on disk as a key: decoding never crashes, and what decodes encodes to the same bytes.
#include <cstdlib>
#include <string_view>

#include "storage/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(bytes), size);
  if (const auto key = retention::FiledKey::Decode(raw); key.has_value() && key->Encode() != raw) std::abort();
  if (const auto parts = retention::DecodeCubeKey(raw);
      parts.has_value() && retention::CubeKey(parts->erase_day, parts->cohort_day, parts->table) != raw) {
    std::abort();
  }
  const std::string end = retention::PrefixEnd(raw);
  if (!end.empty() && end <= raw) std::abort();
  return 0;
}
