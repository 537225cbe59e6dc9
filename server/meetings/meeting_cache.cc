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

// Until when who is in a sitting at its limit goes over into the next one; INT64_MIN if nobody can.
int64_t CarriesUntil(const SittingFacts& sitting, const CutHistory& rules) {
  if (sitting.emptied_us.has_value()) return INT64_MIN;
  const int64_t until_us =
      GoesOverUntil(rules.At(sitting.start_us), sitting.name != 0, sitting.last_us, sitting.limit_us);
  return until_us > sitting.limit_us ? until_us : INT64_MIN;
}

int64_t CarriesUntil(const OccurrenceFacts& facts, const CutHistory& rules) {
  int64_t until_us = INT64_MIN;
  for (const SittingFacts& sitting : facts.sittings) until_us = std::max(until_us, CarriesUntil(sitting, rules));
  return until_us;
}

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

std::vector<const Meeting*> Room::AllFixedAt(int64_t time_us) const {
  std::vector<const Meeting*> all;
  if (time_us > fixed_until_us) return all;
  for (const auto& [number, meeting] : meetings) {
    if (!meeting.fixed || time_us < meeting.locator.facts.first_us) continue;
    // What the same change adds to it counts.
    const OccurrenceFacts facts = fixed.contains(number) ? FactsOf(number) : meeting.locator.facts;
    const int64_t until_us =
        std::max({facts.last_us, SpokenUntil(facts, cut.rules()), CarriesUntil(facts, cut.rules())});
    if (time_us <= until_us) all.push_back(&meeting);
  }
  return all;
}

const Meeting* Room::FixedAt(const RoomEvent& event) const {
  if (event.kind == RoomEventKind::kDeleted) return nullptr;
  const int64_t deleted_until_us = deletions.empty() ? INT64_MAX : deletions.back().time_us;
  const Meeting* spans = nullptr;
  for (const Meeting* meeting : AllFixedAt(event.time_us)) {
    const uint64_t number = OccurrenceOf(meeting->id);
    const OccurrenceFacts facts = FactsOf(number);
    if (facts.deleted && event.time_us > deleted_until_us) continue;  // the room begins anew
    // What is said of somebody who is there belongs to where they are.
    if (Speaks(event.kind) && event.time_us <= SpokenUntil(facts, cut.rules())) {
      const auto known = fixed.find(number);
      if (known != fixed.end() && known->second.Knows(event)) return meeting;
    }
    if (spans == nullptr && Spans(facts, event)) spans = meeting;
  }
  return spans;
}

uint64_t Room::OverAt(const RoomEvent& event) const {
  if (event.kind == RoomEventKind::kDeleted) return 0;
  const int64_t deleted_until_us = deletions.empty() ? INT64_MAX : deletions.back().time_us;
  for (const auto& [number, facts] : over) {
    if (facts.deleted && event.time_us > deleted_until_us) continue;  // the room begins anew
    if (MayHaveBeenOf(facts, event, cut.rules(), read_at)) return number;
  }
  return 0;
}

std::string Room::NameOf(const Vault& vault, std::string_view participant_id) const {
  return ParticipantName(vault, pbx, id, participant_id);
}

uint32_t Room::OrganizerNumber(std::string_view name) {
  if (name.empty()) return 0;
  auto it = std::find(organizers.begin(), organizers.end(), name);
  if (it == organizers.end()) it = organizers.emplace(organizers.end(), name);
  return static_cast<uint32_t>(it - organizers.begin()) + 1;
}

const RoomCut* Room::CutWith(uint64_t occurrence) const {
  const auto own = fixed.find(occurrence);
  // What lies within the span of one that is fixed is its own, even where it would be cut otherwise.
  if (own != fixed.end()) return own->second.occurrences().size() == 1 ? &own->second : nullptr;
  return cut.Has(occurrence) ? &cut : nullptr;
}

std::optional<std::string> Room::SchedulerBefore(uint64_t occurrence, const RoomPlan& plan) const {
  const OccurrenceFacts* latest = nullptr;
  bool deleted = false;  // the latest, before that plan
  for (const auto& [number, meeting] : meetings) {
    const OccurrenceFacts& facts = meeting.locator.facts;
    if (number == occurrence || !facts.plan.has_value() || facts.plan->name != plan.name) continue;
    if (facts.first_us >= plan.first_us || (latest != nullptr && facts.first_us <= latest->first_us)) continue;
    const bool is_deleted = std::any_of(deletions.begin(), deletions.end(), [&](const RoomDeletion& deletion) {
      return deletion.time_us >= facts.first_us && deletion.time_us < plan.first_us;
    });
    if (!is_deleted && cut.Has(number)) continue;  // the cut would tell
    latest = &facts;
    deleted = is_deleted;
  }
  if (latest == nullptr) return std::nullopt;
  return deleted ? std::string() : latest->Scheduler();
}

std::string Room::SchedulerBeyond(const RoomCut& knows, uint64_t occurrence) const {
  // The first of the plans that were planned anew, one from the other.
  for (auto followed = knows.FollowedBy(occurrence); !followed.empty(); followed = knows.FollowedBy(occurrence)) {
    const RoomPlan* former = knows.PlanOf(followed.back());
    if (former == nullptr || !former->dated) break;
    occurrence = followed.back();
  }
  if (knows.PlannedAnewBy(occurrence) == 0) return {};
  if (auto before = SchedulerBefore(occurrence, *knows.PlanOf(occurrence)); before.has_value()) return *before;
  // The history of that is over: what was taken over of it stays.
  const auto own = meetings.find(occurrence);
  return own == meetings.end() || !own->second.locator.facts.taken_over ? std::string()
                                                                        : own->second.locator.facts.Scheduler();
}

OccurrenceFacts Room::FactsOf(uint64_t occurrence) const {
  const auto meeting = meetings.find(occurrence);
  const RoomCut* knows = CutWith(occurrence);
  if (knows == nullptr) return meeting == meetings.end() ? OccurrenceFacts() : meeting->second.locator.facts;
  uint32_t organizer = 0;
  OccurrenceFacts facts = knows->FactsOf(occurrence, organizer);
  if (organizer != 0) facts.organizer = organizers[organizer - 1];
  if (facts.Scheduler().empty()) {
    if (std::string scheduler = SchedulerBeyond(*knows, occurrence); !scheduler.empty()) {
      facts.organizer = std::move(scheduler);
      facts.only_started = false;
      facts.taken_over = true;
    }
  }
  // A room is deleted by an event that is none of one that is fixed.
  facts.deleted |= knows != &cut && meeting != meetings.end() && meeting->second.locator.facts.deleted;
  return facts;
}

void Room::FollowFixed() {
  std::vector<FormerSitting> former;
  int64_t from_us = INT64_MAX;  // the first from which anybody can go over
  for (const auto& [number, own] : fixed) {
    for (FormerSitting& sitting : own.Former()) {
      if (!sitting.open.empty()) from_us = std::min(from_us, sitting.start_us);
      former.push_back(std::move(sitting));
    }
  }
  if (from_us == INT64_MAX) return cut.Follow({});
  std::erase_if(former, [&](const FormerSitting& sitting) { return sitting.start_us < from_us; });
  // Those of others come between, though nobody goes over from them.
  for (const auto& [number, meeting] : meetings) {
    if (!meeting.fixed || fixed.contains(number)) continue;
    for (const SittingFacts& sitting : meeting.locator.facts.sittings) {
      if (sitting.start_us < from_us) continue;
      former.push_back({.start_us = sitting.start_us, .name = sitting.name, .limit_us = sitting.limit_us});
    }
  }
  std::sort(former.begin(), former.end(), [](const auto& a, const auto& b) { return a.start_us < b.start_us; });
  cut.Follow(std::move(former));
}

Meeting& Room::MeetingOf(uint64_t occurrence) {
  const auto [it, inserted] = meetings.try_emplace(occurrence);
  if (inserted) {
    it->second.pbx = pbx;
    it->second.id = OccurrenceOwner(id, occurrence);
  }
  return it->second;
}

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
    return RoomNames::Named{.room = recent->second, .stored = true};
  }
  auto named = names_.Find(store_, pbx, meeting_id);
  if (named.ok() && named->stored) recent_.emplace(std::move(name), named->room);
  return named;
}

absl::StatusOr<Room*> MeetingCache::Find(const PbxId& pbx, std::string_view meeting_id, DueDay last_due) {
  const auto named = Named(pbx, meeting_id);
  if (!named.ok()) return named.status();
  // Of a room that no meeting id leads to nothing is held (RoomRenamer::IsHeld): there is nothing to read.
  const bool is_new = !named->stored && !rooms_.contains(Name(pbx, named->room));
  auto room = is_new ? Keep(NewEntry(pbx, named->room, last_due)) : Find(pbx, named->room, last_due);
  if (room.ok()) (*room)->named = named->stored;
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
  const auto named = Named(pbx, meeting_id);
  if (!named.ok()) return named.status();
  damaged_.erase(Name(pbx, named->room));
  auto room = Find(pbx, named->room, last_due, unreadable);
  if (room.ok()) (*room)->named = named->stored;
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
  auto entry = NewEntry(pbx, room, last_due);
  if (absl::Status s = Read(entry->room, last_due, unreadable); !s.ok()) return s;
  return Keep(std::move(entry));
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

absl::Status MeetingCache::Read(Room& room, DueDay last_due, UnreadableVisit unreadable) {
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
      room.over.emplace(number, std::move(locator.facts));
      continue;
    }
    if (absl::Status s = OpenCarried(vault_, room.pbx, id, locator); !s.ok()) return s;
    Meeting& meeting = room.MeetingOf(number);
    meeting.locator = std::move(locator);
    meeting.stored = true;
    meeting.fixed = IsFixed(meeting.locator, last_due);
    room.cut.Take(number);
    if (meeting.fixed) {
      const OccurrenceFacts& facts = meeting.locator.facts;
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
