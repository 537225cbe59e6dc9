#include "server/meetings/meeting_cache.h"

#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

constexpr size_t kMaxRecentIds = 20000;
// What a meeting costs besides its events, in events.
constexpr size_t kMeetingOverhead = 4;

}  // namespace

std::string MeetingLocator::Serialize() const {
  stored::v1::Locator proto;
  for (const DueDay day : days) proto.add_due_days(day.number());
  proto.set_files_end_us(files_end_us);
  proto.set_timer_us(timer_us);
  return proto.SerializeAsString();
}

std::optional<MeetingLocator> MeetingLocator::Parse(std::string_view bytes) {
  stored::v1::Locator proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      proto.due_days_size() > static_cast<int>(kCategories)) {
    return std::nullopt;
  }
  MeetingLocator locator;
  for (int i = 0; i < proto.due_days_size(); ++i) locator.days[i] = DueDay::FromNumber(proto.due_days(i));
  locator.files_end_us = proto.files_end_us();
  locator.timer_us = proto.timer_us();
  return locator;
}

absl::StatusOr<std::optional<MeetingLocator>> ReadLocator(const StoreView& view, const PbxId& pbx,
                                                          const OwnerId& meeting, DueDay last_due) {
  auto row = view.Get(Family::kState, LocatorKey(pbx, meeting));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  auto locator = MeetingLocator::Parse(**row);
  if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
  if (locator->days[kHistory] <= last_due) return std::nullopt;
  return locator;
}

absl::StatusOr<Course> ReadCourse(const StoreView& view, Vault& vault, DueDay day, const PbxId& pbx,
                                  const OwnerId& meeting) {
  Course course;
  const auto add = [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    auto plaintext = vault.Open(key, envelope);
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::CourseChunk chunk;
    if (!chunk.ParseFromString(plaintext->Reveal()) || !course.AddChunk(chunk, DueDay::None())) {
      return absl::DataLossError("a HISTORY row does not parse");
    }
    return absl::OkStatus();
  };
  if (absl::Status s = VisitRows(view, FiledPrefix(day, kHistory, pbx, meeting), add); !s.ok()) return s;
  return course;
}

bool Misfiled(const MeetingLocator& locator, const Filing& filing, DueDay ended) {
  for (const CategoryNumber category : kFiledByMeeting) {
    const DueDay lies = locator.days[category];
    if (lies != DueDay::None() && lies > ended && lies != filing.days[category]) return true;
  }
  return locator.files_end_us != 0 && locator.files_end_us != absl::ToUnixMicros(filing.files_end);
}

absl::StatusOr<Meeting*> MeetingCache::Find(const PbxId& pbx, std::string_view meeting_id, DueDay last_due) {
  if (recent_.size() > kMaxRecentIds) recent_.clear();
  const auto [it, inserted] = recent_.try_emplace(std::make_pair(pbx, std::string(meeting_id)));
  if (inserted) it->second = MeetingOwner(vault_, pbx, meeting_id);
  return Find(pbx, it->second, last_due);
}

absl::StatusOr<Meeting*> MeetingCache::Find(const PbxId& pbx, const OwnerId& meeting, DueDay last_due) {
  const Name name(pbx, meeting);
  const auto it = meetings_.find(name);
  if (it != meetings_.end()) {
    const Meeting& cached = it->second->meeting;
    if (!cached.stored || cached.locator.days[kHistory] > last_due) {
      used_.splice(used_.begin(), used_, it->second->used);
      return &it->second->meeting;
    }
    Forget(pbx, meeting);  // its history is due: whoever speaks of it now speaks of a new meeting
  }
  auto entry = std::make_unique<Entry>();
  entry->meeting.pbx = pbx;
  entry->meeting.id = meeting;
  auto locator = ReadLocator(store_, pbx, meeting, last_due);
  if (!locator.ok()) return locator.status();
  if (locator->has_value()) {
    auto course = ReadCourse(store_, vault_, (*locator)->days[kHistory], pbx, meeting);
    if (!course.ok()) return course.status();
    Meeting& read = entry->meeting;
    read.course = *std::move(course);
    read.locator = **locator;
    read.stored = true;
    const MeetingFacts facts = read.course.Fold(absl::UnixEpoch());
    read.known = facts.known;
    read.deleted = facts.deleted;
  }
  grown_ += entry->meeting.course.size() + kMeetingOverhead;
  used_.push_front(name);
  entry->used = used_.begin();
  return &meetings_.emplace(name, std::move(entry)).first->second->meeting;
}

void MeetingCache::Edit(const Meeting& meeting, Change& change) {
  change.Otherwise([this, pbx = meeting.pbx, id = meeting.id] { Forget(pbx, id); });
}

void MeetingCache::Trim(size_t grown_events) {
  grown_ += grown_events;
  if (grown_ < kMaxCachedEvents / 16) return;
  grown_ = 0;
  size_t total = 0;
  auto it = used_.begin();
  for (; it != used_.end() && total < kMaxCachedEvents; ++it) {
    total += meetings_.at(*it)->meeting.course.size() + kMeetingOverhead;
  }
  while (it != used_.end()) {
    meetings_.erase(*it);
    it = used_.erase(it);
  }
}

void MeetingCache::Forget(const PbxId& pbx, const OwnerId& meeting) {
  const auto it = meetings_.find(Name(pbx, meeting));
  if (it == meetings_.end()) return;
  used_.erase(it->second->used);
  meetings_.erase(it);
}

void MeetingCache::ForgetPbx(const PbxId& pbx) {
  for (auto it = used_.begin(); it != used_.end();) {
    if (it->first == pbx) {
      meetings_.erase(*it);
      it = used_.erase(it);
    } else {
      ++it;
    }
  }
  recent_.clear();
}

void MeetingCache::ForgetDue(DueDay last_due) {
  for (auto it = used_.begin(); it != used_.end();) {
    if (meetings_.at(*it)->meeting.locator.days[kHistory] <= last_due) {
      meetings_.erase(*it);
      it = used_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace retention
