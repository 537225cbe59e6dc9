// What other platforms call things, made to fit the protocol.
#pragma once

#include <string>

namespace retention {

// At most the first `bytes_max` bytes of `recorded`, as UTF-8 without half a character at the end; `?` stands for bytes
// that are not UTF-8, which the protocol could not carry.
std::string ShortenedText(const std::string& recorded, size_t bytes_max);

// `id` where it is a valid identifier (1 to 128 bytes of printable ASCII without spaces and without '@': an address
// must not outlive its own period as an identifier), else a stable stand-in for it.
std::string ValidIdentifier(const std::string& id);

// The same for a person, whom some platforms call by their e-mail address: however that is spelled.
std::string PersonIdentifier(const std::string& id);

// `name` as one component of a path: what is not a letter, a digit or one of `-_=~+` is percent-encoded (RFC 3986), and
// a dot is where it could make `.` or `..`.
std::string PathComponent(const std::string& name);

// `text` as it is compared with answers that other people typed: without case and surplus space.
std::string ComparedText(const std::string& text);

// Whether a name is what platforms call somebody who dialled in: a telephone number, perhaps with digits made `*` or
// `x`.
bool IsTelephoneNumber(const std::string& name);

// A number to dial without its spaces, which the protocol has none of; empty if it is longer than 32 bytes, or has what
// no number has: a part of one leads elsewhere.
std::string DialledNumber(const std::string& text);

// `text` where it is a word that can name a kind of event, else empty: kinds are shown, and what is no word may be
// anything.
std::string KindWord(const std::string& text);

}  // namespace retention
