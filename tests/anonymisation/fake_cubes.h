// Stored cubes with cells as a test wants them.
#ifndef RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_
#define RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "retention/stored/v1/stored.pb.h"
#include "server/anonymisation/query.h"
#include "server/anonymisation/tables.h"

namespace retention {

class FakeCubes : public CubeSource {
 public:
  // What a cell holds: of the table and its position on each axis, by name.
  using CellValue = std::function<int64_t(TableId, const std::vector<std::string>&)>;

  void Add(DueDay day, const v1::StatisticsPolicy& policy, const CellValue& value) {
    stored::v1::CubeHead head;
    head.set_first_day(day.number());
    head.set_day_count(1);
    head.set_schema_version(kSchemaVersion);
    *head.mutable_media_sites() = policy.media_sites();
    *head.mutable_client_kinds() = policy.client_kinds();
    head.set_rho_ppm(kLargeProfile.rho_ppm);
    Cube& cube = cubes_[day];
    cube.head = head.SerializeAsString();
    const PublicLists lists(policy);
    for (const TableSpec& table : kLargeProfile.tables) {
      const auto outer = AxisValues(table.axes()[0], lists);
      const auto inner = table.axis_count == 2 ? AxisValues(table.axes()[1], lists) : std::vector<std::string>{""};
      stored::v1::CubeTable cells;
      for (const std::string& a : outer) {
        for (const std::string& b : inner) cells.add_cells(value(table.id, {a, b}));
      }
      cube.tables[table.id] = cells.SerializeAsString();
    }
  }
  void AddRaw(DueDay day, std::string head, TableId table, std::string cells) {
    cubes_[day].head = std::move(head);
    cubes_[day].tables[table] = std::move(cells);
  }

  absl::Status ForEach(DueDay from, DueDay to, TableId table, Visit visit) const override {
    for (auto at = cubes_.lower_bound(from); at != cubes_.end() && at->first <= to; ++at) {
      const absl::Status visited = visit(at->second.head, at->second.tables.at(table));
      if (!visited.ok()) return visited;
    }
    return absl::OkStatus();
  }

 private:
  struct Cube {
    std::string head;
    std::map<TableId, std::string> tables;
  };
  std::map<DueDay, Cube> cubes_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_FAKE_CUBES_H_
