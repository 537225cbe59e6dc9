// Plans of changes of policy, held against the oracles.
#include <gtest/gtest.h>

#include "tests/simulation/comparison.h"

namespace retention::simulation {
namespace {

void CompareTally(const v1::RowsAndValues& found, const Model::Range& expected, const std::string& what) {
  EXPECT_TRUE(found.values() >= expected.min && found.values() <= expected.max)
      << found.values() << " values, not " << expected.min << " to " << expected.max << ", of " << what;
  EXPECT_LE(found.rows(), found.values()) << what;
}

}  // namespace

void ComparePlan(const v1::PlanPolicyResponse& plan, const PolicyModel& next, const Model& model, const LogModel& logs,
                 const CohortModel& cohorts, absl::Time now) {
  EXPECT_EQ(plan.current_version(), model.policy().version());
  EXPECT_EQ(plan.new_version(), next.version());
  std::map<v1::DataCategory, Model::Moves> expected = model.MovesUnder(next, now);
  expected[v1::DATA_CATEGORY_SERVER_LOG] = logs.MovesUnder(next, now);
  std::map<v1::DataCategory, v1::CategoryMoves> found;
  for (const v1::CategoryMoves& moves : plan.moves()) {
    EXPECT_TRUE(found.emplace(moves.category(), moves).second);
    expected.try_emplace(moves.category());
  }
  for (const auto& [category, moves] : expected) {
    const std::string& name = v1::DataCategory_Name(category);
    CompareTally(found[category].gone(), moves.gone, name + " that would be gone");
    CompareTally(found[category].earlier(), moves.earlier, name + " that would end earlier");
    CompareTally(found[category].later(), moves.later, name + " that would end later");
  }
  EXPECT_EQ(plan.cohorts_lost(), cohorts.LostBy(next, now));
  EXPECT_EQ(plan.cubes_gone(), cohorts.CubesGoneBy(next, now));
  const Model::MovedEnds pbxs = model.EndsUnder(next, now);
  EXPECT_EQ(plan.pbxs_gone(), pbxs.gone);
  EXPECT_EQ(plan.pbxs_earlier(), pbxs.earlier);
  EXPECT_EQ(plan.pbxs_later(), pbxs.later);
  std::set<v1::DataCategory> rules;
  for (const v1::RuleChange& rule : plan.rules()) rules.insert(rule.after().category());
  for (int i = 1; i < v1::DataCategory_ARRAYSIZE; ++i) {
    const auto category = static_cast<v1::DataCategory>(i);
    EXPECT_TRUE(!rules.contains(category) || next.Differs(model.policy(), category)) << "a rule that does not change";
  }
}

}  // namespace retention::simulation
