// scrub_cost: what is written to files so that no byte of 1,000 deleted meetings is left, which lie anywhere in the
// store.
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_engine.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr int kDays = 20;
constexpr int kPeople = 20;  // of a meeting: two events of each
constexpr int kMeetingsABatch = 25;
constexpr int kDeletions = 1000;

std::string MeetingOf(int day, int number) { return absl::StrCat("meeting-", day, "-", number); }

void AddMeeting(const std::string& meeting, absl::Time begin, google::protobuf::RepeatedPtrField<v1::Event>& events) {
  for (int person = 0; person < kPeople; ++person) {
    const std::string id = absl::StrCat("participant-", person);
    v1::Event event;
    event.set_event_id(absl::StrCat(meeting, "-joined-", person));
    event.set_pbx_id("pbx");
    event.set_meeting_id(meeting);
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(begin));
    v1::ParticipantJoined& joined = *event.mutable_participant_joined();
    joined.set_participant_id(id);
    joined.set_name(absl::StrCat("Person ", person, " of ", meeting));
    joined.set_email(absl::StrCat("person-", person, "@", meeting, ".example.org"));
    *events.Add() = event;
    event.set_event_id(absl::StrCat(meeting, "-left-", person));
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(begin + absl::Minutes(30)));
    event.mutable_participant_left()->set_participant_id(id);
    *events.Add() = event;
  }
}

}  // namespace

void BenchScrub(const BenchOptions& options) {
  const int meetings_a_day = options.quick ? 450 : 4500;
  const FreshDirectory directory(options.directory);
  absl::Time now = absl::FromUnixSeconds(1'788'260'400);  // 2026-09-01T11:00:00Z
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  TestEngine& engine = bench.engine();
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  OrDie(engine.SyncPbx("pbx", synced, now).status(), "SyncPbx");
  for (int day = 0; day < kDays; ++day) {
    now += absl::Hours(24);
    for (int number = 0; number < meetings_a_day; number += kMeetingsABatch) {
      google::protobuf::RepeatedPtrField<v1::Event> events;
      for (int i = number; i < number + kMeetingsABatch; ++i)
        AddMeeting(MeetingOf(day, i), now - absl::Hours(1), events);
      EventBatch batch;
      batch.events = &events;
      OrDie(batch.Prepare(now), "Prepare");
      EventBatch* const queued = &batch;
      OrDie(engine.Record({&queued, 1}, now), "Record");
      if (batch.result.rejections_size() > 0) OrDie(absl::InternalError("an event was rejected"), "Record");
    }
    bench.Sweep(now);
  }
  const uint64_t held = bench.store().LiveBytes();
  const int stride = meetings_a_day / (kDeletions / kDays);
  uint64_t written = BytesWritten();
  for (int i = 0; i < kDeletions; ++i) {
    const std::string meeting = MeetingOf(i % kDays, i / kDays * stride);
    OrDie(engine.DeleteMeeting("pbx", meeting, "an operator", now).status(), "DeleteMeeting");
  }
  Remark(absl::StrCat("scrub: ", kDeletions, " of ", kDays * meetings_a_day, " meetings deleted, ",
                      (BytesWritten() - written) >> 20, " MiB to log and ring"));
  written = BytesWritten();
  const Stopwatch scrubbing;
  TestSweeper sweeper(engine, [](std::function<absl::Status()> task) { return task(); }, {});
  const SweepOutcome swept = OrDie(sweeper.RunOnce(now, /*scrub_now=*/true), "sweep");
  if (!swept.scrubbed) OrDie(absl::InternalError("nothing was scrubbed"), "sweep");
  written = BytesWritten() - written;
  const double seconds = scrubbing.Seconds();
  const uint64_t deleted = held - bench.store().LiveBytes();
  Remark(absl::StrCat("scrub: ", held >> 20, " MiB held, ", deleted >> 10, " KiB less afterwards, ", written >> 20,
                      " MiB written in ", seconds, " s"));
  Report("scrub_cost", static_cast<double>(written) / static_cast<double>(deleted), "bytes/byte");
}

}  // namespace retention
