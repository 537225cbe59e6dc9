#include "server/rpc/batch_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/rpc/connections.h"
#include "server/rpc/disposer.h"
#include "server/rpc/status_codec.h"

namespace retention {
namespace {

// A full disk passes, like any failure of storage: the caller sends again on a new stream.
absl::Status EndOfStream(const absl::Status& failure) {
  if (!absl::IsResourceExhausted(failure)) return failure;
  return ErrorWithReason(absl::StatusCode::kUnavailable, "DISK_FULL", "the disk is full");
}

}  // namespace

StreamRoster::StreamRoster(const StreamLimits& limits) : limits_(limits), thread_([this] { Loop(); }) {}

StreamRoster::~StreamRoster() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void StreamRoster::Loop() {
  for (;;) {
    std::vector<std::weak_ptr<BatchStream>> streams;
    {
      const MutexLock lock(mutex_);
      wake_.AwaitFor(mutex_, limits_.look_interval,
                     [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; });
      if (stopping_) return;
      streams = streams_;
    }
    for (const auto& open : streams) {
      if (const auto stream = open.lock()) stream->Look(BatchStream::Clock::now(), limits_);
    }
  }
}

absl::Status StreamRoster::Add(const std::shared_ptr<BatchStream>& stream) {
  const MutexLock lock(mutex_);
  if (draining_) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
  }
  std::erase_if(streams_, [](const auto& open) { return open.expired(); });
  size_t of_peer = 0;
  for (const auto& open : streams_) {
    const auto other = open.lock();
    if (other != nullptr && other->peer() == stream->peer()) ++of_peer;
  }
  if (streams_.size() >= limits_.in_all || of_peer >= limits_.per_peer) {
    return WithRetryDelay(ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS",
                                          absl::StrCat("at most ", limits_.in_all, " streams at a time, ",
                                                       limits_.per_peer, " of one peer")),
                          kTooManyStreamsRetryDelay);
  }
  streams_.push_back(stream);
  return absl::OkStatus();
}

void StreamRoster::Drain() {
  std::vector<std::weak_ptr<BatchStream>> streams;
  {
    const MutexLock lock(mutex_);
    draining_ = true;
    streams.swap(streams_);
  }
  for (const auto& open : streams) {
    if (const auto stream = open.lock()) {
      stream->EndWith(ErrorWithReason(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down"));
    }
  }
}

BatchStream::BatchStream(grpc::CallbackServerContext& context, NewBatch new_batch, const Backend& backend)
    : context_(context),
      new_batch_(std::move(new_batch)),
      backend_(backend),
      connection_(context.peer()),
      peer_(PeerOf(context)) {}

BatchStream::~BatchStream() = default;

BatchStream* BatchStream::Open(grpc::CallbackServerContext& context, absl::StatusOr<NewBatch> new_batch,
                               const Backend& backend, StreamRoster& roster) {
  const std::shared_ptr<BatchStream> stream(
      new BatchStream(context, new_batch.ok() ? *std::move(new_batch) : NewBatch(), backend));
  stream->self_ = stream;
  const absl::Status refusal = new_batch.ok() ? roster.Add(stream) : new_batch.status();
  std::optional<absl::Status> end;
  {
    const MutexLock lock(stream->mutex_);
    if (refusal.ok()) {
      stream->ReadOn();
    } else {
      stream->no_more_ = true;
      stream->end_ = refusal;
    }
    end = stream->Proceed();
  }
  stream->Conclude(end);
  return stream.get();
}

void BatchStream::EndWith(const absl::Status& status) {
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    if (!no_more_) end_ = status;
    no_more_ = true;
    end = Proceed();
  }
  Conclude(end);
}

void BatchStream::Look(Clock::time_point now, const StreamLimits& limits) {
  std::optional<absl::Status> end;
  bool breaks = false;
  {
    const MutexLock lock(mutex_);
    if (finished_) return;
    breaks = writing_ && !breaking_ && absl::FromChrono(now - writing_since_) >= limits.unread;
    if (breaks) {
      breaking_ = true;
    } else if (unanswered_.empty() && !no_more_ && absl::FromChrono(now - moved_) >= limits.idle) {
      no_more_ = true;
      end_ = ErrorWithReason(absl::StatusCode::kUnavailable, "STREAM_IDLE",
                             "nothing came for so long that the stream was closed: open another");
      end = Proceed();
    }
  }
  if (breaks) {
    // Without the mutex: it may call back from within.
    context_.TryCancel();
    const MutexLock lock(mutex_);
    breaking_ = false;
    end = Proceed();
  }
  Conclude(end);
}

absl::StatusOr<std::unique_ptr<BatchStream::Unanswered>> BatchStream::TakeIn() {
  backend_.connections->CountMessage(connection_, received_.Length());
  auto share = backend_.budget->Take(peer_, received_.Length() * ByteLimits::kParsedFactor);
  if (!share.has_value()) return MemoryFull();
  auto taken = std::make_unique<Unanswered>();
  taken->share = *std::move(share);
  taken->batch = new_batch_();
  if (absl::Status status = taken->batch->TakeIn(received_); !status.ok()) return status;
  taken->size = taken->batch->size();
  taken->bytes = taken->batch->bytes();
  // Texts lie beside the arena.
  taken->share.Set(taken->bytes + received_.Length());
  return taken;
}

void BatchStream::OnReadDone(bool ok) {
  absl::StatusOr<std::unique_ptr<Unanswered>> taken = nullptr;
  if (ok) taken = TakeIn();
  received_.Clear();
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    reading_ = false;
    moved_ = Clock::now();
    if (no_more_ || finished_) {
      // It comes again on another stream.
    } else if (!ok || !taken.ok()) {
      no_more_ = true;
      if (ok) end_ = taken.status();
    } else {
      Enqueue(*std::move(taken));
      ReadOn();
    }
    end = Proceed();
  }
  Conclude(end);
}

void BatchStream::Enqueue(std::unique_ptr<Unanswered> owned) {
  Unanswered& taken = *owned;
  unanswered_.push_back(std::move(owned));
  const absl::Status refusal = taken.batch->Submit(
      [stream = shared_from_this(), &taken](const absl::Status& status) { stream->Complete(taken, status); });
  if (refusal.ok()) {
    unanswered_size_ += taken.size;
    unanswered_bytes_ += taken.bytes;
    return;
  }
  // Nothing that was sent after it may overtake it, so the stream ends here; the caller sends again in order.
  unanswered_.pop_back();
  no_more_ = true;
  end_ = refusal;
}

void BatchStream::Complete(Unanswered& done, const absl::Status& status) {
  auto spent = std::make_shared<Spent>();
  {
    const MutexLock lock(mutex_);  // Enqueue may not have let go of it yet
    spent->batch = std::move(done.batch);
    spent->share = std::move(done.share);
  }
  grpc::ByteBuffer answer;
  if (status.ok()) answer = spent->batch->Answer();
  ByteBudget::Share share = spent->share.Another(answer.Length());
  // Now, and not with its answer, which may never be taken.
  backend_.disposer->Dispose(std::move(spent));
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    done.share = std::move(share);
    done.answer.Swap(&answer);
    done.failure = EndOfStream(status);
    done.answered = true;
    end = Proceed();
  }
  Conclude(end);
}

bool BatchStream::IsFull() const {
  if (unanswered_.size() < kMaxUnanswered) return false;
  return unanswered_.size() >= kMaxUnansweredSmall || unanswered_size_ >= kMaxSmallSize ||
         unanswered_bytes_ >= kMaxSmallBytes;
}

void BatchStream::ReadOn() {
  if (reading_ || no_more_ || broken_ || finished_ || IsFull()) return;
  reading_ = true;
  // Under the mutex, so that it happens before a Finish by another thread. Never calls back from within.
  StartRead(&received_);
}

std::optional<absl::Status> BatchStream::Proceed() {
  if (finished_ || writing_ || breaking_) return std::nullopt;
  absl::Status end;
  if (broken_) {
    end = absl::CancelledError("the caller has left");
  } else if (!unanswered_.empty()) {
    const Unanswered& next = *unanswered_.front();
    if (!next.answered) return std::nullopt;
    if (next.failure.ok()) {
      writing_ = true;
      writing_since_ = Clock::now();
      StartWrite(&next.answer);
      return std::nullopt;
    }
    end = next.failure;
  } else if (no_more_) {
    end = end_;
  } else {
    return std::nullopt;
  }
  finished_ = true;
  return end;
}

void BatchStream::Conclude(const std::optional<absl::Status>& end) {
  if (end.has_value()) Finish(ToGrpcStatus(*end));
}

void BatchStream::OnWriteDone(bool ok) {
  std::unique_ptr<Unanswered> answered;  // dies after the mutex was given back
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    answered = std::move(unanswered_.front());
    unanswered_.pop_front();
    unanswered_size_ -= answered->size;
    unanswered_bytes_ -= answered->bytes;
    writing_ = false;
    moved_ = Clock::now();
    if (!ok) broken_ = true;
    ReadOn();
    end = Proceed();
  }
  Conclude(end);
}

void BatchStream::OnCancel() {
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    broken_ = true;
    end = Proceed();
  }
  Conclude(end);
}

void BatchStream::OnDone() {
  // Batches under way keep the rest.
  self_.reset();
}

}  // namespace retention
