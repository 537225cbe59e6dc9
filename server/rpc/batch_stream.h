// Streams of batches that are answered in order, each once it is durable: RecordEvents and AppendLogs.
#ifndef RETENTION_SERVER_RPC_BATCH_STREAM_H_
#define RETENTION_SERVER_RPC_BATCH_STREAM_H_

#include <google/protobuf/arena.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstddef>
#include <deque>
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
#include "server/rpc/admission.h"
#include "server/rpc/backend.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/limits.h"
#include "server/rpc/wire.h"
#include "storage/mutex.h"

namespace retention {

class BatchStream;

// The streams that are open. Ends those that are idle, and breaks off those whose caller takes no answers. Thread-safe.
class StreamRoster {
 public:
  // What a caller is told to wait when there is no room for another stream.
  static constexpr absl::Duration kTooManyStreamsRetryDelay = absl::Seconds(1);

  explicit StreamRoster(const StreamLimits& limits);
  // REQUIRES: gRPC is done with all streams.
  ~StreamRoster();

  // RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS, in all or of its peer; UNAVAILABLE with reason SHUTTING_DOWN after
  // Drain.
  absl::Status Add(const std::shared_ptr<BatchStream>& stream);
  // Ends every stream after the batches it has taken in.
  void Drain();

 private:
  void Loop();

  const StreamLimits limits_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // May name streams that have ended.
  std::vector<std::weak_ptr<BatchStream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// One batch of a stream, from its bytes to its answer.
class StreamedBatch {
 public:
  virtual ~StreamedBatch() = default;

 protected:
  // Takes what was read; what is wrong with it ends the stream.
  virtual absl::Status TakeIn(const grpc::ByteBuffer& received) = 0;
  // Hands it to the committer, which calls `done` once it is durable or has failed. An error means that there was no
  // room for it: `done` is not called, and is not held any longer.
  virtual absl::Status Submit(std::function<void(absl::Status)> done) = 0;
  // The answer to a batch that is durable. On the committer's thread.
  virtual grpc::ByteBuffer Answer() = 0;
  // Events or lines in what was taken in, and the memory that they take.
  virtual size_t size() const = 0;
  virtual size_t bytes() const = 0;

 private:
  friend class BatchStream;
};

// One that waits in the committer's queue.
template <typename Request, typename Queued>
class CommittedBatch : public StreamedBatch {
 public:
  using RequestType = Request;

 protected:
  // REQUIRES: `admission` outlives its TakeIn.
  CommittedBatch(const Backend& backend, Admission& admission) : backend_(backend), admission_(admission) {}

  // Parses what was received, if its caller may still send it, and it stays within what they may reach.
  absl::Status Parse(const grpc::ByteBuffer& received) {
    if (absl::Status status = Renew(backend_, admission_); !status.ok()) return status;
    const absl::Status size = CheckSize(received, *Request::descriptor(), admission_.method->request_bytes_max);
    if (!size.ok()) return size;
    if (absl::Status status = ParseMessage(received, *request_); !status.ok()) return status;
    return CheckScope(backend_, admission_, *request_);
  }

  absl::Status Submit(std::function<void(absl::Status)> done) final {
    queued_.done = std::move(done);
    const absl::Status refusal = backend_.committer.Submit(&queued_, memory_);
    if (!refusal.ok()) queued_.done = nullptr;
    return refusal;
  }
  size_t size() const final { return queued_.size(); }
  size_t bytes() const final { return memory_; }

  const Backend& backend_;
  Admission& admission_;
  google::protobuf::Arena arena_{StreamArena()};
  Request* const request_ = google::protobuf::Arena::CreateMessage<Request>(&arena_);
  Queued queued_;
  size_t memory_ = 0;  // what it takes in the queue; set by TakeIn
};

// Batches come in while others wait to be durable, and are answered in the order in which they came.
//
// gRPC's threads and the committer's call in concurrently. The stream lives until gRPC is done with it and no batch
// refers to it any more: a caller that breaks off leaves batches behind that are still recorded.
class BatchStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                          public std::enable_shared_from_this<BatchStream> {
 public:
  // Batches taken in and not yet answered, beyond which nothing is read: so many of any size, and more of them while
  // all together hold less than this. They are what large groups of the committer are made of: those cost an event
  // less.
  static constexpr size_t kMaxUnanswered = 16;
  static constexpr size_t kMaxUnansweredSmall = 32;
  static constexpr size_t kMaxSmallSize = 4000;
  static constexpr size_t kMaxSmallBytes = 4u << 20;

  using NewBatch = std::function<std::unique_ptr<StreamedBatch>()>;
  using Clock = std::chrono::steady_clock;

  // A stream that reads, or one that ends at once: with the error in its place, or what the roster has against it.
  static BatchStream* Open(grpc::CallbackServerContext& context, absl::StatusOr<NewBatch> new_batch,
                           const Backend& backend, StreamRoster& roster);
  ~BatchStream() override;

  const std::string& peer() const { return peer_; }

  // What nothing came on, and where nothing is unanswered, for too long ends: UNAVAILABLE with reason STREAM_IDLE. What
  // has an answer that is not taken for too long is broken off.
  void Look(Clock::time_point now, const StreamLimits& limits);

  // Ends the stream with `status` once the batches it has taken in are answered.
  void EndWith(const absl::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // A batch that is durable, and what it holds until it has died.
  struct Spent {
    ByteBudget::Share share;  // outlives the batch
    std::unique_ptr<StreamedBatch> batch;
  };
  // A batch, and then its answer: what it was dies as soon as it is durable, however long the answer waits.
  struct Unanswered {
    std::unique_ptr<StreamedBatch> batch;  // null once it is answered
    ByteBudget::Share share;
    size_t size = 0;
    size_t bytes = 0;
    bool answered = false;
    absl::Status failure;  // if not OK, ends the stream in place of the answer
    grpc::ByteBuffer answer;
  };

  BatchStream(grpc::CallbackServerContext& context, NewBatch new_batch, const Backend& backend);

  // Takes in what was read, if there is memory for it.
  absl::StatusOr<std::unique_ptr<Unanswered>> TakeIn();
  // Hands it to the committer; the stream ends if there is no room for it.
  void Enqueue(std::unique_ptr<Unanswered> taken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // On the committer's thread.
  void Complete(Unanswered& done, const absl::Status& status);
  bool IsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Starts what can be started now. Returns how the stream ends, once its time has come: the caller then lets go of the
  // mutex, and hands it to Conclude.
  std::optional<absl::Status> Proceed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // May be the last thing that happens to the stream before OnDone.
  void Conclude(const std::optional<absl::Status>& end) ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::CallbackServerContext& context_;  // gRPC's, as long as the stream has not finished
  const NewBatch new_batch_;
  const Backend& backend_;
  const std::string connection_;  // as gRPC names it
  const std::string peer_;
  std::shared_ptr<BatchStream> self_;  // gRPC's share; set before the first read, dropped in OnDone

  grpc::ByteBuffer received_;  // belongs to the one read under way, then to its reaction

  Mutex mutex_;
  std::deque<std::unique_ptr<Unanswered>> unanswered_ ABSL_GUARDED_BY(mutex_);  // the first may be being written
  Clock::time_point moved_ ABSL_GUARDED_BY(mutex_) = Clock::now();  // when something was read, or an answer taken, last
  Clock::time_point writing_since_ ABSL_GUARDED_BY(mutex_);         // of the answer that is being written
  size_t unanswered_size_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool no_more_ ABSL_GUARDED_BY(mutex_) = false;   // nothing further is taken in
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;    // nobody hears the answers any more
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;  // Finish was, or is about to be, called
  bool breaking_ ABSL_GUARDED_BY(mutex_) = false;  // it is being broken off, and does not finish meanwhile
  absl::Status end_ ABSL_GUARDED_BY(mutex_);       // how the stream ends after the last answer
};

// What makes the batches of a stream, if its caller may open it.
template <typename Batch>
absl::StatusOr<BatchStream::NewBatch> BatchesOf(const Backend& backend, const grpc::ServerContextBase& context) {
  auto admission = AdmitStream(backend, context, RowOf<typename Batch::RequestType>());
  if (!admission.ok()) return admission.status();
  // Batches are taken in one at a time.
  return [&backend, admission = std::make_shared<Admission>(*std::move(admission))] {
    return std::make_unique<Batch>(backend, *admission);
  };
}

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_BATCH_STREAM_H_
