#include "server/ops/dns_answer.h"

#include <arpa/nameser.h>
#include <gtest/gtest.h>

#include "tests/ops/dns_servers.h"

namespace retention {
namespace {

using Kind = DnsAnswer::Kind;

DnsQuestion QuestionOf(const std::string& name) { return {DnsQuery(name, ns_t_a), name, ns_t_a}; }

TEST(DnsAnswer, EveryPrefixAndEveryFlippedByteIsReadWithinItsBounds) {
  const std::string reply = DnsReply(
      QuestionOf("pbx.example"), 0,
      {DnsRecord("pbx.example", ns_t_cname, DnsNameOnWire("b.example")), DnsRecord("b.example", 1, kAddress4)});
  ASSERT_EQ(ReadDnsAnswer(reply, "pbx.example", ns_t_a).kind, Kind::kAddress);
  for (size_t i = 0; i < reply.size(); ++i) {
    // A copy of its own size: the sanitizer sees a byte too far.
    const std::string prefix(reply.data(), i);
    EXPECT_EQ(ReadDnsAnswer(std::string(prefix), "pbx.example", ns_t_a).kind, Kind::kMalformed) << i;
    std::string flipped = reply;
    flipped[i] = static_cast<char>(flipped[i] ^ 0xFF);
    ReadDnsAnswer(flipped, "pbx.example", ns_t_a);
  }
}

TEST(DnsAnswer, AnAddressOfAnotherNameIsNone) {
  const std::string reply = DnsReply(QuestionOf("pbx.example"), 0, {DnsRecord("other.example", ns_t_a, kAddress4)});
  EXPECT_EQ(ReadDnsAnswer(reply, "pbx.example", ns_t_a).kind, Kind::kNone);
}

TEST(DnsAnswer, OwnersAreComparedWithoutCase) {
  const std::string reply = DnsReply(QuestionOf("pbx.example"), 0, {DnsRecord("PBX.Example", ns_t_a, kAddress4)});
  EXPECT_EQ(ReadDnsAnswer(reply, "pbx.example", ns_t_a).kind, Kind::kAddress);
}

TEST(DnsAnswer, AnAliasLoopWithinOneAnswerEnds) {
  const std::string reply = DnsReply(QuestionOf("a.example"), 0,
                                     {DnsRecord("a.example", ns_t_cname, DnsNameOnWire("b.example")),
                                      DnsRecord("b.example", ns_t_cname, DnsNameOnWire("a.example"))});
  EXPECT_EQ(ReadDnsAnswer(reply, "a.example", ns_t_a).kind, Kind::kAliasLoop);
}

TEST(DnsAnswer, AnAddressOfTheWrongLengthIsMalformed) {
  const std::string reply = DnsReply(QuestionOf("pbx.example"), 0, {DnsRecord("pbx.example", ns_t_a, "123")});
  EXPECT_EQ(ReadDnsAnswer(reply, "pbx.example", ns_t_a).kind, Kind::kMalformed);
}

TEST(DnsAnswer, CanonicalNamesAreLowerCaseWithoutTheirLastDot) {
  EXPECT_EQ(CanonicalDnsName("PBX-1.Example."), "pbx-1.example");
  EXPECT_EQ(CanonicalDnsName("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(CanonicalDnsName("_sip.example"), "_sip.example");
}

TEST(DnsAnswer, WhatDnsCannotHoldHasNoCanonicalName) {
  const std::string label63(63, 'a');
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  EXPECT_EQ(CanonicalDnsName(name253).size(), 253u);
  EXPECT_EQ(CanonicalDnsName(name253 + ".").size(), 253u);
  for (const std::string& wrong : {std::string(), std::string("."), std::string("a..example"), std::string(".example"),
                                   name253 + "b", label63 + "a.example",
                                   std::string("b\xC3\xBC"
                                               "cher.example"),
                                   std::string("a b.example"), std::string("192.0.2.1"), std::string("2001:db8::1"),
                                   std::string("a\0b.example", 11), std::string("a.example..")}) {
    EXPECT_EQ(CanonicalDnsName(wrong), "") << wrong.size();
  }
}

}  // namespace
}  // namespace retention
