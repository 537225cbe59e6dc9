// Copies of the data of a server that runs, taken before each thing that ends: with the ring as it is afterwards none
// yields anything of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/copy_decoder.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

const absl::Time kMondayIsOver = At("2026-03-10T00:00:00+01:00");
constexpr auto kAsked = v1::DELETION_REASON_SUBJECT_REQUEST;

class ErasedCopies : public ::testing::Test {
 protected:
  ErasedCopies() {
    v1::SyncPbxRequest sync;
    sync.set_pbx_id("pbx");
    sync.set_controller_id("controller");
    sync.mutable_profile()->set_licence_key("canary-licence");
    for (const char* number : {"100", "101"}) {
      v1::Extension& extension = *sync.add_extensions();
      extension.set_number(number);
      extension.set_email(absl::StrCat("canary-extension-", number, "@example.org"));
    }
    Call("PbxService/SyncPbx", sync);
    Lives({"canary-licence", "canary-extension-100@example.org", "canary-extension-101@example.org"});
  }

  template <typename Request>
  void Call(const std::string& method, const Request& request, google::protobuf::MessageLite* response = nullptr) {
    const CallEnd end = server_.Call("/retention.v1." + method, request, response);
    EXPECT_TRUE(end.ok()) << method << ": " << end;
  }
  void Meet(const std::string& name) {
    v1::Event planned = Scheduled(name, absl::StrCat(name, "-plan"), kMonday, kMonday, absl::Hours(1));
    planned.mutable_meeting_scheduled()->set_name(absl::StrCat("canary-name-", name));
    v1::Event poll = NewEvent(name, absl::StrCat(name, "-poll"), kMonday);
    poll.clear_meeting_id();
    poll.mutable_poll_created()->set_poll_id(name);
    poll.mutable_poll_created()->set_owner_extension("100");
    poll.mutable_poll_created()->set_question(absl::StrCat("canary-question-", name));
    for (const char* option : {"here", "there"}) poll.mutable_poll_created()->add_options(option);
    const v1::RecordResult result =
        server_.Batch({planned, poll, Joined(name, "join", kMonday, "p", absl::StrCat("canary-person-", name)),
                       Recording(name, "rec", kMonday, absl::StrCat("canary-recording-", name)),
                       Left(name, "left", kMonday + absl::Minutes(1), "p")});
    EXPECT_EQ(result.accepted(), 5u) << result.ShortDebugString();
    Lives({absl::StrCat("canary-name-", name), absl::StrCat("canary-question-", name),
           absl::StrCat("canary-person-", name), absl::StrCat("canary-recording-", name)});
  }
  void Lives(const std::vector<std::string>& canaries) { lives_.insert(canaries.begin(), canaries.end()); }

  // What kill -9 leaves of the data now, in which all opens that lives.
  void Copy() {
    server_.Stop();
    const fs::path copy = server_.directory() / absl::StrCat("copy-", copies_.size());
    fs::copy(server_.directory() / "data", copy, fs::copy_options::recursive);
    {
      const auto store = OpenRocksDbStore(copy.string(), {});
      ASSERT_TRUE(store.ok()) << store.status();
      copies_.push_back(MapStore::RowsOf(**store));
    }
    const std::string text = OpenCopy(copies_.back(), Ring("a"));
    for (const std::string& canary : lives_) EXPECT_TRUE(absl::StrContains(text, canary)) << canary;
    ASSERT_TRUE(server_.Restart().ok());
  }
  DecodedRing Ring(const char* replica) const {
    DecodedRing ring = DecodeRing((server_.directory() / "ring" / replica).string());
    EXPECT_TRUE(ring.whole);
    return ring;
  }
  // `gone` has ended by now, in every copy.
  void ExpectGone(const std::vector<std::string>& gone) {
    Call("RetentionService/Sweep", v1::SweepRequest());
    for (const std::string& canary : gone) {
      EXPECT_EQ(lives_.erase(canary), 1u) << canary;
      gone_.insert(canary);
    }
    for (const char* replica : {"a", "b"}) {
      const DecodedRing ring = Ring(replica);
      for (size_t i = 0; i < copies_.size(); ++i) {
        const std::string text = OpenCopy(copies_[i], ring);
        for (const std::string& canary : gone_) {
          EXPECT_FALSE(absl::StrContains(text, canary)) << canary << " opens in copy " << i;
        }
      }
    }
  }
  void ConfirmAll() {
    v1::ListErasureOrdersResponse list;
    Call("ErasureOrderService/ListErasureOrders", v1::ListErasureOrdersRequest(), &list);
    EXPECT_GT(list.orders_size(), 0);
    std::vector<std::pair<uint64_t, v1::ErasureOutcome>> outcomes;
    for (const v1::ErasureOrder& order : list.orders()) outcomes.emplace_back(order.order_id(), kErased);
    Call("ErasureOrderService/ConfirmErasureOrders", Confirmations(outcomes));
  }

  RunningServer server_;
  std::vector<MapStore::Rows> copies_;
  std::set<std::string> lives_;
  std::set<std::string> gone_;
};

TEST_F(ErasedCopies, YieldNothing) {
  for (const char* name : {"one", "two", "three", "four"}) Meet(name);
  Copy();

  v1::DeletePollRequest poll;
  poll.set_pbx_id("pbx");
  poll.set_poll_id("one");
  poll.set_reason(kAsked);
  Call("DeletionService/DeletePoll", poll);
  ExpectGone({"canary-question-one"});
  Copy();

  // Of an object its reference is in the order until that is confirmed.
  v1::DeleteObjectRequest object;
  object.set_pbx_id("pbx");
  object.set_meeting_id("one");
  object.set_category(v1::DATA_CATEGORY_RECORDING);
  object.set_object_id("recording-rec");
  object.set_reason(kAsked);
  Call("DeletionService/DeleteObject", object);
  Copy();
  ConfirmAll();
  ExpectGone({"canary-recording-one"});
  Copy();

  v1::DeleteMeetingRequest meeting;
  meeting.set_pbx_id("pbx");
  meeting.set_meeting_id("one");
  meeting.set_reason(kAsked);
  Call("DeletionService/DeleteMeeting", meeting);
  ExpectGone({"canary-name-one", "canary-person-one"});
  Copy();

  v1::DeleteExtensionRequest extension;
  extension.set_pbx_id("pbx");
  extension.set_number("101");
  extension.set_reason(kAsked);
  Call("DeletionService/DeleteExtension", extension);
  ExpectGone({"canary-extension-101@example.org"});
  Copy();

  v1::CreateHoldRequest hold;
  *hold.mutable_hold() = MeetingHold("case", kMonday, "two");
  hold.mutable_hold()->set_reason("canary-reason");
  Call("HoldService/CreateHold", hold);
  Lives({"canary-reason"});
  Copy();

  // What is held outlives its day.
  server_.AdvanceTo(kMondayIsOver);
  ExpectGone({"canary-name-three", "canary-person-three", "canary-name-four", "canary-person-four"});
  Copy();
  ConfirmAll();
  ExpectGone({"canary-recording-three", "canary-recording-four"});
  Copy();

  v1::ReleaseHoldRequest release;
  release.set_hold_id("case");
  Call("HoldService/ReleaseHold", release);
  ExpectGone({"canary-reason", "canary-name-two", "canary-person-two"});
  Copy();
  ConfirmAll();
  ExpectGone({"canary-recording-two"});
  Copy();

  v1::DeletePbxRequest pbx;
  pbx.set_pbx_id("pbx");
  pbx.set_reason(kAsked);
  Call("DeletionService/DeletePbx", pbx);
  ExpectGone({"canary-licence", "canary-extension-100@example.org", "canary-question-two", "canary-question-three",
              "canary-question-four"});
  EXPECT_EQ(lives_, std::set<std::string>());
}

}  // namespace
}  // namespace retention
