#include "server/rows/order_book.h"

#include <algorithm>

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {

absl::Status OrderBook::Load(const StoreView& store) {
  auto row = store.Get(Family::kState, OrderCounterKey());
  if (!row.ok()) return row.status();
  stored::v1::OrderCounter counter;
  if (row->has_value()) {
    if (!counter.ParseFromString(**row)) return absl::DataLossError("the counter of erasure orders does not parse");
  } else {
    // Written before orders could be confirmed: all that were ever issued are there.
    auto cursor = store.ScanPrefix(Family::kState, OrderPrefix());
    for (; cursor->Valid(); cursor->Next()) {
      const auto sequence = DecodeOrderKey(cursor->key());
      if (!sequence.has_value()) return absl::DataLossError("an erasure order's key does not parse");
      counter.set_last_issued(*sequence);
      counter.set_unconfirmed(counter.unconfirmed() + 1);
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
  }
  next_ = std::max(next_, counter.last_issued() + 1);
  held_ = counter.unconfirmed();
  last_issued_ = counter.last_issued();
  unconfirmed_ = held_;
  return absl::OkStatus();
}

void OrderBook::Flush(uint64_t issued, uint64_t forgotten, Batch& batch) {
  held_ = held_ + issued - forgotten;
  stored::v1::OrderCounter counter;
  counter.set_last_issued(next_ - 1);
  counter.set_unconfirmed(held_);
  batch.Put(Family::kState, OrderCounterKey(), counter.SerializeAsString());
}

void OrderBook::Publish() {
  last_issued_ = next_ - 1;
  unconfirmed_ = held_;
}

void OrderBook::RaiseFirstHeld(uint64_t sequence) const {
  uint64_t known = first_held_.load();
  while (known < sequence && !first_held_.compare_exchange_weak(known, sequence)) {
  }
}

}  // namespace retention
