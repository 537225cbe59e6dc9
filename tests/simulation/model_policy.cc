// The oracle's changes of policy: what another policy does to what is held.
#include <algorithm>
#include <utility>

#include "tests/simulation/calendar.h"
#include "tests/simulation/model.h"

namespace retention::simulation {
namespace {

bool IsOver(absl::CivilDay day, absl::Time now) { return now >= DueAfter(day); }
// It may be closed: it takes no more recordings, and the portal has the orders for its own.
bool MayBeClosed(absl::CivilDay day, absl::Time now) { return now >= DueAfter(day) - kLeadWindow; }

CutRules RulesOf(const PolicyModel& policy) { return *ParseCutRules(policy.text().cut()); }

}  // namespace

Model::Model(PolicyModel policy) : policy_(std::move(policy)), cuts_(RulesOf(policy_)) {}

Held Model::Shown(const PlantedValue& value, absl::Time now) const {
  const bool hidden = refiled_from_.has_value() && now >= value.hidden_from;
  return hidden && value.held == Held::kYes ? Held::kUnsure : value.held;
}

bool Model::MayBeHidden(const MeetingModel& meeting, absl::Time now) const {
  return refiled_from_.has_value() && now >= meeting.hidden_from;
}

absl::Time Model::FirstHidden() const {
  absl::Time first = absl::InfiniteFuture();
  if (!refiled_from_.has_value()) return first;
  for (const auto& [pbx_id, pbx] : pbxs_) {
    for (const auto& [id, meeting] : pbx.meetings) {
      if (meeting.stored) first = std::min(first, meeting.hidden_from);
      for (const PlantedValue& value : meeting.values) {
        if (value.held == Held::kYes) first = std::min(first, value.hidden_from);
      }
    }
  }
  return first;
}

void Model::ApplyPolicy(const PolicyModel& next, absl::Time since, absl::Time now) {
  AdvanceTo(now);
  cuts_ = cuts_.Then(since, RulesOf(next));
  const PolicyModel before = std::exchange(policy_, next);
  refiled_from_ = before;
  ended_by_policy_.clear();
  by_time_ = policy_ends_now_ = true;
  const std::set<Bucket> fuzzy = fuzzy_;
  for (const auto& [day, category] : fuzzy) {
    if (day == NoDay() || !next.Differs(before, category)) continue;
    for (const absl::CivilDay shifted : before.Shifted(category, day, next)) fuzzy_.insert({shifted, category});
  }
  ApplyToOrphans(before, now);
  for (auto& [pbx_id, pbx] : pbxs_) {
    for (auto& [id, meeting] : pbx.meetings) {
      meeting.cuts = cuts_;
      const MeetingState state = meeting.At(now);
      for (PlantedValue& value : meeting.values) {
        const bool was_held = value.held != Held::kNo;
        ApplyToValue(pbx_id, meeting, state, before, value, now);
        meeting.was_due |= was_held && value.held == Held::kNo && !IsObject(value.category);
      }
      if (meeting.stored) ApplyToHistory(meeting, state, now);
    }
  }
  policy_ends_now_ = false;
  EndOverPbxs(now);
  by_time_ = false;
}

void Model::NoteRefileBegun() {
  if (refiled_from_.has_value()) holds_.NoteRefileBegun();
}

void Model::NoteRefiled() {
  refiled_from_.reset();
  holds_.NoteRefiled();
  for (auto& [pbx_id, pbx] : pbxs_) {
    for (auto& [id, meeting] : pbx.meetings) {
      meeting.hidden_from = absl::InfiniteFuture();
      for (PlantedValue& value : meeting.values) value.hidden_from = absl::InfiniteFuture();
    }
  }
}

void Model::ApplyToOrphans(const PolicyModel& before, absl::Time now) {
  std::erase_if(orphans_, [now](const Orphan& orphan) { return IsOver(orphan.due, now); });
  if (!policy_.Differs(before, v1::DATA_CATEGORY_HISTORY)) return;
  for (Orphan& orphan : orphans_) {
    const absl::CivilDay due = policy_.LastDay(v1::DATA_CATEGORY_HISTORY, orphan.collected);
    if (fuzzy_.contains({orphan.due, v1::DATA_CATEGORY_HISTORY})) fuzzy_.insert({due, v1::DATA_CATEGORY_HISTORY});
    orphan.due = due;
    if (orphan.sure && IsOver(due, now)) ended_by_policy_[v1::DATA_CATEGORY_HISTORY] += orphan.events;
  }
  std::erase_if(orphans_, [now](const Orphan& orphan) { return IsOver(orphan.due, now); });
}

void Model::ApplyToHistory(MeetingModel& meeting, const MeetingState& state, absl::Time now) {
  meeting.files_end = state.FilesEnd();
  const absl::CivilDay held =
      std::exchange(meeting.history_due, policy_.LastDay(v1::DATA_CATEGORY_HISTORY, state.CollectionDay()));
  if (meeting.lost) fuzzy_.insert({meeting.history_due, v1::DATA_CATEGORY_HISTORY});
  if (meeting.history_due > held) meeting.hidden_from = DueAfter(held);
  if (!IsOver(meeting.history_due, now)) return;
  if (!meeting.lost) ended_by_policy_[v1::DATA_CATEGORY_HISTORY] += meeting.HistorySize();
  Over(meeting);
}

void Model::ApplyToValue(const std::string& pbx_id, const MeetingModel& meeting, const MeetingState& state,
                         const PolicyModel& before, PlantedValue& value, absl::Time now) {
  const v1::DataCategory category = value.category;
  const bool recording = category == v1::DATA_CATEGORY_RECORDING;
  if (value.held == Held::kNo || category == v1::DATA_CATEGORY_PDF_SHARE) return;
  if (!policy_.Differs(before, category)) return;  // as ever of files, which end with their meeting
  const absl::CivilDay held = value.due;
  const std::set<absl::CivilDay> shifted = before.Shifted(category, held, policy_);
  absl::CivilDay due = meeting.stored || recording ? LastDayOf(value, state, policy_)
                       : shifted.empty()           ? absl::CivilDay::min()
                                                   : std::min(held, *shifted.begin());
  if (value.held == Held::kUnsure) {
    // Wherever it lies, nobody relies on it.
    if (meeting.lost) {
      due = std::max({due, held, shifted.empty() ? held : *shifted.rbegin()});
    }
    fuzzy_.insert({due, category});
  }
  if (IsOver(due, now)) {
    if (value.held == Held::kYes) ++ended_by_policy_[category];
    return EndValue(pbx_id, value);
  }
  if (recording && ((due > held && MayBeClosed(held, now)) || (due < held && MayBeClosed(due, now)))) {
    // It goes with the day for which it was ordered, or at once.
    value.held = Held::kUnsure;
    fuzzy_.insert({held, category});
    fuzzy_.insert({due, category});
  }
  const absl::CivilDay lies = std::min(held, LikelyDayOf(value, state, before).value_or(held));
  if (due > lies) value.hidden_from = DueAfter(lies);
  value.due = due;
  const auto likely = LikelyDayOf(value, state, policy_);
  if (value.held == Held::kUnsure && likely.has_value()) fuzzy_.insert({*likely, category});
}

std::map<v1::DataCategory, Model::Moves> Model::MovesUnder(const PolicyModel& next, absl::Time now) const {
  std::map<v1::DataCategory, Moves> moves;
  const auto add = [&](v1::DataCategory category, absl::CivilDay from, absl::CivilDay to, uint64_t values, bool sure) {
    if (from == to) return;
    Moves& of_category = moves[category];
    (IsOver(to, now) ? of_category.gone : to < from ? of_category.earlier : of_category.later).Add(values, sure);
  };
  // Nobody knows of what one is unsure where it goes.
  const auto add_anyhow = [&](v1::DataCategory category) {
    for (Range* range : {&moves[category].gone, &moves[category].earlier, &moves[category].later}) range->Add(1, false);
  };
  // Until its likely day is over, a running meeting is filed by it.
  const auto day_of = [now](const PlantedValue& value, const MeetingState& state, const PolicyModel& policy) {
    const auto likely = state.LikelyEndDay();
    const bool by_likely = likely.has_value() && !IsOver(*likely, now) && policy.RunsFromEnd(value.category);
    return by_likely ? policy.LastDay(value.category, *likely) : LastDayOf(value, state, policy);
  };
  for (const Orphan& orphan : orphans_) {
    if (IsOver(orphan.due, now)) continue;
    const absl::CivilDay to = next.LastDay(v1::DATA_CATEGORY_HISTORY, orphan.collected);
    add(v1::DATA_CATEGORY_HISTORY, orphan.due, to, orphan.events, orphan.sure);
  }
  for (const auto& [pbx_id, pbx] : pbxs_) {
    for (const auto& [id, meeting] : pbx.meetings) {
      const MeetingState state = meeting.At(now);
      if (meeting.stored) {
        add(v1::DATA_CATEGORY_HISTORY, meeting.history_due,
            next.LastDay(v1::DATA_CATEGORY_HISTORY, state.CollectionDay()), meeting.HistorySize(), !meeting.lost);
      }
      for (const PlantedValue& value : meeting.values) {
        const bool recording = value.category == v1::DATA_CATEGORY_RECORDING;
        if (value.held == Held::kNo || value.category == v1::DATA_CATEGORY_PDF_SHARE) continue;
        if (!next.Differs(policy_, value.category)) continue;
        absl::CivilDay from = value.due;
        absl::CivilDay to;
        if (recording) {
          to = next.LastDay(value.category, DayAtUs(value.time_us));
        } else if (meeting.stored) {
          from = day_of(value, state, policy_);
          to = day_of(value, state, next);
        } else {
          const std::set<absl::CivilDay> shifted = policy_.Shifted(value.category, from, next);
          to = shifted.empty() ? absl::CivilDay::min() : std::min(from, *shifted.begin());
        }
        const bool bound = recording && from != to && MayBeClosed(std::min(from, to), now) && !IsOver(to, now);
        if (value.held == Held::kYes && !bound) {
          add(value.category, from, to, 1, true);
        } else {
          add_anyhow(value.category);
        }
      }
    }
  }
  return moves;
}

Model::MovedEnds Model::EndsUnder(const PolicyModel& next, absl::Time now) const {
  MovedEnds moved;
  for (const auto& [pbx_id, pbx] : pbxs_) {
    const absl::Time was = OwnEndOf(pbx.life, policy_);
    const absl::Time is = OwnEndOf(pbx.life, next);
    if (is != was) ++(is <= now ? moved.gone : is < was ? moved.earlier : moved.later);
  }
  return moved;
}

}  // namespace retention::simulation
