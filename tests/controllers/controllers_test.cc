#include "server/controllers/controllers.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/controllers/controller_intake.h"
#include "server/rows/row_keys.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

v1::Controller NewController(const std::string& id = "controller") {
  v1::Controller controller;
  controller.set_controller_id(id);
  controller.mutable_contact()->set_name("Orgelbau GmbH");
  controller.add_representatives("Ottilie Rabensteiner");
  controller.mutable_data_protection_officer()->set_name("Datenschutz");
  controller.mutable_data_protection_officer()->set_email("dpo@example.org");
  controller.mutable_supervisory_authority()->set_name("Landesbeauftragte");
  v1::LegalBasis& basis = *controller.add_legal_bases();
  basis.set_relation(v1::RELATION_CONTRACT);
  basis.set_provision(v1::LEGAL_PROVISION_CONTRACT);
  return controller;
}

class ControllersTest : public ::testing::Test {
 protected:
  Controllers& controllers() { return harness_.engine().engine().domains().controllers; }
  absl::StatusOr<v1::Controller> Create(const v1::Controller& controller) {
    return harness_.engine().engine().writer().Do(
        harness_.now, [&](Change& change) { return controllers().Create(controller, change); });
  }
  absl::StatusOr<v1::Controller> Update(const v1::Controller& controller) {
    return harness_.engine().engine().writer().Do(
        harness_.now, [&](Change& change) { return controllers().Update(controller, change); });
  }
  absl::Status Delete(const std::string& id) {
    return harness_.engine().engine().writer().Do(harness_.now,
                                                  [&](Change& change) { return controllers().Delete(id, change); });
  }
  absl::StatusOr<v1::Controller> Get(const std::string& id = "controller") {
    v1::GetControllerRequest request;
    request.set_controller_id(id);
    auto response = controllers().Get(request, harness_.now);
    if (!response.ok()) return response.status();
    return response->controller();
  }
  v1::ListControllersResponse List(int page_size = 0, const std::string& token = "") {
    v1::ListControllersRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    auto response = controllers().List(request, harness_.now);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(v1::ListControllersResponse());
  }
  // A bit of a row.
  void Damage(Family family, const std::string& key) {
    const auto row = harness_.store().Get(family, key);
    ASSERT_TRUE(row.ok() && row->has_value());
    std::string broken = **row;
    broken.back() = static_cast<char>(broken.back() ^ 1);
    Batch batch;
    batch.Put(family, key, broken);
    ASSERT_TRUE(harness_.store().Commit(batch).ok());
  }
  uint64_t Entries(LedgerEntry::Kind kind) {
    uint64_t entries = 0;
    const absl::Status verified = VerifyExactLedger(harness_.engine().store(), [&](const LedgerEntry& entry) {
      if (entry.kind() != kind) return;
      ++entries;
      EXPECT_NE(entry.controller(), 0u);
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return entries;
  }

  Harness harness_{kMonday};
};

std::string FieldOf(const absl::Status& status) { return DetailsOf(status).field(); }
std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

TEST_F(ControllersTest, IsDescribedOnceAndOutlivesARestart) {
  const auto created = Create(NewController());
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->ledger_id().size(), 16u);
  const auto again = Create(NewController());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), created->SerializeAsString());
  EXPECT_EQ(Entries(LedgerEntry::KIND_CONTROLLER_CREATED), 1u) << "the second call changed nothing";
  v1::Controller other = NewController();
  other.mutable_contact()->set_name("Geigenbau GmbH");
  EXPECT_EQ(ReasonOf(Create(other).status()), "CONTROLLER_EXISTS");
  ASSERT_TRUE(harness_.Reopen().ok());
  const auto held = Get();
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(held->SerializeAsString(), created->SerializeAsString());
}

TEST_F(ControllersTest, UpdateReplacesAllOfItAndRepeatedChangesNothing) {
  ASSERT_TRUE(Create(NewController()).ok());
  harness_.now += absl::Hours(1);
  v1::Controller other = NewController();
  other.clear_representatives();
  const auto updated = Update(other);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->representatives_size(), 0);
  EXPECT_EQ(updated->ledger_id(), Get()->ledger_id());
  EXPECT_GT(updated->update_time().seconds(), updated->create_time().seconds());
  harness_.now += absl::Hours(1);
  ASSERT_TRUE(Update(other).ok());
  EXPECT_EQ(Get()->update_time().seconds(), updated->update_time().seconds());
  EXPECT_EQ(Entries(LedgerEntry::KIND_CONTROLLER_UPDATED), 1u);
  EXPECT_EQ(ReasonOf(Update(NewController("nobody")).status()), "CONTROLLER_UNKNOWN");
}

TEST_F(ControllersTest, TryingChangesNothing) {
  ASSERT_TRUE(controllers().TryCreate(NewController(), harness_.now).ok());
  EXPECT_EQ(ReasonOf(Get().status()), "CONTROLLER_UNKNOWN");
  ASSERT_TRUE(Create(NewController()).ok());
  v1::Controller other = NewController();
  other.mutable_contact()->set_name("Geigenbau GmbH");
  ASSERT_TRUE(controllers().TryUpdate(other, harness_.now).ok());
  ASSERT_TRUE(controllers().TryDelete("controller", harness_.now).ok());
  EXPECT_EQ(Get()->contact().name(), "Orgelbau GmbH");
}

// Nothing that a portal sends waits for anybody's texts; whoever is not described is seen.
TEST_F(ControllersTest, APbxIsTakenInWhoseControllerNobodyHasDescribed) {
  harness_.SyncPbx();
  const v1::ListControllersResponse before = List();
  ASSERT_EQ(before.undescribed_size(), 1);
  const std::string id = before.undescribed(0).controller_id();
  EXPECT_EQ(before.undescribed(0).pbx_count(), 1u);
  EXPECT_EQ(controllers().CountUndescribedPbxs(harness_.now), 1u);
  EXPECT_EQ(ReasonOf(Delete(id)), "CONTROLLER_UNKNOWN");
  ASSERT_TRUE(Create(NewController(id)).ok());
  EXPECT_EQ(List().undescribed_size(), 0);
  EXPECT_EQ(Get(id)->pbx_count(), 1u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(Get(id)->pbx_count(), 1u) << "after a restart";
  EXPECT_EQ(controllers().CountUndescribedPbxs(harness_.now), 0u);
}

TEST_F(ControllersTest, OneThatAPbxNamesIsNotTakenAway) {
  harness_.SyncPbx();
  const std::string id = List().undescribed(0).controller_id();
  ASSERT_TRUE(Create(NewController(id)).ok());
  EXPECT_EQ(ReasonOf(Delete(id)), "CONTROLLER_IN_USE");
  EXPECT_TRUE(Get(id).ok());
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_TRUE(Delete(id).ok());
  EXPECT_EQ(ReasonOf(Delete(id)), "CONTROLLER_UNKNOWN");
  EXPECT_EQ(Entries(LedgerEntry::KIND_CONTROLLER_DELETED), 1u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(ReasonOf(Get(id).status()), "CONTROLLER_UNKNOWN");
}

// Who represents a company is personal data: it is sealed, and what is taken away no older copy opens.
TEST_F(ControllersTest, IsSealedAndWhatIsTakenAwayIsGoneInEveryCopy) {
  ASSERT_TRUE(Create(NewController()).ok());
  const Vault& vault = harness_.engine().holdings().vault;
  const std::string key = ControllerKey(ControllerOwner(vault, "controller"));
  const auto copy = harness_.store().Get(Family::kState, key);
  ASSERT_TRUE(copy.ok() && copy->has_value());
  EXPECT_EQ((*copy)->find("Ottilie"), std::string::npos);
  ASSERT_TRUE(Delete("controller").ok());
  harness_.Sweep();
  EXPECT_FALSE(harness_.store().Get(Family::kState, key)->has_value());
  const auto gone = harness_.engine().vault().IsStateGone(**copy);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_TRUE(*gone);
}

TEST_F(ControllersTest, ThereAreNoMoreThanThereMayBe) {
  for (size_t i = 0; i < Controllers::kMaxControllers; ++i) {
    ASSERT_TRUE(Create(NewController(absl::StrCat("c", i))).ok()) << i;
  }
  const absl::Status more = Create(NewController("more")).status();
  EXPECT_TRUE(absl::IsResourceExhausted(more));
  EXPECT_EQ(ReasonOf(more), "TOO_MANY_CONTROLLERS");
  EXPECT_EQ(ReasonOf(controllers().TryCreate(NewController("more"), harness_.now).status()), "TOO_MANY_CONTROLLERS");
  EXPECT_TRUE(Create(NewController("c0")).ok()) << "it is there";
  ASSERT_TRUE(Delete("c0").ok());
  EXPECT_TRUE(Create(NewController("more")).ok());
}

TEST_F(ControllersTest, WhatIsWrongIsToldBeforeThatItIsTaken) {
  ASSERT_TRUE(Create(NewController()).ok());
  v1::Controller other = NewController();
  other.mutable_contact()->clear_name();
  EXPECT_EQ(FieldOf(Create(other).status()), "controller.contact.name");
}

// The writer waits for no record of a PBX.
TEST_F(ControllersTest, WhoNamesOneIsKnownWithoutTheRecords) {
  harness_.SyncPbx();
  const std::string id = List().undescribed(0).controller_id();
  ASSERT_TRUE(Create(NewController(id)).ok());
  for (const char* other : {"other", "another"}) ASSERT_TRUE(Create(NewController(other)).ok());
  const auto pbx = harness_.engine().registry().Find("pbx", harness_.now);
  ASSERT_TRUE(pbx.has_value());
  Damage(Family::kFiled, PbxRecordKey(*pbx).Encode());
  EXPECT_EQ(ReasonOf(Delete(id)), "CONTROLLER_IN_USE");
  EXPECT_TRUE(Delete("other").ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_TRUE(absl::IsDataLoss(Delete("another"))) << "nobody can tell whether that PBX names it";
}

TEST_F(ControllersTest, DescriptionsThatAreDamagedAreCounted) {
  for (const char* id : {"a", "b"}) ASSERT_TRUE(Create(NewController(id)).ok());
  Damage(Family::kState, ControllerKey(ControllerOwner(harness_.engine().vault(), "a")));
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(controllers().damaged(), 1u);
  EXPECT_EQ(ReasonOf(Get("a").status()), "CONTROLLER_UNKNOWN");
  EXPECT_TRUE(Get("b").ok());
  ASSERT_TRUE(Create(NewController("a")).ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(controllers().damaged(), 0u);
}

TEST_F(ControllersTest, ListsByPage) {
  for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(Create(NewController(id)).ok());
  const v1::ListControllersResponse first = List(2);
  ASSERT_EQ(first.controllers_size(), 2);
  EXPECT_EQ(first.controllers(0).controller_id(), "a");
  const v1::ListControllersResponse second = List(2, first.next_page_token());
  ASSERT_EQ(second.controllers_size(), 1);
  EXPECT_EQ(second.controllers(0).controller_id(), "c");
  EXPECT_TRUE(second.next_page_token().empty());
}

struct Mistake {
  const char* field;
  std::function<void(v1::Controller&)> make;
};

TEST(ControllerIntake, NamesTheFieldThatIsWrong) {
  const std::string long_line(kMaxControllerLineBytes + 1, 'x');
  const std::vector<Mistake> mistakes = {
      {"controller.controller_id", [](auto& c) { c.clear_controller_id(); }},
      {"controller.contact.name", [](auto& c) { c.clear_contact(); }},
      {"controller.contact.name", [&](auto& c) { c.mutable_contact()->set_name(long_line); }},
      {"controller.contact.name", [](auto& c) { c.mutable_contact()->set_name("a\n# b"); }},
      {"controller.contact.address_lines[0]", [](auto& c) { c.mutable_contact()->add_address_lines(""); }},
      {"controller.contact.country", [](auto& c) { c.mutable_contact()->set_country("de"); }},
      {"controller.contact.email", [](auto& c) { c.mutable_contact()->set_email("nobody"); }},
      {"controller.contact.url", [](auto& c) { c.mutable_contact()->set_url("javascript:alert(1)"); }},
      {"controller.representatives[1]", [](auto& c) { c.add_representatives(""); }},
      {"controller.data_protection_officer.name", [](auto& c) { c.clear_data_protection_officer(); }},
      {"controller.supervisory_authority.name", [](auto& c) { c.clear_supervisory_authority(); }},
      {"controller.legal_bases", [](auto& c) { c.clear_legal_bases(); }},
      {"controller.legal_bases[1].relation", [](auto& c) { *c.add_legal_bases() = c.legal_bases(0); }},
      {"controller.legal_bases[0].provision", [](auto& c) { c.mutable_legal_bases(0)->clear_provision(); }},
      {"controller.legal_bases[0].interest",
       [](auto& c) { c.mutable_legal_bases(0)->set_provision(v1::LEGAL_PROVISION_LEGITIMATE_INTERESTS); }},
      {"controller.legal_bases[0].interest",
       [](auto& c) { c.mutable_legal_bases(0)->mutable_interest()->set_de("x"); }},
      {"controller.recipients[0].party.name", [](auto& c) { c.add_recipients(); }},
      {"controller.locations[0].provider", [](auto& c) { c.add_locations(); }},
      {"controller.transfers[0].safeguards", [](auto& c) { c.add_transfers()->set_recipient("x"); }},
      {"controller.locations_note", [](auto& c) { c.mutable_locations_note(); }},
      {"controller",
       [](auto& c) {
         for (int i = 0; i < kMaxControllerParts; ++i) {
           v1::Location& location = *c.add_locations();
           location.set_provider("x");
           location.mutable_purpose()->set_de(std::string(kMaxControllerTextBytes, 'x'));
         }
       }},
  };
  EXPECT_TRUE(CheckController(NewController()).ok());
  for (const Mistake& mistake : mistakes) {
    v1::Controller controller = NewController();
    mistake.make(controller);
    EXPECT_EQ(FieldOf(CheckController(controller)), mistake.field);
  }
}

TEST(ControllerIntake, NamesAllThatIsWrongAtOnce) {
  v1::Controller controller = NewController();
  controller.mutable_contact()->clear_name();
  controller.mutable_contact()->set_country("Germany");
  controller.add_recipients();
  std::vector<std::string> fields;
  for (const auto& violation : DetailsOf(CheckController(controller)).violations) fields.push_back(violation.field);
  EXPECT_EQ(fields, (std::vector<std::string>{"controller.contact.name", "controller.contact.country",
                                              "controller.recipients[0].party.name", "controller.recipients[0].role",
                                              "controller.recipients[0].purpose"}));
}

// As it lies on disk (storage/FORMAT.md). Do not change the bytes.
TEST(StoredController, HasGoldenBytes) {
  stored::v1::StoredController stored;
  stored.mutable_controller()->set_controller_id("c");
  stored.mutable_controller()->mutable_contact()->set_name("N");
  stored.set_number(0x0102030405060708);
  stored.set_created_us(1);
  stored.set_updated_us(2);
  EXPECT_EQ(absl::BytesToHexString(stored.SerializeAsString()),
            "0a080a016312030a014e1108070605040302011801"
            "2002");
  EXPECT_EQ(absl::BytesToHexString(ControllerKey(OwnerId{})), "63" + std::string(32, '0'));
}

}  // namespace
}  // namespace retention
