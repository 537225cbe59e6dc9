// Backups of a server that runs: when they are made and deleted, and what is said of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "google/protobuf/text_format.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/rpc/backups.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/long_files.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

constexpr absl::Duration kDay = absl::Hours(24);

void WithMetrics(ServerOptions& options) { options.metrics_address = "127.0.0.1:0"; }

TEST_F(BackedUp, IsMadeListedVerifiedAndPrunedWhenAsked_AndEntered) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  const v1::Backup first = Create();
  const v1::Backup second = Create();
  EXPECT_GT(second.number(), first.number());
  EXPECT_EQ(second.expire_time().seconds() - second.create_time().seconds(), 7 * 24 * 3600);
  EXPECT_GT(second.ledger_size(), 0u);
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{first.number(), second.number()}));
  EXPECT_TRUE(Verify(0).ok());
  EXPECT_TRUE(Verify(first.number()).ok());
  EXPECT_EQ(Verify(99).Summary(), "NOT_FOUND BACKUP_UNKNOWN");
  EXPECT_EQ(Prune(99).Summary(), "NOT_FOUND BACKUP_UNKNOWN");
  EXPECT_EQ(Prune(0).Summary(), "INVALID_ARGUMENT INVALID_FIELD number");
  EXPECT_TRUE(Prune(first.number()).ok());
  EXPECT_EQ(Numbers(), std::vector<uint32_t>{second.number()});
  EXPECT_FALSE(fs::exists(data() / "backup")) << "what it was made from is gone";
  server_.Stop();
  std::vector<std::string> entered;
  for (const LedgerEntry& entry : Ledger(data())) {
    if (entry.kind() == LedgerEntry::KIND_BACKUP_MADE) entered.push_back(absl::StrCat("made ", entry.backup()));
    if (entry.kind() == LedgerEntry::KIND_BACKUP_PRUNED) {
      entered.push_back(absl::StrCat("pruned ", entry.backup(), " ", entry.reason()));
      EXPECT_EQ(entry.backup_us(), absl::ToUnixMicros(kMonday));
    }
  }
  EXPECT_EQ(entered,
            (std::vector<std::string>{absl::StrCat("made ", first.number()), absl::StrCat("made ", second.number()),
                                      absl::StrCat("pruned ", first.number(), " REQUESTED")}));
}

TEST_F(BackedUp, WithoutADirectoryTheCallsSayIt_AndHealthAndMetricsSayNothing) {
  ASSERT_TRUE(server_.Restart(WithMetrics).ok());
  EXPECT_EQ(server_.Call(kBackupService + "CreateBackup", v1::CreateBackupRequest()).Summary(),
            "FAILED_PRECONDITION BACKUPS_OFF");
  EXPECT_EQ(server_.Health("backup"), 0);
  EXPECT_EQ(Metric("retention_backups"), "");
  EXPECT_EQ(Metric("retention_backup_age_seconds"), "");
}

TEST_F(BackedUp, ByThemselvesTheyAreMadeEachDay_AndNoneBecomesOlderThanThePolicySays) {
  ASSERT_TRUE(Start([](ServerOptions& options) {
                options.backups.interval = kDay;
                WithMetrics(options);
              }).ok());
  server_.SyncPbx();
  RunLoop();
  EXPECT_EQ(Numbers().size(), 1u);
  RunLoop();
  EXPECT_EQ(Numbers().size(), 1u) << "not before its time";
  EXPECT_EQ(server_.Health("backup"), 1);
  for (int day = 1; day <= 20; ++day) {
    const absl::Time now = kMonday + day * kDay;
    server_.AdvanceTo(now);
    RunLoop();
    const auto listed = List();
    ASSERT_FALSE(listed.backups().empty());
    EXPECT_EQ(listed.backups(listed.backups_size() - 1).create_time().seconds(), absl::ToUnixSeconds(now));
    EXPECT_EQ(listed.backups_size(), std::min(day + 1, 6)) << day;
    for (const v1::Backup& backup : listed.backups()) {
      EXPECT_GT(backup.expire_time().seconds(), absl::ToUnixSeconds(now));
      // Nor while the next one is made.
      if (day > 1) {
        EXPECT_GT(backup.expire_time().seconds(), absl::ToUnixSeconds(now + kDay));
      }
    }
  }
  EXPECT_EQ(Metric("retention_backups"), "6");
  EXPECT_EQ(Metric("retention_backup_age_seconds"), "0");
  server_.AdvanceTo(kMonday + 40 * kDay);
  EXPECT_EQ(Metric("retention_backup_age_seconds"), absl::StrCat(20 * 24 * 3600));
  RunLoop();
  EXPECT_EQ(Numbers().size(), 1u) << "after a long time without: all others are over";
  server_.Stop();
  std::map<uint32_t, std::vector<std::string>> life;
  for (const LedgerEntry& entry : Ledger(data())) {
    if (entry.kind() == LedgerEntry::KIND_BACKUP_MADE) life[entry.backup()].push_back("MADE");
    if (entry.kind() == LedgerEntry::KIND_BACKUP_PRUNED) life[entry.backup()].push_back(entry.reason());
  }
  EXPECT_EQ(life.size(), 22u);
  life.erase(std::prev(life.end()));
  for (const auto& [number, acts] : life) EXPECT_EQ(acts, (std::vector<std::string>{"MADE", "AGE"})) << number;
}

TEST_F(BackedUp, ANewPolicyPrunesAllFromBeforeIt) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  server_.Batch({Joined("m", "1", kMonday, "p", "Ada"), Left("m", "2", kMonday, "p")});
  const v1::Backup before = Create();
  v1::Policy policy = DefaultPolicy().proto();
  policy.set_version(2);
  for (v1::DeletionRule& rule : *policy.mutable_rules()) {
    if (rule.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) rule.mutable_period()->set_days(3);
  }
  policy.mutable_backups()->mutable_longest_age()->set_seconds(2 * 24 * 3600);
  std::string text;
  ASSERT_TRUE(google::protobuf::TextFormat::PrintToString(policy, &text));
  v1::PlanPolicyRequest plan;
  plan.set_policy_text(text);
  v1::PlanPolicyResponse planned;
  ASSERT_TRUE(server_.Call("/retention.v1.RetentionService/PlanPolicy", plan, &planned).ok());
  EXPECT_EQ(std::count(planned.changed_fields().begin(), planned.changed_fields().end(), "backups"), 1);
  v1::ApplyPolicyRequest apply;
  apply.set_policy_text(text);
  apply.set_plan_token(planned.plan_token());
  ASSERT_TRUE(server_.Call("/retention.v1.RetentionService/ApplyPolicy", apply).ok());
  ASSERT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
  RunLoop();
  EXPECT_TRUE(Numbers().empty());
  const v1::Backup after = Create();
  EXPECT_EQ(after.policy_version(), 2u);
  EXPECT_EQ(after.expire_time().seconds() - after.create_time().seconds(), 2 * 24 * 3600);
  RunLoop();
  EXPECT_EQ(Numbers(), std::vector<uint32_t>{after.number()});
  server_.Stop();
  const auto entries = Ledger(data());
  EXPECT_TRUE(std::any_of(entries.begin(), entries.end(), [&](const LedgerEntry& entry) {
    return entry.kind() == LedgerEntry::KIND_BACKUP_PRUNED && entry.backup() == before.number() &&
           entry.reason() == "POLICY";
  }));
}

TEST_F(BackedUp, OnAFullBackupDiskTheServerServes_AndSaysSo_AndTheFormerStays) {
  FaultFileSystem disk;
  ASSERT_TRUE(Start([&](ServerOptions& options) {
                options.backups.interval = kDay;
                options.backups.engine.file_system = disk.file_system();
                WithMetrics(options);
              }).ok());
  server_.SyncPbx();
  RunLoop();
  const std::vector<uint32_t> former = Numbers();
  ASSERT_EQ(former.size(), 1u);
  disk.FailWrites(FaultFileSystem::Fault::kDiskFull);
  server_.AdvanceTo(kMonday + kDay);
  RunLoop();
  EXPECT_EQ(server_.Health("backup"), 2);
  EXPECT_EQ(server_.Health(""), 1);
  EXPECT_EQ(Metric("retention_backup_failures_total"), "1");
  RunLoop();
  EXPECT_EQ(Metric("retention_backup_failures_total"), "1") << "not before a minute has passed";
  const CallEnd refused = server_.Call(kBackupService + "CreateBackup", v1::CreateBackupRequest());
  EXPECT_EQ(refused.Summary(), "UNAVAILABLE DISK_FULL");
  EXPECT_TRUE(absl::StrContains(refused.message, place().string())) << refused.message;
  server_.SyncPbx("meanwhile");
  disk.Heal();
  EXPECT_EQ(Numbers(), former);
  EXPECT_TRUE(Verify(former.front()).ok());
  server_.AdvanceTo(kMonday + kDay + absl::Minutes(2));
  RunLoop();
  EXPECT_EQ(Numbers().size(), 2u);
  EXPECT_EQ(server_.Health("backup"), 1);
  EXPECT_TRUE(Verify(0).ok());
}

// Two bounds: the last try, and the age of the youngest.
TEST_F(BackedUp, OneThatIsTooOldIsNotWell) {
  ASSERT_TRUE(Start([](ServerOptions& options) { options.backups.overdue_after = absl::Hours(2); }).ok());
  EXPECT_EQ(server_.Health("backup"), 2) << "there is none";
  Create();
  EXPECT_EQ(server_.Health("backup"), 1);
  server_.AdvanceTo(kMonday + absl::Hours(3));
  EXPECT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
  EXPECT_EQ(server_.Health("backup"), 2);
}

TEST_F(BackedUp, ADirectoryWithBackupsOfAnotherRingIsLeftAlone) {
  ASSERT_TRUE(Start().ok());
  const v1::Backup theirs = Create();
  RunningServer other;
  server_.Stop();
  ASSERT_TRUE(other
                  .Restart([&](ServerOptions& options) {
                    options.backups.directory = place().string();
                    options.backups.interval = kDay;
                  })
                  .ok());
  other.server().backup_loop()->RunOnce();
  EXPECT_EQ(other.Health("backup"), 2);
  EXPECT_EQ(other.Health(""), 1);
  EXPECT_EQ(other.Call(kBackupService + "CreateBackup", v1::CreateBackupRequest()).Summary(),
            "FAILED_PRECONDITION BACKUP_DIRECTORY_FOREIGN");
  v1::PruneBackupRequest prune;
  prune.set_number(theirs.number());
  EXPECT_EQ(other.Call(kBackupService + "PruneBackup", prune).Summary(),
            "FAILED_PRECONDITION BACKUP_DIRECTORY_FOREIGN");
  other.Stop();
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(Verify(theirs.number()).ok());
}

// Of one that is damaged nobody knows its age.
TEST_F(BackedUp, ADamagedOneGoesWithTheWholeOneBeforeIt) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  const v1::Backup first = Create();
  server_.AdvanceTo(kMonday + kDay);
  const v1::Backup damaged = Create();
  fs::remove(place() / "private" / absl::StrCat(damaged.number()) / "CURRENT");
  server_.AdvanceTo(kMonday + 2 * kDay);
  const v1::Backup third = Create();
  EXPECT_EQ(Verify(damaged.number()).Summary(), "DATA_LOSS BACKUP_DAMAGED");
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{first.number(), third.number()}));
  EXPECT_EQ(List().damaged_size(), 1);
  server_.AdvanceTo(kMonday + 7 * kDay);
  RunLoop();
  EXPECT_EQ(Numbers(), std::vector<uint32_t>{third.number()});
  EXPECT_EQ(List().damaged_size(), 0);
}

// It once said whole again as soon as it was asked anew.
TEST_F(BackedUp, WhatAVerificationFoundIsListedFromThenOn) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  const v1::Backup damaged = Create();
  for (const auto& entry : fs::directory_iterator(place() / "private" / absl::StrCat(damaged.number()))) {
    if (!absl::StartsWith(entry.path().filename().string(), "MANIFEST")) continue;
    std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary).seekp(20) << "damaged";
  }
  EXPECT_EQ(Numbers().size(), 1u);
  EXPECT_EQ(Verify(damaged.number()).Summary(), "DATA_LOSS BACKUP_DAMAGED");
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(List().damaged_size(), 1);
    EXPECT_EQ(List().backups_size(), 0);
    ASSERT_TRUE(Start().ok());
  }
}

TEST_F(BackedUp, ADamagedOneIsKeptNoLongerThanAWholeOne_ThoughNoneFollowsIt) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  const v1::Backup damaged = Create();
  fs::remove(place() / "private" / absl::StrCat(damaged.number()) / "CURRENT");
  server_.AdvanceTo(kMonday + 7 * kDay - absl::Minutes(1));
  EXPECT_EQ(List().damaged_size(), 1) << "somebody may want to look";
  RunLoop();
  EXPECT_EQ(List().damaged_size(), 1);
  server_.AdvanceTo(kMonday + 7 * kDay);
  RunLoop();
  EXPECT_EQ(List().damaged_size(), 0);
}

TEST_F(BackedUp, OneThatIsMadeWhenAskedTakesAlongThoseThatWouldBeOverBeforeItIsDone) {
  ASSERT_TRUE(Start().ok());
  Create();
  server_.AdvanceTo(kMonday + kDay);
  const v1::Backup second = Create();
  server_.AdvanceTo(kMonday + 7 * kDay - absl::Minutes(30));
  const v1::Backup third = Create();
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{second.number(), third.number()}));
}

TEST_F(BackedUp, AShutdownDoesNotWaitForAVerification) {
  LongFiles files;
  ASSERT_TRUE(Start([&](ServerOptions& options) { options.backups.engine.file_system = files.file_system(); }).ok());
  const v1::Backup backup = Create();
  absl::Notification reads;
  files.Begin([&] {
    if (!reads.HasBeenNotified()) reads.Notify();
  });
  CallEnd verified;
  std::thread caller([&] { verified = Verify(backup.number()); });
  reads.WaitForNotification();
  server_.Stop();
  caller.join();
  EXPECT_FALSE(verified.ok());
  EXPECT_LT(files.reads(), LongFiles::kReadsMax) << "it was waited for";
}

TEST_F(BackedUp, ADirectoryAmongTheDataOrTheKeysIsRefused) {
  server_.Stop();
  for (const fs::path& within : {data(), data() / "b", ring() / "b", server_.directory()}) {
    const absl::Status status = Start([&](ServerOptions& options) { options.backups.directory = within.string(); });
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << within << status;
  }
}

}  // namespace
}  // namespace retention
