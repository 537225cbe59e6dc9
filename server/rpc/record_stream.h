// One RecordEvents stream.
#ifndef RETENTION_SERVER_RPC_RECORD_STREAM_H_
#define RETENTION_SERVER_RPC_RECORD_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/backend.h"

namespace retention {

class RecordStream;

// The streams that are open. Thread-safe.
class StreamRoster {
 public:
  // Streams at a time: bounds the memory that unanswered batches take.
  static constexpr size_t kMaxStreams = 256;

  // What a caller is told to wait when there is no room for another stream.
  static constexpr absl::Duration kTooManyStreamsRetryDelay = absl::Seconds(1);

  // RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE with reason SHUTTING_DOWN after Drain.
  absl::Status Add(const std::shared_ptr<RecordStream>& stream);
  // Ends every stream after the batches it has taken in.
  void Drain();

 private:
  std::mutex mutex_;
  bool draining_ = false;                             // guarded by mutex_
  std::vector<std::weak_ptr<RecordStream>> streams_;  // guarded by mutex_; may name streams that have ended
};

// Batches come in while others wait to be durable, and are answered in the order in which they came.
//
// gRPC's threads and the committer's call in concurrently. The stream lives until gRPC is done with it and no command
// refers to it any more: a caller that breaks off leaves commands behind that still run.
class RecordStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                           public std::enable_shared_from_this<RecordStream> {
 public:
  // Batches taken in and not yet answered, beyond which nothing is read.
  static constexpr size_t kMaxUnanswered = 16;

  // A stream that reads, or one that ends at once with what the roster has against it.
  static RecordStream* Open(const Backend& backend, StreamRoster& roster);
  ~RecordStream() override;

  // Ends the stream with `status` once the batches it has taken in are answered.
  void EndWith(const absl::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  struct Batch;
  explicit RecordStream(const Backend& backend);

  // Takes what was read for a batch; what is wrong with it ends the stream.
  absl::StatusOr<std::unique_ptr<Batch>> TakeIn() const;
  // Hands it to the committer; the stream ends if there is no room for it.
  void Enqueue(std::unique_ptr<Batch> batch);
  // On the committer's thread.
  void Complete(Batch& batch, const absl::Status& status);
  void ReadOn();
  // Starts what can be started now. May be the last thing that happens to the stream before OnDone.
  void Proceed(std::unique_lock<std::mutex> lock);

  const Backend& backend_;
  std::shared_ptr<RecordStream> self_;  // gRPC's share; set before the first read, dropped in OnDone

  grpc::ByteBuffer received_;  // belongs to the one read under way, then to its reaction

  std::mutex mutex_;
  std::deque<std::unique_ptr<Batch>> unanswered_;  // guarded by mutex_; the first may be being written
  bool reading_ = false;                           // guarded by mutex_
  bool writing_ = false;                           // guarded by mutex_
  bool no_more_ = false;                           // guarded by mutex_; nothing further is taken in
  bool broken_ = false;                            // guarded by mutex_; nobody hears the answers any more
  bool finished_ = false;                          // guarded by mutex_; Finish was, or is about to be, called
  absl::Status end_;                               // guarded by mutex_; how the stream ends after the last answer
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_RECORD_STREAM_H_
