// Extensions are persons at numbers for a time. Most of it is said by scenarios (tests/scenarios/extension_*.txt,
// number_*.txt); here is what order, restarts, bounds and damage have to do with it.
#include "tests/pbxs/extensions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/recording/event_cutting.h"
#include "server/rows/extension_names.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"

namespace retention {
namespace {

class ExtensionsTest : public ::testing::Test {
 protected:
  ExtensionsTest() : harness_(kMonday) {}

  // As an event of its own, at `hours` from Monday.
  v1::RecordResult Sync(double hours, const std::vector<v1::Extension>& extensions) {
    v1::Event event = NewEvent("", NextId(), TimeOf(hours));
    event.mutable_pbx_synced()->set_controller_id("controller");
    for (const auto& extension : extensions) *event.mutable_pbx_synced()->add_extensions() = extension;
    return Send(event);
  }
  v1::RecordResult SyncOne(double hours, const v1::Extension& extension) {
    v1::Event event = NewEvent("", NextId(), TimeOf(hours));
    *event.mutable_extension_synced()->mutable_extension() = extension;
    return Send(event);
  }
  v1::RecordResult Remove(double hours, const std::string& number, const std::string& id = "") {
    v1::Event event = NewEvent("", NextId(), TimeOf(hours));
    event.mutable_extension_removed()->set_number(number);
    event.set_extension_id(id);
    return Send(event);
  }
  // A meeting that the extension schedules.
  v1::RecordResult Schedule(double hours, const std::string& meeting, const std::string& number,
                            const std::string& id = "") {
    v1::Event event =
        Scheduled(meeting, NextId(), TimeOf(hours), kMonday + absl::Hours(20 * 24), absl::Hours(1), number);
    event.set_extension_id(id);
    return Send(event);
  }
  v1::RecordResult Send(const v1::Event& event) {
    harness_.now = std::max(harness_.now, absl::FromUnixMicros(MicrosOf(event.time())));
    return harness_.Record(event);
  }
  // The number under which a meeting is shown.
  std::string ShownUnder(const std::string& meeting) { return harness_.Get(meeting)->organizer_extension(); }
  // "number address" of each extension.
  std::vector<std::string> All() {
    v1::GetPbxRequest request;
    request.set_pbx_id("pbx");
    const auto pbx = harness_.reader().GetPbx(request, harness_.now);
    EXPECT_TRUE(pbx.ok()) << pbx.status();
    std::vector<std::string> all;
    for (const auto& extension : pbx->pbx().extensions()) {
      all.push_back(absl::StrCat(extension.number(), " ", extension.email()));
    }
    return all;
  }
  std::string NextId() { return absl::StrCat("e", ++ids_); }
  static absl::Time TimeOf(double hours) { return kMonday + hours * absl::Hours(1); }

  Harness harness_;
  int ids_ = 0;
};

using Listed = std::vector<std::string>;

TEST_F(ExtensionsTest, AListThatComesLateTakesNothingBackThatIsNewer) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "b@x.de", "Bert")});
  Schedule(1, "m", "101");
  SyncOne(5, NewExtension("201", "a@x.de", "Anna", "7"));
  Sync(3, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "b@x.de", "Bert")});
  EXPECT_EQ(All(), (Listed{"102 b@x.de", "201 a@x.de"}));
  EXPECT_EQ(ShownUnder("m"), "201");
  EXPECT_EQ(Remove(4, "201").duplicates(), 1u);
  SyncOne(4, NewExtension("101", "z@x.de", "Zoe"));        // she left it at 5
  SyncOne(4, NewExtension("301", "a@x.de", "Anna", "7"));  // she was at 201 at 5
  EXPECT_EQ(All(), (Listed{"102 b@x.de", "201 a@x.de"}));
}

TEST_F(ExtensionsTest, AListThatComesLateDoesNotMoveWhoWasElsewhereLater) {
  Sync(0, {NewExtension("102", "b@x.de", "Bert")});
  SyncOne(5, NewExtension("201", "a@x.de", "Anna", "7"));
  Schedule(6, "m", "201");
  Sync(3, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "b@x.de", "Bert")});
  EXPECT_EQ(All(), (Listed{"102 b@x.de", "201 a@x.de"}));
  EXPECT_EQ(ShownUnder("m"), "201");
}

TEST_F(ExtensionsTest, AnIdThatIsLeftOutIsStillKnown) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "", "")});
  Sync(1, {NewExtension("201", "a@x.de", "Anna"), NewExtension("102", "", "")});
  Schedule(2, "m", "", "7");
  EXPECT_EQ(ShownUnder("m"), "201");
  SyncOne(3, NewExtension("301", "", "", "7"));
  EXPECT_EQ(ShownUnder("m"), "301");
}

TEST_F(ExtensionsTest, IdsGoAroundInOneSynchronisation) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "b@x.de", "Bert", "8"),
           NewExtension("103", "c@x.de", "Cleo", "9")});
  for (const char* number : {"101", "102", "103"}) Schedule(1, absl::StrCat("of-", number), number);
  Sync(2, {NewExtension("102", "", "", "7"), NewExtension("103", "", "", "8"), NewExtension("101", "", "", "9")});
  EXPECT_EQ(ShownUnder("of-101"), "102");
  EXPECT_EQ(ShownUnder("of-102"), "103");
  EXPECT_EQ(ShownUnder("of-103"), "101");
  Schedule(3, "by-id", "999", "8");
  EXPECT_EQ(ShownUnder("by-id"), "103") << "the id is right where the number is not";
  Schedule(3, "by-unknown-id", "103", "10");
  EXPECT_EQ(ShownUnder("by-unknown-id"), "") << "somebody else is there";
  Sync(4, {NewExtension("102", "", "", "7"), NewExtension("103", "", "", "10"), NewExtension("101", "", "", "9")});
  EXPECT_EQ(ShownUnder("by-unknown-id"), "103") << "now they have come";
  EXPECT_EQ(ShownUnder("by-id"), "");
  EXPECT_EQ(ShownUnder("of-102"), "");
}

TEST_F(ExtensionsTest, AnIdThatIsGivenAnewIsSomebodyNew) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "", "")});
  Schedule(1, "old", "", "7");
  Remove(2, "101", "7");
  Schedule(3, "meanwhile", "101", "7");
  Sync(4, {NewExtension("201", "z@x.de", "Zoe", "7"), NewExtension("102", "", "")});
  Schedule(5, "new", "", "7");
  EXPECT_EQ(ShownUnder("old"), "");
  EXPECT_EQ(ShownUnder("meanwhile"), "");
  EXPECT_EQ(ShownUnder("new"), "201");
  Schedule(1, "late", "", "7");
  EXPECT_EQ(ShownUnder("late"), "") << "it was Anna's then";
}

TEST_F(ExtensionsTest, WhoIsNotMeantIsNotRemoved) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna", "7"), NewExtension("102", "", "")});
  EXPECT_EQ(Remove(1, "101", "8").duplicates(), 1u) << "somebody else is there";
  EXPECT_EQ(All(), (Listed{"101 a@x.de", "102 "}));
  EXPECT_EQ(Remove(2, "102", "9").accepted(), 1u) << "nobody said who that is";
  EXPECT_EQ(Remove(3, "999", "7").accepted(), 1u) << "wherever she is";
  EXPECT_EQ(All(), Listed{});
}

// The clock of the portal may be ahead of the server's.
TEST_F(ExtensionsTest, WhatWasSaidLastCountsForWhoAsks) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna"), NewExtension("102", "", "")});
  Schedule(1, "m", "101");
  v1::Event ahead = NewEvent("", NextId(), harness_.now + absl::Minutes(4));
  *ahead.mutable_extension_synced()->mutable_extension() = NewExtension("101", "z@x.de", "Zoe");
  ASSERT_EQ(harness_.Record(ahead).accepted(), 1u);
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  request.set_organizer_extension("101");
  EXPECT_EQ(harness_.reader().ListMeetings(request, harness_.now)->meetings_size(), 0) << "Zoe has none";
  ASSERT_TRUE(harness_.engine().CreateHold(ExtensionHold("case", harness_.now, "101"), harness_.now).ok());
}

TEST_F(ExtensionsTest, TenuresAreBounded) {
  Sync(0, {NewExtension("101", "p0@x.de", "P0"), NewExtension("102", "", "")});
  constexpr int kHolders = 20;
  for (int i = 1; i <= kHolders; ++i) {
    Sync(i, {NewExtension("101", absl::StrCat("p", i, "@x.de"), absl::StrCat("P", i)), NewExtension("102", "", "")});
  }
  const auto pbx = harness_.engine().registry().Held("pbx");
  const auto tenures =
      ReadTenures(harness_.store(), harness_.engine().vault(), NumberKey(harness_.engine().vault(), *pbx, "101"));
  ASSERT_TRUE(tenures.ok() && tenures->has_value());
  EXPECT_EQ((*tenures)->all.size(), kMaxTenures);
  EXPECT_EQ((*tenures)->holders, kHolders + 1u);
  Schedule(1.5, "of-nobody", "101");
  Schedule(kHolders - 0.5, "of-the-last-but-one", "101");
  Schedule(kHolders + 0.5, "of-the-last", "101");
  EXPECT_EQ(ShownUnder("of-nobody"), "");
  EXPECT_EQ(ShownUnder("of-the-last-but-one"), "");
  EXPECT_EQ(ShownUnder("of-the-last"), "101");
}

TEST_F(ExtensionsTest, AHoldIsOnThePersonAlsoAfterARestart) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna"), NewExtension("102", "", "")});
  ASSERT_TRUE(harness_.engine().CreateHold(ExtensionHold("case", harness_.now, "101"), harness_.now).ok());
  Sync(1, {NewExtension("201", "a@x.de", "Anna"), NewExtension("101", "z@x.de", "Zoe"), NewExtension("102", "", "")});
  ASSERT_TRUE(harness_.Reopen().ok());
  ASSERT_TRUE(harness_.engine().RemoveExtension("pbx", "101", kReasonExtensionRemoved, harness_.now).ok());
  const size_t before = HeldTexts(harness_.engine(), kPbxSync).size();
  ASSERT_TRUE(harness_.engine().RemoveExtension("pbx", "201", kReasonExtensionRemoved, harness_.now).ok());
  EXPECT_EQ(HeldTexts(harness_.engine(), kPbxSync).size(), before + 1);
}

TEST_F(ExtensionsTest, WhoseNumberItIsCannotBeReadIsNobodys) {
  Sync(0, {NewExtension("101", "a@x.de", "Anna"), NewExtension("102", "", "")});
  Sync(1, {NewExtension("201", "a@x.de", "Anna"), NewExtension("101", "z@x.de", "Zoe"), NewExtension("102", "", "")});
  const auto pbx = harness_.engine().registry().Held("pbx");
  const std::string row = NumberKey(harness_.engine().vault(), *pbx, "101").Encode();
  std::string envelope = **harness_.store().Get(Family::kFiled, row);
  envelope.back() = static_cast<char>(envelope.back() ^ 1);
  Batch damage;
  damage.Put(Family::kFiled, row, envelope);
  ASSERT_TRUE(harness_.store().Commit(damage).ok());
  EXPECT_EQ(Schedule(2, "m", "101").accepted(), 1u);
  EXPECT_EQ(ShownUnder("m"), "");
}

TEST_F(ExtensionsTest, WhoJoinsByAnExtensionIsWhoeverHasItsAddress) {
  Sync(0, {NewExtension("101", "Anna@x.de", "Anna"), NewExtension("102", "", "")});
  v1::Event phone = Joined("m", "j1", TimeOf(1), "phone");
  phone.mutable_participant_joined()->set_extension("101");
  Send(phone);
  Send(Joined("m", "j2", TimeOf(1.1), "browser", "", "ANNA@X.DE"));
  v1::Event other = Joined("m", "j3", TimeOf(1.2), "other");
  other.mutable_participant_joined()->set_extension("102");
  Send(other);
  Send(Ended("m", "end", TimeOf(2)));
  EXPECT_EQ(harness_.Report("m")->participants_size(), 2);
}

TEST(IdentityOf, IsTheSameForAllFormsOfAnAddress) {
  const auto identity = [](const std::string& email) {
    return IdentityOf(Joined("m", "j", kMonday, "p", "", email), NamedExtension());
  };
  EXPECT_EQ(identity("Ina@b\xC3\xBC\x63her.de"), identity("ina@XN--BCHER-KVA.DE"));
  EXPECT_NE(identity("ina@buecher.de"), identity("ina@xn--bcher-kva.de"));
}

TEST(IdentityOf, OfAnExtensionIsItsHolder) {
  v1::Event joined = Joined("m", "j", kMonday, "p");
  joined.mutable_participant_joined()->set_extension("101");
  OwnerId anna;
  OwnerId zoe;
  zoe.bytes[0] = 1;
  EXPECT_NE(IdentityOf(joined, {.holder = anna}), IdentityOf(joined, {.holder = zoe})) << "one number";
  v1::Event moved = joined;
  moved.mutable_participant_joined()->set_extension("201");
  EXPECT_EQ(IdentityOf(joined, {.holder = anna}), IdentityOf(moved, {.holder = anna})) << "one person";
}

}  // namespace
}  // namespace retention
