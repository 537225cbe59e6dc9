#include "client/objects/order_executor.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace retention {
namespace {

// An orderly end, and CANCELLED, are what a server that shuts down leaves behind; DEADLINE_EXCEEDED is a confirmation
// that took too long.
bool MayReconnect(const absl::Status& end) {
  return end.ok() || absl::IsCancelled(end) || absl::IsDeadlineExceeded(end) || IsRetryable(end);
}

}  // namespace

void OrderCounts::Add(const Erasure& erasure) {
  if (erasure.outcome == v1::ERASURE_OUTCOME_ERASED) ++erased;
  if (erasure.outcome == v1::ERASURE_OUTCOME_NOT_FOUND) ++not_found;
  if (erasure.outcome != v1::ERASURE_OUTCOME_FAILED) return;
  ++failed;
  ++failures[erasure.why];
}

void OrderCounts::Add(const OrderCounts& other) {
  erased += other.erased;
  not_found += other.not_found;
  failed += other.failed;
  for (const auto& [why, count] : other.failures) failures[why] += count;
}

OrderExecutor::OrderExecutor(Client client, ObjectStore& store, OrderExecutorOptions options)
    : client_(std::move(client)), store_(store), options_(std::move(options)) {}

absl::StatusOr<OrderCounts> OrderExecutor::RunOnce() {
  OrderCounts total;
  v1::ListErasureOrdersRequest request;
  for (const v1::DataCategory category : options_.categories) request.add_categories(category);
  request.set_page_size(kPageOrders);
  do {
    const auto page = client_.ListErasureOrders(request);
    if (!page.ok()) return page.status();
    OrderCounts counts;
    if (absl::Status status = CarryOut(page->orders(), &counts); !status.ok()) return status;
    total.Add(counts);
    if (stopped_) return absl::CancelledError("stopped");
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return total;
}

absl::Status OrderExecutor::Watch() {
  Backoff backoff(options_.retry);
  while (!stopped_) {
    const absl::Status end = WatchOnce(backoff);
    if (stopped_) break;
    if (!MayReconnect(end)) return end;
    const auto delay = backoff.NextDelay(end);
    if (!delay.has_value())
      return end.ok() ? absl::UnavailableError("the server ended the stream again and again") : end;
    if (options_.on_interruption) options_.on_interruption(end);
    options_.retry.sleep(*delay);
  }
  return absl::OkStatus();
}

absl::Status OrderExecutor::WatchOnce(Backoff& backoff) {
  v1::WatchErasureOrdersRequest request;
  for (const v1::DataCategory category : options_.categories) request.add_categories(category);
  const auto call = client_.connection()->WatchErasureOrders(request);
  {
    std::lock_guard lock(mutex_);
    if (stopped_) call->Cancel();
    call_ = call.get();
  }
  absl::Status failure;
  v1::WatchErasureOrdersResponse batch;
  while (failure.ok() && call->Read(&batch)) {
    OrderCounts counts;
    failure = CarryOut(batch.orders(), &counts);
    // Not before: while the object store is away, every stream brings orders.
    if (failure.ok()) backoff.Reset();
    batch.Clear();
  }
  {
    std::lock_guard lock(mutex_);
    call_ = nullptr;
  }
  if (failure.ok()) return call->Finish();
  call->Cancel();
  while (call->Read(&batch)) batch.Clear();
  call->Finish().IgnoreError();
  return failure;
}

absl::Status OrderExecutor::CarryOut(const google::protobuf::RepeatedPtrField<v1::ErasureOrder>& orders,
                                     OrderCounts* counts) {
  if (orders.empty()) return absl::OkStatus();
  if (absl::Status status = store_.Check(); !status.ok()) return status;
  v1::ConfirmErasureOrdersRequest request;
  std::mutex mutex;
  std::atomic<int> next = 0;
  const auto work = [&] {
    while (!stopped_) {
      const int index = next++;
      if (index >= orders.size()) return;
      const v1::ErasureOrder& order = orders[index];
      const Erasure erasure = store_.Erase(order.object_ref());
      std::lock_guard lock(mutex);
      counts->Add(erasure);
      auto* confirmation = request.add_confirmations();
      confirmation->set_order_id(order.order_id());
      confirmation->set_outcome(erasure.outcome);
      if (options_.on_order) options_.on_order(order, erasure);
    }
  };
  std::vector<std::thread> threads;
  const int wanted = std::min(std::clamp(options_.concurrent_max, 1, kConcurrentMax), orders.size());
  for (int i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (request.confirmations().empty()) return absl::OkStatus();
  if (const auto answer = client_.ConfirmErasureOrders(request); !answer.ok()) return answer.status();
  if (options_.on_batch) options_.on_batch(*counts);
  return absl::OkStatus();
}

void OrderExecutor::Stop() {
  stopped_ = true;
  std::lock_guard lock(mutex_);
  if (call_ != nullptr) call_->Cancel();
}

}  // namespace retention
