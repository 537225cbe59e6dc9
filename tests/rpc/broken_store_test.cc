// Starts on a store that cannot be opened: each fails as it did, and the keys of due days are gone all the same, but
// for what holds keep and objects that have had no orders yet. When the store is there again everything is as if it had
// been done on time: kept, ordered and entered once.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/app/server.h"
#include "server/ledger/store_witness.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/policies/policy_fixture.h"
#include "tests/testing/copy_decoder.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

enum class Fault { kManifestDamaged, kUnreadable, kDiskFull, kFormatUnknown };
enum class Case { kNothing, kPbx, kMeeting, kExtension, kPerson, kController, kPolicy, kLogs, kClosed, kZone };

const absl::Duration kADay = absl::Hours(24);
constexpr int kDays = 3;

// What is to be the same whether a store could be opened on its day or not.
struct Outcome {
  std::map<CategoryNumber, std::set<std::string>> kept;
  std::multiset<std::string> ordered;
  std::multiset<uint32_t> days_entered;
  std::multiset<uint32_t> days_gone;
  std::map<uint32_t, uint64_t> rows;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// What one server went through.
class Platform {
 public:
  Platform(Case of, int days)
      : of_(of),
        days_(days),
        harness_(kMonday, PatientPolicy([of](v1::Policy& policy) {
                   if (of == Case::kZone) policy.set_time_zone("America/New_York");
                 }),
                 {}, Harness::Backend::kRocksDb) {
    harness_.Sweep();
    for (const char* pbx : {"free", "held"}) Sync(pbx);
    for (int day = 0; day < days; ++day) {
      harness_.now = kMonday + day * kADay;
      for (const char* pbx : {"free", "held"}) Meet(pbx, day);
    }
    Prepare();
    harness_.Sweep();
    if (of == Case::kPolicy) PlanAndApply(harness_, Days({{kParticipantName, 9}}));
    if (of == Case::kLogs) {
      v1::ExtendLogRetentionRequest request;
      request.set_server(v1::LOG_SERVER_MCU);
      request.set_reason("a crash");
      SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *request.mutable_until());
      EXPECT_TRUE(harness_.engine().ExtendLogRetention(request, harness_.now).ok());
    }
    if (of == Case::kClosed) {
      harness_.now = DueAt(0) - absl::Minutes(30);
      harness_.Sweep();
    }
    copy_ = MapStore::RowsOf(harness_.store());
  }

  // When the day of the first meetings is over, or that of the ones so many days later.
  absl::Time DueAt(int day) {
    return DueInstant(DueDay::FromNumber(kNextMonday.number() + day), harness_.engine().policy().zone());
  }
  static std::string Name(const std::string& pbx, int day) { return absl::StrCat("Ada of ", pbx, " on ", day); }
  static std::string Object(const std::string& pbx, int day) { return absl::StrCat("s3://", pbx, "/", day); }
  bool suspended() const { return of_ == Case::kPolicy || of_ == Case::kLogs; }
  // Whether a hold may concern a PBX.
  bool Concerned(const std::string& pbx) const {
    return pbx == "held" && of_ >= Case::kPbx && of_ <= Case::kController;
  }

  // All that opens in the copy from before, with the ring as it lies.
  std::string Opened(const char* replica) const {
    return OpenCopy(copy_, DecodeRing((harness_.directory() / "ring" / replica).string()));
  }
  Outcome Observe() {
    Outcome outcome;
    for (const CategoryNumber category :
         {kParticipantName, kParticipantEmail, kMeetingName, kMeetingComment, kRecording}) {
      if (auto texts = HeldTexts(harness_.engine(), category); !texts.empty())
        outcome.kept[category] = std::move(texts);
    }
    for (const auto& order : HeldOrders(harness_.engine())) outcome.ordered.insert(order.object_ref());
    EXPECT_TRUE(VerifyLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                  if (entry.kind() == stored::v1::LedgerEntry::KIND_DAY_ENDED) outcome.days_entered.insert(entry.day());
                  if (entry.kind() == stored::v1::LedgerEntry::KIND_DAY_PHYSICALLY_ERASED) {
                    outcome.days_gone.insert(entry.day());
                  }
                }).ok());
    for (const auto& [day, counts] : harness_.engine().counts().Read()) {
      for (const auto& count : counts) outcome.rows[day.number()] += count.rows;
    }
    return outcome;
  }
  Harness& harness() { return harness_; }
  int days() const { return days_; }

 private:
  void Sync(const std::string& pbx) {
    v1::PbxSynced synced;
    synced.set_controller_id(pbx == "held" ? "controller" : "another");
    synced.add_extensions()->set_number("100");
    EXPECT_TRUE(harness_.engine().SyncPbx(pbx, synced, harness_.now).ok());
  }
  void Meet(const std::string& pbx, int day) {
    const std::string meeting = absl::StrCat("m", day);
    const absl::Time time = harness_.now;
    std::vector<v1::Event> events = {
        Scheduled(meeting, absl::StrCat("s", day), time, time, absl::Hours(1)),
        Joined(meeting, absl::StrCat("j", day), time, "p", Name(pbx, day), absl::StrCat(pbx, "@example.org")),
        Recording(meeting, absl::StrCat("r", day), time, Object(pbx, day)),
        Left(meeting, absl::StrCat("l", day), time + absl::Minutes(9), "p")};
    for (v1::Event& event : events) event.set_pbx_id(pbx);
    harness_.now = time + absl::Minutes(10);
    EXPECT_EQ(harness_.Record(events).accepted(), events.size());
  }
  void Prepare() {
    v1::Hold hold = NewHold("case", harness_.now);
    switch (of_) {
      case Case::kPbx:
        hold = PbxHold("case", harness_.now, "held");
        break;
      case Case::kMeeting:
        hold = MeetingHold("case", harness_.now, "m0");
        hold.mutable_scope()->mutable_meeting()->set_pbx_id("held");
        break;
      case Case::kExtension:
        hold = ExtensionHold("case", harness_.now, "100");
        hold.mutable_scope()->mutable_extension()->set_pbx_id("held");
        break;
      case Case::kPerson:
        hold = EmailHold("case", harness_.now, "held@example.org");
        break;
      case Case::kController:
        hold.mutable_scope()->set_controller_id("controller");
        break;
      default:
        return;
    }
    const auto created = harness_.engine().CreateHold(hold, harness_.now);
    EXPECT_TRUE(created.ok()) << created.status();
  }

  const Case of_;
  const int days_;
  Harness harness_;
  MapStore::Rows copy_;
};

class BrokenStore : public ::testing::TestWithParam<std::tuple<Fault, Case, int>> {
 protected:
  BrokenStore() : platform_(std::get<1>(GetParam()), std::get<2>(GetParam())) {}

  fs::path data() { return platform_.harness().directory() / "data"; }
  fs::path aside() { return platform_.harness().directory() / "aside"; }

  // With nothing open.
  void Break() {
    fs::copy(data(), aside(), fs::copy_options::recursive);
    switch (std::get<0>(GetParam())) {
      case Fault::kManifestDamaged:
        for (const auto& entry : fs::directory_iterator(data())) {
          if (!absl::StartsWith(entry.path().filename().string(), "MANIFEST")) continue;
          std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
          file.seekp(20) << "damaged";
        }
        break;
      case Fault::kUnreadable:
        fs::remove_all(data());
        std::ofstream(data()) << "no directory";
        break;
      case Fault::kDiskFull:
        disk_ = std::make_unique<FaultFileSystem>();
        disk_->FailWrites(FaultFileSystem::Fault::kDiskFull);
        break;
      case Fault::kFormatUnknown: {
        auto store = OpenRocksDbStore(data().string(), {});
        ASSERT_TRUE(store.ok()) << store.status();
        stored::v1::StoreFormat format;
        format.set_version(99);
        Batch batch;
        batch.Put(Family::kState, FormatKey(), format.SerializeAsString());
        ASSERT_TRUE((*store)->Commit(batch).ok());
      }
    }
  }
  void Repair() {
    disk_.reset();
    fs::remove_all(data());
    fs::rename(aside(), data());
  }
  // As a server does that runs: what its ring's volume remembers of the store.
  void Remember() {
    Harness& harness = platform_.harness();
    auto witness = StoreWitness::Open({(harness.directory() / "ring").string()});
    ASSERT_TRUE(witness.ok()) << witness.status();
    ASSERT_TRUE((*witness)->Meet(harness.store(), harness.store().Found(), harness.ring()).ok());
    (*witness)->Follow(harness.store());
    ASSERT_TRUE((*witness)->Accept(harness.store(), {}).ok());
    ASSERT_TRUE((*witness)->Note(stored::v1::LedgerEntry::CLOCK_SIMULATED, {.instant = harness.now}).ok());
  }
  absl::Status Start(absl::Time now) {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.data_directory = data().string();
    options.key_ring_directory = (platform_.harness().directory() / "ring").string();
    options.policy_file = RETENTION_POLICY_FILE;
    options.simulated_start = now;
    options.sweep_interval = absl::Hours(24);
    options.store.block_cache_bytes = 8 << 20;
    options.store.memtable_bytes = 8 << 20;
    if (disk_ != nullptr) options.store.file_system = disk_->file_system();
    return Server::Start(options).status();
  }
  // What opens after the first `over` days were due while there was no store.
  void ExpectOnlyWhatMayBeKept(int over) {
    for (const char* replica : {"a", "b"}) {
      const std::string opened = platform_.Opened(replica);
      for (const char* pbx : {"free", "held"}) {
        for (int day = 0; day < platform_.days(); ++day) {
          const bool kept = day >= over || platform_.suspended() || platform_.Concerned(pbx);
          EXPECT_EQ(absl::StrContains(opened, Platform::Name(pbx, day)), kept) << replica << pbx << day;
          EXPECT_TRUE(absl::StrContains(opened, Platform::Object(pbx, day))) << replica << pbx << day;
        }
      }
    }
  }

  Platform platform_;
  std::unique_ptr<FaultFileSystem> disk_;
};

TEST_P(BrokenStore, KeepsNoKeyAlive_AndLosesNothingThatIsHeld) {
  const auto [fault, of, days] = GetParam();
  const absl::Time first = platform_.DueAt(0);
  const absl::Time last = platform_.DueAt(days - 1);
  ASSERT_NO_FATAL_FAILURE(Remember());
  platform_.harness().Close();
  Break();
  EXPECT_FALSE(Start(first - absl::Microseconds(1)).ok());
  ExpectOnlyWhatMayBeKept(0);
  // A supervisor tries again and again.
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(Start(first).ok());
    ExpectOnlyWhatMayBeKept(1);
  }
  EXPECT_FALSE(Start(last).ok());
  ExpectOnlyWhatMayBeKept(days);

  Repair();
  for (int i = 0; i < 2; ++i) {
    const absl::Status started = Start(last + absl::Hours(1));
    ASSERT_TRUE(started.ok()) << started;
  }
  platform_.harness().now = last + absl::Hours(1);
  ASSERT_TRUE(platform_.harness().Reopen().ok());
  EXPECT_TRUE(platform_.harness().ring().unentered().empty());
  EXPECT_EQ(platform_.harness().ring().FirstRescued(), DueDay::None());
  for (const char* replica : {"a", "b"}) {
    const std::string opened = platform_.Opened(replica);
    EXPECT_FALSE(absl::StrContains(opened, "Ada of")) << "no older copy opens what was due, or moved";
    EXPECT_EQ(absl::StrContains(opened, "s3://"), of == Case::kClosed) << "but an order that was out by then";
  }

  // One that was never broken.
  Platform well(of, days);
  for (const absl::Time time : {first, last, last + absl::Hours(1)}) {
    well.harness().now = time;
    well.harness().Sweep();
  }
  const Outcome expected = well.Observe();
  EXPECT_EQ(platform_.Observe(), expected);
  EXPECT_EQ(expected.kept.empty(), !platform_.Concerned("held"));
  EXPECT_EQ(expected.ordered.count(Platform::Object("free", 0)), 1u);
  if (!platform_.Concerned("held")) return;
  for (Platform* each : {&platform_, &well}) {
    ASSERT_TRUE(each->harness().engine().ReleaseHold("case", each->harness().now).ok());
    each->harness().Sweep();
  }
  EXPECT_EQ(platform_.Observe(), well.Observe());
  EXPECT_TRUE(platform_.Observe().kept.empty());
}

std::string NameOfCell(const ::testing::TestParamInfo<BrokenStore::ParamType>& info) {
  constexpr const char* kFaults[] = {"ManifestDamaged", "Unreadable", "DiskFull", "FormatUnknown"};
  constexpr const char* kCases[] = {"NothingHeld", "PbxHeld",        "MeetingHeld",      "ExtensionHeld",
                                    "PersonHeld",  "ControllerHeld", "PolicyUnfinished", "LogsUnfinished",
                                    "OrdersOut",   "OtherZone"};
  const auto [fault, of, days] = info.param;
  return absl::StrCat(kFaults[static_cast<int>(fault)], "_", kCases[static_cast<int>(of)], "_",
                      days == 1 ? "OneDay" : "ManyDays");
}

INSTANTIATE_TEST_SUITE_P(Matrix, BrokenStore,
                         ::testing::Combine(::testing::Values(Fault::kManifestDamaged, Fault::kUnreadable,
                                                              Fault::kDiskFull, Fault::kFormatUnknown),
                                            ::testing::Values(Case::kNothing, Case::kPbx, Case::kMeeting,
                                                              Case::kExtension, Case::kPerson, Case::kController,
                                                              Case::kPolicy, Case::kLogs, Case::kClosed, Case::kZone),
                                            ::testing::Values(1, kDays)),
                         NameOfCell);

}  // namespace
}  // namespace retention
