// The events of one imported meeting; what all formats have in common.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/importers/meeting_import.h"

namespace retention {

// Somebody's connection to a meeting. One person may have several at a time, and one after another.
struct RecordedSession {
  std::string id;
  std::string person;  // Empty where the platform does not say it here; another event of the session may.
  std::string name;
  std::string email;
};

// Takes what was recorded in any order; order is made of it at the end. For one thread.
class ImportedMeeting {
 public:
  // `options` must outlive it.
  ImportedMeeting(const ImportOptions& options, const std::string& recorded_id);

  const std::string& id() const { return meeting_id_; }

  void Plan(absl::Time time, const std::string& name, absl::Time start, absl::Duration length);
  void Replan(absl::Time time, absl::Time start, absl::Duration length);
  void Start(absl::Time time, const std::string& name);
  void DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number);
  // The first session of a person is a join, each further one a reconnection; who has one session left is still there.
  void Join(absl::Time time, const RecordedSession& session);
  void Leave(absl::Time time, const RecordedSession& session);
  // Knows whose session it is from now on, and before.
  void Recognise(const RecordedSession& session);
  // A recording comes into being when it is started; its stop says nothing more.
  void SwitchRecording(absl::Time time, bool on);
  // `id` names it on its platform.
  void CreateRecording(absl::Time time, const std::string& platform, const std::string& id);
  void SharePdf(absl::Time time, const std::string& presentation_id);
  void CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                  const std::vector<std::string>& options);
  // An answer to a poll that is not in this file is taken: another part of the log may have brought it.
  void AnswerPoll(absl::Time time, const std::string& poll_id, const std::string& session_id,
                  const std::vector<uint32_t>& option_indexes);
  // `message_id` tells apart what was said twice at once, and may be empty.
  void PublicChat(absl::Time time, const std::string& session_id, const std::string& message_id,
                  const std::string& text);
  void End(absl::Time time);
  void Delete(absl::Time time);
  void LeaveOut(const std::string& kind) { ++imported_.not_imported[kind]; }

  bool ended() const { return ended_; }

  // All events, in the order of their times. Afterwards there is nothing more to take.
  ImportedEvents Take();

 private:
  struct Recorded {
    v1::Event event;
    std::string session;  // Of who acted; empty if nobody did.
    bool is_recording_switch = false;
  };

  // `content` is what makes the event this one, besides its time.
  v1::Event& Append(absl::Time time, const std::vector<std::string>& content, const std::string& session_id = "");
  void AnnounceProtocol();
  std::string PersonOf(const std::string& session_id) const;
  // False if it says nothing, seen in the order of time.
  bool Settle(Recorded& recorded);
  bool SettleJoin(Recorded& recorded);
  bool SettleLeave(Recorded& recorded);
  bool SettleAnswer(Recorded& recorded);
  bool SettleRecording(const Recorded& recorded);

  const ImportOptions& options_;
  const std::string meeting_id_;
  std::vector<Recorded> recorded_;
  ImportedEvents imported_;
  std::map<std::string, std::string> persons_;         // Session -> person.
  std::map<std::string, std::set<std::string>> open_;  // Person -> sessions that go on.
  std::set<std::string> known_;                        // Persons who were there before.
  std::map<std::string, uint32_t> poll_options_;       // Poll -> number of its options.
  bool ended_ = false;
  bool end_settled_ = false;
  bool recording_ = false;
};

// The meetings of a file.
class ImportedMeetings {
 public:
  explicit ImportedMeetings(const ImportOptions& options) : options_(options) {}

  // The meeting, new if need be; null if it cannot have the identifier that was given for another one.
  ImportedMeeting* Find(const std::string& recorded_id);

  void LeaveOut(const std::string& kind) { ++not_imported_[kind]; }

  // The events of all meetings in the order of their times, moved as the options say.
  ImportedEvents Take(std::vector<LeftOutLine> left_out);

 private:
  const ImportOptions& options_;
  std::map<std::string, ImportedMeeting> meetings_;
  std::map<std::string, int> not_imported_;
};

// Why Find gave no meeting.
inline constexpr char kSecondMeeting[] = "a second meeting, which cannot have the given identifier as well";

// Puts events in the order of their times and carries out `options.shift_to`.
void ArrangeInTime(const ImportOptions& options, ImportedEvents* imported);

}  // namespace retention
