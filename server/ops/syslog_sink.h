// From syslog messages to durable log lines.
#ifndef RETENTION_SERVER_OPS_SYSLOG_SINK_H_
#define RETENTION_SERVER_OPS_SYSLOG_SINK_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/engine/committer.h"
#include "server/logs/log_intake.h"
#include "server/ops/metrics.h"
#include "storage/mutex.h"

namespace retention {

// Buffers lines while one batch of them is on its way through the committer. A batch that fails is sent again until it
// succeeds: syslog has no way to tell the sender. Belongs to one thread; only the committer calls in from another.
class SyslogSink {
 public:
  // Bounds of what is buffered, which is also the next batch.
  static constexpr size_t kMaxBufferedLines = kMaxLogBatchLines;
  static constexpr size_t kMaxBufferedBytes = kMaxLogBatchBytes;

  // `wake` is called, on the committer's thread, when Proceed has something to do. REQUIRES: all outlive it.
  SyslogSink(Committer& committer, Metrics& metrics, std::function<void()> wake);
  // Waits for the batch that is on its way.
  ~SyslogSink();

  // Whether one more message fits.
  bool HasRoom() const { return lines_.size() < static_cast<int>(kMaxBufferedLines) && bytes_ < kMaxBufferedBytes; }
  // Takes a message in, or counts why not. Without room it is counted as dropped.
  void Take(std::string_view raw);
  // Takes note of a batch that has come back, and sends the next one. Returns when it must be called again at the
  // latest.
  std::optional<std::chrono::steady_clock::time_point> Proceed();
  // Sends what is buffered once more, and counts as dropped what cannot be held.
  void Finish();

 private:
  void Send();
  // Takes note of a batch that has come back; whether one is still on its way.
  bool Land();
  void AwaitOutcome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(const google::protobuf::RepeatedPtrField<v1::LogLine>& lines);

  Committer& committer_;
  Metrics& metrics_;
  const std::function<void()> wake_;

  google::protobuf::RepeatedPtrField<v1::LogLine> lines_;
  size_t bytes_ = 0;
  google::protobuf::RepeatedPtrField<v1::LogLine> sent_;  // the batch on its way, or to be sent again
  LineBatch batch_;
  bool flying_ = false;
  std::chrono::steady_clock::time_point try_again_;  // not before

  Mutex mutex_;
  CondVar landed_;
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mutex_);  // of the batch on its way
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SYSLOG_SINK_H_
