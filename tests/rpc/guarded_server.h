// A server in this process with mutual TLS and roles, and callers with certificates of every kind.
#ifndef RETENTION_TESTS_RPC_GUARDED_SERVER_H_
#define RETENTION_TESTS_RPC_GUARDED_SERVER_H_

#include <fstream>
#include <memory>
#include <string>

#include "tests/access/certificates.h"
#include "tests/rpc/caller.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fresh_directory.h"

namespace retention {

// A rule that gives `role` to the certificate of `client`; `more`: further fields.
inline std::string RoleRuleOf(const std::string& role, const std::string& client, const std::string& more = "") {
  return R"({"name": ")" + role + R"(", "source": {"principals": ["spiffe://retention.example/)" + client + "\"]}" +
         more + "}";
}

class GuardedServer {
 public:
  // `clients`: "portal=365 old=-1". `rules`: of the roles file.
  GuardedServer(const std::string& clients, const std::string& rules, const RunningServer::Edit& edit = {}) {
    MakeCertificates(ours_.path(), clients);
    MakeCertificates(theirs_.path(), clients);
    WriteRoles(rules);
    server_ = std::make_unique<RunningServer>([this, &edit](ServerOptions& options) {
      Guard(options);
      if (edit) edit(options);
    });
  }

  void Guard(ServerOptions& options) const {
    options.access.roles = (ours_ / "roles.json").string();
    options.principals_file = (ours_ / "principals").string();
    options.access.tls = {.certificate = (ours_ / "server.pem").string(),
                          .key = (ours_ / "server.key").string(),
                          .client_ca = (ours_ / "ca.pem").string(),
                          .crl = (ours_ / "crl.pem").string()};
  }
  void WriteRoles(const std::string& rules) const {
    WriteText("roles.json", R"({"name": "test", "allow_rules": [)" + rules + "]}");
  }
  void WriteText(const std::string& file, const std::string& text) const {
    std::ofstream(ours_ / file, std::ios::trunc) << text;
  }

  std::unique_ptr<Caller> CallerOf(const std::string& client) const { return NewCaller(ours_, client); }
  // With the same names, by an authority that the server does not know.
  std::unique_ptr<Caller> StrangerOf(const std::string& client) const { return NewCaller(theirs_, client); }
  std::unique_ptr<Caller> CallerWithout() const {
    return std::make_unique<Caller>(address(), CallerTls{.ca = (ours_ / "ca.pem").string()});
  }

  std::string address() const { return server_->server().address(); }
  Server& server() { return server_->server(); }
  RunningServer& running() { return *server_; }
  const FreshDirectory& pki() const { return ours_; }

 private:
  std::unique_ptr<Caller> NewCaller(const FreshDirectory& pki, const std::string& client) const {
    return std::make_unique<Caller>(address(), CallerTls{.ca = (ours_ / "ca.pem").string(),
                                                         .certificate = (pki / (client + ".pem")).string(),
                                                         .key = (pki / (client + ".key")).string()});
  }

  FreshDirectory ours_;
  FreshDirectory theirs_;
  std::unique_ptr<RunningServer> server_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_GUARDED_SERVER_H_
