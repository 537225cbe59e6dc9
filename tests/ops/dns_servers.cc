#include "tests/ops/dns_servers.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"

namespace retention {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMessageBytesMax = 4096;
constexpr int kPortsTried = 10;
constexpr int kReadyPolls = 500;
constexpr int kReadyPollMs = 20;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket of loopback on `port`, 0 for any that is free; -1 if it is taken.
int Bound(int kind, int port, int* bound_port) {
  const int socket = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(port);
  socklen_t length = sizeof(address);
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    ::close(socket);
    return -1;
  }
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  *bound_port = ntohs(address.sin_port);
  return socket;
}

std::string Number16(int number) { return {static_cast<char>(number >> 8), static_cast<char>(number)}; }

DnsQuestion ParseQuestion(const std::string& query) {
  DnsQuestion question{.query = query};
  size_t at = kHeaderBytes;
  while (at < query.size() && query[at] != 0) {
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, static_cast<uint8_t>(query[at]));
    at += 1 + static_cast<uint8_t>(query[at]);
  }
  question.name = absl::AsciiStrToLower(question.name);
  question.type = at + 2 < query.size() ? static_cast<uint8_t>(query[at + 2]) : 0;
  return question;
}

}  // namespace

std::string DnsNameOnWire(const std::string& name) {
  std::string wire;
  size_t begin = 0;
  while (begin < name.size()) {
    const size_t end = std::min(name.find('.', begin), name.size());
    wire += static_cast<char>(end - begin);
    wire += name.substr(begin, end - begin);
    begin = end + 1;
  }
  return wire + '\0';
}

std::string DnsRecord(const std::string& owner, int type, const std::string& data) {
  return DnsNameOnWire(owner) + Number16(type) + Number16(1) + Number16(0) + Number16(60) +
         Number16(static_cast<int>(data.size())) + data;
}

std::string DnsQuery(const std::string& name, int type) {
  return Number16(0x1234) + Number16(0x0100) + Number16(1) + Number16(0) + Number16(0) + Number16(0) +
         DnsNameOnWire(name) + Number16(type) + Number16(1);
}

std::string DnsReply(const DnsQuestion& question, int rcode, const std::vector<std::string>& records) {
  std::string reply = question.query.substr(0, 2) + Number16(0x8180 | rcode) + Number16(1) +
                      Number16(static_cast<int>(records.size())) + Number16(0) + Number16(0);
  reply += DnsNameOnWire(question.name) + Number16(question.type) + Number16(1);
  for (const std::string& record : records) reply += record;
  return reply;
}

ScriptedDnsServer::ScriptedDnsServer(Script script) : script_(std::move(script)) {
  socket_ = Bound(SOCK_DGRAM, 0, &port_);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedDnsServer::~ScriptedDnsServer() {
  const uint64_t one = 1;
  EXPECT_EQ(::write(stop_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  thread_.join();
  ::close(socket_);
  ::close(stop_);
}

void ScriptedDnsServer::Serve() {
  for (;;) {
    pollfd polled[] = {{socket_, POLLIN, 0}, {stop_, POLLIN, 0}};
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) return;
    char bytes[kMessageBytesMax];
    sockaddr_in from{};
    socklen_t length = sizeof(from);
    const ssize_t size = ::recvfrom(socket_, bytes, sizeof(bytes), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < static_cast<ssize_t>(kHeaderBytes)) continue;
    const auto reply = script_(ParseQuestion(std::string(bytes, static_cast<size_t>(size))));
    if (reply) ::sendto(socket_, reply->data(), reply->size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    ++questions_;
    questions_.notify_all();
  }
}

void ScriptedDnsServer::AwaitQuestion() { questions_.wait(0); }

Dnsmasq::Dnsmasq(const std::string& configuration) {
  std::ofstream(directory_ / "conf") << "no-resolv\nno-hosts\nno-poll\nbind-interfaces\nlisten-address=127.0.0.1\n"
                                     << "local=/example/\nhost-record=ready.example,192.0.2.1\n"
                                     << configuration;
  for (int i = 0; i < kPortsTried && pid_ < 0; ++i) {
    if (!Start() || AwaitAnswer()) continue;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  EXPECT_TRUE(ready()) << "dnsmasq does not start; deploy/setup.sh build installs it";
}

Dnsmasq::~Dnsmasq() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

bool Dnsmasq::Start() {
  // A port that both protocols have free now; if somebody is faster the next one is tried.
  const int udp = Bound(SOCK_DGRAM, 0, &port_);
  const int tcp = Bound(SOCK_STREAM, port_, &port_);
  ::close(udp);
  if (tcp < 0) return false;
  ::close(tcp);
  std::vector<std::string> arguments = {"dnsmasq",
                                        "--keep-in-foreground",
                                        "--conf-file=" + (directory_ / "conf").string(),
                                        "--port=" + std::to_string(port_),
                                        "--pid-file=",
                                        "--user=",
                                        "--log-facility=" + (directory_ / "log").string()};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  // Debian has it where only root looks.
  return ::posix_spawn(&pid_, "/usr/sbin/dnsmasq", nullptr, nullptr, pointers.data(), environ) == 0;
}

// False if it never answers; true, without a process, if it ended.
bool Dnsmasq::AwaitAnswer() {
  int own_port = 0;
  const int socket = Bound(SOCK_DGRAM, 0, &own_port);
  const sockaddr_in to = Loopback(port_);
  const std::string query = DnsQuery("ready.example", 1);
  bool decided = false;
  for (int i = 0; i < kReadyPolls && !decided; ++i) {
    ::sendto(socket, query.data(), query.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    pollfd polled{socket, POLLIN, 0};
    decided = ::poll(&polled, 1, kReadyPollMs) > 0;
    if (!decided && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      decided = true;
    }
  }
  ::close(socket);
  return decided;
}

}  // namespace retention
