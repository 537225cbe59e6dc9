#include "client/objects/order_executor.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

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
  in_doubt += other.in_doubt;
  for (const auto& [why, count] : other.failures) failures[why] += count;
}

OrderExecutor::OrderExecutor(Client client, ObjectStore& store, OrderExecutorOptions options)
    : client_(std::move(client)), store_(store), options_(std::move(options)) {}

absl::StatusOr<OrderCounts> OrderExecutor::RunOnce() {
  doubt_ = StoreDoubt::kNone;
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
  total.in_doubt = held_back_.size();
  if (total.in_doubt > 0) doubt_ = StoreDoubt::kNothingFound;
  return total;
}

absl::Status OrderExecutor::Watch() {
  doubt_ = StoreDoubt::kNone;
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
    if (failure.ok() && held_back_.size() >= kDoubtedMax) {
      failure = Doubt(StoreDoubt::kNothingFound, "the store has none of the objects that it was asked for");
    }
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
  if (absl::Status status = CheckStore(); !status.ok()) return status;
  std::vector<v1::ErasureConfirmation> confirmations = EraseAll(orders, counts);
  HoldBack(confirmations, counts);
  if (absl::Status status = Confirm(confirmations); !status.ok()) return status;
  if (options_.on_batch && counts->total() > 0) options_.on_batch(*counts);
  return absl::OkStatus();
}

absl::Status OrderExecutor::CheckStore() {
  if (absl::Status status = store_.Check(); !status.ok()) return status;
  const auto has_marker = store_.HasMarker();
  if (!has_marker.ok()) return has_marker.status();
  return *has_marker ? absl::OkStatus()
                     : Doubt(StoreDoubt::kNoMarker, absl::StrCat("the store has no object ", kStoreMarker));
}

std::vector<v1::ErasureConfirmation> OrderExecutor::EraseAll(
    const google::protobuf::RepeatedPtrField<v1::ErasureOrder>& orders, OrderCounts* counts) {
  std::vector<v1::ErasureConfirmation> confirmations;
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
      v1::ErasureConfirmation& confirmation = confirmations.emplace_back();
      confirmation.set_order_id(order.order_id());
      confirmation.set_outcome(erasure.outcome);
      if (options_.on_order) options_.on_order(order, erasure);
    }
  };
  std::vector<std::thread> threads;
  const int wanted = std::min(std::clamp(options_.concurrent_max, 1, kConcurrentMax), orders.size());
  for (int i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return confirmations;
}

void OrderExecutor::HoldBack(std::vector<v1::ErasureConfirmation>& confirmations, OrderCounts* counts) {
  has_found_one_ = has_found_one_ || counts->erased > 0;
  if (has_found_one_ || options_.accept_missing) {
    for (const auto& confirmation : confirmations) held_back_.erase(confirmation.order_id());
    for (const uint64_t order : held_back_) {
      v1::ErasureConfirmation& confirmation = confirmations.emplace_back();
      confirmation.set_order_id(order);
      confirmation.set_outcome(v1::ERASURE_OUTCOME_NOT_FOUND);
    }
    counts->not_found += held_back_.size();
    held_back_.clear();
    return;
  }
  counts->in_doubt = std::exchange(counts->not_found, 0);
  std::erase_if(confirmations, [this](const v1::ErasureConfirmation& confirmation) {
    const bool is_missing = confirmation.outcome() == v1::ERASURE_OUTCOME_NOT_FOUND;
    if (is_missing) held_back_.insert(confirmation.order_id());
    return is_missing;
  });
}

absl::Status OrderExecutor::Confirm(const std::vector<v1::ErasureConfirmation>& confirmations) {
  for (size_t begin = 0; begin < confirmations.size(); begin += kConfirmationsPerCall) {
    v1::ConfirmErasureOrdersRequest request;
    const size_t end = std::min(confirmations.size(), begin + kConfirmationsPerCall);
    for (size_t i = begin; i < end; ++i) *request.add_confirmations() = confirmations[i];
    if (const auto answer = client_.ConfirmErasureOrders(request); !answer.ok()) return answer.status();
  }
  return absl::OkStatus();
}

absl::Status OrderExecutor::Doubt(StoreDoubt doubt, const std::string& why) {
  doubt_ = doubt;
  return absl::FailedPreconditionError(why);
}

void OrderExecutor::Stop() {
  stopped_ = true;
  std::lock_guard lock(mutex_);
  if (call_ != nullptr) call_->Cancel();
}

}  // namespace retention
