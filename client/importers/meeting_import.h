// Meetings recorded by other platforms, as events of this one.
//
// Never taken over: audio, video, file names, private chat, and public chat of a meeting that is not imported as
// protocolled. What maps to what is said in docs/importers.md.
#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/event.pb.h"

namespace retention {

struct ImportOptions {
  std::string pbx_id = "imported";
  std::string meeting_id;              // Instead of the recorded one, unless empty.
  std::string owner_extension;         // Organises the meeting and owns its polls; polls need one.
  bool protocolled = false;            // Import as announced as protocolled, with public chat.
  std::optional<absl::Time> shift_to;  // Moves everything in time so that the first event lands here.
};

// A line that should have been taken and could not be. It holds nothing of what stood there.
struct LeftOutLine {
  int line = 0;       // Counted from 1.
  std::string field;  // Path of the field at fault; empty if it is the line as a whole.
  std::string reason;
};

struct ImportedEvents {
  std::vector<v1::Event> events;            // In the order of their times.
  std::map<std::string, int> not_imported;  // What is never taken over, or has no place here: kind -> how often.
  std::vector<LeftOutLine> left_out;        // In the order of lines.
};

// An importer of one format. It takes what it can and names the lines that it cannot take; INVALID_ARGUMENT if the
// input is something else altogether.
//
// Ids of events follow from what is recorded and when, never from the place in the file: a file that is imported twice,
// or two cuts of one log that overlap, give the same ids.
struct ImportFormat {
  std::string name;
  std::string description;
  absl::StatusOr<ImportedEvents> (*import)(std::istream& input, const ImportOptions& options);
};

// Every format there is.
const std::vector<ImportFormat>& ImportFormats();

// What BigBlueButton's webhooks post, as lines of JSON; any number of meetings.
absl::StatusOr<ImportedEvents> ImportBigBlueButtonWebhooks(std::istream& input, const ImportOptions& options);

// BigBlueButton's events.xml of one recording, old or new. A recording is written once its meeting is over, so the last
// event counts as its end if none is recorded. INVALID_ARGUMENT if it is not XML, or says no meeting and none is given.
absl::StatusOr<ImportedEvents> ImportBigBlueButtonXml(std::istream& input, const ImportOptions& options);

// What Jitsi's prosody plug-in event_sync posts, as lines of JSON.
absl::StatusOr<ImportedEvents> ImportJitsiEvents(std::istream& input, const ImportOptions& options);

// What Webex's webhooks post for meetings, meetingParticipants and recordings, as lines of JSON.
absl::StatusOr<ImportedEvents> ImportWebexWebhooks(std::istream& input, const ImportOptions& options);

// What Zoom's webhooks post, as lines of JSON.
absl::StatusOr<ImportedEvents> ImportZoomWebhooks(std::istream& input, const ImportOptions& options);

}  // namespace retention
