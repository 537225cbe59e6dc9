// A server that is started on a copy of the store from any earlier moment, with the ring as it is today: whatever has
// ended since, it starts, shows nothing of that, shows what lives, and goes on. So does one whose ring is the older.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"
#include "tests/privacy/random_life.h"

namespace retention::privacy {
namespace {

namespace fs = std::filesystem;

// Rows by day and category, with their values, as they lie, of days that have not ended.
std::map<DueDay, DayCount> CountedAnew(const StoreView& store, DueDay ended) {
  std::map<DueDay, DayCount> counts;
  const absl::Status counted = VisitRows(store, "", [&](const FiledKey& key, std::string_view envelope) {
    if (key.day <= ended) return absl::OkStatus();
    BucketCount& count = counts[key.day][key.category];
    ++count.rows;
    count.values += Vault::ValueCount(envelope);
    return absl::OkStatus();
  });
  EXPECT_TRUE(counted.ok()) << counted;
  return counts;
}

// Every meeting that lists show.
std::set<std::string> MeetingsOf(TestEngine& engine, absl::Time now) {
  std::set<std::string> meetings;
  Reader reader(engine);
  for (uint64_t pbx = 0; pbx < kPbxs; ++pbx) {
    v1::ListMeetingsRequest request;
    request.set_pbx_id(PbxName(pbx));
    do {
      const auto page = reader.ListMeetings(request, now);
      if (!page.ok()) break;  // it has ended
      for (const v1::Meeting& meeting : page->meetings()) {
        meetings.insert(absl::StrCat(PbxName(pbx), " ", meeting.meeting_id()));
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
  }
  return meetings;
}

// A store and a ring of their own, opened as by a start that goes on without what is lost.
class Restored {
 public:
  Restored(const MapStore::Rows& rows, const fs::path& ring, absl::Time now, uint64_t known_generation = 0)
      : now_(now) {
    fs::copy(ring, directory_ / "ring", fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "ring")) {
      fs::permissions(entry,
                      entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write);
    }
    fs::permissions(directory_ / "ring", fs::perms::owner_all);
    KeyRing::Options options;
    options.opening = {.known_generation = known_generation, .accept_lower_replica = known_generation > 0};
    auto opened = KeyRing::Open((directory_ / "ring").string(), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    ring_ = *std::move(opened);
    store_ = std::make_unique<MapStore>(rows);
  }

  absl::Status Open(bool sweeps_gone) {
    engine_.reset();
    auto opened =
        TestEngine::Open(*store_, *ring_, SystemRandom(), PatientPolicy(), now_, {.sweeps_gone = sweeps_gone});
    if (!opened.ok()) return opened.status();
    engine_ = *std::move(opened);
    return absl::OkStatus();
  }

  void Sweep() {
    TestSweeper sweeper(*engine_, [](std::function<absl::Status()> task) { return task(); }, {});
    const auto outcome = sweeper.RunOnce(now_, /*scrub_now=*/true);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
  void Record(std::vector<v1::Event> events) {
    google::protobuf::RepeatedPtrField<v1::Event> all(events.begin(), events.end());
    EventBatch batch;
    batch.events = &all;
    EXPECT_TRUE(batch.Prepare(now_).ok());
    EventBatch* const group[] = {&batch};
    const absl::Status recorded = engine_->Record(group, now_);
    EXPECT_TRUE(recorded.ok()) << recorded;
    for (const v1::Rejection& rejected : batch.result.rejections()) {
      EXPECT_NE(rejected.reason(), v1::REJECTION_REASON_UNREADABLE) << rejected.ShortDebugString();
    }
  }

  // What is counted is what lies there.
  void CheckCounts() {
    const DueDay ended = ring_->destroyed_through();
    std::map<DueDay, DayCount> expected = CountedAnew(*store_, ended);
    for (const auto& [day, counts] : engine_->counts().Read()) {
      if (day <= ended) continue;
      for (size_t category = 1; category < kCategories; ++category) {
        const BucketCount lies = expected[day][category];
        EXPECT_EQ(counts[category].rows, lies.rows) << day.number() << " category " << category;
        EXPECT_EQ(counts[category].values, lies.values) << day.number() << " category " << category;
      }
      expected.erase(day);
    }
    for (const auto& [day, counts] : expected) {
      for (const BucketCount& count : counts) EXPECT_EQ(count.rows, 0u) << day.number() << " is not counted";
    }
  }
  // After a sweep nothing is left that nobody can open; lists and notices are those that the locators say.
  void CheckNothingIsGone() {
    ExpectNothingDangles(*store_, PatientPolicy());
    const DueDay ended = ring_->destroyed_through();
    const absl::Status looked = VisitRows(*store_, "", [&](const FiledKey& key, std::string_view envelope) {
      if (key.day <= ended) return absl::OkStatus();
      const auto gone = engine_->vault().IsGone(key, envelope);
      EXPECT_TRUE(gone.ok() && !*gone) << "category " << static_cast<int>(key.category);
      const auto opened = engine_->vault().Open(key, envelope);
      EXPECT_TRUE(opened.ok()) << opened.status();
      return absl::OkStatus();
    });
    EXPECT_TRUE(looked.ok()) << looked;
    for (const std::string& prefix : {OrderPrefix(), HoldPrefix(), LogExtensionPrefix()}) {
      for (auto cursor = store_->ScanPrefix(Family::kState, prefix); cursor->Valid(); cursor->Next()) {
        const auto gone = engine_->vault().IsStateGone(cursor->value());
        EXPECT_TRUE(gone.ok() && !*gone) << prefix;
      }
    }
    const std::string references = ObjectReferencePrefix(OwnerId()).substr(0, 1);
    for (auto cursor = store_->ScanPrefix(Family::kState, references); cursor->Valid(); cursor->Next()) {
      const auto row = DecodeObjectReference(cursor->key(), cursor->value());
      ASSERT_TRUE(row.has_value());
      if (row->day.is_civil() && row->day <= ended) continue;
      const auto envelope = GetRow(*store_, *row);
      EXPECT_TRUE(envelope.ok() && envelope->has_value())
          << "a row of no object, of category " << static_cast<int>(row->category) << " and day " << row->day.number();
    }
  }
  // Every list, and all that it leads to.
  void CheckReads() {
    Reader reader(*engine_);
    v1::ListPbxsRequest pbxs;
    const auto listed = reader.ListPbxs(pbxs, now_);
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(static_cast<size_t>(listed->pbxs_size()), engine_->registry().List("", 100, now_).size());
    for (const v1::Pbx& pbx : listed->pbxs()) {
      v1::GetPbxRequest get;
      get.set_pbx_id(pbx.pbx_id());
      EXPECT_TRUE(reader.GetPbx(get, now_).ok());
      v1::ListMeetingsRequest meetings;
      meetings.set_pbx_id(pbx.pbx_id());
      const auto page = reader.ListMeetings(meetings, now_);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const v1::Meeting& meeting : page->meetings()) {
        v1::GetMeetingReportRequest report;
        report.set_pbx_id(pbx.pbx_id());
        report.set_meeting_id(meeting.meeting_id());
        const auto read = reader.GetMeetingReport(report, now_);
        EXPECT_TRUE(read.ok() || absl::IsNotFound(read.status()) || absl::IsFailedPrecondition(read.status()))
            << read.status();
      }
    }
    EXPECT_TRUE(LogReaderOf(*engine_).ReadLogs(v1::ReadLogsRequest(), now_).ok());
    EXPECT_TRUE(reader.ListDueDays(v1::ListDueDaysRequest(), now_).ok());
    EXPECT_TRUE(HoldReaderOf(*engine_).ListHolds(v1::ListHoldsRequest(), now_).ok());
    EXPECT_TRUE(engine_->orders().OldestIssue().ok());
  }

  // It is gone on with.
  void GoOn(Life& life) {
    for (uint64_t pbx = 0; pbx < kPbxs; ++pbx) {
      life.Sync(*engine_, pbx);
      for (uint64_t room = 0; room < 3; ++room) {
        Record(Life::EventsOf(PbxName(pbx), life.Meeting(room), life.Fresh(), now_, true));
      }
    }
    CheckCounts();
    CheckReads();
    v1::PreviewErasureRequest preview;
    preview.set_pbx_id(PbxName(0));
    const auto previewed = engine_->PreviewErasure(preview, now_);
    EXPECT_TRUE(previewed.ok()) << previewed.status();
    Sweep();
    Sweep();
    CheckCounts();
    CheckNothingIsGone();
    now_ += absl::Hours(24 * 10);
    Sweep();
    const auto deleted = engine_->DeleteMeeting(PbxName(0), life.Meeting(0), "asked for", now_);
    EXPECT_TRUE(deleted.ok() || absl::IsNotFound(deleted.status())) << deleted.status();
    now_ += absl::Hours(24 * 80);
    Sweep();
    const absl::Status reopened = Open(/*sweeps_gone=*/false);
    ASSERT_TRUE(reopened.ok()) << reopened;
    CheckCounts();
    CheckNothingIsGone();
    CheckReads();
    EXPECT_EQ(engine_->OldestOverdue(now_).value_or(absl::Hours(1)), absl::ZeroDuration());
    const absl::Status verified = VerifyLedger(*store_, [](const stored::v1::LedgerEntry&) {});
    EXPECT_TRUE(verified.ok()) << verified;
  }

  TestEngine& engine() { return *engine_; }

 private:
  absl::Time now_;
  FreshDirectory directory_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<MapStore> store_;
  std::unique_ptr<TestEngine> engine_;
};

constexpr uint64_t kLives = 6;
constexpr int kActs = 20;

TEST(OlderStores, EachStartsWithTheRingOfToday) {
  for (uint64_t seed = 1; seed <= kLives && !::testing::Test::HasFailure(); ++seed) {
    Life life(seed);
    std::vector<MapStore::Rows> copies;
    for (int act = 0; act < kActs; ++act) {
      life.Act();
      copies.push_back(MapStore::RowsOf(life.harness().store()));
    }
    for (size_t i = 0; i < copies.size() && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", copy ", i));
      Restored restored(copies[i], life.harness().directory() / "ring", life.harness().now);
      const absl::Status status = restored.Open(/*sweeps_gone=*/true);
      ASSERT_TRUE(status.ok()) << status;
      restored.CheckCounts();
      restored.CheckReads();
      const std::set<std::string> today = MeetingsOf(life.harness().engine(), life.harness().now);
      for (const std::string& meeting : MeetingsOf(restored.engine(), life.harness().now)) {
        EXPECT_TRUE(today.contains(meeting)) << meeting << " was deleted, and is back";
      }
      restored.Sweep();
      restored.CheckCounts();
      restored.CheckNothingIsGone();
      restored.CheckReads();
      if (i % 4 == seed % 4) restored.GoOn(life);
    }
  }
}

// In a store that is not older than its ring nothing is gone, whatever is under way.
TEST(OlderStores, ThatOfTodayLosesNothing) {
  for (uint64_t seed = 201; seed <= 200 + kLives && !::testing::Test::HasFailure(); ++seed) {
    Life life(seed);
    for (int act = 0; act < kActs; ++act) {
      life.Act();
      if (act % 5 != 4) continue;
      const MapStore::Rows rows = MapStore::RowsOf(life.harness().store());
      Restored restored(rows, life.harness().directory() / "ring", life.harness().now);
      const absl::Status status = restored.Open(/*sweeps_gone=*/true);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_TRUE(restored.engine().engine().swept().empty()) << "seed " << seed << ", act " << act;
    }
  }
}

// Its record is sealed anew with every synchronisation; what it holds is not.
TEST(OlderStore, OfAPbxThatWasSynchronisedSinceShowsItsMeetings) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Joined("m", "1", kMonday, "p", "canary-anna"), Left("m", "2", kMonday, "p")});
  const MapStore::Rows copy = MapStore::RowsOf(harness.store());
  harness.now += absl::Minutes(1);
  harness.SyncPbx();
  // What was only sealed anew goes with the second sweep.
  harness.Sweep();
  harness.Sweep();
  Restored restored(copy, harness.directory() / "ring", harness.now);
  EXPECT_EQ(DetailsOf(restored.Open(/*sweeps_gone=*/false)).reason, "PBX_KEYS_GONE");
  ASSERT_TRUE(restored.Open(/*sweeps_gone=*/true).ok());
  EXPECT_EQ(restored.engine().engine().swept().records, 1u);
  Reader reader(restored.engine());
  v1::GetMeetingReportRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("m");
  const auto report = reader.GetMeetingReport(request, harness.now);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->report().participants(0).name(), "canary-anna");
  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  const auto bare = reader.GetPbx(get, harness.now);
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(bare->pbx().profile().fqdn(), "") << "only its name is known";
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  ASSERT_TRUE(restored.engine().SyncPbx("pbx", synced, harness.now).ok());
  EXPECT_EQ(reader.GetPbx(get, harness.now)->pbx().profile().fqdn(), "pbx.example.org");
  EXPECT_TRUE(reader.GetMeetingReport(request, harness.now).ok()) << "it is the same PBX";
}

// What was deleted stays so, though its course goes on being held until it is counted: of the loss of that nobody
// knows.
class DeletedSince : public ::testing::TestWithParam<bool> {};

TEST_P(DeletedSince, IsNotBack) {
  Harness harness(kMonday);
  harness.SyncPbx();
  for (const char* meeting : {"deleted", "lives"}) {
    harness.Record({Joined(meeting, absl::StrCat(meeting, 1), kMonday, "p", "canary-anna"),
                    Left(meeting, absl::StrCat(meeting, 2), kMonday, "p")});
  }
  if (GetParam()) {
    harness.now += absl::Hours(24 * 9);  // nothing but its course is left
    harness.Sweep();
  }
  const MapStore::Rows copy = MapStore::RowsOf(harness.store());
  ASSERT_TRUE(harness.engine().DeleteMeeting("pbx", "deleted", "asked for", harness.now).ok());
  Restored restored(copy, harness.directory() / "ring", harness.now);
  ASSERT_TRUE(restored.Open(/*sweeps_gone=*/true).ok());
  EXPECT_EQ(restored.engine().engine().swept().occurrences, 1u);
  restored.CheckCounts();
  Reader reader(restored.engine());
  v1::ListMeetingsRequest list;
  list.set_pbx_id("pbx");
  const auto listed = reader.ListMeetings(list, harness.now);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->meetings_size(), 1);
  EXPECT_EQ(listed->meetings(0).meeting_id(), "lives");
  v1::GetMeetingRequest get;
  get.set_pbx_id("pbx");
  get.set_meeting_id("deleted");
  EXPECT_TRUE(absl::IsNotFound(reader.GetMeeting(get, harness.now).status()));
  // Nor is its course.
  size_t courses = 0;
  const absl::Status looked =
      VisitRows(*restored.engine().engine().enders().store.Snapshot(), "", [&](const FiledKey& key, std::string_view) {
        courses += key.category == kHistory ? 1 : 0;
        return absl::OkStatus();
      });
  EXPECT_TRUE(looked.ok()) << looked;
  EXPECT_EQ(courses, 1u);
}

INSTANTIATE_TEST_SUITE_P(WithNamesAndAfterThem, DeletedSince, ::testing::Bool());

// Damage is another thing: it is told, and costs its own row alone.
TEST(OlderStore, WithADamagedRecordOfAPbxStarts) {
  Harness harness(kMonday);
  harness.SyncPbx("damaged");
  harness.SyncPbx("pbx");
  MapStore::Rows rows = MapStore::RowsOf(harness.store());
  const PbxId damaged = *harness.engine().registry().Find("damaged", harness.now);
  std::string& record = rows[static_cast<size_t>(Family::kFiled)].at(PbxRecordKey(damaged).Encode());
  record.back() = static_cast<char>(record.back() ^ 1);
  for (const bool sweeps_gone : {false, true}) {
    Restored restored(rows, harness.directory() / "ring", harness.now);
    const absl::Status status = restored.Open(sweeps_gone);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(restored.engine().engine().swept().empty());
    Reader reader(restored.engine());
    v1::GetPbxRequest get;
    get.set_pbx_id("damaged");
    EXPECT_TRUE(absl::IsDataLoss(reader.GetPbx(get, harness.now).status()));
    get.set_pbx_id("pbx");
    EXPECT_TRUE(reader.GetPbx(get, harness.now).ok());
  }
}

TEST(OlderStores, AStoreGoesOnWithARingOfYesterday) {
  for (uint64_t seed = 101; seed <= 100 + kLives && !::testing::Test::HasFailure(); ++seed) {
    Life life(seed);
    FreshDirectory rings;
    for (int act = 0; act < kActs; ++act) {
      if (act % 4 == 0) {
        fs::copy(life.harness().directory() / "ring", rings / absl::StrCat(act), fs::copy_options::recursive);
      }
      life.Act();
    }
    const MapStore::Rows rows = MapStore::RowsOf(life.harness().store());
    for (const auto& ring : fs::directory_iterator(rings.path())) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", ring ", ring.path().filename().string()));
      Restored restored(rows, ring.path(), life.harness().now, life.harness().ring().generation());
      const absl::Status status = restored.Open(/*sweeps_gone=*/true);
      ASSERT_TRUE(status.ok()) << status;
      restored.CheckCounts();
      restored.CheckReads();
      restored.Sweep();
      restored.CheckNothingIsGone();
      restored.GoOn(life);
    }
  }
}

}  // namespace
}  // namespace retention::privacy
