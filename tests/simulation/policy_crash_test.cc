// A change of policy on a machine that dies at any write, with or without its power, or at any step of its key ring:
// nothing is lost, nothing is held twice, nothing is shown past its day, and the refile goes on.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "server/logs/log_reader.h"
#include "storage/keys.h"
#include "tests/logs/log_fixture.h"
#include "tests/orders/orders.h"
#include "tests/policies/policy_fixture.h"
#include "tests/simulation/machine.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {
namespace {

enum class End { kProcessDies, kPowerLoss, kRingStep };

const absl::Time kFriday = At("2026-03-06T10:00:00+01:00");
constexpr int kMeetings = 4;
// More events than one step of the refile looks at.
constexpr int kEventsPerMeeting = 2000;
constexpr size_t kBatch = 1000;

std::string MeetingName(int i) { return absl::StrCat("m", i); }

class PolicyRun {
 public:
  explicit PolicyRun(const std::filesystem::path& directory)
      : machine_(directory,
                 PatientPolicy([](v1::Policy& p) { p.mutable_statistics()->set_release(v1::RELEASE_TIME_AT_DUE_DAY); }),
                 11) {
    EXPECT_TRUE(machine_.Start(kMonday).ok());
    v1::PbxSynced synced;
    synced.set_controller_id("controller");
    EXPECT_TRUE(machine_.engine().SyncPbx("pbx", synced, kMonday).ok());
    for (int i = 0; i < kMeetings; ++i) {
      std::vector<v1::Event> events = {Joined(MeetingName(i), "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                                       Recording(MeetingName(i), "r", kMonday, absl::StrCat("ref-", i))};
      for (int j = 0; j < kEventsPerMeeting; ++j) {
        events.push_back(Reconnected(MeetingName(i), absl::StrCat("c", j), kMonday + absl::Milliseconds(j), "p"));
        if (events.size() == kBatch) Record(events);
      }
      events.push_back(Ended(MeetingName(i), "e", kMonday + absl::Minutes(1)));
      Record(events);
    }
    Append(machine_.engine(), {Line(v1::LOG_SERVER_MCU, kMonday, "line")}, kMonday);
    EXPECT_TRUE(machine_.Sweep(kFriday, false).ok());
  }

  Machine& machine() { return machine_; }

  // Until the machine dies.
  void Change() {
    const v1::Policy next = NextPolicy(machine_.engine(), [](v1::Policy& p) {
      Days({{kParticipantName, 3}, {kParticipantEmail, 10}, {kParticipantIp, 5}, {kRecording, 3}, {kHistory, 20}})(p);
      Days({{kServerLog, 5}})(p);
      RuleOf(p, kHistory).mutable_anonymised_period()->set_days(90);
    });
    const auto plan = Plan(machine_.engine(), next, kFriday);
    ASSERT_TRUE(plan.ok()) << plan.status();
    acknowledged_ = Apply(machine_.engine(), next, plan->plan_token(), kFriday).ok();
    if (acknowledged_) machine_.Sweep(kFriday, false).status().IgnoreError();
  }

  void CheckAfterRestart() {
    TestEngine& engine = machine_.engine();
    const bool applied = engine.policy().version() == 2;
    EXPECT_TRUE(applied || !acknowledged_) << "an answer is a promise";
    CheckShown(applied);
    CheckCounts();
    if (!applied) Change();
    ASSERT_TRUE(acknowledged_ || applied);
    // Over midnight, before the refile goes on: of what is held longer nothing is lost.
    const absl::Time later = kFriday + absl::Hours(24 * 4);
    ASSERT_TRUE(machine_.Sweep(later, false).ok());
    CheckCounts();
    EXPECT_EQ(Shown(later, [](const auto& participant) { return !participant.email().empty(); }), kMeetings);
    // Each reconnection without an address says whose it is.
    EXPECT_EQ(DaysOf(kParticipantEmail),
              (std::map<std::string, uint64_t>{{"2026-03-12", kMeetings * (kEventsPerMeeting + 1)}}));
    EXPECT_EQ(DaysOf(kHistory), (std::map<std::string, uint64_t>{{"2026-03-22", kMeetings * (kEventsPerMeeting + 3)}}));
    for (const CategoryNumber gone : {kParticipantName, kParticipantIp, kRecording, kServerLog}) {
      EXPECT_TRUE(DaysOf(gone).empty()) << int{gone};
    }
    std::multiset<std::string> ordered;
    for (const v1::ErasureOrder& order : HeldOrders(engine)) ordered.insert(order.object_ref());
    EXPECT_EQ(ordered, (std::multiset<std::string>{"ref-0", "ref-1", "ref-2", "ref-3"})) << "each once";
    CheckLedger();
    EXPECT_FALSE(engine.policies().refiling_since().has_value());
  }

 private:
  int Shown(absl::Time now, const std::function<bool(const v1::Participant&)>& counts) {
    int shown = 0;
    for (int i = 0; i < kMeetings; ++i) {
      v1::ListParticipantsRequest request;
      request.set_pbx_id("pbx");
      request.set_meeting_id(MeetingName(i));
      const auto response = Reader(machine_.engine()).ListParticipants(request, now);
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok() || response->participants_size() != 1) continue;
      shown += counts(response->participants(0)) ? 1 : 0;
    }
    return shown;
  }

  void CheckShown(bool applied) {
    EXPECT_EQ(Shown(kFriday, [](const auto& p) { return !p.name().empty(); }), applied ? 0 : kMeetings);
    EXPECT_EQ(Shown(kFriday, [](const auto& p) { return !p.email().empty(); }), kMeetings);
    EXPECT_EQ(Shown(kFriday, [](const auto& p) { return p.ips_size() == 1; }), kMeetings);
    EXPECT_EQ(ReadTexts(machine_.engine(), kFriday).size(), 1u);
    for (int i = 0; i < kMeetings; ++i) {
      v1::GetMeetingRequest request;
      request.set_pbx_id("pbx");
      request.set_meeting_id(MeetingName(i));
      const auto response = Reader(machine_.engine()).GetMeeting(request, kFriday);
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->meeting().recordings_size(), applied ? 0 : 1);
    }
  }

  // Values by day, as the rows say.
  std::map<std::string, uint64_t> DaysOf(CategoryNumber category) {
    std::map<std::string, uint64_t> days;
    for (auto cursor = machine_.engine().store().Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (key->category != category || !key->day.is_civil()) continue;
      days[absl::FormatCivilTime(key->day.civil())] += Vault::ValueCount(cursor->value());
    }
    return days;
  }

  void CheckCounts() {
    std::map<DueDay, DayCount> rows;
    for (auto cursor = machine_.engine().store().Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      auto& count = rows[key->day][key->category];
      ++count.rows;
      count.values += Vault::ValueCount(cursor->value());
    }
    const auto counts = machine_.engine().counts().Read();
    for (const auto& [day, of_day] : counts) {
      for (size_t category = 1; category < kCategories; ++category) {
        EXPECT_EQ(of_day[category].rows, rows[day][category].rows) << day.number() << "/" << category;
        EXPECT_EQ(of_day[category].values, rows[day][category].values) << day.number() << "/" << category;
      }
      rows.erase(day);
    }
    for (const auto& [day, of_day] : rows) {
      EXPECT_LE(day, machine_.engine().ring().destroyed_through()) << "rows that nobody counts";
    }
  }

  void CheckLedger() {
    std::map<int, uint64_t> purged;
    uint64_t policies = 0;
    const absl::Status verified =
        VerifyExactLedger(machine_.engine().store(), [&](const stored::v1::LedgerEntry& entry) {
          policies += entry.kind() == stored::v1::LedgerEntry::KIND_POLICY && entry.policy_version() == 2 ? 1 : 0;
          if (entry.kind() != stored::v1::LedgerEntry::KIND_PURGED) return;
          for (const auto& count : entry.counts()) purged[count.category()] += count.values();
        });
    EXPECT_TRUE(verified.ok()) << verified;
    EXPECT_EQ(policies, 1u);
    EXPECT_EQ(purged[kParticipantName], static_cast<uint64_t>(kMeetings)) << "each end has its entry, once";
    EXPECT_EQ(purged[kRecording], static_cast<uint64_t>(kMeetings));
  }

  void Record(std::vector<v1::Event>& events) {
    absl::Status status;
    machine_.Record(events, kMonday, status);
    EXPECT_TRUE(status.ok()) << status;
    events.clear();
  }

  Machine machine_;
  bool acknowledged_ = false;
};

class PolicyCrash : public ::testing::TestWithParam<End> {};

TEST_P(PolicyCrash, AtEveryWriteNothingIsLostTwiceOrPastItsDay) {
  uint64_t crashes = 0;
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(absl::StrCat("write ", nth));
    const FreshDirectory directory;
    PolicyRun run(directory.path());
    GetParam() == End::kRingStep ? run.machine().CrashAtRingStep(nth) : run.machine().CrashAtWrite(nth);
    run.Change();
    const bool crashed = run.machine().crashed();
    const absl::Status restarted =
        run.machine().Restart(kFriday, GetParam() == End::kPowerLoss, /*torn_bytes=*/nth % 3 * 5);
    ASSERT_TRUE(restarted.ok()) << restarted;
    run.CheckAfterRestart();
    if (!crashed || HasFailure()) break;
    ++crashes;
  }
  // Applying, a step of meetings, rows, cubes: an append and an fsync each.
  EXPECT_GE(crashes, GetParam() == End::kRingStep ? 1u : 8u);
}

INSTANTIATE_TEST_SUITE_P(Ends, PolicyCrash, ::testing::Values(End::kProcessDies, End::kPowerLoss, End::kRingStep),
                         [](const auto& info) {
                           return info.param == End::kProcessDies ? "ProcessDies"
                                  : info.param == End::kPowerLoss ? "PowerLoss"
                                                                  : "RingStep";
                         });

}  // namespace
}  // namespace retention::simulation
