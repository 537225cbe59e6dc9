// Meetings recorded by other platforms, as events of this one.
//
// Never taken over: audio, video, file names, private chat, and public chat of a meeting that is not imported as
// protocolled.
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

struct ImportedEvents {
  std::vector<v1::Event> events;            // In the order of their times.
  std::map<std::string, int> not_imported;  // What was left out: kind -> how often.
};

// What BigBlueButton's webhooks post, one JSON object a line; any number of meetings. INVALID_ARGUMENT naming the line.
absl::StatusOr<ImportedEvents> ImportBigBlueButtonWebhooks(std::istream& input, const ImportOptions& options);

// BigBlueButton's events.xml of one recording, old or new. INVALID_ARGUMENT if it is not XML, or no time can be made
// out. A recording is written once its meeting is over, so the last event counts as its end if none is recorded.
absl::StatusOr<ImportedEvents> ImportBigBlueButtonXml(std::istream& input, const ImportOptions& options);

// Builds the events of an import; what both formats have in common.
class ImportedMeeting {
 public:
  ImportedMeeting(const ImportOptions& options, const std::string& recorded_id);

  void Begin(absl::Time time, const std::string& name, absl::Duration planned);
  void DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number);
  void Join(absl::Time time, const std::string& user_id, const std::string& name);
  void Leave(absl::Time time, const std::string& user_id);
  // A recording comes into being when it is started; its stop says nothing more.
  void Recording(absl::Time time, bool started);
  void SharePdf(absl::Time time, const std::string& presentation_id);
  void CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                  const std::vector<std::string>& options);
  void AnswerPoll(absl::Time time, const std::string& poll_id, const std::string& user_id,
                  const std::vector<uint32_t>& option_indexes);
  void PublicChat(absl::Time time, const std::string& user_id, const std::string& text);
  void End(absl::Time time);
  void LeaveOut(const std::string& kind) { ++imported_.not_imported[kind]; }

  bool ended() const { return ended_; }
  ImportedEvents Take() { return std::move(imported_); }

 private:
  v1::Event& Append(absl::Time time);

  const ImportOptions& options_;
  const std::string meeting_id_;
  ImportedEvents imported_;
  std::map<std::string, size_t> poll_options_;  // Poll -> number of its options.
  bool ended_ = false;
  bool recording_ = false;
};

// Puts events in the order of their times and carries out `options.shift_to`.
void ArrangeInTime(const ImportOptions& options, ImportedEvents* imported);

// `id` where it is a valid identifier (1 to 128 bytes of printable ASCII without spaces), else a stable stand-in for
// it.
std::string ValidIdentifier(const std::string& id);

}  // namespace retention
