#include "server/holds/hold_keeping.h"

#include <string>
#include <utility>

#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"

namespace retention {

absl::StatusOr<DueWalk> HoldKeeping::Current(const DueWalk& walk, DueDay last_due) const {
  const auto progress = ReadDayProgress(holdings_.store, last_due);
  if (!progress.ok()) return progress.status();
  std::map<DueDay, std::set<PbxId>> unordered;
  for (const auto& [day, of_day] : *progress) {
    for (const std::string& pbx : of_day.unordered_pbxs()) {
      if (pbx.size() == PbxId::kBytes) unordered[day].insert(PbxId::From(pbx));
    }
  }
  const uint64_t version = register_.version();
  if (walk.version == version && walk.through == last_due && walk.unordered == unordered) return walk;
  std::set<PbxId> pbxs;
  for (const auto& [pbx, until] : register_.ConcernedPbxs(last_due)) pbxs.insert(pbx);
  for (const auto& [day, of_day] : unordered) pbxs.insert(of_day.begin(), of_day.end());
  return DueWalk{.version = version,
                 .through = last_due,
                 .unordered = std::move(unordered),
                 .pbxs = {pbxs.begin(), pbxs.end()},
                 .position = {.from = {}, .more = !pbxs.empty()}};
}

absl::StatusOr<DueWalk> HoldKeeping::TakeOutOfDueDays(const DueWalk& walk, Change& change) const {
  auto current = Current(walk, change.last_due());
  if (!current.ok() || !current->position.more) return current;
  RowRoute route{.pbxs = current->pbxs};
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > current->through) break;
    for (size_t category = 1; category < kCategories; ++category) {
      if (counts[category].rows > 0) route.buckets.emplace_back(day, static_cast<CategoryNumber>(category));
    }
  }
  const auto take_out = [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    const std::string pbx_id = holdings_.registry.ExternalId(key.pbx);
    const auto unordered = current->unordered.find(key.day);
    if (IsObject(key.category) && unordered != current->unordered.end() && unordered->second.contains(key.pbx)) {
      return change.Drop(key, envelope, pbx_id, kReasonDue);
    }
    return change.TakeOut(key, envelope, pbx_id, kReasonDue).status();
  };
  auto position = WalkRows(holdings_.store, current->position, route, StepBounds(), take_out);
  if (!position.ok()) return position.status();
  current->position = *std::move(position);
  return current;
}

absl::StatusOr<bool> HoldKeeping::IsTakenOut(const DueWalk& walk, DueDay last_due) const {
  const auto current = Current(walk, last_due);
  if (!current.ok()) return current.status();
  return !current->position.more;
}

absl::StatusOr<HoldKeeping::Step> HoldKeeping::TakeOutOfEnding(const PbxRegistry::EndingPbx& ending,
                                                               const WalkPosition& position, Change& change) const {
  if (!position.more) return Step{.position = position};
  RowRoute route{.pbxs = std::span(&ending.pbx, 1)};
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day == DueDay::Kept()) continue;
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (counts[category].rows == 0 || !holdings_.policy().rule(category).ends_with_pbx) continue;
      if (!ending.held && !IsObject(category)) continue;  // its key is gone
      route.buckets.emplace_back(day, category);
    }
  }
  const auto take_out = [&](const FiledKey& key, std::string_view envelope) {
    return IsObject(key.category) ? change.Drop(key, envelope, ending.pbx_id, ending.reason)
                                  : change.TakeOut(key, envelope, ending.pbx_id, ending.reason).status();
  };
  auto next = WalkRows(holdings_.store, position, route, StepBounds(), take_out);
  if (!next.ok()) return next.status();
  Step step{.position = *std::move(next)};
  for (const uint64_t values : change.erased()) step.values += values;
  return step;
}

absl::Status HoldKeeping::NoteEnd(const PbxId& pbx, std::string_view entry_key, Change& change) const {
  HeldPbxEnd end{.name = OwnerId::From(entry_key.substr(entry_key.size() - OwnerId::kBytes))};
  const auto record = ReadPbxRecord(holdings_.store, holdings_.vault, pbx);
  if (!record.ok() && !IsUnreadable(record.status())) return record.status();
  if (record.ok() && record->has_value()) end.controller = ControllerOwner(holdings_.vault, (*record)->controller_id());
  register_.NoteEnd(pbx, end, change);
  return absl::OkStatus();
}

absl::StatusOr<HoldKeeping::Step> HoldKeeping::LetGoOf(std::span<const PbxId> pbxs, const WalkPosition& position,
                                                       Change& change) const {
  RowRoute route{.pbxs = pbxs};
  const DayCount kept = holdings_.counts.Of(DueDay::Kept());
  for (size_t category = 1; category < kCategories; ++category) {
    if (kept[category].rows > 0) route.buckets.emplace_back(DueDay::Kept(), static_cast<CategoryNumber>(category));
  }
  Step step;
  const auto let_go = [&](const FiledKey& key, std::string_view envelope) {
    auto ended = change.LetGo(key, envelope);
    if (ended.ok()) step.values += *ended;
    return ended.status();
  };
  auto next = WalkRows(holdings_.store, position, route, StepBounds(), let_go);
  if (!next.ok()) return next.status();
  step.position = *std::move(next);
  return step;
}

absl::StatusOr<HoldKeeping::Step> HoldKeeping::LetGo(Change& change) {
  const HoldPtr hold = register_.Releasing();
  if (hold == nullptr) return Step{.position = WalkPosition::End()};
  auto step = LetGoOf(register_.PbxsOf(*hold), releasing_ == hold->number ? release_walk_ : WalkPosition(), change);
  if (!step.ok()) return step.status();
  change.ThenDo([this, number = hold->number, at = step->position] {
    releasing_ = number;
    release_walk_ = at;
  });
  if (!step->more()) register_.Erase(*hold, holdings_.vault, change);
  step->position.more |= register_.Releasing(hold->number) != nullptr;
  return step;
}

absl::StatusOr<HoldKeeping::Step> HoldKeeping::ForeseeLetGo(const WalkPosition& position, Change& change) const {
  std::set<PbxId> pbxs;
  for (const HoldPtr& hold : register_.List("")) {
    if (hold->InForce(change.last_due())) continue;
    const std::vector<PbxId> covered = register_.PbxsOf(*hold);
    pbxs.insert(covered.begin(), covered.end());
  }
  return LetGoOf(std::vector<PbxId>(pbxs.begin(), pbxs.end()), position, change);
}

}  // namespace retention
