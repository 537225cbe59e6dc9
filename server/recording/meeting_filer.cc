#include "server/recording/meeting_filer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

constexpr size_t kRandomNameBytes = 8;

}  // namespace

absl::Status MeetingFiler::File(TouchedMeeting& touched, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (touched.fresh.empty()) {
    if (!meeting.stored) cache_.Forget(meeting.pbx, meeting.id);  // nothing was recorded for it
    return absl::OkStatus();
  }
  const MeetingLocator before = meeting.locator;
  const MeetingFacts facts = meeting.course.Fold(change.now());
  const Filing filing = FileMeeting(facts, holdings_.policy(), change.now());
  if (facts.deleted) {
    absl::Status status = EraseDeleted(meeting, touched.pbx_id, touched.deletion_reason, change);
    if (!status.ok()) return status;
  }
  if (absl::Status status = FollowFiling(meeting, touched.pbx_id, filing, change.now(), change); !status.ok())
    return status;
  const bool names_organizer = std::any_of(touched.fresh.begin(), touched.fresh.end(),
                                           [](const CourseEvent& event) { return event.plan.organizer != 0; });
  if (!facts.deleted && meeting.stored && names_organizer) {
    if (absl::Status status = RelabelPdfs(meeting, touched.pbx_id, facts.organizer, change); !status.ok())
      return status;
  }
  if (absl::Status status = FilePending(touched, facts, filing, change); !status.ok()) return status;
  if (absl::Status status = FileCourse(touched, facts, filing.days[kHistory], change); !status.ok()) return status;
  FileLocator(meeting, before, filing, change);
  return absl::OkStatus();
}

absl::StatusOr<bool> MeetingFiler::ExtensionRemoved(const PbxId& pbx, const std::string& name) const {
  if (name.size() != OwnerId::kBytes) return false;
  const FiledKey key{.day = DueDay::Open(), .category = kPbxSync, .pbx = pbx, .owner = OwnerId::From(name)};
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  return row->has_value() && Vault::ValueCount(**row) == 0;
}

absl::Status MeetingFiler::RelabelPdfs(const Meeting& meeting, const std::string& pbx_id, Word organizer,
                                       Change& change) {
  const std::string& extension = meeting.course.Text(organizer);
  auto removed = ExtensionRemoved(meeting.pbx, extension);
  if (!removed.ok()) return removed.status();
  const auto relabel = [&](const FiledKey& key, std::string_view row, stored::v1::Value& value) -> absl::Status {
    if (value.extension() == extension || !value.has_object()) return absl::OkStatus();
    if (*removed) return change.Drop(key, row, pbx_id, kReasonExtensionRemoved);
    value.set_extension(extension);
    change.Rewrite(key, Personal(value.SerializeAsString()), 1);
    return absl::OkStatus();
  };
  const std::string prefix = FiledPrefix(DueDay::Open(), kPdfShare, meeting.pbx, meeting.id);
  return VisitObjects(holdings_.store, holdings_.vault, prefix, relabel);
}

absl::Status MeetingFiler::FileObject(const PendingValue& pending, TouchedMeeting& touched, DueDay day, bool ended,
                                      bool remembered, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (ended || !change.Takes(day)) {
    // The portal holds the object all the same, and must delete it.
    CountPastDue(1, *pending.result);
    change.Order(pending.category, touched.pbx_id, pending.value.object());
    return absl::OkStatus();
  }
  const FiledKey key{.day = day,
                     .category = pending.category,
                     .pbx = meeting.pbx,
                     .owner = meeting.id,
                     .item = MeetingItem(holdings_.vault, meeting.pbx, touched.meeting_id, pending.event->event_id())};
  if (!remembered) {
    const auto held = HasRow(holdings_.store, key);
    if (!held.ok()) return held.status();
    if (*held) return absl::OkStatus();
  }
  if (pending.category == kFileShare) meeting.locator.days[kFileShare] = day;
  change.File(key, Personal(pending.value.SerializeAsString()), 1);
  return absl::OkStatus();
}

absl::Status MeetingFiler::FilePending(TouchedMeeting& touched, const MeetingFacts& facts, const Filing& filing,
                                       Change& change) {
  Meeting& meeting = *touched.meeting;
  // Whether the course will tell that these events came before; where it is no longer kept, their rows do.
  const bool remembered = change.Takes(filing.days[kHistory]);
  std::array<std::optional<stored::v1::ValueChunk>, kCategories> chunks;
  for (PendingValue& pending : touched.pending) {
    const bool dropped = facts.deleted && pending.category != kRecording;
    if (IsObject(pending.category)) {
      DueDay day = filing.days[pending.category];
      bool ended = dropped;
      if (pending.category == kPdfShare) {
        day = DueDay::Open();
        pending.value.set_extension(meeting.course.Text(facts.organizer));
        auto removed = ExtensionRemoved(meeting.pbx, pending.value.extension());
        if (!removed.ok()) return removed.status();
        ended |= *removed;
        pending.value.set_meeting_id(touched.meeting_id);
      } else if (pending.category == kRecording) {
        day = CreationDueDay(kRecording, absl::FromUnixMicros(pending.value.time_us()), holdings_.policy());
      } else {
        ended |= filing.files_end <= change.now();
        if (!ended) {
          auto name = RandomHex(holdings_.random, kRandomNameBytes);
          if (!name.ok()) return name.status();
          pending.value.mutable_object()->set_display_name(*name);
        }
      }
      if (absl::Status s = FileObject(pending, touched, day, ended, remembered, change); !s.ok()) return s;
    } else if (dropped || !change.Takes(filing.days[pending.category])) {
      CountPastDue(1, *pending.result);
    } else {
      auto& chunk = chunks[pending.category];
      if (!chunk.has_value()) chunk.emplace();
      *chunk->add_values() = std::move(pending.value);
    }
  }
  const ItemId item = MeetingItem(holdings_.vault, meeting.pbx, touched.meeting_id, touched.first_event_id);
  for (size_t category = 1; category < kCategories; ++category) {
    if (!chunks[category].has_value()) continue;
    const stored::v1::ValueChunk& chunk = *chunks[category];
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
    change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.values_size()));
    meeting.locator.days[category] = key.day;
  }
  return absl::OkStatus();
}

absl::Status MeetingFiler::AddTokens(TouchedMeeting& touched, DueDay cohort) const {
  if (cohort <= holdings_.ring.cohorts_destroyed_through()) return absl::OkStatus();  // it counts nobody any more
  std::optional<SecretKey> cohort_key;
  for (size_t i = 0; i < touched.fresh.size(); ++i) {
    const std::string identity = IdentityOf(*touched.fresh_events[i]);
    if (identity.empty()) continue;
    if (!cohort_key.has_value()) {
      auto key = holdings_.ring.ForCohort(cohort);
      if (!key.ok()) return key.status();
      cohort_key = *key;
    }
    touched.fresh[i].person = Vault::HashWith(*cohort_key, identity);
  }
  return absl::OkStatus();
}

absl::Status MeetingFiler::FileCourse(TouchedMeeting& touched, const MeetingFacts& facts, DueDay day, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (!change.Takes(day)) {
    for (v1::RecordResult* result : touched.fresh_results) CountPastDue(1, *result);
    return absl::OkStatus();
  }
  const DueDay cohort(CollectionDay(facts, holdings_.policy()));
  if (absl::Status status = AddTokens(touched, cohort); !status.ok()) return status;
  const stored::v1::CourseChunk chunk = meeting.course.ChunkOf(touched.fresh, cohort);
  const FiledKey key{.day = day,
                     .category = kHistory,
                     .pbx = meeting.pbx,
                     .owner = meeting.id,
                     .item = MeetingItem(holdings_.vault, meeting.pbx, touched.meeting_id, touched.first_event_id)};
  change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.entries_size()));
  meeting.locator.days[kHistory] = day;
  return absl::OkStatus();
}

void MeetingFiler::FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, Change& change) {
  MeetingLocator& after = meeting.locator;
  absl::Time timer = filing.review;
  after.files_end_us = 0;
  if (after.days[kFileShare] != DueDay::None()) {
    after.files_end_us = absl::ToUnixMicros(filing.files_end);
    timer = std::min(timer, filing.files_end);
  }
  const bool over = after.days[kHistory] == DueDay::None();
  if (over) timer = after.files_end_us == 0 ? absl::InfiniteFuture() : filing.files_end;
  after.timer_us = timer == absl::InfiniteFuture() ? 0 : absl::ToUnixMicros(timer);
  if (before.timer_us != after.timer_us) {
    if (before.timer_us != 0) {
      change.batch().Delete(Family::kState, MeetingTimerKey(before.timer_us, meeting.pbx, meeting.id));
    }
    if (after.timer_us != 0) {
      change.batch().Put(Family::kState, MeetingTimerKey(after.timer_us, meeting.pbx, meeting.id), "");
    }
  }
  if (meeting.stored && before == after) return;
  if (over) {
    // Its history is over: what it still holds ends on its own day, and the meeting is no longer known. While a policy
    // is refiled, its locator goes with those whose day is over, and nothing of it must be moved again, though nothing
    // may lead there: it may never have had a locator, or be taken up anew.
    const std::string key = LocatorKey(meeting.pbx, meeting.id);
    const bool refiling = holdings_.policies.refiling_since().has_value();
    if (refiling) MarkRefiled(meeting, change.batch());
    if (meeting.stored && refiling) {
      change.batch().Put(Family::kState, key, after.Serialize());
    } else if (meeting.stored) {
      change.batch().Delete(Family::kState, key);
    }
    cache_.Forget(meeting.pbx, meeting.id);
    return;
  }
  change.batch().Put(Family::kState, LocatorKey(meeting.pbx, meeting.id), after.Serialize());
  meeting.stored = true;
}

}  // namespace retention
