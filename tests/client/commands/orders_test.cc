#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

v1::ErasureOrder Order(uint64_t id, v1::DataCategory category = v1::DATA_CATEGORY_RECORDING) {
  v1::ErasureOrder order;
  order.set_order_id(id);
  order.set_category(category);
  order.set_pbx_id("pbx-1");
  order.set_object_id(absl::StrCat("object-", id));
  order.set_object_ref(absl::StrCat("store/", id));
  *order.mutable_issue_time() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  return order;
}

v1::WatchErasureOrdersResponse Message(const std::vector<uint64_t>& ids) {
  v1::WatchErasureOrdersResponse message;
  for (const uint64_t id : ids) *message.add_orders() = Order(id);
  return message;
}

class OrderCommandsTest : public CommandLineTest {};

TEST_F(OrderCommandsTest, WrongUsageExitsWith2) {
  const std::vector<std::vector<std::string>> wrong = {
      {"orders"},
      {"orders", "list", "--min-age", "old"},
      {"orders", "list", "--category", "poll"},
      {"orders", "list", "--limit", "-1"},
      {"orders", "watch", "--after", "x"},
      {"orders", "watch", "--count", "-1"},
      {"orders", "confirm", "--outcome", "erased"},
      {"orders", "confirm", "1"},
      {"orders", "confirm", "0", "--outcome", "erased"},
      {"orders", "confirm", "1", "--outcome", "gone"},
  };
  for (const auto& arguments : wrong) {
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
    EXPECT_NE(err_.str().find("retentionctl: "), std::string::npos);
  }
  EXPECT_TRUE(connection_->calls.empty());
  EXPECT_TRUE(connection_->watch_requests.empty());
}

TEST_F(OrderCommandsTest, Confirm_NumbersFromOneOn) {
  EXPECT_EQ(Run({"orders", "confirm", "0", "--outcome", "erased"}), kExitUsage);
  EXPECT_NE(err_.str().find("ORDER: orders are numbered from 1 on"), std::string::npos) << err_.str();
}

TEST_F(OrderCommandsTest, List_Golden) {
  v1::ListErasureOrdersRequest seen;
  connection_->handlers["ListErasureOrders"] = [&](const auto& request, auto* response) {
    seen.CopyFrom(request);
    auto* list = dynamic_cast<v1::ListErasureOrdersResponse*>(response);
    *list->add_orders() = Order(7);
    *list->add_orders() = Order(12, v1::DATA_CATEGORY_FILE_SHARE);
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"orders", "list", "--min-age", "1d", "--category", "recording,file-share", "--pbx", "pbx-1"}),
            kExitOk);
  EXPECT_EQ(out_.str(),
            "ORDER  ISSUED (UTC)         CATEGORY    PBX    OBJECT     WHERE\n"
            "    7  2026-03-31 09:00:00  recording   pbx-1  object-7   store/7\n"
            "   12  2026-03-31 09:00:00  file-share  pbx-1  object-12  store/12\n");
  EXPECT_EQ(seen.min_age().seconds(), 86400);
  EXPECT_EQ(seen.pbx_id(), "pbx-1");
  ASSERT_EQ(seen.categories_size(), 2);
  EXPECT_EQ(seen.categories(1), v1::DATA_CATEGORY_FILE_SHARE);
  EXPECT_EQ(Run({"-o", "csv", "orders", "list"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "order_id,issue_time,category,pbx_id,object_id,object_ref\n"
            "7,2026-03-31T09:00:00Z,recording,pbx-1,object-7,store/7\n"
            "12,2026-03-31T09:00:00Z,file-share,pbx-1,object-12,store/12\n");
  EXPECT_EQ(Run({"-o", "json", "orders", "list"}), kExitOk);
  EXPECT_NE(out_.str().find("\"order_id\": \"12\""), std::string::npos);
}

TEST_F(OrderCommandsTest, List_FollowsPagesEvenEmptyOnesAndKeepsTheLimit) {
  std::vector<int> sizes;
  connection_->handlers["ListErasureOrders"] = [&](const auto& request, auto* response) {
    const auto& asked = dynamic_cast<const v1::ListErasureOrdersRequest&>(request);
    auto* list = dynamic_cast<v1::ListErasureOrdersResponse*>(response);
    sizes.push_back(asked.page_size());
    if (asked.page_token() == "b") *list->add_orders() = Order(1);
    if (asked.page_token() == "b") *list->add_orders() = Order(2);
    list->set_next_page_token(asked.page_token().empty() ? "a" : asked.page_token() == "a" ? "b" : "");
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"-o", "csv", "orders", "list", "--limit", "2"}), kExitOk);
  EXPECT_EQ(sizes, (std::vector<int>{2, 2, 2}));
  EXPECT_NE(out_.str().find("\n2,"), std::string::npos);
}

TEST_F(OrderCommandsTest, Watch_PrintsOrdersAsTheyComeUnderOneHeading) {
  const FakeWatchScript script{{Message({1, 2}), Message({3}), Message({4, 5})}};
  connection_->watches.assign(2, script);
  EXPECT_EQ(Run({"-o", "csv", "orders", "watch", "--count", "4", "--after", "9", "--category", "recording"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "order_id,issue_time,category,pbx_id,object_id,object_ref\n"
            "1,2026-03-31T09:00:00Z,recording,pbx-1,object-1,store/1\n"
            "2,2026-03-31T09:00:00Z,recording,pbx-1,object-2,store/2\n"
            "3,2026-03-31T09:00:00Z,recording,pbx-1,object-3,store/3\n"
            "4,2026-03-31T09:00:00Z,recording,pbx-1,object-4,store/4\n");
  ASSERT_EQ(connection_->watch_requests.size(), 1u);
  EXPECT_EQ(connection_->watch_requests[0].after_order_id(), 9u);
  EXPECT_EQ(connection_->watch_requests[0].categories_size(), 1);
  EXPECT_EQ(Run({"-o", "json", "orders", "watch", "--count", "1"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "{\"order_id\":\"1\",\"category\":\"DATA_CATEGORY_RECORDING\",\"pbx_id\":\"pbx-1\",\"object_id\":"
            "\"object-1\",\"object_ref\":\"store/1\",\"issue_time\":\"2026-03-31T09:00:00Z\"}\n");
}

TEST_F(OrderCommandsTest, Watch_GoesOnOverABrokenStreamAndEndsWith3WhenTheServerStaysAway) {
  connection_->watches.push_back({{Message({1})}, RichError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN")});
  connection_->watches.push_back({{Message({1, 2})}, absl::UnavailableError("down")});
  for (int i = 0; i < 5; ++i) connection_->watches.push_back({{}, absl::UnavailableError("down")});
  EXPECT_EQ(Run({"-o", "csv", "orders", "watch"}), kExitUnavailable);
  EXPECT_NE(out_.str().find("\n2,"), std::string::npos);
  EXPECT_EQ(connection_->watch_requests.size(), 7u) << "six attempts from the last message on";
  EXPECT_NE(err_.str().find("UNAVAILABLE"), std::string::npos);
}

TEST_F(OrderCommandsTest, Watch_ARefusalIsNotTriedAgain) {
  connection_->watches.push_back(
      {{}, RichError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", {}, "categories")});
  EXPECT_EQ(Run({"orders", "watch"}), kExitFailed);
  EXPECT_EQ(connection_->watch_requests.size(), 1u);
}

TEST_F(OrderCommandsTest, Confirm_SaysWhatBecameOfManyOrdersAThousandACall) {
  std::vector<v1::ConfirmErasureOrdersRequest> seen;
  connection_->handlers["ConfirmErasureOrders"] = [&](const auto& request, auto* response) {
    seen.push_back(dynamic_cast<const v1::ConfirmErasureOrdersRequest&>(request));
    auto* answer = dynamic_cast<v1::ConfirmErasureOrdersResponse*>(response);
    answer->set_done(seen.back().confirmations_size() - 1);
    answer->set_unknown(1);
    return absl::OkStatus();
  };
  std::vector<std::string> command = {"orders", "confirm", "--yes", "--outcome", "not-found"};
  for (int id = 1; id <= 1001; ++id) command.push_back(absl::StrCat(id));
  EXPECT_EQ(Run(command), kExitOk);
  EXPECT_EQ(out_.str(), "DONE  FAILED  UNKNOWN\n 999       0        2\n");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].confirmations_size(), 1000);
  EXPECT_EQ(seen[1].confirmations(0).order_id(), 1001u);
  EXPECT_EQ(seen[1].confirmations(0).outcome(), v1::ERASURE_OUTCOME_NOT_FOUND);
}

}  // namespace
}  // namespace retention
