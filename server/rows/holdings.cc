#include "server/rows/holdings.h"

#include <utility>

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

}  // namespace retention
