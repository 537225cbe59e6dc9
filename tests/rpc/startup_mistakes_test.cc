// Mistakes of whoever starts the server: one line that names flag, path or address, errno where there is one, and what
// to do; and nothing is left behind.
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/match.h"
#include "tests/rpc/guarded_server.h"

namespace retention {
namespace {

class StartupMistakes : public ::testing::Test {
 protected:
  StartupMistakes() { MakeCertificates(pki_.path(), "client=365"); }

  std::string In(const std::string& file) const { return (pki_ / file).string(); }
  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(In(file), std::ios::trunc) << text;
  }
  void Guard(ServerOptions& options) const {
    Write("roles.json", R"({"name": "t", "allow_rules": [)" + RoleRuleOf("portal", "client") + "]}");
    options.access.roles = In("roles.json");
    options.principals_file = In("principals");
    options.access.tls = {
        .certificate = In("server.pem"), .key = In("server.key"), .client_ca = In("ca.pem"), .crl = In("crl.pem")};
  }

  // What a start says, in which all of `parts` are.
  void Refuses(const RunningServer::Edit& edit, std::initializer_list<std::string> parts) {
    const FreshDirectory fresh;
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.data_directory = (fresh / "data").string();
    options.key_ring_directory = (fresh / "ring").string();
    options.policy_file = RETENTION_POLICY_FILE;
    edit(options);
    const auto server = Server::Start(std::move(options));
    ASSERT_FALSE(server.ok());
    const std::string message(server.status().message());
    for (const std::string& part : parts) EXPECT_TRUE(absl::StrContains(message, part)) << part << "\n" << message;
    EXPECT_FALSE(absl::StrContains(message, "\n")) << message;
    EXPECT_TRUE(std::filesystem::is_empty(fresh.path())) << message;
  }

  FreshDirectory pki_;
};

TEST_F(StartupMistakes, OfAddresses) {
  const auto listening = [](const std::string& address) {
    return [address](ServerOptions& options) { options.listen_addresses = {address}; };
  };
  Refuses(listening("50051"), {"--listen 50051", "HOST:PORT"});
  Refuses(listening("127.0.0.1:65536"), {"--listen 127.0.0.1:65536", "0 to 65535"});
  Refuses(listening("127.0.0.1:1x"), {"--listen 127.0.0.1:1x", "0 to 65535"});
  Refuses(listening("::1:50051"), {"--listen ::1:50051", "[ADDRESS]:PORT"});
  Refuses(listening("unix:socket"), {"--listen unix:socket", "unix:/PATH"});
  Refuses(listening("unix:/nowhere/socket"), {"--listen unix:/nowhere/socket", "(errno 2)", "make its directory"});
  Refuses(listening("0.0.0.0:0"), {"--listen 0.0.0.0:0", "not a loopback address", "--insecure-listen", "--tls-cert"});
  Refuses(listening("[::]:0"), {"--listen [::]:0", "not a loopback address"});
  Refuses([](ServerOptions& options) { options.listen_addresses.clear(); }, {"--listen"});
  Refuses([](ServerOptions& options) { options.metrics_address = "127.0.0.1:99999"; },
          {"--metrics-address 127.0.0.1:99999", "0 to 65535"});
}

TEST_F(StartupMistakes, APortThatIsTakenIsSaidWithItsFlag) {
  RunningServer first;
  const std::string taken = first.server().address();
  Refuses(
      [&](ServerOptions& options) {
        options.listen_addresses = {"127.0.0.1:0", taken};
      },
      {"--listen " + taken, "(errno 98)", "another process has the port"});
  Refuses([&](ServerOptions& options) { options.metrics_address = taken; },
          {"--metrics-address " + taken, "(errno 98)"});
  Refuses([&](ServerOptions& options) { options.syslog.tcp = taken; }, {"--syslog-tcp " + taken, "(errno 98)"});
}

TEST_F(StartupMistakes, OfCertificates) {
  const auto with = [this](const std::function<void(TlsFiles&)>& edit) {
    return [this, edit](ServerOptions& options) {
      Guard(options);
      edit(options.access.tls);
    };
  };
  Refuses(with([](TlsFiles& tls) { tls.key.clear(); }), {"--tls-key", "go together"});
  Refuses(with([](TlsFiles& tls) { tls.certificate = "/nowhere"; }),
          {"--tls-cert /nowhere", "(errno 2)", "give a file"});
  Refuses(with([this](TlsFiles& tls) { tls.key = In("client.key"); }),
          {"--tls-cert " + In("server.pem"), "--tls-key " + In("client.key"), "not of the certificate"});
  Refuses(with([](TlsFiles& tls) { tls.client_ca = "/"; }), {"--tls-client-ca /", "(errno 21)"});
  Refuses(with([this](TlsFiles& tls) { tls.client_ca = In("server.key"); }),
          {"--tls-client-ca " + In("server.key"), "no certificate"});
  Refuses(with([this](TlsFiles& tls) { tls.crl = In("ca.pem"); }), {"--tls-crl " + In("ca.pem"), "revocation list"});
  std::filesystem::permissions(In("server.key"), std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  Refuses(with([](TlsFiles&) {}), {"--tls-key " + In("server.key"), "chmod 0600"});
}

TEST_F(StartupMistakes, OfRoles) {
  const auto with = [this](const std::string& text) {
    return [this, text](ServerOptions& options) {
      Guard(options);
      Write("roles.json", text);
    };
  };
  Refuses(with("{"), {"--roles " + In("roles.json"), "JSON"});
  Refuses(with(R"({"name": "t", "allow_rules": [{"name": "king"}]})"),
          {"--roles " + In("roles.json"), "allow_rules[0].name"});
  Refuses(
      [this](ServerOptions& options) {
        Guard(options);
        options.access.roles = "/nowhere";
      },
      {"--roles /nowhere", "(errno 2)"});
  Refuses(
      [this](ServerOptions& options) {
        Guard(options);
        options.access.roles.clear();
        options.principals_file.clear();
      },
      {"--tls-cert needs --roles"});
  Refuses(
      [this](ServerOptions& options) {
        Guard(options);
        options.principals_file.clear();
      },
      {"--roles and --principals go together"});
  Refuses(
      [this](ServerOptions& options) {
        Guard(options);
        options.principals_file = "/nowhere/principals";
      },
      {"--principals /nowhere/principals", "(errno 2)"});
}

TEST_F(StartupMistakes, OfResolversAndThePolicy) {
  Refuses([](ServerOptions& options) { options.dns.emplace().resolvers = {"not an address"}; }, {"DNS"});
  Refuses([](ServerOptions& options) { options.policy_file = "/nowhere"; }, {"--policy /nowhere", "(errno 2)"});
  // It is there, and a read of it fails.
  Refuses([](ServerOptions& options) { options.policy_file = "/"; }, {"--policy /", "(errno 21)", "give a file"});
}

TEST_F(StartupMistakes, APlainPortToTheNetworkIsGoneOnWithWhenItIsAskedFor) {
  RunningServer server([](ServerOptions& options) {
    options.listen_addresses = {"0.0.0.0:0"};
    options.insecure_listen = true;
  });
  EXPECT_EQ(server.Health("liveness"), 1);
}

}  // namespace
}  // namespace retention
