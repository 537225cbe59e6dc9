#include "server/rpc/watch_courier.h"

#include <algorithm>
#include <utility>

#include "server/base/errors.h"
#include "server/rpc/status_codec.h"

namespace retention {
namespace {

absl::Status ShuttingDown() {
  return ErrorWithReason(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
}

// A stream that was refused.
class Refusal final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Refusal(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

WatchCourier::WatchCourier(std::function<absl::Time()> latest)
    : latest_(std::move(latest)), thread_([this] { Loop(); }) {}

WatchCourier::~WatchCourier() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchCourier::Serve(absl::StatusOr<std::unique_ptr<WatchDelivery>> delivery,
                                                                const std::string& peer) {
  if (!delivery.ok()) return new Refusal(delivery.status());
  const auto watch = std::make_shared<Watch>(*this, *std::move(delivery), peer);
  // Before the courier knows it: what it sends and what Drain ends are reactions of a stream that gRPC holds.
  auto* const stream = Watch::HandOver(watch);
  if (absl::Status status = Add(watch); !status.ok()) watch->EndWith(status);
  return stream;
}

absl::Status WatchCourier::Add(const std::shared_ptr<Watch>& watch) {
  {
    const MutexLock lock(mutex_);
    if (draining_) return ShuttingDown();
    std::erase_if(watches_, [](const auto& open) { return open.expired(); });
    size_t of_peer = 0;
    for (const auto& open : watches_) {
      const auto other = open.lock();
      if (other != nullptr && other->peer() == watch->peer()) ++of_peer;
    }
    if (watches_.size() >= kMaxWatchers || of_peer >= kMaxWatchersPerPeer) {
      return WithRetryDelay(ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS",
                                            "at most 16 watchers at a time, 8 of one peer"),
                            kTooManyWatchersRetryDelay);
    }
    watches_.push_back(watch);
  }
  Wake();
  return absl::OkStatus();
}

void WatchCourier::Wake() {
  {
    const MutexLock lock(mutex_);
    wanted_ = true;
  }
  changed_.NotifyOne();
}

void WatchCourier::Drain() {
  std::vector<std::weak_ptr<Watch>> watches;
  {
    const MutexLock lock(mutex_);
    draining_ = true;
    watches.swap(watches_);
  }
  for (const auto& open : watches) {
    if (const auto watch = open.lock()) watch->EndWith(ShuttingDown());
  }
}

void WatchCourier::Loop() {
  absl::Time next = absl::InfiniteFuture();
  for (;;) {
    std::vector<std::weak_ptr<Watch>> watches;
    {
      const absl::Duration wait = std::clamp(next - latest_(), absl::ZeroDuration(), kLookInterval);
      const MutexLock lock(mutex_);
      changed_.AwaitFor(mutex_, wait, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ || stopping_; });
      if (stopping_) return;
      // Before anything is read: who wakes the courier from now on wants another look.
      wanted_ = false;
      watches = watches_;
    }
    next = absl::InfiniteFuture();
    for (const auto& open : watches) {
      if (const auto watch = open.lock()) next = std::min(next, watch->Carry(latest_()));
    }
  }
}

Watch::Watch(WatchCourier& courier, std::unique_ptr<WatchDelivery> delivery, std::string peer)
    : courier_(courier), delivery_(std::move(delivery)), peer_(std::move(peer)) {}

grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch::HandOver(const std::shared_ptr<Watch>& watch) {
  watch->self_ = watch;
  return watch.get();
}

absl::Time Watch::Carry(absl::Time now) {
  {
    const MutexLock lock(mutex_);
    // The caller's taking, or leaving, wakes the courier.
    if (writing_ || over_) return absl::InfiniteFuture();
  }
  auto step = delivery_->Next(now);
  if (!step.ok()) {
    EndWith(step.status());
    return absl::InfiniteFuture();
  }
  if (!step->message.has_value()) {
    if (step->done) EndWith(absl::OkStatus());
    return step->done ? absl::InfiniteFuture() : step->next;
  }
  const MutexLock lock(mutex_);
  if (over_) return absl::InfiniteFuture();
  message_.Swap(&*step->message);
  writing_ = true;
  // Under the mutex, so that it happens before a Finish by another thread. Never calls back from within.
  StartWrite(&message_);
  return absl::InfiniteFuture();
}

void Watch::EndWith(const absl::Status& status) {
  std::optional<grpc::Status> end;
  {
    const MutexLock lock(mutex_);
    if (!over_) end_ = status;
    over_ = true;
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

std::optional<grpc::Status> Watch::TakeEnd() {
  if (!over_ || writing_ || finished_) return std::nullopt;
  finished_ = true;
  return ToGrpcStatus(end_);
}

void Watch::OnWriteDone(bool ok) {
  std::optional<grpc::Status> end;
  {
    const MutexLock lock(mutex_);
    writing_ = false;
    message_.Clear();
    if (!ok && !over_) {
      over_ = true;
      end_ = absl::CancelledError("the caller has left");
    }
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
  courier_.Wake();
}

void Watch::OnCancel() { EndWith(absl::CancelledError("the caller has left")); }

void Watch::OnDone() {
  // The courier may hold the rest for a moment.
  self_.reset();
}

}  // namespace retention
