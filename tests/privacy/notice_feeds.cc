// What happens on the platform in most rows of the table of the law.
#include "tests/privacy/notice_table.h"

namespace retention::privacy {

Steps operator+(Steps steps, const Steps& more) {
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

Steps RunningMeeting() {
  return {
      {"2026-03-02T10:00:00+01:00", "PbxService/SyncPbx",
       "pbx_id: 'canary-pbx' controller_id: 'canary-controller' "
       "profile { ip: '203.0.113.77' fqdn: 'canary-pbx.example.org' webmeeting_fqdn: 'canary-site.example.org' "
       "          licence_key: 'CANARY-LICENCE' } "
       "extensions { number: '77017' email: 'canary-user@example.org' vanity_url_name: 'canary-vanity' "
       "             first_name: 'CanaryFirst' last_name: 'CanaryLast' } "
       "extensions { number: '77018' }"},
      {"2026-03-02T10:05:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' meeting_scheduled { "
       "  name: 'Canary Meeting Name' comment: 'Canary Comment' organizer_extension: '77017' protocolled: true "
       "  planned_start: @2026-03-04T23:30:00+01:00 planned_duration { seconds: 88200 } "
       "  invitees { participant_id: 'canary-guest' name: 'Canary Guest' email: 'canary-guest@example.org' } }"},
      {"2026-03-02T10:06:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' dial_in_assigned { "
       "  conference_number: 'CANARY-7700' dial_in_numbers: '+49177001770' }"},
      {"2026-03-04T23:35:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' participant_joined { participant_id: 'canary-person' "
       "  name: 'Canary Person' email: 'canary-person@example.org' ip: '198.51.100.177' "
       "  client_kind: 'web-safari' }"},
      {"2026-03-05T11:00:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' participant_reconnected { "
       "  participant_id: 'canary-person' ip: '2001:db8:ca7a::77' }"},
      {"2026-03-05T12:00:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' recording_created { "
       "  recording_id: 'canary-recording' object_ref: 'canary-recording-ref' }"},
      {"2026-03-05T12:01:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' file_shared { file_id: 'canary-file' object_ref: 'canary-file-ref' }"},
      {"2026-03-05T12:02:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' pdf_shared { pdf_id: 'canary-pdf' object_ref: 'canary-pdf-ref' }"},
      {"2026-03-05T12:03:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' poll_created { poll_id: 'canary-poll' owner_extension: '77017' "
       "  question: 'Canary Question' options: 'Canary Option' }"},
      {"2026-03-05T12:04:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' poll_answered { "
       "  poll_id: 'canary-poll' participant_id: 'canary-guest' option_indexes: 0 }"},
      {"2026-03-05T12:05:00+01:00", kEvent,
       "meeting_id: 'canary-meeting' chat_message_sent { participant_id: 'canary-guest' text: 'Canary Chat' }"},
      {"2026-03-05T12:06:00+01:00", "LogService/AppendLogs",
       "lines { server: LOG_SERVER_MCU severity: LOG_SEVERITY_ERROR time: @2026-03-05T12:06:00+01:00 "
       "        text: 'canary log line' }"},
  };
}

Steps EndedMeeting() {
  return RunningMeeting() +
         Steps{{"2026-03-06T00:20:00+01:00", kEvent, "meeting_id: 'canary-meeting' meeting_ended {}"}};
}

}  // namespace retention::privacy
