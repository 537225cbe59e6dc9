// The events of one imported meeting; what all formats have in common.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/importers/meeting_import.h"

namespace retention {

// Somebody's connection to a meeting. One person may have several at a time, and one after another.
struct RecordedSession {
  std::string id;
  std::string person;      // Empty where the platform does not say it here; another event of the session may.
  std::string connection;  // What tells it from the person's others; empty where the platform does not say it here.
  std::string name;
  std::string email;
  // The line, if lines of its kind never say whose session it is: it is left out, so named, if no other of the file
  // does. Without it a session that no line says the person of is a person.
  std::optional<LeftOutLine> unknown = {};
};

// A sitting of a room, or what is said of the room as a whole. It takes what was recorded in any order, and makes order
// of it at the end. What an event says is what one line says, so that parts of a log, in any order and with whatever
// overlap, say what the whole says. For one thread.
class ImportedMeeting {
 public:
  // `room` names the meeting, `sitting` the one among its sittings; empty if what is said is of none, or does not say
  // of which. `options` must outlive it.
  ImportedMeeting(const ImportOptions& options, const std::string& room, std::string sitting = "");

  void Plan(absl::Time time, const std::string& name, absl::Time start, absl::Duration length);
  void Replan(absl::Time time, absl::Time start, absl::Duration length);
  void Start(absl::Time time, const std::string& name);
  void DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number);
  // Each session of a person is a join of the one participant that they are.
  void Join(absl::Time time, const RecordedSession& session);
  void Leave(absl::Time time, const RecordedSession& session);
  // Knows whose session it is from now on, and before.
  void Recognise(const RecordedSession& session);
  // A recording comes into being when it is started; its stop says nothing more.
  void StartRecording(absl::Time time);
  // `id` names it on its platform.
  void CreateRecording(absl::Time time, const std::string& platform, const std::string& id);
  void SharePdf(absl::Time time, const std::string& presentation_id);
  void CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                  const std::vector<std::string>& options);
  // An answer to a poll that is not in this file is taken: another part of the log may have brought it.
  void AnswerPoll(absl::Time time, const std::string& poll_id, const RecordedSession& session,
                  const std::vector<uint32_t>& option_indexes);
  // `message_id` tells apart what was said twice at once, and may be empty.
  void PublicChat(absl::Time time, const RecordedSession& session, const std::string& message_id,
                  const std::string& text);
  void End(absl::Time time);
  void Delete(absl::Time time);
  void LeaveOut(const std::string& kind) { ++imported_.not_imported[kind]; }

  bool ended() const { return ended_; }
  // When the first of it happened; InfiniteFuture if nothing did.
  absl::Time first() const;

  // All events, in the order of their times, moved by `shift`: a sitting that is moved is another one. Afterwards there
  // is nothing more to take.
  ImportedEvents Take(absl::Duration shift = absl::ZeroDuration());

 private:
  struct Recorded {
    v1::Event event;
    std::string session;                 // Of who acted; empty if nobody did.
    std::string told;                    // What the event does not hold and yet makes it this one.
    std::optional<LeftOutLine> unknown;  // As RecordedSession.
    bool is_bigbluebutton_recording = false;
  };

  v1::Event& Append(absl::Time time);
  // Of somebody: their session.
  v1::Event& Append(absl::Time time, const RecordedSession& session, const std::string& told = "");
  void LeaveOutUnknown();
  void AnnounceProtocol();
  std::string PersonOf(const std::string& session_id) const;
  // What names the sitting where the platform keeps its objects.
  std::string ObjectFolder(const std::string& platform) const;
  // False if it is an answer to a poll that has no such option.
  bool HasItsOptions(const v1::Event& event);
  void Settle(absl::Duration shift, Recorded& recorded) const;

  const ImportOptions& options_;
  const std::string meeting_id_;
  const std::string sitting_;
  std::vector<Recorded> recorded_;
  ImportedEvents imported_;
  std::map<std::string, std::string> persons_;  // Session -> person.
  std::set<std::string> joined_;  // Sessions whose join is here: it says whose they are, if anything does.
  std::map<std::string, uint32_t> poll_options_;  // Poll -> number of its options.
  bool ended_ = false;
};

// The meetings of a file.
class ImportedMeetings {
 public:
  explicit ImportedMeetings(const ImportOptions& options) : options_(options) {}

  // Knows in which room a sitting is, for lines that do not say it. To be told before the first is found.
  void Recognise(const std::string& sitting, const std::string& room);
  // The room that a sitting is in; the sitting itself if none is known.
  std::string RoomOf(const std::string& sitting) const;

  // The sitting, or what is said of the room; new if need be. Null if the room cannot have the identifier that was
  // given for another one.
  ImportedMeeting* Find(const std::string& room, const std::string& sitting);

  void LeaveOut(const std::string& kind) { ++not_imported_[kind]; }

  // The events of all meetings in the order of their times, moved as the options say.
  ImportedEvents Take(std::vector<LeftOutLine> left_out);

 private:
  const ImportOptions& options_;
  std::map<std::string, std::string> rooms_;                                 // Sitting -> room.
  std::map<std::pair<std::string, std::string>, ImportedMeeting> meetings_;  // By room and sitting.
  std::map<std::string, int> not_imported_;
};

// Why a line is left out that names a session alone.
inline constexpr char kUnknownPerson[] = "nothing in this file says whose session it is";
// Why Find gave no meeting.
inline constexpr char kSecondMeeting[] = "a second meeting, which cannot have the given identifier as well";

}  // namespace retention
