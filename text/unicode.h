// What bytes are as characters.
#ifndef RETENTION_TEXT_UNICODE_H_
#define RETENTION_TEXT_UNICODE_H_

#include <cstddef>
#include <string_view>

namespace retention {

// Whether all of `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// How many columns of a terminal `text` takes: two for a wide character (Unicode, UAX 11: W and F), none for what
// combines with the one before or is only a mark of format, one for others, and for a byte that is no UTF-8.
size_t DisplayWidth(std::string_view text);

}  // namespace retention

#endif  // RETENTION_TEXT_UNICODE_H_
