#include "server/access/gate.h"

#include <gtest/gtest.h>

#include "retention/v1/event_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/base/errors.h"
#include "tests/access/certificates.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

const MethodRow& Recording() { return RowOf<v1::RecordEventsRequest>(); }

std::shared_ptr<const Roles> RolesOf(const std::string& rules) {
  auto roles = Roles::FromJson(R"({"name": "t", "allow_rules": [)" + rules + "]}");
  EXPECT_TRUE(roles.ok()) << roles.status();
  return std::make_shared<const Roles>(*std::move(roles));
}

constexpr char kPortal[] = R"({"name": "portal", "source": {"principals": ["spiffe://retention.example/portal"]}})";
constexpr char kOperator[] = R"({"name": "operator", "source": {"principals": ["loopback"]}})";

std::string Outcome(const absl::Status& status) {
  return status.ok() ? "OK" : absl::StatusCodeToString(status.code()) + " " + DetailsOf(status).reason;
}

class GateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeCertificates(pki_.path(), "portal=365 other=365");
    chain_ = TextOf(pki_ / "portal.pem");
    gate_.SetRoles(RolesOf(kPortal));
    Trusts();
  }
  void Trusts() {
    auto trust = Trust::FromPem(TextOf(pki_ / "ca.pem"), TextOf(pki_ / "crl.pem"));
    ASSERT_TRUE(trust.ok()) << trust.status();
    gate_.SetTrust(*std::move(trust));
  }
  absl::StatusOr<Admission> Admit(absl::Time now = absl::Now()) {
    auto admission = gate_.Admit({.kind = Principal::Kind::kCertificate, .chain = chain_}, Recording(), now);
    if (admission.ok()) admission->chain = chain_;
    return admission;
  }

  FreshDirectory pki_;
  std::string chain_;
  Gate gate_;
};

TEST_F(GateTest, WithoutRolesWhoeverReachesTheServerMayAll) {
  Gate open;
  for (const auto kind : {Principal::Kind::kLoopback, Principal::Kind::kNetwork, Principal::Kind::kUnix}) {
    const auto admission = open.Admit({.kind = kind}, Recording(), absl::Now());
    ASSERT_TRUE(admission.ok()) << admission.status();
    EXPECT_FALSE(admission->role.has_value());
    EXPECT_EQ(admission->scope, nullptr);
  }
}

TEST_F(GateTest, WithRolesLoopbackHasWhatTheFileGivesIt) {
  const PeerEvidence loopback{.kind = Principal::Kind::kLoopback};
  EXPECT_EQ(Outcome(gate_.Admit(loopback, Recording(), absl::Now()).status()), "PERMISSION_DENIED ROLE_MISSING");
  gate_.SetRoles(RolesOf(kOperator));
  EXPECT_EQ(Outcome(gate_.Admit(loopback, RowOf<v1::SweepRequest>(), absl::Now()).status()), "OK");
  EXPECT_EQ(Outcome(gate_.Admit(loopback, Recording(), absl::Now()).status()), "PERMISSION_DENIED ROLE_MISSING");
}

TEST_F(GateTest, ACertificateIsKnownByItsNamesAndItsRoleRemembered) {
  for (int i = 0; i < 2; ++i) {
    const auto admission = Admit();
    ASSERT_TRUE(admission.ok()) << admission.status();
    EXPECT_EQ(admission->principal, "spiffe://retention.example/portal");
    EXPECT_EQ(admission->role, Role::kPortal);
  }
  chain_ = TextOf(pki_ / "other.pem");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Outcome(Admit().status()), "PERMISSION_DENIED ROLE_MISSING");
}

TEST_F(GateTest, AnOpenStreamEndsWithTheRole) {
  auto admission = Admit();
  ASSERT_TRUE(admission.ok()) << admission.status();
  EXPECT_EQ(Outcome(gate_.Renew(*admission, absl::Now())), "OK");
  gate_.SetRoles(RolesOf(kOperator));
  EXPECT_EQ(Outcome(gate_.Renew(*admission, absl::Now())), "PERMISSION_DENIED ROLE_MISSING");
}

TEST_F(GateTest, AnOpenStreamEndsWithTheCertificateRevokedOrLapsed) {
  auto admission = Admit();
  ASSERT_TRUE(admission.ok()) << admission.status();
  EXPECT_EQ(Outcome(gate_.Renew(*admission, absl::Now() + absl::Hours(24 * 366))),
            "UNAUTHENTICATED CERTIFICATE_EXPIRED");
  EXPECT_EQ(Outcome(Admit(absl::Now() + absl::Hours(24 * 366)).status()), "UNAUTHENTICATED CERTIFICATE_EXPIRED");
  RevokeCertificate(pki_.path(), "portal");
  Trusts();
  EXPECT_EQ(Outcome(gate_.Renew(*admission, absl::Now())), "UNAUTHENTICATED CERTIFICATE_REVOKED");
  EXPECT_EQ(Outcome(gate_.CheckCertificate(chain_, absl::Now())), "UNAUTHENTICATED CERTIFICATE_REVOKED");
}

TEST_F(GateTest, AnOpenStreamGoesOnInTheRoleThatItHasNow) {
  auto admission = Admit();
  ASSERT_TRUE(admission.ok()) << admission.status();
  gate_.SetRoles(RolesOf(R"({"name": "portal", "source": {"principals": ["*"]}, "scope": {"pbx_ids": ["a"]}})"));
  ASSERT_EQ(Outcome(gate_.Renew(*admission, absl::Now())), "OK");
  EXPECT_NE(admission->scope, nullptr);
}

TEST(Gate, BelievesNoCertificateUntilItKnowsAnAuthority) {
  Gate gate;
  EXPECT_EQ(
      Outcome(gate.Admit({.kind = Principal::Kind::kCertificate, .chain = "x"}, Recording(), absl::Now()).status()),
      "UNAUTHENTICATED CERTIFICATE_UNTRUSTED");
  EXPECT_EQ(Outcome(gate.CheckCertificate("x", absl::Now())), "UNAUTHENTICATED CERTIFICATE_UNTRUSTED");
}

}  // namespace
}  // namespace retention
