// A cohort is drawn once: whatever crashes, comes late or is configured, there is one cube, and it never changes.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/anonymisation/query.h"
#include "server/base/request_parts.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/privacy/disk_search.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/map_store.h"

extern char** environ;

namespace retention::privacy {
namespace {

constexpr char kChildDirectory[] = "RETENTION_TEST_DIRECTORY";
const DueDay kCohort(absl::CivilDay(2026, 3, 2));
// 48 hours after the cohort's day is over.
const absl::Time kRelease = At("2026-03-05T00:00:00+01:00");

std::map<std::string, std::string> Cubes(const Store& store) {
  std::map<std::string, std::string> cubes;
  auto cursor = store.Scan(Family::kStatistics, "", "");
  for (; cursor->Valid(); cursor->Next()) cubes.emplace(cursor->key(), cursor->value());
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return cubes;
}

// The noisy tables of the cohort: not its head, to which those who came late are added once.
std::map<std::string, std::string> Tables(const Store& store) {
  std::map<std::string, std::string> tables = Cubes(store);
  std::erase_if(tables, [](const auto& row) {
    const auto parts = DecodeCubeKey(row.first);
    return parts->cohort_day != kCohort || parts->table == 0;
  });
  return tables;
}

int Releases(const Store& store) {
  int releases = 0;
  EXPECT_TRUE(VerifyLedger(store, [&](const stored::v1::LedgerEntry& entry) {
                releases +=
                    entry.kind() == stored::v1::LedgerEntry::KIND_COHORT_RELEASED && entry.day() == kCohort.number();
              }).ok());
  return releases;
}

void RecordCohort(Harness& harness) {
  harness.SyncPbx();
  harness.now = kMonday + absl::Hours(5);
  for (int meeting = 0; meeting < 20; ++meeting) {
    const std::string id = absl::StrCat("m", meeting);
    std::vector<v1::Event> events = {Started(id, "s", kMonday)};
    for (int person = 0; person < 6; ++person) {
      events.push_back(Joined(id, absl::StrCat("j", person), kMonday + absl::Minutes(person), absl::StrCat("p", person),
                              "Canary Name", absl::StrCat("person", (meeting * 3 + person) % 40, "@example.org")));
    }
    events.push_back(Ended(id, "e", kMonday + absl::Hours(1)));
    harness.Record(std::move(events));
  }
}

TEST(OneDraw, TheCubeStaysAsItIs_OverSweepsAndRestarts) {
  Harness harness(kMonday, Harness::Backend::kRocksDb);
  RecordCohort(harness);
  harness.now = kRelease - absl::Microseconds(1);
  harness.Sweep();
  EXPECT_TRUE(Cubes(harness.store()).empty()) << "drawn before its time";
  harness.now = kRelease;
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
  const auto cubes = Cubes(harness.store());
  ASSERT_FALSE(cubes.empty());
  EXPECT_EQ(harness.Sweep().cohorts_released, 0u);
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(harness.Sweep().cohorts_released, 0u);
  EXPECT_EQ(Cubes(harness.store()), cubes);
  EXPECT_EQ(Releases(harness.store()), 1);
}

TEST(OneDraw, LateEventsDoNotReopenACohort) {
  Harness harness(kMonday, Harness::Backend::kRocksDb);
  RecordCohort(harness);
  harness.now = kRelease;
  harness.Sweep();
  const auto tables = Tables(harness.store());
  EXPECT_FALSE(harness.ring().FindCohort(kCohort).has_value()) << "its people can be recognised no more";
  const v1::RecordResult result =
      harness.Record({Joined("m0", "late", kMonday + absl::Minutes(30), "p9", "Late", "late@example.org"),
                      Joined("new", "late", kMonday + absl::Minutes(40), "p9", "Late", "late@example.org")});
  EXPECT_EQ(result.accepted(), 2u) << "the course of the meeting takes it";
  harness.Sweep();
  harness.now = At("2026-05-02T23:30:00+02:00");
  harness.Sweep();
  harness.now = At("2026-05-03T00:00:00+02:00");
  harness.Sweep();
  EXPECT_FALSE(tables.empty());
  EXPECT_EQ(Tables(harness.store()), tables);
  EXPECT_EQ(Releases(harness.store()), 1);
  EXPECT_EQ(harness.ring().ForCohort(kCohort).status().code(), absl::StatusCode::kFailedPrecondition);
}

// One damaged row once kept a whole day from ever being counted.
TEST(OneDraw, ADamagedRowCostsItself_AndTheReleaseSaysSo) {
  Harness harness(kMonday);
  RecordCohort(harness);
  Batch damage;
  {
    const std::string bucket = FiledPrefix(BucketOfCohort(kCohort, harness.engine().policy()), kHistory);
    auto cursor = harness.store().ScanPrefix(Family::kFiled, bucket);
    for (int row = 0; row < 2; ++row, cursor->Next()) {
      ASSERT_TRUE(cursor->Valid());
      std::string envelope(cursor->value());
      envelope.back() = static_cast<char>(envelope.back() ^ 1);
      damage.Put(Family::kFiled, std::string(cursor->key()), std::move(envelope));
    }
  }
  ASSERT_TRUE(harness.store().Commit(damage).ok());
  harness.now = kRelease;
  const SweepOutcome outcome = harness.Sweep();
  EXPECT_EQ(outcome.cohorts_released, 1u);
  EXPECT_EQ(outcome.cohorts_damaged, 1u);
  EXPECT_FALSE(Cubes(harness.store()).empty());
  uint64_t entered = 0;
  EXPECT_TRUE(VerifyLedger(harness.store(), [&](const stored::v1::LedgerEntry& entry) {
                if (entry.kind() == stored::v1::LedgerEntry::KIND_COHORT_RELEASED) entered += entry.rows_damaged();
              }).ok());
  EXPECT_EQ(entered, 10u) << "in steps: a row can be one person's";
}

TEST(OneDraw, ReleaseAtTheDueDayDrawsOnce_BeforeTheOriginalsGo) {
  Harness harness(kMonday, PatientPolicy([](v1::Policy& policy) {
                    policy.mutable_statistics()->set_release(v1::RELEASE_TIME_AT_DUE_DAY);
                  }));
  RecordCohort(harness);
  // Originals of the cohort may lie with meetings that began on 12 February.
  harness.now = At("2026-04-12T22:59:00+02:00");
  harness.Sweep();
  std::map<std::string, std::string> cubes = Cubes(harness.store());
  EXPECT_FALSE(cubes.contains(CubeKey(EraseDayOfCohort(kCohort, harness.engine().policy()), kCohort, 0)));
  harness.now = At("2026-04-12T23:00:00+02:00");
  harness.Sweep();
  cubes = Cubes(harness.store());
  const auto tables = Tables(harness.store());
  EXPECT_TRUE(cubes.contains(CubeKey(EraseDayOfCohort(kCohort, harness.engine().policy()), kCohort, 0)));
  harness.now = At("2026-05-03T00:00:00+02:00");
  harness.Sweep();
  EXPECT_EQ(harness.Values(kHistory), 0u);
  EXPECT_EQ(Tables(harness.store()), tables);
  EXPECT_EQ(Releases(harness.store()), 1);
}

TEST(OneDraw, AServerThatWasDownDrawsBeforeItDestroys) {
  Harness harness(kMonday, Harness::Backend::kRocksDb);
  RecordCohort(harness);
  harness.now = At("2026-07-01T12:00:00+02:00");
  ASSERT_TRUE(harness.Reopen().ok());
  harness.Sweep();
  EXPECT_EQ(harness.Values(kHistory), 0u);
  EXPECT_EQ(Releases(harness.store()), 1);
}

TEST(OneDraw, StatisticsAnswerFromCubesAlone) {
  Harness harness(kMonday, Harness::Backend::kRocksDb);
  RecordCohort(harness);
  harness.now = kRelease;
  harness.Sweep();
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  request.add_group_by(v1::DIMENSION_CLIENT);
  request.mutable_first_day()->set_year(2026);
  request.mutable_first_day()->set_month(3);
  request.mutable_first_day()->set_day(2);
  *request.mutable_last_day() = request.first_day();
  const auto answer = harness.reader().QueryStatistics(request, harness.now);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->coverage().cohorts(), 1u);
  // A store that holds the released rows and nothing else, without any key, gives the same answer.
  MapStore::Rows rows;
  const auto cubes = Cubes(harness.store());
  rows[static_cast<size_t>(Family::kStatistics)].insert(cubes.begin(), cubes.end());
  const MapStore bare(rows);
  const Policy& policy = harness.engine().policy();
  const ReleasedCubes shelf(bare, policy, LastDueDay(harness.now, policy.zone()), kCohort);
  const ProfileHistory& profiles = harness.engine().policies().current().profiles;
  const auto bare_answer = AnswerQuery(
      request, shelf, ProfileOf(v1::STATISTICS_PROFILE_DAILY), PublicLists(policy.statistics()),
      [&](DueDay from, DueDay to) { return CohortsWithin(profiles, policy.zone(), absl::InfinitePast(), from, to); });
  ASSERT_TRUE(bare_answer.ok()) << bare_answer.status();
  EXPECT_EQ(bare_answer->SerializeAsString(), answer->SerializeAsString());
  for (const auto& [key, cells] : cubes) {
    EXPECT_EQ(cells.find("Canary"), std::string::npos);
    EXPECT_EQ(cells.find("example.org"), std::string::npos);
  }
}

// Runs one test of this program in a process of its own, in `directory`, with a crash point armed. Returns the signal
// that ended it, or 0.
int RunChild(const std::string& test, const std::filesystem::path& directory, const std::string& crash_point) {
  std::vector<std::string> variables = {absl::StrCat(kChildDirectory, "=", directory.string()),
                                        absl::StrCat("RETENTION_CRASH_POINT=", crash_point)};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    // The parent's own share of a sharded run, and its output file, are not the child's.
    if (absl::string_view(*variable).substr(0, 6) != "GTEST_") variables.emplace_back(*variable);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string filter = absl::StrCat("--gtest_filter=", test);
  char* arguments[] = {program.data(), filter.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environment.data()), 0);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// The store and the ring of a closed harness.
struct Machine {
  explicit Machine(const std::filesystem::path& directory, absl::Time now) {
    auto opened_ring = KeyRing::Open((directory / "ring").string(), {});
    auto opened_store = OpenRocksDbStore((directory / "data").string(), {});
    EXPECT_TRUE(opened_ring.ok()) << opened_ring.status();
    EXPECT_TRUE(opened_store.ok()) << opened_store.status();
    ring = *std::move(opened_ring);
    store = *std::move(opened_store);
    auto opened = TestEngine::Open(*store, *ring, SystemRandom(), DefaultPolicy(), now);
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine = *std::move(opened);
  }
  absl::Status Sweep(absl::Time now) {
    return TestSweeper(*engine, [](std::function<absl::Status()> task) { return task(); }, {})
        .RunOnce(now, true)
        .status();
  }
  std::unique_ptr<KeyRing> ring;
  std::unique_ptr<Store> store;
  std::unique_ptr<TestEngine> engine;
};

// Cohorts that answers are made of.
uint32_t CohortsServed(Machine& machine) {
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  SetDate(kCohort, *request.mutable_first_day());
  SetDate(kCohort, *request.mutable_last_day());
  const auto answer = Reader(*machine.engine).QueryStatistics(request, kRelease);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? answer->coverage().cohorts() : 0;
}

// What the child of the tests below does.
class OneDrawChild : public ::testing::Test {
  void TestBody() override {
    Machine machine(std::getenv(kChildDirectory), kRelease);
    EXPECT_TRUE(machine.Sweep(kRelease).ok());
  }
};
// It is a test in a child alone: nobody else has it to run.
[[maybe_unused]] const auto* const kChild =
    std::getenv(kChildDirectory) == nullptr
        ? nullptr
        : ::testing::RegisterTest("OneDrawChild", "SweepsUntilItIsKilled", nullptr, nullptr, __FILE__, __LINE__,
                                  [] { return new OneDrawChild(); });

class OneDrawCrash : public ::testing::TestWithParam<const char*> {
 protected:
  OneDrawCrash() {
    Harness harness(kMonday, Harness::Backend::kRocksDb);
    RecordCohort(harness);
    CopyDirectory(harness.directory() / "data", directory_ / "data");
    CopyDirectory(harness.directory() / "ring", directory_ / "ring");
  }
  FreshDirectory directory_;
};

TEST_P(OneDrawCrash, KilledInTheRelease_ThereIsOneDrawThatAnybodyEverSees) {
  ASSERT_EQ(RunChild("OneDrawChild.SweepsUntilItIsKilled", directory_.path(), GetParam()), SIGKILL);
  Machine machine(directory_.path(), kRelease);
  const auto seen = Cubes(*machine.store);
  const bool committed = std::string(GetParam()) == "release.before_key";
  EXPECT_EQ(!seen.empty(), committed);
  EXPECT_TRUE(machine.ring->FindCohort(kCohort).has_value()) << "killed before the key went";
  EXPECT_EQ(CohortsServed(machine), 0u) << "what is drawn is served when nobody can be recognised any more";
  ASSERT_TRUE(machine.Sweep(kRelease).ok());
  const auto cubes = Cubes(*machine.store);
  EXPECT_FALSE(cubes.empty());
  EXPECT_TRUE(!committed || cubes == seen) << "drawn again";
  EXPECT_FALSE(machine.ring->FindCohort(kCohort).has_value());
  EXPECT_EQ(CohortsServed(machine), 1u);
  EXPECT_EQ(Releases(*machine.store), 1);
}

INSTANTIATE_TEST_SUITE_P(CrashPoints, OneDrawCrash, ::testing::Values("release.before_commit", "release.before_key"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace retention::privacy
