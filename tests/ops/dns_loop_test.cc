#include "server/ops/dns_loop.h"

#include <arpa/nameser.h>
#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/ops/dns_servers.h"

namespace retention {
namespace {

const absl::Time kNow = absl::FromCivil(absl::CivilMinute(2026, 3, 2, 23, 59), absl::UTCTimeZone());
constexpr absl::Duration kOneDay = absl::Hours(24);

PbxId Id(uint64_t number) { return PbxId::From({reinterpret_cast<const char*>(&number), sizeof(number)}); }

// PBXs as an engine keeps them, a server that knows those whose name begins with "up", and a loop between them.
class DnsLoopTest : public ::testing::Test {
 protected:
  struct Pbx {
    std::string fqdn;
    absl::CivilDay last_probed;
    absl::CivilDay last_resolved;
  };

  DnsLoopTest()
      : server_([this](const DnsQuestion& question) -> std::optional<std::string> {
          if (silent_) return std::nullopt;
          if (down_) return DnsReply(question, 2);
          if (!absl::StartsWith(question.name, "up")) return DnsReply(question, 3);
          return DnsReply(question, 0, {DnsRecord(question.name, ns_t_a, std::string(4, '\x01'))});
        }),
        prober_(*DnsProber::Create(
            {.resolvers = {server_.address()}, .ask_aaaa = false, .timeout = absl::Seconds(20), .tries = 1})),
        loop_(*prober_, DnsSchedule({.zone = absl::UTCTimeZone()}),
              {.subjects = [this] { return Subjects(); },
               .names = [this](const std::vector<PbxId>& ids) { return Names(ids); },
               .report = [this](const std::vector<ProbeReport>& reports,
                                absl::Time now) { return Report(reports, now); }},
              clock_, metrics_, {.interval = absl::InfiniteDuration(), .on_round = [this](const auto& round) {
                                   std::lock_guard lock(mutex_);
                                   last_round_ = round;
                                   ++rounds_;
                                   changed_.notify_all();
                                 }}) {}

  absl::StatusOr<std::vector<ProbeSubject>> Subjects() {
    if (!failure_.ok()) return failure_;
    std::vector<ProbeSubject> subjects;
    for (const auto& [id, pbx] : pbxs_) subjects.push_back({id, pbx.last_probed});
    return subjects;
  }
  absl::StatusOr<std::vector<ProbeName>> Names(const std::vector<PbxId>& ids) {
    std::vector<ProbeName> names;
    for (const PbxId& id : ids) {
      if (ended_.count(id) == 0) names.push_back({id, Personal(pbxs_[id].fqdn)});
    }
    return names;
  }
  absl::Status Report(const std::vector<ProbeReport>& reports, absl::Time now) {
    if (!report_failure_.ok()) return report_failure_;
    ++reports_;
    for (const ProbeReport& report : reports) {
      pbxs_[report.id].last_probed = absl::ToCivilDay(now, absl::UTCTimeZone());
      if (report.resolved) pbxs_[report.id].last_resolved = pbxs_[report.id].last_probed;
    }
    return absl::OkStatus();
  }

  void AwaitRounds(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return rounds_ >= count; }));
  }

  // All series of the page, as name{label} -> value.
  std::map<std::string, double> Counters() {
    std::map<std::string, double> counters;
    for (const auto& family : metrics_.collectable()->Collect()) {
      for (const auto& metric : family.metric) {
        counters[family.name + (metric.label.empty() ? "" : "/" + metric.label[0].value)] = metric.counter.value;
      }
    }
    return counters;
  }

  std::map<PbxId, Pbx> pbxs_;
  std::set<PbxId> ended_;
  absl::Status failure_;
  absl::Status report_failure_;
  int reports_ = 0;
  std::atomic<bool> down_ = false;
  std::atomic<bool> silent_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  int rounds_ = 0;
  absl::StatusOr<DnsRound> last_round_ = DnsRound();

  ScriptedDnsServer server_;
  SimulatedClock clock_{kNow};
  Metrics metrics_;
  std::unique_ptr<DnsProber> prober_;
  DnsLoop loop_;
};

TEST_F(DnsLoopTest, ARoundReportsWhatResolvedAndProbesNobodyTwiceADay) {
  pbxs_[Id(1)].fqdn = "up.example";
  pbxs_[Id(2)].fqdn = "gone.example";
  const auto round = loop_.RunOnce(kNow);
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_EQ(round->probed, 2u);
  EXPECT_EQ(round->resolved, 1u);
  const absl::CivilDay today(2026, 3, 2);
  EXPECT_EQ(pbxs_[Id(1)].last_resolved, today);
  EXPECT_EQ(pbxs_[Id(2)].last_probed, today);
  EXPECT_EQ(pbxs_[Id(2)].last_resolved, absl::CivilDay());
  const int asked = server_.questions();
  EXPECT_EQ(loop_.RunOnce(kNow)->probed, 0u);
  EXPECT_EQ(server_.questions(), asked);
  EXPECT_EQ(loop_.RunOnce(kNow + kOneDay)->probed, 2u);
}

TEST_F(DnsLoopTest, AnOutageIsReportedToNobodyAndTriedAgainAfterAPause) {
  for (int i = 0; i < 3; ++i) pbxs_[Id(i)].fqdn = absl::StrCat("up", i, ".example");
  down_ = true;
  const auto round = loop_.RunOnce(kNow);
  ASSERT_TRUE(round.ok());
  EXPECT_TRUE(round->outage);
  EXPECT_EQ(reports_, 0);
  EXPECT_EQ(pbxs_[Id(1)].last_probed, absl::CivilDay());
  down_ = false;
  EXPECT_EQ(loop_.RunOnce(kNow + absl::Minutes(59))->probed, 0u);
  EXPECT_EQ(loop_.RunOnce(kNow + absl::Minutes(60))->resolved, 3u);
  EXPECT_EQ(reports_, 1);
}

TEST_F(DnsLoopTest, CountsProbesByOutcomeAndOutagesAndNamesNobody) {
  pbxs_[Id(1)].fqdn = "up.example";
  pbxs_[Id(2)].fqdn = "gone.example";
  ASSERT_TRUE(loop_.RunOnce(kNow).ok());
  down_ = true;
  ASSERT_TRUE(loop_.RunOnce(kNow + kOneDay)->outage);
  const auto counters = Counters();
  EXPECT_EQ(counters.at("retention_dns_probes_total/RESOLVED"), 1);
  EXPECT_EQ(counters.at("retention_dns_probes_total/NO_SUCH_NAME"), 1);
  EXPECT_EQ(counters.at("retention_dns_probes_total/NO_SERVICE"), 2);
  EXPECT_EQ(counters.at("retention_dns_outages_total"), 1);
  for (const auto& [name, value] : counters) EXPECT_EQ(name.find("example"), std::string::npos);
}

TEST_F(DnsLoopTest, APbxThatEndedSinceIsLeftOut) {
  pbxs_[Id(1)].fqdn = "up.example";
  pbxs_[Id(2)].fqdn = "up2.example";
  ended_.insert(Id(1));
  EXPECT_EQ(loop_.RunOnce(kNow)->probed, 1u);
  EXPECT_EQ(pbxs_[Id(1)].last_probed, absl::CivilDay());
  EXPECT_EQ(pbxs_[Id(2)].last_resolved, absl::CivilDay(2026, 3, 2));
}

TEST_F(DnsLoopTest, WhatTheEngineRefusesIsTriedAgainWithTheNextRound) {
  pbxs_[Id(1)].fqdn = "up.example";
  failure_ = absl::UnavailableError("not now");
  EXPECT_EQ(loop_.RunOnce(kNow).status(), failure_);
  failure_ = absl::OkStatus();
  report_failure_ = absl::UnavailableError("nor now");
  EXPECT_EQ(loop_.RunOnce(kNow).status(), report_failure_);
  report_failure_ = absl::OkStatus();
  EXPECT_EQ(loop_.RunOnce(kNow)->resolved, 1u);
}

TEST_F(DnsLoopTest, AWakeHoldsARoundAtTheTimeOfTheClock) {
  pbxs_[Id(1)].fqdn = "up.example";
  loop_.Start();
  ASSERT_TRUE(clock_.AdvanceTo(kNow + kOneDay).ok());
  loop_.Wake();
  AwaitRounds(1);
  loop_.Stop();
  EXPECT_EQ(pbxs_[Id(1)].last_resolved, absl::CivilDay(2026, 3, 3));
}

TEST_F(DnsLoopTest, StopEndsARoundThatWaitsForAnswersAndReportsNothing) {
  pbxs_[Id(1)].fqdn = "up.example";
  silent_ = true;
  loop_.Start();
  loop_.Wake();
  server_.AwaitQuestion();
  loop_.Stop();
  EXPECT_EQ(rounds_, 1);
  EXPECT_EQ(last_round_.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(reports_, 0);
}

}  // namespace
}  // namespace retention
