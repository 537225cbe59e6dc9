#include "server/days/released_cubes.h"

#include <optional>
#include <string>
#include <utility>

#include "retention/stored/v1/stored.pb.h"
#include "server/anonymisation/cube_codec.h"
#include "server/anonymisation/tables.h"
#include "server/law/cohort_days.h"
#include "storage/keys.h"

namespace retention {

void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch) {
  EncodedCube encoded = EncodeCube(cube);
  const DueDay cohort = cube.description().first_day;
  batch.Put(Family::kStatistics, CubeKey(erase_day, cohort, 0), std::move(encoded.head));
  for (auto& [table, bytes] : encoded.tables) {
    batch.Put(Family::kStatistics, CubeKey(erase_day, cohort, static_cast<uint8_t>(table)), std::move(bytes));
  }
}

namespace {

// Of a cohort to which those who came late are not counted yet.
absl::StatusOr<std::optional<stored::v1::CubeHead>> HeadWithoutLatePeople(const StoreView& view, DueDay cohort,
                                                                          const Policy& policy) {
  const auto bytes = view.Get(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort, 0));
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::nullopt;
  stored::v1::CubeHead head;
  if (!head.ParseFromString(**bytes)) return absl::DataLossError("malformed head of a cube");
  if (head.has_late_people()) return std::nullopt;
  return std::optional(std::move(head));
}

}  // namespace

absl::StatusOr<bool> LacksLatePeople(const StoreView& view, DueDay cohort, const Policy& policy) {
  const auto head = HeadWithoutLatePeople(view, cohort, policy);
  if (!head.ok()) return head.status();
  return head->has_value();
}

absl::Status PutLatePeople(const StoreView& view, DueDay cohort, const Policy& policy, int64_t late_people,
                           Batch& batch) {
  auto head = HeadWithoutLatePeople(view, cohort, policy);
  if (!head.ok()) return head.status();
  if (!head->has_value()) return absl::OkStatus();
  (*head)->set_late_people(late_people);
  batch.Put(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort, 0), (*head)->SerializeAsString());
  return absl::OkStatus();
}

absl::StatusOr<bool> IsReleased(const StoreView& view, DueDay cohort, const Policy& policy) {
  auto head = view.Get(Family::kStatistics, CubeKey(EraseDayOfCohort(cohort, policy), cohort, 0));
  if (!head.ok()) return head.status();
  return head->has_value();
}

absl::Status ReleasedCubes::ForEach(DueDay from, DueDay to, TableId table, Visit visit) const {
  auto cursor = view_.Scan(Family::kStatistics, CubeKey(last_due_.Next(), DueDay::None(), 0), "", AtLoss::kPass);
  std::string head;
  while (cursor->Valid()) {
    const auto parts = DecodeCubeKey(cursor->key());
    if (!parts.has_value() || parts->table != 0)
      return absl::DataLossError("a key of family statistics does not parse");
    if (parts->cohort_day >= from && parts->cohort_day <= to &&
        EraseDayOfCohort(parts->cohort_day, policy_) > last_due_) {
      head.assign(cursor->value());
      const std::string wanted = CubeKey(parts->erase_day, parts->cohort_day, static_cast<uint8_t>(table));
      cursor->Seek(wanted);
      if (!cursor->Valid() || cursor->key() != wanted) return absl::DataLossError("a cube lacks a table");
      if (absl::Status status = visit(head, cursor->value()); !status.ok()) return status;
    }
    cursor->Seek(PrefixEnd(CubePrefix(parts->erase_day, parts->cohort_day)));
  }
  return cursor->status();
}

absl::StatusOr<v1::QueryStatisticsResponse> QueryReleased(const Store& store, const Policy& policy,
                                                          const v1::QueryStatisticsRequest& request, absl::Time now) {
  const auto view = store.Snapshot();
  const ReleasedCubes cubes(*view, policy, LastDueDay(now, policy.zone()));
  return AnswerQuery(request, cubes, policy.statistics());
}

}  // namespace retention
