// `retentionctl orders execute`, within the test and as a process of its own.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_session.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.grpc.pb.h"
#include "tests/client/fake_connection.h"

namespace retention {
namespace {

v1::ErasureOrder Order(uint64_t id, const std::string& ref) {
  v1::ErasureOrder order;
  order.set_order_id(id);
  order.set_category(v1::DATA_CATEGORY_RECORDING);
  order.set_pbx_id("pbx-1");
  order.set_object_id("secret-id");
  order.set_object_ref(ref);
  return order;
}

class OrderExecuteTest : public ::testing::Test {
 protected:
  OrderExecuteTest() {
    std::string pattern = ::testing::TempDir() + "/order-execute-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::ofstream(directory_ + "/secret-ref") << "content";
    std::ofstream(directory_ + "/.retention-store").flush();
    connection_->Answer("ConfirmErasureOrders", v1::ConfirmErasureOrdersResponse());
  }
  ~OrderExecuteTest() override { std::filesystem::remove_all(directory_); }

  std::string Place() const { return absl::StrCat("dir:", directory_); }

  void Hold(const std::vector<v1::ErasureOrder>& orders) {
    v1::ListErasureOrdersResponse list;
    for (const auto& order : orders) *list.add_orders() = order;
    connection_->Answer("ListErasureOrders", list);
  }

  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"retentionctl", "orders", "execute"});
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    out_.str("");
    err_.str("");
    const CommandEnvironment environment{
        in_, out_, err_, false, [this](const Target&) { return connection_; }, NotedRetries(&waits_)};
    return RunCommandLine(static_cast<int>(argv.size()), argv.data(), environment);
  }

  std::string directory_;
  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  std::vector<absl::Duration> waits_;
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(OrderExecuteTest, Once_ErasesAndExitsWith0AndNamesNoObject) {
  Hold({Order(1, "secret-ref"), Order(2, "secret-other")});
  EXPECT_EQ(Run({"--store", Place(), "--once"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "Orders: erased 1, not found 1, failed 0\n");
  EXPECT_EQ(err_.str(), "");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/secret-ref"));
}

TEST_F(OrderExecuteTest, Once_AFailureExitsWith1AndNamesNoObject) {
  Hold({Order(1, "../secret-ref"), Order(2, "/secret-ref")});
  EXPECT_EQ(Run({"--store", Place(), "--once"}), kExitFailed);
  EXPECT_EQ(out_.str(), "Orders: erased 0, not found 0, failed 2\n");
  EXPECT_NE(err_.str().find("2 orders failed: the reference is no relative path"), std::string::npos) << err_.str();
  EXPECT_EQ(err_.str().find("secret"), std::string::npos) << err_.str();
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/secret-ref"));
}

TEST_F(OrderExecuteTest, Verbose_NamesObjectsWithoutSteeringTheTerminal) {
  Hold({Order(17, "secret-ref"), Order(18, "\x1b[2Jgone")});
  EXPECT_EQ(Run({"--store", Place(), "--once", "--verbose"}), kExitOk);
  EXPECT_NE(err_.str().find("order 17 recording of pbx-1: secret-id at secret-ref: erased\n"), std::string::npos)
      << err_.str();
  EXPECT_NE(err_.str().find("at \\u001b[2Jgone: not-found\n"), std::string::npos);
}

TEST_F(OrderExecuteTest, CountsAsJsonAndCsv) {
  Hold({Order(1, "secret-ref")});
  EXPECT_EQ(Run({"--store", Place(), "--once", "-o", "json"}), kExitOk);
  EXPECT_EQ(out_.str(), "{\"erased\": 1, \"not_found\": 0, \"failed\": 0, \"in_doubt\": 0}\n");
  EXPECT_EQ(Run({"--store", Place(), "--once", "--accept-missing", "-o", "csv"}), kExitOk);
  EXPECT_EQ(out_.str(), "erased,not_found,failed,in_doubt\n0,1,0,0\n");
}

TEST_F(OrderExecuteTest, AnEmptyStoreConfirmsNothing) {
  std::filesystem::remove(directory_ + "/secret-ref");
  std::vector<v1::ErasureOrder> orders;
  for (uint64_t i = 1; i <= 185; ++i) orders.push_back(Order(i, absl::StrCat("secret-", i)));
  Hold(orders);
  EXPECT_EQ(Run({"--store", Place(), "--once"}), kExitInDoubt);
  EXPECT_EQ(out_.str(), "Orders: erased 0, not found 0, failed 0, missing and not confirmed 185\n");
  EXPECT_NE(err_.str().find("use --accept-missing\n"), std::string::npos) << err_.str();
  EXPECT_EQ(connection_->calls, std::vector<std::string>{"/retention.v1.ErasureOrderService/ListErasureOrders"});
  EXPECT_EQ(Run({"--store", Place(), "--once", "--accept-missing"}), kExitOk);
  EXPECT_EQ(out_.str(), "Orders: erased 0, not found 185, failed 0\n");
}

TEST_F(OrderExecuteTest, AStoreWithoutItsMarkerIsNotTouchedUntilItIsGivenOne) {
  std::filesystem::remove(directory_ + "/.retention-store");
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--store", Place(), "--once"}, {"--store", Place()}, {"--store", Place(), "--accept-missing"}}) {
    EXPECT_EQ(Run(arguments), kExitInDoubt);
    EXPECT_NE(err_.str().find("--init-store\n"), std::string::npos) << err_.str();
    EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1);
  }
  EXPECT_TRUE(connection_->calls.empty());  // with no orders, too
  EXPECT_TRUE(connection_->watch_requests.empty());
  EXPECT_EQ(Run({"--store", Place(), "--init-store"}), kExitOk);
  EXPECT_TRUE(connection_->calls.empty());
  Hold({Order(1, "secret-ref")});
  EXPECT_EQ(Run({"--store", Place(), "--once"}), kExitOk) << err_.str();
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/secret-ref"));
}

TEST_F(OrderExecuteTest, Watch_EndsWith4OnceNothingOfMuchIsFound) {
  v1::WatchErasureOrdersResponse batch;
  for (uint64_t i = 1; i <= 10; ++i) *batch.add_orders() = Order(i, absl::StrCat("secret-", i));
  connection_->watches = {{{batch}, absl::OkStatus()}};
  EXPECT_EQ(Run({"--store", Place()}), kExitInDoubt);
  EXPECT_NE(err_.str().find("use --accept-missing\n"), std::string::npos) << err_.str();
  EXPECT_TRUE(connection_->calls.empty());
}

TEST_F(OrderExecuteTest, Watch_PrintsCountsPerBatchAndExitsWith1WhenTheServerRefuses) {
  v1::WatchErasureOrdersResponse batch;
  *batch.add_orders() = Order(1, "secret-ref");
  connection_->watches = {{{batch}, absl::UnavailableError("restarts")},
                          {{}, absl::UnavailableError("restarts")},
                          {{}, absl::OkStatus()},
                          {{}, absl::NotFoundError("no watch")}};
  EXPECT_EQ(Run({"--store", Place(), "--category", "recording,pdf-share"}), kExitFailed);
  EXPECT_EQ(out_.str(), "Orders: erased 1, not found 0, failed 0\n");
  EXPECT_EQ(err_.str(),
            "retentionctl: UNAVAILABLE: restarts; trying again\n"
            "retentionctl: the server ended the stream; trying again\n"
            "retentionctl: NOT_FOUND: no watch\n");
  ASSERT_EQ(connection_->watch_requests.size(), 4u);
  EXPECT_EQ(connection_->watch_requests[0].categories(1), v1::DATA_CATEGORY_PDF_SHARE);
}

TEST_F(OrderExecuteTest, WrongUsageExitsWith2AndAsksNoServer) {
  ::unsetenv("AWS_ACCESS_KEY_ID");
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"--store", "ftp://x"},
      {"--store", "s3://bucket"},  // No credentials.
      {"--store", Place(), "--category", "participant-name"},
      {"--store", Place(), "--concurrency", "0"},
      {"--store", Place(), "--concurrency", "65"},
  };
  for (const auto& arguments : wrong) {
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
  }
  EXPECT_TRUE(connection_->calls.empty());
  EXPECT_TRUE(connection_->watch_requests.empty());
}

TEST_F(OrderExecuteTest, ADirectoryThatIsNotThereExitsWith1AndAsksNoServer) {
  EXPECT_EQ(Run({"--store", Place() + "/nowhere", "--once"}), kExitFailed);
  EXPECT_TRUE(connection_->calls.empty());
}

TEST_F(OrderExecuteTest, HelpSaysWhatMustBeKnown) {
  EXPECT_EQ(Run({"--help"}), kExitOk);
  for (const char* text : {"--store", "s3://bucket[/prefix]", "AWS_SECRET_ACCESS_KEY", "Exit codes: 0", "--once"}) {
    EXPECT_NE(out_.str().find(text), std::string::npos) << text;
  }
}

// Delivers one order, and keeps the stream open.
class FakeOrderService final : public v1::ErasureOrderService::Service {
 public:
  grpc::Status WatchErasureOrders(grpc::ServerContext* context, const v1::WatchErasureOrdersRequest*,
                                  grpc::ServerWriter<v1::WatchErasureOrdersResponse>* stream) override {
    v1::WatchErasureOrdersResponse batch;
    *batch.add_orders() = Order(7, "secret-ref");
    stream->Write(batch);
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }
  grpc::Status ConfirmErasureOrders(grpc::ServerContext*, const v1::ConfirmErasureOrdersRequest* request,
                                    v1::ConfirmErasureOrdersResponse*) override {
    std::lock_guard lock(mutex_);
    confirmed_ = *request;
    changed_.notify_all();
    return grpc::Status::OK;
  }
  v1::ConfirmErasureOrdersRequest AwaitConfirmation() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return confirmed_.confirmations_size() > 0; }));
    return confirmed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  v1::ConfirmErasureOrdersRequest confirmed_;
};

TEST_F(OrderExecuteTest, Process_EndsWith0OnEitherSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    std::ofstream(directory_ + "/secret-ref") << "content";
    FakeOrderService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    const auto server = builder.BuildAndStart();
    std::vector<std::string> arguments = {
        RETENTIONCTL, "--server", absl::StrCat("127.0.0.1:", port), "orders", "execute", "--store", Place()};
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = 0;
    ASSERT_EQ(posix_spawn(&pid, RETENTIONCTL, nullptr, nullptr, pointers.data(), environ), 0);
    const auto confirmed = service.AwaitConfirmation();
    ASSERT_EQ(confirmed.confirmations_size(), 1);
    EXPECT_EQ(confirmed.confirmations(0).order_id(), 7u);
    EXPECT_EQ(confirmed.confirmations(0).outcome(), v1::ERASURE_OUTCOME_ERASED);
    ::kill(pid, signal);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kExitOk) << signal;
    server->Shutdown(std::chrono::system_clock::now());
  }
}

}  // namespace
}  // namespace retention
