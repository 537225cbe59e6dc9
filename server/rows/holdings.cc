#include "server/rows/holdings.h"

#include <algorithm>
#include <utility>

#include "server/law/periods.h"
#include "server/rows/ring_generation.h"

namespace retention {

absl::Status Holdings::Load() {
  if (absl::Status s = policies.Load(store); !s.ok()) return s;
  if (absl::Status s = counts.Load(store); !s.ok()) return s;
  if (absl::Status s = marks.Load(store); !s.ok()) return s;
  if (absl::Status s = orders.Load(store); !s.ok()) return s;
  if (absl::Status s = notices.Load(store); !s.ok()) return s;
  if (absl::Status s = owner_ends.Load(store); !s.ok()) return s;
  const auto seen = SeenRingGeneration(store);
  if (!seen.ok()) return seen.status();
  ring_generation = *seen;
  if (absl::Status s = gate.Load(store, ring); !s.ok()) return s;
  if (absl::Status s = registry.Load(store, vault); !s.ok()) return s;
  auto opened = Ledger::Open(store);
  if (!opened.ok()) return opened.status();
  ledger = *std::move(opened);
  return absl::OkStatus();
}

absl::Time Holdings::ReadsAt(absl::Time now) const {
  const DueDay destroyed = ring.destroyed_through();
  if (!destroyed.is_civil()) return now;
  return std::max(now, DueInstant(destroyed, policies.current().policy.zone()));
}

absl::Status Holdings::KeepRoomForObjects(uint64_t more) {
  uint64_t objects = more;
  uint64_t buckets = 1;  // that `more` may begin
  for (size_t number = 1; number < kCategories; ++number) {
    const auto category = static_cast<CategoryNumber>(number);
    if (!policy().rule(category).erasure_order) continue;
    const BucketCounts::Spread spread = counts.SpreadOf(category);
    objects += spread.rows;
    buckets += spread.buckets;
  }
  return ring.KeepRoom(objects, std::min<uint64_t>(objects, buckets * (registry.size() + 1)));
}

}  // namespace retention
