// PBXs that have ended: what is kept of them is covered by holds that are placed later.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/holds/hold_fixture.h"
#include "tests/simulation/random.h"

namespace retention {
namespace {

using HeldEnds = HoldFixture;

v1::Hold ControllerHold(const std::string& id, absl::Time now, const std::string& controller = "controller") {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->set_controller_id(controller);
  return hold;
}

size_t EndRows(const StoreView& store) {
  size_t rows = 0;
  for (auto cursor = store.ScanPrefix(Family::kState, HeldEndPrefix()); cursor->Valid(); cursor->Next()) ++rows;
  return rows;
}

const std::set<std::string> kBoth = {"Alice", "Bob"};

uint64_t KeptNames(TestEngine& engine, const std::string& id, absl::Time now) {
  v1::GetHoldRequest request;
  request.set_hold_id(id);
  const auto response = HoldReader(engine.store(), engine.holdings(), engine.holds()).GetHold(request, now);
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok()) return 0;
  for (const v1::HeldCount& count : response->kept()) {
    if (count.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) return count.values();
  }
  return 0;
}

class PlacedAfterTheEnd : public HoldFixture, public ::testing::WithParamInterface<bool> {};

TEST_P(PlacedAfterTheEnd, OneOnTheControllerCoversWhatAnotherKeeps) {
  const bool returns = GetParam();
  Place(ControllerHold("first", harness_.now));
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  harness_.now += absl::Minutes(1);
  if (returns) harness_.SyncPbx();
  ASSERT_TRUE(harness_.Reopen().ok());
  const auto placed = engine().CreateHold(ControllerHold("second", harness_.now), harness_.now);
  ASSERT_TRUE(placed.ok()) << placed.status();
  EXPECT_EQ(placed->pbx_count(), returns ? 2u : 1u);
  EXPECT_EQ(KeptNames(engine(), "second", harness_.now), 2u);
  EXPECT_EQ(Release("first"), 0u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(Held(kParticipantName), kBoth);
  EXPECT_EQ(harness_.Orders(), 0u) << "its recording is kept";
  EXPECT_EQ(EndRows(harness_.store()), 1u);
  EXPECT_GT(Release("second"), 0u);
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(harness_.Orders(), 1u);
  EXPECT_EQ(EndRows(harness_.store()), 0u);
  if (returns) return;
  EXPECT_EQ(DetailsOf(engine().CreateHold(ControllerHold("third", harness_.now), harness_.now).status()).reason,
            "CONTROLLER_UNKNOWN");
}

INSTANTIATE_TEST_SUITE_P(HeldEnds, PlacedAfterTheEnd, ::testing::Bool(),
                         [](const auto& of) { return of.param ? "ItReturned" : "ItIsGone"; });

TEST_F(HeldEnds, OneOnThePbxCoversThoseThatHadItsId) {
  Place(PbxHold("first", harness_.now));
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  Place(PbxHold("second", harness_.now));
  harness_.now += absl::Minutes(1);
  harness_.SyncPbx();
  Place(PbxHold("third", harness_.now));
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("second")), 1u) << "it came back as a new one";
  EXPECT_EQ(engine().holds().CountPbxsOf(*engine().holds().Find("third")), 2u);
  Release("first");
  Release("second");
  EXPECT_EQ(Held(kParticipantName), kBoth);
  Release("third");
  EXPECT_TRUE(Held(kParticipantName).empty());
}

TEST_F(HeldEnds, OneThatHasComeToItsEndIsCoveredBeforeTheSweepToo) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_licence_key("licence");
  for (const char* number : {"100", "101"}) synced.add_extensions()->set_number(number);
  ASSERT_TRUE(engine().SyncPbx("pbx", synced, harness_.now).ok());
  ASSERT_TRUE(engine().ReportLicence("licence", harness_.now + kInstant, true, true, harness_.now).ok());
  Place(ControllerHold("first", harness_.now));
  harness_.now += kInstant;
  Place(ControllerHold("second", harness_.now));
  Place(PbxHold("third", harness_.now));
  Release("first");
  harness_.Sweep();
  EXPECT_EQ(Held(kParticipantName), kBoth);
  EXPECT_EQ(KeptNames(engine(), "second", harness_.now), 2u);
  Release("second");
  EXPECT_EQ(Held(kParticipantName), kBoth);
  Release("third");
  EXPECT_TRUE(Held(kParticipantName).empty());
}

TEST_F(HeldEnds, AMeetingOfOneIsCoveredByAnotherHoldOnTheSameMeeting) {
  Place(MeetingHold("first", harness_.now, "m"));
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_EQ(DetailsOf(engine().CreateHold(MeetingHold("other", harness_.now, "n"), harness_.now).status()).reason,
            "PBX_UNKNOWN");
  Place(MeetingHold("second", harness_.now, "m"));
  ASSERT_TRUE(harness_.Reopen().ok());
  Release("first");
  EXPECT_EQ(Held(kParticipantName), kBoth);
  Release("second");
  EXPECT_TRUE(Held(kParticipantName).empty());
  EXPECT_EQ(EndRows(harness_.store()), 0u);
}

// What the engine keeps, said by sets: a value that ends is kept as long as a hold that covers it has been in force
// ever since.
class Oracle {
 public:
  enum class Kind { kController, kPbx, kMeeting, kExtension, kEmail };
  static constexpr int kKinds = 5;
  enum class State { kHeld, kKept, kGone };
  // One life of a PBX. Its meetings are "m", which its extension 100 scheduled, and "q"; each has one participant.
  struct Life {
    std::string pbx;
    std::string controller;
    bool ended = false;
    std::map<std::string, State> meetings;
  };
  struct Placed {
    Kind kind;
    std::string of;       // controller or PBX
    std::string meeting;  // of kMeeting, kEmail
    std::set<size_t> lives;
  };

  static bool OfController(Kind kind) { return kind == Kind::kController || kind == Kind::kEmail; }
  static bool Covers(const Placed& hold, size_t life, const std::string& meeting) {
    if (!hold.lives.contains(life)) return false;
    if (hold.kind == Kind::kExtension) return meeting == "m";
    return hold.meeting.empty() || hold.meeting == meeting;
  }
  static std::string NameIn(size_t life, const std::string& meeting) { return absl::StrCat("Ada ", life, meeting); }

  std::optional<size_t> Living(const std::string& pbx) const {
    for (size_t i = 0; i < lives.size(); ++i) {
      if (lives[i].pbx == pbx && !lives[i].ended) return i;
    }
    return std::nullopt;
  }
  // False if there is nothing that it could cover.
  bool Place(const std::string& id, Placed hold) {
    for (size_t i = 0; i < lives.size(); ++i) {
      if ((OfController(hold.kind) ? lives[i].controller : lives[i].pbx) != hold.of) continue;
      const bool is_known = std::any_of(holds.begin(), holds.end(), [&](const auto& other) {
        const bool same = other.second.kind == hold.kind && other.second.meeting == hold.meeting;
        const bool any = OfController(hold.kind) || hold.kind == Kind::kPbx;
        return other.second.lives.contains(i) && (any || (same && other.second.of == hold.of));
      });
      if (!lives[i].ended || is_known) hold.lives.insert(i);
    }
    if (hold.lives.empty()) return false;
    holds.emplace(id, std::move(hold));
    return true;
  }
  void Comes(size_t life) {
    for (auto& [id, hold] : holds) {
      if (OfController(hold.kind) && hold.of == lives[life].controller) hold.lives.insert(life);
    }
  }
  void Ends(size_t life, const std::string& meeting) {
    if (lives[life].meetings[meeting] == State::kHeld) lives[life].meetings[meeting] = State::kKept;
    LetGo();
  }
  void LetGo() {
    for (size_t i = 0; i < lives.size(); ++i) {
      for (auto& [meeting, state] : lives[i].meetings) {
        const auto covers = [&](const auto& hold) { return Covers(hold.second, i, meeting); };
        if (state == State::kKept && std::none_of(holds.begin(), holds.end(), covers)) state = State::kGone;
      }
    }
  }
  std::set<std::string> Kept(const Placed* by = nullptr) const {
    std::set<std::string> kept;
    for (size_t i = 0; i < lives.size(); ++i) {
      for (const auto& [meeting, state] : lives[i].meetings) {
        if (state == State::kKept && (by == nullptr || Covers(*by, i, meeting))) kept.insert(NameIn(i, meeting));
      }
    }
    return kept;
  }
  size_t EndsKnown() const {
    size_t known = 0;
    for (size_t i = 0; i < lives.size(); ++i) {
      const auto covers = [i](const auto& hold) { return hold.second.lives.contains(i); };
      known += lives[i].ended && std::any_of(holds.begin(), holds.end(), covers) ? 1 : 0;
    }
    return known;
  }

  std::vector<Life> lives;
  std::map<std::string, Placed> holds;
};

class AnyOrder : public ::testing::TestWithParam<int> {
 protected:
  using Kind = Oracle::Kind;

  void Register(const std::string& pbx, const std::string& controller) {
    const size_t life = oracle_.lives.size();
    Sync(pbx, controller);
    std::vector<v1::Event> events;
    for (const std::string meeting : {"m", "q"}) {
      const std::string id = absl::StrCat(life, meeting);
      events.push_back(Planned(meeting, id + "s", harness_.now, meeting == "m" ? "100" : "101"));
      events.push_back(
          Joined(meeting, id + "j", harness_.now, id, Oracle::NameIn(life, meeting), meeting + "@example.org"));
    }
    for (v1::Event& event : events) event.set_pbx_id(pbx);
    EXPECT_EQ(harness_.Record(events).rejections_size(), 0);
    oracle_.lives.push_back(
        {.pbx = pbx, .controller = controller, .meetings = {{"m", Oracle::State::kHeld}, {"q", Oracle::State::kHeld}}});
    oracle_.Comes(life);
  }
  void Sync(const std::string& pbx, const std::string& controller) {
    v1::PbxSynced synced;
    synced.set_controller_id(controller);
    for (const char* number : {"100", "101"}) synced.add_extensions()->set_number(number);
    ASSERT_TRUE(harness_.engine().SyncPbx(pbx, synced, harness_.now).ok());
  }

  void Place(const std::string& pbx, const std::string& controller) {
    Oracle::Placed placed{.kind = static_cast<Kind>(dice_.Below(Oracle::kKinds))};
    placed.of = Oracle::OfController(placed.kind) ? controller : pbx;
    const std::string meeting = dice_.Chance(50) ? "m" : "q";
    if (placed.kind == Kind::kMeeting || placed.kind == Kind::kEmail) placed.meeting = meeting;
    const std::string id = absl::StrCat("case-", ++number_);
    v1::Hold hold = NewHold(id, harness_.now);
    v1::HoldScope& scope = *hold.mutable_scope();
    switch (placed.kind) {
      case Kind::kController:
        scope.set_controller_id(controller);
        break;
      case Kind::kPbx:
        scope.set_pbx_id(pbx);
        break;
      case Kind::kMeeting:
        scope.mutable_meeting()->set_pbx_id(pbx);
        scope.mutable_meeting()->set_meeting_id(meeting);
        break;
      case Kind::kExtension:
        scope.mutable_extension()->set_pbx_id(pbx);
        scope.mutable_extension()->set_number("100");
        break;
      case Kind::kEmail:
        scope.mutable_subject()->set_controller_id(controller);
        scope.mutable_subject()->set_email(meeting + "@example.org");
    }
    SCOPED_TRACE("place " + hold.ShortDebugString());
    const bool finds = oracle_.Place(id, placed);
    const auto outcome = harness_.engine().CreateHold(hold, harness_.now);
    EXPECT_EQ(outcome.ok(), finds) << outcome.status();
    if (!outcome.ok()) {
      EXPECT_TRUE(DetailsOf(outcome.status()).reason.ends_with("_UNKNOWN")) << outcome.status();
    } else if (finds) {
      EXPECT_EQ(outcome->pbx_count(), oracle_.holds.at(id).lives.size());
    }
  }

  void Release() {
    if (oracle_.holds.empty()) return;
    auto hold = oracle_.holds.begin();
    std::advance(hold, static_cast<std::ptrdiff_t>(dice_.Below(oracle_.holds.size())));
    ASSERT_TRUE(harness_.engine().ReleaseHold(hold->first, harness_.now).ok());
    ASSERT_TRUE(LetGo(harness_.engine(), Directly(), harness_.now).ok());
    oracle_.holds.erase(hold);
    oracle_.LetGo();
  }

  void Compare() {
    EXPECT_EQ(HeldTexts(harness_.engine(), kParticipantName), oracle_.Kept());
    EXPECT_EQ(EndRows(harness_.store()), oracle_.EndsKnown());
    const HoldRegister& holds = harness_.engine().holds();
    for (const auto& [id, placed] : oracle_.holds) {
      SCOPED_TRACE(id);
      ASSERT_NE(holds.Find(id), nullptr);
      EXPECT_EQ(holds.CountPbxsOf(*holds.Find(id)), placed.lives.size());
      EXPECT_EQ(KeptNames(harness_.engine(), id, harness_.now), oracle_.Kept(&placed).size());
    }
  }

  Harness harness_{kMonday};
  simulation::Dice dice_{static_cast<uint64_t>(GetParam())};
  Oracle oracle_;
  int number_ = 0;
};

TEST_P(AnyOrder, OfHoldsAndEndsAndReturnsKeepsWhatWasCoveredEverSince) {
  const std::vector<std::string> pbxs = {"p", "r"};
  const std::vector<std::string> controllers = {"c", "d"};
  for (int step = 0; step < 60 && !HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    harness_.now += absl::Seconds(1);
    const std::string& pbx = dice_.Pick(pbxs);
    const std::string& controller = dice_.Pick(controllers);
    const auto living = oracle_.Living(pbx);
    const uint64_t act = dice_.Below(10);
    if (act < 4) {
      Place(pbx, controller);
    } else if (act < 6) {
      Release();
    } else if (!living.has_value()) {
      Register(pbx, controller);
    } else if (act < 8) {
      ASSERT_TRUE(harness_.EndPbx(pbx).ok());
      oracle_.lives[*living].ended = true;
      for (const char* meeting : {"m", "q"}) oracle_.Ends(*living, meeting);
    } else if (act < 9) {
      const std::string meeting = dice_.Chance(50) ? "m" : "q";
      const auto deleted = harness_.engine().DeleteMeeting(pbx, meeting, "OPERATOR_UNLAWFUL", harness_.now);
      EXPECT_TRUE(deleted.ok() || DetailsOf(deleted.status()).reason == "MEETING_UNKNOWN") << deleted.status();
      oracle_.Ends(*living, meeting);
    } else {
      Sync(pbx, controller);
      oracle_.lives[*living].controller = controller;
      oracle_.Comes(*living);
    }
    if (dice_.Chance(30)) {
      ASSERT_TRUE(harness_.Reopen().ok());
    }
    Compare();
  }
}

INSTANTIATE_TEST_SUITE_P(HeldEnds, AnyOrder, ::testing::Range(1, 41));

}  // namespace
}  // namespace retention
