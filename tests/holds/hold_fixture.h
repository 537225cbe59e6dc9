// A PBX with a meeting of two, held or not, and what becomes of it.
#ifndef RETENTION_TESTS_HOLDS_HOLD_FIXTURE_H_
#define RETENTION_TESTS_HOLDS_HOLD_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "server/ledger/ledger.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"

namespace retention {

// What was said on Monday is due here.
inline const absl::Time kDue = At("2026-03-10T00:00:00+01:00");
inline constexpr absl::Duration kInstant = absl::Microseconds(1);

inline CommandRunner Directly() {
  return [](std::function<absl::Status()> task) { return task(); };
}

// An hour from now on, without invitees.
inline v1::Event Planned(absl::string_view meeting, absl::string_view id, absl::Time now,
                         absl::string_view organizer = "100") {
  v1::Event event = Scheduled(meeting, id, now, now, absl::Hours(1), organizer);
  event.mutable_meeting_scheduled()->clear_invitees();
  return event;
}

class HoldFixture : public ::testing::Test {
 protected:
  HoldFixture() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.now += absl::Minutes(30);
    harness_.Record({Planned("m", "1", kMonday),
                     Joined("m", "2", kMonday, "p1", "Alice", "Alice@example.org", "192.0.2.1"),
                     Joined("m", "3", kMonday, "p2", "Bob", "bob@example.org", "192.0.2.2"),
                     Recording("m", "4", kMonday, "s3://rec"), Left("m", "5", kMonday + absl::Minutes(9), "p1"),
                     Left("m", "6", kMonday + absl::Minutes(9), "p2")});
  }

  void Place(const v1::Hold& hold) {
    const auto placed = engine().CreateHold(hold, harness_.now);
    ASSERT_TRUE(placed.ok()) << placed.status();
  }
  uint64_t Release(const std::string& id) {
    auto values = ReleaseHold(engine(), Directly(), id, harness_.now);
    EXPECT_TRUE(values.ok()) << values.status();
    return values.value_or(0);
  }
  void SweepAt(absl::Time time) {
    harness_.now = time;
    harness_.Sweep();
  }
  // Values in entries of a kind and reason, by category.
  std::map<int, uint64_t> Entered(stored::v1::LedgerEntry::Kind kind, const std::string& reason) {
    std::map<int, uint64_t> values;
    const absl::Status verified = VerifyExactLedger(engine().store(), [&](const stored::v1::LedgerEntry& entry) {
      if (entry.kind() != kind || entry.reason() != reason) return;
      for (const auto& count : entry.counts()) values[count.category()] += count.values();
    });
    EXPECT_TRUE(verified.ok()) << verified;
    return values;
  }
  std::set<std::string> Held(CategoryNumber category) { return HeldTexts(engine(), category); }
  TestEngine& engine() { return harness_.engine(); }

  Harness harness_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_HOLDS_HOLD_FIXTURE_H_
