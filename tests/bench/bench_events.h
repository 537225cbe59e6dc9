// Events that a bench makes up one by one, and records a group at a time.
#ifndef RETENTION_TESTS_BENCH_BENCH_EVENTS_H_
#define RETENTION_TESTS_BENCH_BENCH_EVENTS_H_

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "tests/bench/bench_engine.h"

namespace retention {

// Events of one PBX, on their way to an engine.
class BenchEvents {
 public:
  // REQUIRES: `engine` outlives it, and knows the PBX.
  BenchEvents(TestEngine& engine, std::string pbx_id, absl::Time now, int group_events = 1000)
      : engine_(engine), pbx_id_(std::move(pbx_id)), now_(now), group_events_(group_events) {}
  ~BenchEvents() { Flush(); }

  v1::Event& Add(const std::string& meeting, absl::Time time) {
    if (events_.size() == group_events_) Flush();
    v1::Event& event = *events_.Add();
    event.set_pbx_id(pbx_id_);
    event.set_meeting_id(meeting);
    event.set_event_id(absl::StrCat("event-", ++count_));
    SetTime(absl::ToUnixMicros(time), *event.mutable_time());
    return event;
  }
  void Join(const std::string& meeting, absl::Time time, int person) {
    v1::ParticipantJoined& joined = *Add(meeting, time).mutable_participant_joined();
    joined.set_participant_id(absl::StrCat("participant-", person));
    joined.set_name(absl::StrCat("Person ", person));
    joined.set_email(absl::StrCat("person", person, "@example.org"));
    joined.set_ip("192.0.2.1");
  }
  // Records what waits.
  void Flush() {
    if (events_.empty()) return;
    EventBatch batch;
    batch.events = &events_;
    OrDie(batch.Prepare(now_), "Prepare");
    EventBatch* const group[] = {&batch};
    OrDie(engine_.Record(group, now_), "Record");
    if (batch.result.rejections_size() > 0) {
      OrDie(absl::InternalError(batch.result.rejections(0).ShortDebugString()), "Record");
    }
    events_.Clear();
  }

 private:
  TestEngine& engine_;
  const std::string pbx_id_;
  const absl::Time now_;
  const int group_events_;
  google::protobuf::RepeatedPtrField<v1::Event> events_;
  int count_ = 0;
};

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_BENCH_EVENTS_H_
