// The committer: the one thread that writes.
//
// Whatever is queued when it looks becomes one group, one durable write, and then all of its batches are answered.
// Batches of events and of log lines wait in queues of their own, and a group takes some of both: neither keeps the
// other waiting for more than one group.
// Everything else that changes what is held runs on the same thread as a task, between groups, and goes first: the end
// of a day does not wait for a full queue.
#ifndef RETENTION_SERVER_ENGINE_COMMITTER_H_
#define RETENTION_SERVER_ENGINE_COMMITTER_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/command_thread.h"
#include "server/engine/engine.h"
#include "server/logs/log_intake.h"
#include "server/recording/event_intake.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class Committer final : public CommandThread {
 public:
  // Bounds of the queues: beyond them a batch is refused with QUEUE_FULL.
  static constexpr size_t kMaxQueuedEvents = 100000;
  static constexpr size_t kMaxQueuedBytes = 128u << 20;
  static constexpr size_t kMaxQueuedLines = 100000;
  static constexpr size_t kMaxQueuedLineBytes = 64u << 20;
  // Events and lines at which a group is full, with the batch that fills it: how long a batch may have to wait for its
  // neighbours. A line costs a tenth of an event.
  static constexpr size_t kMaxGroupEvents = 8000;
  static constexpr size_t kMaxGroupLines = 10000;
  // Tasks (commands but those that record batches) in a row while batches wait.
  static constexpr int kMaxTasksInARow = 8;
  // How long tasks may keep batches waiting in a row.
  static constexpr absl::Duration kMaxPrecedence = absl::Milliseconds(500);
  // What a caller is told to wait when the queue is full.
  static constexpr absl::Duration kRetryDelay = absl::Milliseconds(50);

  struct Options {
    // Asked before every group: not OK, and nothing of it is recorded, with that as its outcome. On the committer's
    // thread. Tasks run all the same. May be empty.
    std::function<absl::Status()> may_record;
    // Called after every group with its size (events and lines), its outcome and how long it took, queueing not
    // included. On the committer's thread.
    std::function<void(size_t size, const absl::Status& status, absl::Duration took)> on_group;
  };

  // REQUIRES: engine and clock outlive it.
  Committer(Engine& engine, const Clock& clock, Options options);
  // Finishes what is queued.
  ~Committer() override;

  // Queues a prepared batch of `bytes` bytes; `batch->done` is called once it is durable or has failed, on the
  // committer's thread. RESOURCE_EXHAUSTED (QUEUE_FULL) if there is no room: `done` will not be called. REQUIRES:
  // `batch` lives until then.
  absl::Status Submit(EventBatch* batch, size_t bytes) { return Queue(batch, bytes); }
  absl::Status Submit(LineBatch* batch, size_t bytes) { return Queue(batch, bytes); }
  absl::Status Run(std::function<absl::Status()> task) override;

  // From now on (`on`), or no longer, only tasks run, and batches wait: several that must follow each other at once do
  // not wait for a group between any two of them. Ends by itself after kMaxPrecedence.
  void GivePrecedence(bool on);

  size_t queued_events() const;
  size_t queued_lines() const;
  // OK unless the last write failed.
  absl::Status health() const;
  absl::Time Now() const override { return clock_.Now(); }

 private:
  // Batches of one kind that wait.
  template <typename Waiting>
  struct BatchQueue {
    const size_t max_size;
    const size_t max_bytes;
    const size_t max_group;
    struct Entry {
      Waiting* batch;
      size_t bytes;
    };
    std::deque<Entry> batches;
    size_t size = 0;
    size_t bytes = 0;

    // False if there is no room.
    bool Push(Waiting* batch, size_t batch_bytes);
    // Takes what makes a group.
    std::vector<Waiting*> Take();
  };
  struct Group {
    std::vector<EventBatch*> events;
    std::vector<LineBatch*> lines;
    bool empty() const { return events.empty() && lines.empty(); }
  };
  template <typename Waiting>
  absl::Status Queue(Waiting* batch, size_t bytes);
  BatchQueue<EventBatch>& QueueOf(const EventBatch*) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return events_; }
  BatchQueue<LineBatch>& QueueOf(const LineBatch*) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return lines_; }
  void Loop();
  bool queues_empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return events_.batches.empty() && lines_.batches.empty();
  }
  bool MayRecord() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RecordGroup(const Group& group);

  Engine& engine_;
  const Clock& clock_;
  const Options options_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  BatchQueue<EventBatch> events_ ABSL_GUARDED_BY(mutex_){kMaxQueuedEvents, kMaxQueuedBytes, kMaxGroupEvents};
  BatchQueue<LineBatch> lines_ ABSL_GUARDED_BY(mutex_){kMaxQueuedLines, kMaxQueuedLineBytes, kMaxGroupLines};
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point tasks_only_until_ ABSL_GUARDED_BY(mutex_);
  int tasks_in_a_row_ = 0;  // the thread's own
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_COMMITTER_H_
