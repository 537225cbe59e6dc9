// The server as a whole: what it says of itself, and when it does not start.
#include "server/app/server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/base/errors.h"
#include "tests/engine/harness.h"
#include "tests/orders/orders.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

TEST(Server, TheMetricsPageHasTheFiguresAndNamesNobody) {
  RunningServer server([](ServerOptions& options) { options.metrics_address = "127.0.0.1:0"; });
  server.SyncPbx("pbx-of-somebody");
  v1::Event joined = Joined("meeting-of-somebody", "e1", kMonday, "p-of-somebody", "Ada Example");
  joined.set_pbx_id("pbx-of-somebody");
  v1::Event flawed = joined;
  flawed.clear_time();
  server.Batch({joined, joined, flawed});
  const std::string page = HttpGet(server.server().metrics_port(), "/metrics");
  for (const char* line : {
           "retention_events_total{outcome=\"accepted\"} 1\n",
           "retention_events_total{outcome=\"duplicate\"} 1\n",
           "retention_events_total{outcome=\"rejected\"} 1\n",
           "retention_oldest_overdue_seconds 0\n",
           "retention_erasure_unentered 0\n",
           "retention_owners_overdue 0\n",
           "retention_key_ring_stale_replicas 0\n",
           "retention_key_ring_entries_lost 0\n",
           "retention_key_ring_root_overdue_seconds 0\n",
           "retention_readings_failed 0\n",
           "retention_clock_ahead_seconds 0\n",
           "retention_clock_waits 0\n",
           "retention_witness_failures_total 0\n",
           "retention_values_erased_total{category=\"PARTICIPANT_NAME\",reason=\"DUE\"} 0\n",
           "retention_due_to_unreadable_seconds_count 0\n",
           "retention_due_to_gone_seconds_count 0\n",
           "retention_queue_events 0\n",
           "retention_queue_lines 0\n",
           "retention_commit_seconds_count 1\n",
           "retention_group_events_sum 3\n",
           "retention_values_past_due_total 0\n",
           "retention_sweep_failures_total 0\n",
           "retention_purge_pending_seconds 0\n",
           "retention_policy_refiling 0\n",
           "retention_policy_refile_examined 0\n",
           "retention_cohorts_released_total 0\n",
           "retention_cohorts_waiting 0\n",
           "retention_cohorts_waiting_days_left 0\n",
           "retention_serving 1\n",
           "retention_pbxs_warned{cause=\"PBX_NO_CONTACT\",days=\"14\"} 0\n",
           "retention_pbxs_undescribed 1\n",
       }) {
    EXPECT_TRUE(absl::StrContains(page, line)) << line << page;
  }
  for (const char* name : {"retention_live_rows ", "retention_store_bytes ", "retention_ledger_uncopied "}) {
    EXPECT_TRUE(absl::StrContains(page, name)) << name;
  }
  for (const char* secret : {"somebody", "Ada", "controller"}) EXPECT_FALSE(absl::StrContains(page, secret)) << secret;
  // Labels are of closed sets.
  const std::set<std::string> labels = {"outcome", "category", "reason", "cause", "days", "le", "quantile", "state"};
  for (absl::string_view line : absl::StrSplit(page, '\n')) {
    if (!absl::StartsWith(line, "retention_") || !absl::StrContains(line, '{')) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::ByAnyChar("{},"));
    for (size_t i = 1; i + 1 < parts.size(); ++i) {
      EXPECT_TRUE(labels.contains(parts[i].substr(0, parts[i].find('=')))) << line;
    }
  }
}

TEST(Server, TheMetricsPageSaysHowManyErasureOrdersWaitAndHowLong) {
  RunningServer server([](ServerOptions& options) { options.metrics_address = "127.0.0.1:0"; });
  const auto page_has = [&](const char* count, const char* age) {
    const std::string page = HttpGet(server.server().metrics_port(), "/metrics");
    EXPECT_TRUE(absl::StrContains(page, absl::StrCat("retention_erasure_orders_unconfirmed ", count, "\n"))) << page;
    EXPECT_TRUE(absl::StrContains(page, absl::StrCat("retention_erasure_order_oldest_age_seconds ", age, "\n")))
        << page;
  };
  page_has("0", "0");
  server.SyncPbx();
  server.Batch(LateFiles("m", kMonday, 3));
  server.AdvanceTo(kMonday + absl::Seconds(90));
  page_has("3", "90");
  const CallEnd end = server.Call(
      "/retention.v1.ErasureOrderService/ConfirmErasureOrders",
      Confirmations(
          {{1, v1::ERASURE_OUTCOME_ERASED}, {2, v1::ERASURE_OUTCOME_FAILED}, {3, v1::ERASURE_OUTCOME_NOT_FOUND}}));
  ASSERT_TRUE(end.ok()) << end;
  page_has("1", "90");
}

TEST(Server, DueToUnreadableIsMeasuredFromTheDueInstant) {
  RunningServer server([](ServerOptions& options) { options.metrics_address = "127.0.0.1:0"; });
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  server.AdvanceTo(At("2026-03-10T00:00:02+01:00"));
  AwaitTrue([&] {
    const std::string page = HttpGet(server.server().metrics_port(), "/metrics");
    return absl::StrContains(page, "retention_due_to_unreadable_seconds_sum 2\n") &&
           absl::StrContains(page, "retention_due_to_gone_seconds_sum 2\n") &&
           absl::StrContains(page, "retention_values_erased_total{category=\"PARTICIPANT_NAME\",reason=\"DUE\"} 10\n");
  });
}

TEST(Server, ReflectionListsTheServices) {
  RunningServer server;
  auto stream = server.caller().Open("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  ASSERT_TRUE(stream->Write(std::string("\x3a\x01*", 3)));  // ServerReflectionRequest.list_services
  std::string services;
  ASSERT_TRUE(stream->Read(services));
  for (const char* name : {"ErasureOrderService", "EventService", "MeetingService", "PbxService", "RetentionService",
                           "RingService", "StatisticsService", "ClockService", "BackupService"}) {
    EXPECT_TRUE(absl::StrContains(services, std::string("retention.v1.") + name)) << name;
  }
  EXPECT_TRUE(absl::StrContains(services, "grpc.health.v1.Health"));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(services));
}

TEST(Server, MethodsThatNobodyKnowsGetATypedError) {
  RunningServer server;
  EXPECT_EQ(server.caller().CallBytes("/retention.v1.EventService/Forget", "", nullptr).Summary(),
            "UNIMPLEMENTED METHOD_UNKNOWN");
}

TEST(Server, WhatWasAcknowledgedIsThereAfterARestart) {
  RunningServer server;
  server.SyncPbx();
  const auto joined = Joined("meeting", "e1", kMonday, "p1");
  server.Batch({joined});
  ASSERT_TRUE(server.Restart().ok());
  EXPECT_EQ(server.Batch({joined}).duplicates(), 1u);
}

TEST(Server, WhatFellDueMeanwhileIsGoneBeforeTheFirstCall) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  ASSERT_TRUE(
      server.Restart([](ServerOptions& options) { options.simulated_start = At("2026-06-01T00:00:00+02:00"); }).ok());
  v1::ListDueDaysResponse response;
  ASSERT_TRUE(server.Call("/retention.v1.RetentionService/ListDueDays", v1::ListDueDaysRequest(), &response).ok());
  for (const v1::DueBucket& bucket : response.buckets()) EXPECT_FALSE(bucket.has_due_day()) << bucket.DebugString();
}

TEST(Server, RefusesAKeyRingWithinTheDataDirectory) {
  RunningServer server;
  for (const char* ring : {"data", "data/ring", "data/../data/ring/"}) {
    const absl::Status status = server.Restart(
        [&](ServerOptions& options) { options.key_ring_directory = (server.directory() / ring).string(); });
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << ring << status;
  }
  EXPECT_TRUE(server.Restart().ok());
}

TEST(Server, RefusesAStoreWhoseKeyRingIsMissingOrAnothers) {
  RunningServer server;
  // It is far beyond the other's.
  for (const char* pbx : {"one", "two", "three"}) server.SyncPbx(pbx);
  const absl::Status missing = server.Restart(
      [&](ServerOptions& options) { options.key_ring_directory = (server.directory() / "elsewhere").string(); });
  EXPECT_EQ(DetailsOf(missing).reason, "KEY_RING_MISSING") << missing;
  EXPECT_TRUE(absl::StrContains(missing.message(), "elsewhere: nothing could be read. Mount its volume")) << missing;
  EXPECT_FALSE(std::filesystem::exists(server.directory() / "elsewhere"));

  RunningServer other;
  other.Stop();
  const absl::Status mismatch = server.Restart(
      [&](ServerOptions& options) { options.key_ring_directory = (other.directory() / "ring").string(); });
  EXPECT_EQ(DetailsOf(mismatch).reason, "KEY_RING_MISMATCH") << mismatch;
  EXPECT_TRUE(absl::StrContains(mismatch.message(), "do not belong together")) << mismatch;
}

TEST(Server, RefusesACorruptKeyRing) {
  RunningServer server;
  server.SyncPbx("pbx");
  server.Stop();
  for (const char* replica : {"a", "b"}) {
    std::ofstream head(server.directory() / "ring" / replica / "head", std::ios::binary | std::ios::trunc);
    head << "!";
  }
  const absl::Status status = server.Restart();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST(Server, RefusesAKeyRingOfYesterday) {
  RunningServer server;
  server.Stop();
  const std::filesystem::path ring = server.directory() / "ring";
  const std::filesystem::path yesterday = server.directory() / "yesterday";
  std::filesystem::copy(ring, yesterday, std::filesystem::copy_options::recursive);
  ASSERT_TRUE(server.Restart().ok());
  server.SyncPbx("pbx");
  server.SyncPbx("another");
  server.Stop();
  std::filesystem::remove_all(ring);
  std::filesystem::rename(yesterday, ring);
  for (const char* directory : {"", "a", "b"}) {
    std::filesystem::permissions(ring / directory, std::filesystem::perms::owner_all);
  }
  const absl::Status status = server.Restart();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "rolled back")) << status;
}

TEST(Server, RefusesACorruptPolicyBeforeItTouchesAnything) {
  RunningServer server;
  const std::filesystem::path fresh = server.directory() / "fresh";
  const std::filesystem::path policy = server.directory() / "policy.txtpb";
  std::ofstream(policy) << "version: 1\ntime_zone: \"Europe/Nowhere\"\n";
  const absl::Status status = server.Restart([&](ServerOptions& options) {
    options.policy_file = policy.string();
    options.data_directory = (fresh / "data").string();
    options.key_ring_directory = (fresh / "ring").string();
  });
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "policy: ")) << status;
  EXPECT_FALSE(std::filesystem::exists(fresh));
}

TEST(Server, RefusesAnAddressThatIsTaken) {
  RunningServer first;
  RunningServer second;
  const std::string taken = first.server().address();
  EXPECT_TRUE(absl::IsUnavailable(second.Restart([&](ServerOptions& options) { options.listen_addresses = {taken}; })));
}

}  // namespace
}  // namespace retention
