#include "server/rows/notice_numbers.h"

#include "retention/stored/v1/course.pb.h"
#include "storage/keys.h"

namespace retention {

uint64_t NoticeNumbers::Counter::Take(Batch& batch) {
  const uint64_t number = next++;
  if (number <= reserved_through) return number;
  reserved_through = number + kSetAside - 1;
  PutReserved(reserved_through, batch);
  return number;
}

void NoticeNumbers::PutReserved(uint64_t through, Batch& batch) {
  stored::v1::ReportNoticeCounter row;
  row.set_reserved_through(through);
  batch.Put(Family::kState, ReportNoticeCounterKey(), row.SerializeAsString());
}

absl::Status NoticeNumbers::Load(const StoreView& store) {
  auto row = store.Get(Family::kState, ReportNoticeCounterKey());
  if (!row.ok()) return row.status();
  stored::v1::ReportNoticeCounter stored;
  if (row->has_value() && !stored.ParseFromString(**row)) {
    return absl::DataLossError("the counter of notices does not parse");
  }
  Set({.next = stored.reserved_through() + 1, .reserved_through = stored.reserved_through()});
  return absl::OkStatus();
}

void NoticeNumbers::Set(const Counter& counter) {
  counter_ = counter;
  last_given_.store(counter.next - 1);
}

}  // namespace retention
