// What a PBX comes to by itself, and what happens around that instant. Each was found by the simulation.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/orders/orders.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

constexpr uint32_t kVainDays = 30;

v1::PbxSynced Synced(absl::string_view licence) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  synced.mutable_profile()->set_licence_key(std::string(licence));
  synced.add_extensions()->set_number("100");
  return synced;
}

class PbxEndTest : public ::testing::Test {
 protected:
  PbxEndTest() : harness_(kMonday, DefaultPolicy()) { Sync("pbx"); }

  void Sync(const std::string& pbx_id) {
    const auto outcome = harness_.engine().SyncPbx(pbx_id, Synced("licence of " + pbx_id), harness_.now);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  void LicenceUntil(const std::string& pbx_id, absl::Time until) {
    const auto outcome = harness_.engine().ReportLicence("licence of " + pbx_id, until, true, true, harness_.now);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  void LookUp(const PbxId& pbx, bool resolved) {
    const Probe probes[] = {{.pbx = pbx, .resolved = resolved}};
    const absl::Status status = harness_.engine().CountProbes(probes, harness_.now, harness_.now);
    ASSERT_TRUE(status.ok()) << status;
  }
  bool Known() { return harness_.engine().registry().Find("pbx", harness_.now).has_value(); }

  Harness harness_;
};

TEST_F(PbxEndTest, NothingHeardOfItsNameBringsBackAPbxThatCameToItsEnd) {
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  for (uint32_t day = 0; day < kVainDays; ++day, harness_.now += absl::Hours(24)) LookUp(pbx, false);
  ASSERT_FALSE(Known());
  LookUp(pbx, false);
  EXPECT_FALSE(Known()) << "a further day in vain";
  harness_.now += absl::Hours(24);
  LookUp(pbx, true);
  EXPECT_FALSE(Known()) << "it resolves again";
  harness_.Sweep();
  EXPECT_FALSE(harness_.engine().registry().Held("pbx").has_value());
}

// Who sends again what a PBX brought before it ended brings nothing back, for as long as any of it could be taken in.
TEST_F(PbxEndTest, WhatIsOfBeforeItsEndIsNotTakenInByWhoHasItsIdNow) {
  const v1::Event join = Joined("m", "join", harness_.now, "p", "Ada");
  harness_.now += absl::Hours(1);
  EXPECT_EQ(harness_.Record(join).accepted(), 1u);
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  const auto refused = [&] {
    const v1::RecordResult result = harness_.Record(join);
    return result.rejections_size() == 1 && !result.rejections(0).retryable() &&
           result.rejections(0).reason() == v1::REJECTION_REASON_PBX_ENDED;
  };
  EXPECT_TRUE(refused());
  harness_.now += absl::Minutes(10);
  Sync("pbx");
  EXPECT_TRUE(refused());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_TRUE(refused());
  const v1::RecordResult later = harness_.Record(Joined("m", "later", harness_.now, "p", "Ada"));
  EXPECT_EQ(later.accepted(), 1u);
  // The second end counts from then on.
  harness_.now += absl::Minutes(10);
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  Sync("pbx");
  const v1::RecordResult again = harness_.Record(Joined("m", "later", harness_.now - absl::Minutes(10), "p", "Ada"));
  ASSERT_EQ(again.rejections_size(), 1);
  EXPECT_EQ(again.rejections(0).reason(), v1::REJECTION_REASON_PBX_ENDED);
}

TEST_F(PbxEndTest, WhatIsOfAfterTheEndThatItCameToByItselfIsOfWhoHasItsIdNow_HoweverLateTheEndBegins) {
  LicenceUntil("pbx", kMonday + absl::Hours(1));
  harness_.now = kMonday + absl::Hours(3);
  Sync("pbx");
  const auto reason_of = [&](const char* id, absl::Duration after) {
    const v1::RecordResult result = harness_.Record(Joined("m", id, kMonday + after, "p", "Ada"));
    return result.rejections().empty() ? v1::REJECTION_REASON_UNSPECIFIED : result.rejections(0).reason();
  };
  EXPECT_EQ(reason_of("before", absl::Minutes(30)), v1::REJECTION_REASON_PBX_ENDED);
  EXPECT_EQ(reason_of("after", absl::Hours(2)), v1::REJECTION_REASON_UNSPECIFIED);
}

TEST_F(PbxEndTest, ASynchronisationOfBeforeTheEndFoundsNobody_ThoughTheEndIsStillToBegin) {
  LicenceUntil("pbx", kMonday + absl::Hours(1));
  harness_.now = kMonday + absl::Hours(3);
  v1::Event event = NewEvent("", "old", kMonday + absl::Minutes(30));
  *event.mutable_pbx_synced() = Synced("another");
  const v1::RecordResult result = harness_.Record(event);
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_PBX_ENDED);
  EXPECT_FALSE(Known());
}

TEST_F(PbxEndTest, OfSeveralThatHadAnIdTheLastCounts_ThoughItIsToBeForgottenSooner) {
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  PlanAndApply(harness_, Days({{kHistory, 20}}));
  harness_.Sweep();
  Sync("pbx");
  harness_.now += absl::Hours(1);
  const v1::Event join = Joined("m", "join", harness_.now - absl::Minutes(30), "p", "Ada");
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  Sync("pbx");
  ASSERT_TRUE(harness_.Reopen().ok());
  const v1::RecordResult result = harness_.Record(join);
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_PBX_ENDED);
}

TEST_F(PbxEndTest, WhoEndedCountsUntilHistoryOfBeforeIsOver_SweptOrNot_OpenedAnewOrNot) {
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  Sync("pbx");
  const auto refused = [&](const char* id) {
    return !harness_
                .Record(Scheduled("m", id, kMonday - absl::Hours(1), kMonday + absl::Hours(24 * 70), absl::Hours(1)))
                .rejections()
                .empty();
  };
  harness_.now = At("2026-04-20T12:00:00+02:00");
  Sync("pbx");
  EXPECT_TRUE(refused("a"));
  harness_.now = At("2026-05-02T23:59:59+02:00");
  EXPECT_TRUE(refused("b"));
  harness_.now = At("2026-05-03T00:00:00+02:00");
  EXPECT_FALSE(refused("c")) << "no sweep has forgotten it";
  harness_.Sweep();
  EXPECT_FALSE(refused("d"));
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_FALSE(refused("e"));
}

TEST_F(PbxEndTest, WhoEndedIsForgottenWhenHistoryOfBeforeIsOver) {
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  const auto remembered = [&] { return harness_.store().ScanPrefix(Family::kState, PbxEndPrefix())->Valid(); };
  harness_.now = At("2026-05-02T12:00:00+02:00");
  harness_.Sweep();
  EXPECT_TRUE(remembered());
  harness_.now = At("2026-05-03T12:00:00+02:00");
  harness_.Sweep();
  EXPECT_FALSE(remembered());
  ASSERT_TRUE(harness_.Reopen().ok());
}

TEST_F(PbxEndTest, NobodyIsWarnedOfAnEndThatHasCome) {
  LicenceUntil("pbx", kMonday + absl::Hours(1));
  EXPECT_EQ(harness_.engine().registry().Warned(harness_.now).size(), 1u);
  harness_.now += absl::Hours(1);
  EXPECT_TRUE(harness_.engine().registry().Warned(harness_.now).empty()) << "swept or not";
}

TEST_F(PbxEndTest, ASynchronisationThatIsOldIsContactAllTheSame) {
  const auto contact = [&] {
    return harness_.engine().registry().StandingOf(*harness_.engine().registry().Held("pbx"))->life.contact_day();
  };
  const uint32_t first = contact();
  harness_.now += absl::Hours(24);
  v1::Event event = NewEvent("", "old", kMonday - absl::Hours(1));
  *event.mutable_pbx_synced() = Synced("licence of pbx");
  EXPECT_EQ(harness_.Record(event).duplicates(), 1u);
  EXPECT_EQ(contact(), first + 1);
}

// Files of a PBX whose key is gone stopped the review of everybody's meetings, so that rows which were to move to a
// later day ended with the earlier one.
TEST_F(PbxEndTest, FilesThatAreOverdueAtItsEndDoNotKeepOtherMeetingsFromTheirReview) {
  Sync("other");
  harness_.Record({Started("m", "s", harness_.now), File("m", "f", harness_.now, "store/file")});
  v1::Event theirs = Joined("m", "j", harness_.now, "p", "", "ada@example.org");
  theirs.set_pbx_id("other");
  harness_.Record(theirs);
  ASSERT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-09");
  LicenceUntil("pbx", kMonday + absl::Hours(47));
  // Nobody swept for two days: the file's end and the end of its PBX have come, and their meeting is to be reviewed.
  harness_.now = kMonday + absl::Hours(48);
  EXPECT_EQ(harness_.Sweep().meetings_files_ended, 0u) << "its files end with it";
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-03-10") << "presumed ended a day later";
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
  EXPECT_EQ(HeldOrders(harness_.engine()).size(), 1u);
}

TEST_F(PbxEndTest, ItsKeyGoesFirstThenItsObjectsAreOrderedInSteps) {
  const size_t kObjects = StepBounds().rows + 10;
  harness_.Record({Started("m", "s", kMonday), Joined("m", "j", kMonday, "p", "Ada", "ada@example.org")});
  for (size_t i = 0; i < kObjects;) {
    std::vector<v1::Event> events;
    for (; i < kObjects && events.size() < 1000; ++i) {
      events.push_back(Recording("m", absl::StrCat("r", i), kMonday, absl::StrCat("store/", i)));
    }
    harness_.Record(std::move(events));
  }
  TestEngine& engine = harness_.engine();
  const auto opens = [&](CategoryNumber category) {
    for (const auto& [day, counts] : engine.counts().Read()) {
      auto cursor = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, category));
      if (cursor->Valid()) return engine.vault().Open(*FiledKey::Decode(cursor->key()), cursor->value()).ok();
    }
    return false;
  };
  ASSERT_TRUE(opens(kParticipantEmail));
  const auto pbx = engine.BeginEnd("pbx", kReasonPbxDeregistered, kMonday);
  ASSERT_TRUE(pbx.ok()) << pbx.status();
  EXPECT_FALSE(harness_.ring().FindPbx(*pbx).has_value());
  EXPECT_FALSE(opens(kParticipantEmail));
  EXPECT_TRUE(opens(kRecording)) << "for its order";
  EXPECT_TRUE(HeldOrders(engine).empty());
  const PbxRegistry::EndingPbx ending = engine.registry().Ending().at(0);
  const auto step = engine.TakeOutOfEnding(ending, kMonday);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_TRUE(step->more);
  EXPECT_EQ(HeldOrders(engine).size(), step->values);
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.now += absl::Seconds(5);
  EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::Seconds(5));
  harness_.Sweep();
  EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::ZeroDuration());
  std::set<std::string> references;
  for (const v1::ErasureOrder& order : HeldOrders(harness_.engine())) references.insert(order.object_ref());
  EXPECT_EQ(references.size(), kObjects);
  EXPECT_EQ(HeldOrders(harness_.engine()).size(), kObjects);
  EXPECT_FALSE(harness_.ring().FindPbxOrders(*pbx).has_value());
  EXPECT_TRUE(harness_.engine().registry().Ending().empty());
}

// The orders of a PBX that is ending come from a day's end or from its own, whichever is first, and from one alone.
TEST_F(PbxEndTest, ADayThatEndsMeanwhileOrdersNothingTwice) {
  enum class First { kDay, kClosedDay, kPbxInClosedDay };
  size_t orders = 0;
  for (const First first : {First::kDay, First::kClosedDay, First::kPbxInClosedDay}) {
    const std::string id = absl::StrCat("pbx-", static_cast<int>(first));
    Sync(id);
    std::vector<v1::Event> events = {Started("m", "s", harness_.now), Recording("m", "r", harness_.now, "store/" + id),
                                     File("m", "f", harness_.now, "store/file/" + id)};
    for (v1::Event& event : events) event.set_pbx_id(id);
    ASSERT_EQ(harness_.Record(events).accepted(), events.size());
    const std::string day = harness_.DueDayOf(kRecording);
    harness_.now = At(day + "T23:30:00+01:00");
    ASSERT_TRUE(harness_.engine().BeginEnd(id, kReasonPbxDeregistered, harness_.now).ok());
    absl::CivilDay civil;
    ASSERT_TRUE(absl::ParseCivilTime(day, &civil));
    if (first != First::kDay) {
      ASSERT_TRUE(harness_.engine().CloseDay(DueDay(civil), harness_.now).ok());
    }
    EXPECT_EQ(HeldOrders(harness_.engine()).size(), orders) << id;
    if (first == First::kPbxInClosedDay) harness_.Sweep();
    harness_.now += absl::Minutes(30);
    ASSERT_TRUE(harness_.engine().EndDays(harness_.now).ok());
    orders += 2;
    EXPECT_EQ(HeldOrders(harness_.engine()).size(), orders) << id;
    harness_.Sweep();
    EXPECT_EQ(HeldOrders(harness_.engine()).size(), orders) << id;
    EXPECT_TRUE(harness_.engine().registry().Ending().empty());
    EXPECT_EQ(harness_.Values(kRecording), 0u);
  }
}

TEST_F(PbxEndTest, APollThatWasDeletedCannotBeDeletedAgain) {
  v1::Event poll = NewEvent("", "p", kMonday);
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->add_options("yes");
  poll.mutable_poll_created()->add_options("no");
  EXPECT_EQ(harness_.Record(poll).accepted(), 1u);
  EXPECT_TRUE(harness_.engine().DeletePoll("pbx", "lunch", "OPERATOR_UNLAWFUL", harness_.now).ok());
  EXPECT_EQ(DetailsOf(harness_.engine().DeletePoll("pbx", "lunch", "OPERATOR_UNLAWFUL", harness_.now)).reason,
            "POLL_UNKNOWN");
}

}  // namespace
}  // namespace retention
