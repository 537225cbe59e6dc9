#include <gtest/gtest.h>

#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/rpc/admission.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/clock_guard.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

const absl::Time kDue = At("2026-03-10T00:00:00+01:00");
const std::string kHoldService = "/retention.v1.HoldService/";

class HoldServiceTest : public ::testing::Test {
 protected:
  HoldServiceTest() {
    server_.SyncPbx();
    server_.Batch({Scheduled("m", "1", kMonday, kMonday, absl::Hours(1)),
                   Joined("m", "2", kMonday, "p", "Alice", "alice@example.org", "192.0.2.1"),
                   Ended("m", "3", kMonday)});
  }

  CallEnd Create(const v1::Hold& hold, v1::CreateHoldResponse* response = nullptr) {
    v1::CreateHoldRequest request;
    *request.mutable_hold() = hold;
    return server_.Call(kHoldService + "CreateHold", request, response);
  }
  CallEnd Release(const std::string& id, v1::ReleaseHoldResponse* response = nullptr) {
    v1::ReleaseHoldRequest request;
    request.set_hold_id(id);
    return server_.Call(kHoldService + "ReleaseHold", request, response);
  }
  v1::GetHoldResponse Get(const std::string& id) {
    v1::GetHoldRequest request;
    request.set_hold_id(id);
    v1::GetHoldResponse response;
    EXPECT_TRUE(server_.Call(kHoldService + "GetHold", request, &response).ok());
    return response;
  }
  v1::ListHoldsResponse List(bool review_due, int page_size = 0, const std::string& token = "") {
    v1::ListHoldsRequest request;
    request.set_review_due(review_due);
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListHoldsResponse response;
    EXPECT_TRUE(server_.Call(kHoldService + "ListHolds", request, &response).ok());
    return response;
  }

  RunningServer server_;
};

TEST_F(HoldServiceTest, KeepsShowsAndLetsGo) {
  v1::CreateHoldResponse created;
  ASSERT_TRUE(Create(EmailHold("case-1", kMonday, "alice@example.org"), &created).ok());
  EXPECT_EQ(created.hold().ledger_id().size(), 16u);
  EXPECT_EQ(created.hold().pbx_count(), 1u);
  EXPECT_EQ(Get("case-1").kept_size(), 0);
  server_.AdvanceTo(kDue);
  ASSERT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
  const v1::GetHoldResponse held = Get("case-1");
  ASSERT_EQ(held.kept_size(), 3) << held.ShortDebugString();
  for (const v1::HeldCount& count : held.kept()) EXPECT_EQ(count.values(), 1u);
  v1::ReleaseHoldResponse released;
  ASSERT_TRUE(Release("case-1", &released).ok());
  EXPECT_EQ(released.values_erased(), 3u);
  EXPECT_EQ(Release("case-1").Summary(), "NOT_FOUND HOLD_UNKNOWN");
  EXPECT_EQ(List(false).holds_size(), 0);
}

TEST_F(HoldServiceTest, HandsOverWhatItKeepsAndIsNamedByADeletion) {
  ASSERT_TRUE(Create(EmailHold("case-1", kMonday, "alice@example.org")).ok());
  v1::DeleteMeetingRequest deletion;
  deletion.set_pbx_id("pbx");
  deletion.set_meeting_id("m");
  deletion.set_reason(v1::DELETION_REASON_SUBJECT_REQUEST);
  v1::DeleteMeetingResponse deleted;
  ASSERT_TRUE(server_.Call("/retention.v1.DeletionService/DeleteMeeting", deletion, &deleted).ok());
  ASSERT_EQ(deleted.holds_size(), 1) << deleted.ShortDebugString();
  EXPECT_EQ(deleted.holds(0).hold_id(), "case-1");
  v1::ExportHoldRequest request;
  request.set_hold_id("case-1");
  v1::ExportHoldResponse exported;
  ASSERT_TRUE(server_.Call(kHoldService + "ExportHold", request, &exported).ok());
  EXPECT_EQ(exported.values_size(), 3);
  EXPECT_TRUE(exported.next_page_token().empty());
  request.set_hold_id("nobody");
  EXPECT_EQ(server_.Call(kHoldService + "ExportHold", request).Summary(), "NOT_FOUND HOLD_UNKNOWN");
  ASSERT_TRUE(Release("case-1").ok());
  v1::ListReleasedHoldsResponse released;
  ASSERT_TRUE(server_.Call(kHoldService + "ListReleasedHolds", v1::ListReleasedHoldsRequest(), &released).ok());
  EXPECT_EQ(released.holds_size(), 1);
}

// Another role that comes to a call sees no more than it must.
TEST(OpenerOfAnAdmission, IsTheEnginesForTheRightsDeskAlone) {
  EXPECT_EQ(OpenerOf({}), Opener::kEngine) << "no roles are in force";
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    const auto role = static_cast<Role>(i);
    EXPECT_EQ(OpenerOf({.role = role}), role == Role::kRightsDesk ? Opener::kEngine : Opener::kReader) << kRoleNames[i];
  }
}

TEST_F(HoldServiceTest, IsListedByPageAndWhenItsReviewIsDue) {
  v1::Hold soon = PbxHold("case-1", kMonday);
  SetDate(DueDay(absl::CivilDay(2026, 3, 12)), *soon.mutable_review_date());
  ASSERT_TRUE(Create(soon).ok());
  ASSERT_TRUE(Create(PbxHold("case-2", kMonday)).ok());
  const v1::ListHoldsResponse first = List(false, 1);
  ASSERT_EQ(first.holds_size(), 1);
  EXPECT_EQ(first.holds(0).hold_id(), "case-1");
  EXPECT_EQ(List(false, 1, first.next_page_token()).holds(0).hold_id(), "case-2");
  server_.AdvanceTo(At("2026-03-11T23:59:59+01:00"));
  EXPECT_EQ(List(true).holds_size(), 0);
  server_.AdvanceTo(At("2026-03-12T00:00:00+01:00"));
  ASSERT_EQ(List(true).holds_size(), 1);
  EXPECT_EQ(List(true).holds(0).hold_id(), "case-1");
}

TEST_F(HoldServiceTest, RefusesNamingTheField) {
  EXPECT_EQ(Create({}).field, "hold.hold_id");
  v1::Hold hold = PbxHold("case-1", kMonday);
  hold.clear_owner();
  EXPECT_EQ(Create(hold).field, "hold.owner");
  EXPECT_EQ(Create(PbxHold("case-1", kMonday, "nothing")).Summary(), "NOT_FOUND PBX_UNKNOWN");
  ASSERT_TRUE(Create(PbxHold("case-1", kMonday)).ok());
  EXPECT_EQ(Create(MeetingHold("case-1", kMonday, "m")).Summary(), "ALREADY_EXISTS HOLD_EXISTS");
  EXPECT_EQ(Release("Case 1").field, "hold_id");
  v1::UpdateHoldRequest update;
  update.set_hold_id("case-1");
  SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *update.mutable_end_date());
  EXPECT_EQ(server_.Call(kHoldService + "UpdateHold", update).field, "hold.end_date");
  EXPECT_EQ(List(false).holds_size(), 1);
}

// No sweep comes by itself: the time passes at once, as for a machine that slept.
class HoldPlacedBeforeTheSweep : public ClockGuard {};

TEST_F(HoldPlacedBeforeTheSweep, BringsNothingBackThatHadEnded) {
  ASSERT_TRUE(Restart().ok());
  time_.Pass(kMondaysDue + kOneDay - kMonday);
  v1::CreateHoldRequest create;
  *create.mutable_hold() = PbxHold("late", Now());
  const CallEnd end = server_.Call(kHoldService + "CreateHold", create);
  ASSERT_TRUE(end.ok()) << end;
  Sweep();
  v1::GetHoldRequest get;
  get.set_hold_id("late");
  v1::GetHoldResponse held;
  ASSERT_TRUE(server_.Call(kHoldService + "GetHold", get, &held).ok());
  EXPECT_EQ(held.kept_size(), 0) << held.ShortDebugString();
  EXPECT_FALSE(HasKey());
}

}  // namespace
}  // namespace retention
