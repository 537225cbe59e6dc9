// Previews: what they say is what the erasure then does, and they do nothing themselves.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "server/base/waiting_caller.h"
#include "server/engine/forecast.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"

namespace retention {
namespace {

const absl::Time kDue = At("2026-03-10T00:00:00+01:00");

// By category: values that went, and values that holds kept.
using Fates = std::map<int, std::pair<uint64_t, uint64_t>>;

class Previews : public ::testing::TestWithParam<bool> {
 protected:
  Previews() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now += absl::Minutes(30);
    v1::Event poll = NewEvent("m", "poll", kMonday);
    poll.mutable_poll_created()->set_poll_id("lunch");
    poll.mutable_poll_created()->set_question("Where?");
    poll.mutable_poll_created()->add_options("here");
    poll.mutable_poll_created()->add_options("there");
    poll.mutable_poll_created()->set_owner_extension("100");
    const v1::RecordResult result =
        harness_.Record({Scheduled("m", "1", kMonday, kMonday, absl::Hours(1)),
                         Joined("m", "2", kMonday, "p1", "Alice", "alice@example.org", "192.0.2.1"),
                         Joined("m", "3", kMonday, "p2", "Bob", "bob@example.org"), Recording("m", "4", kMonday, "rec"),
                         Pdf("m", "5", kMonday, "pdf"), Ended("m", "6", kMonday), poll,
                         Scheduled("n", "7", kMonday, kMonday, absl::Hours(1)), Recording("n", "8", kMonday, "rec-n")});
    EXPECT_EQ(result.rejections_size(), 0) << result.ShortDebugString();
    if (GetParam()) {
      EXPECT_TRUE(engine().CreateHold(MeetingHold("case-1", harness_.now, "m"), harness_.now).ok());
      EXPECT_TRUE(engine().CreateHold(EmailHold("case-2", harness_.now, "alice@example.org"), harness_.now).ok());
    }
  }

  TestEngine& engine() { return harness_.engine(); }

  // What is held in and outside of the held bucket, by category.
  std::map<int, std::pair<uint64_t, uint64_t>> Counts() {
    std::map<int, std::pair<uint64_t, uint64_t>> counts;
    for (const auto& [day, count] : engine().counts().Read()) {
      for (size_t category = 1; category < kCategories; ++category) {
        (day == DueDay::Kept() ? counts[category].second : counts[category].first) += count[category].values;
      }
    }
    return counts;
  }

  // Previews, erases, and compares.
  void Check(const v1::PreviewErasureRequest& request, const std::function<absl::Status()>& erase) {
    const auto before = Counts();
    const size_t orders_before = harness_.Orders();
    const uint64_t ledger_before = Entries();
    const auto preview = engine().PreviewErasure(request, harness_.now);
    ASSERT_TRUE(preview.ok()) << preview.status();
    EXPECT_EQ(Counts(), before) << "a preview does nothing";
    EXPECT_EQ(harness_.Orders(), orders_before);
    EXPECT_EQ(Entries(), ledger_before);
    const absl::Status erased = erase();
    ASSERT_TRUE(erased.ok()) << erased;
    Fates expected;
    const auto after = Counts();
    for (size_t category = 1; category < kCategories; ++category) {
      const auto at = [&](const auto& counts) {
        const auto it = counts.find(static_cast<int>(category));
        return it == counts.end() ? std::pair<uint64_t, uint64_t>() : it->second;
      };
      const uint64_t kept = at(after).second - at(before).second;
      const uint64_t gone = at(before).first - at(after).first - kept;
      if (kept + gone > 0) expected[static_cast<int>(category)] = {gone, kept};
    }
    Fates said;
    for (const v1::ErasurePreview& some : preview->categories()) {
      said[some.category()] = {some.values_erased(), some.values_held()};
    }
    EXPECT_EQ(said, expected);
    EXPECT_FALSE(said.empty());
    EXPECT_EQ(preview->orders(), harness_.Orders() - orders_before);
  }
  uint64_t Entries() {
    uint64_t entries = 0;
    for (auto cursor = engine().store().Scan(Family::kLedger, "", ""); cursor->Valid(); cursor->Next()) ++entries;
    return entries;
  }

  Harness harness_;
};

TEST_P(Previews, OfAPbx) {
  v1::PreviewErasureRequest request;
  request.set_pbx_id("pbx");
  Check(request, [&] { return harness_.EndPbx("pbx").status(); });
}

TEST_P(Previews, OfAController) {
  harness_.SyncPbx("other");
  v1::PreviewErasureRequest request;
  request.set_controller_id("controller");
  Check(request, [&] {
    const absl::Status first = harness_.EndPbx("pbx").status();
    return first.ok() ? harness_.EndPbx("other").status() : first;
  });
}

TEST_P(Previews, OfAnExtension) {
  v1::PreviewErasureRequest request;
  request.mutable_extension()->set_pbx_id("pbx");
  request.mutable_extension()->set_number("100");
  Check(request,
        [&] { return engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness_.now).status(); });
}

TEST_P(Previews, OfAMeeting) {
  v1::PreviewErasureRequest request;
  request.mutable_meeting()->set_pbx_id("pbx");
  request.mutable_meeting()->set_meeting_id("m");
  const auto preview = engine().PreviewErasure(request, harness_.now);
  ASSERT_TRUE(preview.ok());
  EXPECT_TRUE(harness_.Get("m").ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_TRUE(harness_.Get("m").ok()) << "nor after a restart";
  // The deletion itself is an event of the history, which a rehearsal does not count.
  uint64_t erased = 0;
  for (const v1::ErasurePreview& some : preview->categories()) erased += some.values_erased();
  const auto counts = engine().DeleteMeeting("pbx", "m", "OPERATOR_UNLAWFUL", harness_.now);
  ASSERT_TRUE(counts.ok());
  uint64_t really = 0;
  for (const uint64_t count : counts->values) really += count;
  EXPECT_EQ(erased, really);
  EXPECT_EQ(preview->orders(), harness_.Orders());
}

TEST_P(Previews, OfAnObjectAndOfAPoll) {
  v1::PreviewErasureRequest request;
  request.mutable_object()->set_pbx_id("pbx");
  request.mutable_object()->set_meeting_id("n");
  request.mutable_object()->set_category(v1::DATA_CATEGORY_RECORDING);
  const std::string recording = harness_.Get("n")->recordings(0).object_id();
  request.mutable_object()->set_object_id(recording);
  Check(request, [&] { return engine().DeleteObject("pbx", "n", kRecording, recording, "X", harness_.now); });
  request.mutable_poll()->set_pbx_id("pbx");
  request.mutable_poll()->set_poll_id("lunch");
  Check(request, [&] { return engine().DeletePoll("pbx", "lunch", "X", harness_.now); });
}

TEST_P(Previews, OfWhatFallsDue) {
  harness_.now = kDue - absl::Hours(3);
  harness_.Sweep();
  v1::PreviewErasureRequest request;
  SetDate(DueDay(absl::CivilDay(2026, 3, 9)), *request.mutable_due_through());
  Check(request, [&] {
    harness_.now = kDue;
    harness_.Sweep();
    return absl::OkStatus();
  });
}

TEST_P(Previews, OfWhatOnlyHoldsKeepThatAreOverByThen) {
  v1::Hold hold = PbxHold("brief", harness_.now);
  SetDate(DueDay(absl::CivilDay(2026, 3, 10)), *hold.mutable_review_date());
  SetDate(DueDay(absl::CivilDay(2026, 3, 15)), *hold.mutable_end_date());
  ASSERT_TRUE(engine().CreateHold(hold, harness_.now).ok());
  v1::PreviewErasureRequest request;
  const auto orders_through = [&](int day) {
    SetDate(DueDay(absl::CivilDay(2026, 3, day)), *request.mutable_due_through());
    const auto preview = engine().PreviewErasure(request, harness_.now);
    EXPECT_TRUE(preview.ok()) << preview.status();
    return preview.ok() ? preview->orders() : 0;
  };
  const uint64_t orders = GetParam() ? 1 : 2;  // that of m is kept
  EXPECT_EQ(orders_through(15), orders) << "before its day";
  harness_.now = kDue;
  harness_.Sweep();
  EXPECT_EQ(orders_through(14), 0u);
  EXPECT_EQ(orders_through(15), orders);
  const auto preview = engine().PreviewErasure(request, harness_.now);
  ASSERT_TRUE(preview.ok()) << preview.status();
  const auto before = Counts();
  harness_.now = At("2026-03-16T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_EQ(harness_.Orders(), orders);
  std::map<int, uint64_t> erased;
  for (const auto& [category, counts] : Counts()) {
    const auto& [filed, kept] = before.at(category);
    const uint64_t gone = filed + kept - counts.first - counts.second;
    if (gone > 0) erased[category] = gone;
  }
  std::map<int, uint64_t> said;
  for (const v1::ErasurePreview& some : preview->categories()) {
    if (some.values_erased() > 0) said[some.category()] = some.values_erased();
  }
  EXPECT_EQ(said, erased);
  EXPECT_FALSE(said.empty());
}

TEST_P(Previews, NameNoHoldThatIsOverByThen) {
  v1::Hold brief = PbxHold("brief", harness_.now);
  SetDate(DueDay(absl::CivilDay(2026, 3, 4)), *brief.mutable_review_date());
  SetDate(DueDay(absl::CivilDay(2026, 3, 5)), *brief.mutable_end_date());
  ASSERT_TRUE(engine().CreateHold(brief, harness_.now).ok());
  ASSERT_TRUE(engine().CreateHold(PbxHold("long", harness_.now), harness_.now).ok());
  v1::PreviewErasureRequest request;
  SetDate(DueDay(absl::CivilDay(2026, 3, 9)), *request.mutable_due_through());
  const auto preview = engine().PreviewErasure(request, harness_.now);
  ASSERT_TRUE(preview.ok()) << preview.status();
  std::set<std::string> named;
  for (const v1::KeepingHold& hold : preview->holds()) named.insert(hold.hold_id());
  EXPECT_TRUE(named.contains("long"));
  EXPECT_FALSE(named.contains("brief"));
}

TEST_P(Previews, RefuseAsTheErasureDoes) {
  const auto reason = [&](const v1::PreviewErasureRequest& request) {
    const ErrorDetails details = DetailsOf(engine().PreviewErasure(request, harness_.now).status());
    return details.field().empty() ? details.reason : details.field();
  };
  v1::PreviewErasureRequest request;
  EXPECT_EQ(reason(request), "scope");
  request.set_pbx_id("nothing");
  EXPECT_EQ(reason(request), "PBX_UNKNOWN");
  request.set_controller_id("nobody");
  EXPECT_EQ(reason(request), "CONTROLLER_UNKNOWN");
  request.mutable_extension()->set_pbx_id("pbx");
  EXPECT_EQ(reason(request), "extension.number");
  request.mutable_extension()->set_number("999");
  EXPECT_EQ(reason(request), "EXTENSION_UNKNOWN");
  request.mutable_object()->set_pbx_id("pbx");
  EXPECT_EQ(reason(request), "object.meeting_id");
  request.mutable_poll()->set_pbx_id("pbx");
  request.mutable_poll()->set_poll_id("nothing");
  EXPECT_EQ(reason(request), "POLL_UNKNOWN");
  SetDate(DueDay(absl::CivilDay(2026, 3, 1)), *request.mutable_due_through());
  EXPECT_EQ(reason(request), "due_through");
}

TEST_P(Previews, AForecastSaysWhatHoldsWouldKeepAndWhatTheyKeep) {
  v1::ListDueDaysRequest request;
  request.set_with_holds(true);
  EXPECT_EQ(DetailsOf(Forecast(engine(), request, harness_.now).status()).field(), "with_holds");
  request.set_pbx_id("pbx");
  for (const bool asked : {false, true}) {
    request.set_with_holds(asked);
    const auto forecast = Forecast(engine(), request, harness_.now);
    ASSERT_TRUE(forecast.ok()) << forecast.status();
    for (const v1::DueBucket& bucket : forecast->buckets()) EXPECT_EQ(bucket.has_values_held(), asked);
  }
  const auto values = [&](bool kept) {
    std::map<int, uint64_t> held;
    const auto forecast = Forecast(engine(), request, harness_.now);
    EXPECT_TRUE(forecast.ok()) << forecast.status();
    for (const v1::DueBucket& bucket : forecast->buckets()) {
      if (bucket.kept() == kept && bucket.values_held() > 0) held[bucket.category()] += bucket.values_held();
    }
    return held;
  };
  const auto would = values(false);
  EXPECT_EQ(would.empty(), !GetParam());
  harness_.now = kDue;
  harness_.Sweep();
  const auto kept = values(true);
  if (!GetParam()) return;
  for (const CategoryNumber category : {kParticipantName, kParticipantEmail, kParticipantIp, kRecording}) {
    EXPECT_EQ(kept.at(category), would.at(category)) << static_cast<int>(category);
  }
}

TEST_P(Previews, AndForecastsEndWithTheCallThatAskedForThem) {
  v1::PreviewErasureRequest days;
  SetDate(DueDay(absl::CivilDay(2026, 3, 20)), *days.mutable_due_through());
  v1::ListDueDaysRequest forecast;
  forecast.set_pbx_id("pbx");
  v1::PlanPolicyRequest plan;
  *plan.mutable_policy() = engine().policy().proto();
  plan.mutable_policy()->set_version(plan.policy().version() + 1);
  for (v1::DeletionRule& rule : *plan.mutable_policy()->mutable_rules()) {
    if (rule.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) rule.mutable_period()->set_days(9);
  }
  bool left = false;
  const auto has_left = [&left] { return left; };
  const WaitingCaller waiting(has_left);
  EXPECT_TRUE(engine().PreviewErasure(days, harness_.now).ok());
  EXPECT_TRUE(Forecast(engine(), forecast, harness_.now).ok());
  EXPECT_TRUE(PlanPolicy(engine(), plan, harness_.now).ok());
  left = true;
  EXPECT_TRUE(absl::IsCancelled(engine().PreviewErasure(days, harness_.now).status()));
  EXPECT_TRUE(absl::IsCancelled(Forecast(engine(), forecast, harness_.now).status()));
  EXPECT_TRUE(absl::IsCancelled(PlanPolicy(engine(), plan, harness_.now).status()));
}

INSTANTIATE_TEST_SUITE_P(Holds, Previews, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "WithHolds" : "Without"; });

}  // namespace
}  // namespace retention
