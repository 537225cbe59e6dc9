#include "tests/simulation/hold_model.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/calendar.h"
#include "tests/simulation/model_words.h"

namespace retention::simulation {

namespace {

bool OfController(const v1::HoldScope& scope) { return scope.has_controller_id() || scope.subject().has_email(); }

const std::string& PbxIdOf(const v1::HoldScope& scope) {
  return scope.has_pbx_id()    ? scope.pbx_id()
         : scope.has_meeting() ? scope.meeting().pbx_id()
                               : scope.extension().pbx_id();
}

}  // namespace

bool HoldModel::InForce(const Terms& hold) const {
  return !hold.in_doubt && !hold.released && now_ < DueAfter(hold.end);
}

HoldModel::Cover HoldModel::CoversOne(const Terms& hold, PbxNumber pbx, const std::string& meeting_id) const {
  const v1::HoldScope& scope = hold.asked.scope();
  // A PBX that has come to its end is its controller's until a sweep, or no more.
  const bool found = hold.pbxs.contains(pbx);
  if (!found && !hold.former.contains(pbx)) return OfController(scope) ? Cover::kUnsure : Cover::kNo;
  if (scope.has_meeting() && scope.meeting().meeting_id() != meeting_id) return Cover::kNo;
  if (!found) return Cover::kUnsure;
  // Whose values are whose hangs on what was told of it; that it may be kept is all that is said.
  if (scope.has_extension() || scope.has_subject()) return Cover::kUnsure;
  return InForce(hold) ? Cover::kYes : Cover::kUnsure;
}

HoldModel::Cover HoldModel::Covers(PbxNumber pbx, const std::string& meeting_id) const {
  Cover best = Cover::kNo;
  for (const auto& [id, hold] : holds_) best = std::min(best, CoversOne(hold, pbx, meeting_id));
  return best;
}

void HoldModel::AdvanceTo(absl::Time now) {
  now_ = now;
  Review();
}

void HoldModel::NotePbx(const std::string& pbx_id, PbxNumber pbx) {
  pbxs_of_id_[pbx_id].insert(pbx);
  for (auto& [id, hold] : holds_) {
    if (OfController(hold.asked.scope())) hold.pbxs.insert(pbx);
  }
}

void HoldModel::BeginPlacing(const v1::Hold& hold, std::optional<PbxNumber> pbx, const std::set<PbxNumber>& living) {
  Terms terms{.asked = hold, .placed = now_};
  if (pbx.has_value()) terms.pbxs.insert(*pbx);
  if (OfController(hold.scope())) {
    terms.pbxs = living;
  } else {
    terms.former = pbxs_of_id_[PbxIdOf(hold.scope())];
    if (pbx.has_value()) terms.former.erase(*pbx);
  }
  const google::type::Date& end = hold.end_date();
  terms.end = terms.latest = absl::CivilDay(end.year(), end.month(), end.day());
  holds_.emplace(hold.hold_id(), std::move(terms));
}

void HoldModel::BeginChange(const std::string& hold_id, absl::CivilDay end) {
  Terms& hold = holds_.at(hold_id);
  hold.latest = std::max(hold.end, end);
  hold.end = std::min(hold.end, end);
  const absl::CivilDay wanted = end;
  hold.asked.mutable_end_date()->set_year(static_cast<int32_t>(wanted.year()));
  hold.asked.mutable_end_date()->set_month(wanted.month());
  hold.asked.mutable_end_date()->set_day(wanted.day());
  Review();
}

void HoldModel::BeginRelease(const std::string& hold_id) {
  holds_.at(hold_id).in_doubt = true;
  holds_.at(hold_id).releasing = true;
  Review();
}

void HoldModel::Done(const std::string& hold_id) {
  Terms& hold = holds_.at(hold_id);
  if (hold.in_doubt && !hold.releasing) ++placed_;
  hold.in_doubt = false;
  hold.released = hold.releasing;
  const google::type::Date& end = hold.asked.end_date();
  hold.end = hold.latest = absl::CivilDay(end.year(), end.month(), end.day());
}

void HoldModel::NoteEnd(Place place, bool certain, When when) {
  const Cover cover = Covers(place.pbx, place.meeting_id);
  if (cover == Cover::kNo && when == When::kNow) return;
  const bool sure = certain && cover == Cover::kYes;
  const Ended::State state = when != When::kNow ? Ended::State::kDue
                             : sure             ? Ended::State::kKept
                                                : Ended::State::kUnsure;
  if (state == Ended::State::kKept) ++kept_;
  // Files end before their day does.
  const bool by_policy = when == When::kByPolicy;
  const bool in_its_day =
      certain && (when == When::kByDay || by_policy) && place.category != v1::DATA_CATEGORY_FILE_SHARE;
  ended_.push_back({.place = std::move(place),
                    .state = state,
                    .always_covered = sure,
                    .in_its_day = in_its_day,
                    .by_policy = by_policy});
}

void HoldModel::NoteRefileBegun() {
  for (Ended& ended : ended_) ended.in_its_day = false;
}

void HoldModel::NoteRefiled() {
  for (Ended& ended : ended_) {
    if (!std::exchange(ended.by_policy, false) || ended.state != Ended::State::kDue) continue;
    ended.state = ended.always_covered ? Ended::State::kKept : Ended::State::kUnsure;
    if (ended.always_covered) ++kept_;
  }
}

void HoldModel::NoteTouched(PbxNumber pbx, const std::string& meeting_id) {
  for (Ended& ended : ended_) {
    if (ended.place.pbx == pbx && ended.place.meeting_id == meeting_id) ended.in_its_day = false;
  }
}

void HoldModel::FindInDays(const std::string& hold_id, absl::CivilDay last_ended) {
  for (Ended& ended : ended_) {
    if (ended.state != Ended::State::kDue || !ended.in_its_day || ended.place.due <= last_ended) continue;
    if (CoversOne(holds_.at(hold_id), ended.place.pbx, ended.place.meeting_id) != Cover::kYes) continue;
    ended.always_covered = true;
  }
}

void HoldModel::NoteDaysEnded() {
  for (Ended& ended : ended_) {
    if (ended.state != Ended::State::kDue || !ended.in_its_day || !ended.always_covered) continue;
    ended.state = Ended::State::kKept;
    ++kept_;
  }
}

void HoldModel::Review() {
  for (Ended& ended : ended_) {
    if (Covers(ended.place.pbx, ended.place.meeting_id) == Cover::kYes) continue;
    ended.always_covered = false;
    if (ended.state == Ended::State::kKept) ended.state = Ended::State::kUnsure;
  }
}

void HoldModel::NoteSwept() {
  std::erase_if(holds_, [&](const auto& each) {
    const Terms& hold = each.second;
    return !hold.in_doubt && (hold.released || now_ >= DueAfter(hold.latest));
  });
  Review();
  std::erase_if(ended_, [&](Ended& ended) {
    if (ended.state == Ended::State::kDue) {
      ended.state = ended.always_covered ? Ended::State::kKept : Ended::State::kUnsure;
      if (ended.always_covered) ++kept_;
    }
    return Covers(ended.place.pbx, ended.place.meeting_id) == Cover::kNo;
  });
}

bool HoldModel::MayBeKept(v1::DataCategory category, const std::string& pbx_id, const std::string& text) const {
  return std::any_of(ended_.begin(), ended_.end(), [&](const Ended& ended) {
    return ended.place.category == category && ended.place.pbx_id == pbx_id && ended.place.text == text &&
           (ended.state == Ended::State::kDue || Covers(ended.place.pbx, ended.place.meeting_id) != Cover::kNo);
  });
}

std::vector<std::string> HoldModel::InForce() const {
  std::vector<std::string> ids;
  for (const auto& [id, hold] : holds_) {
    if (InForce(hold)) ids.push_back(id);
  }
  return ids;
}

bool HoldModel::Concerns(PbxNumber pbx) const {
  return std::any_of(holds_.begin(), holds_.end(), [&](const auto& each) {
    const Terms& hold = each.second;
    return OfController(hold.asked.scope()) || hold.pbxs.contains(pbx) || hold.former.contains(pbx);
  });
}

void HoldModel::NoteLetGo() {
  std::erase_if(holds_, [](const auto& each) { return !each.second.in_doubt && each.second.released; });
  Review();
  std::erase_if(ended_, [&](const Ended& ended) {
    return ended.state != Ended::State::kDue && Covers(ended.place.pbx, ended.place.meeting_id) == Cover::kNo;
  });
}

HoldModel::Texts HoldModel::Expected() const {
  Texts texts;
  for (const Ended& ended : ended_) {
    if (Covers(ended.place.pbx, ended.place.meeting_id) == Cover::kNo) continue;
    Range& range = texts[{ended.place.category, ended.place.text}];
    if (ended.state == Ended::State::kKept) ++range.min;
    ++range.max;
  }
  return texts;
}

std::vector<HoldModel::Place> HoldModel::KeptBeforeTheirOrder() const {
  std::vector<Place> places;
  for (const Ended& ended : ended_) {
    if (ended.state != Ended::State::kKept || !IsObject(ended.place.category)) continue;
    const bool early = std::any_of(holds_.begin(), holds_.end(), [&](const auto& each) {
      const Terms& hold = each.second;
      const bool heeded =
          ended.place.category != v1::DATA_CATEGORY_RECORDING || hold.placed < DueAfter(ended.place.due) - kLeadWindow;
      return heeded && CoversOne(hold, ended.place.pbx, ended.place.meeting_id) == Cover::kYes;
    });
    if (early) places.push_back(ended.place);
  }
  return places;
}

}  // namespace retention::simulation
