// webinar_*: 1,000 people who are there for three hours, a sample of quality of each every ten seconds; and a short one
// of as many people, for comparison. A hundredth of the samples comes half a minute late; everybody loses the
// connection once an hour.
#include <algorithm>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/rows/row_keys.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/bench_events.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr char kWebinarPbx[] = "bench-webinar";
constexpr char kWebinar[] = "webinar";
constexpr absl::Duration kSampleEvery = absl::Seconds(10);
constexpr absl::Duration kLate = absl::Seconds(30);

// Bytes of the rows of histories, with keys.
double HistoryBytes(const Store& store) {
  double bytes = 0;
  auto cursor = store.ScanPrefix(Family::kFiled, "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (key.has_value() && key->category == kHistory) {
      bytes += static_cast<double>(cursor->key().size() + cursor->value().size());
    }
  }
  return bytes;
}

void SyncPbx(TestEngine& engine, absl::Time now) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  OrDie(engine.SyncPbx(kWebinarPbx, synced, now).status(), "SyncPbx");
}

void MeasureWebinar(const BenchOptions& options, const std::string& name, int people, absl::Duration length,
                    int group_events) {
  const FreshDirectory directory(options.directory);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Berlin", &zone);
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 6, 15, 12), zone);
  const absl::Time begin = now - length - absl::Hours(1);
  auto bench = std::make_unique<BenchEngine>(directory / "data", directory / "ring", options.policy_file, now);
  SyncPbx(bench->engine(), now);
  ForgetPeak();
  const double before = ResidentMiB("VmRSS:");
  BenchEvents events(bench->engine(), kWebinarPbx, now, group_events);
  const auto sample = [&](absl::Time time, int person) {
    auto& quality = *events.Add(kWebinar, time).mutable_media_quality_sampled();
    quality.set_participant_id(absl::StrCat("participant-", person));
    quality.set_rtt_ms(20 + static_cast<uint32_t>(person % 100));
    quality.set_loss_ppm(static_cast<uint32_t>(person * 37 % 5000));
    quality.set_jitter_ms(static_cast<uint32_t>(person % 20));
  };

  for (int person = 0; person < people; ++person) events.Join(kWebinar, begin + absl::Milliseconds(person), person);
  const int rounds = static_cast<int>(length / kSampleEvery);
  std::mt19937 random(1);
  std::vector<double> tenths;  // seconds each
  uint64_t samples = 0;
  auto tenth = std::make_unique<Stopwatch>();
  const Stopwatch filling;
  for (int round = 0; round < rounds; ++round) {
    for (int person = 0; person < people; ++person) {
      absl::Time time = begin + absl::Seconds(1) + kSampleEvery * round + kSampleEvery * person / people;
      if (random() % 360 == 0) {
        events.Add(kWebinar, time)
            .mutable_participant_reconnected()
            ->set_participant_id(absl::StrCat("participant-", person));
      }
      if (round > 3 && random() % 100 == 0) time -= kLate;
      sample(time, person);
      ++samples;
    }
    if ((round + 1) * 10 / rounds > round * 10 / rounds) {
      events.Flush();
      tenths.push_back(tenth->Seconds());
      tenth = std::make_unique<Stopwatch>();
    }
  }
  const double took = filling.Seconds();
  Remark(absl::StrCat(name, ": ", samples, " samples in groups of ", group_events));
  const auto count = static_cast<double>(samples);
  Report(name + "_ingest", count / took, "events/s");
  Report(name + "_growth", tenths.back() / tenths.front(), "times");
  Report(name + "_rss", ResidentMiB("VmRSS:") - before, "MiB");
  Report(name + "_rss_peak", ResidentMiB("VmHWM:") - before, "MiB");
  Report(name + "_row_bytes", HistoryBytes(bench->store()) / count, "bytes/sample");

  // One alone: in order, a little late, and of an hour ago.
  const auto alone = [&](const std::string& which, absl::Duration late) {
    std::vector<double> millis;
    for (int i = 0; i < 50; ++i) {
      sample(begin + length - late + absl::Milliseconds(10 * i), i % people);
      const Stopwatch one;
      events.Flush();
      millis.push_back(one.Seconds() * 1e3);
    }
    Report(absl::StrCat(name, "_one_", which), Percentile(millis, 0.5), "ms");
  };
  alone("in_order", absl::ZeroDuration());
  alone("late", kLate);
  alone("half_late", length / 2);

  for (int person = 0; person < people; ++person) {
    events.Add(kWebinar, begin + length + absl::Seconds(1))
        .mutable_participant_left()
        ->set_participant_id(absl::StrCat("participant-", person));
  }
  events.Flush();
  v1::GetMeetingReportRequest request;
  request.set_pbx_id(kWebinarPbx);
  request.set_meeting_id(kWebinar);
  ForgetPeak();
  const double before_report = ResidentMiB("VmRSS:");
  const MeetingReader reader(bench->store(), bench->engine().holdings());
  for (const std::string which : {"_report_first", "_report_again"}) {
    const Stopwatch reading;
    const auto report = OrDie(reader.GetMeetingReport(request, now), "GetMeetingReport");
    if (report.report().participants_size() != people) OrDie(absl::InternalError("somebody is missing"), "report");
    Report(name + which, reading.Seconds() * 1e3, "ms");
  }
  Report(name + "_report_rss_peak", ResidentMiB("VmHWM:") - before_report, "MiB");
}

void MeasureRestart(const BenchOptions& options, const std::string& name, int people, absl::Duration length) {
  const FreshDirectory directory(options.directory);
  const absl::Time now = absl::FromUnixSeconds(1'781'517'600);
  const absl::Time begin = now - length - absl::Hours(1);
  const auto open = [&] {
    return std::make_unique<BenchEngine>(directory / "data", directory / "ring", options.policy_file, now);
  };
  auto bench = open();
  SyncPbx(bench->engine(), now);
  {
    BenchEvents events(bench->engine(), kWebinarPbx, now);
    for (int person = 0; person < people; ++person) events.Join(kWebinar, begin, person);
    for (absl::Time time = begin; time < begin + length; time += kSampleEvery) {
      for (int person = 0; person < people; ++person) {
        events.Add(kWebinar, time + kSampleEvery * person / people)
            .mutable_media_quality_sampled()
            ->set_participant_id(absl::StrCat("participant-", person));
      }
    }
  }
  bench.reset();
  bench = open();
  BenchEvents events(bench->engine(), kWebinarPbx, now);
  v1::Event& ended = events.Add(kWebinar, begin + length);
  ended.set_event_id("after-the-restart");
  ended.mutable_meeting_ended();
  const Stopwatch reading;
  events.Flush();
  Report(name + "_read_back", reading.Seconds() * 1e3, "ms");
}

}  // namespace

void BenchWebinar(const BenchOptions& options) {
  const int people = options.quick ? 100 : 1000;
  // As many samples as a room took before all were taken in.
  MeasureWebinar(options, "webinar_short", 1000, absl::Seconds(550), 1000);
  MeasureWebinar(options, "webinar", people, absl::Hours(3), 1000);
  MeasureWebinar(options, "webinar_small_groups", people, absl::Hours(3), 100);
  MeasureRestart(options, "webinar", people, absl::Hours(3));
}

}  // namespace retention
