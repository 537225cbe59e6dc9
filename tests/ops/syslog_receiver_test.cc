#include "server/ops/syslog_receiver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/ops/syslog_sink.h"
#include "server/ops/syslog_socket.h"
#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"

namespace retention {
namespace {

using Texts = std::vector<std::string>;

std::string Message(const std::string& app, const std::string& text) {
  return absl::StrCat("<14>1 2026-03-02T10:00:00+01:00 host.example ", app, " 7 id - ", text);
}
std::string Counted(const std::string& message) { return absl::StrCat(message.size(), " ", message); }

// Spins until it holds; fails the test if it never does.
void Await(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::yield();
  }
}

// A key with a certificate that it signed itself, as PEM files.
class SelfSigned {
 public:
  SelfSigned(const std::filesystem::path& directory, const std::string& name)
      : certificate((directory / (name + ".crt")).string()), key((directory / (name + ".key")).string()) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600 * 24);
    X509_set_pubkey(x509, pair);
    X509_NAME* subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const uint8_t*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    EXPECT_GT(X509_sign(x509, pair, EVP_sha256()), 0);
    FILE* file = fopen(certificate.c_str(), "w");
    PEM_write_X509(file, x509);
    fclose(file);
    file = fopen(key.c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }
  const std::string certificate;
  const std::string key;
};

// The sending end.
class Sender {
 public:
  Sender(int type, int port) : socket_(socket(AF_INET, type, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  void Send(const std::string& bytes) {
    EXPECT_EQ(send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Whether the other end closes.
  bool Closed() {
    char byte = 0;
    return recv(socket_.get(), &byte, 1, 0) <= 0;
  }
  void End() { shutdown(socket_.get(), SHUT_WR); }
  int fd() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

class SyslogReceiverTest : public ::testing::Test {
 protected:
  SyslogReceiverTest() { signal(SIGPIPE, SIG_IGN); }

  void Open(const SyslogOptions& options) {
    auto receiver = SyslogReceiver::Open(options, committer_, metrics_);
    ASSERT_TRUE(receiver.ok()) << receiver.status();
    receiver_ = *std::move(receiver);
  }
  Texts Held() { return ReadTexts(harness_.engine(), kMonday); }
  void AwaitHeld(size_t lines) {
    Await([&] { return Held().size() >= lines; });
  }
  // retention_log_lines_total{server=...,outcome=...}.
  double Counted(const std::string& server, const std::string& outcome) {
    for (const auto& family : metrics_.collectable()->Collect()) {
      if (family.name != "retention_log_lines_total") continue;
      for (const auto& metric : family.metric) {
        std::map<std::string, std::string> labels;
        for (const auto& label : metric.label) labels[label.name] = label.value;
        EXPECT_EQ(labels.size(), 2u) << "no label but these two";
        if (labels["server"] == server && labels["outcome"] == outcome) return metric.counter.value;
      }
    }
    return 0;
  }

  Harness harness_{kMonday};
  SimulatedClock clock_{kMonday};
  Metrics metrics_;
  Committer committer_{harness_.engine(), clock_, {}};
  std::unique_ptr<SyslogReceiver> receiver_;
};

TEST_F(SyslogReceiverTest, DatagramsBecomeLines) {
  Open({.udp = "127.0.0.1:0"});
  Sender sender(SOCK_DGRAM, receiver_->udp_port());
  sender.Send(Message("MCU", "first"));
  sender.Send(Message("sshd", "not ours"));
  sender.Send("no syslog at all");
  sender.Send("<34>Oct 11 22:14:15 mymachine mcu: of RFC 3164");
  sender.Send(Message("portal", ""));
  sender.Send(Message("portal", std::string(9000, 'x')));
  sender.Send("<11>1 - - converter - - - now");
  AwaitHeld(3);
  const auto lines = ReadAll(harness_.engine(), kMonday);
  EXPECT_EQ(Held(), (Texts{"first", std::string(8192, 'x'), "now"}));
  EXPECT_EQ(lines[2].severity(), v1::LOG_SEVERITY_ERROR);
  EXPECT_EQ(lines[2].time().seconds(), absl::ToUnixSeconds(kMonday)) << "the time of its receipt";
  Await([&] { return Counted("CONVERTER", "accepted") == 1 && Counted("PORTAL", "rejected") == 1; });
  EXPECT_EQ(Counted("MCU", "accepted"), 1);
  EXPECT_EQ(Counted("PORTAL", "accepted"), 1);
  EXPECT_EQ(Counted("PORTAL", "cut"), 1);
  EXPECT_EQ(Counted("UNKNOWN", "unknown_server"), 1);
  EXPECT_EQ(Counted("UNKNOWN", "malformed"), 1);
  EXPECT_EQ(Counted("UNKNOWN", "rfc3164"), 1);
}

TEST_F(SyslogReceiverTest, TcpTakesCountedFramesAndLines) {
  Open({.tcp = "127.0.0.1:0"});
  Sender sender(SOCK_STREAM, receiver_->tcp_port());
  const std::string counted = retention::Counted(Message("mcu", "a\nb"));
  sender.Send(counted.substr(0, 10));
  sender.Send(counted.substr(10) + Message("mcu", "c") + "\n" + Message("mcu", "rest"));
  sender.End();
  AwaitHeld(3);
  EXPECT_EQ(Held(), (Texts{"a\nb", "c", "rest"}));
  EXPECT_TRUE(sender.Closed());
  Sender broken(SOCK_STREAM, receiver_->tcp_port());
  broken.Send("99999999999 <14>");
  EXPECT_TRUE(broken.Closed()) << "nobody can tell where the next frame begins";
}

TEST(SyslogSocket, APeerThatIsGoneWithoutAWordIsNoticed) {
  const auto listener = Bind(*ParseAddress("127.0.0.1:0"), Transport::kTcp);
  ASSERT_TRUE(listener.ok()) << listener.status();
  Sender sender(SOCK_STREAM, PortOf(*listener));
  pollfd ready{.fd = listener->get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ready, 1, -1), 1);
  const Descriptor accepted(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(accepted.get(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPCNT) * option(IPPROTO_TCP, TCP_KEEPINTVL),
            kKeepAliveSeconds);
}

TEST_F(SyslogReceiverTest, AFullBufferMakesTcpWaitAndDropsDatagrams) {
  Open({.udp = "127.0.0.1:0", .tcp = "127.0.0.1:0"});
  std::promise<void> held;
  std::promise<void> release;
  std::thread holder([&] {
    committer_
        .Run([&] {
          held.set_value();
          release.get_future().wait();
          return absl::OkStatus();
        })
        .IgnoreError();
  });
  held.get_future().wait();
  // More than the batch on its way and the buffer behind it take.
  constexpr size_t kLines = 3 * SyslogSink::kMaxBufferedLines;
  Sender sender(SOCK_STREAM, receiver_->tcp_port());
  std::thread sending([&] {
    for (size_t i = 0; i < kLines; ++i) sender.Send(retention::Counted(Message("mcu", absl::StrCat("line ", i))));
    sender.End();
  });
  Sender datagrams(SOCK_DGRAM, receiver_->udp_port());
  Await([&] {
    datagrams.Send(Message("portal", "datagram"));
    return Counted("PORTAL", "dropped") > 0;
  });
  release.set_value();
  holder.join();
  sending.join();
  Await([&] { return Counted("MCU", "accepted") == kLines; });
  EXPECT_EQ(Counted("MCU", "dropped"), 0) << "whoever can wait loses nothing";
  v1::ReadLogsRequest of_mcu;
  of_mcu.set_server(v1::LOG_SERVER_MCU);
  of_mcu.set_page_size(10000);
  EXPECT_EQ(ReadTexts(harness_.engine(), kMonday, of_mcu).size(), kLines);
}

TEST_F(SyslogReceiverTest, WhatWasTakenInIsHeldAfterItsEnd) {
  Open({.tcp = "127.0.0.1:0"});
  Sender sender(SOCK_STREAM, receiver_->tcp_port());
  for (int i = 0; i < 100; ++i) sender.Send(Message("mcu", "x") + "\n");
  sender.End();
  EXPECT_TRUE(sender.Closed());
  receiver_.reset();
  EXPECT_EQ(Held().size(), 100u);
}

TEST_F(SyslogReceiverTest, ServesNoMoreConnectionsThanItMay) {
  Open({.tcp = "127.0.0.1:0"});
  std::vector<std::unique_ptr<Sender>> senders;
  for (size_t i = 0; i <= SyslogReceiver::kMaxConnections; ++i) {
    senders.push_back(std::make_unique<Sender>(SOCK_STREAM, receiver_->tcp_port()));
    senders.back()->Send(Message("mcu", absl::StrCat(i)) + "\n");
  }
  AwaitHeld(SyslogReceiver::kMaxConnections);
  senders.front()->Send(Message("mcu", "again") + "\n");
  AwaitHeld(SyslogReceiver::kMaxConnections + 1);
  Texts held = Held();
  EXPECT_EQ(std::count(held.begin(), held.end(), "64"), 0) << "waits for a place";
  senders.front().reset();
  AwaitHeld(SyslogReceiver::kMaxConnections + 2);
}

// Sends over TLS and waits until the receiver has ended the connection; it may refuse.
void SendOverTls(int port, const std::string& bytes, const SelfSigned* identity) {
  Sender sender(SOCK_STREAM, port);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (identity != nullptr) {
    EXPECT_EQ(SSL_CTX_use_certificate_file(context, identity->certificate.c_str(), SSL_FILETYPE_PEM), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, identity->key.c_str(), SSL_FILETYPE_PEM), 1);
  }
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, sender.fd());
  if (SSL_connect(tls) == 1) SSL_write(tls, bytes.data(), static_cast<int>(bytes.size()));
  SSL_shutdown(tls);
  sender.End();
  while (!sender.Closed()) {
  }
  SSL_free(tls);
  SSL_CTX_free(context);
}

TEST_F(SyslogReceiverTest, TlsProtectsAndAsksForCertificates) {
  const SelfSigned server(harness_.directory(), "server");
  const SelfSigned client(harness_.directory(), "client");
  const SelfSigned stranger(harness_.directory(), "stranger");
  Open({.tls = "0.0.0.0:0", .tls_certificate = server.certificate, .tls_key = server.key});
  SendOverTls(receiver_->tls_port(), retention::Counted(Message("mcu", "anybody")), nullptr);
  AwaitHeld(1);
  Open({.tls = "127.0.0.1:0",
        .tls_certificate = server.certificate,
        .tls_key = server.key,
        .tls_client_ca = client.certificate});
  SendOverTls(receiver_->tls_port(), retention::Counted(Message("mcu", "nobody")), nullptr);
  SendOverTls(receiver_->tls_port(), retention::Counted(Message("mcu", "stranger")), &stranger);
  Sender plain(SOCK_STREAM, receiver_->tls_port());
  plain.Send(Message("mcu", "plain") + "\n");
  EXPECT_TRUE(plain.Closed());
  SendOverTls(receiver_->tls_port(), retention::Counted(Message("mcu", "client")), &client);
  AwaitHeld(2);
  receiver_.reset();
  EXPECT_EQ(Held(), (Texts{"anybody", "client"}));
}

TEST(SyslogOptions, RefusesWhatIsNotProtected) {
  const auto refusal = [](const SyslogOptions& options) { return std::string(CheckSyslogOptions(options).message()); };
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({.udp = "127.0.0.1:514", .tcp = "[::1]:601"}), "");
  EXPECT_EQ(refusal({.udp = "localhost:514", .tcp = "127.9.9.9:601"}), "");
  EXPECT_EQ(refusal({.tls = "0.0.0.0:6514", .tls_certificate = "c", .tls_key = "k"}), "");
  EXPECT_THAT(refusal({.udp = "0.0.0.0:514"}), ::testing::HasSubstr("--syslog-udp: only a loopback address"));
  EXPECT_THAT(refusal({.tcp = "192.0.2.1:514"}), ::testing::HasSubstr("--syslog-tcp: only a loopback address"));
  EXPECT_THAT(refusal({.tcp = "[::]:514"}), ::testing::HasSubstr("--syslog-tcp: only a loopback address"));
  EXPECT_THAT(refusal({.udp = "nonsense"}), ::testing::HasSubstr("--syslog-udp: an address is HOST:PORT"));
  EXPECT_THAT(refusal({.udp = "127.0.0.1:70000"}), ::testing::HasSubstr("--syslog-udp: an address"));
  EXPECT_THAT(refusal({.tls = "127.0.0.1:1"}), ::testing::HasSubstr("--syslog-tls-cert"));
  EXPECT_THAT(refusal({.tls_certificate = "c"}), ::testing::HasSubstr("need --syslog-tls"));
}

TEST_F(SyslogReceiverTest, RefusesFilesItCannotUseAndAddressesThatAreTaken) {
  const SelfSigned one(harness_.directory(), "one");
  const SelfSigned two(harness_.directory(), "two");
  const auto code = [&](const SyslogOptions& options) {
    return SyslogReceiver::Open(options, committer_, metrics_).status().code();
  };
  EXPECT_EQ(code({.tls = "127.0.0.1:0", .tls_certificate = "/nowhere", .tls_key = one.key}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.tls = "127.0.0.1:0", .tls_certificate = one.certificate, .tls_key = two.key}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      code({.tls = "127.0.0.1:0", .tls_certificate = one.certificate, .tls_key = one.key, .tls_client_ca = "/nowhere"}),
      absl::StatusCode::kInvalidArgument);
  Open({.tcp = "127.0.0.1:0"});
  EXPECT_EQ(code({.tcp = absl::StrCat("127.0.0.1:", receiver_->tcp_port())}), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace retention
