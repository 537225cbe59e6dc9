// What is kept beyond its end, held against the oracle.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "retention/stored/v1/stored.pb.h"
#include "server/rows/object_rows.h"
#include "storage/keys.h"
#include "tests/simulation/comparison.h"

namespace retention::simulation {
namespace {

using Kept = std::map<std::pair<v1::DataCategory, std::string>, uint64_t>;

bool HasTexts(CategoryNumber category) { return category != kHistory && category != kPoll && category != kPbxSync; }

// The texts of a row; none of a row that does not parse.
std::vector<std::string> TextsOf(CategoryNumber category, const std::string& row) {
  std::vector<std::string> texts;
  stored::v1::ValueChunk chunk;
  if (IsObject(static_cast<v1::DataCategory>(category))) {
    EXPECT_TRUE(chunk.add_values()->ParseFromString(row)) << "a row that is kept does not parse";
  } else {
    EXPECT_TRUE(chunk.ParseFromString(row)) << "a row that is kept does not parse";
  }
  for (const stored::v1::Value& value : chunk.values()) {
    texts.push_back(value.has_object()    ? value.object().object_ref()
                    : value.has_dial_in() ? value.dial_in().conference_number()
                                          : value.text());
  }
  return texts;
}

Kept ReadKept(TestEngine& engine, const Model& model, const PbxNumbers& pbxs) {
  Kept kept;
  auto cursor = engine.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept()));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    EXPECT_TRUE(key.has_value());
    if (!key.has_value()) continue;
    const auto pbx = pbxs.find(key->pbx);
    EXPECT_TRUE(pbx != pbxs.end() && model.holds().Concerns(pbx->second))
        << "a value of category " << int{key->category} << " is kept of a PBX that no hold concerns";
    auto plaintext = engine.vault().Open(*key, cursor->value());
    stored::v1::KeptRow row;
    EXPECT_TRUE(plaintext.ok() && row.ParseFromString(plaintext->Reveal())) << "a row that is kept does not open";
    if (!plaintext.ok() || !HasTexts(key->category)) continue;
    for (const std::string& text : TextsOf(key->category, row.row())) {
      ++kept[{static_cast<v1::DataCategory>(key->category), text}];
    }
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return kept;
}

}  // namespace

void CompareHolds(TestEngine& engine, const Model& model, const PbxNumbers& pbxs, const Portal& portal) {
  const Kept kept = ReadKept(engine, model, pbxs);
  HoldModel::Texts expected = model.holds().Expected();
  // What may have ended already.
  for (const auto& [pbx_id, pbx] : model.pbxs()) {
    for (const auto& [meeting_id, meeting] : pbx.meetings) {
      if (model.holds().Covers(pbx.number, meeting_id) == HoldModel::Cover::kNo) continue;
      for (const PlantedValue& value : meeting.values) {
        if (value.held == Held::kUnsure) ++expected[{value.category, value.text}].max;
      }
    }
  }
  for (const auto& [value, range] : expected) {
    const auto found = kept.find(value);
    const uint64_t times = found == kept.end() ? 0 : found->second;
    EXPECT_TRUE(times >= range.min && times <= range.max)
        << v1::DataCategory_Name(value.first) << " " << value.second << " is kept " << times << " times, not "
        << range.min << " to " << range.max;
  }
  for (const auto& [value, times] : kept) {
    EXPECT_TRUE(expected.contains(value))
        << v1::DataCategory_Name(value.first) << " " << value.second << " is kept, and no hold covers it";
  }
  for (const HoldModel::Place& place : model.holds().KeptBeforeTheirOrder()) {
    const PlantedObject object{place.category, place.pbx_id, place.text};
    if (model.planted(object) > 1) continue;
    EXPECT_FALSE(portal.ordered().contains(object)) << place.text << " is kept, and its erasure was ordered";
  }
}

}  // namespace retention::simulation
