// A backup that is restored: a start knows it, replays what the key ring's volume remembers, says what is lost, and
// goes on. One that was copied by hand is refused as ever.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/rows/order_numbers.h"
#include "storage/keys.h"
#include "tests/holds/held.h"
#include "tests/rpc/backups.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int kDays = 9;

// Reports of all meetings that a server shows, by meeting.
std::map<std::string, std::string> ReportsOf(RunningServer& server) {
  std::map<std::string, std::string> reports;
  v1::ListMeetingsRequest list;
  list.set_pbx_id("pbx");
  v1::ListMeetingsResponse listed;
  const CallEnd end = server.Call("/retention.v1.MeetingService/ListMeetings", list, &listed);
  EXPECT_TRUE(end.ok()) << end;
  for (const v1::Meeting& meeting : listed.meetings()) {
    v1::GetMeetingReportRequest get;
    get.set_pbx_id("pbx");
    get.set_meeting_id(meeting.meeting_id());
    v1::GetMeetingReportResponse report;
    const CallEnd read = server.Call("/retention.v1.MeetingService/GetMeetingReport", get, &report);
    reports[meeting.meeting_id()] = read.ok() ? report.report().ShortDebugString() : read.Summary();
  }
  return reports;
}

std::map<uint64_t, std::string> OrdersOf(RunningServer& server) {
  v1::ListErasureOrdersRequest list;
  list.set_page_size(1000);
  v1::ListErasureOrdersResponse listed;
  EXPECT_TRUE(server.Call("/retention.v1.ErasureOrderService/ListErasureOrders", list, &listed).ok());
  std::map<uint64_t, std::string> orders;
  for (const v1::ErasureOrder& order : listed.orders()) orders[order.order_id()] = order.object_ref();
  return orders;
}

std::vector<std::string> HoldsOf(RunningServer& server) {
  v1::ListHoldsResponse listed;
  EXPECT_TRUE(server.Call("/retention.v1.HoldService/ListHolds", v1::ListHoldsRequest(), &listed).ok());
  std::vector<std::string> holds;
  for (const v1::Hold& hold : listed.holds()) holds.push_back(hold.hold_id());
  return holds;
}

// And all that follows from it.
void Advance(RunningServer& server, absl::Time time) {
  server.AdvanceTo(time);
  EXPECT_TRUE(server.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
}

void Place(RunningServer& server, const v1::Hold& hold) {
  v1::CreateHoldRequest request;
  *request.mutable_hold() = hold;
  const CallEnd end = server.Call("/retention.v1.HoldService/CreateHold", request);
  EXPECT_TRUE(end.ok()) << end;
}

std::map<std::string, std::string> CubesIn(const fs::path& data) {
  std::map<std::string, std::string> cubes;
  auto store = OpenRocksDbStore(data.string(), {});
  EXPECT_TRUE(store.ok()) << store.status();
  for (auto cursor = (*store)->Scan(Family::kStatistics, "", ""); cursor->Valid(); cursor->Next()) {
    cubes.emplace(cursor->key(), cursor->value());
  }
  return cubes;
}

class RestoreTest : public BackedUp {
 protected:
  // A ring for each restore; the true one has but one life.
  fs::path CopyOfRing(const std::string& name) const {
    const fs::path to = server_.directory() / name;
    fs::copy(ring(), to, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(to)) {
      if (entry.is_directory()) fs::permissions(entry, fs::perms::owner_all);
    }
    fs::permissions(to, fs::perms::owner_all);
    return to;
  }
  // A meeting with somebody in it and a recording.
  void Meet(int day) {
    const absl::Time now = kMonday + day * kDay;
    const std::string meeting = absl::StrCat("m", day);
    server_.Batch({Joined(meeting, "1", now, "p", absl::StrCat("Ada ", day), "ada@example.org"),
                   Recording(meeting, "2", now, absl::StrCat("store/", day)), Left(meeting, "3", now, "p")});
  }
  void ConfirmEvenOrders() {
    v1::ConfirmErasureOrdersRequest confirm;
    for (const auto& [number, object] : OrdersOf(server_)) {
      highest_order_ = std::max(highest_order_, number);
      if (number % 2 != 0) continue;
      v1::ErasureConfirmation& one = *confirm.add_confirmations();
      one.set_order_id(number);
      one.set_outcome(v1::ERASURE_OUTCOME_ERASED);
      confirmed_.insert(number);
    }
    if (confirm.confirmations_size() == 0) return;
    EXPECT_TRUE(server_.Call("/retention.v1.ErasureOrderService/ConfirmErasureOrders", confirm).ok());
  }
  // Files that end at once, so that there are orders each day.
  void Share(int day) {
    const absl::Time now = kMonday + day * kDay;
    const std::string meeting = absl::StrCat("files", day);
    server_.Batch({Joined(meeting, "1", now, "p"), File(meeting, "2", now, absl::StrCat("file/", day, "/1")),
                   File(meeting, "3", now, absl::StrCat("file/", day, "/2")), Left(meeting, "4", now, "p")});
  }

  uint64_t highest_order_ = 0;
  std::set<uint64_t> confirmed_;
};

// The drill: each day's backup, with the ring of today.
TEST_F(RestoreTest, EachBackupOfALifeOpensWithTheRingOfToday) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx("ends");
  for (int day = 0; day < kDays; ++day) {
    Advance(server_, kMonday + day * kDay);
    server_.SyncPbx();
    Meet(day);
    Share(day);
    Advance(server_, kMonday + day * kDay + absl::Hours(1));
    ConfirmEvenOrders();
    if (day == 3) Place(server_, EmailHold("case-1", kMonday + day * kDay, "ada@example.org"));
    if (day == 6) Place(server_, PbxHold("case-2", kMonday + day * kDay));
    if (day == 4) {
      v1::DeleteMeetingRequest erase;
      erase.set_pbx_id("pbx");
      erase.set_meeting_id("m2");
      erase.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
      const CallEnd end = server_.Call("/retention.v1.DeletionService/DeleteMeeting", erase);
      EXPECT_TRUE(end.ok()) << end;
    }
    if (day == 5) {
      v1::DeletePbxRequest ends;
      ends.set_pbx_id("ends");
      ends.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
      EXPECT_TRUE(server_.Call("/retention.v1.DeletionService/DeletePbx", ends).ok());
    }
    Create();
    fs::copy(place(), server_.directory() / absl::StrCat("kept", day), fs::copy_options::recursive);
  }
  const absl::Time today = kMonday + kDays * kDay;
  Advance(server_, today);
  const auto reports = ReportsOf(server_);
  EXPECT_FALSE(reports.contains("m2"));
  EXPECT_TRUE(reports.contains("m8"));
  for (const auto& [number, object] : OrdersOf(server_)) highest_order_ = std::max(highest_order_, number);
  EXPECT_GT(highest_order_, 0u);
  server_.Stop();
  const auto ledger = Ledger(data());
  const auto cubes = CubesIn(data());

  for (int day = 0; day < kDays; ++day) {
    SCOPED_TRACE(absl::StrCat("backup of day ", day));
    const fs::path restored = server_.directory() / absl::StrCat("restored", day);
    const fs::path kept = server_.directory() / absl::StrCat("kept", day);
    uint32_t number = 0;
    {
      const auto backups = OpenRocksDbBackups(kept.string(), BackupAccess::kRead, {});
      ASSERT_TRUE(backups.ok()) << backups.status();
      number = (*backups)->List().back().number;
    }
    Restore(kept, number, restored);
    const fs::path ring = CopyOfRing(absl::StrCat("ring", day));
    const auto start = [&](ServerOptions& options) {
      options.data_directory = restored.string();
      options.key_ring_directory = ring.string();
      options.simulated_start = today;
    };
    RunningServer again(start);
    ASSERT_FALSE(::testing::Test::HasFailure());
    EXPECT_FALSE(ReadRestoreMark(restored.string()).has_value()) << "from now on it is the last one";

    // What may still open, does; nothing else does.
    const auto shown = ReportsOf(again);
    for (const auto& [meeting, report] : shown) {
      ASSERT_TRUE(reports.contains(meeting)) << meeting << " had ended, and is back";
      EXPECT_EQ(report, reports.at(meeting)) << meeting;
    }
    for (int earlier = 0; earlier <= day; ++earlier) {
      const std::string meeting = absl::StrCat("m", earlier);
      EXPECT_EQ(shown.contains(meeting), reports.contains(meeting)) << meeting;
    }
    // Holds that were lost are made up for.
    const std::vector<std::string> holds = HoldsOf(again);
    const bool in_place = std::any_of(holds.begin(), holds.end(), [](const std::string& hold) {
      return absl::StartsWith(hold, "in-place-of-lost-");
    });
    EXPECT_EQ(in_place, day < 6);
    EXPECT_EQ(std::count(holds.begin(), holds.end(), "case-2"), day < 6 ? 0 : 1);
    // No order that was confirmed comes again, and no number that was given.
    for (const auto& [order, object] : OrdersOf(again)) {
      EXPECT_FALSE(confirmed_.contains(order)) << object;
      EXPECT_TRUE(order <= highest_order_ || order > OrderNumbers::BeyondLoss(1)) << object;
    }
    again.SyncPbx("of-no-hold");
    std::vector<v1::Event> fresh = {Joined("new", "1", today, "p"), File("new", "2", today, "file/new"),
                                    Left("new", "3", today, "p")};
    for (v1::Event& event : fresh) event.set_pbx_id("of-no-hold");
    again.Batch(fresh);
    Advance(again, today + absl::Hours(1));
    uint64_t last = 0;
    for (const auto& [order, object] : OrdersOf(again)) {
      if (object == "file/new") last = order;
    }
    EXPECT_GT(last, highest_order_);
    Advance(again, today + 80 * kDay);
    again.Stop();

    // The ledger goes on from that of today, with the loss.
    const auto continued = Ledger(restored);
    ASSERT_GT(continued.size(), ledger.size());
    for (size_t i = 0; i < ledger.size(); ++i) {
      ASSERT_EQ(continued[i].SerializeAsString(), ledger[i].SerializeAsString()) << "entry " << i + 1;
    }
    const LedgerEntry& loss = continued[ledger.size()];
    EXPECT_EQ(loss.kind(), LedgerEntry::KIND_LOSS_ACCEPTED);
    EXPECT_EQ(loss.reason(), "STORE_RESTORED");
    EXPECT_EQ(loss.backup(), number);
    EXPECT_EQ(loss.backup_us(), absl::ToUnixMicros(kMonday + day * kDay + absl::Hours(1)));
    EXPECT_EQ(loss.lost_until_us(), absl::ToUnixMicros(today));
    std::map<uint32_t, int> cohorts;
    std::map<uint32_t, int> days_ended;
    for (const LedgerEntry& entry : continued) {
      if (entry.kind() == LedgerEntry::KIND_COHORT_RELEASED) ++cohorts[entry.day()];
      if (entry.kind() == LedgerEntry::KIND_DAY_ENDED) ++days_ended[entry.day()];
    }
    EXPECT_FALSE(cohorts.empty());
    for (const auto& [cohort, times] : cohorts) EXPECT_EQ(times, 1) << "cohort " << cohort;
    for (const auto& [ended, times] : days_ended) EXPECT_EQ(times, 1) << "day " << ended;
    for (const auto& [key, cube] : CubesIn(restored)) {
      if (!cubes.contains(key) || DecodeCubeKey(key)->table == 0) continue;
      EXPECT_EQ(cube, cubes.at(key)) << "drawn twice";
    }
    const absl::Status after = again.Restart([&](ServerOptions& options) {
      start(options);
      options.simulated_start = today + 80 * kDay;
    });
    EXPECT_TRUE(after.ok()) << after;
  }
}

class RestoredBackup : public RestoreTest {
 protected:
  RestoredBackup() {
    EXPECT_TRUE(Start().ok());
    server_.SyncPbx();
    backup_ = Create().number();
    server_.SyncPbx("since");
  }
  // With its server stopped.
  void RestoreInPlace() {
    fs::remove_all(data());
    Restore(place(), backup_, data());
  }

  uint32_t backup_ = 0;
};

TEST_F(RestoredBackup, IsGoneOnWithOnce_AndACopyByHandIsRefused) {
  server_.Stop();
  RestoreInPlace();
  const absl::Status first = Start();
  ASSERT_TRUE(first.ok()) << first;
  server_.SyncPbx("later");
  server_.Stop();
  // The same files, without the mark: nobody restored them.
  RestoreInPlace();
  ASSERT_TRUE(RemoveRestoreMark(data().string()).ok());
  const absl::Status refused = Start();
  EXPECT_EQ(DetailsOf(refused).reason, "STORE_ROLLED_BACK") << refused;
  // And again as it should be.
  RestoreInPlace();
  const absl::Status second = Start();
  EXPECT_TRUE(second.ok()) << second;
}

TEST_F(RestoredBackup, AMarkOfAnotherStoreCountsForNothing) {
  server_.Stop();
  const fs::path older = server_.directory() / "older";
  fs::copy(data(), older, fs::copy_options::recursive);
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx("later");
  const uint32_t later = Create().number();
  server_.SyncPbx("even-later");
  server_.Stop();
  // The mark of a later backup, beside a store that is older than that.
  fs::remove_all(data());
  Restore(place(), later, data());
  const auto mark = ReadRestoreMark(data().string());
  ASSERT_TRUE(mark.has_value());
  fs::remove_all(data());
  fs::rename(older, data());
  ASSERT_TRUE(WriteRestoreMark(data().string(), *mark).ok());
  EXPECT_EQ(DetailsOf(Start()).reason, "STORE_ROLLED_BACK");
}

// Whatever the numbers of orders are when a backup is restored again, none of them is given twice.
TEST_F(RestoredBackup, RestoredTwiceNoOrderHasANumberThatOneHad) {
  std::set<uint64_t> numbers;
  for (int time = 0; time < 3; ++time) {
    server_.SyncPbx();
    Share(0);
    Advance(server_, kMonday + absl::Hours(1 + time));
    ASSERT_FALSE(OrdersOf(server_).empty());
    for (const auto& [number, object] : OrdersOf(server_)) EXPECT_TRUE(numbers.insert(number).second) << number;
    server_.Stop();
    RestoreInPlace();
    const absl::Status restored = Start();
    ASSERT_TRUE(restored.ok()) << restored;
  }
}

TEST_F(RestoredBackup, OfTheLastMomentLosesNothing) {
  server_.Stop();
  fs::remove_all(place());
  ASSERT_TRUE(Start().ok());
  backup_ = Create().number();
  // Its own entry is all that it lacks.
  server_.Stop();
  const size_t entries = Ledger(data()).size();
  RestoreInPlace();
  ASSERT_TRUE(Start().ok());
  server_.Stop();
  const auto after = Ledger(data());
  ASSERT_GE(after.size(), entries);
  EXPECT_EQ(after[entries - 1].kind(), LedgerEntry::KIND_BACKUP_MADE) << "put back";
}

TEST_F(RestoredBackup, ACopyOfTheRingFromBeforeIsStillRefused) {
  server_.Stop();
  const fs::path earlier = CopyOfRing("earlier");
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx("one-more");
  backup_ = Create().number();
  server_.Stop();
  RestoreInPlace();
  fs::remove_all(ring());
  fs::rename(earlier, ring());
  const absl::Status refused = Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "--accept-lower-replica")) << refused;
}

}  // namespace
}  // namespace retention
