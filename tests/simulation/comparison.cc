#include "tests/simulation/comparison.h"

#include <gtest/gtest.h>

#include "storage/keys.h"
#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

// No object is ordered erased that lives, or more often than there is a reason for, and every one that an act ended is.
void CompareOrders(const Model& model, const Portal& portal, absl::Time now) {
  const std::set<PlantedObject> held = portal.held();
  for (const PlantedObject& object : model.LivingObjects(now)) {
    EXPECT_FALSE(held.contains(object)) << object.ref << " lives, and its erasure was ordered";
  }
  for (const PlantedObject& object : model.ended_objects()) {
    if (model.holds().MayBeKept(object.category, object.pbx_id, object.ref)) continue;
    EXPECT_TRUE(portal.ordered().contains(object)) << object.ref << " was ended, and its erasure was not ordered";
  }
  for (const auto& [object, times] : portal.ordered()) {
    // A recording whose day is closed has had its order, and may be ended before its day is over: by an operator, or
    // with its PBX.
    const uint64_t each = object.category == v1::DATA_CATEGORY_RECORDING ? 2 : 1;
    EXPECT_LE(times, each * model.planted(object)) << object.ref << " was ordered erased too often";
  }
}

}  // namespace

void CompareWithModel(TestEngine& engine, const Model& model, const LogModel& logs, Portal& portal, absl::Time now) {
  ComparePbxs(engine, model, now);
  for (const auto& [pbx_id, pbx] : model.pbxs()) CompareMeetings(engine, model, pbx_id, now);
  CompareLogs(engine, logs, now);
  CompareCounts(engine, model, logs, now);
  portal.Look(engine, now);
  CompareOrders(model, portal, now);
}

void CheckSwept(TestEngine& engine, const Model& model, const Portal& portal, absl::Time now) {
  const DueDay last(DayAt(now) - 1);
  EXPECT_GE(engine.ring().destroyed_through(), last) << "keys of due days are held";
  const auto view = engine.store().Snapshot();
  auto cursor = view->Scan(Family::kFiled, "", PrefixEnd(FiledPrefix(last)));
  EXPECT_FALSE(cursor->Valid()) << "rows of due days are held";
  for (const auto& [day, counts] : engine.counts().Read()) EXPECT_GT(day, last) << "a due day is still counted";
  EXPECT_EQ(engine.OldestOverdue(now).value(), absl::ZeroDuration());
  EXPECT_TRUE(engine.registry().Over(now).empty()) << "a PBX that came to its end is held";
  EXPECT_TRUE(engine.registry().Ending().empty()) << "an end that was begun is not finished";
  EXPECT_TRUE(engine.holds().Releasing() == nullptr && engine.holds().Ended(last).empty())
      << "a hold that went is held";
  EXPECT_FALSE(engine.policies().refiling_since().has_value()) << "a refile that was begun is not finished";
  EXPECT_FALSE(engine.logs().refiling()) << "lines of extended logs are not where they belong";
  EXPECT_FALSE(engine.logs().HasEnded(now)) << "an extension that is over is held";
  for (const PlantedObject& object : model.gone_objects()) {
    if (model.holds().MayBeKept(object.category, object.pbx_id, object.ref)) continue;
    EXPECT_TRUE(portal.ordered().contains(object)) << object.ref << " is gone, and its erasure was not ordered";
  }
}

}  // namespace retention::simulation
