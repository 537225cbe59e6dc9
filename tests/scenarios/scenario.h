// A scenario: steps and expected answers in turn, in a text that people who do not program can read.
//
//   # What it proves, in a sentence.
//
//   at 2026-03-02T10:00:00+01:00
//
//   record
//   {"event_id": "e1", "meeting_id": "m", "time": "2026-03-02T09:00:00Z", "meeting_started": {}}
//   ----
//   {"accepted":1}
//
//   call MeetingService/GetMeeting {"pbx_id": "pbx", "meeting_id": "m"}
//   ----
//   NOT_FOUND MEETING_UNKNOWN
//
// Steps are parted by blank lines; an answer is JSON, or how the call failed. `at` moves the clock, and sweeps; the
// first one is where it starts. `record` sends the lines below it as one batch; they are of PBX `pbx`, which is there,
// unless they say otherwise. `call` is any call of the API. `policy` puts the next version of the policy into force,
// with the fields that the line below it gives, and files what is held under it. Occurrences are called "#1", "#2" as
// they come up, the random names of files and holds "(random)".
#ifndef RETENTION_TESTS_SCENARIOS_SCENARIO_H_
#define RETENTION_TESTS_SCENARIOS_SCENARIO_H_

#include <string>

namespace retention {

// Runs `text` on a server of its own. Returns it with the answers that came in place of those that are expected, so
// that a scenario that holds is returned as it is. A step that makes no sense is answered with "?".
std::string RunScenario(const std::string& text);

}  // namespace retention

#endif  // RETENTION_TESTS_SCENARIOS_SCENARIO_H_
