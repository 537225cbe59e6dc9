#include "server/rpc/unix_listener.h"

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/admission.h"
#include "storage/mutex.h"

namespace retention {
namespace {

constexpr int kUnixBacklog = 256;
constexpr int64_t kNobody = -1;

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

UnixListener::UnixListener(std::string path) : path_(std::move(path)) {}

absl::StatusOr<std::unique_ptr<Listener>> UnixListener::Bind(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return NotBound(path, "no descriptor", errno);
  std::unique_ptr<UnixListener> listener(new UnixListener(path));
  listener->sockets_.push_back(fd);
  // Before it can be connected to.
  if (::fchmod(fd, kMode) != 0) return NotBound(path, "its mode cannot be set", errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return NotBound(path, "choose a path that the server can write to", errno);
  }
  if (::chmod(path.c_str(), kMode) != 0) return NotBound(path, "its mode cannot be set", errno);
  if (::listen(fd, kUnixBacklog) != 0) return NotBound(path, "it cannot be listened on", errno);
  return listener;
}

UnixListener::~UnixListener() {
  for (const int fd : sockets_) {
    ::close(fd);
    ::unlink(path_.c_str());
  }
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

UnixListener::Door* UnixListener::DoorOf(uid_t uid) {
  for (const auto& door : doors_) {
    if (door->uid.load() == kNobody) door->uid.store(uid);
    if (door->uid.load() == static_cast<int64_t>(uid)) return door.get();
  }
  return nullptr;
}

std::optional<Listener::Visitor> UnixListener::VisitorBehind(int connection) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  Door* const door = DoorOf(peer.uid);
  if (door == nullptr) return std::nullopt;
  return Visitor{.peer = PeerOfUid(peer.uid), .door = door->acceptor.get()};
}

}  // namespace retention
