#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "retention/v1/controller_service.pb.h"
#include "retention/v1/ledger_service.pb.h"
#include "tests/rpc/backups.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kController[] =
    "controller { controller_id: 'controller' contact { name: 'Orgelbau GmbH' } data_protection_officer { name: 'D' } "
    "supervisory_authority { name: 'L' } legal_bases { relation: RELATION_CONTRACT provision: LEGAL_PROVISION_CONTRACT "
    "} }";

template <typename Request>
Request FromText(const std::string& text) {
  Request request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return request;
}

template <typename Request>
CallEnd Do(RunningServer& server, const std::string& method, const std::string& text,
           google::protobuf::MessageLite* response = nullptr) {
  return server.Call("/retention.v1.ControllerService/" + method, FromText<Request>(text), response);
}

TEST(ControllerService, DescribesChangesAndTakesAway) {
  RunningServer server;
  server.SyncPbx();
  v1::CreateControllerResponse created;
  EXPECT_TRUE(Do<v1::CreateControllerRequest>(server, "CreateController",
                                              std::string(kController) + "validate_only: true", &created)
                  .ok());
  EXPECT_TRUE(created.controller().ledger_id().empty());
  EXPECT_EQ(Do<v1::GetControllerRequest>(server, "GetController", "controller_id: 'controller'").Summary(),
            "NOT_FOUND CONTROLLER_UNKNOWN");
  ASSERT_TRUE(Do<v1::CreateControllerRequest>(server, "CreateController", kController, &created).ok());
  EXPECT_EQ(created.controller().pbx_count(), 1u);
  v1::ListControllersResponse list;
  ASSERT_TRUE(Do<v1::ListControllersRequest>(server, "ListControllers", "", &list).ok());
  EXPECT_EQ(list.controllers_size(), 1);
  const CallEnd wrong =
      Do<v1::UpdateControllerRequest>(server, "UpdateController", "controller { controller_id: 'controller' }");
  EXPECT_EQ(wrong.field, "controller.contact.name") << wrong;
  EXPECT_EQ(Do<v1::DeleteControllerRequest>(server, "DeleteController", "controller_id: 'controller'").Summary(),
            "FAILED_PRECONDITION CONTROLLER_IN_USE");
  v1::ListLedgerEntriesResponse entries;
  v1::ListLedgerEntriesRequest asked;
  asked.add_acts(v1::LEDGER_ACT_CONTROLLER_CREATED);
  ASSERT_TRUE(server.Call("/retention.v1.LedgerService/ListLedgerEntries", asked, &entries).ok());
  ASSERT_EQ(entries.entries_size(), 1);
  EXPECT_EQ(entries.entries(0).controller(), created.controller().ledger_id());
}

class RestoredControllers : public BackedUp {};

// What was described otherwise when the backup was made opens no more: its number was destroyed. Of that it is told,
// and it is described again.
TEST_F(RestoredControllers, WhatWasDescribedAnewSinceTheBackupIsDescribedAgain) {
  ASSERT_TRUE(Start().ok());
  std::string same = kController;
  same.replace(same.find("'controller'"), 12, "'same'");
  std::string anew = kController;
  anew.replace(anew.find("Orgelbau"), 8, "Geigenbau");
  ASSERT_TRUE(Do<v1::CreateControllerRequest>(server_, "CreateController", kController).ok());
  ASSERT_TRUE(Do<v1::CreateControllerRequest>(server_, "CreateController", same).ok());
  const uint32_t backup = Create().number();
  ASSERT_TRUE(Do<v1::UpdateControllerRequest>(server_, "UpdateController", anew).ok());
  server_.Stop();
  std::filesystem::remove_all(data());
  Restore(place(), backup, data());
  const absl::Status started = Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(Do<v1::GetControllerRequest>(server_, "GetController", "controller_id: 'controller'").Summary(),
            "NOT_FOUND CONTROLLER_UNKNOWN");
  EXPECT_TRUE(Do<v1::GetControllerRequest>(server_, "GetController", "controller_id: 'same'").ok());
  EXPECT_TRUE(Do<v1::CreateControllerRequest>(server_, "CreateController", anew).ok());
}

// The file that is shipped is taken as it stands.
TEST(ControllerService, TakesTheSample) {
  RunningServer server;
  std::ifstream in(RETENTION_CONTROLLERS_FILE);
  std::stringstream text;
  text << in.rdbuf();
  const auto file = FromText<v1::ControllerFile>(text.str());
  EXPECT_EQ(file.controllers_size(), 5);
  for (const v1::Controller& controller : file.controllers()) {
    EXPECT_EQ(controller.representatives_size(), 0) << "the sample names no natural persons";
    v1::CreateControllerRequest request;
    *request.mutable_controller() = controller;
    const CallEnd end = server.Call("/retention.v1.ControllerService/CreateController", request);
    EXPECT_TRUE(end.ok()) << controller.controller_id() << " " << end;
  }
}

}  // namespace
}  // namespace retention
