#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/recording/recorder.h"
#include "server/rows/object_rows.h"

namespace retention {
namespace {

constexpr size_t kRandomNameBytes = 8;

absl::StatusOr<std::string> RandomName(RandomSource& random) {
  uint8_t bytes[kRandomNameBytes];
  if (absl::Status status = random.Fill(bytes, sizeof(bytes)); !status.ok()) return status;
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

}  // namespace

absl::Status Recorder::Finish(Touched& touched, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (touched.fresh.empty()) {
    if (!meeting.stored) book_.Forget(meeting.pbx, meeting.id);  // nothing was recorded for it
    return absl::OkStatus();
  }
  const MeetingLocator before = meeting.locator;
  const MeetingFacts facts = meeting.course.Fold(change.now());
  const Filing filing = FileMeeting(facts, holdings_.policy(), change.now());
  if (facts.deleted) {
    if (absl::Status status = EraseDeleted(meeting, touched.pbx_id, touched.deletion_reason, change); !status.ok())
      return status;
  }
  if (absl::Status status = Refile(meeting, touched.pbx_id, filing, change.now(), change); !status.ok()) return status;
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

absl::Status Recorder::Refile(Meeting& meeting, const std::string& pbx_id, const Filing& filing, absl::Time decided,
                              Change& change) {
  absl::Status status = EndFilesInTime(meeting, pbx_id, filing, decided, change);
  return status.ok() ? MoveMisfiled(meeting, filing, decided, change) : status;
}

absl::Status Recorder::EndFilesInTime(Meeting& meeting, const std::string& pbx_id, const Filing& filing,
                                      absl::Time decided, Change& change) {
  // Files that have ended stay so, whatever becomes of the meeting now.
  const int64_t held_end_us = meeting.locator.files_end_us;
  const bool ended = held_end_us != 0 && held_end_us <= absl::ToUnixMicros(decided);
  if (ended || filing.files_end <= change.now()) return EndFiles(meeting, pbx_id, kReasonMeetingEnded, change);
  // Not by moving: the portal must be told.
  if (!change.Holds(filing.days[kFileShare])) return EndFiles(meeting, pbx_id, kReasonDayMovedIntoPast, change);
  return absl::OkStatus();
}

absl::Status Recorder::MoveMisfiled(Meeting& meeting, const Filing& filing, absl::Time decided, Change& change) {
  const DueDay last_due = LastDueDay(decided, holdings_.policy().zone());
  for (const CategoryNumber category : kFiledByMeeting) {
    DueDay& held = meeting.locator.days[category];
    const DueDay target = filing.days[category];
    if (held == DueDay() || held == target) continue;
    if (held <= holdings_.ring.destroyed_through()) {
      held = DueDay();  // its rows are ended and counted, and wait to be dropped
      continue;
    }
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(held, category, meeting.pbx, meeting.id));
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      absl::Status status = held <= last_due ? change.Move(*key, cursor->value(), target)
                                             : change.Relocate(*key, cursor->value(), target);
      if (!status.ok()) return status;
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    const bool gone = !change.Holds(target) || held <= last_due;
    held = gone ? DueDay() : target;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Recorder::ExtensionRemoved(const PbxId& pbx, const std::string& name) const {
  if (name.size() != OwnerId::kBytes) return false;
  const FiledKey key{.day = DueDay::Open(), .category = kPbxSync, .pbx = pbx, .owner = OwnerId::From(name)};
  auto row = holdings_.store.Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  return row->has_value() && Vault::ValueCount(**row) == 0;
}

absl::Status Recorder::RelabelPdfs(const Meeting& meeting, const std::string& pbx_id, Word organizer, Change& change) {
  const std::string& extension = meeting.course.Text(organizer);
  auto removed = ExtensionRemoved(meeting.pbx, extension);
  if (!removed.ok()) return removed.status();
  const auto relabel = [&](const FiledKey& key, stored::v1::Value& value, uint32_t values) -> absl::Status {
    if (value.extension() == extension || !value.has_object()) return absl::OkStatus();
    if (*removed) return change.EraseObject(key, value, values, pbx_id, kReasonExtensionRemoved);
    value.set_extension(extension);
    return change.Rewrite(key, Personal(value.SerializeAsString()), 1);
  };
  const std::string prefix = FiledPrefix(DueDay::Open(), kPdfShare, meeting.pbx, meeting.id);
  return VisitObjects(holdings_.store, holdings_.vault, prefix, relabel);
}

absl::Status Recorder::EndFiles(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change) {
  DueDay& held = meeting.locator.days[kFileShare];
  if (held == DueDay()) return absl::OkStatus();
  if (holdings_.counts.Of(held)[kFileShare].rows == 0) {
    // Their day has its entry, and they their orders, though its key could not be destroyed yet.
    held = DueDay();
    return absl::OkStatus();
  }
  const auto end = [&](const FiledKey& key, const stored::v1::Value& value, uint32_t values) {
    return change.EraseObject(key, value, values, pbx_id, reason);
  };
  const std::string prefix = FiledPrefix(held, kFileShare, meeting.pbx, meeting.id);
  if (absl::Status s = VisitObjects(holdings_.store, holdings_.vault, prefix, end); !s.ok()) return s;
  held = DueDay();
  return absl::OkStatus();
}

absl::Status Recorder::FileObject(const PendingValue& pending, Touched& touched, DueDay day, bool ended,
                                  Change& change) {
  Meeting& meeting = *touched.meeting;
  if (ended || !change.Takes(day)) {
    // The portal holds the object all the same, and must delete it.
    pending.command->result.set_values_past_due(pending.command->result.values_past_due() + 1);
    return change.Order(pending.category, touched.pbx_id, pending.value.object());
  }
  const FiledKey key{
      .day = day,
      .category = pending.category,
      .pbx = meeting.pbx,
      .owner = meeting.id,
      .item = ItemId{holdings_.vault.Hash("item", meeting.pbx.view(),
                                          absl::StrCat(touched.meeting_id, "\n", pending.event->event_id()))}};
  if (pending.category == kFileShare) meeting.locator.days[kFileShare] = day;
  return change.File(key, Personal(pending.value.SerializeAsString()), 1);
}

absl::Status Recorder::FilePending(Touched& touched, const MeetingFacts& facts, const Filing& filing, Change& change) {
  Meeting& meeting = *touched.meeting;
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
        day = FileCreation(kRecording, absl::FromUnixMicros(pending.value.time_us()), holdings_.policy());
      } else {
        ended |= filing.files_end <= change.now();
        if (!ended) {
          auto name = RandomName(holdings_.random);
          if (!name.ok()) return name.status();
          pending.value.mutable_object()->set_display_name(*name);
        }
      }
      if (absl::Status status = FileObject(pending, touched, day, ended, change); !status.ok()) return status;
    } else if (dropped || !change.Takes(filing.days[pending.category])) {
      pending.command->result.set_values_past_due(pending.command->result.values_past_due() + 1);
    } else {
      auto& chunk = chunks[pending.category];
      if (!chunk.has_value()) chunk.emplace();
      *chunk->add_values() = std::move(pending.value);
    }
  }
  const ItemId item{
      holdings_.vault.Hash("item", meeting.pbx.view(), absl::StrCat(touched.meeting_id, "\n", touched.first_event_id))};
  for (size_t category = 1; category < kCategories; ++category) {
    if (!chunks[category].has_value()) continue;
    const stored::v1::ValueChunk& chunk = *chunks[category];
    const FiledKey key{.day = filing.days[category],
                       .category = static_cast<CategoryNumber>(category),
                       .pbx = meeting.pbx,
                       .owner = meeting.id,
                       .item = item};
    absl::Status status =
        change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.values_size()));
    if (!status.ok()) return status;
    meeting.locator.days[category] = key.day;
  }
  return absl::OkStatus();
}

absl::Status Recorder::FileCourse(Touched& touched, const MeetingFacts& facts, DueDay day, Change& change) {
  Meeting& meeting = *touched.meeting;
  if (!change.Takes(day)) {
    for (RecordCommand* command : touched.fresh_commands) {
      command->result.set_values_past_due(command->result.values_past_due() + 1);
    }
    return absl::OkStatus();
  }
  const DueDay cohort(CollectionDay(facts, holdings_.policy()));
  const bool countable = cohort > holdings_.ring.cohorts_destroyed_through();
  std::optional<SecretKey> cohort_key;
  for (size_t i = 0; i < touched.fresh.size(); ++i) {
    if (!countable || touched.identities[i].empty()) continue;
    if (!cohort_key.has_value()) {
      auto key = holdings_.ring.ForCohort(cohort);
      if (!key.ok()) return key.status();
      cohort_key = *key;
    }
    touched.fresh[i].person = Vault::HashWith(*cohort_key, touched.identities[i]);
  }
  const stored::v1::CourseChunk chunk = meeting.course.ChunkOf(touched.fresh, cohort);
  const FiledKey key{.day = day,
                     .category = kHistory,
                     .pbx = meeting.pbx,
                     .owner = meeting.id,
                     .item = ItemId{holdings_.vault.Hash(
                         "item", meeting.pbx.view(), absl::StrCat(touched.meeting_id, "\n", touched.first_event_id))}};
  absl::Status status =
      change.File(key, Personal(chunk.SerializeAsString()), static_cast<uint32_t>(chunk.entries_size()));
  if (status.ok()) meeting.locator.days[kHistory] = day;
  return status;
}

void Recorder::FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, Change& change) {
  MeetingLocator& after = meeting.locator;
  absl::Time timer = filing.review;
  after.files_end_us = 0;
  if (after.days[kFileShare] != DueDay()) {
    after.files_end_us = absl::ToUnixMicros(filing.files_end);
    timer = std::min(timer, filing.files_end);
  }
  const bool over = after.days[kHistory] == DueDay();
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
    book_.Forget(meeting.pbx, meeting.id);
    return;
  }
  change.batch().Put(Family::kState, LocatorKey(meeting.pbx, meeting.id), after.Serialize());
  meeting.stored = true;
}

}  // namespace retention
