#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/rpc/watch_courier.h"
#include "tests/orders/orders.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

constexpr char kWatch[] = "/retention.v1.ErasureOrderService/WatchErasureOrders";
constexpr char kConfirm[] = "/retention.v1.ErasureOrderService/ConfirmErasureOrders";
constexpr char kListOrders[] = "/retention.v1.ErasureOrderService/ListErasureOrders";
constexpr auto kFailed = v1::ERASURE_OUTCOME_FAILED;
using Ids = std::vector<uint64_t>;

std::unique_ptr<CallerStream> Watch(RunningServer& server, const v1::WatchErasureOrdersRequest& request = {}) {
  auto stream = server.caller().Open(kWatch);
  EXPECT_TRUE(stream->Write(request));
  stream->WritesDone();
  return stream;
}

// The next message; empty if the stream has ended.
Ids NextMessage(CallerStream& stream) {
  v1::WatchErasureOrdersResponse response;
  Ids ids;
  if (!stream.Read(response)) return ids;
  for (const auto& order : response.orders()) ids.push_back(order.order_id());
  return ids;
}

void Issue(RunningServer& server, int count, int from = 0, const std::string& meeting = "m") {
  const auto result = server.Batch(LateFiles(meeting, kMonday, count, from));
  ASSERT_EQ(result.rejections_size(), 0);
}

v1::ConfirmErasureOrdersResponse Confirm(RunningServer& server,
                                         const std::vector<std::pair<uint64_t, v1::ErasureOutcome>>& outcomes) {
  v1::ConfirmErasureOrdersResponse response;
  const CallEnd end = server.Call(kConfirm, Confirmations(outcomes), &response);
  EXPECT_TRUE(end.ok()) << end;
  return response;
}

TEST(ErasureOrderService, ListsWhatIsUnconfirmedAndForgetsWhatIsDone) {
  RunningServer server;
  server.SyncPbx();
  Issue(server, 3);
  const auto confirmed = Confirm(server, {{1, kErased}, {2, kFailed}, {9, kErased}});
  EXPECT_EQ(confirmed.done(), 1u);
  EXPECT_EQ(confirmed.failed(), 1u);
  EXPECT_EQ(confirmed.unknown(), 1u);
  v1::ListErasureOrdersResponse list;
  ASSERT_TRUE(server.Call(kListOrders, v1::ListErasureOrdersRequest(), &list).ok());
  ASSERT_EQ(list.orders_size(), 2);
  EXPECT_EQ(list.orders(0).order_id(), 2u);
  EXPECT_EQ(list.orders(0).pbx_id(), "pbx");
  EXPECT_EQ(list.orders(0).object_ref(), "store/m/1");
  EXPECT_EQ(list.orders(0).issue_time().seconds(), absl::ToUnixSeconds(kMonday));
  EXPECT_EQ(server.Health("retention.v1.ErasureOrderService"), 1);
}

TEST(ErasureOrderService, EveryFlawNamesItsField) {
  RunningServer server;
  const std::string invalid = "INVALID_ARGUMENT INVALID_FIELD ";
  v1::ListErasureOrdersRequest list;
  list.set_page_size(-1);
  EXPECT_EQ(server.Call(kListOrders, list).Summary(), invalid + "page_size");
  EXPECT_EQ(server.Call(kConfirm, v1::ConfirmErasureOrdersRequest()).Summary(), invalid + "confirmations");
  EXPECT_EQ(server.Call(kConfirm, Confirmations({{1, v1::ERASURE_OUTCOME_UNSPECIFIED}})).Summary(),
            invalid + "confirmations[0].outcome");
  v1::WatchErasureOrdersRequest watch;
  watch.add_categories(v1::DATA_CATEGORY_POLL);
  auto refused = Watch(server, watch);
  EXPECT_EQ(NextMessage(*refused), Ids());
  EXPECT_EQ(refused->Finish().Summary(), invalid + "categories[0]");
  auto malformed = server.caller().Open(kWatch);
  ASSERT_TRUE(malformed->Write(std::string("\xff")));
  EXPECT_EQ(NextMessage(*malformed), Ids());
  EXPECT_EQ(malformed->Finish().Summary(), "INVALID_ARGUMENT MALFORMED_MESSAGE");
}

TEST(WatchErasureOrders, ABacklogComesInMessagesOfAHundredAndNewOrdersFollow) {
  RunningServer server;
  server.SyncPbx();
  Issue(server, 230);
  auto watch = Watch(server);
  uint64_t next = 1;
  for (const size_t size : {100u, 100u, 30u}) {
    const Ids ids = NextMessage(*watch);
    ASSERT_EQ(ids.size(), size);
    for (const uint64_t id : ids) EXPECT_EQ(id, next++);
  }
  for (int round = 0; round < 20; ++round) {
    Issue(server, 1, 230 + round);
    EXPECT_EQ(NextMessage(*watch), Ids{next++}) << "without the clock being moved";
  }
}

TEST(WatchErasureOrders, OrdersIssuedByASweepAndByTheEndOfAPbxArriveToo) {
  RunningServer server;
  server.SyncPbx();
  auto watch = Watch(server);
  server.Batch({Started("m", "s", kMonday), File("m", "f", kMonday, "ref")});
  server.AdvanceTo(kMonday + absl::Hours(25));
  EXPECT_EQ(NextMessage(*watch), Ids{1}) << "its meeting is presumed ended";
  const absl::Time later = kMonday + absl::Hours(25);
  ASSERT_EQ(server.Batch({Started("n", "s", later), Recording("n", "r", later, "rec")}).accepted(), 2u);
  v1::DeregisterPbxRequest deregister;
  deregister.set_pbx_id("pbx");
  ASSERT_TRUE(server.Call("/retention.v1.PbxService/DeregisterPbx", deregister).ok());
  EXPECT_EQ(NextMessage(*watch), Ids{2});
}

TEST(WatchErasureOrders, UnconfirmedOrdersComeAgainOnTheServersClockAndConfirmedOnesDoNot) {
  RunningServer server;
  server.SyncPbx();
  Issue(server, 3);
  auto watch = Watch(server);
  EXPECT_EQ(NextMessage(*watch), (Ids{1, 2, 3}));
  Confirm(server, {{2, kErased}});
  server.AdvanceTo(kMonday + absl::Minutes(1));
  EXPECT_EQ(NextMessage(*watch), (Ids{1, 3}));
  Confirm(server, {{1, kErased}, {3, kFailed}});
  server.AdvanceTo(kMonday + absl::Minutes(6));
  EXPECT_EQ(NextMessage(*watch), Ids{3}) << "it failed";
  server.AdvanceTo(kMonday + absl::Minutes(35));
  // Nothing is due: the next that comes is new.
  Issue(server, 1, 3);
  EXPECT_EQ(NextMessage(*watch), Ids{4});
  Confirm(server, {{4, kErased}});
  for (const int minute : {36, 96, 156}) {
    server.AdvanceTo(kMonday + absl::Minutes(minute));
    EXPECT_EQ(NextMessage(*watch), Ids{3});
  }
}

TEST(WatchErasureOrders, ANewStreamGetsEverythingUnconfirmedAnewAlsoAfterARestart) {
  RunningServer server;
  server.SyncPbx();
  Issue(server, 3);
  auto watch = Watch(server);
  EXPECT_EQ(NextMessage(*watch), (Ids{1, 2, 3}));
  Confirm(server, {{1, kErased}});
  watch = Watch(server);
  EXPECT_EQ(NextMessage(*watch), (Ids{2, 3}));
  watch.reset();
  ASSERT_TRUE(server.Restart().ok());
  watch = Watch(server);
  EXPECT_EQ(NextMessage(*watch), (Ids{2, 3}));
  v1::WatchErasureOrdersRequest after;
  after.set_after_order_id(2);
  auto resumed = Watch(server, after);
  EXPECT_EQ(NextMessage(*resumed), Ids{3});
}

TEST(WatchErasureOrders, MoreWatchersThanTheLimitAreRefusedAndOneThatLeavesFreesItsPlace) {
  RunningServer server;
  server.SyncPbx();
  Issue(server, 1);
  std::vector<std::unique_ptr<CallerStream>> watches;
  for (size_t i = 0; i < WatchCourier::kMaxWatchersPerPeer; ++i) {
    watches.push_back(Watch(server));
    ASSERT_EQ(NextMessage(*watches.back()), Ids{1});
  }
  auto refused = Watch(server);
  EXPECT_EQ(NextMessage(*refused), Ids());
  const CallEnd end = refused->Finish();
  EXPECT_EQ(end.Summary(), "RESOURCE_EXHAUSTED TOO_MANY_WATCHERS");
  EXPECT_EQ(end.retry_delay, WatchCourier::kTooManyWatchersRetryDelay);
  watches.pop_back();
  AwaitTrue([&] { return NextMessage(*Watch(server)) == Ids{1}; });
  Issue(server, 1, 1);
  for (const auto& watch : watches) EXPECT_EQ(NextMessage(*watch), Ids{2});
}

TEST(WatchErasureOrders, ShutdownEndsAllWatchesAndDoesNotWaitForACallerThatDoesNotRead) {
  RunningServer server;
  server.SyncPbx();
  // More than fits into what gRPC buffers for a caller.
  const std::string padding(900, 'r');
  for (int from = 0; from < 2000; from += 500) {
    auto events = LateFiles("m", kMonday, 500, from);
    for (auto& event : events) {
      if (event.has_file_shared()) event.mutable_file_shared()->set_object_ref(event.event_id() + padding);
    }
    server.Batch(events);
  }
  Caller other(server.server().address());
  auto stuck = other.Open(kWatch);
  ASSERT_TRUE(stuck->Write(v1::WatchErasureOrdersRequest()));
  ASSERT_EQ(NextMessage(*stuck).size(), 100u);
  auto idle = Watch(server);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(NextMessage(*idle).size(), 100u) << "it does not wait for the other";
  std::thread shutdown([&] { server.server().Shutdown(absl::Seconds(2)); });
  EXPECT_EQ(NextMessage(*idle), Ids());
  EXPECT_EQ(idle->Finish().Summary(), "UNAVAILABLE SHUTTING_DOWN");
  shutdown.join();
}

TEST(WatchErasureOrders, OrdersThatADiskRefusedArriveOnceTheyAreIssued) {
  FaultFileSystem disk;
  RunningServer server([&](ServerOptions& options) {
    options.store.file_system = disk.file_system();
    options.sweep_interval = absl::Milliseconds(1);
  });
  server.SyncPbx();
  auto watch = Watch(server);
  Issue(server, 1);
  EXPECT_EQ(NextMessage(*watch), Ids{1});
  disk.FailWrites(FaultFileSystem::Fault::kIoError);
  v1::BatchRecordEventsRequest request;
  for (const auto& event : LateFiles("n", kMonday, 2)) *request.add_events() = event;
  EXPECT_FALSE(server.Call("/retention.v1.EventService/BatchRecordEvents", request).ok());
  EXPECT_FALSE(server.Call(kConfirm, Confirmations({{1, kErased}})).ok());
  disk.Heal();
  AwaitTrue([&] { return server.Health("") == 1; });
  Issue(server, 2, 0, "n");
  const Ids ids = NextMessage(*watch);
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_GT(ids[0], 1u);
  v1::ListErasureOrdersResponse list;
  ASSERT_TRUE(server.Call(kListOrders, v1::ListErasureOrdersRequest(), &list).ok());
  EXPECT_EQ(list.orders_size(), 3) << "what was not confirmed is still there";
}

TEST(WatchErasureOrders, ManyWatchersThatComeAndLeaveAtAnyMomentDoNoHarmAndMissNothing) {
  RunningServer server;
  server.SyncPbx();
  auto steady = Watch(server);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&server, caller] {
      Caller own(server.server().address());
      for (int round = 0; round < 25; ++round) {
        auto watch = own.Open(kWatch);
        watch->Write(v1::WatchErasureOrdersRequest());
        v1::WatchErasureOrdersResponse response;
        if ((round + caller) % 3 == 1) watch->Cancel();
        if ((round + caller) % 3 == 2) watch->Read(response);
      }
    });
  }
  uint64_t expected = 1;
  // One order before, so that those who read have something to read.
  for (int round = 0; round < 100; ++round) {
    Issue(server, 1, round);
    for (const uint64_t id : NextMessage(*steady)) EXPECT_EQ(id, expected++);
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(expected, 101u);
}

}  // namespace
}  // namespace retention
