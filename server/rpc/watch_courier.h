// Streams to watchers: one stream a watcher, and a courier that serves all of a kind.
#ifndef RETENTION_SERVER_RPC_WATCH_COURIER_H_
#define RETENTION_SERVER_RPC_WATCH_COURIER_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace retention {

class Watch;

// What one watcher is sent. Belongs to the courier's thread.
class WatchDelivery {
 public:
  virtual ~WatchDelivery() = default;

  struct Step {
    std::optional<grpc::ByteBuffer> message;   // to be sent at once; taken for sent
    absl::Time next = absl::InfiniteFuture();  // when there may be more, unless woken before; the past: at once
    bool done = false;                         // nothing more will be sent
  };
  // Takes one bounded step. An error ends the stream.
  virtual absl::StatusOr<Step> Next(absl::Time now) = 0;
};

// One thread that reads for all watchers in turn, a bounded step at a time: a watcher that is slow, or far behind,
// keeps neither the others nor the committer waiting. Thread-safe.
class WatchCourier {
 public:
  // Watchers at a time: one or two portals, their successors during a deployment, and people who look.
  static constexpr size_t kMaxWatchers = 16;
  // Of one peer: it cannot lock the others out.
  static constexpr size_t kMaxWatchersPerPeer = 8;
  // What a caller is told to wait when there is no room for another watcher.
  static constexpr absl::Duration kTooManyWatchersRetryDelay = absl::Seconds(10);
  // Real time after which the clock is looked at although nothing was known to fall due: it may have been set.
  static constexpr absl::Duration kLookInterval = absl::Minutes(1);

  // Starts the thread. `latest`: by what is judged what may still be shown (Backend::Latest), from that thread.
  explicit WatchCourier(std::function<absl::Time()> latest);
  // REQUIRES: gRPC is done with all watches.
  ~WatchCourier();

  // A stream of what `delivery` delivers, or one that ends at once: with the error in its place; RESOURCE_EXHAUSTED
  // with reason TOO_MANY_WATCHERS; UNAVAILABLE with reason SHUTTING_DOWN after Drain. REQUIRES: what the delivery reads
  // from outlives the courier.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Serve(absl::StatusOr<std::unique_ptr<WatchDelivery>> delivery,
                                                    const std::string& peer);

  // There may be something to do: something was issued, the clock was moved, a watcher has taken what it was sent.
  // Cheap.
  void Wake();

  // Ends every watch, and takes no more.
  void Drain();

 private:
  absl::Status Add(const std::shared_ptr<Watch>& watch);
  void Loop();

  const std::function<absl::Time()> latest_;
  Mutex mutex_;
  CondVar changed_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // May name watches that have ended.
  std::vector<std::weak_ptr<Watch>> watches_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// gRPC's threads and the courier's call in concurrently. The watch lives until gRPC and the courier are done with it.
class Watch final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  Watch(WatchCourier& courier, std::unique_ptr<WatchDelivery> delivery, std::string peer);

  const std::string& peer() const { return peer_; }

  // gRPC's share of the watch.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* HandOver(const std::shared_ptr<Watch>& watch);

  // Sends what is to be sent at `now`, if the caller has taken what was sent before. Returns when to come again unless
  // woken before. REQUIRES: one thread at a time.
  absl::Time Carry(absl::Time now);

  // Ends the stream with `status` once the caller has taken what was sent.
  void EndWith(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // How the stream ends, once its time has come: the caller then lets go of the mutex and calls Finish.
  std::optional<grpc::Status> TakeEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  WatchCourier& courier_;
  std::shared_ptr<Watch> self_;  // gRPC's share; set before the first reaction, dropped in OnDone
  const std::unique_ptr<WatchDelivery> delivery_;
  const std::string peer_;

  Mutex mutex_;
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mutex_);  // belongs to gRPC while it is being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;      // nothing further is sent
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;  // Finish was, or is about to be, called
  absl::Status end_ ABSL_GUARDED_BY(mutex_);       // how the stream ends
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_WATCH_COURIER_H_
