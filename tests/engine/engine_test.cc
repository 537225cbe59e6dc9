#include <gtest/gtest.h>

#include <filesystem>

#include "server/base/errors.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/engine/test_engine.h"

namespace retention {
namespace {

TEST(Engine, RefusesAnUnknownFormat) {
  Harness harness(kMonday);
  stored::v1::StoreFormat format;
  format.set_version(TestEngine::kFormatVersion + 1);
  format.set_ring_identity(harness.ring().identity());
  Batch batch;
  batch.Put(Family::kState, FormatKey(), format.SerializeAsString());
  ASSERT_TRUE(harness.store().Commit(batch).ok());
  EXPECT_EQ(DetailsOf(harness.Reopen()).reason, "FORMAT_UNKNOWN");
}

TEST(Engine, RefusesAnotherKeyRing) {
  Harness harness(kMonday);
  Harness other(kMonday);
  auto engine = TestEngine::Open(harness.store(), other.ring(), SystemRandom(), DefaultPolicy(), kMonday);
  EXPECT_EQ(DetailsOf(engine.status()).reason, "KEY_RING_MISMATCH");
}

TEST(Engine, AllIsReadBackAfterARestart) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)),
                  Joined("m", "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                  File("m", "f", kMonday, "ref")});
  const auto before = harness.Get("m");
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(harness.Get("m")->SerializeAsString(), before->SerializeAsString());
  harness.Record(Left("m", "l", kMonday, "p"));
  harness.now = kMonday + absl::Seconds(30);
  harness.Sweep();
  EXPECT_EQ(harness.Values(kFileShare), 0u);
}

TEST(Engine, ListsMeetingsByPages) {
  Harness harness(kMonday);
  harness.SyncPbx();
  for (int i = 0; i < 7; ++i) {
    harness.Record(
        Scheduled("m" + std::to_string(i), "s", kMonday, kMonday, absl::Hours(1), i % 2 == 0 ? "100" : "101"));
  }
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  request.set_page_size(3);
  std::set<std::string> seen;
  int pages = 0;
  do {
    const auto response = harness.reader().ListMeetings(request, harness.now);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_LE(response->meetings_size(), 3);
    for (const auto& meeting : response->meetings()) EXPECT_TRUE(seen.insert(meeting.meeting_id()).second);
    request.set_page_token(response->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(pages, 3);
  request.set_organizer_extension("101");
  EXPECT_EQ(harness.reader().ListMeetings(request, harness.now)->meetings_size(), 3);
  request.set_page_token("!");
  EXPECT_EQ(DetailsOf(harness.reader().ListMeetings(request, harness.now).status()).field(), "page_token");
  request.set_page_size(-1);
  EXPECT_EQ(DetailsOf(harness.reader().ListMeetings(request, harness.now).status()).field(), "page_size");
}

TEST(Engine, ParticipantsShowWhatLives) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)),
                  Joined("m", "j", kMonday, "guest", "Greta G.", "greta@example.org", "192.0.2.9")});
  auto participants = harness.Participants("m");
  ASSERT_EQ(participants.size(), 1u);
  EXPECT_EQ(participants[0].email(), "greta@example.org");
  EXPECT_EQ(participants[0].ips(0), "192.0.2.9");
  EXPECT_TRUE(participants[0].present());
  harness.now = At("2026-03-12T00:00:00+01:00");
  participants = harness.Participants("m");
  ASSERT_EQ(participants.size(), 1u);
  EXPECT_EQ(participants[0].name(), "");
  EXPECT_EQ(participants[0].email(), "");
  EXPECT_EQ(participants[0].ips_size(), 0);
}

TEST(Engine, DueDaysSayWhatFallsDueWhen) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.Record(Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)));
  const auto due = harness.reader().ListDueDays({}, harness.now);
  ASSERT_TRUE(due.ok());
  ASSERT_EQ(due->buckets_size(), 6);
  EXPECT_EQ(due->buckets(0).category(), v1::DATA_CATEGORY_PARTICIPANT_NAME);
  EXPECT_EQ(due->buckets(0).due_day().day(), 9);
  EXPECT_EQ(due->buckets(0).due_time().seconds(), absl::ToUnixSeconds(At("2026-03-10T00:00:00+01:00")));
  EXPECT_FALSE(due->buckets(5).has_due_day()) << "PBX data has no day";
}

}  // namespace
}  // namespace retention
