#include "tests/simulation/model.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {
namespace {

using Category = v1::DataCategory;

constexpr absl::Duration kClocksDiffer = absl::Minutes(5);

// Categories that are erased together with a deleted meeting.
bool EndsWithMeeting(Category category) { return category != v1::DATA_CATEGORY_RECORDING; }

bool OfPoll(const v1::Event& event) {
  return event.has_poll_created() || event.has_poll_answered() || event.has_poll_deleted();
}

}  // namespace

bool Model::Visible(const MeetingModel& meeting, absl::Time now) {
  return meeting.stored && !meeting.lost && !meeting.At(now).deleted;
}

void Model::Over(MeetingModel& meeting) {
  // It ran for two months, and nobody is left to file its values anew: they end by the day of the end that was likely.
  const MeetingState state = meeting.At(absl::InfinitePast());
  for (PlantedValue& value : meeting.values) {
    const auto likely = LikelyDayOf(value, state, policy_);
    if (!likely.has_value() || value.held == Held::kNo) continue;
    value.held = Held::kUnsure;
    fuzzy_.insert({value.due, value.category});
    fuzzy_.insert({*likely, value.category});
  }
  meeting.events.clear();
  meeting.stored = false;
}

void Model::Lose(MeetingModel& meeting) {
  meeting.lost = true;
  fuzzy_.insert({meeting.history_due, v1::DATA_CATEGORY_HISTORY});
  for (PlantedValue& value : meeting.values) {
    if (value.held == Held::kNo) continue;
    value.held = Held::kUnsure;
    fuzzy_.insert({value.due, value.category});
  }
}

void Model::AdvanceTo(absl::Time now) {
  holds_.AdvanceTo(now);
  by_time_ = true;
  for (auto& [pbx_id, pbx] : pbxs_) {
    for (auto& [id, meeting] : pbx.meetings) {
      for (PlantedValue& value : meeting.values) {
        if (value.category == v1::DATA_CATEGORY_PDF_SHARE) continue;
        const bool over = value.category == v1::DATA_CATEGORY_FILE_SHARE && now >= value.ends;
        if (over || now >= DueAfter(value.due)) {
          meeting.was_due |= !IsObject(value.category);
          EndValue(pbx_id, value);
          // The review of its meeting may come before the end of its day.
          const bool reviewed = meeting.stored && LikelyDayOf(value, meeting.At(now), policy_).has_value();
          if (reviewed) holds_.NoteTouched(pbx.number, id);
        }
        // Nobody reviewed the meeting for a week: the value may have ended by the day of its likely end.
        if (!meeting.stored || value.held != Held::kYes || !policy_.RunsFromEnd(value.category)) continue;
        const auto likely = LikelyDayOf(value, meeting.At(now), policy_);
        if (likely.has_value() && now >= DueAfter(*likely) - kLeadWindow) value.held = Held::kUnsure;
      }
      if (meeting.stored && now >= DueAfter(meeting.history_due)) Over(meeting);
    }
  }
  EndOverPbxs(now);
  by_time_ = false;
}

Prediction Model::Record(const std::vector<v1::Event>& batch, absl::Time now) {
  AdvanceTo(now);
  Prediction prediction;
  std::set<std::pair<std::string, std::string>> touched;
  std::vector<size_t> waiting;  // answers whose poll may come behind them
  const auto answer = [&] {
    for (const size_t i : std::exchange(waiting, {})) {
      if (Take(batch[i], now, prediction, touched).has_value()) continue;
      prediction.rejections.erase(static_cast<int>(i));
    }
  };
  for (size_t i = 0; i < batch.size(); ++i) {
    if (OfPbx(batch[i]) || batch[i].has_poll_deleted()) answer();
    if (const auto reason = Take(batch[i], now, prediction, touched); reason.has_value()) {
      prediction.rejections.emplace(static_cast<int>(i), *reason);
      if (*reason == v1::REJECTION_REASON_POLL_UNKNOWN) waiting.push_back(i);
    }
  }
  answer();
  SettleAll(touched, now, prediction);
  return prediction;
}

void Model::SettleAll(std::set<std::pair<std::string, std::string>>& touched, absl::Time now, Prediction& prediction) {
  for (const auto& [pbx_id, meeting_id] : touched) {
    PbxModel& pbx = pbxs_.at(pbx_id);
    MeetingModel& meeting = pbx.meetings.at(meeting_id);
    holds_.NoteTouched(pbx.number, meeting_id);
    Settle(pbx_id, meeting, now, prediction);
    if (!meeting.stored && meeting.values.empty()) pbx.meetings.erase(meeting_id);
  }
  touched.clear();
}

bool Model::IsOfFormer(const v1::Event& event, absl::Time now) const {
  const auto former = former_ends_.find(event.pbx_id());
  return former != former_ends_.end() && now < DueAfter(former->second.second) &&
         absl::FromUnixMicros(Us(event.time())) + kClocksDiffer < former->second.first;
}

bool Model::Refuses(const v1::Event& event, absl::Time now) const {
  return absl::FromUnixMicros(Us(event.time())) > now + kClocksDiffer || IsOfFormer(event, now);
}

std::optional<Model::Reason> Model::Take(const v1::Event& event, absl::Time now, Prediction& prediction,
                                         std::set<std::pair<std::string, std::string>>& touched) {
  if (absl::FromUnixMicros(Us(event.time())) > now + kClocksDiffer) return v1::REJECTION_REASON_FROM_FUTURE;
  // Malformed events of the workload say so by their id.
  if (event.event_id().rfind("malformed-", 0) == 0) {
    OrderAway(event, now);
    return v1::REJECTION_REASON_INVALID_FIELD;
  }
  // What happens to a PBX happens after all that the batch said before.
  if (OfPbx(event)) SettleAll(touched, now, prediction);
  const auto found = pbxs_.find(event.pbx_id());
  const int64_t time_us = Us(event.time());
  const bool came_before = OfPbx(event) && CameBefore(event, now);
  const auto note_came = [&](Came& came, const std::string& of) { came[{of, event.event_id()}] = DayAt(now); };
  const bool is_former = IsOfFormer(event, now);
  if (is_former && OfPbx(event) && !came_before && (found != pbxs_.end() || event.has_pbx_synced())) {
    if (found != pbxs_.end() && !event.has_pbx_synced()) {
      found->second.life.contact = std::max(found->second.life.contact, DayAt(now));
    }
    return v1::REJECTION_REASON_PBX_UNKNOWN;
  }
  if (event.has_pbx_synced() && !came_before) {
    note_came(came_, event.pbx_id());
    ++(SyncPbx(event.pbx_id(), event.pbx_synced(), time_us, now).has_value() ? prediction.accepted
                                                                             : prediction.duplicates);
    return std::nullopt;
  }
  if (found == pbxs_.end() && event.has_pbx_synced()) {
    ++prediction.duplicates;  // it does not bring the PBX back
    return std::nullopt;
  }
  if (found == pbxs_.end() || (is_former && !OfPbx(event))) {
    OrderAway(event, now);
    return v1::REJECTION_REASON_PBX_UNKNOWN;
  }
  PbxModel& pbx = found->second;
  pbx.life.contact = std::max(pbx.life.contact, DayAt(now));
  if (OfPbx(event)) {
    if (!came_before) note_came(came_, event.pbx_id());
    const bool fresh = !came_before && TakePbxEvent(pbx, event);
    ++(fresh ? prediction.accepted : prediction.duplicates);
    return std::nullopt;
  }
  // Whatever is said of it, it is refiled first.
  if (refiled_from_.has_value()) holds_.NoteTouched(pbx.number, event.meeting_id());
  if (OfPoll(event)) return TakePollEvent(event.pbx_id(), pbx, event, now, prediction, touched);
  bool touches = false;
  const auto reason = TakeMeetingEvent(pbx, event, now, prediction, touches);
  if (touches) touched.insert({event.pbx_id(), event.meeting_id()});
  return reason;
}

// The object of an event that is refused is ordered away: once, though the batch is sent again for want of an answer.
void Model::OrderAway(const v1::Event& event, absl::Time now) {
  const std::string room = event.pbx_id() + "\n" + event.meeting_id();
  if (CameBefore(ordered_away_, room, event.event_id(), now)) return;
  ordered_away_[{room, event.event_id()}] = DayAt(now);
  const auto order = [&](Category category, const std::string& ref) {
    const PlantedObject object{category, event.pbx_id(), ref};
    planted_[object] += 1;
    gone_objects_.insert(object);
    ended_objects_.insert(object);
  };
  if (event.has_recording_created()) order(v1::DATA_CATEGORY_RECORDING, event.recording_created().object_ref());
  if (event.has_file_shared()) order(v1::DATA_CATEGORY_FILE_SHARE, event.file_shared().object_ref());
  if (event.has_pdf_shared()) order(v1::DATA_CATEGORY_PDF_SHARE, event.pdf_shared().object_ref());
}

std::optional<Model::Reason> Model::TakeMeetingEvent(PbxModel& pbx, const v1::Event& event, absl::Time now,
                                                     Prediction& prediction, bool& touched) {
  const auto found = pbx.meetings.find(event.meeting_id());
  if ((found != pbx.meetings.end() && found->second.events.contains(event.event_id())) ||
      CameBefore(pbx.came, event.meeting_id(), event.event_id(), now)) {
    ++prediction.duplicates;
    return std::nullopt;
  }
  if (event.has_chat_message_sent() &&
      (found == pbx.meetings.end() || !found->second.ProtocolledAt(Us(event.time())))) {
    return v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED;
  }
  const bool of_course = event.has_meeting_started() || event.has_meeting_ended() || event.has_participant_joined() ||
                         event.has_participant_left() || event.has_participant_reconnected() ||
                         event.has_media_quality_sampled();
  if (of_course && now >= DueAfter(policy_.LastDay(v1::DATA_CATEGORY_HISTORY, DayAtUs(Us(event.time()))))) {
    // Collected too long ago to be history: none of it is stored, and the meeting is not dragged there.
    MeetingModel scratch = NewMeeting();
    Plant(scratch, event);
    pbx.came[{event.meeting_id(), event.event_id()}] = DayAt(now);
    ++prediction.accepted;
    prediction.past_due_min += static_cast<uint32_t>(1 + scratch.values.size());
    prediction.past_due_max += static_cast<uint32_t>(1 + scratch.values.size());
    return std::nullopt;
  }
  MeetingModel& meeting = MeetingOf(pbx, event.meeting_id());
  meeting.events.emplace(event.event_id(), event);
  if (event.has_meeting_deleted()) {
    const absl::CivilDay day = DayAtUs(Us(event.time()));
    orphans_.push_back(
        {.collected = day, .due = policy_.LastDay(v1::DATA_CATEGORY_HISTORY, day), .events = 1, .sure = true});
  }
  const std::string& number = event.has_meeting_scheduled() ? event.meeting_scheduled().organizer_extension()
                                                            : event.meeting_started().organizer_extension();
  if (const Person person = pbx.extensions.Named(number, event.extension_id(), Us(event.time())); person != 0) {
    meeting.organizers[event.event_id()] = person;
  }
  Plant(meeting, event);
  NotePast(meeting, now);
  touched = true;
  ++prediction.accepted;
  return std::nullopt;
}

// Events of one batch count as one moment, but nothing forbids to take them one by one: a value that would have ended
// in between is unsure.
void Model::NotePast(MeetingModel& meeting, absl::Time now) {
  const MeetingState state = meeting.At(now);
  for (PlantedValue& value : meeting.values) {
    if (value.held == Held::kNo || value.category == v1::DATA_CATEGORY_PDF_SHARE) continue;
    const bool over = value.category == v1::DATA_CATEGORY_FILE_SHARE && now >= state.FileEnd(value.time_us);
    const bool past = over || now >= DueAfter(LastDayOf(value, state, policy_));
    value.was_past |= past || (state.deleted && value.fresh && EndsWithMeeting(value.category));
    value.always_past &= past;
  }
}

void Model::Settle(const std::string& pbx_id, MeetingModel& meeting, absl::Time now, Prediction& prediction) {
  const MeetingState state = meeting.At(now);
  const absl::CivilDay history_due = policy_.LastDay(v1::DATA_CATEGORY_HISTORY, state.CollectionDay());
  const auto prune = [&] { std::erase_if(meeting.values, [](const auto& value) { return value.held == Held::kNo; }); };
  if (now >= DueAfter(history_due) && !meeting.stored) {
    // All of it is long over: nothing is kept, and the meeting stays unknown.
    prediction.past_due_max += static_cast<uint32_t>(meeting.HistorySize() + meeting.values.size());
    for (PlantedValue& value : meeting.values) {
      if (!value.fresh) continue;
      // What lives longer than its meeting's history may lie there, and nobody comes by it.
      value.due = LastDayOf(value, state, policy_);
      const auto likely = LikelyDayOf(value, state, policy_);
      value.held = value.due != NoDay() && now >= DueAfter(value.due) ? Held::kNo : Held::kUnsure;
      value.fresh = false;
      fuzzy_.insert({value.due, value.category});
      fuzzy_.insert({likely.value_or(value.due), value.category});
    }
    for (const auto& [event_id, event] : meeting.events) {
      pbxs_[pbx_id].came[{event.meeting_id(), event_id}] = DayAt(now);
    }
    meeting.events.clear();
    return prune();
  }
  const bool history_unsure = now >= DueAfter(history_due) - kLeadWindow;
  const bool reborn_among_old_values =
      !meeting.stored && std::any_of(meeting.values.begin(), meeting.values.end(), [](const PlantedValue& value) {
        return !value.fresh && value.category != v1::DATA_CATEGORY_PDF_SHARE;
      });
  if (meeting.stored && history_unsure) fuzzy_.insert({meeting.history_due, v1::DATA_CATEGORY_HISTORY});
  meeting.history_due = history_due;
  meeting.stored = true;
  meeting.organizer = state.organizer;
  meeting.files_end = state.FilesEnd();
  const PbxModel& pbx = pbxs_[pbx_id];
  const bool organizer_removed = pbx.extensions.IsRemoved(state.organizer);
  for (PlantedValue& value : meeting.values) {
    if (value.held == Held::kNo) continue;
    if (!value.plan.empty() && value.plan != state.plan) {
      // The meeting was planned again. What only came after that was never stored.
      if (value.fresh) value.held = Held::kNo;
      EndValue(pbx_id, value);
      continue;
    }
    const absl::CivilDay before = value.due;
    const absl::CivilDay due = LastDayOf(value, state, policy_);
    const bool over = value.category == v1::DATA_CATEGORY_FILE_SHARE && now >= state.FileEnd(value.time_us);
    const bool past = over || (due != NoDay() && now >= DueAfter(due));
    const bool deleted = state.deleted && EndsWithMeeting(value.category);
    const bool closing = due != NoDay() && now >= DueAfter(due) - kLeadWindow && (value.fresh || before != due);
    value.due = due;
    if (value.category == v1::DATA_CATEGORY_FILE_SHARE) value.ends = state.FileEnd(value.time_us);
    if (value.category == v1::DATA_CATEGORY_PDF_SHARE && organizer_removed) {
      // The extension that scheduled the meeting has gone before.
      if (value.fresh) ++prediction.past_due_max;
      EndValue(pbx_id, value);
    } else if (past || deleted) {
      if (value.fresh) {
        ++prediction.past_due_max;
        if (past && value.always_past && !deleted) ++prediction.past_due_min;
      }
      EndValue(pbx_id, value);
    } else if (closing || value.was_past) {
      value.held = Held::kUnsure;
      fuzzy_.insert({due, value.category});
      if (!value.fresh) fuzzy_.insert({before, value.category});
      if (value.fresh) ++prediction.past_due_max;
    }
    value.fresh = false;
    value.was_past = false;
  }
  if (history_unsure || reborn_among_old_values) {
    prediction.past_due_max += static_cast<uint32_t>(meeting.HistorySize());
    Lose(meeting);
  }
  prune();
}

Model::Buckets Model::ExpectedValues() const {
  Buckets buckets;
  for (const Orphan& orphan : orphans_) {
    buckets[{orphan.due, v1::DATA_CATEGORY_HISTORY}].Add(orphan.events, orphan.sure);
  }
  for (const auto& [pbx_id, pbx] : pbxs_) {
    buckets[{NoDay(), v1::DATA_CATEGORY_PBX_SYNC}].Add(1 + pbx.extensions.held().size(), true);
    for (const auto& [id, poll] : pbx.polls) {
      buckets[{NoDay(), v1::DATA_CATEGORY_POLL}].Add(1 + poll.answers.size(), true);
    }
    for (const auto& [id, meeting] : pbx.meetings) {
      if (meeting.stored) {
        buckets[{meeting.history_due, v1::DATA_CATEGORY_HISTORY}].Add(meeting.HistorySize(), !meeting.lost);
      }
      const MeetingState state = meeting.stored ? meeting.At(absl::InfinitePast()) : MeetingState();
      for (const PlantedValue& value : meeting.values) {
        if (value.held == Held::kNo) continue;
        const auto likely = LikelyDayOf(value, state, policy_);
        buckets[{value.due, value.category}].Add(1, value.held == Held::kYes && !likely.has_value());
        if (likely.has_value()) buckets[{*likely, value.category}].Add(1, false);
      }
    }
  }
  return buckets;
}

std::set<PlantedObject> Model::LivingObjects(absl::Time now) const {
  std::set<PlantedObject> living;
  for (const auto& [pbx_id, pbx] : pbxs_) {
    for (const auto& [id, meeting] : pbx.meetings) {
      for (const PlantedValue& value : meeting.values) {
        if (!IsObject(value.category) || value.held != Held::kYes || meeting.lost) continue;
        // Orders go out in the lead window, so that the object is gone by its due instant.
        if (value.due != NoDay() && now >= DueAfter(value.due) - kLeadWindow) continue;
        // A PBX that came back may be sent again what its predecessor had.
        const PlantedObject object{value.category, pbx_id, value.text};
        if (!gone_objects_.contains(object)) living.insert(object);
      }
    }
  }
  return living;
}

}  // namespace retention::simulation
