// Events, sent over one RecordEvents stream with back-pressure, until every one of them is answered.
//
// At most `unanswered_batches_max` batches are on their way; then Send waits. After a broken stream (a full queue ends
// it too) everything unanswered is sent again, in order, on a new one. That is safe because events are idempotent by
// their id: nothing is lost and nothing counts twice but in `Totals::duplicates`.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "client/connection.h"
#include "client/retry.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"

namespace retention {

struct EventStreamOptions {
  int batch_events = 100;                             // Events that Add gathers into a batch; 1 to 1,000.
  int unanswered_batches_max = 24;                    // 1 to 32, where the server itself stops reading.
  absl::Duration answer_timeout = absl::Seconds(60);  // Without any answer for so long, the stream counts as broken.
  // Attempts are counted from the last answer. These last a minute and a half: a server that starts again may have to
  // catch up first.
  RetryPolicy retry = {.attempts_max = 24};
};

// One answered batch. References are good during the call only.
struct BatchAnswer {
  uint64_t first_event;  // Number of the batch's first event, counted from 0 in the order of sending.
  const v1::RecordEventsRequest& batch;
  const v1::RecordResult& result;
};

// For one sending thread. Sending again happens in that thread, inside Send, Add, Flush and Finish.
class EventStream {
 public:
  struct Totals {
    uint64_t sent = 0;  // Handed to the stream.
    uint64_t accepted = 0;
    uint64_t duplicates = 0;
    uint64_t rejected = 0;
    uint64_t values_past_due = 0;
    uint64_t values_rejected = 0;
    uint64_t objects_ordered_away = 0;
    uint64_t batches_resent = 0;
    uint64_t reconnections = 0;

    uint64_t answered() const { return accepted + duplicates + rejected; }
  };

  // Called once per batch, on a thread of the stream's own, one call at a time, in the order of answers.
  using AnswerCallback = std::function<void(const BatchAnswer&)>;

  explicit EventStream(std::shared_ptr<Connection> connection, EventStreamOptions options = {},
                       AnswerCallback on_answer = nullptr);
  ~EventStream();  // Cancels what was not finished.
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Gathers events into batches of `batch_events` and below 4 MiB, and sends each when it is full.
  absl::Status Add(v1::Event event);

  // Sends a batch of 1 to 1,000 events, at most 4 MiB together; its batch_id is set here. Returns once it is on its
  // way. The error, once there is one, stays: what the server called malformed (INVALID_ARGUMENT), or the last failure
  // when attempts are used up.
  absl::Status Send(v1::RecordEventsRequest batch);

  // Sends what Add gathered.
  absl::Status Flush();

  // Flush, and wait until every batch is answered.
  absl::Status Drain();

  // Drain, and end the stream. After an error, `totals().answered()` says how many were answered all the same.
  absl::Status Finish();

  Totals totals() const;

 private:
  struct Unanswered {
    uint64_t first_event;
    // Shared: a batch that is being written again must outlive a premature answer to it.
    std::shared_ptr<const v1::RecordEventsRequest> request;
  };

  void Open();                               // A new stream, and a thread that reads its answers.
  void Close();                              // Cancels the stream and waits for its reader.
  void ReadAnswers(RecordEventsCall& call);  // The reader's loop.
  void TakeAnswer(const v1::RecordEventsResponse& answer);
  absl::Status WaitUntilAtMost(size_t unanswered);
  absl::Status Reconnect();  // After a broken stream: wait, open, send everything again.
  static bool MayReconnect(const absl::Status& status);

  const std::shared_ptr<Connection> connection_;
  const EventStreamOptions options_;
  const AnswerCallback on_answer_;
  Backoff backoff_;
  std::unique_ptr<RecordEventsCall> call_;
  std::thread reader_;
  v1::RecordEventsRequest gathered_;
  size_t gathered_bytes_ = 0;
  uint64_t next_batch_id_ = 1;
  absl::Status failure_;  // What ended it for good.

  mutable std::mutex mutex_;
  std::condition_variable changed_;            // An answer came, or the stream ended.
  std::map<uint64_t, Unanswered> unanswered_;  // By batch id.
  bool broken_ = false;                        // The reader is through with its stream.
  absl::Status end_;                           // How that stream ended.
  uint64_t answers_ = 0;                       // Of any kind; progress.
  uint64_t answers_at_failure_ = 0;            // Answers that had come when the last stream broke.
  Totals totals_;
};

}  // namespace retention
