#include "server/rpc/unix_listener.h"

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/admission.h"
#include "storage/mutex.h"

namespace retention {
namespace {

constexpr int kBacklog = 64;
constexpr int64_t kNobody = -1;
// After a failure to accept: until then a descriptor may be free again.
constexpr int kPauseMs = 100;

// Says of every call that comes through a door whose it is.
class UidProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit UidProcessor(const std::atomic<int64_t>& uid) : uid_(uid) {}
  bool IsBlocking() const override { return false; }
  // The context is the connection's: it is written once, before the first call of it is handled, and a call whose turn
  // comes here later finds that done.
  grpc::Status Process(const InputMetadata& /*metadata*/, grpc::AuthContext* context, OutputMetadata* /*consumed*/,
                       OutputMetadata* /*response*/) override {
    const MutexLock lock(mutex_);
    if (context->FindPropertyValues(kUidProperty).empty()) {
      context->AddProperty(kUidProperty, std::to_string(uid_.load()));
    }
    return grpc::Status::OK;
  }

 private:
  const std::atomic<int64_t>& uid_;
  Mutex mutex_;
};

absl::Status NotBound(const std::string& path, const char* what, int error) {
  return absl::UnavailableError(
      absl::StrCat("--listen unix:", path, ": ", what, ": ", std::strerror(error), " (errno ", error, ")"));
}

}  // namespace

struct UnixListener::Door {
  std::atomic<int64_t> uid = kNobody;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
};

UnixListener::UnixListener(std::string path, int socket, int wake)
    : path_(std::move(path)), socket_(socket), wake_(wake) {}

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Bind(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::unique_ptr<UnixListener> listener(new UnixListener(path, fd, wake));
  if (fd < 0 || wake < 0) return NotBound(path, "no descriptor", errno);
  // Before it can be connected to.
  if (::fchmod(fd, kMode) != 0) return NotBound(path, "its mode cannot be set", errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return NotBound(path, "choose a path that the server can write to", errno);
  }
  if (::chmod(path.c_str(), kMode) != 0) return NotBound(path, "its mode cannot be set", errno);
  if (::listen(fd, kBacklog) != 0) return NotBound(path, "it cannot be listened on", errno);
  return listener;
}

UnixListener::~UnixListener() {
  Stop();
  if (socket_ >= 0) {
    ::close(socket_);
    ::unlink(path_.c_str());
  }
  if (wake_ >= 0) ::close(wake_);
}

void UnixListener::AddTo(grpc::ServerBuilder& builder) {
  for (size_t i = 0; i < kMaxUids; ++i) {
    Door& door = *doors_.emplace_back(std::make_unique<Door>());
    const auto credentials = grpc::experimental::LocalServerCredentials(UDS);
    credentials->SetAuthMetadataProcessor(std::make_shared<UidProcessor>(door.uid));
    auto experimental = builder.experimental();
    using Type = decltype(experimental)::ExternalConnectionType;
    door.acceptor = experimental.AddExternalConnectionAcceptor(Type::FROM_FD, credentials);
  }
}

void UnixListener::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void UnixListener::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (::write(wake_, &one, sizeof(one)) < 0) std::abort();  // an eventfd takes one
  thread_.join();
}

UnixListener::Door* UnixListener::DoorOf(uid_t uid) {
  for (const auto& door : doors_) {
    if (door->uid.load() == kNobody) door->uid.store(uid);
    if (door->uid.load() == static_cast<int64_t>(uid)) return door.get();
  }
  return nullptr;
}

void UnixListener::HandOver(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  Door* door = nullptr;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) door = DoorOf(peer.uid);
  if (door == nullptr) {
    ::close(fd);
    return;
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = socket_;
  connection.fd = fd;
  door->acceptor->HandleNewConnection(&connection);
}

void UnixListener::Loop() {
  for (bool pauses = false;;) {
    pollfd waits[] = {{.fd = wake_, .events = POLLIN, .revents = 0}, {.fd = socket_, .events = POLLIN, .revents = 0}};
    if (::poll(waits, pauses ? 1 : 2, pauses ? kPauseMs : -1) < 0 && errno != EINTR) std::abort();
    if (waits[0].revents != 0) return;
    const int fd = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    pauses = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (fd >= 0) HandOver(fd);
  }
}

}  // namespace retention
