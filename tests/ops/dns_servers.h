// Name servers on loopback: a real one in a process of its own, and one in the test that answers as it is told.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/fresh_directory.h"

namespace retention {

// 192.0.2.1, as a record carries it.
inline const std::string kAddress4("\xC0\x00\x02\x01", 4);

// What a query asks for; its name is lower case, without the dot at its end.
struct DnsQuestion {
  std::string query;  // as it came
  std::string name;
  int type = 0;
};

// Messages, as a server makes them.
std::string DnsReply(const DnsQuestion& question, int rcode, const std::vector<std::string>& records = {});
std::string DnsRecord(const std::string& owner, int type, const std::string& data);
std::string DnsNameOnWire(const std::string& name);
std::string DnsQuery(const std::string& name, int type);

// Answers over UDP alone; its TCP port refuses.
class ScriptedDnsServer {
 public:
  // Answers to a question: none for silence. Called on the server's thread, one at a time.
  using Script = std::function<std::optional<std::string>(const DnsQuestion&)>;

  explicit ScriptedDnsServer(Script script);
  ~ScriptedDnsServer();

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  int questions() const { return questions_; }
  // Waits until it was asked something.
  void AwaitQuestion();

 private:
  void Serve();

  const Script script_;
  int socket_ = -1;
  int stop_ = -1;
  int port_ = 0;
  std::atomic<int> questions_ = 0;
  std::thread thread_;
};

// dnsmasq with lines of configuration, on a free port; answers once it is constructed.
class Dnsmasq {
 public:
  explicit Dnsmasq(const std::string& configuration);
  ~Dnsmasq();

  bool ready() const { return pid_ > 0; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  bool Start();
  bool AwaitAnswer();

  FreshDirectory directory_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace retention
