// Who did it, and who read it, is in the ledger; whose an id is, is not.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/ledger/ledger.h"
#include "server/meetings/meeting_view.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/guarded_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

class AccessAuditTest : public ::testing::Test {
 protected:
  AccessAuditTest()
      : server_("portal=365 operator=365 other=365 auditor=365",
                RoleRuleOf("portal", "portal") + "," + RoleRuleOf("operator", "operator") + "," +
                    RoleRuleOf("operator/second", "other") + "," + RoleRuleOf("auditor", "auditor"),
                [this](ServerOptions& options) { options.store.file_system = disk_.file_system(); }) {
    v1::SyncPbxRequest request;
    request.set_pbx_id("pbx");
    request.set_controller_id("controller");
    request.add_extensions()->set_number("100");
    EXPECT_EQ(Call("portal", "PbxService/SyncPbx", request), "OK");
  }
  std::string Call(const std::string& client, const std::string& method, const google::protobuf::MessageLite& request) {
    return server_.CallerOf(client)->Call("/retention.v1." + method, request).Summary();
  }
  std::string ListMeetings(const std::string& client) {
    v1::ListMeetingsRequest request;
    request.set_pbx_id("pbx");
    return Call(client, "MeetingService/ListMeetings", request);
  }
  void AdvanceTo(absl::Time time) {
    v1::AdvanceClockRequest request;
    SetTime(absl::ToUnixMicros(time), *request.mutable_to());
    ASSERT_EQ(Call("operator", "ClockService/AdvanceClock", request), "OK");
  }
  // Of the kinds that are wanted: "KIND role client reason reads", with the name that the register gives the id. Stops
  // the server.
  std::vector<std::string> Entered(std::initializer_list<LedgerEntry::Kind> kinds) {
    server_.running().Stop();
    std::map<std::string, std::string> names;
    for (const absl::string_view line : absl::StrSplit(TextOf(server_.pki() / "principals"), '\n', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
      names[absl::HexStringToBytes(parts.first)] = std::string(parts.second.substr(parts.second.rfind('/') + 1));
    }
    auto store = OpenRocksDbStore((server_.running().directory() / "data").string(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    std::vector<std::string> entered;
    const absl::Status verified = VerifyLedger(**store, [&](const LedgerEntry& entry) {
      EXPECT_FALSE(absl::StrContains(entry.SerializeAsString(), "spiffe"));
      if (std::find(kinds.begin(), kinds.end(), entry.kind()) == kinds.end()) return;
      entered.push_back(absl::StrCat(LedgerEntry::Kind_Name(entry.kind()), " ", entry.role(), " ",
                                     names[entry.principal()], " ", entry.reason(), " ", entry.reads()));
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return entered;
  }

  FaultFileSystem disk_;
  GuardedServer server_;
};

TEST_F(AccessAuditTest, WhoDescribesAControllerIsInTheLedger) {
  v1::CreateControllerRequest request;
  v1::Controller& controller = *request.mutable_controller();
  controller.set_controller_id("controller");
  controller.mutable_contact()->set_name("N");
  controller.mutable_data_protection_officer()->set_name("D");
  controller.mutable_supervisory_authority()->set_name("L");
  controller.add_legal_bases()->set_relation(v1::RELATION_CONTRACT);
  controller.mutable_legal_bases(0)->set_provision(v1::LEGAL_PROVISION_CONTRACT);
  EXPECT_EQ(Call("portal", "ControllerService/CreateController", request), "PERMISSION_DENIED ROLE_MISSING");
  EXPECT_EQ(Call("operator", "ControllerService/CreateController", request), "OK");
  EXPECT_EQ(Entered({LedgerEntry::KIND_CONTROLLER_CREATED}),
            std::vector<std::string>{"KIND_CONTROLLER_CREATED operator operator  0"});
}

TEST_F(AccessAuditTest, WhoReadsWhatAHoldKeepsIsInTheLedgerAndOperatorsDoNot) {
  v1::CreateHoldRequest hold;
  *hold.mutable_hold() = PbxHold("case-1", kMonday);
  EXPECT_EQ(Call("operator", "HoldService/CreateHold", hold), "OK");
  v1::ExportHoldRequest request;
  request.set_hold_id("case-1");
  for (const char* client : {"portal", "operator"}) {
    EXPECT_EQ(Call(client, "HoldService/ExportHold", request), "PERMISSION_DENIED ROLE_MISSING");
  }
  EXPECT_EQ(Call("auditor", "HoldService/ExportHold", request), "OK");
  EXPECT_EQ(Entered({LedgerEntry::KIND_READ}), std::vector<std::string>{"KIND_READ auditor auditor HELD_VALUES 0"});
}

TEST_F(AccessAuditTest, ActsCarryRoleAndPrincipalAndTheLawsOwnNone) {
  v1::DeregisterPbxRequest request;
  request.set_pbx_id("pbx");
  ASSERT_EQ(Call("other", "PbxService/DeregisterPbx", request), "OK");
  AdvanceTo(kMonday + absl::Hours(24));
  server_.WriteRoles(RoleRuleOf("operator", "operator"));
  server_.server().access_files().Look();
  EXPECT_EQ(Entered({LedgerEntry::KIND_PBX_REGISTERED, LedgerEntry::KIND_PBX_ENDED, LedgerEntry::KIND_ACT,
                     LedgerEntry::KIND_ACCESS_CHANGED, LedgerEntry::KIND_CREATED}),
            (std::vector<std::string>{"KIND_CREATED    0", "KIND_PBX_REGISTERED portal portal  0",
                                      "KIND_PBX_ENDED operator other PBX_DEREGISTERED 0",
                                      "KIND_ACT operator operator CLOCK_ADVANCED 0", "KIND_ACCESS_CHANGED   ROLES 0"}));
}

TEST_F(AccessAuditTest, ReadsOfPeopleAreEnteredButNotThePortals) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ListMeetings("portal"), "OK");
    EXPECT_EQ(ListMeetings("operator"), "OK");
  }
  EXPECT_EQ(ListMeetings("other"), "OK");
  AdvanceTo(kMonday + absl::Hours(2));
  EXPECT_EQ(ListMeetings("operator"), "OK");
  // In which order counts of an hour are entered nobody says.
  std::vector<std::string> entered = Entered({LedgerEntry::KIND_READ, LedgerEntry::KIND_READS_COUNTED});
  std::sort(entered.begin(), entered.end());
  EXPECT_EQ(entered,
            (std::vector<std::string>{
                "KIND_READ operator operator MEETINGS 0", "KIND_READ operator operator MEETINGS 0",
                "KIND_READ operator other MEETINGS 0", "KIND_READS_COUNTED operator operator MEETINGS 1",
                "KIND_READS_COUNTED operator operator MEETINGS 3", "KIND_READS_COUNTED operator other MEETINGS 1"}));
}

TEST_F(AccessAuditTest, WhatCannotBeEnteredIsNotReadAndThePortalGoesOn) {
  disk_.FailWrites(FaultFileSystem::Fault::kIoError);
  EXPECT_EQ(ListMeetings("operator"), "UNAVAILABLE AUDIT_UNAVAILABLE");
  EXPECT_EQ(ListMeetings("portal"), "OK");
  disk_.Heal();
  EXPECT_EQ(ListMeetings("operator"), "OK");
}

}  // namespace
}  // namespace retention
