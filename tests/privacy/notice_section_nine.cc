// Section 9 of the notice in its order, but for what ends a PBX.
#include "tests/privacy/notice_table.h"

namespace retention::privacy {
namespace {

constexpr char kPdfs[] =
    "PDF-Freigabe: verfügbar, bis das Meeting [...] gelöscht wird oder bis die Nebenstelle, die dieses Meeting geplant "
    "hat, aus der zugehörigen Telefonanlage gelöscht wird.";
constexpr char kFiles[] =
    "Dateifreigabe: sofort nach Beendigung eines Meetings (d.h. wenn alle Teilnehmer das Meeting verlassen haben)";
constexpr char kPolls[] =
    "Umfragen: wenn die Nebenstelle dieses Benutzers aus der Telefonanlage gelöscht wird oder wenn ein Benutzer diese "
    "Umfrage explizit löscht.";
constexpr char kReports[] =
    "Meeting-Berichte enthalten die Zeit, die ein Benutzer INSGESAMT in einem Meeting war, sowie die Anzahl der Male, "
    "die der Benutzer wieder mit dem Meeting verbunden war. Sie werden nach 2 Monaten automatisch anonymisiert.";
constexpr char kSync[] =
    "PBX-Sync-Daten: [...] nur so lange gespeichert und aufbewahrt, wie die Nebenstellenanlage, die diese Daten "
    "überträgt, im 3CX ERP registriert und aktiv ist.";
constexpr char kHistory[] =
    "Verlaufsdaten: [...] bis zu einem Jahr aufbewahrt. Alle diese Daten werden 2 Monate nach ihrer Erfassung "
    "anonymisiert";
constexpr char kLogs[] =
    "WebMeeting-Server-Protokolle: Systemprotokolle für die MCU-, Portal-, Dateifreigabe- und Konverter-Server werden "
    "7 Tage lang aufbewahrt und danach automatisch gelöscht.";
constexpr char kExtendedLogs[] =
    "In bestimmten Fällen wird die Aufbewahrungsdauer der Protokolle [...] auf bis zu 1 Monat erhöht.";

const std::vector<std::string> kPbxData = {"203.0.113.77",
                                           "canary-pbx.example.org",
                                           "canary-site.example.org",
                                           "CANARY-LICENCE",
                                           "canary-user@example.org",
                                           "canary-vanity",
                                           "CanaryFirst",
                                           "CanaryLast"};

Steps LogLines() {
  return {{"2026-03-02T10:00:00+01:00", "LogService/AppendLogs",
           "lines { server: LOG_SERVER_MCU severity: LOG_SEVERITY_ERROR time: @2026-03-02T10:00:00+01:00 "
           "        text: 'canary line of the MCU' } "
           "lines { server: LOG_SERVER_PORTAL severity: LOG_SEVERITY_ERROR time: @2026-03-02T10:00:00+01:00 "
           "        text: 'canary line of the portal' } "
           "lines { server: LOG_SERVER_FILE_SHARE severity: LOG_SEVERITY_ERROR time: @2026-03-02T10:00:00+01:00 "
           "        text: 'canary line of file sharing' } "
           "lines { server: LOG_SERVER_CONVERTER severity: LOG_SEVERITY_ERROR time: @2026-03-02T10:00:00+01:00 "
           "        text: 'canary line of the converter' }",
           "accepted: 4"}};
}

Steps Left(const char* time) {
  return {{time, kEvent, "meeting_id: 'canary-meeting' participant_left { participant_id: 'canary-person' }"}};
}

}  // namespace

std::vector<Row> SectionNine() {
  return {
      {.name = "Recordings",
       .source = "Aufzeichnungen: 7 Tage nach dem Erstellungsdatum der Aufzeichnung",
       .feed = EndedMeeting(),
       .gone = {"canary-recording-ref"},
       .at = "2026-03-13T00:00:00+01:00",
       .orders = {"canary-recording-ref"},
       .ordered = "2026-03-12T23:00:00+01:00"},
      {.name = "PdfsWhenTheMeetingIsDeleted",
       .source = kPdfs,
       .feed = EndedMeeting(),
       .gone = {"canary-pdf-ref", "canary-person", "canary-guest"},
       .at = "2026-03-10T09:00:00+01:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-03-10T09:00:00+01:00", kEvent, "meeting_id: 'canary-meeting' meeting_deleted {}"}},
       .stays = {"canary-recording-ref", "Canary Question", "web-safari"},
       .orders = {"canary-pdf-ref"}},
      {.name = "PdfsWhenTheMeetingIsDeletedAfterItsHistory",
       .source = kPdfs,
       .feed = EndedMeeting() + Steps{{"2026-04-20T10:00:00+02:00", "PbxService/SyncPbx",
                                       "pbx_id: 'canary-pbx' controller_id: 'canary-controller' "
                                       "extensions { number: '77017' }"}},
       .gone = {},  // the meeting can no longer be asked for
       .at = "2026-06-01T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-06-01T09:00:00+02:00", kEvent, "meeting_id: 'canary-meeting' meeting_deleted {}"}},
       .held = {"canary-pdf-ref"},
       .orders = {"canary-pdf-ref"}},
      {.name = "PdfsWhenTheExtensionIsRemoved",
       .source = kPdfs,
       .feed = EndedMeeting(),
       .gone = {"canary-pdf-ref", "canary-user@example.org"},
       .at = "2026-04-30T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-30T09:00:00+02:00", "PbxService/RemoveExtension", "pbx_id: 'canary-pbx' number: '77017'",
                "pdfs_erased: 1"}},
       .orders = {"canary-pdf-ref"}},
      {.name = "PdfsWhenASynchronisationLacksTheExtension",
       .source = kPdfs,
       .feed = EndedMeeting(),
       .gone = {"canary-pdf-ref", "Canary Question"},
       .at = "2026-04-30T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-30T09:00:00+02:00", "PbxService/SyncPbx",
                "pbx_id: 'canary-pbx' controller_id: 'canary-controller' extensions { number: '77018' }",
                "extensions_removed: 1"}},
       .orders = {"canary-pdf-ref"}},
      {.name = "Names",
       .source = "Namen der Meeting-Teilnehmer: 7 Tage nachdem das Meeting geplant wurde.",
       .feed = EndedMeeting(),
       .gone = {"Canary Person", "Canary Guest"},
       .at = "2026-03-12T00:00:00+01:00",
       .remains = {"canary-person@example.org"}},
      {.name = "EmailAddresses",
       .source = "E-Mail-Adressen der Meeting-Teilnehmer: 7 Tage nach Beendigung des Meetings.",
       .feed = EndedMeeting(),
       .gone = {"canary-person@example.org", "canary-guest@example.org"},
       .at = "2026-03-14T00:00:00+01:00"},
      {.name = "ParticipantIdentifiers",
       .source = "E-Mail-Adressen der Meeting-Teilnehmer: an identifier can be one. What lives for longer has none.",
       .feed = EndedMeeting(),
       .gone = {"canary-person", "canary-guest"},
       .at = "2026-03-14T00:00:00+01:00",
       .remains = {"participant_id: \"participant 1\"", "answer_counts: 1"},
       .stays = {"web-safari", "Canary Question"}},
      {.name = "MeetingNames",
       .source = "Meeting-Namen: 7 Tagen nach dem geplanten Datum des jeweiligen Meetings.",
       .feed = EndedMeeting(),
       .gone = {"Canary Meeting Name"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "Comments",
       .source = "Kommentare zum Meeting: 7 Tage nach dem geplanten Datum des jeweiligen Meetings.",
       .feed = EndedMeeting(),
       .gone = {"Canary Comment"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "IpAddresses",
       .source = "IPs der Meeting-Teilnehmer: bis zu 7 Tage nach einem Meeting.",
       .feed = EndedMeeting(),
       .gone = {"198.51.100.177", "2001:db8:ca7a::77"},
       .at = "2026-03-14T00:00:00+01:00"},
      {.name = "FilesWhenAllHaveLeft",
       .source = kFiles,
       .feed = RunningMeeting() + Left("2026-03-06T00:20:00+01:00"),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:20:30+01:00",
       .by = EndsBy::kPurge,
       .remains = {"canary-recording-ref", "canary-pdf-ref"},
       .orders = {"canary-file-ref"}},
      {.name = "FilesWhenTheMeetingEnds",
       .source = kFiles,
       .feed = EndedMeeting(),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:20:30+01:00",
       .by = EndsBy::kPurge,
       .orders = {"canary-file-ref"}},
      {.name = "FilesWhenSomebodyRefreshedThePage",
       .source = kFiles,
       .feed = RunningMeeting() + Left("2026-03-06T00:20:00+01:00") +
               Steps{{"2026-03-06T00:20:29+01:00", kEvent,
                      "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' }"}} +
               Left("2026-03-06T00:25:00+01:00"),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:25:30+01:00",
       .by = EndsBy::kPurge,
       .orders = {"canary-file-ref"}},
      {.name = "FilesDoNotComeBackWithWhoWasAwayForLonger",
       .source = kFiles,
       .feed = RunningMeeting(),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:20:31+01:00",
       .by = EndsBy::kPurge,
       // Both are heard of at once.
       .act = {{"2026-03-06T00:20:31+01:00", kEvent,
                "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' }"},
               {"2026-03-06T00:20:31+01:00", kEvent,
                "time: @2026-03-06T00:20:00+01:00 meeting_id: 'canary-meeting' "
                "participant_left { participant_id: 'canary-person' }"}},
       .orders = {"canary-file-ref"}},
      {.name = "PollsWhenTheExtensionIsRemoved",
       .source = kPolls,
       .feed = EndedMeeting(),
       .gone = {"Canary Question", "Canary Option"},
       .at = "2026-04-30T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-30T09:00:00+02:00", kEvent, "extension_removed { number: '77017' }"}}},
      {.name = "PollsWhenTheyAreDeleted",
       .source = kPolls,
       .feed = EndedMeeting(),
       .gone = {"Canary Question", "Canary Option"},
       .at = "2026-04-30T09:00:00+02:00",
       .by = EndsBy::kPurge,
       .act = {{"2026-04-30T09:00:00+02:00", kEvent, "poll_deleted { poll_id: 'canary-poll' }"}},
       .remains = {"canary-pdf-ref"}},
      {.name = "Reports",
       .source = kReports,
       .feed = EndedMeeting(),
       .gone = {"total_time { seconds: 89100 } reconnections: 1"},
       .at = "2026-05-05T00:00:00+02:00",
       .held = {"web-safari"},
       .remains = {"GetMeetingReport: NOT_FOUND ANONYMISED", "coverage { cohorts: 1"},
       .stays = {"cube of 2026-03-04"}},
      {.name = "SyncDataWhenNotRegistered",
       .source = kSync,
       .feed = EndedMeeting(),
       .gone = kPbxData,
       .at = "2026-04-20T16:00:00+02:00",
       .act = {{"2026-04-20T16:00:00+02:00", "PbxService/ReportLicence",
                "licence_key: 'CANARY-LICENCE' valid_until: @2027-01-01T00:00:00+01:00 registered: false active: true",
                "pbxs_ended: 1"}},
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN"}},
      {.name = "SyncDataWhenNotActive",
       .source = kSync,
       .feed = EndedMeeting(),
       .gone = kPbxData,
       .at = "2026-04-20T16:00:00+02:00",
       .act = {{"2026-04-20T16:00:00+02:00", "PbxService/ReportLicence",
                "licence_key: 'CANARY-LICENCE' valid_until: @2027-01-01T00:00:00+01:00 registered: true active: false",
                "pbxs_ended: 1"}},
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN"}},
      {.name = "SyncDataWhenDeregistered",
       .source = kSync,
       .feed = EndedMeeting(),
       .gone = kPbxData,
       .at = "2026-04-20T16:00:00+02:00",
       .act = {{"2026-04-20T16:00:00+02:00", "PbxService/DeregisterPbx", "pbx_id: 'canary-pbx'"}},
       .remains = {"GetPbx: NOT_FOUND PBX_UNKNOWN"}},
      {.name = "HistoryIsAnonymisedAfterTwoMonths",
       .source = kHistory,
       .feed = EndedMeeting(),
       .gone = {"participant 1", "start_time"},
       .at = "2026-05-05T00:00:00+02:00",
       .held = {"web-safari"},
       .remains = {"coverage { cohorts: 1"},
       .stays = {"cube of 2026-03-04"}},
      {.name = "HistoryIsErasedAfterAYear",
       .source = kHistory,
       .feed = EndedMeeting(),
       .gone = {"coverage { cohorts: 1"},
       .at = "2027-03-05T00:00:00+01:00",
       .by = EndsBy::kPurge,  // what is anonymous is not sealed
       .held = {"cube of 2026-03-04"}},
      {.name = "Logs",
       .source = kLogs,
       .feed = LogLines(),
       .gone = {"canary line of the MCU", "canary line of the portal", "canary line of file sharing",
                "canary line of the converter"},
       .at = "2026-03-10T00:00:00+01:00"},
      {.name = "LogsWhileAnExtensionIsInForce",
       .source = kExtendedLogs,
       .feed = LogLines() + Steps{{"2026-03-05T09:00:00+01:00", "LogService/ExtendLogRetention",
                                   "server: LOG_SERVER_MCU reason: 'canary reason' "
                                   "until { year: 2026 month: 3 day: 20 }"}},
       .gone = {"canary line of the MCU", "canary reason"},
       .at = "2026-03-21T00:00:00+01:00",
       .held = {"canary line of the MCU"}},
      {.name = "LogsForAMonthAtMost",
       .source = kExtendedLogs,
       .feed = LogLines() + Steps{{"2026-03-05T09:00:00+01:00", "LogService/ExtendLogRetention",
                                   "server: LOG_SERVER_MCU reason: 'canary reason' "
                                   "until { year: 2026 month: 4 day: 5 }"}},
       .gone = {"canary line of the MCU"},
       .at = "2026-04-03T00:00:00+02:00",
       .remains = {"canary reason"}},
      {.name = "LogsOfTheOtherServersAreNotExtended",
       .source = kExtendedLogs,
       .feed = LogLines() + Steps{{"2026-03-05T09:00:00+01:00", "LogService/ExtendLogRetention",
                                   "server: LOG_SERVER_MCU reason: 'canary reason' "
                                   "until { year: 2026 month: 4 day: 5 }"}},
       .gone = {"canary line of the portal", "canary line of file sharing", "canary line of the converter"},
       .at = "2026-03-10T00:00:00+01:00",
       .remains = {"canary line of the MCU"}},
      {.name = "StatisticsAreAnonymous",
       .source = "Statistische Informationen: diese werden grundsätzlich nur anonymisiert gespeichert.",
       .feed = EndedMeeting(),
       .gone = {"participant 1"},
       .at = "2026-05-05T00:00:00+02:00",
       .held = {"web-safari"},
       // One person in a cohort: there is a cube, and no figure that would tell of him.
       .remains = {"QueryStatistics: rows { threshold: ", "coverage { cohorts: 1"},
       .stays = {"cube of 2026-03-04"}},
      {.name = "DialInData",
       .source = "Section 4.2: Einwahl-Daten. No period is set: that of the strictest sibling, 7 days after the plan.",
       .feed = EndedMeeting(),
       .gone = {"CANARY-7700", "+49177001770"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "ProtocolledChat",
       .source = "Section 5: [...] werden wir die Chatinhalte protokollieren. No period is set: that of the strictest "
                 "sibling, 7 days after the end.",
       .feed = EndedMeeting(),
       .gone = {"Canary Chat"},
       .at = "2026-03-14T00:00:00+01:00"},
  };
}

}  // namespace retention::privacy
