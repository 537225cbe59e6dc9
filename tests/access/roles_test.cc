#include "server/access/roles.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/base/errors.h"

namespace retention {
namespace {

const MethodRow& Method(std::string_view path) {
  const auto row = std::find_if(MethodTable().begin(), MethodTable().end(),
                                [path](const MethodRow& one) { return PathOf(one) == path; });
  EXPECT_NE(row, MethodTable().end()) << path;
  return *row;
}

Principal Named(std::string name) { return {.kind = Principal::Kind::kCertificate, .names = {std::move(name)}}; }

std::string FieldOf(std::string_view json) {
  const auto roles = Roles::FromJson(json);
  if (roles.ok()) return "none";
  EXPECT_TRUE(absl::IsInvalidArgument(roles.status())) << roles.status();
  return DetailsOf(roles.status()).field();
}

constexpr char kGetMeeting[] = "/retention.v1.MeetingService/GetMeeting";
constexpr char kSweep[] = "/retention.v1.RetentionService/Sweep";
constexpr char kRecord[] = "/retention.v1.EventService/RecordEvents";

TEST(Roles, GiveWhatTheTableSaysAndNothingElse) {
  const auto roles = Roles::FromJson(R"({
    "name": "test",
    "allow_rules": [
      {"name": "portal", "source": {"principals": ["spiffe://example/portal"]}},
      {"name": "operator/first", "source": {"principals": ["spiffe://example/ops/*"]}}
    ]})");
  ASSERT_TRUE(roles.ok()) << roles.status();
  EXPECT_EQ(roles->Find(Named("spiffe://example/portal"), Method(kGetMeeting))->role, Role::kPortal);
  EXPECT_EQ(roles->Find(Named("spiffe://example/ops/ina"), Method(kGetMeeting))->role, Role::kOperator);
  EXPECT_FALSE(roles->Find(Named("spiffe://example/portal"), Method(kSweep)).has_value());
  EXPECT_FALSE(roles->Find(Named("spiffe://example/ops/ina"), Method(kRecord)).has_value());
  EXPECT_FALSE(roles->Find(Named("spiffe://example/else"), Method(kGetMeeting)).has_value());
}

TEST(Roles, DenyRulesGoBeforeAndPathsNarrow) {
  const auto roles = Roles::FromJson(R"({
    "name": "test",
    "deny_rules": [{"name": "gone", "source": {"principals": ["ops/eva"]}}],
    "allow_rules": [{
      "name": "operator",
      "source": {"principals": ["ops/*"]},
      "request": {"paths": ["/retention.v1.RetentionService/*", "*/GetMeeting"]}
    }]})");
  ASSERT_TRUE(roles.ok()) << roles.status();
  EXPECT_TRUE(roles->Find(Named("ops/ina"), Method(kSweep)).has_value());
  EXPECT_TRUE(roles->Find(Named("ops/ina"), Method(kGetMeeting)).has_value());
  EXPECT_FALSE(roles->Find(Named("ops/ina"), Method("/retention.v1.RingService/RotateRingRoot")).has_value());
  EXPECT_FALSE(roles->Find(Named("ops/eva"), Method(kSweep)).has_value());
}

TEST(Roles, ScopesOfARoleAddUpAndReachNoMethodThatHasNone) {
  const auto roles = Roles::FromJson(R"({
    "name": "test",
    "allow_rules": [
      {"name": "portal/a", "source": {"principals": ["p"]}, "scope": {"pbx_ids": ["a"]}},
      {"name": "operator", "source": {"principals": ["p"]}},
      {"name": "portal/b", "source": {"principals": ["p"]}, "scope": {"pbx_ids": ["b"]}},
      {"name": "portal/c", "source": {"principals": ["q"]}, "scope": {"pbx_ids": ["c"]}}
    ]})");
  ASSERT_TRUE(roles.ok()) << roles.status();
  const auto unknown = [](std::string_view) -> absl::StatusOr<std::optional<std::string>> { return std::nullopt; };
  const auto grant = roles->Find(Named("p"), Method(kGetMeeting));
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->role, Role::kPortal);
  for (const auto& [pbx, has] : {std::pair("a", true), std::pair("b", true), std::pair("c", false)}) {
    EXPECT_EQ(*grant->scope->Has(pbx, unknown), has) << pbx;
  }
  // A portal with a scope reports no licences, which are of nobody's PBX; the operator does.
  const MethodRow& licence = Method("/retention.v1.PbxService/ReportLicence");
  EXPECT_FALSE(roles->Find(Named("q"), licence).has_value());
  EXPECT_EQ(roles->Find(Named("p"), licence)->role, Role::kOperator);
}

TEST(Roles, WhatIsNotKnownIsRefused) {
  constexpr char kRule[] = R"("name": "portal", "source": {"principals": ["p"]})";
  const auto with = [&](const std::string& rule) { return R"({"name": "t", "allow_rules": [{)" + rule + "}]}"; };
  EXPECT_EQ(FieldOf(with(kRule)), "none");
  EXPECT_EQ(FieldOf(""), "roles");
  EXPECT_EQ(FieldOf("[]"), "roles");
  EXPECT_EQ(FieldOf(with(std::string(kRule) + R"(, "headers": [])")), "roles");
  EXPECT_EQ(FieldOf(R"({"name": "t", "audit": 1, "allow_rules": [{)" + std::string(kRule) + "}]}"), "roles");
  EXPECT_EQ(FieldOf(R"({"name": "t"})"), "allow_rules");
  EXPECT_EQ(FieldOf(R"({"allow_rules": [{)" + std::string(kRule) + "}]}"), "name");
  EXPECT_EQ(FieldOf(with(R"("name": "admin", "source": {"principals": ["p"]})")), "allow_rules[0].name");
  EXPECT_EQ(FieldOf(with(R"("name": "portals", "source": {"principals": ["p"]})")), "allow_rules[0].name");
  EXPECT_EQ(FieldOf(with(R"("name": "portal")")), "allow_rules[0].source.principals");
  EXPECT_EQ(FieldOf(with(R"("name": "portal", "source": {"principals": ["a*b"]})")),
            "allow_rules[0].source.principals[0]");
  EXPECT_EQ(FieldOf(with(std::string(kRule) + R"(, "request": {})")), "allow_rules[0].request.paths");
  EXPECT_EQ(FieldOf(with(std::string(kRule) + R"(, "request": {"paths": ["/retention.v1.PbxService/Get"]})")),
            "allow_rules[0].request.paths[0]");
  EXPECT_EQ(FieldOf(with(std::string(kRule) + R"(, "scope": {})")), "allow_rules[0].scope");
  EXPECT_EQ(FieldOf(with(std::string(kRule) + R"(, "scope": {"pbx_ids": [""]})")), "allow_rules[0].scope.pbx_ids[0]");
  EXPECT_EQ(FieldOf(with(R"("name": "operator", "source": {"principals": ["p"]}, "scope": {"pbx_ids": ["a"]})")),
            "allow_rules[0].scope");
  EXPECT_EQ(FieldOf(std::string(Roles::kMaxFileBytes + 1, ' ')), "roles");
}

}  // namespace
}  // namespace retention
