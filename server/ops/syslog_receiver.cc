#include "server/ops/syslog_receiver.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/ops/syslog_framer.h"
#include "server/ops/syslog_sink.h"
#include "server/ops/syslog_socket.h"

namespace retention {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kReadBytes = 16 << 10;
// Reads of one socket before the others have their turn.
constexpr int kReadsPerTurn = 16;
// The longest datagram that is looked at; what is longer is cut. Text and header fit.
constexpr size_t kMaxDatagramBytes = SyslogFramer::kMaxFrameBytes;

absl::Status CheckAddress(const char* flag, const std::string& text, bool loopback_only) {
  if (text.empty()) return absl::OkStatus();
  const auto address = ParseAddress(text);
  if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat(flag, ": ", address.status().message()));
  if (!loopback_only || address->loopback) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag,
                   ": only a loopback address, as nothing protects the lines on their way; --syslog-tls serves "
                   "any address"));
}

}  // namespace

absl::Status CheckSyslogOptions(const SyslogOptions& options) {
  if (absl::Status s = CheckAddress("--syslog-udp", options.udp, /*loopback_only=*/true); !s.ok()) return s;
  if (absl::Status s = CheckAddress("--syslog-tcp", options.tcp, /*loopback_only=*/true); !s.ok()) return s;
  if (absl::Status s = CheckAddress("--syslog-tls", options.tls, /*loopback_only=*/false); !s.ok()) return s;
  const bool files = !options.tls_certificate.empty() && !options.tls_key.empty();
  if (!options.tls.empty() && !files) {
    return absl::InvalidArgumentError("--syslog-tls: needs --syslog-tls-cert and --syslog-tls-key");
  }
  if (options.tls.empty() &&
      (!options.tls_certificate.empty() || !options.tls_key.empty() || !options.tls_client_ca.empty())) {
    return absl::InvalidArgumentError("--syslog-tls-cert, --syslog-tls-key, --syslog-tls-ca: need --syslog-tls");
  }
  return absl::OkStatus();
}

class SyslogReceiver::Loop {
 public:
  Loop(Committer& committer, Metrics& metrics)
      : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), sink_(committer, metrics, [this] { Wake(); }) {}
  ~Loop() {
    stopping_ = true;
    Wake();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Open(const SyslogOptions& options) {
    if (wake_.get() < 0) return absl::UnavailableError("no event descriptor");
    if (!options.tls.empty()) {
      auto context = LoadTls(options.tls_certificate, options.tls_key, options.tls_client_ca);
      if (!context.ok()) return context.status();
      tls_context_ = *std::move(context);
    }
    const auto bind = [](const std::string& text, Transport transport, Descriptor& socket) -> absl::Status {
      if (text.empty()) return absl::OkStatus();
      auto address = ParseAddress(text);
      if (!address.ok()) return address.status();
      auto bound = Bind(*address, transport);
      if (!bound.ok()) return bound.status();
      socket = *std::move(bound);
      return absl::OkStatus();
    };
    if (absl::Status s = bind(options.udp, Transport::kUdp, udp_); !s.ok()) return s;
    if (absl::Status s = bind(options.tcp, Transport::kTcp, tcp_); !s.ok()) return s;
    if (absl::Status s = bind(options.tls, Transport::kTcp, tls_); !s.ok()) return s;
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  int udp_port() const { return PortOf(udp_); }
  int tcp_port() const { return PortOf(tcp_); }
  int tls_port() const { return PortOf(tls_); }

 private:
  struct Peer {
    Peer(Descriptor socket, SSL_CTX* tls)
        : connection(std::move(socket), tls),
          handshake_until(Steady::now() + absl::ToChronoMicroseconds(kHandshakeTimeout)) {}
    SyslogConnection connection;
    SyslogFramer framer;
    Steady::time_point handshake_until;
    bool unread = false;  // more may be there than poll can tell
    bool ended = false;
  };

  void Wake() {
    const uint64_t one = 1;
    // It can fail only if it is up already.
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
  }

  void Run() {
    while (!stopping_) {
      const auto again = sink_.Proceed();
      Wait(again);
      ReadDatagrams();
      for (Peer& peer : peers_) Serve(peer);
      peers_.remove_if([](const Peer& peer) { return peer.ended; });
      Accept(tcp_, nullptr);
      Accept(tls_, tls_context_.get());
    }
    sink_.Finish();
  }

  // Until something can be done.
  void Wait(std::optional<Steady::time_point> until) {
    polled_.clear();
    polled_.push_back({wake_.get(), POLLIN, 0});
    const auto watch = [this](int fd, short events) {
      if (fd >= 0) polled_.push_back({fd, events, 0});
    };
    watch(udp_.get(), POLLIN);
    if (peers_.size() < kMaxConnections) {
      watch(tcp_.get(), POLLIN);
      watch(tls_.get(), POLLIN);
    }
    bool at_once = false;
    for (const Peer& peer : peers_) {
      if (!peer.connection.established() && (!until || peer.handshake_until < *until)) until = peer.handshake_until;
      if (!sink_.HasRoom()) continue;
      at_once |= peer.unread;
      watch(peer.connection.fd(), peer.connection.events());
    }
    int timeout_ms = -1;
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Steady::now()).count();
      timeout_ms = static_cast<int>(std::clamp<int64_t>(left, 0, 60000));
    }
    poll(polled_.data(), polled_.size(), at_once ? 0 : timeout_ms);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
  }

  void ReadDatagrams() {
    for (int i = 0; udp_.get() >= 0 && i < kReadsPerTurn * 16; ++i) {
      const ssize_t got = recv(udp_.get(), buffer_.data(), kMaxDatagramBytes, 0);
      if (got < 0) return;
      sink_.Take({buffer_.data(), static_cast<size_t>(got)});
      WipeBuffer(static_cast<size_t>(got));
    }
  }

  // The last long line must not outlive its day here.
  void WipeBuffer(size_t bytes) { OPENSSL_cleanse(buffer_.data(), bytes); }

  void Serve(Peer& peer) {
    if (!peer.connection.established() && Steady::now() >= peer.handshake_until) {
      peer.ended = true;
      return;
    }
    peer.unread = true;
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
      while (sink_.HasRoom()) {
        const auto frame = peer.framer.Next();
        if (!frame.has_value()) break;
        sink_.Take(*frame);
      }
      if (!sink_.HasRoom()) return;
      peer.ended = peer.framer.broken();
      if (peer.ended) return;
      const auto [outcome, bytes] = peer.connection.Read(buffer_.data(), buffer_.size());
      switch (outcome) {
        case SyslogConnection::Outcome::kBytes:
          peer.framer.Append({buffer_.data(), bytes});
          WipeBuffer(bytes);
          break;
        case SyslogConnection::Outcome::kWait:
          peer.unread = false;
          return;
        case SyslogConnection::Outcome::kEnd:
          if (const auto rest = peer.framer.Finish()) sink_.Take(*rest);
          peer.ended = true;
          return;
      }
    }
  }

  void Accept(const Descriptor& listener, SSL_CTX* tls) {
    while (listener.get() >= 0 && peers_.size() < kMaxConnections) {
      Descriptor socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() < 0) return;
      peers_.emplace_back(std::move(socket), tls);
    }
  }

  Descriptor wake_;
  SyslogSink sink_;
  TlsContext tls_context_;
  Descriptor udp_;
  Descriptor tcp_;
  Descriptor tls_;
  std::list<Peer> peers_;
  std::vector<pollfd> polled_;
  std::array<char, kReadBytes> buffer_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

SyslogReceiver::SyslogReceiver(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

SyslogReceiver::~SyslogReceiver() = default;

absl::StatusOr<std::unique_ptr<SyslogReceiver>> SyslogReceiver::Open(const SyslogOptions& options, Committer& committer,
                                                                     Metrics& metrics) {
  if (absl::Status status = CheckSyslogOptions(options); !status.ok()) return status;
  auto loop = std::make_unique<Loop>(committer, metrics);
  if (absl::Status status = loop->Open(options); !status.ok()) return status;
  return std::unique_ptr<SyslogReceiver>(new SyslogReceiver(std::move(loop)));
}

int SyslogReceiver::udp_port() const { return loop_->udp_port(); }
int SyslogReceiver::tcp_port() const { return loop_->tcp_port(); }
int SyslogReceiver::tls_port() const { return loop_->tls_port(); }

}  // namespace retention
