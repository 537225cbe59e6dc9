// What a key ring keeps beside keys that are found by one name, as it is told to others.
#ifndef RETENTION_STORAGE_SECRETS_RING_VALUES_H_
#define RETENTION_STORAGE_SECRETS_RING_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/key_use.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// Number of an owner; 0: none.
using OwnerNumber = uint64_t;

// The key of what a PBX has under a day, which outlives the day's: what is under it is seen by nobody, but can still be
// taken out for a hold, or ordered away.
struct RescuedKey {
  DueDay day;
  PbxId pbx;
  PbxKeyUse use = PbxKeyUse::kNotNeeded;
  SecretKey key;
};

// A key under which rooms are named for some time: what their meeting ids are hashed with. Its destruction ends that
// anybody can tell from a copy of the store whether a meeting of a known id was held.
struct NamesKey {
  uint32_t number = 0;  // from 1 on
  DueDay made;
  SecretKey key;
};

// What a destruction of due days has to know where the store cannot be asked: the ring remembers it. It may say more
// than is so (more PBXs, a later day): what was rescued in vain goes when the store is there again.
struct DueRules {
  static constexpr size_t kMaxZoneBytes = SecretKey::kBytes;

  std::string zone;              // name of the time zone by which days end; empty: nobody knows
  bool suspended = false;        // values are on their way to other days: nothing may be destroyed
  std::map<PbxId, DueDay> held;  // PBXs that holds may concern, with the last day of the last of these

  friend bool operator==(const DueRules&, const DueRules&) = default;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_VALUES_H_
