#include "server/rpc/record_stream.h"

#include <google/protobuf/arena.h>

#include <optional>
#include <utility>

#include "retention/v1/event_service.pb.h"
#include "server/engine/errors.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire.h"

namespace retention {
namespace {

// A batch of 100 events fits into a few blocks.
google::protobuf::ArenaOptions BatchArena() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = 16 << 10;
  options.max_block_size = 64 << 10;
  return options;
}

// A full disk passes, like any failure of storage: the caller sends again on a new stream.
absl::Status EndOfStream(const absl::Status& failure) {
  if (!absl::IsResourceExhausted(failure)) return failure;
  return ErrorWithReason(absl::StatusCode::kUnavailable, "DISK_FULL", "the disk is full");
}

}  // namespace

absl::Status StreamRoster::Add(const std::shared_ptr<RecordStream>& stream) {
  std::lock_guard lock(mutex_);
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
  std::vector<std::weak_ptr<RecordStream>> streams;
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    streams.swap(streams_);
  }
  for (const auto& open : streams) {
    if (const auto stream = open.lock()) {
      stream->EndWith(ErrorWithReason(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down"));
    }
  }
}

struct RecordStream::Batch {
  google::protobuf::Arena arena{BatchArena()};
  v1::RecordEventsRequest* request = google::protobuf::Arena::CreateMessage<v1::RecordEventsRequest>(&arena);
  RecordCommand command;
  size_t bytes = 0;
  // Guarded by the stream's mutex from Enqueue on.
  bool answered = false;
  absl::Status failure;  // if not OK, ends the stream in place of the answer
  grpc::ByteBuffer answer;
};

RecordStream::RecordStream(const Backend& backend) : backend_(backend) {}

RecordStream::~RecordStream() = default;

RecordStream* RecordStream::Open(const Backend& backend, StreamRoster& roster) {
  const std::shared_ptr<RecordStream> stream(new RecordStream(backend));
  stream->self_ = stream;
  const absl::Status refusal = roster.Add(stream);
  std::unique_lock lock(stream->mutex_);
  if (refusal.ok()) {
    stream->ReadOn();
  } else {
    stream->no_more_ = true;
    stream->end_ = refusal;
  }
  stream->Proceed(std::move(lock));
  return stream.get();
}

void RecordStream::EndWith(const absl::Status& status) {
  std::unique_lock lock(mutex_);
  if (!no_more_) end_ = status;
  no_more_ = true;
  Proceed(std::move(lock));
}

void RecordStream::OnReadDone(bool ok) {
  absl::StatusOr<std::unique_ptr<Batch>> batch = absl::CancelledError();
  if (ok) batch = TakeIn();
  received_.Clear();
  std::unique_lock lock(mutex_);
  reading_ = false;
  if (no_more_ || finished_) return Proceed(std::move(lock));  // it comes again on another stream
  if (!ok || !batch.ok()) {
    no_more_ = true;
    if (ok) end_ = batch.status();
    return Proceed(std::move(lock));
  }
  Enqueue(*std::move(batch));
  ReadOn();
  Proceed(std::move(lock));
}

absl::StatusOr<std::unique_ptr<RecordStream::Batch>> RecordStream::TakeIn() const {
  auto batch = std::make_unique<Batch>();
  if (absl::Status status = CheckBatchBytes(received_.Length()); !status.ok()) return status;
  if (absl::Status status = ParseMessage(received_, *batch->request); !status.ok()) return status;
  batch->bytes = batch->arena.SpaceAllocated();
  if (absl::Status status = CheckBatchMemory(batch->bytes); !status.ok()) return status;
  batch->command.events = &batch->request->events();
  if (absl::Status status = batch->command.Prepare(backend_.committer.Now()); !status.ok()) return status;
  return batch;
}

void RecordStream::Enqueue(std::unique_ptr<Batch> owned) {
  Batch& batch = *owned;
  batch.command.done = [stream = shared_from_this(), &batch](const absl::Status& status) {
    stream->Complete(batch, status);
  };
  unanswered_.push_back(std::move(owned));
  const absl::Status refusal = backend_.committer.Submit(&batch.command, batch.bytes);
  if (refusal.ok()) return;
  // Nothing that was sent after it may overtake it, so the stream ends here; the caller sends again in order.
  batch.command.done = nullptr;  // will not be called, and would keep the stream for ever
  unanswered_.pop_back();
  no_more_ = true;
  end_ = refusal;
}

void RecordStream::Complete(Batch& batch, const absl::Status& status) {
  grpc::ByteBuffer answer;
  if (status.ok()) {
    backend_.metrics.CountBatch(batch.command.result);
    v1::RecordEventsResponse response;
    response.set_batch_id(batch.request->batch_id());
    response.mutable_result()->Swap(&batch.command.result);
    answer = SerializeMessage(response);
  }
  std::unique_lock lock(mutex_);
  batch.answer.Swap(&answer);
  batch.failure = EndOfStream(status);
  batch.answered = true;
  Proceed(std::move(lock));
}

void RecordStream::ReadOn() {
  if (reading_ || no_more_ || broken_ || finished_ || unanswered_.size() >= kMaxUnanswered) return;
  reading_ = true;
  // Under the mutex, so that it happens before a Finish by another thread. Never calls back from within.
  StartRead(&received_);
}

void RecordStream::Proceed(std::unique_lock<std::mutex> lock) {
  if (finished_ || writing_) return;
  absl::Status end;
  if (broken_) {
    end = absl::CancelledError("the caller has left");
  } else if (!unanswered_.empty()) {
    const Batch& next = *unanswered_.front();
    if (!next.answered) return;
    if (next.failure.ok()) {
      writing_ = true;
      return StartWrite(&next.answer);
    }
    end = next.failure;
  } else if (no_more_) {
    end = end_;
  } else {
    return;
  }
  finished_ = true;
  lock.unlock();
  Finish(ToGrpcStatus(end));
}

void RecordStream::OnWriteDone(bool ok) {
  std::unique_ptr<Batch> answered;  // dies after the mutex was given back, and not on the committer's thread
  std::unique_lock lock(mutex_);
  answered = std::move(unanswered_.front());
  unanswered_.pop_front();
  writing_ = false;
  if (!ok) broken_ = true;
  ReadOn();
  Proceed(std::move(lock));
}

void RecordStream::OnCancel() {
  std::unique_lock lock(mutex_);
  broken_ = true;
  Proceed(std::move(lock));
}

void RecordStream::OnDone() {
  // Commands under way keep the rest.
  self_.reset();
}

}  // namespace retention
