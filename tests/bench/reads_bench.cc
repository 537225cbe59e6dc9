// report_large, meeting_large, participants_page, participants_many, list_room, list_pbx: what the organiser's page
// asks for, of the largest meeting that is taken in, of a room of 1,000 occurrences and of a PBX of 20,000 meetings,
// while another thread records as fast as it can.
#include <atomic>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/bench_events.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr char kPbx[] = "bench-reads";
constexpr int kGroupEvents = 1000;
using Events = BenchEvents;
constexpr int kLargeEvents = 100'000;
constexpr int kLargePeople = 1'000;
constexpr int kOccurrences = 1'000;

// Many people who come, are heard of, lose their connections, and leave.
void AddLarge(const std::string& meeting, absl::Time begin, int events, int people, Events& all) {
  const absl::Duration step = absl::Hours(3) / events;
  for (int i = 0; i < events; ++i) {
    const absl::Time time = begin + step * i;
    if (i < people) {
      all.Join(meeting, time, i);
    } else if (i >= events - people) {
      all.Add(meeting, time)
          .mutable_participant_left()
          ->set_participant_id(absl::StrCat("participant-", events - i - 1));
    } else if (i % 2 == 0) {
      all.Add(meeting, time)
          .mutable_participant_reconnected()
          ->set_participant_id(absl::StrCat("participant-", i % people));
    } else {
      all.Add(meeting, time)
          .mutable_media_quality_sampled()
          ->set_participant_id(absl::StrCat("participant-", i % people));
    }
  }
}

// One who loses the connection again and again.
void AddReconnections(const std::string& meeting, absl::Time begin, int events, Events& all) {
  all.Join(meeting, begin, 0);
  for (int i = 1; i < events; ++i) {
    all.Add(meeting, begin + absl::Milliseconds(100) * i)
        .mutable_participant_reconnected()
        ->set_participant_id("participant-0");
  }
}

void AddRoom(const std::string& meeting, absl::Time begin, Events& all) {
  for (int i = 0; i < kOccurrences; ++i) {
    const absl::Time time = begin + absl::Minutes(65) * i;
    all.Join(meeting, time, 1);
    all.Add(meeting, time + absl::Minutes(1)).mutable_participant_left()->set_participant_id("participant-1");
  }
}

void AddMeetings(int meetings, absl::Time begin, Events& all) {
  for (int i = 0; i < meetings; ++i) {
    const std::string meeting = absl::StrCat("meeting-", i);
    const absl::Time time = begin + absl::Minutes(2) * i;
    v1::MeetingScheduled& plan = *all.Add(meeting, time - absl::Hours(1)).mutable_meeting_scheduled();
    SetTime(absl::ToUnixMicros(time), *plan.mutable_planned_start());
    plan.mutable_planned_duration()->set_seconds(3600);
    plan.set_name(absl::StrCat("Meeting ", i));
    plan.set_comment("Agenda");
    all.Join(meeting, time, 1);
    all.Add(meeting, time + absl::Minutes(40)).mutable_meeting_ended();
  }
}

// The time of `calls` calls, after the first.
template <typename Call>
void MeasureCalls(const std::string& name, int calls, const Call& call) {
  const Stopwatch first;
  OrDie(call().status(), name.c_str());
  Report(absl::StrCat(name, "_first"), first.Seconds() * 1e3, "ms");
  std::vector<double> took;
  for (int i = 0; i < calls; ++i) {
    const Stopwatch one;
    OrDie(call().status(), name.c_str());
    took.push_back(one.Seconds() * 1e3);
    if (i == 2 && took.back() > 1000) break;
  }
  Report(absl::StrCat(name, "_p50"), Percentile(took, 0.5), "ms");
  Report(absl::StrCat(name, "_p99"), Percentile(took, 0.99), "ms");
}

template <typename Request>
Request About(const std::string& meeting) {
  Request request;
  request.set_pbx_id(kPbx);
  request.set_meeting_id(meeting);
  return request;
}

}  // namespace

void BenchReads(const BenchOptions& options) {
  const int part = options.quick ? 10 : 1;
  const FreshDirectory directory(options.directory);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Berlin", &zone);
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 6, 15, 12), zone);
  BenchEngine bench(directory / "data", directory / "ring", options.policy_file, now);
  FeedOptions feed_options;
  feed_options.starts.push_back({now - absl::Hours(24), 1});
  MeetingFeed feed(feed_options);
  bench.SyncPbxs(feed, now);
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  OrDie(bench.engine().SyncPbx(kPbx, synced, now).status(), "SyncPbx");
  {
    const Stopwatch filling;
    Events all(bench.engine(), kPbx, now);
    AddLarge("large", now - absl::Hours(5), kLargeEvents / part, kLargePeople / part, all);
    AddReconnections("reconnected", now - absl::Hours(5), kLargeEvents / part - 1000, all);
    AddLarge("many", now - absl::Hours(5), kLargeEvents / part, kLargeEvents / part / 3, all);
    AddRoom("room", now - absl::Hours(24 * 46), all);
    AddMeetings(20'000 / part, now - absl::Hours(24 * 28), all);
    all.Flush();
    Remark(absl::StrCat("reads: filled in ", filling.Seconds(), " s"));
  }

  const MeetingReader reader(bench.store(), bench.engine().holdings());
  std::atomic<bool> stop = false;
  uint64_t recorded = 0;
  const Stopwatch beside;
  std::thread ingest([&] { recorded = bench.Load(feed, kGroupEvents, now, [&] { return stop.load(); }); });
  for (const std::string meeting : {"large", "reconnected", "many"}) {
    MeasureCalls(absl::StrCat("report_", meeting), 100,
                 [&] { return reader.GetMeetingReport(About<v1::GetMeetingReportRequest>(meeting), now); });
    MeasureCalls(absl::StrCat("meeting_", meeting), 100,
                 [&] { return reader.GetMeeting(About<v1::GetMeetingRequest>(meeting), now); });
    MeasureCalls(absl::StrCat("participants_", meeting), 100,
                 [&] { return reader.ListParticipants(About<v1::ListParticipantsRequest>(meeting), now); });
  }
  MeasureCalls("report_room", 200,
               [&] { return reader.GetMeetingReport(About<v1::GetMeetingReportRequest>("room"), now); });
  MeasureCalls("meeting_room", 200, [&] { return reader.GetMeeting(About<v1::GetMeetingRequest>("room"), now); });
  MeasureCalls("list_room", 200, [&] { return reader.ListMeetings(About<v1::ListMeetingsRequest>("room"), now); });
  MeasureCalls("list_pbx", 200, [&] { return reader.ListMeetings(About<v1::ListMeetingsRequest>(""), now); });
  auto last = About<v1::ListMeetingsRequest>("");
  SetTime(absl::ToUnixMicros(now - absl::Hours(24)), *last.mutable_ends_after());
  MeasureCalls("list_ends_after", 200, [&] { return reader.ListMeetings(last, now); });
  stop = true;
  ingest.join();
  Remark(absl::StrCat("reads: beside ", static_cast<double>(recorded) / beside.Seconds(), " events/s"));
}

}  // namespace retention
