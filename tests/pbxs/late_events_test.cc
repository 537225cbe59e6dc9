// A removal that arrives after what followed it ends what it ended in order: nothing of anybody is held for longer
// because it came late.
#include "server/pbxs/late_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/recording/event_cutting.h"
#include "tests/orders/orders.h"
#include "tests/pbxs/extensions.h"

namespace retention::late_events {
namespace {

using Extensions = std::vector<v1::Extension>;
using Held = std::set<std::string>;

// Events, at hours from Monday.
class Story {
 public:
  void Synced(double hours, const Extensions& extensions) {
    v1::Event& event = Add(hours);
    event.mutable_pbx_synced()->set_controller_id("controller");
    for (const auto& extension : extensions) *event.mutable_pbx_synced()->add_extensions() = extension;
  }
  void SyncedOne(double hours, const v1::Extension& extension) {
    *Add(hours).mutable_extension_synced()->mutable_extension() = extension;
  }
  void Removed(double hours, const std::string& number, const std::string& id = "") {
    v1::Event& event = Add(hours);
    event.mutable_extension_removed()->set_number(number);
    event.set_extension_id(id);
  }
  void Poll(double hours, const std::string& number, const std::string& id = "") {
    v1::Event& event = Add(hours);
    event.set_extension_id(id);
    auto& poll = *event.mutable_poll_created();
    poll.set_poll_id(absl::StrCat("poll-", hours));
    poll.set_owner_extension(number);
    poll.set_question("?");
    poll.add_options("ja");
  }
  // A meeting that an extension schedules, and a PDF that is shared in it.
  void PdfIn(double hours, const std::string& number, double later = 0.01) {
    const std::string room = absl::StrCat("room-", hours);
    Add(hours) = Scheduled(room, NextId(), TimeOf(hours), kMonday + absl::Hours(48), absl::Hours(1), number);
    Add(hours) = Pdf(room, NextId(), TimeOf(hours + later), absl::StrCat("pdf-", hours));
  }

  std::vector<v1::Event> events;

 private:
  static absl::Time TimeOf(double hours) { return kMonday + hours * absl::Hours(1); }
  std::string NextId() { return absl::StrCat("e", events.size()); }
  v1::Event& Add(double hours) {
    const std::string id = NextId();
    return events.emplace_back(NewEvent("", id, TimeOf(hours)));
  }
};

// What is held once all has come, in this order, each by itself or all in one batch. `nobodys`: polls, and PDFs of
// plans, that named nobody who was known.
Held HeldAfter(const std::vector<v1::Event>& events, bool one_batch = false, Held* nobodys = nullptr) {
  Harness harness(kMonday);
  harness.now = kMonday + absl::Hours(24);
  Held held;
  if (one_batch) {
    harness.Record(events);
  } else {
    for (const v1::Event& event : events) {
      const v1::RecordResult result = harness.Record(event);
      const bool is_refused = event.has_poll_created() && result.rejections_size() > 0;
      if (is_refused && nobodys != nullptr) nobodys->insert(event.poll_created().poll_id());
      if (nobodys == nullptr || !event.has_meeting_scheduled()) continue;
      const auto meeting = harness.Get(event.meeting_id());
      const bool is_nobodys = meeting.ok() && meeting->organizer_extension().empty();
      if (is_nobodys) nobodys->insert(absl::StrCat("pdf-", event.meeting_id().substr(5)));
    }
  }
  harness.Sweep(/*scrub=*/false);
  std::set<std::string> ordered;
  for (const auto& order : HeldOrders(harness.engine())) ordered.insert(order.object_ref());
  for (const v1::Event& event : events) {
    if (event.has_pdf_shared() && !ordered.contains(event.pdf_shared().object_ref())) {
      held.insert(event.pdf_shared().object_ref());
    }
    if (!event.has_poll_created()) continue;
    v1::Event answer = NewEvent("", "answer-" + event.poll_created().poll_id(), harness.now);
    answer.mutable_poll_answered()->set_poll_id(event.poll_created().poll_id());
    answer.mutable_poll_answered()->set_participant_id("p");
    answer.mutable_poll_answered()->add_option_indexes(0);
    if (harness.Record(answer).accepted() == 1) held.insert(event.poll_created().poll_id());
  }
  v1::GetPbxRequest request;
  request.set_pbx_id("pbx");
  if (const auto pbx = harness.reader().GetPbx(request, harness.now); pbx.ok()) {
    for (const auto& extension : pbx->pbx().extensions()) {
      held.insert(absl::StrCat(extension.number(), " ", extension.first_name(), " ", extension.email()));
    }
  }
  return held;
}

class LateEventsTest : public ::testing::Test {
 protected:
  LateEventsTest() {
    story_.Synced(0, {Anna("101"), NewExtension("300", "", "")});
    story_.PdfIn(1, "101");
    story_.Poll(1.5, "101");
  }
  static v1::Extension Anna(const std::string& number) { return NewExtension(number, "anna@k.de", "Anna", "ia"); }
  static v1::Extension Zoe(const std::string& number) { return NewExtension(number, "zoe@k.de", "Zoe", "iz"); }
  // What is held if the last `count` events come in the other order; one by one, and in one batch.
  Held Reversed(size_t count) {
    std::vector<v1::Event> events = story_.events;
    std::reverse(events.end() - static_cast<ptrdiff_t>(count), events.end());
    Held held = HeldAfter(events);
    EXPECT_EQ(HeldAfter(events, /*one_batch=*/true), held);
    return held;
  }

  Story story_;
};

TEST_F(LateEventsTest, ARemovalBeforeTheNumberIsGivenAnew) {
  story_.Removed(2, "101");
  story_.SyncedOne(3, Anna("101"));
  story_.Poll(4, "101");
  story_.PdfIn(5, "101");
  const Held in_order = {"101 Anna anna@k.de", "300  ", "poll-4", "pdf-5"};
  EXPECT_EQ(HeldAfter(story_.events), in_order);
  // What came afterwards lives: it can be told apart.
  std::vector<v1::Event> late = story_.events;
  std::rotate(late.begin() + 4, late.begin() + 5, late.end());
  EXPECT_EQ(late.back().payload_case(), v1::Event::kExtensionRemoved);
  EXPECT_EQ(HeldAfter(late), in_order);
}

TEST_F(LateEventsTest, WhatWasToldByThenIsRefusedIfItComesYet) {
  story_.SyncedOne(3, Anna("101"));
  story_.Removed(2, "101");
  story_.Poll(1.7, "101");
  story_.PdfIn(1.8, "101");
  EXPECT_EQ(HeldAfter(story_.events), (Held{"101 Anna anna@k.de", "300  "}));
}

TEST_F(LateEventsTest, AListWithoutSomebodyBeforeOneWithThem) {
  story_.Synced(2, {NewExtension("300", "", "")});
  story_.Synced(3, {Anna("101"), NewExtension("300", "", "")});
  EXPECT_EQ(HeldAfter(story_.events), (Held{"101 Anna anna@k.de", "300  "}));
  EXPECT_EQ(Reversed(2), (Held{"101 Anna anna@k.de", "300  "}));
}

TEST_F(LateEventsTest, AListWithoutSomebodyWhoIsToldOfByThemselvesLater) {
  story_.Synced(2, {NewExtension("300", "", "")});
  story_.SyncedOne(3, Anna("101"));
  EXPECT_EQ(Reversed(2), (Held{"101 Anna anna@k.de", "300  "}));
}

TEST_F(LateEventsTest, ANumberThatPassedToSomebodyWhoMovedOn) {
  story_.SyncedOne(2, Zoe("101"));
  story_.SyncedOne(3, Zoe("102"));
  EXPECT_EQ(HeldAfter(story_.events), (Held{"102 Zoe zoe@k.de", "300  "}));
  EXPECT_EQ(Reversed(2), (Held{"102 Zoe zoe@k.de", "300  "}));
}

TEST_F(LateEventsTest, WhoMovedToANumberThatPassedOnIsGone) {
  story_.SyncedOne(2, Zoe("102"));
  story_.SyncedOne(3, Zoe("103"));
  story_.SyncedOne(4, NewExtension("103", "ben@k.de", "Ben", "ib"));
  const Held in_order = HeldAfter(story_.events);
  EXPECT_FALSE(in_order.contains("102 Zoe zoe@k.de"));
  EXPECT_EQ(Reversed(3), in_order);
  EXPECT_EQ(Reversed(2), in_order);
}

// A list that is late for another reason says nothing against those who are in it.
TEST_F(LateEventsTest, AListThatComesLateEndsNothingOfThoseInIt) {
  story_.Synced(2, {Anna("101"), NewExtension("300", "", "")});
  story_.Synced(3, {Anna("201"), NewExtension("300", "", ""), Zoe("102")});
  const Held in_order = HeldAfter(story_.events);
  EXPECT_TRUE(in_order.contains("poll-1.5"));
  EXPECT_EQ(Reversed(2), in_order);
}

// Anybody's life, in any order.
class RandomStory {
 public:
  explicit RandomStory(uint64_t seed) : dice_(seed) {
    story_.Synced(0, {Person(0, "101"), Person(1, "102")});
    for (int i = 1, count = 3 + Below(7); i <= count; ++i) Next(i + 0.5);
  }
  std::vector<v1::Event> InOrder() const {
    std::vector<v1::Event> events = story_.events;
    std::stable_sort(events.begin(), events.end(),
                     [](const v1::Event& a, const v1::Event& b) { return MicrosOf(a.time()) < MicrosOf(b.time()); });
    return events;
  }
  // The first list comes first.
  std::vector<v1::Event> Shuffled() {
    std::vector<v1::Event> events = InOrder();
    std::shuffle(events.begin() + 1, events.end(), dice_);
    return events;
  }

 private:
  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(dice_); }
  std::string AnyNumber() { return absl::StrCat(101 + Below(3)); }
  // One of three has no id, and so no other number: by the address alone two numbers can be one person or two.
  v1::Extension Person(int who, const std::string& number) {
    return NewExtension(number, absl::StrCat("p", who, "@k.de"), absl::StrCat("P", who),
                        who == 1 ? "" : absl::StrCat("i", who));
  }
  static bool IsOf(int who, const std::string& number) { return who != 1 || number == "102"; }
  void SyncedOne(double hours, int who) {
    const std::string number = AnyNumber();
    story_.SyncedOne(hours, Person(who, who == 1 ? "102" : number));
  }
  void Next(double hours) {
    switch (Below(7)) {
      case 0:
        // An id and a number that do not go together say of nobody in particular who is removed.
        if (Below(3) == 0) return story_.Removed(hours, "109", absl::StrCat("i", 2 * Below(2)));
        return story_.Removed(hours, AnyNumber());
      case 1: {
        Extensions listed;
        for (int number = 101; number <= 103; ++number) {
          if (const int who = Below(5); who < 3 && IsOf(who, absl::StrCat(number)) &&
                                        std::none_of(listed.begin(), listed.end(), [&](const auto& other) {
                                          return other.first_name() == absl::StrCat("P", who);
                                        })) {
            listed.push_back(Person(who, absl::StrCat(number)));
          }
        }
        return story_.Synced(hours, listed);
      }
      case 2:
      case 3:
        return SyncedOne(hours, Below(3));
      case 4:
        return story_.PdfIn(hours, AnyNumber());
      default:
        return story_.Poll(hours, AnyNumber());
    }
  }

  std::mt19937_64 dice_;
  Story story_;
};

std::string Told(const std::vector<v1::Event>& events) {
  std::string text;
  for (const v1::Event& event : events) absl::StrAppend(&text, event.ShortDebugString(), "\n");
  return text;
}

TEST(LateEvents, NobodyIsHeldLongerInAnotherOrder) {
  constexpr uint64_t kStories = 400;
  for (uint64_t seed = 0; seed < kStories; ++seed) {
    RandomStory story(seed);
    Held nobodys;
    const Held in_order = HeldAfter(story.InOrder(), /*one_batch=*/false, &nobodys);
    for (int order = 0; order < 3; ++order) {
      const std::vector<v1::Event> events = story.Shuffled();
      for (const std::string& what : HeldAfter(events)) {
        // What was nobody's in order has not ended there.
        ASSERT_TRUE(in_order.contains(what) || nobodys.contains(what))
            << "seed " << seed << ": " << what << "; in order " << absl::StrJoin(in_order, ", ") << "\n"
            << Told(events);
      }
    }
  }
}

}  // namespace
}  // namespace retention::late_events
