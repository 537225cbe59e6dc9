// How people write lengths of time: alike on every command line, of the server and of its clients.
#ifndef RETENTION_TEXT_LENGTH_OF_TIME_H_
#define RETENTION_TEXT_LENGTH_OF_TIME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace retention {

// "90s", "15m", "2h", "1d", "2w", "500ms", or several, the longest unit first and each once, as "1d12h"; or "0". A
// number has digits alone, at most 2^31-1. A day has 24 hours. INVALID_ARGUMENT, with what to write, otherwise.
absl::StatusOr<absl::Duration> ParseLength(std::string_view text);

// A length of 0 or more as ParseLength reads it: "2d", "1h30m", "0s". What is below a millisecond is left out.
std::string WriteLength(absl::Duration length);

}  // namespace retention

#endif  // RETENTION_TEXT_LENGTH_OF_TIME_H_
