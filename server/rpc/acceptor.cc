#include "server/rpc/acceptor.h"

#include <grpcpp/server_builder.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ops/log.h"

namespace retention {
namespace {

constexpr std::chrono::minutes kTellInterval{1};
// Of one socket, before the others have their turn.
constexpr int kAcceptedPerTurn = 256;

bool IsOfOneConnection(int error) {
  // accept(2): errors of the network are those of the connection that was to come.
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

// Once in kTellInterval.
bool IsTimeToTell(std::optional<std::chrono::steady_clock::time_point>& told) {
  const auto now = std::chrono::steady_clock::now();
  if (told.has_value() && now < *told + kTellInterval) return false;
  told = now;
  return true;
}

}  // namespace

Acceptor::Acceptor(std::vector<std::unique_ptr<Listener>> listeners, const ConnectionLimits& limits, int wake)
    : listeners_(std::move(listeners)), connections_(limits), wake_(wake) {}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Create(std::vector<std::unique_ptr<Listener>> listeners,
                                                           const ConnectionLimits& limits) {
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return absl::ResourceExhaustedError("no descriptor to listen with");
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(listeners), limits, wake));
}

Acceptor::~Acceptor() {
  Stop();
  ::close(wake_);
}

void Acceptor::AddTo(grpc::ServerBuilder& builder) {
  for (const auto& listener : listeners_) listener->AddTo(builder);
}

std::vector<std::string> Acceptor::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& listener : listeners_) addresses.push_back(listener->address());
  return addresses;
}

void Acceptor::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (::write(wake_, &one, sizeof(one)) < 0) std::abort();  // an eventfd takes one
  thread_.join();
}

void Acceptor::Loop() {
  std::vector<pollfd> waits = {{.fd = wake_, .events = POLLIN, .revents = 0}};
  std::vector<Listener*> of;
  for (const auto& listener : listeners_) {
    for (const int socket : listener->sockets()) {
      waits.push_back({.fd = socket, .events = POLLIN, .revents = 0});
      of.push_back(listener.get());
    }
  }
  std::chrono::milliseconds pause{0};
  for (;;) {
    const bool pauses = pause.count() > 0;
    const auto wait = pauses ? pause : kLookInterval;
    const int ready = ::poll(waits.data(), pauses ? 1 : waits.size(), static_cast<int>(wait.count()));
    if (ready < 0 && errno != EINTR) std::abort();
    if (ready < 0) continue;
    if (waits[0].revents != 0) return;
    if (const auto now = Clock::now(); now >= looked_ + kLookInterval) {
      looked_ = now;
      connections_.EndUnfinished();
    }
    pause = std::chrono::milliseconds(0);
    for (size_t i = 1; !pauses && i < waits.size(); ++i) {
      if (waits[i].revents != 0) pause = std::max(pause, AcceptFrom(*of[i - 1], waits[i].fd));
    }
  }
}

std::chrono::milliseconds Acceptor::AcceptFrom(Listener& listener, int socket) {
  bool recounted = false;
  for (int accepted = 0; accepted < kAcceptedPerTurn; ++accepted) {
    const int connection = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection >= 0) {
      Receive(listener, socket, connection, recounted);
      continue;
    }
    if (errno == EAGAIN) break;
    if (!IsOfOneConnection(errno)) {
      Fail(errno);
      return kFailurePause;
    }
  }
  return recounted ? kRecountPause : std::chrono::milliseconds(0);
}

void Acceptor::Receive(Listener& listener, int socket, int connection, bool& recounted) {
  const auto visitor = listener.VisitorBehind(connection);
  if (!visitor.has_value()) {
    ::close(connection);
    return;
  }
  auto outcome = connections_.Take(connection, visitor->peer);
  if (outcome != Connections::Outcome::kTaken && !recounted) {
    recounted = true;
    connections_.Recount();
    outcome = connections_.Take(connection, visitor->peer);
  }
  if (outcome != Connections::Outcome::kTaken) {
    ::close(connection);
    Refuse(outcome);
    return;
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters handed;
  handed.listener_fd = socket;
  handed.fd = connection;
  visitor->door->HandleNewConnection(&handed);
}

void Acceptor::Refuse(Connections::Outcome why) {
  const uint64_t refused = ++refused_;
  if (!IsTimeToTell(told_refusal_)) return;
  Log(Severity::kWarning, "connections are refused: there are as many as there may be",
      {{"of", why == Connections::Outcome::kFull ? "all" : "one peer"},
       {"refused", absl::StrCat(refused - told_refused_)}});
  told_refused_ = refused;
}

void Acceptor::Fail(int error) {
  ++failures_;
  if (!IsTimeToTell(told_failure_)) return;
  Log(Severity::kError, "connections cannot be accepted; it is tried again",
      {{"status", absl::StrCat(std::strerror(error), " (errno ", error, ")")}});
}

}  // namespace retention
