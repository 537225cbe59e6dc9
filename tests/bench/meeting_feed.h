// Events in the order in which a platform sends them: many meetings at once, one event of each in turn.
#ifndef RETENTION_TESTS_BENCH_MEETING_FEED_H_
#define RETENTION_TESTS_BENCH_MEETING_FEED_H_

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/pbx_service.pb.h"

namespace retention {

struct FeedOptions {
  // Begin of the first meeting of a day of meetings.
  struct Start {
    absl::Time time;
    int weight = 1;  // how many of the feed's meetings begin there, against the other starts
  };
  uint64_t seed = 1;
  int first_stream = 0;  // feeds never collide while [first_stream, first_stream + starts.size()) do not overlap
  int pbxs = 16;
  std::vector<Start> starts;
  absl::Duration interval = absl::Milliseconds(10);  // between meetings of one start
  // Meetings that run at the same time. 1: every meeting as a whole, one after the other.
  int open_meetings = 1000;
};

// Thread-compatible.
class MeetingFeed {
 public:
  explicit MeetingFeed(const FeedOptions& options);
  ~MeetingFeed();

  // The PBXs, to be synchronised first.
  std::vector<v1::SyncPbxRequest> Pbxs() const;
  // Adds the next `count` events.
  void Append(int count, google::protobuf::RepeatedPtrField<v1::Event>* events);

 private:
  // The generator has names of its own that the engine uses too, and so stays behind this.
  struct Loads;
  struct Slot {
    google::protobuf::RepeatedPtrField<v1::Event> events;
    int next = 0;
    int idle_turns = 0;  // so that the meetings of a feed are not all at the same event
  };
  void Refill(Slot& slot);

  std::unique_ptr<Loads> loads_;
  std::vector<Slot> slots_;
  size_t next_slot_ = 0;
};

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_MEETING_FEED_H_
