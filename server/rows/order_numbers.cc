#include "server/rows/order_numbers.h"

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {

absl::Status OrderNumbers::Load(const StoreView& store) {
  auto row = store.Get(Family::kState, OrderCounterKey());
  if (!row.ok()) return row.status();
  stored::v1::OrderCounter counter;
  if (row->has_value() && !counter.ParseFromString(**row)) {
    return absl::DataLossError("the counter of erasure orders does not parse");
  }
  Set({.last_issued = counter.last_issued(), .unconfirmed = counter.unconfirmed()});
  return absl::OkStatus();
}

void OrderNumbers::Put(const Counter& counter, Batch& batch) {
  stored::v1::OrderCounter row;
  row.set_last_issued(counter.last_issued);
  row.set_unconfirmed(counter.unconfirmed);
  batch.Put(Family::kState, OrderCounterKey(), row.SerializeAsString());
}

void OrderNumbers::Set(const Counter& counter) {
  last_issued_ = counter.last_issued;
  unconfirmed_ = counter.unconfirmed;
}

void OrderNumbers::RaiseFirstLeft(uint64_t sequence) const {
  uint64_t known = first_left_.load();
  while (known < sequence && !first_left_.compare_exchange_weak(known, sequence)) {
  }
}

}  // namespace retention
