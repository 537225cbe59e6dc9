#include "server/recording/meeting_filer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/meetings/meeting_view.h"
#include "server/meetings/remnant.h"
#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"
#include "server/recording/organizers.h"
#include "server/rows/deleted_objects.h"
#include "server/rows/event_memory.h"
#include "server/rows/extension_names.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "server/rows/value_chunk.h"

namespace retention {
namespace {

constexpr size_t kRandomNameBytes = 8;

bool TakesBack(const FreshEvent& fresh) {
  return fresh.entry.kind == stored::v1::CourseEntry::KIND_SCHEDULED ||
         fresh.entry.kind == stored::v1::CourseEntry::KIND_UNINVITED;
}

// Whether nobody came to an occurrence that is fixed after `time_us`: it cannot be deleted in part.
bool IsOverBy(int64_t time_us, uint64_t occurrence, const Room& room) {
  const OccurrenceFacts& facts = room.meetings.at(occurrence).locator.facts;
  if (facts.first_us > time_us) return false;
  const auto cut = room.fixed.find(occurrence);
  if (facts.last_us <= time_us || cut == room.fixed.end()) return facts.last_us <= time_us;
  const CutEvents& events = cut->second.events();
  return std::none_of(events.begin(), events.end(),
                      [&](const CutEvent& event) { return event.event.time_us > time_us && Enters(event.event.kind); });
}

bool IsDeletion(const FreshEvent& fresh) { return fresh.entry.kind == stored::v1::CourseEntry::KIND_DELETED; }

}  // namespace

absl::Status MeetingFiler::File(TouchedRoom& touched, Change& change) {
  Room& room = *touched.room;
  if (!touched.fresh.empty() && room.unstored_name.has_value()) {
    RoomNames::Put(*room.unstored_name, change.batch());
    room.unstored_name.reset();
  }
  for (const FreshEvent& fresh : touched.fresh) {
    if (!IsDeletion(fresh)) continue;
    NoteDeletion({.time_us = fresh.entry.time_us, .with_recordings = fresh.entry.with_recordings}, room, change);
  }
  if (absl::Status s = FileOver(touched, change); !s.ok()) return s;
  if (touched.fresh.empty()) {
    if (room.meetings.empty()) cache_.Forget(room.pbx, room.id);  // nothing was recorded for it
    return absl::OkStatus();
  }
  const CutChanges changes = room.cut.TakeChanges();
  auto outcomes = OutcomesOf(touched, changes, change);
  if (!outcomes.ok()) return outcomes.status();
  for (const FreshEvent& fresh : touched.fresh) {
    if (!IsDeletion(fresh)) continue;
    // PDFs are the room's, whatever took place in it.
    const auto erased = EraseObjects(room.pbx, room.id, touched.pbx_id, kPdfShare, {.until_us = fresh.entry.time_us},
                                     touched.deletion_reason, change);
    if (!erased.ok()) return erased.status();
  }
  const auto copies = CopyPlans(touched, changes, *outcomes, change);
  if (!copies.ok()) return copies.status();
  const Recutting recutting{.changes = changes, .copies = *copies, .touched = touched, .outcomes = *outcomes};
  for (auto& [number, outcome] : *outcomes) {
    const bool ends_values = outcome.takes_back || changes.takes_back.contains(number);
    if (changes.left.contains(number)) {
      outcome.recut = Outcome::Recut::kAll;
    } else if (copies->outdated_in.contains(number) || (ends_values && outcome.meeting->stored)) {
      outcome.recut = Outcome::Recut::kWhatWasSaid;
    } else {
      continue;
    }
    if (absl::Status s = Recut(number, recutting, change); !s.ok()) return s;
  }
  for (auto& [number, outcome] : *outcomes) {
    if (!outcome.facts.deleted || outcome.before.facts.deleted) continue;
    absl::Status status = EraseDeleted(*outcome.meeting, touched.pbx_id, touched.deletion_reason, change);
    if (!status.ok()) return status;
  }
  for (auto& [number, outcome] : *outcomes) outcome.meeting->locator.facts = outcome.facts;
  if (RoomOrganizer organizer = LatestOrganizer(room); !(organizer == room.organizer)) {
    PutRoomOrganizer(organizer, room.pbx, room.id, change);
    room.organizer = std::move(organizer);
  }
  const bool relabels = std::any_of(outcomes->begin(), outcomes->end(), [](const auto& outcome) {
    return !(OrganizerOf(outcome.second.facts) == OrganizerOf(outcome.second.before.facts)) ||
           !outcome.second.gained.empty();
  });
  if (relabels) {
    if (absl::Status s = RelabelPdfs(room, touched.pbx_id, change); !s.ok()) return s;
  }
  bool over = false;
  for (auto& [number, outcome] : *outcomes) {
    Meeting& meeting = *outcome.meeting;
    if (absl::Status s = FileOutcome(touched, outcome, change); !s.ok()) return s;
    if (absl::Status s = Seal(meeting, outcome.before, touched.meeting_id, change); !s.ok()) return s;
    const bool ended = FileLocator(meeting, outcome.before, outcome.filing, outcome.ChangesReport(), change);
    if (ended && room.cut.Has(number)) {
      PutRemnant(meeting.pbx, meeting.id, FactsWithSpan(meeting.locator), holdings_.policies.current().cuts,
                 holdings_.policy(), change.last_due(), change.batch());
    }
    over |= ended;
    // What became fixed by this is cut no more: the room is read anew.
    over |= IsFixed(meeting.locator, change.last_due()) != meeting.fixed;
    if (!meeting.fixed && !room.cut.Has(number)) room.meetings.erase(number);
  }
  // Not among what it knows is what came too late for its history.
  if (over) cache_.Forget(room.pbx, room.id);
  return absl::OkStatus();
}

void MeetingFiler::NoteDeletion(const RoomDeletion& deletion, Room& room, Change& change) {
  AddRoomDeletion(deletion, room.pbx, room.id, room.deletions, change);
  if (room.organizer.holder.empty() || room.organizer.time_us > deletion.time_us) return;
  room.organizer = {};
  PutRoomOrganizer(room.organizer, room.pbx, room.id, change);
}

absl::Status MeetingFiler::FileOver(TouchedRoom& touched, Change& change) {
  Room& room = *touched.room;
  const auto first = std::stable_partition(touched.fresh.begin(), touched.fresh.end(),
                                           [](const FreshEvent& fresh) { return fresh.over == 0; });
  std::map<uint64_t, Outcome> outcomes;
  std::map<uint64_t, Meeting> meetings;
  for (auto fresh = first; fresh != touched.fresh.end(); ++fresh) {
    Outcome& outcome = outcomes[fresh->over];
    outcome.fresh.push_back(&*fresh);
    const auto known = room.over.find(fresh->over);
    const int64_t time_us = fresh->entry.time_us;
    outcome.facts = known != room.over.end()
                        ? known->second
                        : OccurrenceFacts{.first_us = time_us, .last_us = time_us, .waits_until_us = time_us};
    for (const RoomDeletion& deletion : room.deletions) {
      if (deletion.time_us < time_us) continue;
      outcome.facts.deleted = true;
      outcome.facts.recordings_deleted |= deletion.with_recordings;
    }
  }
  for (auto& [number, outcome] : outcomes) {
    outcome.meeting = &meetings[number];
    *outcome.meeting = {.pbx = room.pbx, .id = OccurrenceOwner(room.id, number), .locator = {}};
    outcome.filing = FileMeeting(outcome.facts, holdings_.policy(), change.now());
    const ItemId item =
        MeetingItem(holdings_.vault, room.pbx, touched.meeting_id, outcome.fresh.front()->event->event_id());
    if (absl::Status s = FilePending(touched, outcome, item, change); !s.ok()) return s;
    if (absl::Status s = FileCourse(touched, outcome, item, change); !s.ok()) return s;
  }
  touched.fresh.erase(first, touched.fresh.end());
  return absl::OkStatus();
}

MeetingFiler::Outcome& MeetingFiler::OutcomeOf(uint64_t occurrence, Room& room, Outcomes& outcomes,
                                               const Change& change) const {
  const auto [it, inserted] = outcomes.try_emplace(occurrence);
  Outcome& outcome = it->second;
  if (!inserted) return outcome;
  outcome.meeting = &room.MeetingOf(occurrence);
  outcome.before = outcome.meeting->locator;
  outcome.facts = room.FactsOf(occurrence);
  outcome.filing = FileMeeting(outcome.facts, holdings_.policy(), change.now());
  return outcome;
}

absl::StatusOr<MeetingFiler::Outcomes> MeetingFiler::OutcomesOf(TouchedRoom& touched, const CutChanges& changes,
                                                                Change& change) {
  Room& room = *touched.room;
  Outcomes outcomes;
  const auto add = [&](uint64_t number) -> Outcome& { return OutcomeOf(number, room, outcomes, change); };
  for (const FreshEvent& fresh : touched.fresh) {
    if (fresh.fixed != 0) room.fixed.at(fresh.fixed).Settle();
  }
  for (const uint64_t number : changes.touched) {
    if (room.cut.Has(number) || room.meetings.contains(number)) add(number);
  }
  for (FreshEvent& fresh : touched.fresh) {  // of one that is fixed, all are in its facts by now
    Outcome& outcome = add(fresh.fixed != 0 ? fresh.fixed : changes.fresh.at(fresh.entry.event));
    outcome.fresh.push_back(&fresh);
    outcome.takes_back |= TakesBack(fresh);
    if (!IsDeletion(fresh)) continue;
    for (auto& [number, meeting] : room.meetings) {
      // What the cut knows it deletes itself; it does not know what is fixed, or has lost its history to damage.
      if ((!meeting.fixed && room.cut.Has(number)) || !IsOverBy(fresh.entry.time_us, number, room)) continue;
      add(number).facts.deleted = true;
      add(number).facts.recordings_deleted |= fresh.entry.with_recordings;
    }
  }
  return outcomes;
}

absl::Status MeetingFiler::FileOutcome(TouchedRoom& touched, Outcome& outcome, Change& change) {
  Meeting& meeting = *outcome.meeting;
  if (outcome.IsNews()) GiveRevision(meeting, change.now());
  if (outcome.recut != Outcome::Recut::kAll) {
    absl::Status status = FollowFiling(meeting, touched.pbx_id, outcome.before.facts, outcome.filing, change);
    if (!status.ok()) return status;
  }
  for (const CategoryNumber category : outcome.gained) meeting.locator.days[category] = outcome.filing.days[category];
  if (outcome.fresh.empty() && outcome.copied.empty()) return absl::OkStatus();
  const ItemId item =
      outcome.fresh.empty()
          ? CopiesItem(holdings_.vault, meeting.pbx, outcome.copied.front().value->event())
          : MeetingItem(holdings_.vault, meeting.pbx, touched.meeting_id, outcome.fresh.front()->event->event_id());
  if (absl::Status status = FilePending(touched, outcome, item, change); !status.ok()) return status;
  return FileCourse(touched, outcome, item, change);
}

absl::StatusOr<bool> MeetingFiler::IsRemoved(const PbxId& pbx, const RoomOrganizer& organizer) const {
  if (organizer.holder.size() != OwnerId::kBytes) return false;
  const auto fate =
      FateOfHolder(holdings_.store, holdings_.vault, pbx, OwnerId::From(organizer.holder), organizer.time_us);
  if (!fate.ok()) return fate.status();
  return *fate == HolderFate::kRemoved;
}

absl::Status MeetingFiler::RelabelPdfs(const Room& room, const std::string& pbx_id, Change& change) {
  const std::string prefix = FiledPrefix(DueDay::Open(), kPdfShare, room.pbx, room.id);
  const auto any = HasRows(holdings_.store, prefix);
  if (!any.ok() || !*any) return any.status();
  absl::flat_hash_map<uint64_t, uint64_t> occurrence_of;
  const CutEvents& events = room.cut.events();
  for (size_t i = 0; i < events.size(); ++i) {
    if (events.KindAt(i) == RoomEventKind::kShared) occurrence_of.emplace(events.IdAt(i), events.OccurrenceAt(i));
  }
  DeletedObjects deleted(holdings_.vault);
  const auto relabel = [&](const FiledKey& key, std::string_view row, stored::v1::Value& value) -> absl::Status {
    if (change.dropped().contains(key.Encode()) || !value.has_object()) return absl::OkStatus();
    const auto found = occurrence_of.find(value.event());
    const auto meeting = found == occurrence_of.end() ? room.meetings.end() : room.meetings.find(found->second);
    // What is cut no more keeps its label.
    if (meeting == room.meetings.end() && !value.extension().empty()) return absl::OkStatus();
    const RoomOrganizer organizer = OrganizerFor(
        meeting == room.meetings.end() ? OccurrenceFacts() : meeting->second.locator.facts, value.time_us(), room);
    const bool is_labelled = organizer.holder == value.extension() && organizer.time_us == value.scheduled_us();
    if (organizer.holder.empty() || is_labelled) return absl::OkStatus();
    const auto removed = IsRemoved(room.pbx, organizer);
    if (!removed.ok()) return removed.status();
    if (*removed) {
      deleted.Add(room.pbx, room.id, kPdfShare, value.object(), value.time_us());
      return change.Drop(key, row, pbx_id, kReasonExtensionRemoved);
    }
    Label(organizer, value);
    change.Rewrite(key, Personal(value.SerializeAsString()), 1);
    return absl::OkStatus();
  };
  if (absl::Status s = VisitObjects(holdings_.store, holdings_.vault, prefix, relabel); !s.ok()) return s;
  deleted.Mark(change);
  return absl::OkStatus();
}

absl::Status MeetingFiler::FilePendingObject(FreshEvent& fresh, PendingValue& pending, TouchedRoom& touched,
                                             Outcome& outcome, bool remembered, Change& change) {
  Meeting& meeting = *outcome.meeting;
  stored::v1::Value& value = *pending.value;
  Filing& filing = outcome.filing;
  const absl::Time time = absl::FromUnixMicros(value.time_us());
  FiledKey key{.day = filing.days[pending.category],
               .category = pending.category,
               .pbx = meeting.pbx,
               .owner = meeting.id,
               .item = MeetingItem(holdings_.vault, meeting.pbx, touched.meeting_id, fresh.event->event_id())};
  const auto fate = FateOf(holdings_.store, holdings_.vault, meeting.pbx, RoomOf(meeting.id), pending.category,
                           value.object(), value.time_us());
  if (!fate.ok()) return fate.status();
  if (*fate == ObjectFate::kDeleted) {
    // It has its order, or a hold keeps it until that may be given.
    CountPastDue(1, *fresh.result);
    return absl::OkStatus();
  }
  bool ended = IsErased(outcome.facts, pending.category) || *fate == ObjectFate::kElsewhere;
  if (pending.category == kPdfShare) {
    key.day = DueDay::Open();
    key.owner = RoomOwner(RoomOf(meeting.id));
    const RoomOrganizer organizer = OrganizerFor(outcome.facts, value.time_us(), *touched.room);
    Label(organizer, value);
    auto removed = IsRemoved(meeting.pbx, organizer);
    if (!removed.ok()) return removed.status();
    ended |= *removed;
    value.set_meeting_id(touched.meeting_id);
  } else if (pending.category == kRecording) {
    key.day = CreationDueDay(kRecording, time, holdings_.policy());
  } else {
    value.set_sitting(fresh.entry.sitting);
    const absl::Time ends = FileEndOf(outcome.facts, FileOf(value));
    ended |= change.HasCome(ends);
    if (!ended) {
      filing.review = std::min(filing.review, ends);
      auto name = RandomHex(holdings_.random, kRandomNameBytes);
      if (!name.ok()) return name.status();
      value.mutable_object()->set_display_name(*name);
      if (change.TakesMoved(key.day)) meeting.locator.days[kFileShare] = key.day;
    }
  }
  // The orders of a day's files are given when it is over: until then it takes others.
  const bool takes = pending.category == kFileShare ? change.TakesMoved(key.day) : change.Takes(key.day);
  if (ended || !takes) {
    CountPastDue(1, *fresh.result);
    // The portal holds the object all the same, and must delete it.
    change.Order(pending.category, touched.pbx_id, value.object());
    return absl::OkStatus();
  }
  if (!remembered) {
    const auto held = HasRow(holdings_.store, key);
    if (!held.ok()) return held.status();
    if (*held) return absl::OkStatus();
  }
  change.File(key, Personal(value.SerializeAsString()), 1);
  return absl::OkStatus();
}

absl::Status MeetingFiler::FilePending(TouchedRoom& touched, Outcome& outcome, const ItemId& item, Change& change) {
  Meeting& meeting = *outcome.meeting;
  const Filing& filing = outcome.filing;
  // Whether the course will tell that these events came before; where it is no longer kept, their rows do.
  const bool remembered = change.Takes(filing.days[kHistory]);
  std::array<stored::v1::ValueChunk*, kCategories> chunks{};
  // True if it goes into a row.
  const auto file = [&](const PendingValue& pending) {
    if (outcome.facts.deleted || !change.Takes(filing.days[pending.category])) return false;
    auto*& chunk = chunks[pending.category];
    if (chunk == nullptr) chunk = google::protobuf::Arena::CreateMessage<stored::v1::ValueChunk>(touched.arena());
    chunk->mutable_values()->AddAllocated(pending.value);
    return true;
  };
  for (FreshEvent* fresh : outcome.fresh) {
    for (PendingValue& pending : fresh->values) {
      if (IsTakenBack(*touched.room, OccurrenceOf(meeting.id), pending.category, *pending.value)) continue;
      if (IsObject(pending.category)) {
        absl::Status status = FilePendingObject(*fresh, pending, touched, outcome, remembered, change);
        if (!status.ok()) return status;
      } else if (!file(pending)) {
        CountPastDue(1, *fresh->result);
      }
    }
  }
  for (const PendingValue& copied : outcome.copied) file(copied);
  for (size_t category = 1; category < kCategories; ++category) {
    if (chunks[category] == nullptr) continue;
    stored::v1::ValueChunk& chunk = *chunks[category];
    const FiledKey key{.day = filing.days[category],
                       .category = static_cast<CategoryNumber>(category),
                       .pbx = meeting.pbx,
                       .owner = meeting.id,
                       .item = item};
    if (!remembered) {
      const auto held = HasRow(holdings_.store, key);
      if (!held.ok()) return held.status();
      if (*held) continue;
    }
    change.File(key, Personal(PackValues(chunk)), static_cast<uint32_t>(chunk.values_size()));
    meeting.locator.days[category] = key.day;
  }
  return absl::OkStatus();
}

absl::Status MeetingFiler::FileCourse(TouchedRoom& touched, Outcome& outcome, const ItemId& item, Change& change) {
  if (outcome.fresh.empty()) return absl::OkStatus();
  Meeting& meeting = *outcome.meeting;
  const DueDay day = outcome.filing.days[kHistory];
  if (!change.Takes(day)) {
    for (const FreshEvent* fresh : outcome.fresh) {
      CountPastDue(1, *fresh->result);
      Remember(MeetingEventMark(holdings_.vault, meeting.pbx, *fresh->event), change);
    }
    return absl::OkStatus();
  }
  const DueDay released_through = holdings_.ring.cohorts_destroyed_through();
  auto& cohort_key = touched.together->cohort_key;
  std::vector<CourseEvent> entries;
  entries.reserve(outcome.fresh.size());
  for (FreshEvent* fresh : outcome.fresh) {
    CourseEvent& entry = entries.emplace_back(std::move(fresh->entry));
    entry.released_through = released_through;
    const std::string identity = IdentityOf(*fresh->event, fresh->named);
    if (identity.empty()) continue;
    // Of the day of the event itself: nobody else's event can make it another.
    const DueDay cohort = holdings_.CohortAt(absl::FromUnixMicros(entry.time_us)).last;
    if (cohort <= released_through) {
      entry.person = LateToken(holdings_.vault, cohort, identity);
      continue;
    }
    if (!cohort_key.has_value() || cohort_key->first != cohort) {
      auto key = holdings_.ring.ForCohort(cohort);
      if (!key.ok()) return key.status();
      cohort_key.emplace(cohort, HmacKey(*key));
    }
    entry.person = Vault::HashWith(cohort_key->second, identity);
  }
  auto& chunk = *google::protobuf::Arena::CreateMessage<stored::v1::CourseChunk>(touched.arena());
  touched.course.PutInto(chunk, entries, touched.meeting_id);
  const FiledKey key{.day = day, .category = kHistory, .pbx = meeting.pbx, .owner = meeting.id, .item = item};
  change.File(key, Personal(chunk.SerializeAsString()), EventsIn(chunk));
  meeting.locator.days[kHistory] = day;
  meeting.locator.events += EventsIn(chunk);
  return absl::OkStatus();
}

}  // namespace retention
