// Ingest through a committer, as the server's handlers drive it: batches of 100, a bounded number unanswered.
#ifndef RETENTION_TESTS_BENCH_COMMITTER_LOAD_H_
#define RETENTION_TESTS_BENCH_COMMITTER_LOAD_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "server/engine/committer.h"
#include "tests/bench/meeting_feed.h"

namespace retention {

// Runs from its making until Stop or its end. Thread-safe.
class CommitterLoad {
 public:
  static constexpr int kBatchEvents = 100;
  static constexpr size_t kBatchesInFlight = 128;  // four streams of 32

  // REQUIRES: `committer` outlives it.
  CommitterLoad(Committer& committer, const FeedOptions& options);
  ~CommitterLoad() { Stop(); }

  // Returns once all that was submitted is answered.
  void Stop();
  // Events recorded so far.
  uint64_t events() const { return events_; }

 private:
  struct Flight {
    google::protobuf::RepeatedPtrField<v1::Event> events;
    EventBatch queued;
  };
  void Loop();
  void Land(Flight* flight, const absl::Status& status);

  Committer& committer_;
  MeetingFeed feed_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> events_ = 0;
  std::mutex mutex_;
  std::condition_variable landed_;
  size_t in_flight_ = 0;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_COMMITTER_LOAD_H_
