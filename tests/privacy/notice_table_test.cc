// Section 9 of the notice, sentence by sentence, through the public API and on the disk.
#include "tests/privacy/notice_table.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "retention/v1/event.pb.h"
#include "tests/engine/harness.h"
#include "tests/privacy/notice_world.h"
#include "tests/rpc/held_committer.h"

namespace retention::privacy {
namespace {

bool HoldsAny(const std::string& text, const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return absl::StrContains(text, part); });
}

bool InAnyRow(const std::vector<FoundRow>& rows, const std::string& part) {
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return absl::StrContains(row.text, part); });
}

void ExpectShown(const std::string& shown, const std::vector<std::string>& parts, bool expected, const char* when) {
  for (const std::string& part : parts) {
    EXPECT_EQ(absl::StrContains(shown, part), expected) << part << " " << when << ":\n" << shown;
  }
}

// So many bytes are a row's, and no chance.
constexpr size_t kBytesOfOne = 12;

class NoticeTable : public ::testing::TestWithParam<Row> {
 protected:
  NoticeTable() : row_(GetParam()), at_(At(row_.at)), world_(At(row_.feed.front().time)) {}

  const std::vector<std::string>& Held() const { return row_.held.empty() ? row_.gone : row_.held; }

  // Orders come at their time, and not before.
  void ExpectOrders(absl::Time time, bool issued) {
    world_.AdvanceTo(time);
    world_.Sweep();
    ExpectShown(world_.Orders(), row_.orders, issued, "as an order");
  }

  // What is to go, as it lies on the disk while it lives.
  std::vector<Needle> Envelopes(const std::vector<FoundRow>& rows) {
    std::vector<Needle> envelopes;
    for (const std::string& part : Held()) EXPECT_TRUE(InAnyRow(rows, part)) << part << " is not stored";
    for (const FoundRow& row : rows) {
      // A table of statistics can have one small figure: a few bytes lie anywhere by chance.
      if (row.bytes.size() < kBytesOfOne || !HoldsAny(row.text, Held())) continue;
      envelopes.push_back({"a row that holds " + Held().front(), row.bytes});
    }
    EXPECT_FALSE(envelopes.empty());
    for (const Needle& envelope : envelopes) {
      EXPECT_FALSE(FindBytes(world_.Data("before"), {envelope}).empty()) << "the search finds nothing at all";
    }
    return envelopes;
  }

  const Row row_;
  const absl::Time at_;
  NoticeWorld world_;
};

TEST_P(NoticeTable, HoldsToTheMicrosecondInReadsAndOnDisk) {
  ASSERT_NO_FATAL_FAILURE(world_.Do(row_.feed));
  if (row_.ordered != nullptr) {
    ExpectOrders(At(row_.ordered) - kTick, false);
    ExpectOrders(At(row_.ordered), true);
  }
  world_.AdvanceTo(at_ - kTick);
  world_.Sweep();
  const std::string before = world_.Read();
  ExpectShown(before, row_.gone, true, "must be shown before its end");
  ExpectShown(before, row_.never, false, "must never be shown");
  if (row_.ordered == nullptr) ExpectShown(world_.Orders(), row_.orders, false, "is ordered too early");
  world_.Keep("before");
  const std::vector<FoundRow> stored = RowsOf(world_.Data("before"), world_.Ring("before"));
  const std::vector<Needle> envelopes = Envelopes(stored);
  for (const std::string& part : row_.never) EXPECT_FALSE(InAnyRow(stored, part)) << part << " was stored";

  if (row_.act.empty()) {
    // No sweep can have a hand in what is shown.
    HeldCommitter held(world_.server().server().committer());
    world_.AdvanceTo(at_);
    ExpectShown(world_.Read(), row_.gone, false, "is due, though not swept");
  } else {
    world_.AdvanceTo(at_);
    world_.Do(row_.act);
    ExpectShown(world_.Read(), row_.gone, false, "was ended");
  }
  world_.Sweep();
  const std::string after = world_.Read();
  ExpectShown(after, row_.gone, false, "was swept");
  ExpectShown(after, row_.remains, true, "outlives it");
  ExpectShown(world_.Orders(), row_.orders, true, "is not ordered");

  world_.Keep("after");
  const auto sightings = FindBytes(world_.Data("after"), envelopes);
  EXPECT_TRUE(sightings.empty()) << "sealed bytes in " << sightings.front();
  const std::vector<FoundRow> left = RowsOf(world_.Data("after"), world_.Ring("after"));
  for (const std::string& part : Held()) EXPECT_FALSE(InAnyRow(left, part)) << part << " is still stored";
  for (const std::string& part : row_.stays) EXPECT_TRUE(InAnyRow(left, part)) << part << " is not stored any more";
  if (row_.by == EndsBy::kKey) {
    for (const FoundRow& row : RowsOf(world_.Data("before"), world_.Ring("after"))) {
      EXPECT_FALSE(HoldsAny(row.text, Held())) << "an older copy gives it away under today's ring";
    }
  }
  const auto plain = world_.PlainCanaries();
  EXPECT_TRUE(plain.empty()) << plain.front();
}

// Reading 6: what has no field cannot be taken in.
TEST(NoticeFields, AudioAndVideoHaveNone) {
  std::vector<const google::protobuf::Descriptor*> types = {v1::Event::descriptor()};
  for (size_t i = 0; i < types.size(); ++i) {
    for (int f = 0; f < types[i]->field_count(); ++f) {
      const google::protobuf::FieldDescriptor& field = *types[i]->field(f);
      EXPECT_NE(field.type(), google::protobuf::FieldDescriptor::TYPE_BYTES) << field.full_name();
      for (const char* medium : {"audio", "video", "frame", "sound"}) {
        EXPECT_FALSE(absl::StrContains(field.name(), medium)) << field.full_name();
      }
      if (field.message_type() != nullptr) types.push_back(field.message_type());
    }
  }
  EXPECT_GT(types.size(), 20u);
}

std::string NameOf(const ::testing::TestParamInfo<Row>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Requirements, NoticeTable, ::testing::ValuesIn(Requirements()), NameOf);
INSTANTIATE_TEST_SUITE_P(SectionNine, NoticeTable, ::testing::ValuesIn(SectionNine()), NameOf);
INSTANTIATE_TEST_SUITE_P(EarlierEnds, NoticeTable, ::testing::ValuesIn(EarlierEnds()), NameOf);
INSTANTIATE_TEST_SUITE_P(Readings, NoticeTable, ::testing::ValuesIn(Readings()), NameOf);

}  // namespace
}  // namespace retention::privacy
