#include "server/meetings/meeting_folds.h"

#include <algorithm>

namespace retention {

std::shared_ptr<const MeetingFold> MeetingFolds::Find(const MeetingView& meeting) {
  const MutexLock lock(mutex_);
  const auto it = folds_.find(Name(meeting.pbx(), meeting.id()));
  if (it == folds_.end() || !it->second.fold->Holds(meeting)) return nullptr;
  used_.splice(used_.begin(), used_, it->second.used);
  return it->second.fold;
}

void MeetingFolds::Keep(const MeetingView& meeting, std::shared_ptr<const MeetingFold> fold) {
  const size_t bytes = fold->MemoryBytes();
  const Name name(meeting.pbx(), meeting.id());
  const MutexLock lock(mutex_);
  if (const auto it = folds_.find(name); it != folds_.end()) Erase(it);
  if (bytes > max_bytes_) return;
  while (bytes_ + bytes > max_bytes_) Erase(folds_.find(used_.back()));
  next_due_ = std::min(next_due_, fold->due);
  used_.push_front(name);
  bytes_ += bytes;
  folds_.emplace(name, Entry{.fold = std::move(fold), .bytes = bytes, .used = used_.begin()});
}

void MeetingFolds::ForgetDue(absl::Time now) {
  const MutexLock lock(mutex_);
  if (now < next_due_) return;
  next_due_ = absl::InfiniteFuture();
  for (auto it = folds_.begin(); it != folds_.end();) {
    const auto at = it++;
    if (at->second.fold->due <= now) {
      Erase(at);
    } else {
      next_due_ = std::min(next_due_, at->second.fold->due);
    }
  }
}

size_t MeetingFolds::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

void MeetingFolds::Erase(absl::flat_hash_map<Name, Entry>::iterator it) {
  bytes_ -= it->second.bytes;
  used_.erase(it->second.used);
  folds_.erase(it);
}

}  // namespace retention
