// The workload: what a platform does, and much of what it should not do, drawn from a seed.
#ifndef RETENTION_TESTS_SIMULATION_WORKLOAD_H_
#define RETENTION_TESTS_SIMULATION_WORKLOAD_H_

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "tests/simulation/model.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

class Workload {
 public:
  // REQUIRES: both outlive it.
  Workload(Dice& dice, const Model& model) : dice_(dice), model_(model) {}

  std::vector<v1::Event> NextBatch(absl::Time now);
  // A PBX and its data.
  std::string AnyPbx() { return "pbx-" + std::to_string(dice_.Below(kPbxs)); }
  std::string AnyExtension() { return std::to_string(100 + dice_.Below(kExtensions)); }
  v1::PbxSynced NextSync();
  // Where the clock goes next.
  absl::Time NextInstant(absl::Time now);

 private:
  static constexpr uint64_t kPbxs = 3;
  static constexpr uint64_t kExtensions = 5;
  static constexpr uint64_t kParticipants = 5;
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
  v1::Event OddEvent(absl::Time now);
  v1::Extension NextExtension(const std::string& number);
  void DropFinishedMeetings();
  // Whether the oracle can say what the event must do.
  bool Predictable(const v1::Event& event) const;
  std::string Canary(const char* kind) { return std::string(kind) + "-" + std::to_string(++canaries_); }
  std::string CanaryIp();
  std::string CanaryEmail() { return Canary("mail") + "@example.org"; }
  std::string AnyParticipant() { return "p" + std::to_string(dice_.Below(kParticipants)); }

  Dice& dice_;
  const Model& model_;
  uint64_t canaries_ = 0;
  uint64_t events_ = 0;
  std::set<int64_t> used_times_;
  std::vector<LiveMeeting> meetings_;
  std::vector<std::pair<std::string, std::string>> polls_;  // PBX and poll
  std::deque<SentEvent> sent_;
  std::vector<v1::Event> delayed_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_WORKLOAD_H_
