// The table of the law: every sentence of section 9 of the notice, and every reading of what it leaves open, as data.
//
// A row says what happens on the platform, what of it is to be gone, and at which instant. All instants are worked out
// by hand from the notice, never by the code under test. One check (notice_table_test) holds for all rows.
#ifndef RETENTION_TESTS_PRIVACY_NOTICE_TABLE_H_
#define RETENTION_TESTS_PRIVACY_NOTICE_TABLE_H_

#include <ostream>
#include <string>
#include <vector>

namespace retention::privacy {

// A call of the public API, at a time to which the clock is moved first if it lies ahead.
struct Step {
  const char* time;  // RFC 3339
  // "PbxService/SyncPbx"; for kEvent the request is one event, whose id, PBX and time are filled in.
  const char* call;
  // In text format; "@2026-03-04T23:30:00+01:00" stands for a timestamp.
  const char* request;
  // Part of the answer, or of its error. Without one the call succeeds, and an event is accepted whole.
  const char* answer = nullptr;
  // Asked again until the answer comes: for what the server does by itself.
  bool awaited = false;
};
using Steps = std::vector<Step>;

inline constexpr char kEvent[] = "EventService/BatchRecordEvents";

// What ends a value, and with it what copies of the data directory that were made before are worth.
enum class EndsBy {
  kKey,    // its day's or its PBX's key is destroyed: no copy opens with today's ring
  kPurge,  // its rows are deleted before their day: an older copy opens until then
};

struct Row {
  const char* name;
  const char* source;  // the sentence, or the reading
  Steps feed;
  // Parts of what the API shows (World::Read) one microsecond before `at`, and not at `at`, swept or not.
  std::vector<std::string> gone;
  const char* at;
  EndsBy by = EndsBy::kKey;
  // What brings about the end, done at `at`; none if time alone does.
  Steps act = {};
  // Parts of stored rows, opened, by which the rows that go are found on disk; `gone` if empty.
  std::vector<std::string> held = {};
  // Parts of what the API shows at `at`, and after the sweep.
  std::vector<std::string> remains = {};
  // Parts of stored rows, opened, that are still there after the sweep.
  std::vector<std::string> stays = {};
  // References of objects whose erasure is ordered at `ordered` and not before; `at` if null.
  std::vector<std::string> orders = {};
  const char* ordered = nullptr;
  // Never shown by the API, and in no stored row.
  std::vector<std::string> never = {};
};

// For the name of a test.
inline std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.source; }

// The first paragraph of section 9: requirements to keep.
std::vector<Row> Requirements();
// Its list, in its order.
std::vector<Row> SectionNine();
// "Alle oben genannten Daten werden auch in den folgenden Fällen gelöscht": what ends a PBX, and an operator.
std::vector<Row> EarlierEnds();
// The readings of what the notice leaves open.
std::vector<Row> Readings();

// On "canary-pbx": a meeting with a value of every category. It is planned on Monday for Wednesday night, everything is
// shared on Thursday, and it is still running then. So every starting point lies on a day of its own.
Steps RunningMeeting();
// The same, ended on Friday, 20 minutes past midnight.
Steps EndedMeeting();
Steps operator+(Steps steps, const Steps& more);

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_NOTICE_TABLE_H_
