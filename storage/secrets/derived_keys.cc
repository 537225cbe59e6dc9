#include "storage/secrets/derived_keys.h"

namespace retention {

uint64_t DerivedKeys::generation() {
  const MutexLock lock(mutex_);
  return generation_;
}

std::optional<DerivedKey> DerivedKeys::Find(const Name& name) {
  const MutexLock lock(mutex_);
  const auto found = places_.find(name);
  if (found == places_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void DerivedKeys::Keep(const Name& name, const DerivedKey& key, uint64_t generation) {
  const MutexLock lock(mutex_);
  if (generation != generation_ || places_.contains(name)) return;
  entries_.emplace_front(name, key);
  places_.emplace(name, entries_.begin());
  if (entries_.size() <= kEntriesMax) return;
  places_.erase(entries_.back().first);
  entries_.pop_back();
}

void DerivedKeys::Forget(const std::function<bool(const Name&)>& predicate) {
  const MutexLock lock(mutex_);
  ++generation_;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (predicate(entry->first)) {
      places_.erase(entry->first);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
}

}  // namespace retention
