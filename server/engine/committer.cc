#include "server/engine/committer.h"

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "server/engine/errors.h"

namespace retention {

Committer::Committer(Engine& engine, const Clock& clock, Options options)
    : engine_(engine), clock_(clock), options_(std::move(options)), thread_([this] { Loop(); }) {}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

absl::Status Committer::Submit(RecordCommand* command, size_t bytes) {
  const size_t events = static_cast<size_t>(command->events->size());
  {
    std::lock_guard lock(mutex_);
    if (queued_events_ + events > kMaxQueuedEvents || queued_bytes_ + bytes > kMaxQueuedBytes) {
      return QueueFull(kRetryDelay);
    }
    queued_events_ += events;
    queued_bytes_ += bytes;
    queue_.push_back(QueuedBatch{command, bytes});
  }
  wake_.notify_one();
  return absl::OkStatus();
}

absl::Status Committer::Run(std::function<absl::Status()> task) {
  std::promise<absl::Status> promise;
  auto future = promise.get_future();
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::function<void()>([&] {
      absl::Status status = task();
      {
        std::lock_guard health_lock(mutex_);
        if (!IsRefusal(status)) health_ = status;
      }
      promise.set_value(std::move(status));
    }));
  }
  wake_.notify_one();
  return future.get();
}

void Committer::GivePrecedence(bool on) {
  {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    commands_only_until_ = on ? now + absl::ToChronoMicroseconds(kMaxPrecedence) : now;
  }
  wake_.notify_one();
}

size_t Committer::queued_events() const {
  std::lock_guard lock(mutex_);
  return queued_events_;
}

absl::Status Committer::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

bool Committer::MayRecord() const {
  return !queue_.empty() && (stopping_ || std::chrono::steady_clock::now() >= commands_only_until_);
}

void Committer::Loop() {
  std::vector<RecordCommand*> group;
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      while (!stopping_ && tasks_.empty() && !MayRecord()) {
        if (queue_.empty()) {
          wake_.wait(lock);
        } else {
          wake_.wait_until(lock, commands_only_until_);
        }
      }
      if (queue_.empty() && tasks_.empty()) return;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      size_t events = 0;
      while (!task && !queue_.empty() && events < kMaxGroupEvents) {
        const QueuedBatch& batch = queue_.front();
        const size_t size = static_cast<size_t>(batch.command->events->size());
        events += size;
        queued_events_ -= size;
        queued_bytes_ -= batch.bytes;
        group.push_back(batch.command);
        queue_.pop_front();
      }
    }
    if (task) task();
    if (!group.empty()) RecordGroup(group);
    group.clear();
  }
}

void Committer::RecordGroup(std::vector<RecordCommand*>& group) {
  const auto begin = std::chrono::steady_clock::now();
  const absl::Status status = engine_.Record(group, clock_.Now());
  const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - begin);
  {
    std::lock_guard lock(mutex_);
    health_ = status;
  }
  if (options_.on_group) {
    size_t events = 0;
    for (const RecordCommand* command : group) events += static_cast<size_t>(command->events->size());
    options_.on_group(events, status, took);
  }
  for (RecordCommand* command : group) {
    // The command may die in `done`.
    const auto done = std::move(command->done);
    done(status);
  }
}

}  // namespace retention
