// A copy of the store from any earlier moment, and the ring as it is today: what has ended since opens in none of them,
// whatever ended it; what lives opens in all that were made since it was filed last.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/rows/row_keys.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/testing/copy_decoder.h"
#include "tests/testing/map_store.h"

namespace retention::privacy {
namespace {

class OlderCopies : public ::testing::Test {
 protected:
  OlderCopies() : harness_(kMonday) {
    Sync({"100", "101"});
    harness_.now = kMonday + absl::Minutes(30);
  }

  static v1::PbxSynced Synced(const std::vector<std::string>& numbers) {
    v1::PbxSynced synced;
    synced.set_controller_id("controller");
    synced.mutable_profile()->set_licence_key("CANARY-LICENCE");
    for (const std::string& number : numbers) {
      v1::Extension& extension = *synced.add_extensions();
      extension.set_number(number);
      extension.set_email(absl::StrCat("canary-extension-", number, "@example.org"));
    }
    return synced;
  }
  void Sync(const std::vector<std::string>& numbers) {
    const auto synced = harness_.engine().SyncPbx("pbx", Synced(numbers), harness_.now);
    ASSERT_TRUE(synced.ok()) << synced.status();
  }

  // Files a meeting of which everything is named after `name`, takes a copy, and knows what is to be found.
  void Meet(const std::string& name) {
    const absl::Time time = harness_.now - absl::Minutes(20);
    v1::Event planned = Scheduled(name, "plan", time, time, absl::Hours(1));
    planned.mutable_meeting_scheduled()->set_name(absl::StrCat("canary-name-", name));
    harness_.Record({planned,
                     Joined(name, "join", time, "p1", absl::StrCat("canary-person-", name),
                            absl::StrCat("canary-", name, "@example.org")),
                     Recording(name, "rec", time, absl::StrCat("canary-recording-", name)),
                     Pdf(name, "pdf", time, absl::StrCat("canary-pdf-", name)),
                     Left(name, "left", harness_.now, "p1")});
    for (const char* kind : {"canary-name-", "canary-person-", "canary-recording-", "canary-pdf-"}) {
      lives_.insert(absl::StrCat(kind, name));
    }
    lives_.insert(absl::StrCat("canary-", name, "@example.org"));
  }

  void Copy() { copies_.push_back({MapStore::RowsOf(harness_.store()), lives_}); }

  // `gone` has ended; nothing else has.
  void End(const std::vector<std::string>& gone) {
    for (const std::string& canary : gone) {
      EXPECT_EQ(lives_.erase(canary), 1u) << canary;
      gone_.insert(canary);
    }
    Check();
  }

  void Check() {
    Copy();
    for (const char* replica : {"a", "b"}) {
      const DecodedRing ring = DecodeRing((harness_.directory() / "ring" / replica).string());
      ASSERT_TRUE(ring.whole);
      for (size_t i = 0; i < copies_.size(); ++i) {
        const std::string text = OpenCopy(copies_[i].rows, ring);
        for (const std::string& canary : gone_) {
          EXPECT_FALSE(absl::StrContains(text, canary)) << canary << " opens in copy " << i;
        }
        for (const std::string& canary : lives_) {
          if (!copies_[i].lived.contains(canary) || resealed_.contains(canary)) continue;
          EXPECT_TRUE(absl::StrContains(text, canary)) << canary << " does not open in copy " << i;
        }
      }
      // In the present one everything that lives does.
      const std::string text = OpenCopy(copies_.back().rows, ring);
      for (const std::string& canary : lives_) EXPECT_TRUE(absl::StrContains(text, canary)) << canary;
    }
  }

  struct Copied {
    MapStore::Rows rows;
    std::set<std::string> lived;
  };
  Harness harness_;
  std::vector<Copied> copies_;
  std::set<std::string> lives_;
  std::set<std::string> gone_;
  std::set<std::string> resealed_;  // since the first copies: those need not open them any more
};

TEST_F(OlderCopies, WhatIsErasedOnRequest) {
  Meet("first");
  Meet("second");
  lives_.insert({"canary-extension-100@example.org", "canary-extension-101@example.org", "CANARY-LICENCE"});
  v1::Event poll;
  poll.set_event_id("poll");
  poll.set_pbx_id("pbx");
  SetTime(absl::ToUnixMicros(harness_.now), *poll.mutable_time());
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->set_question("canary-question");
  for (const char* option : {"here", "there"}) poll.mutable_poll_created()->add_options(option);
  ASSERT_EQ(harness_.Record(poll).accepted(), 1u);
  lives_.insert("canary-question");
  Check();

  ASSERT_TRUE(harness_.engine().DeletePoll("pbx", "lunch", "asked for", harness_.now).ok());
  End({"canary-question"});

  // The name of an extension's owner goes with the extension; one that changes goes with the change.
  v1::PbxSynced changed = Synced({"100", "101"});
  changed.mutable_extensions(1)->set_email("canary-changed@example.org");
  changed.mutable_extensions(1)->set_extension_id("id");
  ASSERT_TRUE(harness_.engine().SyncPbx("pbx", changed, harness_.now).ok());
  lives_.insert("canary-changed@example.org");
  resealed_.insert({"CANARY-LICENCE", "canary-extension-100@example.org"});
  End({"canary-extension-101@example.org"});
  ASSERT_TRUE(harness_.engine().RemoveExtension("pbx", "101", "asked for", harness_.now).ok());
  End({"canary-changed@example.org"});

  // Of an object the reference lives on in its order, until that is confirmed.
  resealed_.insert({"canary-recording-first", "canary-pdf-first"});
  ASSERT_TRUE(harness_.engine().DeleteMeeting("pbx", "first", "asked for", harness_.now).ok());
  End({"canary-name-first", "canary-person-first", "canary-first@example.org"});
  const auto orders = HeldIds(harness_.engine());
  ASSERT_EQ(orders.size(), 2u);
  ASSERT_TRUE(
      harness_.engine().ConfirmOrders(Confirmations({{orders[0], kErased}, {orders[1], kErased}}), harness_.now).ok());
  End({"canary-recording-first", "canary-pdf-first"});

  v1::Hold hold = PbxHold("case", harness_.now);
  hold.set_reason("canary-reason");
  ASSERT_TRUE(harness_.engine().CreateHold(hold, harness_.now).ok());
  lives_.insert("canary-reason");
  Check();
  ASSERT_TRUE(harness_.engine().DeleteMeeting("pbx", "second", "asked for", harness_.now).ok());
  // Sealed anew among what is kept.
  for (const std::string& canary : lives_) {
    if (absl::StrContains(canary, "second")) resealed_.insert(canary);
  }
  Check();
  ASSERT_TRUE(harness_.engine().ReleaseHold("case", harness_.now).ok());
  harness_.Sweep();
  const auto more = HeldIds(harness_.engine());
  ASSERT_EQ(more.size(), 2u);
  End({"canary-reason", "canary-name-second", "canary-person-second", "canary-second@example.org"});
  ASSERT_TRUE(
      harness_.engine().ConfirmOrders(Confirmations({{more[0], kErased}, {more[1], kErased}}), harness_.now).ok());
  End({"canary-recording-second", "canary-pdf-second"});

  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  End({"CANARY-LICENCE", "canary-extension-100@example.org"});
  EXPECT_EQ(lives_, std::set<std::string>());
}

// Of a person who asks for it, in no copy; and what was wrong of them neither. What history calls them goes too.
TEST_F(OlderCopies, WhatAPersonAsksFor) {
  const absl::Time time = harness_.now - absl::Minutes(20);
  const auto name_in_history = [&](const char* participant) {
    const Vault& vault = harness_.engine().vault();
    const PbxId pbx = *harness_.engine().registry().Find("pbx", harness_.now);
    return ParticipantName(vault, pbx, harness_.engine().RoomNamed(pbx, "m"), participant);
  };
  harness_.Record({Joined("m", "1", time, "p1", "canary-anna", "canary-anna@example.org", "203.0.113.77"),
                   Joined("m", "2", time, "p2", "canary-bob", "canary-wrong@example.org"),
                   Left("m", "3", time + absl::Minutes(1), "p1")});
  lives_ = {"canary-anna",         "canary-anna@example.org", "203.0.113.77", "canary-bob", "canary-wrong@example.org",
            name_in_history("p1"), name_in_history("p2")};
  Check();
  const auto erased = harness_.engine().ErasePerson("pbx", "m", {.email = "canary-anna@example.org"}, harness_.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  resealed_.insert({"canary-bob", "canary-wrong@example.org", name_in_history("p2")});
  End({"canary-anna", "canary-anna@example.org", "203.0.113.77", name_in_history("p1")});
  ASSERT_TRUE(
      harness_.engine()
          .RectifyPerson(
              "pbx", "m", {.participant_id = "p2"},
              {.category = kParticipantEmail, .was = "canary-wrong@example.org", .is = "canary-right@example.org"},
              harness_.now)
          .ok());
  lives_.insert("canary-right@example.org");
  End({"canary-wrong@example.org"});
}

// A copy from before a hold was done with, and its record with it, starts all the same.
TEST(OlderCopy, FromBeforeAHoldWasReleasedOpens) {
  Harness harness(kMonday);
  harness.SyncPbx();
  ASSERT_TRUE(harness.engine().CreateHold(PbxHold("case", harness.now), harness.now).ok());
  MapStore copy(MapStore::RowsOf(harness.store()));
  ASSERT_TRUE(harness.engine().ReleaseHold("case", harness.now).ok());
  harness.Sweep();
  const auto opened = TestEngine::Open(copy, harness.ring(), SystemRandom(), PatientPolicy(), harness.now);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->holds().size(), 0u);
}

// A plan that is sent again ends what it replaces; a day that comes earlier is the day in every copy.
TEST_F(OlderCopies, WhatIsReplacedOrMovesToAnEarlierDay) {
  const absl::Time start = kMonday + absl::Hours(24 * 10);
  v1::Event plan = Scheduled("m", "1", harness_.now, start, absl::Hours(1));
  plan.mutable_meeting_scheduled()->set_name("canary-first-name");
  harness_.Record(plan);
  lives_.insert("canary-first-name");
  Check();
  plan = Scheduled("m", "2", harness_.now + absl::Minutes(1), start, absl::Hours(1));
  plan.mutable_meeting_scheduled()->set_name("canary-second-name");
  harness_.now += absl::Minutes(1);
  harness_.Record(plan);
  lives_.insert("canary-second-name");
  End({"canary-first-name"});

  harness_.now += absl::Minutes(1);
  harness_.Record(Rescheduled("m", "3", harness_.now, kMonday + absl::Hours(24), absl::Hours(1)));
  harness_.Sweep();
  harness_.Sweep();
  resealed_.insert("canary-second-name");
  Check();
  // The copies from before it moved do not open it for longer than it lives.
  harness_.now = At("2026-03-11T00:00:00+01:00");
  harness_.Sweep();
  End({"canary-second-name"});
}

TEST_F(OlderCopies, WhatIsDue) {
  Meet("first");
  Check();
  harness_.now = At("2026-03-10T00:00:00+01:00");
  harness_.Sweep();
  // Of the recording the order is left, until it is confirmed. A PDF has no period.
  resealed_.insert("canary-recording-first");
  End({"canary-name-first", "canary-person-first", "canary-first@example.org"});
  const auto orders = HeldIds(harness_.engine());
  ASSERT_EQ(orders.size(), 1u);
  ASSERT_TRUE(harness_.engine().ConfirmOrders(Confirmations({{orders[0], kErased}}), harness_.now).ok());
  End({"canary-recording-first"});
}

}  // namespace
}  // namespace retention::privacy
