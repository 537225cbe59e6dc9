// The keys that were derived from the ring's, at hand for the next seal.
#ifndef RETENTION_STORAGE_SECRETS_DERIVED_KEYS_H_
#define RETENTION_STORAGE_SECRETS_DERIVED_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/key_use.h"
#include "storage/mutex.h"
#include "storage/secrets/hmac.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// A key, ready for those of owners under it.
struct DerivedKey {
  explicit DerivedKey(const SecretKey& key) : key(key), hmac(key) {}

  SecretKey key;
  HmacKey hmac;
};

// Thread-safe. Of more keys than it has room for, those that were used last stay.
class DerivedKeys {
 public:
  struct Name {
    DueDay day;
    PbxId pbx;
    PbxKeyUse use = PbxKeyUse::kNotNeeded;

    friend bool operator==(const Name&, const Name&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Name& name) {
      return H::combine(std::move(h), name.day, name.pbx, name.use);
    }
  };

  // Changes with every Forget: a key looked up in the ring before may not be kept after.
  uint64_t generation();
  std::optional<DerivedKey> Find(const Name& name);
  // Does nothing if `generation` has passed.
  void Keep(const Name& name, const DerivedKey& key, uint64_t generation);
  void Forget(const std::function<bool(const Name&)>& predicate);

 private:
  // About 3 MiB: the days and PBXs that are written to in the course of an hour.
  static constexpr size_t kEntriesMax = 16384;
  using Entries = std::list<std::pair<Name, DerivedKey>>;

  Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // used last first
  absl::flat_hash_map<Name, Entries::iterator> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_DERIVED_KEYS_H_
