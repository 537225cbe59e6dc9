#include "client/event_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace retention {
namespace {

// The server takes 4 MiB in one batch; the rest is left for the message around the events.
constexpr size_t kBatchBytesMax = (4 << 20) - 4096;
constexpr size_t kEventFramingBytes = 6;

}  // namespace

EventStream::EventStream(std::shared_ptr<Connection> connection, EventStreamOptions options, AnswerCallback on_answer)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      on_answer_(std::move(on_answer)),
      backoff_(options_.retry) {}

EventStream::~EventStream() { Close(); }

absl::Status EventStream::Add(v1::Event event) {
  const size_t bytes = event.ByteSizeLong() + kEventFramingBytes;
  if (gathered_.events_size() > 0 && gathered_bytes_ + bytes > kBatchBytesMax) {
    if (absl::Status status = Flush(); !status.ok()) return status;
  }
  gathered_bytes_ += bytes;
  *gathered_.add_events() = std::move(event);
  return gathered_.events_size() >= options_.batch_events ? Flush() : absl::OkStatus();
}

absl::Status EventStream::Flush() {
  if (gathered_.events_size() == 0) return failure_;
  gathered_bytes_ = 0;
  return Send(std::exchange(gathered_, v1::RecordEventsRequest()));
}

absl::Status EventStream::Send(v1::RecordEventsRequest batch) {
  if (absl::Status status = WaitUntilAtMost(options_.unanswered_batches_max - 1); !status.ok()) return status;
  if (call_ == nullptr) Open();
  const uint64_t id = next_batch_id_++;
  batch.set_batch_id(id);
  const auto request = std::make_shared<const v1::RecordEventsRequest>(std::move(batch));
  {
    std::lock_guard lock(mutex_);
    Unanswered& entry = unanswered_[id];
    entry.first_event = totals_.sent;
    entry.request = request;
    totals_.sent += request->events_size();
  }
  // If this fails the reader notices as well, and the batch is among the unanswered ones that are sent again.
  call_->Write(*request);
  return absl::OkStatus();
}

absl::Status EventStream::Drain() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  return WaitUntilAtMost(0);
}

absl::Status EventStream::Finish() {
  absl::Status status = Drain();
  if (status.ok() && call_ != nullptr) {
    call_->WritesDone();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(options_.answer_timeout), [this] { return broken_; });
  }
  Close();
  return status;
}

EventStream::Totals EventStream::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

void EventStream::Open() {
  {
    std::lock_guard lock(mutex_);
    broken_ = false;
  }
  call_ = connection_->RecordEvents();
  reader_ = std::thread([this, call = call_.get()] { ReadAnswers(*call); });
}

void EventStream::Close() {
  if (call_ != nullptr) call_->Cancel();
  if (reader_.joinable()) reader_.join();
  call_.reset();
}

void EventStream::ReadAnswers(RecordEventsCall& call) {
  v1::RecordEventsResponse answer;
  while (call.Read(&answer)) {
    TakeAnswer(answer);
    answer.Clear();
  }
  absl::Status end = call.Finish();
  std::lock_guard lock(mutex_);
  broken_ = true;
  end_ = std::move(end);
  changed_.notify_all();
}

void EventStream::TakeAnswer(const v1::RecordEventsResponse& answer) {
  std::unique_lock lock(mutex_);
  const auto found = unanswered_.find(answer.batch_id());
  if (found == unanswered_.end()) return;  // Answered before, on a stream that broke since.
  const v1::RecordResult& result = answer.result();
  if (on_answer_) {
    // Only this thread erases entries while its stream lives, so the entry stays where it is.
    lock.unlock();
    on_answer_(BatchAnswer{found->second.first_event, *found->second.request, result});
    lock.lock();
  }
  totals_.accepted += result.accepted();
  totals_.duplicates += result.duplicates();
  totals_.rejected += result.rejections_size();
  totals_.values_past_due += result.values_past_due();
  totals_.values_rejected += result.values_rejected();
  totals_.objects_ordered_away += result.objects_ordered_away();
  unanswered_.erase(found);
  // Last: who waits looks at the rest first, so what was already counted when they looked would never wake them.
  ++answers_;
  changed_.notify_all();
}

absl::Status EventStream::WaitUntilAtMost(size_t unanswered) {
  if (!failure_.ok()) return failure_;
  std::unique_lock lock(mutex_);
  while (true) {
    if (broken_) {
      // All is answered: what ended the stream matters to the next batch only, if it lasts.
      if (unanswered_.empty() && MayReconnect(end_)) {
        lock.unlock();
        Close();
        lock.lock();
        broken_ = false;
        return absl::OkStatus();
      }
      lock.unlock();
      if (failure_ = Reconnect(); !failure_.ok()) return failure_;
      lock.lock();
      continue;
    }
    if (unanswered_.size() <= unanswered) return absl::OkStatus();
    const uint64_t seen = answers_;
    const bool heard = changed_.wait_for(lock, absl::ToChronoNanoseconds(options_.answer_timeout),
                                         [&] { return broken_ || answers_ != seen; });
    if (!heard) call_->Cancel();  // The reader's end of stream follows, and with it a new attempt.
    if (!heard) changed_.wait(lock, [&] { return broken_; });
  }
}

bool EventStream::MayReconnect(const absl::Status& status) {
  // An orderly end with batches unanswered, and CANCELLED, are what a server that shuts down leaves behind.
  return status.ok() || status.code() == absl::StatusCode::kCancelled || IsRetryable(status);
}

absl::Status EventStream::Reconnect() {
  Close();
  absl::Status end;
  {
    std::lock_guard lock(mutex_);
    end = end_;
    if (answers_ != answers_at_failure_) backoff_.Reset();
    answers_at_failure_ = answers_;
  }
  if (!MayReconnect(end)) return end;
  const auto delay = backoff_.NextDelay(end);
  if (!delay.has_value()) return end.ok() ? absl::UnavailableError("the server ended the stream again and again") : end;
  options_.retry.sleep(*delay);
  Open();
  std::vector<std::shared_ptr<const v1::RecordEventsRequest>> again;
  {
    std::lock_guard lock(mutex_);
    ++totals_.reconnections;
    totals_.batches_resent += unanswered_.size();
    for (auto& [id, entry] : unanswered_) {
      again.push_back(entry.request);
    }
  }
  for (const auto& request : again) {
    if (!call_->Write(*request)) break;
  }
  return absl::OkStatus();
}

}  // namespace retention
