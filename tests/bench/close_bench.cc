// close_stall: for how long others wait when a day with 300,000 objects is closed, and when it ends unclosed: the
// longest of the sweeper's commands. They get an order each.
#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_engine.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr int kBatchObjects = 1000;
constexpr int kMeetingObjects = 30;

void RecordObjects(TestEngine& engine, int objects, absl::Time now) {
  for (int i = 0; i < objects; i += kBatchObjects) {
    google::protobuf::RepeatedPtrField<v1::Event> events;
    for (int j = i; j < std::min(objects, i + kBatchObjects); ++j) {
      v1::Event& event = *events.Add();
      event.set_event_id(absl::StrCat("recording-", j));
      event.set_pbx_id("pbx");
      event.set_meeting_id(absl::StrCat("meeting-", j / kMeetingObjects));
      event.mutable_time()->set_seconds(absl::ToUnixSeconds(now));
      event.mutable_recording_created()->set_recording_id(absl::StrCat(j));
      event.mutable_recording_created()->set_object_ref(absl::StrCat("s3://recordings/", j));
    }
    EventBatch batch;
    batch.events = &events;
    OrDie(batch.Prepare(now), "Prepare");
    EventBatch* const queued = &batch;
    OrDie(engine.Record({&queued, 1}, now), "Record");
  }
}

void MeasureClose(const BenchOptions& options, bool in_time) {
  const FreshDirectory directory(options.directory);
  const absl::Time now = absl::FromUnixSeconds(1'788'260'400);  // 2026-09-01T11:00:00Z
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  TestEngine& engine = bench.engine();
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  OrDie(engine.SyncPbx("pbx", synced, now).status(), "SyncPbx");
  const int objects = options.quick ? 30'000 : 300'000;
  RecordObjects(engine, objects, now);
  double longest = 0;
  size_t commands = 0;
  TestSweeper sweeper(engine,
                      [&](std::function<absl::Status()> task) {
                        const Stopwatch running;
                        absl::Status status = task();
                        longest = std::max(longest, running.Seconds());
                        ++commands;
                        return status;
                      },
                      {});
  const absl::Time due = DueInstant(CreationDueDay(kRecording, now, engine.policy()), bench.zone());
  OrDie(sweeper.RunOnce(due - absl::Hours(2), false).status(), "before the lead window");
  longest = 0;
  commands = 0;
  const Stopwatch all;
  OrDie(sweeper.RunOnce(in_time ? due - absl::Minutes(30) : due, false).status(), "sweep");
  Remark(absl::StrCat("close: ", engine.orders().unconfirmed(), " orders in ", commands, " commands, ", all.Seconds(),
                      " s"));
  Report(in_time ? "close_stall" : "close_stall_at_end", longest * 1e3, "ms");
}

}  // namespace

void BenchClose(const BenchOptions& options) {
  MeasureClose(options, /*in_time=*/true);
  MeasureClose(options, /*in_time=*/false);
}

}  // namespace retention
