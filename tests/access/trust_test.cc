#include "server/access/trust.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/access/certificates.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeCertificates(ours_.path(), "portal=365 old=-1 gone=30");
    RevokeCertificate(ours_.path(), "gone");
    MakeCertificates(theirs_.path(), "portal=365");
  }

  std::string Reason(const std::string& chain) {
    const auto trust = Trust::FromPem(TextOf(ours_ / "ca.pem"), TextOf(ours_ / "crl.pem"));
    EXPECT_TRUE(trust.ok()) << trust.status();
    const auto client = (*trust)->Verify(chain, absl::Now());
    if (client.ok()) return "OK";
    EXPECT_TRUE(absl::IsUnauthenticated(client.status()));
    return DetailsOf(client.status()).reason;
  }

  FreshDirectory ours_;
  FreshDirectory theirs_;
};

TEST_F(TrustTest, BelievesWhatItsAuthorityVouchesFor) {
  EXPECT_EQ(Reason(TextOf(ours_ / "portal.pem")), "OK");
  EXPECT_EQ(Reason(TextOf(ours_ / "old.pem")), "CERTIFICATE_EXPIRED");
  EXPECT_EQ(Reason(TextOf(ours_ / "gone.pem")), "CERTIFICATE_REVOKED");
  EXPECT_EQ(Reason(TextOf(theirs_ / "portal.pem")), "CERTIFICATE_UNTRUSTED");
  EXPECT_EQ(Reason("not a certificate"), "CERTIFICATE_UNTRUSTED");
  EXPECT_EQ(Reason(""), "CERTIFICATE_UNTRUSTED");
  // A certificate of a server makes no client.
  EXPECT_EQ(Reason(TextOf(ours_ / "server.pem")), "CERTIFICATE_UNTRUSTED");
}

TEST_F(TrustTest, SaysWhoItIsAndUntilWhen) {
  const auto trust = Trust::FromPem(TextOf(ours_ / "ca.pem"), "");
  ASSERT_TRUE(trust.ok()) << trust.status();
  const auto client = (*trust)->Verify(TextOf(ours_ / "portal.pem"), absl::Now());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(client->principal.names, (std::vector<std::string>{"spiffe://retention.example/portal", "CN=portal"}));
  EXPECT_GT(client->expires, absl::Now() + absl::Hours(24 * 364));
  EXPECT_LT(client->expires, absl::Now() + absl::Hours(24 * 366));
  EXPECT_EQ(
      DetailsOf((*trust)->Verify(TextOf(ours_ / "portal.pem"), client->expires + absl::Seconds(2)).status()).reason,
      "CERTIFICATE_EXPIRED");
}

// Lists of the script are good for a year.
TEST_F(TrustTest, ALapsedRevocationListStillHolds) {
  MakeCertificates(ours_.path(), "long=700 long-gone=700");
  RevokeCertificate(ours_.path(), "long-gone");
  const auto trust = Trust::FromPem(TextOf(ours_ / "ca.pem"), TextOf(ours_ / "crl.pem"));
  ASSERT_TRUE(trust.ok()) << trust.status();
  const absl::Time lapsed = absl::Now() + absl::Hours(24 * 400);
  const auto reason = [&](const char* client) {
    return DetailsOf((*trust)->Verify(TextOf(ours_ / client), lapsed).status()).reason;
  };
  EXPECT_EQ(reason("long.pem"), "");
  EXPECT_EQ(reason("long-gone.pem"), "CERTIFICATE_REVOKED");
}

TEST_F(TrustTest, BrokenFilesAreToldApart) {
  EXPECT_TRUE(absl::IsInvalidArgument(Trust::FromPem("nothing", "").status()));
  EXPECT_TRUE(absl::IsDataLoss(Trust::FromPem(TextOf(ours_ / "ca.pem"), "nothing").status()));
  EXPECT_TRUE(CheckKeyPair(TextOf(ours_ / "server.pem"), TextOf(ours_ / "server.key")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckKeyPair(TextOf(ours_ / "server.pem"), TextOf(ours_ / "portal.key"))));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckKeyPair("nothing", TextOf(ours_ / "server.key"))));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckKeyPair(TextOf(ours_ / "server.pem"), "nothing")));
}

}  // namespace
}  // namespace retention
