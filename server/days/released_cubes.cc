#include "server/days/released_cubes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/civil_time.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/anonymisation/cube_codec.h"
#include "server/anonymisation/tables.h"
#include "storage/keys.h"

namespace retention {
namespace {

// Under which sums of months lie: they have no day.
constexpr DueDay kMonths = DueDay::Kept();

// Of a cohort to which those who came late are not counted yet.
absl::StatusOr<std::optional<stored::v1::CubeHead>> HeadWithoutLatePeople(const StoreView& view,
                                                                          const CohortDays& cohort,
                                                                          const Policy& policy) {
  const auto bytes = view.Get(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort.first, 0));
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::nullopt;
  stored::v1::CubeHead head;
  if (!head.ParseFromString(**bytes)) return absl::DataLossError("malformed head of a cube");
  if (head.has_late_people()) return std::nullopt;
  return std::optional(std::move(head));
}

absl::StatusOr<std::vector<int64_t>> ReadCells(const StoreView& view, const std::string& key, size_t count) {
  const auto bytes = view.Get(Family::kStatistics, key);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return absl::DataLossError("a cube lacks a table");
  return DecodeCells(**bytes, count);
}

// The sums of one month, of cohorts that were drawn under the same schema and lists.
struct MonthSums {
  DueDay key_day;
  CubeDescription description;
  std::map<TableId, std::vector<int64_t>> estimates = {};
};

absl::CivilMonth MonthOf(const CubeDescription& of) { return absl::CivilMonth(of.middle().civil()); }

bool IsOfSameKind(const CubeDescription& a, const CubeDescription& b) {
  return MonthOf(a) == MonthOf(b) && a.schema_version == b.schema_version && a.lists == b.lists;
}

// Those that there are, and those that come to be.
class Months {
 public:
  explicit Months(const StoreView& view) : view_(view) {}

  absl::Status Load() {
    auto cursor = view_.Scan(Family::kStatistics, CubeKey(kMonths, DueDay::None(), 0), "", AtLoss::kPass);
    while (cursor->Valid()) {
      const auto parts = DecodeCubeKey(cursor->key());
      if (!parts.has_value() || parts->erase_day != kMonths) break;
      auto description = DecodeHead(cursor->value());
      if (!description.ok()) return description.status();
      MonthSums& sums = sums_.emplace_back(MonthSums{.key_day = parts->cohort_day, .description = *description});
      if (absl::Status s = ReadTables(kMonths, sums.key_day, sums); !s.ok()) return s;
      cursor->Seek(PrefixEnd(CubePrefix(kMonths, sums.key_day)));
    }
    return cursor->status();
  }
  absl::Status Add(DueDay erase_day, DueDay cohort, const CubeDescription& of) {
    MonthSums added{.key_day = cohort, .description = of};
    if (absl::Status s = ReadTables(erase_day, cohort, added); !s.ok()) return s;
    auto at = std::find_if(sums_.begin(), sums_.end(),
                           [&](const MonthSums& sums) { return IsOfSameKind(sums.description, of); });
    if (at == sums_.end()) {
      CubeDescription month = of;
      const absl::CivilMonth first = MonthOf(of);
      month.first_day = DueDay(absl::CivilDay(first));
      month.day_count = static_cast<uint32_t>(absl::CivilDay(first + 1) - absl::CivilDay(first));
      month.is_month = true;
      month.cohorts = 0;
      month.damaged = false;
      month.late_people.reset();
      at = sums_.insert(sums_.end(), MonthSums{.key_day = cohort, .description = month});
      for (auto& [table, cells] : added.estimates) at->estimates[table].assign(cells.size(), 0);
    }
    CubeDescription& month = at->description;
    ++month.cohorts;
    month.cohorts_damaged += of.damaged ? 1 : 0;
    if (of.late_people.has_value()) {
      ++month.cohorts_late_counted;
      month.late_people = month.late_people.value_or(0) + *of.late_people;
    }
    for (auto& [table, cells] : added.estimates) {
      std::vector<int64_t>& sums = at->estimates.at(table);
      for (size_t i = 0; i < cells.size(); ++i) sums[i] += cells[i];
    }
    return absl::OkStatus();
  }
  void Put(Batch& batch) const {
    for (const MonthSums& sums : sums_) {
      batch.Put(Family::kStatistics, CubeKey(kMonths, sums.key_day, 0), EncodeHead(sums.description));
      for (const auto& [table, cells] : sums.estimates) {
        batch.Put(Family::kStatistics, CubeKey(kMonths, sums.key_day, EstimatesPart(table)), EncodeCells(cells));
      }
    }
  }

 private:
  absl::Status ReadTables(DueDay erase_day, DueDay day, MonthSums& sums) const {
    const CubeDescription& of = sums.description;
    for (const DrawnTable& table : TablesOf(*ProfileOfSchema(of.schema_version), of.lists)) {
      auto cells =
          ReadCells(view_, CubeKey(erase_day, day, EstimatesPart(table.spec->id)), CellCount(*table.spec, of.lists));
      if (!cells.ok()) return cells.status();
      sums.estimates[table.spec->id] = *std::move(cells);
    }
    return absl::OkStatus();
  }

  const StoreView& view_;
  std::vector<MonthSums> sums_;
};

}  // namespace

void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch) {
  EncodedCube encoded = EncodeCube(cube);
  const DueDay cohort = cube.description().first_day;
  batch.Put(Family::kStatistics, CubeKey(erase_day, cohort, 0), std::move(encoded.head));
  for (auto& [part, bytes] : encoded.parts) {
    batch.Put(Family::kStatistics, CubeKey(erase_day, cohort, part), std::move(bytes));
  }
}

absl::StatusOr<bool> LacksLatePeople(const StoreView& view, const CohortDays& cohort, const Policy& policy) {
  const auto head = HeadWithoutLatePeople(view, cohort, policy);
  if (!head.ok()) return head.status();
  return head->has_value();
}

absl::Status PutLatePeople(const StoreView& view, const CohortDays& cohort, const Policy& policy, int64_t late_people,
                           Batch& batch) {
  auto head = HeadWithoutLatePeople(view, cohort, policy);
  if (!head.ok()) return head.status();
  if (!head->has_value()) return absl::OkStatus();
  (*head)->set_late_people(late_people);
  batch.Put(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort.first, 0),
            (*head)->SerializeAsString());
  return absl::OkStatus();
}

absl::StatusOr<bool> IsReleased(const StoreView& view, const CohortDays& cohort, const Policy& policy) {
  auto head = view.Get(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort.first, 0));
  if (!head.ok()) return head.status();
  return head->has_value();
}

absl::StatusOr<uint64_t> MoveIntoMonths(const StoreView& view, DueDay last, Batch& batch) {
  Months months(view);
  if (absl::Status s = months.Load(); !s.ok()) return s;
  uint64_t moved = 0;
  auto cursor = view.Scan(Family::kStatistics, "", CubeKey(last.Next(), DueDay::None(), 0), AtLoss::kPass);
  while (cursor->Valid()) {
    const auto parts = DecodeCubeKey(cursor->key());
    if (!parts.has_value()) return absl::DataLossError("a key of family statistics does not parse");
    if (parts->table == 0) {
      const auto description = DecodeHead(cursor->value());
      // A damaged one ends all the same.
      absl::Status added =
          description.ok() ? months.Add(parts->erase_day, parts->cohort_day, *description) : description.status();
      if (!added.ok() && !absl::IsDataLoss(added)) return added;
      batch.Delete(Family::kStatistics, std::string(cursor->key()));
      ++moved;
    }
    cursor->Seek(PrefixEnd(CubePrefix(parts->erase_day, parts->cohort_day)));
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  if (moved > 0) months.Put(batch);
  return moved;
}

absl::StatusOr<std::vector<FoundCube>> ReleasedCubes::Find(DueDay from, DueDay to) const {
  std::vector<FoundCube> found, months;
  auto cursor = view_.Scan(Family::kStatistics, CubeKey(last_due_.Next(), DueDay::None(), 0), "", AtLoss::kPass);
  while (cursor->Valid()) {
    const auto parts = DecodeCubeKey(cursor->key());
    if (!parts.has_value() || parts->table != 0)
      return absl::DataLossError("a key of family statistics does not parse");
    // No cohort begins more than a month before its middle.
    const bool near =
        parts->cohort_day.number() + 31 >= from.number() && parts->cohort_day.number() <= to.number() + 31;
    const bool is_month = parts->erase_day == kMonths;
    if (near && (is_month || EraseDayOfCohort(parts->cohort_day, policy_) > last_due_)) {
      auto description = DecodeHead(cursor->value());
      if (!description.ok()) return description.status();
      const DueDay middle = description->middle();
      const uint32_t last_day = description->first_day.number() + description->day_count - 1;
      if (from <= middle && middle <= to && (is_month || last_day <= served_through_.number())) {
        (is_month ? months : found)
            .push_back(
                {.description = *std::move(description), .key = CubePrefix(parts->erase_day, parts->cohort_day)});
      }
    }
    cursor->Seek(PrefixEnd(CubePrefix(parts->erase_day, parts->cohort_day)));
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  const auto by_day = [](const FoundCube& a, const FoundCube& b) {
    return a.description.first_day < b.description.first_day;
  };
  std::stable_sort(found.begin(), found.end(), by_day);
  std::stable_sort(months.begin(), months.end(), by_day);
  std::move(months.begin(), months.end(), std::back_inserter(found));
  return found;
}

absl::StatusOr<std::vector<int64_t>> ReleasedCubes::Cells(const FoundCube& cube, TableId table, uint8_t part) const {
  std::string key = cube.key;
  key.push_back(static_cast<char>(part));
  return ReadCells(view_, key, CellCount(SpecOf(table), cube.description.lists));
}

absl::StatusOr<std::vector<int64_t>> ReleasedCubes::Estimates(const FoundCube& cube, TableId table) const {
  return Cells(cube, table, EstimatesPart(table));
}

absl::StatusOr<std::vector<int64_t>> ReleasedCubes::Drawn(const FoundCube& cube, TableId table) const {
  return Cells(cube, table, DrawnPart(table));
}

std::vector<ExpectedCohort> CohortsWithin(const ProfileHistory& profiles, const absl::TimeZone& zone,
                                          absl::Time store_made, DueDay from, DueDay to) {
  const auto begin_of = [&](DueDay day) { return absl::FromCivil(day.civil(), zone); };
  std::vector<ExpectedCohort> within;
  for (CohortDays cohort = profiles.CohortOf(from); cohort.first <= to;
       cohort = profiles.CohortOf(cohort.last.Next())) {
    const DueDay middle = MiddleOf(cohort.first, cohort.count());
    if (middle < from || middle > to) continue;
    within.push_back({.first_day = cohort.first,
                      .day_count = cohort.count(),
                      .is_partial = begin_of(cohort.first) < store_made && store_made < begin_of(cohort.last.Next())});
  }
  return within;
}

absl::StatusOr<v1::QueryStatisticsResponse> QueryReleased(const Store& store, const Policy& policy,
                                                          const ProfileHistory& profiles, DueDay served_through,
                                                          const v1::QueryStatisticsRequest& request, absl::Time now,
                                                          absl::Time store_made) {
  const auto view = store.Snapshot();
  const ReleasedCubes cubes(*view, policy, LastDueDay(now, policy.zone()), served_through);
  const CohortDays today = profiles.CohortOf(DueDay(DayOf(now, policy.zone())));
  return AnswerQuery(
      request, cubes, ProfileOf(today.profile), PublicLists(policy.statistics()),
      [&](DueDay from, DueDay to) { return CohortsWithin(profiles, policy.zone(), store_made, from, to); });
}

}  // namespace retention
