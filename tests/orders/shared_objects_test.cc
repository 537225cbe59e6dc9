// Objects that several rows tell of by one reference: in one meeting, in several, before and after an order, kept by
// holds. None is ordered away while any of them is left, and each is once none is.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/object_checks.h"
#include "tests/holds/held.h"
#include "tests/holds/hold_fixture.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

constexpr int kSteps = 120;

class SharedObjects : public ::testing::TestWithParam<unsigned> {
 protected:
  SharedObjects() : random_(GetParam()), harness_(kMonday) {
    for (const std::string pbx : {"pbx", "pbx-2"}) harness_.SyncPbx(pbx);
  }

  size_t Any(size_t below) { return random_() % below; }
  bool Chance(size_t percent) { return Any(100) < percent; }
  std::string AnyPbx() { return Chance(80) ? "pbx" : "pbx-2"; }
  std::string AnyMeeting() { return absl::StrCat("m", Any(3)); }

  void RecordSome() {
    std::vector<v1::Event> events;
    const std::string pbx = AnyPbx();
    const std::string meeting = AnyMeeting();
    for (size_t left = 1 + Any(4); left > 0; --left) {
      const std::string id = absl::StrCat("e", ++events_);
      const std::string ref = absl::StrCat("ref-", Any(4));
      // Some long ago: what is over is ordered away at once.
      const absl::Time then = harness_.now - (Chance(15) ? absl::Hours(24 * Any(70)) : absl::Minutes(Any(60)));
      switch (Any(7)) {
        case 0:
          events.push_back(Pdf(meeting, id, then, ref));
          break;
        case 1:
          events.push_back(Recording(meeting, id, then, ref));
          break;
        case 2:
        case 3:
          events.push_back(File(meeting, id, then, ref));
          break;
        case 4:
          events.push_back(Joined(meeting, id, then, "p"));
          break;
        case 5:
          events.push_back(Left(meeting, id, then, "p"));
          break;
        default:
          events.push_back(Chance(10) ? Deleted(meeting, id, then) : Ended(meeting, id, then));
          if (events.back().has_meeting_deleted()) deleted_[{pbx, meeting}] = harness_.now;
      }
      events.back().set_pbx_id(pbx);
      if (Chance(10)) events.back().set_occurrence_id("not one");  // refused
      Note(events.back());
    }
    harness_.Record(events);
  }
  void Note(const v1::Event& event) {
    std::string reference = event.has_file_shared()         ? event.file_shared().object_ref()
                            : event.has_pdf_shared()        ? event.pdf_shared().object_ref()
                            : event.has_recording_created() ? event.recording_created().object_ref()
                                                            : "";
    if (reference.empty()) return;
    // What was deleted has had its order, however late it is told of.
    const auto deleted = deleted_.find({event.pbx_id(), event.meeting_id()});
    const bool is_deleted = deleted != deleted_.end() && MicrosOf(event.time()) <= absl::ToUnixMicros(deleted->second);
    (is_deleted ? told_late_ : told_).insert({event.pbx_id(), std::move(reference)});
  }

  void Act() {
    const size_t act = Any(100);
    if (act < 50) return RecordSome();
    if (act < 65) {
      harness_.now += Chance(50) ? absl::Minutes(Any(50)) : absl::Hours(Any(60));
      return (void)harness_.Sweep();
    }
    if (act < 70) {
      // The last hour of a day, when its orders are out.
      const absl::CivilDay tomorrow = absl::ToCivilDay(harness_.now, harness_.engine().policy().zone()) + 1;
      harness_.now = absl::FromCivil(tomorrow, harness_.engine().policy().zone()) - absl::Minutes(20);
      return (void)harness_.Sweep();
    }
    if (act < 75) {
      const std::string pbx = AnyPbx();
      const std::string meeting = AnyMeeting();
      deleted_[{pbx, meeting}] = harness_.now;
      (void)harness_.engine().DeleteMeeting(pbx, meeting, "OPERATOR_SUBJECT_REQUEST", harness_.now);
    } else if (act < 82) {
      const CategoryNumber category = Chance(50) ? kRecording : kPdfShare;
      const std::string pbx = AnyPbx();
      const std::string meeting = AnyMeeting();
      deleted_[{pbx, meeting}] = harness_.now;
      (void)harness_.engine().DeleteObject(
          pbx, meeting, category, absl::StrCat(category == kRecording ? "recording-e" : "pdf-e", 1 + Any(events_ + 1)),
          "OPERATOR_SUBJECT_REQUEST", harness_.now);
    } else if (act < 87) {
      const std::string id = absl::StrCat("h", ++holds_);
      v1::Hold hold = NewHold(id, harness_.now);
      hold.mutable_scope()->mutable_meeting()->set_pbx_id(AnyPbx());
      hold.mutable_scope()->mutable_meeting()->set_meeting_id(AnyMeeting());
      if (harness_.engine().CreateHold(hold, harness_.now).ok()) held_.push_back(id);
    } else if (act < 92 && !held_.empty()) {
      ASSERT_TRUE(harness_.engine().ReleaseHold(held_.back(), harness_.now).ok());
      held_.pop_back();
      ASSERT_TRUE(LetGo(harness_.engine(), Directly(), harness_.now).ok());
    } else if (act < 94) {
      (void)harness_.EndPbx("pbx-2");
      harness_.SyncPbx("pbx-2");
    } else if (act < 97) {
      ASSERT_TRUE(harness_.Reopen().ok());
    }
  }

  void Check() {
    const std::set<HeldObject> held = HeldObjects(harness_.engine());
    std::map<HeldObject, int> ordered;
    std::vector<std::pair<uint64_t, v1::ErasureOutcome>> done;
    for (const v1::ErasureOrder& order : HeldOrders(harness_.engine())) {
      ++ordered[{order.pbx_id(), order.object_ref()}];
      done.emplace_back(order.order_id(), kErased);
    }
    if (!done.empty()) {
      ASSERT_TRUE(harness_.engine().ConfirmOrders(Confirmations(done), harness_.now).ok());
    }
    for (const auto& [object, times] : ordered) {
      EXPECT_FALSE(held.contains(object)) << object.second << " is held, and was ordered away";
      if (holds_ > 0) continue;  // one can come to keep what has had its order
      EXPECT_EQ(times, 1) << object.second;
      EXPECT_TRUE(told_.contains(object) || told_late_.contains(object))
          << object.second << " was ordered away for nothing";
    }
    for (auto told = told_.begin(); told != told_.end();) {
      const bool is_held = held.contains(*told);
      EXPECT_TRUE(is_held || ordered.contains(*told)) << told->second << " is lost";
      told = is_held ? std::next(told) : told_.erase(told);
    }
  }

  std::mt19937 random_;
  Harness harness_;
  size_t events_ = 0;
  size_t holds_ = 0;
  std::vector<std::string> held_;
  std::set<HeldObject> told_;       // and not ordered away since
  std::set<HeldObject> told_late_;  // when their room, or anything in it, had been deleted
  std::map<std::pair<std::string, std::string>, absl::Time> deleted_;
};

TEST_P(SharedObjects, GoWithTheLastThatTellsOfThem) {
  for (int step = 0; step < kSteps && !HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    Act();
    Check();
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, SharedObjects, ::testing::Range(1U, 61U));

}  // namespace
}  // namespace retention
