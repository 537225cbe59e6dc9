// Rows that belong to another occurrence than they lie with: an event came late, and cut its room anew.
#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/object_rows.h"
#include "server/rows/opened_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "server/rows/value_chunk.h"

namespace retention {
namespace {

// What of a row belongs to one occurrence.
struct Share {
  std::string plaintext;
  uint32_t values = 0;
  uint64_t first_event = 0;
  SharedFile file;  // of a shared file
};
using Shares = std::map<uint64_t, Share>;  // by number of the occurrence
// No occurrence has this number: what was taken back.
constexpr uint64_t kTakenBack = 0;

void AddTo(Share& share, uint64_t event) {
  if (share.values++ == 0) share.first_event = event;
}

std::optional<Shares> SharesOfHistory(const std::string& row, const auto& occurrence_of) {
  stored::v1::CourseChunk chunk;
  Course course;
  if (!chunk.ParseFromString(row) || !course.AddChunk(chunk)) return std::nullopt;
  std::map<uint64_t, std::vector<CourseEvent>> parts;
  Shares shares;
  course.ForEach([&](const CourseEvent& event) {
    const uint64_t occurrence = occurrence_of(event.event);
    parts[occurrence].push_back(event);
    AddTo(shares[occurrence], event.event);
  });
  for (const auto& [occurrence, events] : parts) {
    shares[occurrence].plaintext = course.ChunkOf(events, MeetingIdIn(chunk)).SerializeAsString();
  }
  return shares;
}

std::optional<Shares> SharesOfValues(const std::string& row, const auto& occurrence_of, const auto& taken_back) {
  stored::v1::ValueChunk chunk;
  if (!UnpackValues(row, chunk)) return std::nullopt;
  std::map<uint64_t, stored::v1::ValueChunk> parts;
  Shares shares;
  for (const stored::v1::Value& value : chunk.values()) {
    const uint64_t belongs = occurrence_of(value.event());
    const uint64_t occurrence = taken_back(belongs, value) ? kTakenBack : belongs;
    *parts[occurrence].add_values() = value;
    AddTo(shares[occurrence], value.event());
  }
  for (auto& [occurrence, part] : parts) shares[occurrence].plaintext = PackValues(part);
  return shares;
}

std::optional<Shares> SharesOfObject(const std::string& row, const auto& occurrence_of) {
  stored::v1::Value value;
  if (!value.ParseFromString(row)) return std::nullopt;
  Shares shares;
  Share& share = shares[occurrence_of(value.event())];
  AddTo(share, value.event());
  share.plaintext = row;
  share.file = FileOf(value);
  return shares;
}

}  // namespace

bool MeetingFiler::IsTakenBack(const Room& room, uint64_t occurrence, CategoryNumber category,
                               const stored::v1::Value& value) const {
  const bool is_chat = category == kChatProtocol;
  if (!is_chat && value.source() == stored::v1::Value::SOURCE_UNSPECIFIED) return false;
  const RoomCut* cut = room.CutWith(occurrence);
  if (cut == nullptr) return false;
  // It came before what shows that it was not announced there.
  if (is_chat) return !cut->IsProtocolled(occurrence, value.time_us());
  const std::string& id = value.participant_id();
  // Whom it is said of matters only where somebody's invitation was withdrawn.
  const bool named = !id.empty() && cut->AnyUninvited(occurrence);
  const uint64_t participant = named ? ParticipantFingerprint(room.NameOf(holdings_.vault, id)) : 0;
  return cut->IsTakenBack(occurrence, {.event = value.event(),
                                       .time_us = value.time_us(),
                                       .by_plan = value.source() == stored::v1::Value::SOURCE_PLAN,
                                       .participant = participant});
}

absl::Status MeetingFiler::Recut(uint64_t from, const Recutting& recutting, Change& change) {
  const TouchedRoom& touched = recutting.touched;
  Outcome& outcome = recutting.outcomes.at(from);
  Meeting& meeting = *outcome.meeting;
  const bool all = outcome.recut == Outcome::Recut::kAll;  // else what is not looked at follows its filing
  absl::Status status;
  if (all) {
    // Files that have ended stay so. Of the others each ends, or lives, with the occurrence that it belongs to now.
    status = EndFilesInTime(meeting, touched.pbx_id, outcome.before.facts, outcome.filing, change);
    if (!status.ok()) return status;
    meeting.locator.events = 0;  // those that stay are counted again
  }
  const auto divide_in = [&](DueDay day, CategoryNumber category) {
    const auto divide = [&](const FiledKey& key, std::string_view envelope, const std::string& row) {
      return RecutRow(key, envelope, row, recutting, change);
    };
    // What nobody can read ends with its own day, or with what it was said of.
    const auto end = [&](const FiledKey& key, std::string_view envelope, const absl::Status&) {
      if (!IsErased(outcome.facts, category)) return absl::OkStatus();
      return change.Drop(key, envelope, IsObject(category) ? touched.pbx_id : "", touched.deletion_reason);
    };
    const std::string prefix = FiledPrefix(day, category, meeting.pbx, meeting.id);
    return VisitOpenedRows(holdings_.store, holdings_.vault, prefix, Opener::kEngine, divide, end);
  };
  for (const CategoryNumber category : kFiledByMeeting) {
    const bool is_said = std::find(std::begin(kSaid), std::end(kSaid), category) != std::end(kSaid);
    if (!all && !is_said && category != kChatProtocol) continue;
    const DueDay day = std::exchange(meeting.locator.days[category], DueDay::None());
    if (day == DueDay::None()) continue;
    if (day <= change.last_due()) {
      // What was due is not revived elsewhere; its day may have its entry, and wait to be dropped.
      meeting.locator.fixed = true;
      if (day <= holdings_.ring.destroyed_through()) continue;
      const auto end = [&](const FiledKey& key, std::string_view row) {
        return change.Drop(key, row, IsObject(category) ? touched.pbx_id : "", kReasonDayMovedIntoPast);
      };
      status = VisitRows(holdings_.store, FiledPrefix(day, category, meeting.pbx, meeting.id), end);
      if (!status.ok()) return status;
      continue;
    }
    status = divide_in(day, category);
    if (!status.ok()) return status;
  }
  if (!all) return absl::OkStatus();
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (counts[kRecording].rows == 0 || !day.is_civil() || day <= change.last_due()) continue;
    status = divide_in(day, kRecording);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

RowOutcome MeetingFiler::RecutRow(const FiledKey& key, std::string_view envelope, const std::string& row,
                                  const Recutting& recutting, Change& change) {
  const TouchedRoom& touched = recutting.touched;
  const uint64_t from = OccurrenceOf(key.owner);
  const auto occurrence_of = [&](uint64_t event) {
    const auto moved = recutting.changes.moved.find(event);
    return moved == recutting.changes.moved.end() ? from : moved->second;
  };
  const auto taken_back = [&](uint64_t occurrence, const stored::v1::Value& value) {
    if (value.copied() && !recutting.copies.Stand(value.event())) return true;
    return IsTakenBack(*touched.room, occurrence, key.category, value);
  };
  if (change.dropped().contains(key.Encode())) return absl::OkStatus();
  auto shares = key.category == kHistory ? SharesOfHistory(row, occurrence_of)
                : key.category == kRecording || key.category == kFileShare
                    ? SharesOfObject(row, occurrence_of)
                    : SharesOfValues(row, occurrence_of, taken_back);
  if (!shares.has_value()) return RowOutcome::Malformed();
  std::vector<RowPart> parts;
  for (auto& [number, share] : *shares) {
    if (number == kTakenBack) {
      parts.push_back({.key = key,
                       .plaintext = Personal(std::move(share.plaintext)),
                       .values = share.values,
                       .ends_for = kReasonReplaced});
      continue;
    }
    Outcome& outcome = recutting.outcomes.at(number);
    RowPart& part = parts.emplace_back(
        RowPart{.key = key, .plaintext = Personal(std::move(share.plaintext)), .values = share.values, .ends_for = {}});
    if (key.category != kRecording) part.key.day = outcome.filing.days[key.category];
    if (number != from) {
      part.key.owner = outcome.meeting->id;
      part.key.item = ItemId{holdings_.vault.Hash("moved", key.item.view(), absl::StrCat(share.first_event))};
    }
    if (key.category == kFileShare) {
      const absl::Time ends = FileEndOf(outcome.facts, share.file);
      if (ends <= change.now()) return change.Drop(key, envelope, touched.pbx_id, kReasonMeetingEnded);
      outcome.filing.review = std::min(outcome.filing.review, ends);
    }
    // Not by moving: the portal must be told.
    if (key.category == kFileShare && !change.TakesMoved(part.key.day)) {
      return change.Drop(key, envelope, touched.pbx_id, kReasonDayMovedIntoPast);
    }
    if (IsErased(outcome.facts, key.category)) {
      if (IsObject(key.category)) return change.Drop(key, envelope, touched.pbx_id, touched.deletion_reason);
      part.ends_for = touched.deletion_reason;
    } else if (!change.TakesMoved(part.key.day)) {
      part.ends_for = kReasonDayMovedIntoPast;
      outcome.meeting->locator.fixed = true;
    } else if (key.category != kRecording) {
      outcome.gained.insert(key.category);
      if (key.category == kHistory) outcome.meeting->locator.events += part.values;
    }
  }
  if (parts.size() == 1 && parts[0].key == key && parts[0].ends_for.empty()) return absl::OkStatus();
  return change.Divide(key, envelope, std::move(parts));
}

}  // namespace retention
