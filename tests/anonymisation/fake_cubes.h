// Released cubes with estimates as a test wants them.
#ifndef RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_
#define RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/anonymisation/budgets.h"
#include "server/anonymisation/query.h"
#include "server/anonymisation/tables.h"
#include "test_cohort.h"

namespace retention {

class FakeCubes : public CubeSource {
 public:
  // What an estimate is, in the unit of its table: of the measure and the values on its dimensions, by name.
  using CellValue = std::function<double(Measure, const std::map<v1::Dimension, std::string>&)>;

  CubeDescription& Add(DueDay first, const Profile& profile, const v1::StatisticsPolicy& policy,
                       const CellValue& value) {
    const uint32_t days =
        profile.profile == v1::STATISTICS_PROFILE_DAILY ? 1
        : profile.profile == v1::STATISTICS_PROFILE_LARGE
            ? 7
            : static_cast<uint32_t>(absl::CivilDay(absl::CivilMonth(first.civil()) + 1) - first.civil());
    CubeDescription description = TestDescription(PublicLists(policy), first, days);
    description.schema_version = profile.schema_version;
    description.rho_ppm = profile.rho_ppm;
    Cube& cube = cubes_.emplace_back(Cube{.found = {.description = description, .key = std::to_string(cubes_.size())}});
    for (const DrawnTable& table : TablesOf(profile, description.lists)) {
      const std::vector<TableDomain> domains = DomainsOf(*table.spec, description.lists);
      auto& estimates = cube.estimates[table.spec->id];
      for (size_t cell = 0; cell < CellCount(*table.spec, description.lists); ++cell) {
        std::map<v1::Dimension, std::string> at;
        size_t rest = cell;
        for (size_t i = domains.size(); i-- > 0;) {
          at[domains[i].dimension] = domains[i].values[rest % domains[i].values.size()];
          rest /= domains[i].values.size();
        }
        estimates.push_back(static_cast<int64_t>(value(table.spec->measure, at) * kEstimateScale));
      }
    }
    return cube.found.description;
  }
  // One that was drawn.
  void Add(const NoisyCube& drawn) {
    Cube& cube =
        cubes_.emplace_back(Cube{.found = {.description = drawn.description(), .key = std::to_string(cubes_.size())}});
    for (const NoisyTable& table : drawn.tables()) {
      cube.estimates[table.id] = table.estimates;
      cube.drawn[table.id] = table.cells;
    }
  }

  absl::StatusOr<std::vector<FoundCube>> Find(DueDay from, DueDay to) const override {
    std::vector<FoundCube> found;
    for (const Cube& cube : cubes_) {
      const DueDay middle = cube.found.description.middle();
      if (from <= middle && middle <= to) found.push_back(cube.found);
    }
    return found;
  }
  absl::StatusOr<std::vector<int64_t>> Estimates(const FoundCube& cube, TableId table) const override {
    return cubes_[std::stoul(cube.key)].estimates.at(table);
  }
  absl::StatusOr<std::vector<int64_t>> Drawn(const FoundCube& cube, TableId table) const override {
    return cubes_[std::stoul(cube.key)].drawn.at(table);
  }

 private:
  struct Cube {
    FoundCube found;
    std::map<TableId, std::vector<int64_t>> estimates = {}, drawn = {};
  };
  std::vector<Cube> cubes_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_
