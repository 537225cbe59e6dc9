// Every fault of the store with every fault of the ring, from before the lead window, at the due instant, or between
// the destruction of keys and what follows: the keys go on time wherever the ring can be written, else the alarm rises;
// what is due is shown to nobody and taken in no more; and once all is well again everything is entered, ordered and
// kept as if nothing had been.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

enum class StoreFault { kNone, kFull, kReadOnly, kIoError, kUnreadable };
enum class RingFault { kNone, kFull, kReadOnly, kReplicaGone };
enum class Begins { kBefore, kAt, kAfter };

const absl::Time kClosingTime = At("2026-03-09T23:30:00+01:00");
const absl::Time kDueInstant = At("2026-03-10T00:00:00+01:00");

class KeyFaults : public ::testing::TestWithParam<std::tuple<StoreFault, RingFault, Begins>> {
 protected:
  KeyFaults() : harness_(kMonday) {
    for (const char* pbx : {"free", "held"}) {
      harness_.SyncPbx(pbx);
      std::vector<v1::Event> events = {Joined(pbx, "1", kMonday, "p", absl::StrCat("Ada of ", pbx), "a@example.org"),
                                       Recording(pbx, "2", kMonday, absl::StrCat("s3://", pbx)),
                                       Left(pbx, "3", kMonday + absl::Minutes(9), "p")};
      for (v1::Event& event : events) event.set_pbx_id(pbx);
      harness_.now = kMonday + absl::Minutes(10);
      EXPECT_EQ(harness_.Record(events).accepted(), 3u);
    }
    EXPECT_TRUE(harness_.engine().CreateHold(PbxHold("case", harness_.now, "held"), harness_.now).ok());
  }

  void Break() {
    const auto [store, ring, begins] = GetParam();
    switch (store) {
      case StoreFault::kNone:
        break;
      case StoreFault::kFull:
        harness_.disk().FailWrites(absl::ResourceExhaustedError("the disk is full"));
        break;
      case StoreFault::kReadOnly:
        harness_.disk().FailWrites(absl::PermissionDeniedError("read-only"));
        break;
      case StoreFault::kIoError:
        harness_.disk().FailWrites(absl::UnavailableError("EIO"));
        break;
      case StoreFault::kUnreadable:
        harness_.disk().FailWrites(absl::UnavailableError("EIO"));
        harness_.disk().FailReads(absl::UnavailableError("EIO"));
        break;
    }
    harness_.on_ring_io = [ring = ring](size_t replica, RingFile, RingReplica::Io io) {
      if (ring == RingFault::kFull && io == RingReplica::Io::kExtend) return absl::ResourceExhaustedError("full");
      if (ring == RingFault::kReadOnly) return absl::PermissionDeniedError("read-only");
      if (ring == RingFault::kReplicaGone && replica == 1) return absl::UnavailableError("gone");
      return absl::OkStatus();
    };
  }
  absl::Status Sweep(absl::Time now, std::function<void()> on_unreadable = nullptr) {
    harness_.now = now;
    Sweeper::Options options;
    if (on_unreadable) options.on_unreadable = [&](absl::Time) { on_unreadable(); };
    TestSweeper sweeper(
        harness_.engine(), [](std::function<absl::Status()> task) { return task(); }, options);
    return sweeper.RunOnce(now, true).status();
  }
  int DaysEntered() {
    int entries = 0;
    EXPECT_TRUE(VerifyLedger(harness_.store(), [&](const stored::v1::LedgerEntry& entry) {
                  const bool ended = entry.kind() == stored::v1::LedgerEntry::KIND_DAY_ENDED;
                  entries += ended && entry.day() == kNextMonday.number() ? 1 : 0;
                }).ok());
    return entries;
  }
  // Of what is due, if the store can be read at all.
  bool ShowsNames() {
    for (const char* pbx : {"free", "held"}) {
      v1::GetMeetingReportRequest request;
      request.set_pbx_id(pbx);
      request.set_meeting_id(pbx);
      const auto report = harness_.reader().GetMeetingReport(request, harness_.now);
      if (report.ok() && absl::StrContains(report->ShortDebugString(), "Ada")) return true;
    }
    return false;
  }

  Harness harness_;
};

TEST_P(KeyFaults, KeepNoKeyAliveWhereTheRingCanBeWritten) {
  const auto [store, ring, begins] = GetParam();
  if (begins == Begins::kBefore) Break();
  Sweep(kClosingTime).IgnoreError();
  if (begins == Begins::kAt) Break();
  Sweep(kDueInstant, begins == Begins::kAfter ? std::function<void()>([this] { Break(); }) : nullptr).IgnoreError();
  harness_.now = kDueInstant + absl::Minutes(1);
  const bool writable = ring != RingFault::kReadOnly || begins == Begins::kAfter;
  EXPECT_EQ(harness_.ring().DaysThrough(kNextMonday).empty(), writable);
  const auto overdue = harness_.engine().engine().OldestOverdue(harness_.now);
  const bool alarm = overdue.oldest > absl::ZeroDuration() || !overdue.unread.ok() ||
                     !harness_.ring().unentered().empty() || harness_.ring().stale_replicas() > 0;
  const bool all_well = store == StoreFault::kNone && (ring == RingFault::kNone || ring == RingFault::kFull);
  EXPECT_EQ(alarm, !all_well);
  EXPECT_TRUE(writable || overdue.oldest >= absl::Minutes(1));
  EXPECT_FALSE(ShowsNames());

  harness_.disk().Heal();
  harness_.on_ring_io = nullptr;
  for (int i = 0; i < 2; ++i) {
    const absl::Status swept = Sweep(harness_.now + absl::Minutes(i));
    EXPECT_TRUE(swept.ok()) << swept;
  }
  EXPECT_EQ(harness_.engine().engine().OldestOverdue(harness_.now).oldest, absl::ZeroDuration());
  EXPECT_TRUE(harness_.ring().DaysThrough(kNextMonday).empty());
  EXPECT_TRUE(harness_.ring().unentered().empty());
  EXPECT_EQ(harness_.ring().FirstRescued(), DueDay::None());
  EXPECT_EQ(harness_.ring().stale_replicas(), 0u);
  EXPECT_EQ(DaysEntered(), 1);
  EXPECT_FALSE(ShowsNames());
  auto orders = HeldOrders(harness_.engine());
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].object_ref(), "s3://free");
  EXPECT_EQ(HeldTexts(harness_.engine(), kParticipantName), std::set<std::string>{"Ada of held"});
  ASSERT_TRUE(harness_.engine().ReleaseHold("case", harness_.now).ok());
  ASSERT_TRUE(Sweep(harness_.now).ok());
  orders = HeldOrders(harness_.engine());
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[1].object_ref(), "s3://held");
  EXPECT_TRUE(HeldTexts(harness_.engine(), kParticipantName).empty());
}

std::string CellName(const ::testing::TestParamInfo<KeyFaults::ParamType>& info) {
  constexpr const char* kStores[] = {"StoreWell", "StoreFull", "StoreReadOnly", "StoreIoError", "StoreUnreadable"};
  constexpr const char* kRings[] = {"RingWell", "RingFull", "RingReadOnly", "ReplicaGone"};
  constexpr const char* kBegins[] = {"Before", "At", "After"};
  const auto [store, ring, begins] = info.param;
  return absl::StrCat(kStores[static_cast<int>(store)], "_", kRings[static_cast<int>(ring)], "_",
                      kBegins[static_cast<int>(begins)]);
}

INSTANTIATE_TEST_SUITE_P(Matrix, KeyFaults,
                         ::testing::Combine(::testing::Values(StoreFault::kNone, StoreFault::kFull,
                                                              StoreFault::kReadOnly, StoreFault::kIoError,
                                                              StoreFault::kUnreadable),
                                            ::testing::Values(RingFault::kNone, RingFault::kFull, RingFault::kReadOnly,
                                                              RingFault::kReplicaGone),
                                            ::testing::Values(Begins::kBefore, Begins::kAt, Begins::kAfter)),
                         CellName);

}  // namespace
}  // namespace retention
