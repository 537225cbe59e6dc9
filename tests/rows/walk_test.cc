// Walks over rows that go on step by step: whatever fails between two steps, or is only rehearsed, they come to an end,
// and leave nothing out.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rows/row_keys.h"
#include "tests/holds/hold_fixture.h"
#include "tests/logs/log_fixture.h"
#include "tests/policies/policy_fixture.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

const int kMeetings = 2 * static_cast<int>(StepBounds().rows) + 10;
// More than any of these walks needs.
constexpr int kManySteps = 50;

// A store of which every other commit fails.
class FlakyStore final : public MapStore {
 public:
  explicit FlakyStore(Rows rows) : MapStore(std::move(rows)) {}
  absl::Status Commit(const Batch& batch) override {
    fails_ = !fails_;
    return fails_ ? absl::UnavailableError("the disk hiccups") : MapStore::Commit(batch);
  }

 private:
  bool fails_ = false;
};

MapStore::Rows RowsOf(const StoreView& view) {
  MapStore::Rows rows;
  for (size_t family = 0; family < kFamilies; ++family) {
    for (auto cursor = view.Scan(static_cast<Family>(family), "", ""); cursor->Valid(); cursor->Next()) {
      rows[family].emplace(cursor->key(), cursor->value());
    }
  }
  return rows;
}

class Walks : public HoldFixture {
 protected:
  Walks() {
    for (int first = 0; first < kMeetings; first += 400) {
      std::vector<v1::Event> events;
      for (int i = first; i < std::min(first + 400, kMeetings); ++i) {
        const std::string meeting = absl::StrCat("many-", i);
        events.push_back(Joined(meeting, "j", harness_.now, "p", absl::StrCat("Person ", i)));
      }
      harness_.Record(events);
    }
  }

  // A meeting that nobody can read: what is done to it fails, and everything is read back from the store.
  void Damage(const std::string& meeting, Family family) {
    const PbxId pbx = *engine().registry().Held("pbx");
    const RoomId room = engine().RoomNamed(pbx, meeting);
    Batch damage;
    for (auto cursor = harness_.store().ScanPrefix(family, ""); cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      const bool history = key.has_value() && key->category == kHistory && RoomOf(key->owner) == room;
      const bool locator = cursor->key().substr(0, LocatorPrefix(pbx, room).size()) == LocatorPrefix(pbx, room);
      if (family == Family::kFiled ? !history : !locator) continue;
      std::string row(cursor->value());
      row.back() = static_cast<char>(row.back() ^ 1);
      damage.Put(family, std::string(cursor->key()), family == Family::kFiled ? row : "\xff");
    }
    ASSERT_TRUE(harness_.store().Commit(damage).ok());
    ASSERT_TRUE(harness_.Reopen().ok());
  }
  void FailSomething() {
    const auto erased = engine().ErasePerson("pbx", "damaged", {.participant_id = "p"}, harness_.now);
    EXPECT_EQ(erased.status().code(), absl::StatusCode::kDataLoss) << erased.status();
  }
  void PreviewSomething() {
    v1::PreviewErasureRequest request;
    request.set_pbx_id("pbx");
    EXPECT_TRUE(engine().PreviewErasure(request, harness_.now).ok());
    SetDate(DueDay(absl::CivilDay(2026, 5, 1)), *request.mutable_due_through());
    EXPECT_TRUE(engine().PreviewErasure(request, harness_.now).ok());
  }
  // Takes steps until there is no more to do, with `between` before each.
  static void Finish(const std::function<absl::StatusOr<bool>()>& step, const std::function<void()>& between) {
    for (int steps = 1;; ++steps) {
      ASSERT_LE(steps, kManySteps) << "it begins anew again and again";
      between();
      const auto more = step();
      ASSERT_TRUE(more.ok()) << more.status();
      if (*more) continue;
      EXPECT_GE(steps, 3);
      return;
    }
  }
  // The same where the steps themselves fail.
  static void FinishFailing(const std::function<absl::StatusOr<bool>()>& step) {
    int failures = 0;
    const auto failing = [&]() -> absl::StatusOr<bool> {
      auto more = step();
      if (!absl::IsUnavailable(more.status())) return more;
      ++failures;
      return true;
    };
    Finish(failing, [] {});
    EXPECT_GE(failures, 2);
  }
  size_t NamesOn(TestEngine& engine, int year, int month, int day) {
    return engine.counts().Of(DueDay(absl::CivilDay(year, month, day)))[kParticipantName].values;
  }
};

TEST_F(Walks, ARefileGoesOnThoughCommandsFailInBetween) {
  harness_.Record(Joined("damaged", "j", harness_.now, "p"));
  Damage("damaged", Family::kFiled);
  PlanAndApply(harness_, Days({{kParticipantName, 5}}));
  Finish([&] { return engine().RefilePolicy(harness_.now); }, [&] { FailSomething(); });
  EXPECT_EQ(NamesOn(engine(), 2026, 3, 7), static_cast<size_t>(kMeetings) + 2);
  EXPECT_FALSE(engine().policies().refiling_since().has_value());
}

TEST_F(Walks, AStepOfARefileThatFailsIsTakenAgain) {
  PlanAndApply(harness_, Days({{kParticipantName, 5}}));
  FlakyStore store(RowsOf(harness_.store()));
  auto engine = TestEngine::Open(store, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
  ASSERT_TRUE(engine.ok()) << engine.status();
  FinishFailing([&] { return (*engine)->RefilePolicy(harness_.now); });
  EXPECT_EQ(NamesOn(**engine, 2026, 3, 7), static_cast<size_t>(kMeetings) + 2);
}

TEST_F(Walks, WhatIsHeldLeavesItsDayThoughCommandsFailAndPreviewsAreMade) {
  harness_.Record(Joined("damaged", "j", harness_.now, "p"));
  Damage("damaged", Family::kState);
  Place(MeetingHold("case-1", harness_.now, "m"));  // the walk leaves what it does not keep where it is
  harness_.now = kDue;
  Finish([&] { return engine().TakeOutOfDueDays(kDue); },
         [&] {
           FailSomething();
           PreviewSomething();
         });
  EXPECT_EQ(HeldValues(engine(), kParticipantName), 2u);
}

TEST_F(Walks, WhatIsHeldLeavesItsDayThoughItsControllerGetsPbxAfterPbx) {
  v1::Hold hold = PbxHold("case-1", harness_.now);
  hold.mutable_scope()->mutable_subject()->set_controller_id("controller");
  hold.mutable_scope()->mutable_subject()->set_email("alice@example.org");
  Place(hold);
  harness_.now = kDue;
  int pbxs = 0;
  Finish([&] { return engine().TakeOutOfDueDays(kDue); }, [&] { harness_.SyncPbx(absl::StrCat("new-", ++pbxs)); });
  EXPECT_GT(pbxs, 1);
  EXPECT_EQ(HeldValues(engine(), kParticipantEmail), 1u);
}

TEST_F(Walks, AStepThatTakesOutAndFailsIsTakenAgain) {
  Place(PbxHold("case-1", harness_.now));
  FlakyStore store(RowsOf(harness_.store()));
  auto engine = TestEngine::Open(store, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
  ASSERT_TRUE(engine.ok()) << engine.status();
  FinishFailing([&] { return (*engine)->TakeOutOfDueDays(kDue); });
  EXPECT_EQ(HeldValues(**engine, kParticipantName), static_cast<uint64_t>(kMeetings) + 2);
  EXPECT_EQ(NamesOn(**engine, 2026, 3, 9), 0u);
}

TEST_F(Walks, AReleaseIsCarriedOutThoughCommandsFailAndPreviewsAreMade) {
  harness_.Record(Joined("damaged", "j", harness_.now, "p"));
  Damage("damaged", Family::kState);
  Place(PbxHold("case-1", harness_.now));
  Place(PbxHold("case-2", harness_.now));
  harness_.now = kDue;
  while (engine().TakeOutOfDueDays(kDue).value()) {
  }
  ASSERT_TRUE(engine().ReleaseHold("case-1", harness_.now).ok());
  Finish(
      [&]() -> absl::StatusOr<bool> {
        const auto step = engine().LetGo(harness_.now);
        if (!step.ok()) return step.status();
        return step->more;
      },
      [&] {
        FailSomething();
        PreviewSomething();
      });
  EXPECT_EQ(engine().holds().size(), 1u);
  EXPECT_EQ(HeldValues(engine(), kParticipantName), static_cast<uint64_t>(kMeetings) + 2) << "others keep it";
}

TEST_F(Walks, AHoldThatComesInTheVeryMomentBeforeADaysEndIsTakenOutInStepsToo) {
  harness_.now = kDue;
  Place(MeetingHold("case-0", harness_.now, "m"));
  while (engine().TakeOutOfDueDays(kDue).value()) {
  }
  Place(PbxHold("case-1", harness_.now));
  EXPECT_EQ(DetailsOf(engine().EndDays(kDue).status()).reason, "KEPT_FIRST") << "one step of many";
  ASSERT_TRUE(TestSweeper(engine(), Directly(), {}).RunOnce(kDue, /*scrub_now=*/false).ok());
  EXPECT_EQ(HeldValues(engine(), kParticipantName), static_cast<uint64_t>(kMeetings) + 2);
  EXPECT_EQ(NamesOn(engine(), 2026, 3, 9), 0u);
}

TEST_F(Walks, ObjectsOfADayThatClosesBehindTheWalkGetTheirOrders) {
  Place(MeetingHold("case-1", harness_.now, "many-1"));
  harness_.now = kDue;
  while (engine().TakeOutOfDueDays(kDue).value()) {
  }
  EXPECT_EQ(harness_.Orders(), 0u);
  ASSERT_TRUE(engine().CloseDay(DueDay(absl::CivilDay(2026, 3, 9)), kDue).ok());
  while (engine().TakeOutOfDueDays(kDue).value()) {
  }
  ASSERT_TRUE(engine().EndDays(kDue).ok());
  EXPECT_EQ(harness_.Orders(), 1u) << "a hold concerns its PBX, and keeps it not";
}

TEST_F(Walks, AnExtensionOfLogsIsCarriedOutThoughCommandsFailInBetween) {
  harness_.Record(Joined("damaged", "j", harness_.now, "p"));
  Damage("damaged", Family::kState);
  const int kRows = 2 * static_cast<int>(StepBounds().rows) + 10;
  for (int i = 0; i < kRows; ++i) Append(engine(), {Line(v1::LOG_SERVER_MCU, kMonday, "line")}, harness_.now);
  ASSERT_TRUE(engine().ExtendLogRetention(ExtensionUntil(v1::LOG_SERVER_MCU, "2026-03-28"), harness_.now).ok());
  Finish([&] { return engine().RefileLogs(harness_.now); }, [&] { FailSomething(); });
  EXPECT_EQ(harness_.DueDayOf(kServerLog), "2026-03-28");
}

}  // namespace
}  // namespace retention
