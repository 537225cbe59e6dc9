#include "server/recording/touched_meetings.h"

#include <algorithm>

#include "server/base/field_checks.h"
#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

// What a group brings for one of many meetings that go on at once.
constexpr size_t kFewEvents = 4;

auto& CutAt(auto& room, const Meeting* place) {
  return place == nullptr ? room.cut : room.fixed.at(OccurrenceOf(place->id));
}

}  // namespace

absl::Status TouchedMeetings::EndUnreadable(const FiledKey& key, std::string_view envelope) {
  change_.DropUnread(key, envelope, deletion_reason_);
  // What is left of its room is read anew.
  change_.ThenDo([cache = &cache_, pbx = key.pbx, room = RoomOf(key.owner)] { cache->Forget(pbx, room); });
  return absl::OkStatus();
}

absl::StatusOr<TouchedRoom*> TouchedMeetings::Touch(const PbxId& pbx, const v1::Event& event) {
  if (last_ != nullptr && last_->room->pbx == pbx && last_->meeting_id == event.meeting_id()) return last_;
  if (const auto known = by_name_.find({pbx, event.meeting_id()}); known != by_name_.end()) {
    return last_ = known->second;
  }
  // Of what began after the deletion damage stays damage: it is not deleted.
  const int64_t deleted_s = event.has_time() ? MicrosOf(event.time()) / 1000000 : INT64_MAX;
  const auto end = [&](const FiledKey& key, std::string_view envelope, const absl::Status& why) {
    return FoundedSecond(key.owner) <= deleted_s ? EndUnreadable(key, envelope) : why;
  };
  auto room = event.has_meeting_deleted() ? cache_.FindToDelete(pbx, event.meeting_id(), change_.last_due(), end)
                                          : cache_.Find(pbx, event.meeting_id(), change_.last_due());
  if (!room.ok()) return room.status();
  last_ = all_.emplace_back(std::make_unique<TouchedRoom>(together_)).get();
  last_->room = *room;
  last_->meeting_id = event.meeting_id();
  last_->pbx_id = event.pbx_id();
  last_->fresh.reserve(kFewEvents);
  by_name_.emplace(std::make_pair(pbx, std::string_view(last_->meeting_id)), last_);
  cache_.Edit(**room, change_);
  return last_;
}

absl::StatusOr<RoomCut*> TouchedMeetings::CutOf(TouchedRoom& touched, const Meeting& fixed, const v1::Event& event) {
  const uint64_t occurrence = OccurrenceOf(fixed.id);
  if (event.has_meeting_deleted()) {
    touched.unreadable.erase(occurrence);
    return cache_.CutOf(*touched.room, fixed, [&](const FiledKey& key, std::string_view envelope, const absl::Status&) {
      return EndUnreadable(key, envelope);
    });
  }
  const auto known = touched.unreadable.find(occurrence);
  if (known != touched.unreadable.end()) return known->second;
  auto own = cache_.CutOf(*touched.room, fixed);
  if (!own.ok() && IsUnreadable(own.status())) touched.unreadable.emplace(occurrence, own.status());
  return own;
}

absl::StatusOr<bool> TouchedMeetings::Contains(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint) {
  if (touched.room->cut.Contains(fingerprint)) return true;
  const int64_t time_us = MicrosOf(event.time());
  if (event.has_pdf_shared()) {
    // One that is damaged has no say beyond its span.
    for (const Meeting* near : touched.room->AllFixedNear(time_us)) {
      const auto events = CutOf(touched, *near, event);
      if (!events.ok() && !IsUnreadable(events.status())) return events.status();
      if (events.ok() && (*events)->Contains(fingerprint)) return true;
    }
  }
  for (const Meeting* fixed : touched.room->AllFixedAt(time_us)) {
    const auto events = CutOf(touched, *fixed, event);
    if (!events.ok()) return events.status();
    if ((*events)->Contains(fingerprint)) return true;
  }
  return false;
}

const Meeting* TouchedMeetings::PlaceOf(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint) const {
  Room& room = *touched.room;
  if (room.fixed.empty()) return nullptr;
  const RoomEvent of_room = BareRoomEventOf(event, fingerprint, room, vault_);
  const Meeting* place = event.has_pdf_shared() ? room.ShownIn(of_room) : room.FixedAt(of_room);
  if (place == nullptr || !Speaks(of_room.kind)) return place;
  // Who is known to be in a later sitting leaves that one.
  room.cut.Settle();
  return room.cut.Knows(of_room) ? nullptr : place;
}

void TouchedMeetings::AddToCourse(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint,
                                  const Meeting* place, const NamedExtension& named, v1::RecordResult& result) {
  Room& room = *touched.room;
  FreshEvent fresh{
      .entry = CourseEventOf(event, fingerprint, named, room, vault_, policy_.statistics(), touched.course),
      .event = &event,
      .result = &result,
      .named = named,
      .fixed = 0,
      .values = {}};
  fresh.entry.with_recordings = fresh.entry.kind == stored::v1::CourseEntry::KIND_DELETED && touched.deletes_recordings;
  if (place != nullptr) {
    fresh.entry.sitting = room.NameIn(*place, touched.course.RoomEventOf(fresh.entry));
  }
  RoomEvent of_room = touched.course.RoomEventOf(fresh.entry);
  of_room.organizer = room.OrganizerNumber(touched.course.Text(fresh.entry.plan.organizer));
  fresh.over = room.OverAt(of_room);
  if (fresh.over == 0 && IsOverByItself(of_room)) {
    fresh.over = OccurrenceNumber(vault_, room.pbx, room.id, of_room.time_us, of_room.id);
  }
  if (fresh.over != 0) {
    touched.fresh.push_back(std::move(fresh));
    return;
  }
  if (place != nullptr) fresh.fixed = OccurrenceOf(place->id);
  room.Add(of_room, place);
  touched.fresh.push_back(std::move(fresh));
}

bool TouchedMeetings::IsFull(const Room& room, const Meeting* place, const v1::Event& event) {
  return IsFull(CutAt(room, place).load(), event);
}

bool TouchedMeetings::IsFull(const RoomCut::Load& load, const v1::Event& event) {
  if (event.has_meeting_deleted()) return false;
  if (event.has_media_quality_sampled()) return load.quality_samples >= kMaxQualitySamples;
  if (load.in_memory >= kMaxRoomEvents) return true;
  switch (event.payload_case()) {
    case v1::Event::kParticipantLeft:
    case v1::Event::kMeetingEnded:
    case v1::Event::kParticipantUninvited:
    case v1::Event::kRecordingCreated:
    case v1::Event::kPdfShared:
    case v1::Event::kFileShared:
      return load.events >= kMaxMeetingEvents + kMaxEndingEvents;
    default:
      return load.events >= kMaxMeetingEvents;
  }
}

bool TouchedMeetings::IsCollectedInTime(int64_t time_us) {
  const absl::CivilDay day = DayOf(absl::FromUnixMicros(time_us), policy_.zone());
  if (!collected_in_time_.has_value() || collected_in_time_->first != day) {
    const DueDay due(LastDayOf(day, policy_.rule(kHistory).period));
    collected_in_time_.emplace(day, change_.TakesMoved(due));
  }
  return collected_in_time_->second;
}

bool TouchedMeetings::IsOverByItself(const RoomEvent& event) {
  switch (event.kind) {
    case RoomEventKind::kScheduled:
    case RoomEventKind::kRescheduled:
      return !IsCollectedInTime(event.time_us) && event.planned_start_us < absl::ToUnixMicros(change_.now());
    case RoomEventKind::kShared:
    case RoomEventKind::kFile:
    case RoomEventKind::kRecorded:
    case RoomEventKind::kJoinFailed:
      return !IsCollectedInTime(event.time_us);
    default:
      return false;
  }
}

bool TouchedMeetings::IsOver(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint) const {
  if (touched.room->over.empty()) return false;
  return touched.room->OverAt(BareRoomEventOf(event, fingerprint, *touched.room, vault_)) != 0;
}

bool TouchedMeetings::IsProtocolled(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint,
                                    const Meeting* place) const {
  RoomCut& cut = CutAt(*touched.room, place);
  cut.Settle();
  RoomEvent said = BareRoomEventOf(event, fingerprint, *touched.room, vault_);
  if (place != nullptr) said.sitting = touched.room->NameIn(*place, said);
  return cut.IsProtocolledAt(said);
}

}  // namespace retention
