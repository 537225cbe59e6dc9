#include "client/objects/order_executor.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "tests/client/fake_connection.h"

namespace retention {
namespace {

// Holds objects by their references; "stuck..." cannot be deleted.
class FakeStore final : public ObjectStore {
 public:
  absl::Status Check() override { return check; }
  absl::StatusOr<bool> HasMarker() override { return has_marker; }
  absl::Status WriteMarker() override { return absl::UnimplementedError("executors write none"); }
  Erasure Erase(const std::string& object_ref) override {
    std::unique_lock lock(mutex);
    ++calls;
    under_way_max = std::max(under_way_max, ++under_way);
    if (on_erase) on_erase();
    // Until as many as may be are under way, or there are no more to come.
    changed.notify_all();
    changed.wait(lock, [&] { return under_way_max >= wait_for; });
    --under_way;
    if (object_ref.substr(0, 5) == "stuck") return FailedErasure("it is stuck");
    return objects.erase(object_ref) > 0 ? ErasedObject() : NoSuchObject();
  }

  absl::Status check;
  bool has_marker = true;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> objects;
  std::function<void()> on_erase;
  int calls = 0;
  int under_way = 0;
  int under_way_max = 0;
  int wait_for = 1;
};

v1::ErasureOrder Order(uint64_t id, const std::string& ref) {
  v1::ErasureOrder order;
  order.set_order_id(id);
  order.set_category(v1::DATA_CATEGORY_RECORDING);
  order.set_object_ref(ref);
  return order;
}

v1::WatchErasureOrdersResponse Batch(const std::vector<v1::ErasureOrder>& orders) {
  v1::WatchErasureOrdersResponse batch;
  for (const auto& order : orders) *batch.add_orders() = order;
  return batch;
}

const FakeWatchScript kRefused{{}, absl::NotFoundError("no watch")};

// Brings one batch, and waits until it is cancelled.
class WaitingConnection final : public Connection {
 public:
  explicit WaitingConnection(v1::WatchErasureOrdersResponse batch) : batch_(std::move(batch)) {}

  absl::Status Call(const std::string&, const google::protobuf::Message&, google::protobuf::Message*,
                    absl::Duration) override {
    std::lock_guard lock(mutex_);
    called_ = true;
    changed_.notify_all();
    return absl::OkStatus();
  }
  std::unique_ptr<RecordEventsCall> RecordEvents() override { return nullptr; }
  std::unique_ptr<AppendLogsCall> AppendLogs() override { return nullptr; }
  std::unique_ptr<WatchReportsCall> WatchReports(const v1::WatchReportsRequest&) override { return nullptr; }
  std::unique_ptr<ExportStatisticsCall> ExportStatistics(const v1::ExportStatisticsRequest&) override {
    return nullptr;
  }
  std::unique_ptr<WatchErasureOrdersCall> WatchErasureOrders(const v1::WatchErasureOrdersRequest&) override {
    return std::make_unique<Watch>(batch_);
  }
  void AwaitCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return called_; });
  }

 private:
  class Watch final : public WatchErasureOrdersCall {
   public:
    explicit Watch(const v1::WatchErasureOrdersResponse& batch) : batch_(batch) {}
    bool Read(v1::WatchErasureOrdersResponse* orders) override {
      std::unique_lock lock(mutex_);
      if (!std::exchange(delivered_, true)) {
        *orders = batch_;
        return true;
      }
      changed_.wait(lock, [this] { return cancelled_; });
      return false;
    }
    absl::Status Finish() override { return absl::CancelledError(); }
    void Cancel() override {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      changed_.notify_all();
    }

   private:
    const v1::WatchErasureOrdersResponse batch_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool delivered_ = false;
    bool cancelled_ = false;
  };

  const v1::WatchErasureOrdersResponse batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool called_ = false;
};

class OrderExecutorTest : public ::testing::Test {
 protected:
  OrderExecutorTest() {
    connection_->handlers["ConfirmErasureOrders"] = [this](const auto& request, auto*) {
      const auto& confirm = static_cast<const v1::ConfirmErasureOrdersRequest&>(request);
      for (const auto& one : confirm.confirmations()) confirmed_[one.order_id()].push_back(one.outcome());
      ++confirm_calls_;
      return absl::OkStatus();
    };
    connection_->handlers["ListErasureOrders"] = [this](const auto& request, auto* response) {
      const auto& list = static_cast<const v1::ListErasureOrdersRequest&>(request);
      auto* page = static_cast<v1::ListErasureOrdersResponse*>(response);
      const size_t from = list.page_token().empty() ? 0 : std::stoul(list.page_token());
      for (size_t i = from; i < held_.size() && i < from + list.page_size(); ++i) *page->add_orders() = held_[i];
      if (from + list.page_size() < held_.size()) page->set_next_page_token(absl::StrCat(from + list.page_size()));
      listed_ = list;
      return absl::OkStatus();
    };
    options_.retry = NotedRetries(&waits_);
  }

  OrderExecutor Executor() { return {Client(connection_, {.retry = NotedRetries(&call_waits_)}), store_, options_}; }

  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  FakeStore store_;
  OrderExecutorOptions options_;
  std::vector<absl::Duration> waits_;
  std::vector<absl::Duration> call_waits_;
  std::vector<v1::ErasureOrder> held_;
  v1::ListErasureOrdersRequest listed_;
  std::map<uint64_t, std::vector<v1::ErasureOutcome>> confirmed_;
  int confirm_calls_ = 0;
};

using Outcomes = std::vector<v1::ErasureOutcome>;

TEST_F(OrderExecutorTest, Once_EachOrderIsConfirmedWithItsOutcome) {
  store_.objects = {"a"};
  held_ = {Order(1, "a"), Order(2, "b"), Order(3, "stuck")};
  const auto counts = Executor().RunOnce();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_ERASED});
  EXPECT_EQ(confirmed_[2], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
  EXPECT_EQ(confirmed_[3], Outcomes{v1::ERASURE_OUTCOME_FAILED});
  EXPECT_EQ(counts->erased, 1u);
  EXPECT_EQ(counts->not_found, 1u);
  EXPECT_EQ(counts->failed, 1u);
  EXPECT_EQ(counts->failures.at("it is stuck"), 1u);
}

TEST_F(OrderExecutorTest, Once_AllPagesAreConfirmedInBatches) {
  for (uint64_t i = 0; i < 250; ++i) {
    held_.push_back(Order(i + 1, absl::StrCat("o", i)));
    store_.objects.insert(absl::StrCat("o", i));
  }
  options_.categories = {v1::DATA_CATEGORY_RECORDING};
  const auto counts = Executor().RunOnce();
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->erased, 250u);
  EXPECT_EQ(confirmed_.size(), 250u);
  EXPECT_EQ(confirm_calls_, 3);
  EXPECT_EQ(listed_.categories_size(), 1);
  EXPECT_TRUE(store_.objects.empty());
}

TEST_F(OrderExecutorTest, Once_AsManyAreUnderWayAsMayBeAndNoMore) {
  options_.concurrent_max = 8;
  store_.wait_for = 8;
  for (uint64_t i = 0; i < 100; ++i) held_.push_back(Order(i + 1, "x"));
  ASSERT_TRUE(Executor().RunOnce().ok());
  EXPECT_EQ(store_.under_way_max, 8);
}

TEST_F(OrderExecutorTest, Once_NothingIsConfirmedOnAStoreThatHasNothingOfWhatItIsAskedFor) {
  for (uint64_t i = 0; i < 185; ++i) held_.push_back(Order(i + 1, absl::StrCat("o", i)));
  held_.push_back(Order(186, "stuck"));
  OrderExecutor executor = Executor();
  const auto counts = executor.RunOnce();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(executor.doubt(), StoreDoubt::kNothingFound);
  EXPECT_EQ(counts->in_doubt, 185u);
  EXPECT_EQ(counts->not_found, 0u);
  EXPECT_EQ(confirmed_.size(), 1u);  // that one failed
  EXPECT_EQ(confirmed_[186], Outcomes{v1::ERASURE_OUTCOME_FAILED});
}

TEST_F(OrderExecutorTest, Once_OneObjectThatIsFoundVouchesForAllThatAreMissing) {
  for (uint64_t i = 0; i < 185; ++i) held_.push_back(Order(i + 1, absl::StrCat("o", i)));
  store_.objects = {"o184"};
  OrderExecutor executor = Executor();
  const auto counts = executor.RunOnce();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(executor.doubt(), StoreDoubt::kNone);
  EXPECT_EQ(counts->in_doubt, 0u);
  EXPECT_EQ(counts->not_found, 184u);
  EXPECT_EQ(confirmed_.size(), 185u);
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
}

TEST_F(OrderExecutorTest, Once_WhoAcceptsItIsToldThatAllAreMissing) {
  options_.accept_missing = true;
  held_ = {Order(1, "a")};
  OrderExecutor executor = Executor();
  EXPECT_EQ(executor.RunOnce()->not_found, 1u);
  EXPECT_EQ(executor.doubt(), StoreDoubt::kNone);
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
}

TEST_F(OrderExecutorTest, Once_NothingIsErasedFromAStoreWithoutItsMarker) {
  store_.has_marker = false;
  store_.objects = {"a"};
  held_ = {Order(1, "a")};
  options_.accept_missing = true;
  OrderExecutor executor = Executor();
  EXPECT_EQ(executor.RunOnce().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(executor.doubt(), StoreDoubt::kNoMarker);
  EXPECT_EQ(store_.calls, 0);
  EXPECT_TRUE(confirmed_.empty());
}

TEST_F(OrderExecutorTest, Watch_EndsOnceTenOrdersAreInDoubt) {
  const auto missing = [](uint64_t first, uint64_t last) {
    std::vector<v1::ErasureOrder> orders;
    for (uint64_t i = first; i <= last; ++i) orders.push_back(Order(i, absl::StrCat("o", i)));
    return Batch(orders);
  };
  connection_->watches = {{{missing(1, 9), missing(1, 9), missing(10, 10), missing(11, 11)}, absl::OkStatus()}};
  OrderExecutor executor = Executor();
  EXPECT_EQ(executor.Watch().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(executor.doubt(), StoreDoubt::kNothingFound);
  EXPECT_TRUE(confirmed_.empty());
  EXPECT_EQ(store_.calls, 19);  // what comes again counts once; nothing came after the tenth
}

TEST_F(OrderExecutorTest, Watch_WhatWasHeldBackIsConfirmedOnceSomethingIsFound) {
  store_.objects = {"c"};
  connection_->watches = {
      {{Batch({Order(1, "a"), Order(2, "b")}), Batch({Order(2, "b"), Order(3, "c")}), Batch({Order(4, "d")})}},
      kRefused};
  EXPECT_EQ(Executor().Watch().code(), absl::StatusCode::kNotFound);  // The second stream.
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
  EXPECT_EQ(confirmed_[2], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
  EXPECT_EQ(confirmed_[3], Outcomes{v1::ERASURE_OUTCOME_ERASED});
  EXPECT_EQ(confirmed_[4], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
}

TEST_F(OrderExecutorTest, Once_NothingIsErasedFromAStoreThatIsNotThere) {
  store_.check = absl::NotFoundError("no such bucket");
  held_ = {Order(1, "a")};
  EXPECT_EQ(Executor().RunOnce().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_.calls, 0);
  EXPECT_TRUE(confirmed_.empty());
}

TEST_F(OrderExecutorTest, Once_AFailedConfirmationIsAnErrorAfterItsAttempts) {
  store_.objects = {"a"};
  held_ = {Order(1, "a")};
  connection_->handlers["ConfirmErasureOrders"] = [](const auto&, auto*) { return absl::UnavailableError("down"); };
  EXPECT_EQ(Executor().RunOnce().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(call_waits_.size(), 5u);
}

TEST_F(OrderExecutorTest, Watch_GoesOnOverBrokenStreamsAndCarriesOutWhatComesAgain) {
  store_.objects = {"a", "b"};
  connection_->watches = {{{Batch({Order(1, "a")})}, absl::UnavailableError("gone")},
                          {{Batch({Order(1, "a"), Order(2, "b")})}, absl::OkStatus()},
                          {{}, RichError(absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS", absl::Seconds(7))},
                          kRefused};
  EXPECT_EQ(Executor().Watch().code(), absl::StatusCode::kNotFound);  // The fourth stream.
  EXPECT_EQ(confirmed_[1], (Outcomes{v1::ERASURE_OUTCOME_ERASED, v1::ERASURE_OUTCOME_NOT_FOUND}));
  EXPECT_EQ(confirmed_[2], Outcomes{v1::ERASURE_OUTCOME_ERASED});
  ASSERT_EQ(waits_.size(), 3u);
  EXPECT_EQ(waits_[0], options_.retry.first_delay);
  EXPECT_EQ(waits_[1], options_.retry.first_delay);  // Orders had come: counted from the beginning.
  EXPECT_GE(waits_[2], absl::Seconds(7));
}

TEST_F(OrderExecutorTest, Watch_EndsWhenAttemptsAreUsedUp) {
  connection_->watches.assign(6, {{}, absl::UnavailableError("gone")});
  EXPECT_EQ(Executor().Watch().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(waits_.size(), 5u);
}

TEST_F(OrderExecutorTest, Watch_ALostConfirmationIsMadeUpForWhenTheOrderComesAgain) {
  store_.objects = {"a"};
  connection_->watches = {
      {{Batch({Order(1, "a")})}, absl::OkStatus()}, {{Batch({Order(1, "a")})}, absl::OkStatus()}, kRefused};
  connection_->failures.assign(6, absl::UnavailableError("down"));  // All attempts of the first confirmation.
  EXPECT_EQ(Executor().Watch().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
}

TEST_F(OrderExecutorTest, Watch_AConfirmationThatTakesTooLongDoesNotEndIt) {
  store_.objects = {"a"};
  connection_->watches = {
      {{Batch({Order(1, "a")})}, absl::OkStatus()}, {{Batch({Order(1, "a")})}, absl::OkStatus()}, kRefused};
  connection_->failures = {absl::DeadlineExceededError("slow")};
  std::vector<absl::StatusCode> interruptions;
  options_.on_interruption = [&](const absl::Status& end) { interruptions.push_back(end.code()); };
  EXPECT_EQ(Executor().Watch().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_NOT_FOUND});
  EXPECT_EQ(interruptions, (std::vector{absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kOk}));
}

TEST_F(OrderExecutorTest, Watch_AsksForItsCategoriesAndReportsEachBatch) {
  options_.categories = {v1::DATA_CATEGORY_PDF_SHARE, v1::DATA_CATEGORY_FILE_SHARE};
  connection_->watches = {{{Batch({Order(1, "a")}), Batch({Order(2, "b"), Order(3, "stuck")})}}, kRefused};
  std::vector<uint64_t> totals;
  std::set<uint64_t> orders;
  options_.on_batch = [&](const OrderCounts& counts) { totals.push_back(counts.total()); };
  options_.on_order = [&](const v1::ErasureOrder& order, const Erasure&) { orders.insert(order.order_id()); };
  Executor().Watch().IgnoreError();
  EXPECT_EQ(totals, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(orders, (std::set<uint64_t>{1, 2, 3}));
  ASSERT_EQ(connection_->watch_requests[0].categories_size(), 2);
  EXPECT_EQ(connection_->watch_requests[0].categories(0), v1::DATA_CATEGORY_PDF_SHARE);
}

TEST_F(OrderExecutorTest, Stop_EndsAStreamThatWaits) {
  store_.objects = {"a"};
  const auto connection = std::make_shared<WaitingConnection>(Batch({Order(1, "a")}));
  OrderExecutor executor(Client(connection), store_, options_);
  absl::Status status = absl::UnknownError("");
  std::thread watch([&] { status = executor.Watch(); });
  connection->AwaitCall();
  executor.Stop();
  watch.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(OrderExecutorTest, Stop_ConfirmsWhatWasDoneAndBeginsNothingNew) {
  options_.concurrent_max = 1;
  store_.objects = {"a", "b"};
  connection_->watches = {{{Batch({Order(1, "a"), Order(2, "b")})}}};
  OrderExecutor executor = Executor();
  store_.on_erase = [&] { executor.Stop(); };
  EXPECT_TRUE(executor.Watch().ok());
  EXPECT_EQ(confirmed_.size(), 1u);
  EXPECT_EQ(confirmed_[1], Outcomes{v1::ERASURE_OUTCOME_ERASED});
  EXPECT_EQ(store_.objects, std::set<std::string>{"b"});
  EXPECT_EQ(executor.RunOnce().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace retention
