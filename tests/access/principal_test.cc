#include "server/access/principal.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

Principal WithNames(std::vector<std::string> names) {
  return {.kind = Principal::Kind::kCertificate, .names = std::move(names)};
}

TEST(Principal, IsMatchedByAnyOfItsNames) {
  const Principal portal = WithNames({"spiffe://example/portal", "portal.example", "CN=portal,O=Example"});
  for (const char* pattern :
       {"spiffe://example/portal", "portal.example", "CN=portal,O=Example", "spiffe://example/*", "*.example", "*"}) {
    EXPECT_TRUE(portal.Matches(pattern)) << pattern;
  }
  for (const char* pattern :
       {"", "spiffe://example/port", "portal", "CN=portal", "*.example.org", "spiffe://other/*"}) {
    EXPECT_FALSE(portal.Matches(pattern)) << pattern;
  }
}

TEST(Principal, NoCertificateIsTakenForWhatIsKnownWithoutOne) {
  for (const char* name : {"loopback", "network", "unix:uid=0"}) {
    EXPECT_FALSE(WithNames({name}).Matches(name)) << name;
  }
}

TEST(Principal, WithoutACertificateOnlyItsOwnNameMatches) {
  const Principal root{.kind = Principal::Kind::kUnix, .uid = 0};
  EXPECT_TRUE(root.Matches("unix:uid=0"));
  for (const char* pattern : {"*", "unix:*", "unix:uid=*", "unix:uid=1", "loopback"}) {
    EXPECT_FALSE(root.Matches(pattern)) << pattern;
  }
  const Principal loopback{.kind = Principal::Kind::kLoopback};
  EXPECT_TRUE(loopback.Matches("loopback"));
  EXPECT_FALSE(loopback.Matches("*"));
  const Principal network{.kind = Principal::Kind::kNetwork};
  EXPECT_TRUE(network.Matches("network"));
  EXPECT_FALSE(network.Matches("loopback"));
}

TEST(Principal, PatternsHaveOneStarAtAnEnd) {
  for (const char* pattern : {"a", "*", "a*", "*a"}) EXPECT_TRUE(IsPattern(pattern)) << pattern;
  for (const char* pattern : {"", "a*b", "*a*", "**"}) EXPECT_FALSE(IsPattern(pattern)) << pattern;
}

}  // namespace
}  // namespace retention
