// The oracle: what the rules say must be readable, and what must not, at every instant.
//
// Maps and naive folds over all events that were accepted, from the text of the rules and of the API, without a line of
// the engine. Where the rules leave the machine a choice (a value that arrives in the lead window of its day, after the
// day may have been closed), the oracle says "unsure": it may be there until it is due, and nobody may rely on it.
#ifndef RETENTION_TESTS_SIMULATION_MODEL_H_
#define RETENTION_TESTS_SIMULATION_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/law/cut_rules.h"
#include "tests/simulation/hold_model.h"
#include "tests/simulation/model_words.h"
#include "tests/simulation/policy_model.h"
#include "tests/simulation/staff_model.h"

namespace retention::simulation {

// Whether something is there.
enum class Held { kYes, kUnsure, kNo };

// One planted value.
struct PlantedValue {
  v1::DataCategory category;
  int64_t time_us = 0;
  std::string owner;  // participant, or identifier of the object
  std::string text;   // unlike any other value's
  std::vector<std::string> numbers;
  std::string plan;  // event id of the plan that says it; empty if none does
  PbxNumber pbx = 0;
  std::string meeting_id;
  absl::CivilDay due;                        // last day; not for files and PDFs
  absl::Time ends = absl::InfiniteFuture();  // of a file
  Held held = Held::kYes;
  bool fresh = true;        // planted by the batch that is being recorded
  bool always_past = true;  // it never had a future within this batch
  bool was_past = false;    // at some point within this batch it had no future
  // A policy keeps it longer than the one before: until it is refiled readers go by the earlier day.
  absl::Time hidden_from = absl::InfiniteFuture();
};

// Something that was stored in the portal and is referred to here.
struct PlantedObject {
  v1::DataCategory category;
  std::string pbx_id;
  std::string ref;
  friend auto operator<=>(const PlantedObject&, const PlantedObject&) = default;
};

struct ParticipantState {
  int64_t first_join_us = 0;
  int64_t total_us = 0;
  uint32_t reconnections = 0;
  bool present = false;
};

// What follows from a meeting's events at one instant.
struct MeetingState {
  absl::Duration presumed_end_after;
  std::optional<std::pair<int64_t, int64_t>> plan_us;
  std::optional<int64_t> scheduled_us;  // when it was first
  bool took_place = false;
  std::optional<int64_t> start_us;  // of its sitting
  int64_t last_us = 0;              // last sign of life
  int64_t limit_us = 0;
  std::optional<int64_t> emptied_us;
  std::optional<int64_t> end_us;  // when all had left, of what took place
  int64_t files_from_us = 0;      // since when people are there of whom all can have left
  int64_t gone_us = 0;            // files that were shared until then have ended
  int64_t last_event_us = 0;
  Person organizer = 0;
  std::string plan;  // event id of the last that scheduled it: what former ones said is taken back
  bool protocolled = false;
  bool known = false;  // planned or begun
  bool deleted = false;
  std::vector<std::string> order;  // participants in order of first join
  std::map<std::string, ParticipantState> participants;

  absl::CivilDay PlannedDate() const;
  absl::Time End() const;
  // Of what was shared while people were there; of what was shared at that time; the last that there could be.
  absl::Time SittingFilesEnd() const;
  absl::Time FileEnd(int64_t shared_us) const;
  absl::Time FilesEnd() const;
  // The day by which a meeting may be filed while it runs on the day on which it was to end: its presumed end lies
  // later, and the values have not moved there before that day is over.
  std::optional<absl::CivilDay> LikelyEndDay() const;
  absl::CivilDay CollectionDay() const;
};

struct MeetingModel {
  CutHistory cuts;
  std::map<std::string, v1::Event> events;  // by event id
  std::vector<PlantedValue> values;
  absl::CivilDay history_due;
  absl::Time files_end = absl::InfiniteFuture();
  std::map<std::string, Person> organizers;         // by event id: whom it named, as known when it came
  Person organizer = 0;                             // survives the history, for its PDFs
  bool stored = false;                              // its history is held
  bool was_due = false;                             // something of it: its cut is final
  bool lost = false;                                // its history came to its day in a way that leaves the rest open
  absl::Time hidden_from = absl::InfiniteFuture();  // as PlantedValue's

  MeetingState At(absl::Time now) const;
  // What chat of this time is judged by.
  bool ProtocolledAt(int64_t time_us) const;
  // Its events, but for deletions, each of which is history of its own.
  uint64_t HistorySize() const;
  // Whether it stays one occurrence, with one sitting, if this event comes too.
  bool IsOneWith(const v1::Event& event) const;
};

inline bool OfPbx(const v1::Event& event) {
  return event.has_pbx_synced() || event.has_extension_synced() || event.has_extension_removed();
}

struct PollModel {
  v1::PollCreated created;
  Person owner = 0;
  std::string meeting_id;
  // By participant: the last counts.
  std::map<std::string, std::pair<std::pair<int64_t, uint64_t>, v1::PollAnswered>> answers;
  std::string event_id;
};

// What a PBX's own end depends on.
struct LifeModel {
  std::optional<int64_t> licence_until_us;
  absl::CivilDay contact = absl::CivilDay::min();
  std::optional<absl::CivilDay> resolved;  // last day
  std::optional<absl::CivilDay> probed;    // last day
  int vain = 0;                            // days of vain look-ups since it resolved
};

// An end that a PBX comes to by itself, if nothing changes.
struct LifeEnd {
  v1::PbxEndCause cause;
  absl::Time time;
  bool certain = true;  // else it takes more vain look-ups
};
std::vector<LifeEnd> EndsOf(const LifeModel& life, const PolicyModel& policy);
// The earliest that is certain.
absl::Time OwnEndOf(const LifeModel& life, const PolicyModel& policy);

// Events that nothing that is held tells of, by meeting, or PBX, and id: when they came.
using Came = std::map<std::pair<std::string, std::string>, absl::CivilDay>;

struct PbxModel {
  PbxNumber number = 0;
  LifeModel life;
  v1::PbxSynced data;
  int64_t synced_us = 0;
  StaffModel extensions;
  std::map<std::string, MeetingModel> meetings;
  std::map<std::string, PollModel> polls;
  std::set<std::string> ended_polls;
  Came came;
};

// What a deletion by an operator must be answered with.
struct Ruling {
  std::string refusal;  // reason; empty if it is done
  bool either = false;  // the rules leave open whether it is refused
  std::map<v1::DataCategory, uint64_t> erased_min;
  // What it files, as far as that is known: that a meeting was deleted is history.
  std::optional<std::map<v1::DataCategory, uint64_t>> filed = std::map<v1::DataCategory, uint64_t>();
};

// What a batch must be answered with.
struct Prediction {
  // By index. UNSPECIFIED: a duplicate for a poll that has ended may be called either.
  std::map<int, v1::RejectionReason> rejections;
  uint32_t accepted = 0;
  uint32_t duplicates = 0;
  uint32_t past_due_min = 0;
  uint32_t past_due_max = 0;
};

class Model {
 public:
  using Bucket = std::pair<absl::CivilDay, v1::DataCategory>;
  // How many values a bucket must hold, and how many it may.
  struct Range {
    uint64_t min = 0;
    uint64_t max = 0;
    void Add(uint64_t values, bool sure) {
      if (sure) min += values;
      max += values;
    }
  };
  // Values by bucket; categories PDF_SHARE, POLL and PBX_SYNC under NoDay().
  using Buckets = std::map<Bucket, Range>;
  static absl::CivilDay NoDay() { return absl::CivilDay::max(); }

  explicit Model(PolicyModel policy);

  // Time passes: what is due is gone.
  void AdvanceTo(absl::Time now);

  Prediction Record(const std::vector<v1::Event>& batch, absl::Time now);
  // Number of extensions removed; nullopt if what is held is newer.
  std::optional<uint32_t> SyncPbx(const std::string& pbx_id, const v1::PbxSynced& synced, int64_t time_us,
                                  absl::Time now);
  // Polls and PDFs that end; nullopt if there is no such extension.
  std::optional<std::pair<uint32_t, uint32_t>> RemoveExtension(const std::string& pbx_id, const std::string& number,
                                                               int64_t time_us);
  // `reason`: the ledger's word. False if it is not known.
  bool EndPbx(const std::string& pbx_id, const std::string& reason, absl::Time now);
  // PBXs with the licence that live on, and that end; nullopt if nobody has it.
  std::optional<std::pair<uint32_t, uint32_t>> ReportLicence(const std::string& key, absl::Time valid_until,
                                                             bool registered, bool active, absl::Time now);
  void CountProbe(const std::string& pbx_id, bool resolved, absl::Time now);

  // Deletions by an operator.
  Ruling DeleteMeeting(const std::string& pbx_id, const std::string& meeting_id, absl::Time now);
  Ruling DeleteObject(const std::string& pbx_id, const std::string& meeting_id, v1::DataCategory category,
                      const std::string& object_id, absl::Time now);
  Ruling DeletePoll(const std::string& pbx_id, const std::string& poll_id);

  // Another policy comes into force: what is over by it is over at once, and nothing that is over comes back. What is
  // held is refiled meanwhile. REQUIRES: the last one was refiled.
  void ApplyPolicy(const PolicyModel& next, absl::Time since, absl::Time now);
  // A step of the refile, if one is under way, may have been done; all of it has been.
  void NoteRefileBegun();
  void NoteRefiled();
  const PolicyModel& policy() const { return policy_; }
  // Whether an event of a meeting is refused for its time, whatever is held of its meeting.
  bool Refuses(const v1::Event& event, absl::Time now) const;
  // Of which nothing is known.
  MeetingModel NewMeeting() const { return {.cuts = cuts_}; }
  // The policy before it, while what was held then may lie where that one put it.
  const std::optional<PolicyModel>& refiled_from() const { return refiled_from_; }
  // What a policy would do to the values of a category, if it came into force right after a sweep at `now`.
  struct Moves {
    Range gone;
    Range earlier;
    Range later;
  };
  std::map<v1::DataCategory, Moves> MovesUnder(const PolicyModel& next, absl::Time now) const;
  // PBXs that would end at once, earlier, or later.
  struct MovedEnds {
    uint64_t gone = 0;
    uint64_t earlier = 0;
    uint64_t later = 0;
  };
  MovedEnds EndsUnder(const PolicyModel& next, absl::Time now) const;
  // What the last change of policy ended, of which everybody is sure. Files excepted, which end with their meeting.
  const std::map<v1::DataCategory, uint64_t>& ended_by_policy() const { return ended_by_policy_; }

  // A sweep has begun the ends of all PBXs that had come to them.
  void NoteSwept();
  // By the ledger's word: how many PBXs have ended. Where a PBX came to several ends at one instant, under any of them.
  const std::map<std::string, uint64_t>& pbx_ends() const { return pbx_ends_; }
  uint64_t pbx_ends_of_any() const { return pbx_ends_of_any_; }
  // How often an object was brought.
  uint64_t planted(const PlantedObject& object) const;

  const std::map<std::string, PbxModel>& pbxs() const { return pbxs_; }
  HoldModel& holds() { return holds_; }
  const HoldModel& holds() const { return holds_; }
  // Whether the engine must answer for this meeting.
  static bool Visible(const MeetingModel& meeting, absl::Time now);
  // Whether readers must be shown what is held, as far as the refile of a policy does not hide it.
  Held Shown(const PlantedValue& value, absl::Time now) const;
  bool MayBeHidden(const MeetingModel& meeting, absl::Time now) const;
  // When a refile that is under way begins to hide something; infinite future if it does not.
  absl::Time FirstHidden() const;
  Buckets ExpectedValues() const;
  // Buckets whose content the rules leave open.
  const std::set<Bucket>& fuzzy() const { return fuzzy_; }
  // Objects that are gone, so that their erasure must have been ordered.
  const std::set<PlantedObject>& gone_objects() const { return gone_objects_; }
  // Those of them that an act ended, so that its order is in the batch of the act. The others wait for a sweep.
  const std::set<PlantedObject>& ended_objects() const { return ended_objects_; }
  // Objects whose erasure must not have been ordered at `now`.
  std::set<PlantedObject> LivingObjects(absl::Time now) const;

  // Whether an event of a PBX is known to have come.
  bool CameBefore(const v1::Event& event, absl::Time now) const {
    return CameBefore(came_, event.pbx_id(), event.event_id(), now);
  }

 private:
  using Reason = v1::RejectionReason;
  void SettleAll(std::set<std::pair<std::string, std::string>>& touched, absl::Time now, Prediction& prediction);
  std::optional<Reason> Take(const v1::Event& event, absl::Time now, Prediction& prediction,
                             std::set<std::pair<std::string, std::string>>& touched);
  std::optional<Reason> TakeMeetingEvent(PbxModel& pbx, const v1::Event& event, absl::Time now, Prediction& prediction,
                                         bool& touched);
  std::optional<Reason> TakePollEvent(const std::string& pbx_id, PbxModel& pbx, const v1::Event& event, absl::Time now,
                                      Prediction& prediction, std::set<std::pair<std::string, std::string>>& touched);
  void OrderAway(const v1::Event& event, absl::Time now);
  // Whether an event is known to have come, where nothing that is held tells; and that one has.
  static bool CameBefore(const Came& came, const std::string& of, const std::string& event_id, absl::Time now);
  MeetingModel& MeetingOf(PbxModel& pbx, const std::string& meeting_id);
  static absl::CivilDay LastDayOf(const PlantedValue& value, const MeetingState& state, const PolicyModel& policy);
  // The day under which a value of a running meeting lies until the day of its likely end is over, if that is another.
  static std::optional<absl::CivilDay> LikelyDayOf(const PlantedValue& value, const MeetingState& state,
                                                   const PolicyModel& policy);
  void ApplyToHistory(MeetingModel& meeting, const MeetingState& state, absl::Time now);
  void ApplyToValue(const std::string& pbx_id, const MeetingModel& meeting, const MeetingState& state,
                    const PolicyModel& before, PlantedValue& value, absl::Time now);
  void ApplyToOrphans(const PolicyModel& before, absl::Time now);
  void Plant(MeetingModel& meeting, const v1::Event& event);
  void NotePast(MeetingModel& meeting, absl::Time now);
  void Settle(const std::string& pbx_id, MeetingModel& meeting, absl::Time now, Prediction& prediction);
  void Lose(MeetingModel& meeting);
  static void EndPoll(PbxModel& pbx, std::map<std::string, PollModel>::iterator poll);
  void EndValue(const std::string& pbx_id, PlantedValue& value);
  uint32_t EndPdfs(const std::string& pbx_id, MeetingModel& meeting);
  // Ends the polls and PDFs of somebody who was removed.
  std::pair<uint32_t, uint32_t> EndPerson(const std::string& pbx_id, PbxModel& pbx, Person person);
  // Whether it is of before the end of the PBX that had the id of its PBX, while that is remembered.
  bool IsOfFormer(const v1::Event& event, absl::Time now) const;
  bool TakePbxEvent(PbxModel& pbx, const v1::Event& event);
  void Over(MeetingModel& meeting);
  void EndOverPbxs(absl::Time now);
  void EndPbxData(std::map<std::string, PbxModel>::iterator pbx, absl::Time end);
  void EnterEnd(const std::set<std::string>& reasons);

  // HISTORY of a meeting whose PBX has ended.
  struct Orphan {
    absl::CivilDay collected;
    absl::CivilDay due;
    uint64_t events;
    bool sure;
  };

  PolicyModel policy_;
  CutHistory cuts_;  // as the meetings have it
  std::optional<PolicyModel> refiled_from_;
  std::map<v1::DataCategory, uint64_t> ended_by_policy_;
  std::map<std::string, PbxModel> pbxs_;
  // Of the PBX that had an id before, the last: when it ended, and the last day on which that is remembered.
  std::map<std::string, std::pair<absl::Time, absl::CivilDay>> former_ends_;
  std::vector<Orphan> orphans_;
  std::set<Bucket> fuzzy_;
  std::set<PlantedObject> gone_objects_;
  std::set<PlantedObject> ended_objects_;
  bool by_time_ = false;          // what ends now ends by itself
  bool policy_ends_now_ = false;  // what ends now ends by a change of policy
  bool pbx_ends_now_ = false;     // what ends now ends with its PBX
  Came came_;                     // events of PBXs
  Came ordered_away_;             // refused ones, whose object was
  HoldModel holds_;
  PbxNumber last_pbx_ = 0;
  std::map<PlantedObject, uint64_t> planted_;
  // PBXs that came to their end by themselves, and whose end no sweep has begun; with the ledger's word for it.
  std::map<std::string, std::set<std::string>> over_;
  std::map<std::string, uint64_t> pbx_ends_;
  uint64_t pbx_ends_of_any_ = 0;
  uint64_t deletions_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_MODEL_H_
