// What is read to take something back.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "server/law/policy.h"
#include "server/recording/event_intake.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

// A copy of a store that notes the categories of the rows that are scanned.
class WatchedStore final : public MapStore {
 public:
  explicit WatchedStore(const StoreView& view) : MapStore(RowsOf(view)) {}
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    if (family == Family::kFiled && span.begin.size() >= FiledKey::kPbxBegin) {
      scanned_.insert(static_cast<CategoryNumber>(span.begin[FiledKey::kPbxBegin - 1]));
    }
    return MapStore::Walk(family, std::move(span), at_loss);
  }
  std::set<CategoryNumber> Scanned() { return std::exchange(scanned_, {}); }

 private:
  mutable std::set<CategoryNumber> scanned_;
};

v1::Event Invited(absl::string_view id, absl::string_view who) {
  v1::Event event = NewEvent("m", id, kMonday);
  auto& invitee = *event.mutable_participant_invited()->mutable_invitee();
  invitee.set_participant_id(std::string(who));
  invitee.set_name(std::string(who));
  return event;
}

v1::Event Uninvited(absl::string_view id, absl::string_view who) {
  v1::Event event = NewEvent("m", id, kMonday + absl::Seconds(1));
  event.mutable_participant_uninvited()->set_participant_id(std::string(who));
  return event;
}

class RecutCost : public ::testing::Test {
 protected:
  RecutCost() : harness_(kMonday + absl::Minutes(5)) {
    harness_.SyncPbx();
    harness_.Record({Scheduled("m", "s", kMonday, kMonday + absl::Hours(1), absl::Hours(1)), Invited("i1", "ina"),
                     Invited("i2", "ute"), File("m", "f", kMonday, "ref-f"), Recording("m", "r", kMonday, "ref-r"),
                     Joined("m", "j", kMonday + absl::Seconds(2), "p", "Ada", "ada@example.org", "192.0.2.1")});
    store_ = std::make_unique<WatchedStore>(harness_.store());
    auto engine = TestEngine::Open(*store_, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    Take(Left("m", "l", kMonday + absl::Seconds(3), "p"));  // the room is in the cache from here on
  }
  // What is scanned to take an event in.
  std::set<CategoryNumber> Take(const v1::Event& event) {
    store_->Scanned();
    google::protobuf::RepeatedPtrField<v1::Event> events;
    *events.Add() = event;
    EventBatch batch;
    batch.events = &events;
    EXPECT_TRUE(batch.Prepare(harness_.now).ok());
    EventBatch* const group[] = {&batch};
    const absl::Status recorded = engine_->Record(group, harness_.now);
    EXPECT_TRUE(recorded.ok()) << recorded;
    EXPECT_EQ(batch.result.accepted(), 1u);
    return store_->Scanned();
  }

  Harness harness_;
  std::unique_ptr<WatchedStore> store_;
  std::unique_ptr<TestEngine> engine_;
};

const std::set<CategoryNumber> kNeverTakenBack = {kHistory, kParticipantIp, kRecording, kChatProtocol};

TEST_F(RecutCost, AWithdrawnInvitationReadsWhatCanBeTakenBackAlone) {
  const auto scanned = Take(Uninvited("u", "ina"));
  EXPECT_TRUE(scanned.contains(kParticipantName));
  for (const CategoryNumber category : kNeverTakenBack) EXPECT_FALSE(scanned.contains(category)) << int{category};
}

TEST_F(RecutCost, SoDoesAPlanThatIsSentAgain) {
  const auto scanned = Take(Scheduled("m", "s2", kMonday + absl::Seconds(9), kMonday + absl::Hours(1), absl::Hours(1)));
  EXPECT_TRUE(scanned.contains(kParticipantName));
  for (const CategoryNumber category : kNeverTakenBack) EXPECT_FALSE(scanned.contains(category)) << int{category};
}

TEST_F(RecutCost, WhatIsNotReadFollowsThePlanAllTheSame) {
  // It ends after midnight now, and addresses are filed by the end.
  Take(Scheduled("m", "s2", kMonday + absl::Seconds(9), kMonday + absl::Hours(11), absl::Hours(4)));
  std::map<CategoryNumber, std::set<DueDay>> days;
  const MapStore::Rows rows = store_->rows();
  for (const auto& [key, row] : rows[static_cast<size_t>(Family::kFiled)]) {
    if (const auto filed = FiledKey::Decode(key); filed.has_value()) days[filed->category].insert(filed->day);
  }
  EXPECT_EQ(days[kParticipantName], std::set<DueDay>{kNextMonday});
  EXPECT_EQ(days[kParticipantIp], std::set<DueDay>{kNextMonday.Next()});
}

}  // namespace
}  // namespace retention
