// With whom a PDF goes: the extension that scheduled the meeting that it was shared in, or else in its room by then
// (section 9: "gelöscht, wenn ... die Nebenstelle gelöscht wird, die das Meeting geplant hat"). What was delivered
// decides, not in which order it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

// So few that nothing is due yet, and the cut of nothing fixed.
constexpr int kDays = 6;

// Some days of a room in which two extensions schedule, and PDFs are shared at any time.
std::vector<v1::Event> DaysOfARoom(std::mt19937_64& dice) {
  const auto at = [&] { return kMonday + absl::Minutes(std::uniform_int_distribution<int>(0, kDays * 24 * 60)(dice)); };
  const auto below = [&](int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(dice); };
  std::vector<v1::Event> events;
  for (int i = 0, plans = 1 + below(3); i < plans; ++i) {
    const absl::Time time = at();
    events.push_back(Scheduled("m", absl::StrCat("plan", i), time, time + absl::Minutes(30 + below(72 * 60)),
                               absl::Hours(1), below(2) == 0 ? "100" : "101"));
  }
  for (int i = below(4); i > 1; --i) {
    v1::Event started = Started("m", absl::StrCat("started", i), at());
    started.mutable_meeting_started()->set_organizer_extension(below(2) == 0 ? "100" : "101");
    events.push_back(std::move(started));
  }
  for (int i = 0, sittings = below(4); i < sittings; ++i) {
    const absl::Time time = at();
    events.push_back(Joined("m", absl::StrCat("join", i), time, "p"));
    if (below(3) != 0) {
      events.push_back(Left("m", absl::StrCat("left", i), time + absl::Minutes(1 + below(120)), "p"));
      continue;
    }
    // Nobody says when they left: samples do.
    for (int sample = 1, samples = below(40); sample < samples; ++sample) {
      v1::Event& heard =
          events.emplace_back(NewEvent("m", absl::StrCat("heard", i, "-", sample), time + absl::Minutes(90) * sample));
      heard.mutable_media_quality_sampled()->set_participant_id("p");
    }
  }
  for (int i = 0; i < 3; ++i) events.push_back(Pdf("m", absl::StrCat("pdf", i), at(), absl::StrCat("store/", i)));
  std::sort(events.begin(), events.end(), [](const v1::Event& a, const v1::Event& b) {
    return std::pair(a.time().seconds(), a.event_id()) < std::pair(b.time().seconds(), b.event_id());
  });
  return events;
}

// Whether 100 is removed when all has been delivered, or before: each event is of before it.
enum class Removal { kAfter, kBefore };

// Which PDFs were ordered away.
std::set<std::string> Ordered(const std::vector<std::vector<v1::Event>>& batches, Removal removal) {
  Harness harness(kMonday - absl::Hours(1));
  harness.SyncPbx();
  const absl::Time end = kMonday + absl::Hours(24 * kDays + 1);
  const auto remove = [&] {
    const auto removed = harness.engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness.now);
    EXPECT_TRUE(removed.ok()) << removed.status();
  };
  if (removal == Removal::kBefore) {
    harness.now = end;
    remove();
  }
  for (const auto& batch : batches) {
    for (const v1::Event& event : batch)
      harness.now = std::max(harness.now, absl::FromUnixSeconds(event.time().seconds()));
    EXPECT_EQ(harness.Record(batch).rejections_size(), 0);
  }
  harness.now = end;
  if (removal == Removal::kAfter) remove();
  std::set<std::string> ordered;
  for (const auto& order : HeldOrders(harness.engine())) ordered.insert(order.object_ref());
  EXPECT_EQ(ordered.size() + harness.Values(kPdfShare), 3u);
  return ordered;
}

// The same, where PDFs are told of so long after all else.
std::set<std::string> OrderedOfLate(const std::vector<v1::Event>& events, absl::Duration late, bool together) {
  Harness harness(kMonday - absl::Hours(1));
  harness.SyncPbx();
  const absl::Time end = kMonday + absl::Hours(24 * kDays + 1);
  const auto tell = [&](bool pdfs) {
    for (const v1::Event& event : events) {
      if (event.has_pdf_shared() != pdfs) continue;
      harness.now = std::max(harness.now, absl::FromUnixSeconds(event.time().seconds()));
      EXPECT_EQ(harness.Record({event}).rejections_size(), 0);
    }
  };
  tell(/*pdfs=*/false);
  harness.now = end + late;
  harness.Sweep();
  if (together) {
    std::vector<v1::Event> pdfs;
    std::copy_if(events.begin(), events.end(), std::back_inserter(pdfs),
                 [](const auto& e) { return e.has_pdf_shared(); });
    EXPECT_EQ(harness.Record(pdfs).rejections_size(), 0);
  } else {
    tell(/*pdfs=*/true);
  }
  const auto removed = harness.engine().RemoveExtension("pbx", "100", kReasonExtensionRemoved, harness.now);
  EXPECT_TRUE(removed.ok()) << removed.status();
  std::set<std::string> ordered;
  for (const auto& order : HeldOrders(harness.engine())) ordered.insert(order.object_ref());
  return ordered;
}

std::vector<std::vector<v1::Event>> OneByOne(const std::vector<v1::Event>& events) {
  std::vector<std::vector<v1::Event>> batches;
  for (const v1::Event& event : events) batches.push_back({event});
  return batches;
}

TEST(PdfOrganizers, WithWhomAPdfGoesDoesNotDependOnDelivery) {
  int ordered_any = 0;
  int held_any = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 dice(seed);
    std::vector<v1::Event> events = DaysOfARoom(dice);
    const auto live = Ordered(OneByOne(events), Removal::kAfter);
    ordered_any += live.empty() ? 0 : 1;
    held_any += live.size() == 3 ? 0 : 1;
    EXPECT_EQ(Ordered({events}, Removal::kAfter), live);
    EXPECT_EQ(Ordered({events}, Removal::kBefore), live);
    // An order that is given when part of it is known is not taken back.
    const auto step_by_step = Ordered(OneByOne(events), Removal::kBefore);
    EXPECT_TRUE(std::includes(step_by_step.begin(), step_by_step.end(), live.begin(), live.end()));
    std::shuffle(events.begin(), events.end(), dice);
    EXPECT_EQ(Ordered(OneByOne(events), Removal::kAfter), live);
    if (::testing::Test::HasFailure()) {
      for (const v1::Event& event : events) ADD_FAILURE() << event.ShortDebugString();
      return;
    }
  }
  EXPECT_GT(ordered_any, 30);
  EXPECT_GT(held_any, 30);
}

// What of the room is fixed by then, some of it or all, is no reason.
TEST(PdfOrganizers, NorWhetherItsMeetingWasFixedWhenItCame) {
  int ordered_any = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 dice(seed);
    const std::vector<v1::Event> events = DaysOfARoom(dice);
    const auto in_time = Ordered(OneByOne(events), Removal::kAfter);
    ordered_any += in_time.empty() ? 0 : 1;
    const absl::Duration late = absl::Hours(std::uniform_int_distribution<int>(0, 14 * 24)(dice));
    EXPECT_EQ(OrderedOfLate(events, late, /*together=*/false), in_time);
    EXPECT_EQ(OrderedOfLate(events, late, /*together=*/true), in_time);
    if (::testing::Test::HasFailure()) {
      for (const v1::Event& event : events) ADD_FAILURE() << event.ShortDebugString();
      return;
    }
  }
  EXPECT_GT(ordered_any, 30);
}

}  // namespace
}  // namespace retention
