// kill -9 in the middle of ingest, sweep and release: what was acknowledged is there, what was due is not, nothing is
// half done, and no noise is drawn twice.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/status_details.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/secrets/key_ring.h"
#include "tests/crash/server_process.h"

namespace retention::crash {
namespace {

absl::Time At(absl::string_view rfc3339) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) << error;
  return time;
}

const absl::Time kMonday = At("2026-03-02T10:00:00+01:00");
// First instants at which is due what the meetings of that Monday leave for 7 days and for 2 months.
const absl::Time kValuesDue = At("2026-03-10T00:00:00+01:00");
const absl::Time kHistoryDue = At("2026-05-03T00:00:00+02:00");
const absl::Time kRelease = At("2026-03-05T00:00:00+01:00");
constexpr int kParticipants = 3;
constexpr int kEventsPerMeeting = kParticipants + 3;

void SetTime(absl::Time time, google::protobuf::Timestamp& timestamp) {
  timestamp.set_seconds(absl::ToUnixSeconds(time));
}

// One batch: a meeting with its participants, a recording and its end.
v1::RecordEventsRequest MeetingBatch(int number) {
  v1::RecordEventsRequest batch;
  batch.set_batch_id(static_cast<uint64_t>(number));
  const auto add = [&](const std::string& id, int minute) -> v1::Event& {
    v1::Event& event = *batch.add_events();
    event.set_event_id(id);
    event.set_pbx_id("pbx");
    event.set_meeting_id(absl::StrCat("meeting-", number));
    SetTime(kMonday + absl::Minutes(minute), *event.mutable_time());
    return event;
  };
  add("started", 0).mutable_meeting_started()->set_name(absl::StrCat("Meeting ", number));
  for (int i = 0; i < kParticipants; ++i) {
    auto& joined = *add(absl::StrCat("joined-", i), 1 + i).mutable_participant_joined();
    joined.set_participant_id(absl::StrCat("p", i));
    joined.set_name(absl::StrCat("Person ", i));
    joined.set_email(absl::StrCat("person", number, "-", i, "@example.org"));
    joined.set_ip("192.0.2.7");
  }
  auto& recording = *add("recording", 10).mutable_recording_created();
  recording.set_recording_id("recording");
  recording.set_object_ref(absl::StrCat("store/", number));
  add("ended", 60).mutable_meeting_ended();
  return batch;
}

absl::StatusOr<v1::MeetingReport> Report(const Client& client, int number) {
  v1::GetMeetingReportRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id(absl::StrCat("meeting-", number));
  auto response = client.GetMeetingReport(request);
  if (!response.ok()) return response.status();
  return response->report();
}

// True if the whole meeting is there, false if nothing of it is; anything between is a failure.
bool IsWhole(const Client& client, int number) {
  const auto report = Report(client, number);
  if (absl::IsNotFound(report.status())) return false;
  EXPECT_TRUE(report.ok()) << report.status();
  if (!report.ok()) return false;
  EXPECT_EQ(report->meeting_name(), absl::StrCat("Meeting ", number));
  EXPECT_EQ(report->participants_size(), kParticipants);
  for (int i = 0; i < report->participants_size(); ++i) {
    EXPECT_EQ(report->participants(i).name(), absl::StrCat("Person ", i));
    EXPECT_EQ(report->participants(i).total_time().seconds(), (59 - i) * 60);
  }
  return true;
}

// Values held, by category.
std::map<v1::DataCategory, uint64_t> HeldValues(const Client& client) {
  std::map<v1::DataCategory, uint64_t> values;
  const auto response = client.ListDueDays({});
  EXPECT_TRUE(response.ok()) << response.status();
  if (response.ok()) {
    for (const v1::DueBucket& bucket : response->buckets()) values[bucket.category()] += bucket.values();
  }
  return values;
}

void RecordMeetings(const Client& client, int count) {
  for (int number = 0; number < count; ++number) {
    v1::BatchRecordEventsRequest request;
    *request.mutable_events() = MeetingBatch(number).events();
    const auto response = client.BatchRecordEvents(request);
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->result().accepted(), static_cast<uint32_t>(kEventsPerMeeting));
  }
}

// Moves the clock and asks for a sweep; the server may die of either. True if it did not.
bool SurvivesMoveTo(const Client& client, absl::Time time) {
  v1::AdvanceClockRequest request;
  SetTime(time, *request.mutable_to());
  return client.AdvanceClock(request).ok() && client.Sweep({}).ok();
}

// Records meetings, moves the clock to `time` on a server with a crash point armed, and expects it to die there. Two
// processes, since the first start of all sweeps as well.
void RecordAndDie(const Machine& machine, int meetings, const std::string& crash_point, absl::Time time) {
  const absl::Time recorded = kMonday + absl::Hours(2);
  {
    ServerProcess server(machine, recorded);
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    RecordMeetings(server.client(), meetings);
    server.Kill();
  }
  ServerProcess server(machine, recorded, crash_point);
  ASSERT_TRUE(server.serving());
  ASSERT_FALSE(SurvivesMoveTo(server.client(), time)) << "the crash point was never reached";
  ASSERT_EQ(server.WaitForEnd(), SIGKILL);
}

// What a stopped or killed server has left.
class Remains {
 public:
  explicit Remains(const Machine& machine) {
    auto opened = OpenRocksDbStore(machine.data().string(), {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  std::map<std::string, std::string> Cubes() const {
    std::map<std::string, std::string> cubes;
    for (auto cursor = store_->Scan(Family::kStatistics, "", ""); cursor->Valid(); cursor->Next()) {
      cubes.emplace(cursor->key(), cursor->value());
    }
    return cubes;
  }
  size_t RowsThrough(DueDay last) const {
    size_t rows = 0;
    auto cursor = store_->Scan(Family::kFiled, "", PrefixEnd(FiledPrefix(last)));
    for (; cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }
  // Entries of a kind, by day; the chain is verified.
  std::map<uint32_t, int> Entries(stored::v1::LedgerEntry::Kind kind) const {
    std::map<uint32_t, int> entries;
    const absl::Status verified = VerifyLedger(*store_, [&](const stored::v1::LedgerEntry& entry) {
      if (entry.kind() == kind) ++entries[entry.day()];
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return entries;
  }

 private:
  std::unique_ptr<Store> store_;
};

TEST(OrderlyEnd, KeepsEverything) {
  const Machine machine;
  {
    ServerProcess server(machine, kMonday + absl::Hours(2));
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    RecordMeetings(server.client(), 3);
    EXPECT_EQ(server.Stop(), 0);
  }
  const ServerProcess server(machine, kMonday + absl::Hours(2));
  ASSERT_TRUE(server.serving());
  for (int number = 0; number < 3; ++number) EXPECT_TRUE(IsWhole(server.client(), number));
}

class KilledIngest : public ::testing::TestWithParam<int> {};

TEST_P(KilledIngest, WhatWasAcknowledgedSurvives_AndNothingIsHalfRecorded) {
  constexpr int kBatches = 40;
  const Machine machine;
  int acknowledged = 0;
  {
    ServerProcess server(machine, kMonday + absl::Hours(2));
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    const auto stream = server.client().connection()->RecordEvents();
    int sent = 0;
    const auto send = [&] {
      if (sent < kBatches && stream->Write(MeetingBatch(sent))) ++sent;
    };
    for (int i = 0; i < 12; ++i) send();
    v1::RecordEventsResponse answer;
    while (acknowledged < GetParam() && stream->Read(&answer)) {
      EXPECT_EQ(answer.batch_id(), static_cast<uint64_t>(acknowledged)) << "answers come in order";
      EXPECT_EQ(answer.result().accepted(), static_cast<uint32_t>(kEventsPerMeeting));
      ++acknowledged;
      send();
    }
    server.Kill();
    // What came before the end counts as acknowledged too.
    while (stream->Read(&answer)) ++acknowledged;
    EXPECT_FALSE(stream->Finish().ok());
    ASSERT_GE(acknowledged, GetParam());
  }
  const ServerProcess server(machine, kMonday + absl::Hours(2));
  ASSERT_TRUE(server.serving());
  uint32_t recorded = 0;
  for (int number = 0; number < kBatches; ++number) {
    const bool whole = IsWhole(server.client(), number);
    EXPECT_TRUE(whole || number >= acknowledged) << "meeting " << number << " was acknowledged";
    if (whole) ++recorded;
  }
  // Everything is sent again: what is there already counts once.
  uint32_t accepted = 0;
  uint32_t duplicates = 0;
  for (int number = 0; number < kBatches; ++number) {
    v1::BatchRecordEventsRequest request;
    *request.mutable_events() = MeetingBatch(number).events();
    const auto response = server.client().BatchRecordEvents(request);
    ASSERT_TRUE(response.ok()) << response.status();
    accepted += response->result().accepted();
    duplicates += response->result().duplicates();
  }
  EXPECT_EQ(duplicates, recorded * kEventsPerMeeting);
  EXPECT_EQ(accepted, (kBatches - recorded) * kEventsPerMeeting);
  for (int number = 0; number < kBatches; ++number) EXPECT_TRUE(IsWhole(server.client(), number));
  const auto held = HeldValues(server.client());
  EXPECT_EQ(held.at(v1::DATA_CATEGORY_HISTORY), uint64_t{kBatches * kEventsPerMeeting});
  EXPECT_EQ(held.at(v1::DATA_CATEGORY_PARTICIPANT_NAME), uint64_t{kBatches * kParticipants});
  EXPECT_EQ(held.at(v1::DATA_CATEGORY_RECORDING), uint64_t{kBatches});
}

INSTANTIATE_TEST_SUITE_P(AfterAcknowledgements, KilledIngest, ::testing::Values(0, 1, 7, 25));

class KilledSweep : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledSweep, IsFinishedBeforeTheServerServesAgain) {
  constexpr int kMeetings = 5;
  const Machine machine;
  const std::string point = GetParam();
  RecordAndDie(machine, kMeetings, point, kValuesDue);
  const DueDay day(absl::CivilDay(2026, 3, 9));
  {
    const Remains remains(machine);
    const bool entered = remains.Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED).contains(day.number());
    const std::set<std::string> after = {"sweep.after_ledger", "sweep.before_drop", "sweep.after_drop"};
    EXPECT_EQ(entered, after.contains(point));
    EXPECT_FALSE(remains.Entries(stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED).contains(day.number()));
    EXPECT_EQ(remains.RowsThrough(day) == 0, point == "sweep.after_drop");
  }
  {
    ServerProcess server(machine, kValuesDue);
    ASSERT_TRUE(server.serving());
    for (int number = 0; number < kMeetings; ++number) {
      const auto report = Report(server.client(), number);
      ASSERT_TRUE(report.ok()) << "its history is not due: " << report.status();
      EXPECT_EQ(report->meeting_name(), "");
      EXPECT_EQ(report->participants(0).name(), "participant 1");
    }
    const auto held = HeldValues(server.client());
    EXPECT_EQ(held.size(), 2u) << "history and the PBX";
    EXPECT_EQ(held.at(v1::DATA_CATEGORY_HISTORY), uint64_t{kMeetings * kEventsPerMeeting});
    server.Kill();
  }
  const Remains remains(machine);
  EXPECT_EQ(remains.RowsThrough(day), 0u);
  EXPECT_EQ(remains.Entries(stored::v1::LedgerEntry::KIND_DAY_ENDED), (std::map<uint32_t, int>{{day.number(), 1}}));
  EXPECT_EQ(remains.Entries(stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED),
            (std::map<uint32_t, int>{{day.number(), 1}}));
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(CrashPoints, KilledSweep,
                         ::testing::Values("sweep.after_close", "sweep.before_keys", "sweep.after_keys",
                                           "sweep.before_ledger", "sweep.after_ledger", "sweep.before_drop",
                                           "sweep.after_drop"),
                         NameOf);

TEST(KilledInTheLeadWindow, TheDayStaysClosed_AndLivesToItsEnd) {
  const Machine machine;
  RecordAndDie(machine, 1, "sweep.after_close", kValuesDue - absl::Minutes(30));
  const ServerProcess server(machine, kValuesDue - absl::Minutes(30));
  ASSERT_TRUE(server.serving());
  EXPECT_TRUE(IsWhole(server.client(), 0)) << "it is not due yet";
  v1::BatchRecordEventsRequest request;
  *request.add_events() = MeetingBatch(0).events(1);
  request.mutable_events(0)->set_event_id("late");
  const auto response = server.client().BatchRecordEvents(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->result().accepted(), 1u);
  EXPECT_EQ(response->result().values_past_due(), 3u);
}

TEST(KilledBeforeThePbxKey, ItIsDestroyedOnStart_AndNothingIsOrderedTwice) {
  const Machine machine;
  const absl::Time recorded = kMonday + absl::Hours(2);
  {
    ServerProcess server(machine, recorded, "pbx.before_key");
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    RecordMeetings(server.client(), 2);
    v1::DeregisterPbxRequest request;
    request.set_pbx_id("pbx");
    EXPECT_FALSE(server.client().DeregisterPbx(request).ok());
    ASSERT_EQ(server.WaitForEnd(), SIGKILL);
  }
  // The recordings' day has come meanwhile.
  const ServerProcess server(machine, kValuesDue);
  ASSERT_TRUE(server.serving());
  const auto orders = server.client().ListErasureOrders({});
  ASSERT_TRUE(orders.ok()) << orders.status();
  EXPECT_EQ(orders->orders_size(), 2);
  for (const v1::ErasureOrder& order : orders->orders()) EXPECT_EQ(order.pbx_id(), "pbx");
}

TEST(DownOverADueDay, CatchesUpBeforeItServes) {
  const Machine machine;
  {
    ServerProcess server(machine, kMonday + absl::Hours(2));
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    RecordMeetings(server.client(), 3);
    server.Kill();
  }
  ServerProcess server(machine, kHistoryDue);
  ASSERT_TRUE(server.serving());
  server.Kill();
  const Remains remains(machine);
  EXPECT_EQ(remains.RowsThrough(DueDay(absl::CivilDay(2026, 5, 2))), 0u) << "it said that it listens";
  EXPECT_EQ(remains.Entries(stored::v1::LedgerEntry::KIND_COHORT_RELEASED)[DueDay(absl::CivilDay(2026, 3, 2)).number()],
            1);
}

v1::QueryStatisticsRequest PeopleOfMonday() {
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  request.add_group_by(v1::DIMENSION_CLIENT);
  request.mutable_first_day()->set_year(2026);
  request.mutable_first_day()->set_month(3);
  request.mutable_first_day()->set_day(2);
  *request.mutable_last_day() = request.first_day();
  return request;
}

// Without the coverage: who came late is drawn by itself, when no more can come.
std::string Answer(const Client& client) {
  auto response = client.QueryStatistics(PeopleOfMonday());
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok()) return {};
  EXPECT_EQ(response->coverage().cohorts(), 1u);
  response->clear_coverage();
  for (v1::StatisticsRow& row : *response->mutable_rows()) row.clear_coverage();
  return response->SerializeAsString();
}

class KilledRelease : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledRelease, IsNoReasonForASecondDraw) {
  const Machine machine;
  RecordAndDie(machine, 20, GetParam(), kRelease);
  const auto drawn = Remains(machine).Cubes();
  EXPECT_EQ(drawn.empty(), std::string(GetParam()) == "release.before_commit");
  std::string answer;
  {
    ServerProcess server(machine, kRelease);
    ASSERT_TRUE(server.serving());
    answer = Answer(server.client());
    server.Kill();
  }
  const Remains remains(machine);
  const auto cubes = remains.Cubes();
  EXPECT_TRUE(drawn.empty() || drawn == cubes) << "drawn again";
  EXPECT_EQ(remains.Entries(stored::v1::LedgerEntry::KIND_COHORT_RELEASED),
            (std::map<uint32_t, int>{{DueDay(absl::CivilDay(2026, 3, 2)).number(), 1}}));
}

TEST_P(KilledRelease, TheAnswerIsTheSameEverAfter) {
  const Machine machine;
  RecordAndDie(machine, 20, GetParam(), kRelease);
  std::string answer;
  for (const absl::Time now : {kRelease, kRelease + absl::Hours(1), kValuesDue, kHistoryDue}) {
    ServerProcess server(machine, now);
    ASSERT_TRUE(server.serving());
    const std::string asked = Answer(server.client());
    if (answer.empty()) answer = asked;
    EXPECT_EQ(asked, answer) << "at " << absl::FormatTime(now, absl::UTCTimeZone());
    server.Kill();
  }
}

INSTANTIATE_TEST_SUITE_P(CrashPoints, KilledRelease, ::testing::Values("release.before_commit", "release.before_key"),
                         NameOf);

}  // namespace
}  // namespace retention::crash
