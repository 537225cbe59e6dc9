// Counts, rows and due days of an engine, held against each other and against the oracles.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"

namespace retention::simulation {
namespace {

// PBXs of which nothing can be read any more, though rows are left: their end has come, or was begun.
std::set<PbxId> HiddenPbxs(TestEngine& engine, absl::Time now) {
  std::set<PbxId> hidden;
  for (const auto& ending : engine.registry().Ending()) hidden.insert(ending.pbx);
  for (const auto& [pbx_id, end] : engine.registry().Over(now)) hidden.insert(*engine.registry().Held(pbx_id));
  return hidden;
}

// Days that have their entry, and whose key may not have been destroyed yet.
std::set<DueDay> EnteredDays(TestEngine& engine) {
  std::set<DueDay> entered;
  auto cursor = engine.store().ScanPrefix(Family::kState, DayProgressPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    stored::v1::DayProgress progress;
    EXPECT_TRUE(progress.ParseFromString(std::string(cursor->value())));
    if (progress.stage() == stored::v1::DayProgress::STAGE_ENDING) entered.insert(*DecodeDayKey(cursor->key()));
  }
  return entered;
}

struct Walk {
  std::map<DueDay, DayCount> all;
  std::map<Model::Bucket, uint64_t> live;  // values that can be read
};

Walk WalkRows(TestEngine& engine, absl::Time now) {
  Walk walk;
  const std::set<PbxId> hidden = HiddenPbxs(engine, now);
  const std::set<DueDay> entered = EnteredDays(engine);
  auto cursor = engine.store().Scan(Family::kFiled, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    EXPECT_TRUE(key.has_value());
    if (!key.has_value()) continue;
    if (key->day <= engine.ring().destroyed_through() || entered.contains(key->day)) continue;  // counted no more
    BucketCount& count = walk.all[key->day][key->category];
    const uint32_t values = Vault::ValueCount(cursor->value());
    ++count.rows;
    count.values += values;
    const bool due = key->day.is_civil() && now >= DueAfter(key->day.civil());
    const bool outlives_pbx = key->category == kHistory || key->category == kServerLog;
    if (key->day == DueDay::Kept()) continue;  // comparison_holds.cc
    if (values == 0 || due || (hidden.contains(key->pbx) && !outlives_pbx)) continue;
    const absl::CivilDay day = key->day.is_civil() ? key->day.civil() : Model::NoDay();
    walk.live[{day, static_cast<v1::DataCategory>(key->category)}] += values;
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return walk;
}

}  // namespace

absl::CivilDay LastEndedDay(TestEngine& engine) {
  DueDay last = engine.ring().destroyed_through();
  for (const DueDay day : EnteredDays(engine)) last = std::max(last, day);
  return last == DueDay::None() ? absl::CivilDay::min() : last.civil();
}

void CompareCounts(TestEngine& engine, const Model& model, const LogModel& logs, absl::Time now) {
  const Walk walk = WalkRows(engine, now);
  const std::map<DueDay, DayCount> counted = engine.counts().Read();
  for (const auto& [day, counts] : counted) {
    const auto it = walk.all.find(day);
    for (size_t i = 1; i < kCategories; ++i) {
      const BucketCount rows = it == walk.all.end() ? BucketCount{} : it->second[i];
      EXPECT_EQ(counts[i].rows, rows.rows) << "rows of category " << i << " on day " << day.number();
      EXPECT_EQ(counts[i].values, rows.values) << "values of category " << i << " on day " << day.number();
    }
  }
  for (const auto& [day, counts] : walk.all)
    EXPECT_TRUE(counted.contains(day)) << "rows on uncounted day " << day.number();

  // The engine files every value under the day that the rules give it. Files whose end has come wait for the sweep, and
  // so may lines that an extension moves, and all of a category that a new policy moves.
  const std::optional<PolicyModel>& before = model.refiled_from();
  const auto comparable = [&](const Model::Bucket& bucket) {
    const bool due = bucket.first != Model::NoDay() && now >= DueAfter(bucket.first);
    const bool moving = (bucket.second == v1::DATA_CATEGORY_SERVER_LOG && engine.logs().refiling()) ||
                        (before.has_value() && before->Differs(model.policy(), bucket.second));
    return !due && !moving && bucket.second != v1::DATA_CATEGORY_FILE_SHARE && !model.fuzzy().contains(bucket);
  };
  Model::Buckets expected = model.ExpectedValues();
  for (const auto& [day, values] : logs.ExpectedValues()) expected[{day, v1::DATA_CATEGORY_SERVER_LOG}] = values;
  for (const auto& [bucket, values] : expected) {
    if (!comparable(bucket)) continue;
    const auto it = walk.live.find(bucket);
    const uint64_t held = it == walk.live.end() ? 0 : it->second;
    EXPECT_TRUE(held >= values.min && held <= values.max)
        << held << " values, not " << values.min << " to " << values.max << ", of "
        << v1::DataCategory_Name(bucket.second) << " due after " << absl::FormatCivilTime(bucket.first);
  }
  for (const auto& [bucket, values] : walk.live) {
    if (!comparable(bucket)) continue;
    EXPECT_TRUE(expected.contains(bucket)) << values << " values of " << v1::DataCategory_Name(bucket.second)
                                           << " due after " << absl::FormatCivilTime(bucket.first);
  }
}

}  // namespace retention::simulation
