#include "server/rpc/batch_stream.h"

#include <utility>

#include "server/base/errors.h"
#include "server/rpc/status_codec.h"

namespace retention {
namespace {

// A full disk passes, like any failure of storage: the caller sends again on a new stream.
absl::Status EndOfStream(const absl::Status& failure) {
  if (!absl::IsResourceExhausted(failure)) return failure;
  return ErrorWithReason(absl::StatusCode::kUnavailable, "DISK_FULL", "the disk is full");
}

}  // namespace

absl::Status StreamRoster::Add(const std::shared_ptr<BatchStream>& stream) {
  const MutexLock lock(mutex_);
  if (draining_) {
    return ErrorWithReason(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
  }
  std::erase_if(streams_, [](const auto& open) { return open.expired(); });
  if (streams_.size() >= kMaxStreams) {
    return WithRetryDelay(
        ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS", "at most 256 streams at a time"),
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

BatchStream::BatchStream(NewBatch new_batch) : new_batch_(std::move(new_batch)) {}

BatchStream::~BatchStream() = default;

BatchStream* BatchStream::Open(absl::StatusOr<NewBatch> new_batch, StreamRoster& roster) {
  const std::shared_ptr<BatchStream> stream(new BatchStream(new_batch.ok() ? *std::move(new_batch) : NewBatch()));
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

void BatchStream::OnReadDone(bool ok) {
  std::unique_ptr<StreamedBatch> batch;
  absl::Status taken;
  if (ok) {
    batch = new_batch_();
    taken = batch->TakeIn(received_);
  }
  received_.Clear();
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    reading_ = false;
    if (no_more_ || finished_) {
      // It comes again on another stream.
    } else if (!ok || !taken.ok()) {
      no_more_ = true;
      if (ok) end_ = taken;
    } else {
      Enqueue(std::move(batch));
      ReadOn();
    }
    end = Proceed();
  }
  Conclude(end);
}

void BatchStream::Enqueue(std::unique_ptr<StreamedBatch> owned) {
  StreamedBatch& batch = *owned;
  unanswered_.push_back(std::move(owned));
  const absl::Status refusal = batch.Submit(
      [stream = shared_from_this(), &batch](const absl::Status& status) { stream->Complete(batch, status); });
  if (refusal.ok()) {
    unanswered_size_ += batch.size();
    unanswered_bytes_ += batch.bytes();
    return;
  }
  // Nothing that was sent after it may overtake it, so the stream ends here; the caller sends again in order.
  unanswered_.pop_back();
  no_more_ = true;
  end_ = refusal;
}

void BatchStream::Complete(StreamedBatch& batch, const absl::Status& status) {
  grpc::ByteBuffer answer;
  if (status.ok()) answer = batch.Answer();
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    batch.answer_.Swap(&answer);
    batch.failure_ = EndOfStream(status);
    batch.answered_ = true;
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
  if (finished_ || writing_) return std::nullopt;
  absl::Status end;
  if (broken_) {
    end = absl::CancelledError("the caller has left");
  } else if (!unanswered_.empty()) {
    const StreamedBatch& next = *unanswered_.front();
    if (!next.answered_) return std::nullopt;
    if (next.failure_.ok()) {
      writing_ = true;
      StartWrite(&next.answer_);
      return std::nullopt;
    }
    end = next.failure_;
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
  std::unique_ptr<StreamedBatch> answered;  // dies after the mutex was given back, and not on the committer's thread
  std::optional<absl::Status> end;
  {
    const MutexLock lock(mutex_);
    answered = std::move(unanswered_.front());
    unanswered_.pop_front();
    unanswered_size_ -= answered->size();
    unanswered_bytes_ -= answered->bytes();
    writing_ = false;
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
