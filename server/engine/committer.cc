#include "server/engine/committer.h"

#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/base/acting.h"
#include "server/base/errors.h"

namespace retention {

Committer::Committer(Engine& engine, const Clock& clock, Options options)
    : engine_(engine), clock_(clock), options_(std::move(options)), thread_([this] { Loop(); }) {}

Committer::~Committer() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

template <typename Waiting>
bool Committer::BatchQueue<Waiting>::Push(Waiting* batch, size_t batch_bytes) {
  if (size + batch->size() > max_size || bytes + batch_bytes > max_bytes) return false;
  size += batch->size();
  bytes += batch_bytes;
  batches.push_back(Entry{batch, batch_bytes});
  return true;
}

template <typename Waiting>
std::vector<Waiting*> Committer::BatchQueue<Waiting>::Take() {
  std::vector<Waiting*> group;
  for (size_t taken = 0; !batches.empty() && taken < max_group;) {
    const Entry entry = batches.front();
    batches.pop_front();
    taken += entry.batch->size();
    size -= entry.batch->size();
    bytes -= entry.bytes;
    group.push_back(entry.batch);
  }
  return group;
}

template <typename Waiting>
absl::Status Committer::Queue(Waiting* batch, size_t bytes) {
  {
    const MutexLock lock(mutex_);
    if (!QueueOf(batch).Push(batch, bytes)) return QueueFull(kRetryDelay);
  }
  wake_.NotifyOne();
  return absl::OkStatus();
}
template absl::Status Committer::Queue(EventBatch* batch, size_t bytes);
template absl::Status Committer::Queue(LineBatch* batch, size_t bytes);

absl::Status Committer::Run(std::function<absl::Status()> task) {
  std::promise<absl::Status> promise;
  auto future = promise.get_future();
  {
    const MutexLock lock(mutex_);
    // For whom the caller acts, who waits here.
    tasks_.push_back(std::function<void()>([&, actor = CurrentActor()] {
      const ActingAs acting(actor);
      absl::Status status = task();
      {
        const MutexLock health_lock(mutex_);
        if (!IsRefusal(status)) health_ = status;
      }
      promise.set_value(std::move(status));
    }));
  }
  wake_.NotifyOne();
  return future.get();
}

void Committer::GivePrecedence(bool on) {
  {
    const MutexLock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    tasks_only_until_ = on ? now + absl::ToChronoMicroseconds(kMaxPrecedence) : now;
  }
  wake_.NotifyOne();
}

size_t Committer::queued_events() const {
  const MutexLock lock(mutex_);
  return events_.size;
}

size_t Committer::queued_lines() const {
  const MutexLock lock(mutex_);
  return lines_.size;
}

absl::Status Committer::health() const {
  const MutexLock lock(mutex_);
  return health_;
}

bool Committer::MayRecord() const {
  return !queues_empty() && (stopping_ || std::chrono::steady_clock::now() >= tasks_only_until_);
}

void Committer::Loop() {
  for (;;) {
    std::function<void()> task;
    Group group;
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && tasks_.empty() && !MayRecord()) {
        if (queues_empty()) {
          wake_.Wait(mutex_);
        } else {
          wake_.WaitFor(mutex_, absl::FromChrono(tasks_only_until_ - std::chrono::steady_clock::now()));
        }
      }
      if (queues_empty() && tasks_.empty()) return;
      if (!tasks_.empty() && (tasks_in_a_row_ < kMaxTasksInARow || !MayRecord())) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
        ++tasks_in_a_row_;
      } else {
        tasks_in_a_row_ = 0;
        group.events = events_.Take();
        group.lines = lines_.Take();
      }
    }
    if (task) task();
    if (!group.empty()) RecordGroup(group);
  }
}

void Committer::RecordGroup(const Group& group) {
  const std::optional<absl::Time> rival = clock_.Rival();
  if (rival.has_value() && group.events.size() + group.lines.size() > 1) {
    // Each by itself: whoever brings nothing that is in doubt need not wait.
    for (EventBatch* batch : group.events) RecordGroup({.events = {batch}, .lines = {}});
    for (LineBatch* batch : group.lines) RecordGroup({.events = {}, .lines = {batch}});
    return;
  }
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status = options_.may_record ? options_.may_record() : absl::OkStatus();
  if (status.ok()) status = engine_.Record(group.events, group.lines, clock_.Now(), rival);
  const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - begin);
  {
    const MutexLock lock(mutex_);
    if (!IsClockInDoubt(status)) health_ = status;
  }
  if (options_.on_group) {
    size_t size = 0;
    for (const EventBatch* batch : group.events) size += batch->size();
    for (const LineBatch* batch : group.lines) size += batch->size();
    options_.on_group(size, status, took);
  }
  const auto answer = [&status](const auto& batches) {
    for (auto* batch : batches) {
      // The batch may die in `done`.
      const auto done = std::move(batch->done);
      done(status);
    }
  };
  answer(group.events);
  answer(group.lines);
}

}  // namespace retention
