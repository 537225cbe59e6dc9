// The workload: what a platform does, and much of what it should not do, drawn from a seed.
#ifndef RETENTION_TESTS_SIMULATION_WORKLOAD_H_
#define RETENTION_TESTS_SIMULATION_WORKLOAD_H_

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/log_service.pb.h"
#include "tests/simulation/model.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

class Workload {
 public:
  // REQUIRES: both outlive it.
  Workload(Dice& dice, const Model& model) : dice_(dice), model_(model), first_policy_(model.policy().text()) {}

  std::vector<v1::Event> NextBatch(absl::Time now);
  // One event of a PBX: each is contact, whatever becomes of it.
  v1::Event SignOfLife(const std::string& pbx_id, absl::Time now);
  // A PBX that is not kept quiet, and its data.
  std::string AnyPbx();
  std::string AnyExtension() { return std::to_string(100 + dice_.Below(kExtensions)); }
  v1::PbxSynced NextSync(const std::string& pbx_id);
  // From now on nothing is heard of this PBX; empty for none.
  void KeepQuiet(std::string pbx_id) { quiet_ = std::move(pbx_id); }
  const std::string& quiet() const { return quiet_; }
  // Keys that some PBX has or had.
  std::string AnyLicence();

  // What operators may delete: mostly something that is held.
  struct Target {
    std::string pbx_id;
    std::string id;  // of the meeting, or of the poll
    v1::DataCategory category = v1::DATA_CATEGORY_UNSPECIFIED;
    std::string object_id;
  };
  Target AnyMeeting();
  Target AnyObject();
  Target AnyPoll();
  bool IsLiving(const Target& target, absl::Time now) const;
  // Another date for a meeting.
  v1::Event Rescheduled(const Target& target, absl::Time to, absl::Time now);
  // What may follow the policy in force.
  v1::Policy NextPolicy(absl::Time now);
  // Of a participant, mostly of one that is held.
  std::string AnyEmail();

  std::vector<v1::LogLine> NextLines(absl::Time now);
  v1::LogServer AnyServer() { return static_cast<v1::LogServer>(1 + dice_.Below(kLogServerKinds)); }
  // The last day of an extension, seldom one that is refused.
  absl::CivilDay NextUntil(absl::Time now);
  std::string Canary(const char* kind) { return std::string(kind) + "-" + std::to_string(++canaries_); }

  // Where the clock goes next.
  absl::Time NextInstant(absl::Time now);

  // Whether the oracle can say what becomes of it, behind the rest of its batch.
  // Events of extensions that come after what followed them are not: what they end is LateEvents's (tests/pbxs).
  bool Predictable(const v1::Event& event, const std::vector<v1::Event>& batch, absl::Time now) const;

 private:
  static constexpr uint64_t kPbxs = 3;
  static constexpr uint64_t kExtensions = 5;
  static constexpr uint64_t kParticipants = 5;
  static constexpr uint64_t kLogServerKinds = 4;
  static constexpr size_t kMeetingsMax = 12;
  // Duplicates are older than any retry, and younger than a meeting's history.
  static constexpr absl::Duration kDuplicateAge = absl::Hours(24 * 40);

  struct LiveMeeting {
    std::string pbx_id;
    std::string meeting_id;
    bool protocolled;
  };
  struct SentEvent {
    absl::Time sent;
    v1::Event event;
  };

  v1::Event NewEvent(const std::string& pbx_id, const std::string& meeting_id, absl::Time now);
  int64_t EventTime(absl::Time now);
  void SetPlan(google::protobuf::Timestamp& start, google::protobuf::Duration& length, absl::Time now);
  v1::Event MeetingEvent(LiveMeeting& meeting, absl::Time now);
  v1::Event FirstEvent(LiveMeeting& meeting, absl::Time now);
  v1::Event PollEvent(absl::Time now);
  v1::Event PbxEvent(absl::Time now);
  // When anything was last said of the extensions of a PBX.
  int64_t LastSaidOf(const std::string& pbx_id) const;
  // Moves an event of them behind that.
  void MakeLatest(v1::Event& event, absl::Time now) const;
  v1::Event OddEvent(absl::Time now);
  v1::Extension NextExtension(const std::string& number);
  // Somebody may be somebody else now, or have another number.
  void ShufflePersons();
  // Now and then an event names an extension by the platform's id too.
  void NameExtension(const std::string& number, v1::Event& event);
  void ChangeRule(v1::Policy& policy);
  void ShortenToNow(v1::Policy& policy, absl::Time now);
  void DropFinishedMeetings();
  bool NeedsItsMeeting(const v1::Event& event, const std::vector<v1::Event>& batch) const;
  // Whether the oracle can say what the event must do.
  // An instant at which something ends.
  absl::Time AnyEnd(absl::Time now);
  std::string CanaryIp();
  std::string CanaryEmail() { return Canary("mail") + "@example.org"; }
  std::string AnyParticipant() { return "p" + std::to_string(dice_.Below(kParticipants)); }

  Dice& dice_;
  const Model& model_;
  const v1::Policy first_policy_;
  uint64_t canaries_ = 0;
  uint64_t events_ = 0;
  std::set<int64_t> used_times_;
  std::vector<LiveMeeting> meetings_;
  std::vector<std::pair<std::string, std::string>> polls_;  // PBX and poll
  std::deque<SentEvent> sent_;
  std::vector<v1::Event> delayed_;
  std::map<std::string, v1::PbxProfile> profiles_;  // by PBX
  std::map<std::string, v1::Extension> persons_;    // by the number at which they are
  std::vector<std::string> licences_;
  std::string quiet_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_WORKLOAD_H_
