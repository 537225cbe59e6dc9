// Who was there already when a sitting began, since the one before it came to its limit: a locator says so, sealed, and
// as long as its history lives, or the person is not erased.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/law/course.h"
#include "server/meetings/locator.h"
#include "server/rows/row_keys.h"
#include "tests/engine/harness.h"
#include "tests/testing/copy_decoder.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

class Carried : public ::testing::Test {
 protected:
  // Anna stays until her meeting has lasted as long as it may; with Bob the next begins, and she is in that.
  Carried() : harness_(kMonday) {
    harness_.SyncPbx();
    std::vector<v1::Event> events = {Joined("m", "a", kMonday, "anna", "Anna", "anna@example.org")};
    for (int half_day = 1; half_day <= 14; ++half_day) {
      v1::Event sample = NewEvent("m", absl::StrCat("s", half_day), kMonday + kDay / 2 * half_day);
      sample.mutable_media_quality_sampled()->set_participant_id("anna");
      events.push_back(sample);
    }
    harness_.now = kMonday + 7 * kDay + absl::Hours(2);
    events.push_back(Joined("m", "b", harness_.now - absl::Hours(1), "bob"));
    harness_.Record(events);
  }

  MapStore::Rows Copy() { return MapStore::RowsOf(harness_.store()); }
  DecodedRing Ring() { return DecodeRing((harness_.directory() / "ring" / "a").string()); }
  // What a history's copy has of her: 8 bytes, the last first, as fixed64 lies.
  std::string Mark() {
    const PbxId pbx = *harness_.engine().registry().Held("pbx");
    const std::string name =
        ParticipantName(harness_.engine().holdings().vault, pbx, harness_.engine().RoomNamed(pbx, "m"), "anna");
    const uint64_t number = ParticipantFingerprint(name);
    std::string mark;
    for (int i = 0; i < 8; ++i) mark.push_back(static_cast<char>(number >> (8 * i)));
    return mark;
  }
  static bool StandsIn(const MapStore::Rows& rows, const std::string& bytes) {
    for (const auto& family : rows) {
      for (const auto& [key, value] : family) {
        if (absl::StrContains(value, bytes)) return true;
      }
    }
    return false;
  }
  Harness harness_;
};

TEST_F(Carried, StandsNowhereInTheClear) {
  EXPECT_FALSE(StandsIn(Copy(), Mark()));
  EXPECT_TRUE(absl::StrContains(OpenCopy(Copy(), Ring()), Mark())) << "with the ring";
}

// Of who leaves the report has a line, for it is known that they were there.
TEST_F(Carried, IsReadBack) {
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.Participants("m").size(), 1u);
  harness_.Record(Left("m", "l", harness_.now - absl::Minutes(10), "anna"));
  EXPECT_EQ(harness_.Participants("m").size(), 2u);
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.Participants("m").size(), 2u);
}

// A copy tells nobody any more, not even who has the ring.
TEST_F(Carried, GoesWithTheHistory) {
  const MapStore::Rows copy = Copy();
  const std::string mark = Mark();
  for (int day = 0; day < 75; ++day) {
    harness_.now += kDay;
    harness_.Sweep();
  }
  EXPECT_FALSE(absl::StrContains(OpenCopy(copy, Ring()), mark));
}

TEST_F(Carried, OfWhomIsErasedItGoesAtOnce_InOlderCopiesToo) {
  const MapStore::Rows copy = Copy();
  const std::string mark = Mark();
  ASSERT_TRUE(harness_.engine().ErasePerson("pbx", "m", {.email = "anna@example.org"}, harness_.now).ok());
  for (const MapStore::Rows& rows : {copy, Copy()}) EXPECT_FALSE(absl::StrContains(OpenCopy(rows, Ring()), mark));
}

// What it is sealed for moves with the history.
TEST_F(Carried, IsThereWhenTheHistoryLiesUnderAnotherDay) {
  harness_.Record(Left("m", "l", harness_.now - absl::Minutes(10), "bob"));
  EXPECT_TRUE(absl::StrContains(OpenCopy(Copy(), Ring()), Mark()));
  for (int day = 0; day < 3; ++day) {
    harness_.now += kDay;
    harness_.Sweep();
    EXPECT_TRUE(absl::StrContains(OpenCopy(Copy(), Ring()), Mark())) << day;
  }
}

}  // namespace
}  // namespace retention
