// A page token goes on with the answer to the question that it was made for, and with no other: for every call that
// answers page by page.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/base/request_parts.h"
#include "tests/engine/harness.h"
#include "tests/rpc/api_methods.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

struct Paged {
  const char* call;      // without the package
  const char* question;  // in text format
  const char* another;   // where there is one
};

const std::vector<Paged>& PagedCalls() {
  static const auto* calls = new std::vector<Paged>{
      {"MeetingService/ListMeetings", "pbx_id: 'pbx'", "pbx_id: 'pbx' order_by: 'begin_time desc'"},
      {"MeetingService/ListMeetings", "pbx_id: 'pbx'", "pbx_id: 'pbx' meeting_id: 'm'"},
      {"MeetingService/ListMeetings", "pbx_id: 'pbx'", "pbx_id: 'pbx' ends_after { seconds: 1772445600 }"},
      {"MeetingService/ListParticipants", "pbx_id: 'pbx' meeting_id: 'm'", "pbx_id: 'pbx' meeting_id: 'n'"},
      {"ErasureOrderService/ListErasureOrders", "", "pbx_id: 'pbx'"},
      {"ControllerService/ListControllers", "", nullptr},
      {"HoldService/ListHolds", "", "review_due: true"},
      {"HoldService/ExportHold", "hold_id: 'a'", "hold_id: 'b'"},
      {"HoldService/ListReleasedHolds", "", nullptr},
      {"LedgerService/ListLedgerEntries", "", "newest_first: true"},
      {"LogService/ReadLogs", "", "min_severity: LOG_SEVERITY_WARNING"},
      {"RetentionService/ListDueDays", "pbx_id: 'pbx'", "pbx_id: 'pbx' categories: DATA_CATEGORY_PARTICIPANT_NAME"},
      {"PbxService/ListPbxs", "", nullptr},
      {"StatisticsService/QueryStatistics",
       "metric: METRIC_PEOPLE first_day { year: 2026 month: 3 day: 1 } last_day { year: 2026 month: 3 day: 31 }",
       "metric: METRIC_PEOPLE first_day { year: 2026 month: 3 day: 1 } last_day { year: 2026 month: 3 day: 31 } "
       "filter: 'hour = "
       "03'"},
  };
  return *calls;
}

class PageTokens : public ::testing::Test {
 protected:
  PageTokens() {
    v1::SyncPbxRequest sync;
    sync.set_pbx_id("pbx");
    sync.set_controller_id("controller");
    EXPECT_TRUE(server_.Call("/retention.v1.PbxService/SyncPbx", sync).ok());
    EXPECT_EQ(server_.Batch({Joined("m", "j", kMonday, "p"), Joined("n", "j", kMonday, "p")}).accepted(), 2u);
  }

  // The request of a call, which asks `text`.
  static std::unique_ptr<google::protobuf::Message> Request(const std::string& call, const char* text) {
    auto request = NewMessage(MethodOf(call)->input_type());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, request.get())) << text;
    return request;
  }
  std::string Ask(const std::string& call, google::protobuf::Message& request, const std::string& token) {
    request.GetReflection()->SetString(&request, request.GetDescriptor()->FindFieldByName("page_token"), token);
    return server_.Call(PathOf(call), request).Summary();
  }

  RunningServer server_;
};

TEST_F(PageTokens, OfAnotherFilterOrOrderAreRefused) {
  const std::string refused = "INVALID_ARGUMENT INVALID_FIELD page_token";
  for (const Paged& paged : PagedCalls()) {
    const auto question = Request(paged.call, paged.question);
    EXPECT_EQ(Ask(paged.call, *question, "AAAA"), refused) << paged.call;
    if (paged.another == nullptr) continue;
    // Among them those of the positions that calls look at.
    const auto another = Request(paged.call, paged.another);
    for (const size_t length : {1, 9, 24, 45, 49, 64}) {
      const std::string position(length, '0');
      EXPECT_EQ(Ask(paged.call, *another, TokenOf(position, *question)), refused) << paged.call << ' ' << length;
      EXPECT_EQ(Ask(paged.call, *question, TokenOf(position, *another)), refused) << paged.call << ' ' << length;
    }
  }
}

TEST_F(PageTokens, GoOnWhateverThePageSize) {
  auto request = Request("MeetingService/ListMeetings", "pbx_id: 'pbx' page_size: 1");
  v1::ListMeetingsResponse page;
  ASSERT_TRUE(server_.Call("/retention.v1.MeetingService/ListMeetings", *request, &page).ok());
  ASSERT_NE(page.next_page_token(), "");
  request = Request("MeetingService/ListMeetings", "pbx_id: 'pbx' page_size: 7");
  EXPECT_EQ(Ask("MeetingService/ListMeetings", *request, page.next_page_token()), "OK");
}

// AIP-158: a caller need not know the maximum.
TEST_F(PageTokens, PagesAboveTheMaximumAreOfTheMaximum_AndNegativeOnesRefused) {
  EXPECT_EQ(PageSize(201, 50, 200).value_or(0), 200);
  EXPECT_EQ(PageSize(INT32_MAX, 50, 200).value_or(0), 200);
  EXPECT_EQ(PageSize(200, 50, 200).value_or(0), 200);
  EXPECT_EQ(PageSize(0, 50, 200).value_or(0), 50);
  for (const Paged& paged : PagedCalls()) {
    const auto request = Request(paged.call, paged.question);
    const auto* field = request->GetDescriptor()->FindFieldByName("page_size");
    if (field == nullptr) continue;  // its pages are as long as what is looked at
    request->GetReflection()->SetInt32(request.get(), field, INT32_MAX);
    EXPECT_EQ(Ask(paged.call, *request, ""), "OK") << paged.call;
    request->GetReflection()->SetInt32(request.get(), field, -1);
    EXPECT_EQ(Ask(paged.call, *request, ""), "INVALID_ARGUMENT INVALID_FIELD page_size") << paged.call;
  }
}

TEST(PagedCallsOfTheApi, AreAllTried) {
  std::set<std::string> tried;
  for (const Paged& paged : PagedCalls()) tried.insert(paged.call);
  for (const char* name : {"BackupService", "ClockService", "ControllerService", "DeletionService",
                           "ErasureOrderService", "EventService", "HoldService", "LedgerService", "LogService",
                           "MeetingService", "PbxService", "RetentionService", "RingService", "StatisticsService"}) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(absl::StrCat("retention.v1.", name));
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      if (service->method(i)->input_type()->FindFieldByName("page_token") == nullptr) continue;
      EXPECT_TRUE(tried.contains(absl::StrCat(name, "/", service->method(i)->name()))) << service->method(i)->name();
    }
  }
}

}  // namespace
}  // namespace retention
