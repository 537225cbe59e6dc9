#include "server/meetings/meeting_cache.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "server/meetings/remnant.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

constexpr size_t kMaxRecentIds = 20000;
// Of damaged rooms so many are known.
constexpr size_t kMaxDamaged = 10000;
// How much more than they may the rooms hold before they are counted again.
constexpr size_t kMaxGrownBytes = MeetingCache::kMaxCachedBytes / 4;
// What an event takes that says what none before it said: most do, but for samples of quality.
constexpr size_t kBytesOfNewEvent = 250;
// What a room costs besides its events.
constexpr size_t kRoomBytes = 2000;
constexpr size_t kMeetingBytes = 1000;

// Whether somebody may go over from it into a sitting within `other`.
bool MayCarryInto(const OccurrenceFacts& facts, const OccurrenceFacts& other, const CutHistory& rules) {
  return std::any_of(facts.sittings.begin(), facts.sittings.end(), [&](const SittingFacts& sitting) {
    return other.first_us <= CarriesUntil(sitting, rules) && other.last_us > sitting.limit_us;
  });
}

// Calls `add` for each row of a meeting's history. One that does not parse, or of which `add` says so, is unreadable.
absl::Status VisitCourse(const StoreView& view, Vault& vault, DueDay day, const PbxId& pbx, const OwnerId& meeting,
                         Opener opener, absl::FunctionRef<bool(const stored::v1::CourseChunk& chunk)> add,
                         UnreadableVisit unreadable) {
  stored::v1::CourseChunk chunk;
  const auto visit = [&](const FiledKey&, std::string_view envelope, const std::string& row) -> RowOutcome {
    if (opener == Opener::kReader) {
      const auto restricted = vault.IsRestricted(envelope);
      if (!restricted.ok()) return restricted.status();
      if (*restricted) return absl::OkStatus();
    }
    return chunk.ParseFromString(row) && add(chunk) ? RowOutcome(absl::OkStatus()) : RowOutcome::Malformed();
  };
  return VisitOpenedRows(view, vault, FiledPrefix(day, kHistory, pbx, meeting), Opener::kEngine, visit, unreadable);
}

}  // namespace

absl::StatusOr<Course> ReadCourse(const StoreView& view, Vault& vault, DueDay day, const PbxId& pbx,
                                  const OwnerId& meeting, Opener opener) {
  Course course;
  const auto add = [&](const stored::v1::CourseChunk& chunk) { return course.AddChunk(chunk); };
  const auto fail = [](const FiledKey&, std::string_view, const absl::Status& why) { return why; };
  if (absl::Status s = VisitCourse(view, vault, day, pbx, meeting, opener, add, fail); !s.ok()) return s;
  return course;
}

absl::StatusOr<RoomNames::Named> MeetingCache::Named(const PbxId& pbx, std::string_view meeting_id) {
  if (recent_.size() > kMaxRecentIds) recent_ = {};
  auto name = std::make_pair(pbx, std::string(meeting_id));
  if (const auto recent = recent_.find(name); recent != recent_.end()) {
    return RoomNames::Named{.room = recent->second, .row = std::nullopt};
  }
  auto named = names_.Find(store_, pbx, meeting_id);
  if (named.ok() && named->stored()) recent_.emplace(std::move(name), named->room);
  return named;
}

absl::StatusOr<Room*> MeetingCache::Find(const PbxId& pbx, std::string_view meeting_id, DueDay last_due) {
  auto named = Named(pbx, meeting_id);
  if (!named.ok()) return named.status();
  // Of a room that no meeting id leads to nothing is held (RoomRenamer::IsHeld): there is nothing to read.
  const bool is_new = !named->stored() && !rooms_.contains(Name(pbx, named->room));
  auto room = is_new ? Keep(NewEntry(pbx, named->room, last_due)) : Find(pbx, named->room, last_due);
  if (room.ok()) (*room)->unstored_name = std::move(named->row);
  return room;
}

absl::StatusOr<Room*> MeetingCache::Find(const PbxId& pbx, const RoomId& room, DueDay last_due) {
  if (const auto damaged = damaged_.find(Name(pbx, room)); damaged != damaged_.end()) return damaged->second;
  auto found = Find(pbx, room, last_due, kFails);
  if (IsUnreadable(found.status())) {
    if (damaged_.size() >= kMaxDamaged) damaged_.clear();
    damaged_.emplace(Name(pbx, room), found.status());
  }
  return found;
}

absl::StatusOr<Room*> MeetingCache::FindToDelete(const PbxId& pbx, std::string_view meeting_id, DueDay last_due,
                                                 UnreadableVisit unreadable) {
  auto named = Named(pbx, meeting_id);
  if (!named.ok()) return named.status();
  damaged_.erase(Name(pbx, named->room));
  auto room = Find(pbx, named->room, last_due, unreadable);
  if (room.ok()) (*room)->unstored_name = std::move(named->row);
  return room;
}

absl::StatusOr<Room*> MeetingCache::Find(const PbxId& pbx, const RoomId& room, DueDay last_due,
                                         UnreadableVisit unreadable) {
  const Name name(pbx, room);
  const auto it = rooms_.find(name);
  if (it != rooms_.end()) {
    Room& cached = it->second->room;
    const bool is_due =
        cached.read_at != last_due &&
        std::any_of(cached.meetings.begin(), cached.meetings.end(), [&](const auto& meeting) {
          const MeetingLocator& locator = meeting.second.locator;
          return locator.days[kHistory] <= last_due || IsFixed(locator, last_due) != meeting.second.fixed;
        });
    // What begins from now on may be cut by other rules than the room knows.
    if (!is_due && cached.cut.rules() == cuts()) {
      cached.read_at = last_due;
      used_.splice(used_.begin(), used_, it->second->used);
      return &cached;
    }
    Forget(pbx, room);
  }
  std::set<uint64_t> cut_by_others;
  for (;;) {
    auto entry = NewEntry(pbx, room, last_due);
    if (absl::Status s = Read(entry->room, last_due, cut_by_others, unreadable); !s.ok()) return s;
    // What cut it when it was recorded is fixed by now, or over: so is it.
    const size_t known = cut_by_others.size();
    for (const auto& [number, meeting] : entry->room.meetings) {
      const bool is_cut_so = meeting.fixed || entry->room.cut.Cuts(number, meeting.locator.facts);
      if (!is_cut_so) cut_by_others.insert(number);
    }
    if (cut_by_others.size() == known) return Keep(std::move(entry));
  }
}

std::unique_ptr<MeetingCache::Entry> MeetingCache::NewEntry(const PbxId& pbx, const RoomId& room,
                                                            DueDay last_due) const {
  const auto number_of = [this, pbx, room](const RoomEvent& event) {
    return OccurrenceNumber(vault_, pbx, room, event.time_us, event.id);
  };
  return std::make_unique<Entry>(
      Entry{.room = {.pbx = pbx, .id = room, .cut = RoomCut(cuts(), number_of), .read_at = last_due}});
}

Room* MeetingCache::Keep(std::unique_ptr<Entry> entry) {
  grown_ += BytesOf(*entry);
  const Name name(entry->room.pbx, entry->room.id);
  used_.push_front(name);
  entry->used = used_.begin();
  return &rooms_.emplace(name, std::move(entry)).first->second->room;
}

absl::Status MeetingCache::Read(Room& room, DueDay last_due, const std::set<uint64_t>& cut_by_others,
                                UnreadableVisit unreadable) {
  auto deletions = ReadRoomDeletions(store_, room.pbx, room.id);
  if (!deletions.ok()) return deletions.status();
  room.deletions = *std::move(deletions);
  for (const RoomDeletion& deletion : room.deletions) room.cut.AddWall(deletion.time_us, deletion.with_recordings);
  auto organizer = ReadRoomOrganizer(store_, room.pbx, room.id);
  if (!organizer.ok()) return organizer.status();
  room.organizer = *std::move(organizer);
  auto locators = ReadLocators(store_, room.pbx, room.id);
  if (!locators.ok()) return locators.status();
  for (auto& [id, locator] : *locators) {
    const uint64_t number = OccurrenceOf(id);
    if (locator.days[kHistory] <= last_due) {
      room.over.emplace(number, FactsWithSpan(locator));
      continue;
    }
    if (absl::Status s = OpenCarried(vault_, room.pbx, id, locator); !s.ok()) return s;
    Meeting& meeting = room.MeetingOf(number);
    meeting.locator = std::move(locator);
    meeting.stored = true;
    meeting.locator.fixed |= cut_by_others.contains(number);
    meeting.fixed = IsFixed(meeting.locator, last_due);
    room.cut.Take(number);
    if (!meeting.fixed) meeting.locator.span.reset();
    if (meeting.fixed) {
      if (!meeting.locator.span.has_value()) meeting.locator.span = SpanOf(meeting.locator.facts);
      const OccurrenceFacts facts = FactsWithSpan(meeting.locator);
      room.fixed_until_us =
          std::max({room.fixed_until_us, facts.last_us, SpokenUntil(facts, cuts()), CarriesUntil(facts, cuts())});
      continue;
    }
    if (absl::Status s = ReadEvents(room, meeting, room.cut, unreadable); !s.ok()) return s;
  }
  for (const auto& [number, meeting] : room.meetings) {
    if (!meeting.fixed || CarriesUntil(meeting.locator.facts, cuts()) == INT64_MIN) continue;
    const bool carries = std::any_of(room.meetings.begin(), room.meetings.end(), [&](const auto& other) {
      return !other.second.fixed && MayCarryInto(meeting.locator.facts, other.second.locator.facts, cuts());
    });
    if (!carries) continue;
    if (auto known = CutOf(room, meeting, unreadable); !known.ok()) return known.status();
  }
  auto remnants = ReadRemnants(store_, room.pbx, room.id);
  if (!remnants.ok()) return remnants.status();
  room.over.merge(*remnants);
  for (const auto& [number, facts] : room.over) room.cut.Take(number);
  room.cut.Settle();
  return absl::OkStatus();
}

Room* MeetingCache::Peek(const PbxId& pbx, const RoomId& room) {
  const auto it = rooms_.find(Name(pbx, room));
  return it == rooms_.end() ? nullptr : &it->second->room;
}

void MeetingCache::Edit(const Room& room, Change& change) {
  change.Otherwise([this, pbx = room.pbx, id = room.id] { Forget(pbx, id); });
}

absl::StatusOr<RoomCut*> MeetingCache::CutOf(Room& room, const Meeting& fixed, UnreadableVisit unreadable) {
  const uint64_t number = OccurrenceOf(fixed.id);
  const auto known = room.fixed.find(number);
  if (known != room.fixed.end()) return &known->second;
  RoomCut cut(room.cut.rules());
  cut.Follow(BeforeThoseOf(fixed.locator.facts));
  if (absl::Status s = ReadEvents(room, fixed, cut, unreadable); !s.ok()) return s;
  cut.Settle();
  grown_ += cut.MemoryBytes();
  RoomCut& own = room.fixed.emplace(number, std::move(cut)).first->second;
  if (!own.CutsTogether(fixed.locator.facts)) room.cut_by_others.insert(number);
  room.whole.reset();
  room.FollowFixed();
  return &own;
}

absl::Status MeetingCache::ReadEvents(Room& room, const Meeting& meeting, RoomCut& cut, UnreadableVisit unreadable) {
  const uint64_t occurrence = OccurrenceOf(meeting.id);
  // Row by row: the cut alone holds them all.
  const auto add = [&](const stored::v1::CourseChunk& chunk) {
    Course row;
    if (!row.AddChunk(chunk)) return false;
    row.ForEach([&](const CourseEvent& event) {
      if (cut.Contains(event.event)) return;
      RoomEvent of_room = row.RoomEventOf(event);
      of_room.organizer = room.OrganizerNumber(row.Text(event.plan.organizer));
      cut.Add(of_room, occurrence);
    });
    return true;
  };
  return VisitCourse(store_, vault_, meeting.locator.days[kHistory], meeting.pbx, meeting.id, Opener::kEngine, add,
                     unreadable);
}

size_t MeetingCache::BytesOf(const Entry& entry) {
  size_t bytes = entry.room.cut.MemoryBytes() + kRoomBytes + entry.room.meetings.size() * kMeetingBytes;
  for (const auto& [number, cut] : entry.room.fixed) bytes += cut.MemoryBytes();
  if (entry.room.whole.has_value()) bytes += entry.room.whole->MemoryBytes();
  return bytes;
}

void MeetingCache::Trim(size_t grown_events) {
  grown_ += grown_events * kBytesOfNewEvent;
  if (grown_ < kMaxGrownBytes) return;
  grown_ = 0;
  size_t total = 0;
  auto it = used_.begin();
  for (; it != used_.end() && total < kMaxCachedBytes; ++it) total += BytesOf(*rooms_.at(*it));
  while (it != used_.end()) {
    rooms_.erase(*it);
    it = used_.erase(it);
  }
}

void MeetingCache::Forget(const PbxId& pbx, const RoomId& room) {
  const auto it = rooms_.find(Name(pbx, room));
  if (it == rooms_.end()) return;
  used_.erase(it->second->used);
  rooms_.erase(it);
}

void MeetingCache::ForgetNamed(const PbxId& pbx, const RoomId& room) {
  recent_ = {};
  Forget(pbx, room);
}

void MeetingCache::ForgetPbx(const PbxId& pbx) {
  for (auto it = used_.begin(); it != used_.end();) {
    if (it->first == pbx) {
      rooms_.erase(*it);
      it = used_.erase(it);
    } else {
      ++it;
    }
  }
  recent_ = {};
}

void MeetingCache::ForgetDue(DueDay last_due) {
  damaged_.clear();
  recent_ = {};  // not clear(): short ids lie in the table itself, which is overwritten when it is freed
  for (auto it = used_.begin(); it != used_.end();) {
    const auto& meetings = rooms_.at(*it)->room.meetings;
    const bool due = std::any_of(meetings.begin(), meetings.end(), [&](const auto& meeting) {
      return meeting.second.locator.days[kHistory] <= last_due;
    });
    if (due) {
      rooms_.erase(*it);
      it = used_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace retention
