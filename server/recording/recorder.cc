#include "server/recording/recorder.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/law/pbx_life.h"
#include "server/recording/arrivals.h"
#include "server/recording/event_cutting.h"
#include "server/recording/poll_intake.h"
#include "server/recording/touched_meetings.h"
#include "server/rows/event_memory.h"
#include "server/rows/extension_names.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "text/normal_address.h"

namespace retention {
namespace {

const char* PollIdField(const v1::Event& event) {
  return event.has_poll_created()    ? "poll_created.poll_id"
         : event.has_poll_answered() ? "poll_answered.poll_id"
                                     : "poll_deleted.poll_id";
}

// An event lies no further from the day under which its occurrence's history is filed: a plan and a sitting of their
// longest, and who came a day late.
constexpr absl::Duration kMaxOccurrenceSpan = absl::Hours(24 * (7 + 7 + 2));

// The course entry and the values that `event` would have brought.
uint32_t ValuesIn(const v1::Event& event) {
  uint32_t values = 1;
  stored::v1::Value cut;
  CutValues(event, [&](CategoryNumber) -> stored::v1::Value& {
    ++values;
    return cut;
  });
  return values;
}

// The object of an event that is refused: the portal stores it all the same.
struct RefusedObject {
  OwnerId mark;  // OrderedMark
  CategoryNumber category;
  std::string pbx_id;
  stored::v1::StoredObjectRef object;
  v1::RecordResult* result;
};

// An event that is of before the end of the PBX that had its PBX's id before. Near the end the clocks of the two may
// differ: there the order of arrival decides.
bool IsOfFormerPbx(const v1::Event& event, const std::optional<PbxRegistry::FormerPbx>& former, DueDay last_due) {
  return former.has_value() && former->until > last_due &&
         absl::FromUnixMicros(MicrosOf(event.time())) + kMaxAhead < former->end;
}

void RejectFormer(int index, v1::RecordResult& result) {
  Reject(index, v1::REJECTION_REASON_PBX_ENDED, "pbx_id", "the PBX that it is of has ended", result);
}

// Takes one part in.
class PartIntake {
 public:
  PartIntake(const Holdings& holdings, MeetingCache& cache, PbxCommands& pbxs, MeetingFiler& filer,
             ExtensionCache& extensions, Change& change)
      : holdings_(holdings),
        cache_(cache),
        pbxs_(pbxs),
        filer_(filer),
        extensions_(extensions),
        change_(change),
        meetings_(cache, holdings, change),
        polls_(holdings, pbxs, meetings_, change) {}

  // Takes all of it in and files it. An error is a failure of storage; rejections go into the results, one a run.
  absl::Status Take(const RecordPart& part, std::vector<v1::RecordResult>& results);

 private:
  absl::Status TakeEvent(const EventBatch& batch, int index, v1::RecordResult& result);
  absl::Status File(TouchedRoom& touched);
  absl::Status TakePbxEvent(const v1::Event& event, int index, const std::optional<PbxId>& pbx, bool is_former,
                            v1::RecordResult& result);
  absl::Status TakeMeetingEvent(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                                v1::RecordResult& result);
  // The last that had an id which nobody has.
  std::optional<PbxRegistry::FormerPbx> FormerOf(const std::string& pbx_id) const;
  // Whether history may hold nothing of an event, though it came before.
  bool MayBeForgotten(const v1::Event& event) const;
  absl::StatusOr<bool> IsRememberedNow(const OwnerId& mark) const;
  void RememberNow(const OwnerId& mark);
  absl::StatusOr<NamedExtension> NamedIn(const v1::Event& event, const PbxId& pbx);
  void NoteRefused(const v1::Event& event, v1::RecordResult& result);
  // Has the portal delete the objects of rejected events, once, however often they are sent; but what is held has its
  // order when it ends. After all else of the part.
  absl::Status OrderRefused();
  void AddValues(TouchedRoom& touched, const v1::Event& event);

  const Holdings& holdings_;
  MeetingCache& cache_;
  PbxCommands& pbxs_;
  MeetingFiler& filer_;
  ExtensionCache& extensions_;
  Change& change_;
  TouchedMeetings meetings_;
  std::vector<RefusedObject> refused_objects_;
  TouchedRoom* touched_ = nullptr;  // by what was taken last
  size_t grown_ = 0;                // by so many events
  PollIntake polls_;
  std::vector<PbxId> contacts_;   // in contact by this part, for the first time today
  std::set<OwnerId> remembered_;  // by the change
};

absl::Status PartIntake::Take(const RecordPart& part, std::vector<v1::RecordResult>& results) {
  for (size_t run = 0; run < part.size(); ++run) {
    const auto& mended = part[run].batch->without_bad_values;
    for (auto it = mended.lower_bound(part[run].begin); it != mended.end() && it->first < part[run].end; ++it) {
      RejectValues(it->first, it->second, results[run]);
    }
  }
  const auto take = [&](const std::vector<Arrival>& arrivals) -> absl::Status {
    for (const Arrival& arrival : arrivals) {
      absl::Status taken = TakeEvent(*part[arrival.run].batch, arrival.index, results[arrival.run]);
      if (!taken.ok()) return taken;
    }
    return absl::OkStatus();
  };
  const Arrivals arrivals = InOrderOfRooms(part);
  if (absl::Status s = take(arrivals.of_polls); !s.ok()) return s;
  if (absl::Status s = polls_.Finish(); !s.ok()) return s;
  for (const std::vector<Arrival>& of_room : arrivals.of_rooms) {
    touched_ = nullptr;
    if (absl::Status s = take(of_room); !s.ok()) return s;
    if (touched_ == nullptr) continue;
    if (absl::Status s = File(*touched_); !s.ok()) return s;
  }
  for (const auto& touched : meetings_.all()) {
    if (absl::Status s = File(*touched); !s.ok()) return s;
  }
  if (absl::Status s = take(arrivals.refused); !s.ok()) return s;
  if (absl::Status s = OrderRefused(); !s.ok()) return s;
  for (v1::RecordResult& result : results) {
    std::stable_sort(result.mutable_rejections()->begin(), result.mutable_rejections()->end(),
                     [](const v1::Rejection& a, const v1::Rejection& b) { return a.index() < b.index(); });
  }
  pbxs_.NoteContacts(contacts_, change_);
  change_.ThenDo([cache = &cache_, grown = grown_] { cache->Trim(grown); });
  return absl::OkStatus();
}

absl::Status PartIntake::File(TouchedRoom& touched) {
  if (touched.filed) return absl::OkStatus();
  touched.filed = true;
  grown_ += touched.fresh.size();
  absl::Status filed = filer_.File(touched, change_);
  // Freed while it is at hand.
  touched.fresh = {};
  touched.course = {};
  return filed;
}

absl::Status PartIntake::TakeEvent(const EventBatch& batch, int index, v1::RecordResult& result) {
  const v1::Event& event = batch.EventAt(index);
  if (const auto& failed = batch.rejected[static_cast<size_t>(index)]; failed.has_value()) {
    Reject(index, failed->reason(), failed->field(), failed->description(), result);
    if (failed->reason() != v1::REJECTION_REASON_FROM_FUTURE) NoteRefused(event, result);
    return absl::OkStatus();
  }
  const auto known = holdings_.registry.FindKnown(event.pbx_id(), change_.now());
  const bool is_of_pbx = IsOfPbx(event.payload_case());
  const bool is_former =
      IsOfFormerPbx(event, known.has_value() ? known->former : FormerOf(event.pbx_id()), change_.last_due());
  if (is_former && !is_of_pbx) {
    RejectFormer(index, result);
    NoteRefused(event, result);
    return absl::OkStatus();
  }
  if (!known.has_value() && event.payload_case() != v1::Event::kPbxSynced) {
    Reject(index, v1::REJECTION_REASON_PBX_UNKNOWN, "pbx_id", "no such PBX is held", result);
    NoteRefused(event, result);
    return absl::OkStatus();
  }
  const auto pbx = known.has_value() ? std::make_optional(known->pbx) : std::nullopt;
  if (is_of_pbx) {
    if (event.payload_case() != v1::Event::kPbxSynced) contacts_.push_back(*pbx);
    return TakePbxEvent(event, index, pbx, is_former, result);
  }
  if (!holdings_.registry.HasContacted(*pbx, change_.today()) &&
      std::find(contacts_.begin(), contacts_.end(), *pbx) == contacts_.end()) {
    contacts_.push_back(*pbx);
  }
  const uint64_t fingerprint = batch.fingerprints[static_cast<size_t>(index)];
  const absl::Status taken = IsOfPoll(event.payload_case()) ? polls_.Take(event, index, fingerprint, *pbx, result)
                                                            : TakeMeetingEvent(event, index, fingerprint, *pbx, result);
  if (!IsUnreadable(taken)) return taken;
  // Damage costs itself: others' events go on.
  Reject(index, v1::REJECTION_REASON_UNREADABLE, event.meeting_id().empty() ? PollIdField(event) : "meeting_id",
         "what is held of it is damaged and cannot be read", result);
  return absl::OkStatus();
}

absl::Status PartIntake::TakePbxEvent(const v1::Event& event, int index, const std::optional<PbxId>& pbx,
                                      bool is_former, v1::RecordResult& result) {
  const OwnerId mark = PbxEventMark(holdings_.vault, event);
  const auto came_before = IsRemembered(holdings_.store, mark, change_.today());
  if (!came_before.ok()) return came_before.status();
  if (*came_before) {
    CountDuplicate(result);
    if (pbx.has_value() && event.has_pbx_synced()) contacts_.push_back(*pbx);
    return absl::OkStatus();
  }
  if (is_former) {
    RejectFormer(index, result);
    return absl::OkStatus();
  }
  Remember(mark, change_);
  const absl::Time time = absl::FromUnixMicros(MicrosOf(event.time()));
  const std::string& pbx_id = event.pbx_id();
  bool fresh = true;
  if (event.has_pbx_synced()) {
    const auto outcome = pbxs_.Sync(pbx_id, event.pbx_synced(), time, SyncMode::kAsTold, change_);
    if (!outcome.ok()) return outcome.status();
    fresh = !outcome->stale;
  } else if (event.has_extension_synced()) {
    const auto synced = pbxs_.SyncExtension(pbx_id, event.extension_synced().extension(), time, change_);
    if (!synced.ok()) return synced.status();
    fresh = *synced;
  } else {
    const auto removed = pbxs_.RemoveExtension(pbx_id, ExtensionNameOf(event), time, kReasonExtensionRemoved, change_);
    if (!removed.ok() && !IsRefusal(removed.status())) return removed.status();
    fresh = removed.ok();
  }
  fresh ? CountAccepted(result) : CountDuplicate(result);
  return absl::OkStatus();
}

absl::Status PartIntake::TakeMeetingEvent(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                                          v1::RecordResult& result) {
  auto touched = meetings_.Touch(pbx, event);
  if (!touched.ok()) return touched.status();
  touched_ = *touched;
  const auto contained = meetings_.Contains(**touched, event, fingerprint);
  if (!contained.ok()) return contained.status();
  auto came_before = *contained;
  if (!came_before && MayBeForgotten(event)) {
    const auto remembered = IsRememberedNow(MeetingEventMark(holdings_.vault, pbx, event));
    if (!remembered.ok()) return remembered.status();
    came_before = *remembered;
  }
  if (came_before) {
    CountDuplicate(result);
    return absl::OkStatus();
  }
  const Meeting* place = meetings_.PlaceOf(**touched, event, fingerprint);
  if (TouchedMeetings::IsFull(*(*touched)->room, place, event)) {
    Reject(
        index, v1::REJECTION_REASON_MEETING_FULL, "meeting_id",
        "at most 100,000 events of a meeting id, 2,000,000 samples of quality, 100,000 leaves, ends, withdrawals and "
        "objects more",
        result);
    NoteRefused(event, result);
  } else if (event.has_chat_message_sent() && !meetings_.IsOver(**touched, event, fingerprint) &&
             !meetings_.IsProtocolled(**touched, event, fingerprint, place)) {
    Reject(index, v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED, "chat_message_sent",
           "the meeting was not announced as protocolled", result);
  } else if (IsOfPresence(KindOf(event.payload_case())) && !meetings_.IsCollectedInTime(MicrosOf(event.time()))) {
    // Its own day is over: it must not drag the whole meeting there.
    RememberNow(MeetingEventMark(holdings_.vault, pbx, event));
    CountAccepted(result);
    CountPastDue(ValuesIn(event), result);
  } else {
    const auto named = NamedIn(event, pbx);
    if (!named.ok()) return named.status();
    meetings_.AddToCourse(**touched, event, fingerprint, place, *named, result);
    AddValues(**touched, event);
    // Where nothing of it is kept, nothing else tells that it came.
    if ((*touched)->fresh.back().over != 0) RememberNow(MeetingEventMark(holdings_.vault, pbx, event));
    CountAccepted(result);
  }
  return absl::OkStatus();
}

std::optional<PbxRegistry::FormerPbx> PartIntake::FormerOf(const std::string& pbx_id) const {
  const auto over = holdings_.registry.Held(pbx_id);
  if (!over.has_value()) return holdings_.registry.FormerOf(ExternalHash(holdings_.vault, pbx_id));
  // It has come to its end, which is still to begin.
  const absl::Time end = PbxEndOf(holdings_.registry.StandingOf(*over)->life, holdings_.policy()).time;
  return PbxRegistry::FormerPbx{.end = end, .until = CreationDueDay(kHistory, end, holdings_.policy())};
}

bool PartIntake::MayBeForgotten(const v1::Event& event) const {
  int64_t first_us = MicrosOf(event.time());
  if (event.has_meeting_scheduled()) {
    first_us = std::min(first_us, MicrosOf(event.meeting_scheduled().planned_start()));
  } else if (event.has_meeting_rescheduled()) {
    first_us = std::min(first_us, MicrosOf(event.meeting_rescheduled().planned_start()));
  }
  const absl::Time first = absl::FromUnixMicros(first_us) - kMaxOccurrenceSpan;
  return !change_.Takes(CreationDueDay(kHistory, first, holdings_.policy()));
}

absl::StatusOr<bool> PartIntake::IsRememberedNow(const OwnerId& mark) const {
  if (remembered_.contains(mark)) return true;
  return IsRemembered(holdings_.store, mark, change_.today());
}

void PartIntake::RememberNow(const OwnerId& mark) {
  Remember(mark, change_);
  remembered_.insert(mark);
}

absl::StatusOr<NamedExtension> PartIntake::NamedIn(const v1::Event& event, const PbxId& pbx) {
  NamedExtension named;
  const auto holder = extensions_.Find(pbx, ExtensionNameOf(event), MicrosOf(event.time()));
  if (!holder.ok()) return holder.status();
  named.holder = *holder;
  if (!named.holder.has_value() || !event.has_participant_joined()) return named;
  auto address = extensions_.AddressOf(pbx, *named.holder);
  if (!address.ok()) return address.status();
  named.address = *std::move(address);
  return named;
}

void PartIntake::NoteRefused(const v1::Event& event, v1::RecordResult& result) {
  std::vector<std::pair<CategoryNumber, stored::v1::Value>> values;
  CutValues(event, [&](CategoryNumber category) -> stored::v1::Value& {
    return values.emplace_back(category, stored::v1::Value()).second;
  });
  for (const auto& [category, value] : values) {
    const auto& object = value.object();
    if (!IsObject(category) || event.pbx_id().empty() || object.object_ref().empty()) continue;
    if (object.object_ref().size() > kMaxObjectRefBytes || event.pbx_id().size() > kMaxIdentifierBytes) continue;
    if (object.object_id().size() > kMaxIdentifierBytes) continue;
    result.mutable_rejections(result.rejections_size() - 1)->set_retryable(false);
    const OwnerId mark = OrderedMark(holdings_.vault, event, object);
    refused_objects_.push_back({mark, category, event.pbx_id(), object, &result});
  }
}

absl::Status PartIntake::OrderRefused() {
  std::set<OwnerId> orders;
  for (const RefusedObject& refused : refused_objects_) {
    const auto ordered = IsRememberedNow(refused.mark);
    if (!ordered.ok()) return ordered.status();
    if (*ordered) continue;
    const auto held = change_.Holds(refused.pbx_id, refused.object);
    if (!held.ok()) return held.status();
    if (*held) continue;
    RememberNow(refused.mark);
    if (!orders.insert(ObjectName(holdings_.vault, refused.pbx_id, refused.object)).second) continue;
    change_.Order(refused.category, refused.pbx_id, refused.object);
    refused.result->set_objects_ordered_away(refused.result->objects_ordered_away() + 1);
  }
  return absl::OkStatus();
}

void PartIntake::AddValues(TouchedRoom& touched, const v1::Event& event) {
  CutValues(event, [&](CategoryNumber category) -> stored::v1::Value& {
    auto* value = google::protobuf::Arena::CreateMessage<stored::v1::Value>(touched.arena());
    touched.fresh.back().values.push_back({.category = category, .value = value});
    return *value;
  });
}

}  // namespace

std::vector<RecordPart> Recorder::PartsOf(std::span<EventBatch* const> batches) {
  std::vector<RecordPart> parts(1);
  bool alone = false;  // the last part takes no more
  const auto add = [&](EventBatch* batch, int index) {
    RecordPart& part = parts.back();
    if (!part.empty() && part.back().batch == batch && part.back().end == index) {
      ++part.back().end;
    } else {
      part.push_back({.batch = batch, .begin = index, .end = index + 1});
    }
  };
  for (EventBatch* batch : batches) {
    for (int i = 0; i < batch->events->size(); ++i) {
      const bool at_large =
          !batch->rejected[static_cast<size_t>(i)].has_value() && ReadsAtLarge(batch->EventAt(i).payload_case());
      if (alone || (at_large && !parts.back().empty())) parts.emplace_back();
      alone = at_large;
      add(batch, i);
    }
  }
  return parts;
}

std::set<std::pair<std::string, std::string>> Recorder::MeetingsOf(std::span<EventBatch* const> batches) {
  std::set<std::pair<std::string, std::string>> meetings;
  for (const EventBatch* batch : batches) {
    for (int i = 0; i < batch->events->size(); ++i) {
      const v1::Event& event = batch->EventAt(i);
      const bool looked_at = !IsOfPoll(event.payload_case()) || event.has_poll_created();
      if (batch->rejected[static_cast<size_t>(i)].has_value() || event.meeting_id().empty() || !looked_at) continue;
      meetings.emplace(event.pbx_id(), event.meeting_id());
    }
  }
  return meetings;
}

absl::Status Recorder::Record(const RecordPart& part, Change& change) {
  PartIntake intake(holdings_, cache_, pbxs_, filer_, extensions_, change);
  std::vector<v1::RecordResult> results(part.size());
  if (absl::Status s = intake.Take(part, results); !s.ok()) return s;
  change.ThenDo([part, results = std::move(results)] {
    for (size_t run = 0; run < part.size(); ++run) AddResult(results[run], part[run].batch->result);
  });
  return absl::OkStatus();
}

absl::Status Recorder::RefileFirst(std::string_view pbx_id, std::string_view meeting_id, Change& change) {
  const auto applied = holdings_.policies.refiling_since();
  const auto pbx = applied.has_value() ? holdings_.registry.Find(pbx_id, change.now()) : std::nullopt;
  if (!pbx.has_value() || meeting_id.empty()) return absl::OkStatus();
  const DueDay ended = holdings_.LastDue(*applied);
  // By what lies in the store: damage to its history keeps nobody from its deletion.
  const auto named = holdings_.names.Find(holdings_.store, *pbx, meeting_id);
  if (!named.ok()) return named.status();
  const auto locators = ReadLocators(holdings_.store, *pbx, named->room);
  if (!locators.ok()) return locators.status();
  for (const auto& [meeting, locator] : *locators) {
    if (locator.days[kHistory] <= ended) continue;
    const Filing filing = FileMeeting(locator.facts, holdings_.policy(), change.now());
    if (!Misfiled(locator, filing, ended)) continue;
    absl::Status status = filer_.RefileMeeting({.pbx = *pbx, .meeting = meeting}, filing, *applied, change);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace retention
