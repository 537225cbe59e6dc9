// Whoever comes, to whatever address, comes in here.
#ifndef RETENTION_SERVER_RPC_ACCEPTOR_H_
#define RETENTION_SERVER_RPC_ACCEPTOR_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/connections.h"
#include "server/rpc/listener.h"

namespace retention {

// One thread that accepts connections, and hands those that there is a place for over to gRPC; others are closed at
// once, counted, and told in the log once a minute. gRPC's own acceptor knows no bound, and gives up for good when
// descriptors run out: this one goes on. Thread-safe.
class Acceptor {
 public:
  // After a failure to accept, and after a recount of all connections: how long nobody is let in.
  static constexpr std::chrono::milliseconds kFailurePause{100};
  static constexpr std::chrono::milliseconds kRecountPause{20};
  // How often it is looked what has come and is no whole message. A peer sends tens of MiB meanwhile.
  static constexpr std::chrono::milliseconds kLookInterval{50};

  // RESOURCE_EXHAUSTED if there is no descriptor.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Create(std::vector<std::unique_ptr<Listener>> listeners,
                                                          const ConnectionLimits& limits);
  // Stops, and listens no more.
  ~Acceptor();

  void AddTo(grpc::ServerBuilder& builder);
  // As they are served on, in the order of the listeners.
  std::vector<std::string> addresses() const;
  // REQUIRES: the server was built, and outlives Stop.
  void Start();
  // No connection is handed over any more.
  void Stop();

  Connections& connections() { return connections_; }
  // Connections that were refused since the start.
  uint64_t refused() const { return refused_.load(); }
  // Times that none could be accepted, as descriptors or memory ran out.
  uint64_t failures() const { return failures_.load(); }

 private:
  using Clock = std::chrono::steady_clock;
  Acceptor(std::vector<std::unique_ptr<Listener>> listeners, const ConnectionLimits& limits, int wake);

  void Loop();
  // All that wait at one socket, in order. Returns how long to pause.
  std::chrono::milliseconds AcceptFrom(Listener& listener, int socket);
  // Whether it was let in; closes it if not.
  void Receive(Listener& listener, int socket, int connection, bool& recounted);
  void Refuse(Connections::Outcome why);
  void Fail(int error);

  const std::vector<std::unique_ptr<Listener>> listeners_;
  Connections connections_;
  const int wake_;  // an eventfd
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  // The thread's own.
  Clock::time_point looked_ = Clock::now();
  std::optional<Clock::time_point> told_refusal_;
  uint64_t told_refused_ = 0;
  std::optional<Clock::time_point> told_failure_;
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_ACCEPTOR_H_
