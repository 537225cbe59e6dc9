// One rule for every call that deletes, removes, ends or releases one thing: see DeletionService.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/api_methods.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kUnusedController[] =
    "controller { controller_id: 'unused' contact { name: 'N' } data_protection_officer { name: 'D' } "
    "supervisory_authority { name: 'L' } legal_bases { relation: RELATION_CONTRACT provision: LEGAL_PROVISION_CONTRACT "
    "} }";

struct Deletion {
  const char* name;
  const char* call;     // without the package
  const char* request;  // in text format
  const char* reason;   // of the second call
};

const std::vector<Deletion>& Deletions() {
  static const auto* deletions = new std::vector<Deletion>{
      {"Pbx", "DeletionService/DeletePbx", "pbx_id: 'pbx' reason: 3", "PBX_UNKNOWN"},
      {"Extension", "DeletionService/DeleteExtension", "pbx_id: 'pbx' number: '100' reason: 3", "EXTENSION_UNKNOWN"},
      {"Meeting", "DeletionService/DeleteMeeting", "pbx_id: 'pbx' meeting_id: 'm' reason: 3", "MEETING_UNKNOWN"},
      {"MeetingThatAHoldKeeps", "DeletionService/DeleteMeeting", "pbx_id: 'pbx' meeting_id: 'held' reason: 3",
       "MEETING_UNKNOWN"},
      {"MeetingThatItsUserDeleted", "DeletionService/DeleteMeeting", "pbx_id: 'pbx' meeting_id: 'deleted' reason: 3",
       "MEETING_UNKNOWN"},
      {"Recording", "DeletionService/DeleteObject",
       "pbx_id: 'pbx' meeting_id: 'm' category: DATA_CATEGORY_RECORDING object_id: 'recording-r' reason: 3",
       "OBJECT_UNKNOWN"},
      {"PdfShare", "DeletionService/DeleteObject",
       "pbx_id: 'pbx' meeting_id: 'm' category: DATA_CATEGORY_PDF_SHARE object_id: 'pdf-d' reason: 3",
       "OBJECT_UNKNOWN"},
      {"FileShare", "DeletionService/DeleteObject",
       "pbx_id: 'pbx' meeting_id: 'm' category: DATA_CATEGORY_FILE_SHARE object_id: 'file-f' reason: 3",
       "OBJECT_UNKNOWN"},
      {"ObjectThatAHoldKeeps", "DeletionService/DeleteObject",
       "pbx_id: 'pbx' meeting_id: 'held' category: DATA_CATEGORY_RECORDING object_id: 'recording-r' reason: 3",
       "OBJECT_UNKNOWN"},
      {"Poll", "DeletionService/DeletePoll", "pbx_id: 'pbx' poll_id: 'lunch' reason: 3", "POLL_UNKNOWN"},
      {"RemovedExtension", "PbxService/RemoveExtension", "pbx_id: 'pbx' number: '100'", "EXTENSION_UNKNOWN"},
      {"DeregisteredPbx", "PbxService/DeregisterPbx", "pbx_id: 'pbx'", "PBX_UNKNOWN"},
      {"LicenceThatEndsItsPbxs", "PbxService/ReportLicence",
       "licence_key: 'key' valid_until { seconds: 1 } registered: true active: true", "LICENCE_UNKNOWN"},
      {"Controller", "ControllerService/DeleteController", "controller_id: 'unused'", "CONTROLLER_UNKNOWN"},
      {"Hold", "HoldService/ReleaseHold", "hold_id: 'case-1'", "HOLD_UNKNOWN"},
  };
  return *deletions;
}

class DeletedTwice : public ::testing::TestWithParam<Deletion> {
 protected:
  DeletedTwice() {
    v1::SyncPbxRequest sync;
    sync.set_pbx_id("pbx");
    sync.set_controller_id("controller");
    sync.mutable_profile()->set_licence_key("key");
    sync.add_extensions()->set_number("100");
    sync.add_extensions()->set_number("101");
    EXPECT_TRUE(server_.Call("/retention.v1.PbxService/SyncPbx", sync).ok());
    v1::Event poll = NewEvent("", "poll", kMonday);
    poll.mutable_poll_created()->set_poll_id("lunch");
    poll.mutable_poll_created()->set_owner_extension("101");
    std::vector<v1::Event> events = {poll};
    for (const char* meeting : {"m", "held", "deleted"}) {
      events.push_back(Joined(meeting, "j", kMonday, "p", "Ada"));
      events.push_back(Recording(meeting, "r", kMonday, "ref-r"));
      events.push_back(Pdf(meeting, "d", kMonday, "ref-d"));
      events.push_back(File(meeting, "f", kMonday, "ref-f"));
    }
    events.push_back(Deleted("deleted", "x", kMonday));
    EXPECT_EQ(server_.Batch(events).accepted(), events.size());
    v1::CreateControllerRequest controller;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kUnusedController, &controller));
    EXPECT_TRUE(server_.Call("/retention.v1.ControllerService/CreateController", controller).ok());
    v1::CreateHoldRequest hold;
    *hold.mutable_hold() = MeetingHold("case-1", kMonday, "held");
    EXPECT_TRUE(server_.Call("/retention.v1.HoldService/CreateHold", hold).ok());
  }

  RunningServer server_;
};

TEST_P(DeletedTwice, IsNotFound) {
  const Deletion& deletion = GetParam();
  const auto* method = MethodOf(deletion.call);
  ASSERT_NE(method, nullptr);
  const auto request = NewMessage(method->input_type());
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(deletion.request, request.get()));
  const CallEnd first = server_.Call(PathOf(deletion.call), *request);
  EXPECT_TRUE(first.ok()) << first;
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(server_.Call(PathOf(deletion.call), *request).Summary(), absl::StrCat("NOT_FOUND ", deletion.reason));
  }
}

INSTANTIATE_TEST_SUITE_P(Everything, DeletedTwice, ::testing::ValuesIn(Deletions()),
                         [](const auto& info) { return info.param.name; });

TEST(DeletionsInTheApi, AreAllTriedTwice) {
  std::set<std::string> tested;
  for (const Deletion& deletion : Deletions()) tested.insert(deletion.call);
  for (const char* name : {"BackupService", "ClockService", "ControllerService", "DeletionService",
                           "ErasureOrderService", "EventService", "HoldService", "LedgerService", "LogService",
                           "MeetingService", "PbxService", "RetentionService", "RingService", "StatisticsService"}) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(absl::StrCat("retention.v1.", name));
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method = service->method(i)->name();
      for (const char* verb : {"Cancel", "Clear", "Delete", "Deregister", "Drop", "End", "Erase", "Forget", "Release",
                               "Remove", "Revoke", "Stop"}) {
        if (!absl::StartsWith(method, verb)) continue;
        EXPECT_TRUE(tested.contains(absl::StrCat(name, "/", method))) << method;
      }
    }
  }
}

}  // namespace
}  // namespace retention
