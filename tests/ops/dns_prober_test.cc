#include "server/ops/dns_prober.h"

#include <arpa/nameser.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/errors.h"
#include "tests/ops/dns_servers.h"

namespace retention {
namespace {

constexpr int kNoError = 0;
constexpr int kServFail = 2;
constexpr int kNxDomain = 3;
constexpr int kRefused = 5;
// How long silence is listened to. Only servers that do answer are asked with the long one.
constexpr absl::Duration kImpatient = absl::Milliseconds(60);
constexpr absl::Duration kPatient = absl::Seconds(20);

std::unique_ptr<DnsProber> Prober(DnsProber::Options options) {
  auto prober = DnsProber::Create(std::move(options));
  EXPECT_TRUE(prober.ok()) << prober.status();
  return *std::move(prober);
}

std::unique_ptr<DnsProber> Prober(const std::string& resolver, absl::Duration timeout = kPatient) {
  return Prober({.resolvers = {resolver}, .timeout = timeout, .tries = 1});
}

RoundOutcome ProbeNames(DnsProber& prober, const std::vector<std::string>& names) {
  auto outcome = prober.Probe(names);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *std::move(outcome) : RoundOutcome{.results = std::vector<ProbeResult>(names.size())};
}

ProbeCause CauseOf(DnsProber& prober, const std::string& name) { return ProbeNames(prober, {name}).results[0].cause; }

// Answers A questions for names that begin with "up", and NXDOMAIN for the rest.
std::optional<std::string> UpOrGone(const DnsQuestion& question) {
  if (!absl::StartsWith(question.name, "up")) return DnsReply(question, kNxDomain);
  if (question.type != ns_t_a) return DnsReply(question, kNoError);
  return DnsReply(question, kNoError, {DnsRecord(question.name, ns_t_a, kAddress4)});
}

ScriptedDnsServer::Script Always(int rcode) {
  return [rcode](const DnsQuestion& question) { return DnsReply(question, rcode); };
}

std::optional<std::string> Silence(const DnsQuestion&) { return std::nullopt; }

TEST(DnsProber, ARealServersAnswersAreUnderstood) {
  const Dnsmasq dnsmasq(
      "host-record=four.example,192.0.2.4\n"
      "host-record=six.example,2001:db8::6\n"
      "cname=one.example,two.example\ncname=two.example,three.example\ncname=three.example,six.example\n"
      "txt-record=text.example,words\n");
  ASSERT_TRUE(dnsmasq.ready());
  const auto prober = Prober(dnsmasq.address());
  const std::map<std::string, ProbeCause> expected = {
      {"four.example", ProbeCause::kResolved},  {"FOUR.Example.", ProbeCause::kResolved},
      {"six.example", ProbeCause::kResolved},   {"one.example", ProbeCause::kResolved},
      {"text.example", ProbeCause::kNoAddress}, {"gone.example", ProbeCause::kNoSuchName},
      {"not a name", ProbeCause::kBadName},     {"", ProbeCause::kBadName},
  };
  std::vector<std::string> names;
  for (const auto& [name, cause] : expected) names.push_back(name);
  const RoundOutcome round = ProbeNames(*prober, names);
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(round.results[i].cause, expected.at(names[i])) << names[i];
  EXPECT_FALSE(round.outage);
}

TEST(DnsProber, OnlyTheRecordsThatAreWantedCount) {
  const Dnsmasq dnsmasq("host-record=four.example,192.0.2.4\nhost-record=six.example,2001:db8::6\n");
  ASSERT_TRUE(dnsmasq.ready());
  const auto only_a = Prober({.resolvers = {dnsmasq.address()}, .ask_aaaa = false, .timeout = kPatient});
  EXPECT_EQ(CauseOf(*only_a, "four.example"), ProbeCause::kResolved);
  EXPECT_EQ(CauseOf(*only_a, "six.example"), ProbeCause::kNoAddress);
  const auto only_aaaa = Prober({.resolvers = {dnsmasq.address()}, .ask_a = false, .timeout = kPatient});
  EXPECT_EQ(CauseOf(*only_aaaa, "four.example"), ProbeCause::kNoAddress);
  EXPECT_EQ(CauseOf(*only_aaaa, "six.example"), ProbeCause::kResolved);
}

TEST(DnsProber, ALameDelegationDoesNotResolve) {
  const ScriptedDnsServer refusing(Always(kRefused));
  const ScriptedDnsServer silent(Silence);
  const Dnsmasq dnsmasq(absl::StrCat("server=/refused.test/127.0.0.1#", refusing.port(),
                                     "\nserver=/silent.test/127.0.0.1#", silent.port(), "\n"));
  ASSERT_TRUE(dnsmasq.ready());
  EXPECT_EQ(CauseOf(*Prober(dnsmasq.address()), "pbx.refused.test"), ProbeCause::kNoService);
  EXPECT_EQ(CauseOf(*Prober(dnsmasq.address(), kImpatient), "pbx.silent.test"), ProbeCause::kTimedOut);
  EXPECT_GT(refusing.questions(), 0);
  EXPECT_GT(silent.questions(), 0);
}

TEST(DnsProber, AliasesAreFollowedOverSeveralAnswersUpToALimit) {
  // alias7 -> alias6 -> ... -> up.example, one step an answer.
  const ScriptedDnsServer server([](const DnsQuestion& question) -> std::optional<std::string> {
    int number = 0;
    if (sscanf(question.name.c_str(), "alias%d.", &number) != 1) return UpOrGone(question);
    const std::string target = number > 1 ? absl::StrCat("alias", number - 1, ".example") : "up.example";
    return DnsReply(question, kNoError, {DnsRecord(question.name, ns_t_cname, DnsNameOnWire(target))});
  });
  const auto prober = Prober(server.address());
  EXPECT_EQ(CauseOf(*prober, "alias3.example"), ProbeCause::kResolved);
  EXPECT_EQ(CauseOf(*prober, "alias16.example"), ProbeCause::kResolved);
  EXPECT_EQ(CauseOf(*prober, "alias17.example"), ProbeCause::kAliasLoop);
}

TEST(DnsProber, AnAliasLoopEnds) {
  const ScriptedDnsServer server([](const DnsQuestion& question) {
    const std::string target = question.name == "a.example" ? "b.example" : "a.example";
    return DnsReply(question, kNoError, {DnsRecord(question.name, ns_t_cname, DnsNameOnWire(target))});
  });
  EXPECT_EQ(CauseOf(*Prober(server.address()), "a.example"), ProbeCause::kAliasLoop);
  EXPECT_LT(server.questions(), 50);
}

TEST(DnsProber, AnAliasOfNothingDoesNotResolve) {
  const ScriptedDnsServer server([](const DnsQuestion& question) -> std::optional<std::string> {
    if (question.name != "a.example") return UpOrGone(question);
    return DnsReply(question, kNoError, {DnsRecord("a.example", ns_t_cname, DnsNameOnWire("gone.example"))});
  });
  EXPECT_EQ(CauseOf(*Prober(server.address()), "a.example"), ProbeCause::kNoSuchName);
}

TEST(DnsProber, EachWayToFailHasItsCause) {
  const ScriptedDnsServer failing(Always(kServFail));
  const ScriptedDnsServer refusing(Always(kRefused));
  const ScriptedDnsServer silent(Silence);
  const ScriptedDnsServer truncating([](const DnsQuestion& question) {
    std::string reply = DnsReply(question, kNoError);
    reply[2] = static_cast<char>(reply[2] | 0x02);  // TC; and TCP is refused
    return reply;
  });
  EXPECT_EQ(CauseOf(*Prober(failing.address()), "pbx.example"), ProbeCause::kNoService);
  EXPECT_EQ(CauseOf(*Prober(refusing.address()), "pbx.example"), ProbeCause::kNoService);
  EXPECT_EQ(CauseOf(*Prober(silent.address(), kImpatient), "pbx.example"), ProbeCause::kTimedOut);
  EXPECT_EQ(CauseOf(*Prober(truncating.address(), kImpatient), "pbx.example"), ProbeCause::kNoService);
}

TEST(DnsProber, NonsenseDoesNotResolve) {
  const ScriptedDnsServer garbage([](const DnsQuestion&) { return std::string(600, '\xFF'); });
  EXPECT_EQ(CauseOf(*Prober(garbage.address(), kImpatient), "pbx.example"), ProbeCause::kTimedOut);
  const ScriptedDnsServer short_garbage([](const DnsQuestion&) { return std::string("\x01\x02"); });
  EXPECT_EQ(CauseOf(*Prober(short_garbage.address(), kImpatient), "pbx.example"), ProbeCause::kTimedOut);
  const ScriptedDnsServer wrong_id([](const DnsQuestion& question) {
    std::string reply = DnsReply(question, kNoError, {DnsRecord(question.name, ns_t_a, kAddress4)});
    reply[0] = static_cast<char>(reply[0] ^ 0x55);
    return reply;
  });
  EXPECT_EQ(CauseOf(*Prober(wrong_id.address(), kImpatient), "pbx.example"), ProbeCause::kTimedOut);
  const ScriptedDnsServer cut_record([](const DnsQuestion& question) {
    std::string reply = DnsReply(question, kNoError, {DnsRecord(question.name, question.type, std::string(20, 'x'))});
    reply.resize(reply.size() - 10);
    return reply;
  });
  EXPECT_EQ(CauseOf(*Prober(cut_record.address()), "pbx.example"), ProbeCause::kMalformed);
}

TEST(DnsProber, TheNextResolverIsAskedWhereOneFails) {
  const ScriptedDnsServer failing(Always(kServFail));
  const ScriptedDnsServer good(UpOrGone);
  const auto prober = Prober({.resolvers = {failing.address(), good.address()}, .timeout = kPatient, .tries = 1});
  EXPECT_EQ(CauseOf(*prober, "up.example"), ProbeCause::kResolved);
}

TEST(DnsProber, AnAddressOfEitherKindIsEnoughWhateverTheOtherSays) {
  const ScriptedDnsServer server([](const DnsQuestion& question) {
    if (question.type == ns_t_a) return DnsReply(question, kServFail);
    return DnsReply(question, kNoError, {DnsRecord(question.name, ns_t_aaaa, std::string(16, '\x20'))});
  });
  EXPECT_EQ(CauseOf(*Prober(server.address()), "pbx.example"), ProbeCause::kResolved);
}

TEST(DnsProber, TheGraverCauseCounts) {
  const ScriptedDnsServer server(
      [](const DnsQuestion& question) { return DnsReply(question, question.type == ns_t_a ? kServFail : kNoError); });
  EXPECT_EQ(CauseOf(*Prober(server.address()), "pbx.example"), ProbeCause::kNoService);
}

TEST(DnsProberOutage, OneNameThatResolvesIsEnoughForTheRoundToCount) {
  const ScriptedDnsServer server(UpOrGone);
  const RoundOutcome round = ProbeNames(*Prober(server.address()), {"gone1.example", "up.example", "gone2.example"});
  EXPECT_FALSE(round.outage);
  EXPECT_FALSE(round.results[0].resolved());
  EXPECT_TRUE(round.results[1].resolved());
  EXPECT_FALSE(round.results[2].resolved());
}

TEST(DnsProberOutage, AllThatFailAreOurOwnOutageWhateverTheCause) {
  const ScriptedDnsServer gone(Always(kNxDomain));
  EXPECT_TRUE(ProbeNames(*Prober(gone.address()), {"a.example", "b.example"}).outage);
  EXPECT_TRUE(ProbeNames(*Prober(gone.address()), {"only.example"}).outage);
  const ScriptedDnsServer silent(Silence);
  EXPECT_TRUE(ProbeNames(*Prober(silent.address(), kImpatient), {"a.example", "b.example"}).outage);
}

TEST(DnsProberOutage, ARoundThatAskedNobodyIsNone) {
  const ScriptedDnsServer server(Always(kServFail));
  EXPECT_FALSE(ProbeNames(*Prober(server.address()), {}).outage);
  const RoundOutcome bad = ProbeNames(*Prober(server.address()), {"not a name"});
  EXPECT_FALSE(bad.outage);
  EXPECT_FALSE(bad.results[0].resolved());
  EXPECT_EQ(server.questions(), 0);
}

TEST(DnsProberOutage, ABadNameDoesNotSpeakForTheNetwork) {
  const ScriptedDnsServer server(Always(kServFail));
  EXPECT_TRUE(ProbeNames(*Prober(server.address()), {"not a name", "pbx.example"}).outage);
}

TEST(DnsProberOutage, WithControlNamesTheOnlyPbxCanBeDead) {
  const ScriptedDnsServer server(UpOrGone);
  const auto prober =
      Prober({.resolvers = {server.address()}, .timeout = kPatient, .control_names = {"gone.example", "up.example"}});
  const RoundOutcome round = ProbeNames(*prober, {"only.example"});
  EXPECT_FALSE(round.outage);
  ASSERT_EQ(round.results.size(), 1u);
  EXPECT_EQ(round.results[0].cause, ProbeCause::kNoSuchName);
}

TEST(DnsProberOutage, WithControlNamesThatFailNothingIsConcluded) {
  const ScriptedDnsServer server(UpOrGone);
  const auto prober = Prober({.resolvers = {server.address()}, .timeout = kPatient, .control_names = {"gone.example"}});
  EXPECT_TRUE(ProbeNames(*prober, {"up.example", "gone.example"}).outage);
}

TEST(DnsProberOutage, OneThatBeginsWithinTheRoundCountsForNobody) {
  std::atomic<int> control_questions = 0;
  const ScriptedDnsServer server([&](const DnsQuestion& question) -> std::optional<std::string> {
    if (question.name != "up-control.example") return DnsReply(question, kServFail);
    return ++control_questions == 1 ? UpOrGone(question) : DnsReply(question, kServFail);
  });
  const auto prober =
      Prober({.resolvers = {server.address()}, .timeout = kPatient, .control_names = {"up-control.example"}});
  EXPECT_TRUE(ProbeNames(*prober, {"pbx.example"}).outage);
}

TEST(DnsProber, LookupsUnderWayAreBounded) {
  std::mutex mutex;
  std::string asked;  // the first letters of the names
  const ScriptedDnsServer silent([&](const DnsQuestion& question) {
    std::lock_guard lock(mutex);
    asked += question.name[0];
    return std::nullopt;
  });
  const auto prober = Prober(
      {.resolvers = {silent.address()}, .ask_aaaa = false, .timeout = kImpatient, .tries = 1, .concurrent_max = 5});
  EXPECT_TRUE(ProbeNames(*prober, {"a1", "a2", "a3", "a4", "a5", "b1", "b2", "b3", "b4", "b5"}).outage);
  std::lock_guard lock(mutex);
  // The second five were asked for when the first had timed out, not before.
  EXPECT_EQ(asked, "aaaaabbbbb");
}

TEST(DnsProber, ManyNamesGetEachTheirOwnAnswer) {
  const ScriptedDnsServer server(UpOrGone);
  const auto prober = Prober(server.address());
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back(absl::StrCat(i % 3 == 0 ? "gone" : "up", i, ".example"));
  const RoundOutcome round = ProbeNames(*prober, names);
  for (size_t i = 0; i < names.size(); ++i) ASSERT_EQ(round.results[i].resolved(), i % 3 != 0) << i;
}

TEST(DnsProber, ARoundDoesNotSpinWhileItWaits) {
  const ScriptedDnsServer silent(Silence);
  const auto cpu = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return absl::DurationFromTimespec(time);
  };
  const auto prober =
      Prober({.resolvers = {silent.address()}, .ask_aaaa = false, .timeout = absl::Milliseconds(300), .tries = 1});
  const absl::Duration before = cpu();
  EXPECT_TRUE(ProbeNames(*prober, {"pbx.example"}).outage);
  EXPECT_LT(cpu() - before, absl::Milliseconds(100));
}

TEST(DnsProber, CancelEndsTheRoundUnderWayAndLaterOnes) {
  ScriptedDnsServer silent(Silence);
  const auto prober = Prober({.resolvers = {silent.address()}, .timeout = absl::Minutes(1), .tries = 10});
  absl::Status status;
  std::thread round([&] { status = prober->Probe({"pbx.example", "other.example"}).status(); });
  silent.AwaitQuestion();
  prober->Cancel();
  round.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(prober->Probe({"pbx.example"}).status().code(), absl::StatusCode::kCancelled);
}

TEST(DnsProber, ResolversAreAddressesWithOrWithoutAPort) {
  for (const char* good : {"192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:5353"}) {
    EXPECT_TRUE(DnsProber::Create({.resolvers = {good}}).ok()) << good;
  }
  for (const char* bad : {"", "dns.example", "192.0.2", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536",
                          "[192.0.2.1]", "[2001:db8::53", "[2001:db8::53]5353", "192.0.2.53,192.0.2.54", ":53"}) {
    const auto prober = DnsProber::Create({.resolvers = {"192.0.2.1", bad}});
    EXPECT_EQ(DetailsOf(prober.status()).field(), "resolvers[1]") << bad;
  }
}

TEST(DnsProber, OptionsOutOfBoundsAreNamed) {
  const auto field = [](DnsProber::Options options) {
    return DetailsOf(DnsProber::Create(std::move(options)).status()).field();
  };
  EXPECT_EQ(field({.ask_a = false, .ask_aaaa = false}), "ask_a");
  EXPECT_EQ(field({.timeout = absl::Milliseconds(1)}), "timeout");
  EXPECT_EQ(field({.timeout = absl::Hours(1)}), "timeout");
  EXPECT_EQ(field({.tries = 0}), "tries");
  EXPECT_EQ(field({.concurrent_max = 0}), "concurrent_max");
  EXPECT_EQ(field({.concurrent_max = 1001}), "concurrent_max");
  EXPECT_EQ(field({.control_names = {"ok.example", "not ok"}}), "control_names[1]");
}

}  // namespace
}  // namespace retention
