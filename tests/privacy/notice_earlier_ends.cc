// "Alle oben genannten Daten werden auch in den folgenden Fällen gelöscht": what ends a PBX, and what an operator ends.
#include <deque>

#include "absl/strings/str_format.h"
#include "tests/privacy/notice_table.h"

namespace retention::privacy {
namespace {

constexpr char kLicence[] = "Wenn die Lizenz einer PBX-FQDN in der 3CX ERP ausläuft.";
constexpr char kContact[] = "Wenn eine Telefonanlage webmeeting.3cx.net 60 Tage lang nicht kontaktiert.";
constexpr char kFqdn[] = "Wenn eine PBX FQDN via DNS 30 Tage lang nicht von webmeeting.3cx.net aufgelöst werden kann.";
constexpr char kOperator[] = "Wenn ein 3CX-Mitarbeiter die oben genannten Daten manuell oder automatisch löscht.";

const std::vector<std::string> kAllButHistory = {"203.0.113.77",
                                                 "canary-pbx.example.org",
                                                 "canary-site.example.org",
                                                 "CANARY-LICENCE",
                                                 "canary-user@example.org",
                                                 "canary-vanity",
                                                 "CanaryFirst",
                                                 "CanaryLast",
                                                 "Canary Meeting Name",
                                                 "Canary Comment",
                                                 "Canary Guest",
                                                 "canary-guest@example.org",
                                                 "CANARY-7700",
                                                 "canary-guest",
                                                 "Canary Person",
                                                 "canary-person@example.org",
                                                 "canary-person",
                                                 "198.51.100.177",
                                                 "canary-recording-ref",
                                                 "canary-file-ref",
                                                 "canary-pdf-ref",
                                                 "Canary Question",
                                                 "Canary Chat"};
const std::vector<std::string> kObjects = {"canary-recording-ref", "canary-file-ref", "canary-pdf-ref"};

// What lives for long on a PBX: its data, a PDF, a poll, and a meeting that is far ahead.
Steps QuietPbx() {
  return {
      {"2026-03-02T10:00:00+01:00", "PbxService/SyncPbx",
       "pbx_id: 'canary-pbx' controller_id: 'canary-controller' "
       "profile { fqdn: 'canary-unresolved.example.org' licence_key: 'CANARY-LICENCE' } "
       "extensions { number: '77017' email: 'canary-user@example.org' }"},
      {"2026-03-02T10:05:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' meeting_scheduled { "
       "  name: 'Canary Meeting Name' comment: 'Canary Comment' organizer_extension: '77017' "
       "  planned_start: @2026-04-30T09:00:00+02:00 planned_duration { seconds: 3600 } "
       "  invitees { participant_id: 'canary-guest' name: 'Canary Guest' email: 'canary-guest@example.org' } }"},
      {"2026-03-02T10:06:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' pdf_shared { pdf_id: 'canary-pdf' object_ref: 'canary-pdf-ref' }"},
      {"2026-03-02T10:07:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' poll_created { poll_id: 'canary-poll' owner_extension: '77017' "
       "  question: 'Canary Question' options: 'Canary Option' }"},
  };
}
const std::vector<std::string> kQuietData = {
    "canary-unresolved.example.org", "CANARY-LICENCE", "canary-user@example.org",
    "Canary Meeting Name",           "Canary Comment", "Canary Guest",
    "canary-guest@example.org",      "canary-pdf-ref"};
// The poll was asked long before the meeting, of which it is none.
const std::vector<std::string> kQuietRows = {
    "canary-unresolved.example.org", "CANARY-LICENCE", "canary-user@example.org",
    "Canary Meeting Name",           "Canary Comment", "Canary Guest",
    "canary-guest@example.org",      "canary-pdf-ref", "Canary Question"};

// The days from 2 March on, on each of which the server finds for itself that the name does not resolve.
Steps DaysUnresolved(int days) {
  static std::deque<std::string>& texts = *new std::deque<std::string>;
  Steps steps;
  for (int day = 1; day <= days; ++day) {
    const int date = day + 1;
    const char* offset = date < 29 ? "+01:00" : "+02:00";
    const char* time = texts.emplace_back(absl::StrFormat("2026-03-%02dT23:59:00%s", date, offset)).c_str();
    const char* answer = texts.emplace_back(absl::StrFormat("unresolved_days: %d", day)).c_str();
    steps.push_back({time, "PbxService/GetPbx", "pbx_id: 'canary-pbx'", answer, /*awaited=*/true});
  }
  return steps;
}

Step Delete(const char* method, const char* request) { return {"2026-03-05T15:30:00+01:00", method, request}; }

// An operator's deletion on the afternoon of the running meeting.
Row Deletion(const char* name, Step act, std::vector<std::string> gone, std::vector<std::string> orders,
             std::vector<std::string> stays) {
  return {.name = name,
          .source = kOperator,
          .feed = RunningMeeting(),
          .gone = std::move(gone),
          .at = "2026-03-05T15:30:00+01:00",
          .by = EndsBy::kPurge,
          .act = {act},
          .stays = std::move(stays),
          .orders = std::move(orders)};
}

}  // namespace

std::vector<Row> EarlierEnds() {
  return {
      {.name = "LicenceExpires",
       .source = kLicence,
       .feed = RunningMeeting() +
               Steps{{"2026-03-05T12:10:00+01:00", "PbxService/ReportLicence",
                      "licence_key: 'CANARY-LICENCE' valid_until: @2026-03-05T15:30:00+01:00 registered: true "
                      "active: true",
                      "pbxs: 1"}},
       .gone = kAllButHistory,
       .at = "2026-03-05T15:30:00+01:00",
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN", "canary log line"},
       .stays = {"web-safari", "canary log line"},
       .orders = kObjects},
      {.name = "NoContactForSixtyDays",
       .source = kContact,
       .feed = QuietPbx(),
       .gone = kQuietData,
       .at = "2026-05-02T00:00:00+02:00",
       .held = kQuietRows,
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN"},
       .orders = {"canary-pdf-ref"}},
      {.name = "FqdnUnresolvedForThirtyDays",
       .source = kFqdn,
       .feed = QuietPbx() + DaysUnresolved(30),
       .gone = kQuietData,
       .at = "2026-04-01T00:00:00+02:00",
       .held = kQuietRows,
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN"},
       .orders = {"canary-pdf-ref"}},
      {.name = "OperatorDeletesThePbx",
       .source = kOperator,
       .feed = RunningMeeting(),
       .gone = kAllButHistory,
       .at = "2026-03-05T15:30:00+01:00",
       .act = {Delete("DeletionService/DeletePbx", "pbx_id: 'canary-pbx' reason: DELETION_REASON_OPERATIONAL")},
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN", "canary log line"},
       .stays = {"web-safari", "canary log line"},
       .orders = kObjects},
      Deletion("OperatorDeletesAnExtension",
               Delete("DeletionService/DeleteExtension",
                      "pbx_id: 'canary-pbx' number: '77017' reason: DELETION_REASON_OPERATIONAL"),
               {"canary-user@example.org", "canary-vanity", "CanaryFirst", "CanaryLast", "Canary Question",
                "canary-pdf-ref"},
               {"canary-pdf-ref"}, {"canary-recording-ref", "canary-file-ref", "Canary Person"}),
      Deletion("OperatorDeletesAMeeting",
               Delete("DeletionService/DeleteMeeting",
                      "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting' reason: DELETION_REASON_OPERATIONAL"),
               {"Canary Meeting Name", "Canary Comment", "Canary Guest", "canary-guest@example.org", "CANARY-7700",
                "canary-guest", "Canary Person", "canary-person@example.org", "canary-person", "198.51.100.177",
                "canary-recording-ref", "canary-file-ref", "canary-pdf-ref", "Canary Chat"},
               kObjects, {"web-safari", "canary-user@example.org"}),
      Deletion("OperatorDeletesARecording",
               Delete("DeletionService/DeleteObject",
                      "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting' category: DATA_CATEGORY_RECORDING "
                      "object_id: 'canary-recording' reason: DELETION_REASON_OPERATIONAL"),
               {"canary-recording-ref"}, {"canary-recording-ref"}, {"canary-file-ref", "canary-pdf-ref"}),
      Deletion("OperatorDeletesAPdf",
               Delete("DeletionService/DeleteObject",
                      "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting' category: DATA_CATEGORY_PDF_SHARE "
                      "object_id: 'canary-pdf' reason: DELETION_REASON_OPERATIONAL"),
               {"canary-pdf-ref"}, {"canary-pdf-ref"}, {"canary-file-ref", "canary-recording-ref"}),
      Deletion("OperatorDeletesAFile",
               Delete("DeletionService/DeleteObject",
                      "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting' category: DATA_CATEGORY_FILE_SHARE "
                      "object_id: 'canary-file' reason: DELETION_REASON_OPERATIONAL"),
               {"canary-file-ref"}, {"canary-file-ref"}, {"canary-pdf-ref", "canary-recording-ref"}),
      Deletion("OperatorDeletesAPoll",
               Delete("DeletionService/DeletePoll",
                      "pbx_id: 'canary-pbx' poll_id: 'canary-poll' reason: DELETION_REASON_OPERATIONAL"),
               {"Canary Question", "Canary Option"}, {}, {"canary-pdf-ref", "canary-recording-ref"}),
  };
}

}  // namespace retention::privacy
