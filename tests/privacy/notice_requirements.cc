// The first paragraph of section 9: deletion waits while there is a requirement to keep (holds), and no longer.
#include "tests/privacy/notice_table.h"

namespace retention::privacy {
namespace {

constexpr char kRequirement[] =
    "Wir löschen personenbezogene Daten grundsätzlich dann, wenn kein Erfordernis für eine weitere Speicherung "
    "besteht.";
constexpr char kClaims[] =
    "Ein Erfordernis kann insbesondere dann bestehen, wenn die Daten noch benötigt werden, um vertragliche Leistungen "
    "zu erfüllen, Gewährleistungs- und ggf. Garantieansprüche prüfen und gewähren oder abwehren zu können.";
constexpr char kDuty[] =
    "Im Falle von gesetzlichen Aufbewahrungspflichten kommt eine Löschung erst nach Ablauf der jeweiligen "
    "Aufbewahrungspflicht in Betracht.";

// Past due by 12 to 14 March, and kept until the hold is over.
const std::vector<std::string> kKept = {"Canary Person",  "canary-person@example.org", "198.51.100.177",
                                        "Canary Comment", "canary-recording-ref",      "Canary Chat"};

// What is kept beyond its day is shown to nobody.
Steps HiddenOn(const char* time) {
  return {
      {time, "MeetingService/GetMeetingReport", "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting'",
       "start_time { seconds: 1772663700 } end_time { seconds: 1772752800 } participants { name: \"participant 1\""},
      {time, "MeetingService/ListParticipants", "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting'",
       "participants { participant_id: \"participant 1\" first_join_time { seconds: 1772663700 } }"}};
}

}  // namespace

std::vector<Row> Requirements() {
  return {
      {.name = "ReleasedHold",
       .source = kRequirement,
       .feed = EndedMeeting() +
               Steps{{"2026-03-09T09:00:00+01:00", "HoldService/CreateHold",
                      "hold { hold_id: 'hold-1' scope { pbx_id: 'canary-pbx' } basis: HOLD_BASIS_CONTRACT "
                      "  owner: 'canary owner' reason: 'canary reason' "
                      "  review_date { year: 2026 month: 4 day: 1 } end_date { year: 2027 month: 3 day: 9 } }"}} +
               HiddenOn("2026-03-20T09:00:00+01:00"),
       .gone = {},
       .at = "2026-04-10T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-10T09:00:00+02:00", "HoldService/ReleaseHold", "hold_id: 'hold-1'"}},
       .held = kKept,
       .orders = {"canary-recording-ref"}},
      {.name = "LastOfTwoHolds",
       .source = kClaims,
       .feed = EndedMeeting() +
               Steps{{"2026-03-09T09:00:00+01:00", "HoldService/CreateHold",
                      "hold { hold_id: 'hold-1' basis: HOLD_BASIS_WARRANTY owner: 'canary owner' "
                      "  scope { controller_id: 'canary-controller' } reason: 'canary reason' "
                      "  review_date { year: 2026 month: 4 day: 1 } end_date { year: 2027 month: 3 day: 9 } }"},
                     {"2026-03-09T09:00:00+01:00", "HoldService/CreateHold",
                      "hold { hold_id: 'hold-2' basis: HOLD_BASIS_LEGAL_CLAIMS owner: 'canary owner' "
                      "  scope { meeting { pbx_id: 'canary-pbx' meeting_id: 'canary-meeting' } } "
                      "  reason: 'canary reason' "
                      "  review_date { year: 2026 month: 4 day: 1 } end_date { year: 2027 month: 3 day: 9 } }"}} +
               HiddenOn("2026-03-20T09:00:00+01:00") +
               Steps{{"2026-04-01T09:00:00+02:00", "HoldService/ReleaseHold", "hold_id: 'hold-1'"}},
       .gone = {},
       .at = "2026-04-10T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-10T09:00:00+02:00", "HoldService/ReleaseHold", "hold_id: 'hold-2'"}},
       .held = kKept,
       .orders = {"canary-recording-ref"}},
      {.name = "EndOfADutyToKeep",
       .source = kDuty,
       .feed = EndedMeeting() +
               Steps{{"2026-03-09T09:00:00+01:00", "HoldService/CreateHold",
                      "hold { hold_id: 'hold-1' basis: HOLD_BASIS_LEGAL_DUTY owner: 'canary owner' "
                      "  scope { extension { pbx_id: 'canary-pbx' number: '77017' } } reason: 'canary reason' "
                      "  review_date { year: 2026 month: 4 day: 1 } end_date { year: 2026 month: 4 day: 15 } }"}} +
               HiddenOn("2026-03-20T09:00:00+01:00"),
       .gone = {},
       .at = "2026-04-16T00:00:00+02:00",
       .by = EndsBy::kPurge,
       .held = kKept,
       .orders = {"canary-recording-ref"}},
      {.name = "NoHold",
       .source = kRequirement,
       .feed = EndedMeeting() +
               Steps{{"2026-03-09T09:00:00+01:00", "HoldService/CreateHold",
                      "hold { hold_id: 'hold-1' basis: HOLD_BASIS_CONTRACT owner: 'canary owner' "
                      "  scope { subject { controller_id: 'canary-controller' email: 'canary-guest@example.org' } } "
                      "  reason: 'canary reason' "
                      "  review_date { year: 2026 month: 4 day: 1 } end_date { year: 2027 month: 3 day: 9 } }"}},
       .gone = {"Canary Person"},  // of whom nobody asked to keep anything
       .at = "2026-03-12T00:00:00+01:00",
       .stays = {"Canary Guest"}},
  };
}

}  // namespace retention::privacy
