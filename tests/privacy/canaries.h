// A platform on which every personal value is unmistakable.
#ifndef RETENTION_TESTS_PRIVACY_CANARIES_H_
#define RETENTION_TESTS_PRIVACY_CANARIES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/engine/harness.h"

namespace retention::privacy {

inline constexpr char kCanaryPbx[] = "canarypbxidentifier";
inline constexpr char kCanaryMeeting[] = "canarymeetingidentifier";
inline constexpr char kCanaryParticipant[] = "canaryparticipantidentifier";

// After all have left, shared files end so much later: a page that is refreshed ends nothing.
inline constexpr absl::Duration kRefresh = absl::Seconds(30);

// Everything that Plant gives away to the engine: values and identifiers.
std::vector<std::string> AllCanaries();

// Synchronises the PBX, and records one meeting at `start`, of one hour, with a value of every category. It has not
// ended; `End` ends it.
void Plant(Harness& harness, absl::Time start);
v1::Event CanaryEvent(absl::string_view id, absl::Time time);
void End(Harness& harness, absl::Time time);

absl::StatusOr<v1::Meeting> GetCanaryMeeting(const Reader& reader, absl::Time now);
absl::StatusOr<v1::MeetingReport> GetCanaryReport(const Reader& reader, absl::Time now);
std::vector<v1::Participant> GetCanaryParticipants(const Reader& reader, absl::Time now);

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_CANARIES_H_
