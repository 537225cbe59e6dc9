// Where a sitting begins: who goes over into it from the one before, and which files are its own.
#include <algorithm>
#include <utility>

#include "server/law/occurrences.h"

namespace retention {

std::pair<int64_t, int64_t> RoomWalk::GoesOverWithin(const Sitting& sitting) const {
  const int64_t limit_us = LimitOf(sitting);
  return {limit_us, GoesOverUntil(RulesOf(sitting), sitting.name != 0, sitting.last_us, limit_us)};
}

std::vector<FormerSitting> RoomWalk::Former() const {
  std::vector<FormerSitting> all;
  for (size_t i = deleted_.sittings; i < sittings_.size(); ++i) {
    const Sitting& sitting = sittings_[i];
    const auto [limit_us, until_us] = GoesOverWithin(sitting);
    const bool any = !sitting.emptied_us.has_value() && !sitting.goes_on && until_us > limit_us;
    all.push_back({.start_us = sitting.start_us,
                   .name = sitting.name,
                   .limit_us = limit_us,
                   .until_us = until_us,
                   .open = any ? open_[i] : OpenConnections()});
  }
  return all;
}

RoomWalk::GoingOver RoomWalk::WhoGoesOver(const RoomEvent& event) {
  // The latest of its name, or else the latest, if that can be its.
  const auto latest_former = [&](uint64_t name) -> FormerSitting* {
    FormerSitting* latest = nullptr;
    for (FormerSitting& former : former_) {
      if (former.start_us > event.time_us || (name != 0 && former.name != name)) continue;
      if (latest == nullptr || former.start_us >= latest->start_us) latest = &former;
    }
    return latest;
  };
  std::optional<size_t> own = SittingNamed(event.sitting);
  FormerSitting* former = event.sitting == 0 ? nullptr : latest_former(event.sitting);
  if (!own.has_value() && former == nullptr) {
    if (sittings_.size() > deleted_.sittings) own = sittings_.size() - 1;
    former = latest_former(0);
  }
  const auto is_within = [&](uint64_t name, int64_t limit_us, int64_t until_us) {
    return MayBeNamed(name, event.sitting) && event.time_us > limit_us && event.time_us <= until_us;
  };
  if (!own.has_value() || (former != nullptr && former->start_us > sittings_[*own].start_us)) {
    const bool any = former != nullptr && is_within(former->name, former->limit_us, former->until_us);
    return any ? GoingOver{.open = &former->open, .own = std::nullopt} : GoingOver();
  }
  const Sitting& sitting = sittings_[*own];
  const auto [limit_us, until_us] = GoesOverWithin(sitting);
  const bool any = !sitting.emptied_us.has_value() && !sitting.goes_on && is_within(sitting.name, limit_us, until_us);
  return any ? GoingOver{.open = &open_[*own], .own = own} : GoingOver();
}

std::vector<CarriedConnection> RoomWalk::TakeOver(const RoomEvent& event) {
  const GoingOver going = WhoGoesOver(event);
  if (going.open == nullptr || going.open->empty()) return {};
  std::vector<CarriedConnection> carried = going.open->Carried();
  if (going.own.has_value()) {
    sittings_[*going.own].goes_on = true;
  } else {
    going.open->CloseAll();
  }
  ++regroupings_;
  return carried;
}

void RoomWalk::LeaveAtTheLimit(const RoomEvent& event) {
  if (event.kind == RoomEventKind::kQuality) return;
  const GoingOver going = WhoGoesOver(event);
  if (going.open == nullptr) return;
  if (event.kind == RoomEventKind::kEnded) {
    going.open->CloseAll();
  } else if (going.open->CanClose(event)) {
    going.open->Close(event);
  }
}

void RoomWalk::TakeFiles(size_t index) {
  const Sitting& sitting = sittings_[index];
  const CutRules& rules = RulesOf(sitting);
  const int64_t from_us = sitting.start_us - absl::ToInt64Microseconds(rules.refresh_within);
  // One that names it waits for it as long as it would without.
  const int64_t named_from_us = sitting.start_us - absl::ToInt64Microseconds(rules.presumed_end_after);
  for (size_t i = waiting_files_.size(); i-- > deleted_.files && waiting_files_[i].time_us > named_from_us;) {
    WaitingFile& file = waiting_files_[i];
    if (file.time_us <= from_us && (file.name == 0 || file.name != sitting.name)) continue;
    // One of another sitting took it already, or its name is another.
    if (file.taken || !MayBeNamed(sitting.name, file.name)) continue;
    file.place = {.of = CutPlace::Of::kSitting, .index = index};
    file.taken = true;
    ++regroupings_;
  }
}

CutPlace RoomWalk::ShareFile(const RoomEvent& event) {
  const CutPlace place = PlaceOfShared(event);
  if (!IsDeserted(place, event.time_us)) return place;
  waiting_files_.push_back({.time_us = event.time_us, .name = event.sitting, .place = place});
  return {.of = CutPlace::Of::kWaitingFile, .index = waiting_files_.size() - 1};
}

bool RoomWalk::IsDeserted(const CutPlace& place, int64_t time_us) const {
  if (place.of == CutPlace::Of::kPlan) return false;  // for all who will come
  if (place.of == CutPlace::Of::kDay) return true;
  return sittings_[place.index].emptied_us.has_value() || IsOver(sittings_[place.index], time_us);
}

}  // namespace retention
