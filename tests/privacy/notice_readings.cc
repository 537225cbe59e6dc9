// The readings of what the text leaves open, in the order in which the project numbers them.
#include "tests/privacy/notice_table.h"

namespace retention::privacy {
namespace {

constexpr char kPlannedDate[] = "1. Names: \"7 days after the meeting was planned\" is read as after its planned date.";
constexpr char kNoPlan[] =
    "2. An occurrence without a plan has its start day as planned date, as has one that starts on a later day than "
    "planned, at most 24 h after the planned end. Rescheduling moves the planned date of what has not taken place, and "
    "what hangs on it.";
constexpr char kEndUnknown[] =
    "3. Until the end is known it is presumed to be the planned end; that of a running meeting 24 h after the later of "
    "planned end, start and last sign of life. The true end replaces the presumption.";
constexpr char kEnd[] =
    "4. End is the explicit event, or the moment the last present participant leaves; not before the planned start.";
constexpr char kOverMidnight[] =
    "5. Report and history of one occurrence are filed together under the day of its first event of presence.";
constexpr char kChat[] = "6. Chat of a meeting that is not protocolled is refused and never written.";
constexpr char kTooLate[] = "7. A value that arrives after its due day is not stored; the rest of its event is.";
constexpr char kReport[] =
    "8. A report is a view with names as long as they live, then \"participant 1..n\"; after two months it exists only "
    "in statistics, and asking for it answers ANONYMISED. With its PBX gone it cannot be asked for.";

Steps Pbx() {
  return {{"2026-03-02T10:00:00+01:00", "PbxService/SyncPbx",
           "pbx_id: 'canary-pbx' controller_id: 'canary-controller' extensions { number: '77017' }"}};
}

// Planned on 2 March for the night from the 4th to the 5th.
Steps Planned() {
  return Pbx() + Steps{{"2026-03-02T10:05:00+01:00", kEvent,
                        "meeting_id: 'canary-meeting' meeting_scheduled { name: 'Canary Meeting Name' "
                        "  planned_start: @2026-03-04T23:30:00+01:00 planned_duration { seconds: 3600 } "
                        "  invitees { participant_id: 'canary-guest' name: 'Canary Guest' email: "
                        "'canary-guest@example.org' } }"}};
}

Steps Running() {
  return Planned() + Steps{{"2026-03-04T23:35:00+01:00", kEvent,
                            "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' "
                            "  name: 'Canary Person' email: 'canary-person@example.org' client_kind: 'web-safari' }"},
                           {"2026-03-04T23:50:00+01:00", kEvent,
                            "meeting_id: 'canary-meeting' file_shared { "
                            "  file_id: 'canary-file' object_ref: 'canary-file-ref' }"}};
}

Steps QuickMeeting() {
  return Pbx() + Steps{{"2026-03-04T23:30:00+01:00", kEvent,
                        "meeting_id: 'canary-meeting' meeting_started { name: 'Canary Meeting Name' }"},
                       {"2026-03-04T23:35:00+01:00", kEvent,
                        "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' "
                        "  name: 'Canary Person' email: 'canary-person@example.org' }"},
                       {"2026-03-05T00:10:00+01:00", kEvent,
                        "meeting_id: 'canary-meeting' chat_message_sent { participant_id: 'canary-person' "
                        "  text: 'Canary Whisper' }",
                        "REJECTION_REASON_CHAT_NOT_PROTOCOLLED"},
                       {"2026-03-05T00:30:00+01:00", kEvent, "meeting_id: 'canary-meeting' meeting_ended {}"}};
}

Steps Event(const char* time, const char* event) { return {{time, kEvent, event}}; }

}  // namespace

std::vector<Row> Readings() {
  return {
      {.name = "R1_NamesOfAMeetingThatIsPlannedLongAhead",
       .source = kPlannedDate,
       .feed = Pbx() + Event("2026-03-02T10:05:00+01:00",
                             "meeting_id: 'canary-meeting' meeting_scheduled { "
                             "  planned_start: @2026-03-30T00:00:00+02:00 planned_duration { seconds: 3600 } "
                             "  invitees { participant_id: 'canary-guest' name: 'Canary Guest' } }"),
       .gone = {"Canary Guest"},
       .at = "2026-04-07T00:00:00+02:00"},
      {.name = "R2_AQuickMeetingHasItsStartDayAsPlannedDate",
       .source = kNoPlan,
       .feed = QuickMeeting(),
       .gone = {"Canary Meeting Name", "Canary Person"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "R2_OneThatStartsLateHasItsStartDay",
       .source = kNoPlan,
       // The last instant at which it can: 24 hours after the planned end.
       .feed = Planned() + Event("2026-03-06T00:30:00+01:00",
                                 "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' "
                                 "  name: 'Canary Person' }"),
       .gone = {"Canary Meeting Name", "Canary Guest", "Canary Person"},
       .at = "2026-03-14T00:00:00+01:00"},
      {.name = "R2_WhatStartsLaterYetMovesNothing",
       .source = kNoPlan,
       .feed = Planned() + Event("2026-03-06T00:31:00+01:00",
                                 "time: @2026-03-06T00:30:00.000001+01:00 meeting_id: 'canary-meeting' "
                                 "participant_joined { participant_id: 'canary-person' name: 'Canary Person' }"),
       .gone = {"Canary Meeting Name", "Canary Guest"},
       .at = "2026-03-12T00:00:00+01:00",
       .remains = {"Canary Person", "canary-guest@example.org"}},
      {.name = "R2_ReschedulingToALaterDayMovesWhatHangsOnIt",
       .source = kNoPlan,
       .feed = Planned() + Event("2026-03-03T10:00:00+01:00",
                                 "meeting_id: 'canary-meeting' meeting_rescheduled { "
                                 "  planned_start: @2026-03-20T09:00:00+01:00 planned_duration { seconds: 3600 } }"),
       .gone = {"Canary Meeting Name", "Canary Guest", "canary-guest@example.org"},
       .at = "2026-03-28T00:00:00+01:00"},
      {.name = "R2_ReschedulingToAnEarlierDayMovesWhatHangsOnIt",
       .source = kNoPlan,
       .feed = Planned() + Event("2026-03-03T10:00:00+01:00",
                                 "meeting_id: 'canary-meeting' meeting_rescheduled { "
                                 "  planned_start: @2026-03-03T11:00:00+01:00 planned_duration { seconds: 3600 } }"),
       .gone = {"Canary Meeting Name", "Canary Guest", "canary-guest@example.org"},
       .at = "2026-03-11T00:00:00+01:00"},
      {.name = "R3_OneThatNeverTakesPlaceEndsAsPlanned",
       .source = kEndUnknown,
       .feed = Planned(),
       .gone = {"canary-guest@example.org"},
       .at = "2026-03-13T00:00:00+01:00"},
      {.name = "R3_TheFilesOfOneThatNeverTakesPlaceWaitForWhoIsLate",
       .source = kEndUnknown,
       .feed = Planned() + Event("2026-03-04T12:00:00+01:00",
                                 "meeting_id: 'canary-meeting' file_shared { "
                                 "  file_id: 'canary-file' object_ref: 'canary-file-ref' }"),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:30:00+01:00",
       .by = EndsBy::kPurge,
       .orders = {"canary-file-ref"}},
      {.name = "R3_ARunningOneIsPresumedEndedAfterADay",
       .source = kEndUnknown,
       // Each day has its sweep, which sees that the meeting still runs.
       .feed = Running() + Steps{{"2026-03-05T12:00:00+01:00", "RetentionService/Sweep", ""},
                                 {"2026-03-06T12:00:00+01:00", "RetentionService/Sweep", ""}},
       .gone = {"canary-guest@example.org", "canary-person@example.org"},
       .at = "2026-03-14T00:00:00+01:00"},
      {.name = "R3_ItsFilesGoAtThatInstant",
       .source = kEndUnknown,
       .feed = Running(),
       .gone = {"canary-file-ref"},
       .at = "2026-03-06T00:30:00+01:00",
       .by = EndsBy::kPurge,
       .orders = {"canary-file-ref"}},
      {.name = "R3_TheTrueEndReplacesThePresumption",
       .source = kEndUnknown,
       .feed = Running() + Event("2026-03-07T12:00:00+01:00",
                                 "time: @2026-03-05T00:10:00+01:00 meeting_id: 'canary-meeting' meeting_ended {}"),
       .gone = {"canary-guest@example.org", "canary-person@example.org"},
       .at = "2026-03-13T00:00:00+01:00"},
      {.name = "R4_TheLastOneLeavesBeforeTheEndIsSaid",
       .source = kEnd,
       .feed = Running() +
               Event("2026-03-04T23:59:59+01:00",
                     "meeting_id: 'canary-meeting' participant_left { participant_id: 'canary-person' }") +
               Event("2026-03-05T00:20:00+01:00", "meeting_id: 'canary-meeting' meeting_ended {}"),
       .gone = {"canary-guest@example.org", "canary-person@example.org"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "R4_TheEndIsSaidBeforeTheLastOneLeaves",
       .source = kEnd,
       .feed = Running() + Event("2026-03-04T23:59:59+01:00", "meeting_id: 'canary-meeting' meeting_ended {}") +
               Event("2026-03-05T00:20:00+01:00",
                     "meeting_id: 'canary-meeting' participant_left { participant_id: 'canary-person' }"),
       .gone = {"canary-guest@example.org", "canary-person@example.org"},
       .at = "2026-03-12T00:00:00+01:00"},
      {.name = "R5_WhoCameAfterMidnightIsFiledUnderTheFirstDay",
       .source = kOverMidnight,
       .feed = Running() +
               Event("2026-03-05T00:05:00+01:00",
                     "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-late-person' "
                     "  client_kind: 'web-edge' }") +
               Event("2026-03-05T00:20:00+01:00", "meeting_id: 'canary-meeting' meeting_ended {}") +
               Steps{{"2026-03-20T10:00:00+01:00", "PbxService/SyncPbx",
                      "pbx_id: 'canary-pbx' controller_id: 'canary-controller' extensions { number: '77017' }"}},
       .gone = {"participant_id: \"participant 2\"", "total_time { seconds: 900 }", "total_time { seconds: 2700 }"},
       .at = "2026-05-05T00:00:00+02:00",
       .held = {"web-edge", "web-safari"},
       .remains = {"GetMeetingReport: NOT_FOUND ANONYMISED"}},
      {.name = "R6_ChatThatIsNotProtocolledIsNeverWritten",
       .source = kChat,
       .feed = QuickMeeting(),
       .gone = {"Canary Person"},
       .at = "2026-03-12T00:00:00+01:00",
       .never = {"Canary Whisper"}},
      {.name = "R7_WhatComesAfterItsDayIsNotStored",
       .source = kTooLate,
       .feed = EndedMeeting() +
               Steps{{"2026-03-12T12:00:00+01:00", kEvent,
                      "time: @2026-03-05T13:00:00+01:00 meeting_id: 'canary-meeting' participant_joined { "
                      "  participant_id: 'canary-late-person' name: 'Canary Late' email: 'canary-late@example.org' }",
                      "accepted: 1 values_past_due: 1"}},
       .gone = {"canary-late@example.org", "canary-late-person"},
       .at = "2026-03-14T00:00:00+01:00",
       .remains = {"participants { participant_id: \"participant 2\" first_join_time { seconds: 1772712000 } }",
                   "participants { name: \"participant 2\" total_time { seconds: 40800 } }"},
       .never = {"Canary Late"}},
      {.name = "R8_AReportHasNamesAsLongAsTheyLive",
       .source = kReport,
       .feed = EndedMeeting(),
       .gone = {"participants { name: \"Canary Person\" total_time { seconds: 89100 } reconnections: 1 "
                "participant_ids: \"canary-person\" } names_held"},
       .at = "2026-03-12T00:00:00+01:00",
       .held = {"Canary Person"},
       .remains = {"participants { name: \"participant 1\" total_time { seconds: 89100 } reconnections: 1 "
                   "participant_ids: \"canary-person\" }"}},
      {.name = "R8_AReportIsAnonymisedAfterTwoMonths",
       .source = kReport,
       .feed = EndedMeeting(),
       .gone = {"participants { name: \"participant 1\" total_time { seconds: 89100 } reconnections: 1 }"},
       .at = "2026-05-05T00:00:00+02:00",
       .held = {"web-safari"},
       .remains = {"GetMeetingReport: NOT_FOUND ANONYMISED", "coverage { cohorts: 1"}},
      {.name = "R8_AReportCannotBeAskedForWithItsPbxGone",
       .source = kReport,
       .feed = EndedMeeting(),
       .gone = {"participants { name: \"Canary Person\" total_time { seconds: 89100 }"},
       .at = "2026-03-10T09:00:00+01:00",
       .act = {{"2026-03-10T09:00:00+01:00", "PbxService/DeregisterPbx", "pbx_id: 'canary-pbx'"}},
       .held = {"Canary Person"},
       .remains = {"GetMeetingReport: NOT_FOUND PBX_UNKNOWN"},
       .stays = {"web-safari"}},
  };
}

}  // namespace retention::privacy
