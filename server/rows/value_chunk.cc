#include "server/rows/value_chunk.h"

#include "server/base/wrapping.h"

namespace retention {

std::string PackValues(stored::v1::ValueChunk& chunk) {
  // From the last on: the one before is still whole.
  for (int i = chunk.values_size(); --i > 0;) {
    const stored::v1::Value& before = chunk.values(i - 1);
    stored::v1::Value& value = *chunk.mutable_values(i);
    value.set_time_us(WrappingDifference(value.time_us(), before.time_us()));
    value.event() == before.event() ? value.clear_event() : value.set_event(value.event());
    value.source() == before.source() ? value.clear_source() : value.set_source(value.source());
  }
  return chunk.SerializeAsString();
}

bool UnpackValues(std::string_view row, stored::v1::ValueChunk& chunk) {
  if (!chunk.ParseFromArray(row.data(), static_cast<int>(row.size()))) return false;
  for (int i = 1; i < chunk.values_size(); ++i) {
    const stored::v1::Value& before = chunk.values(i - 1);
    stored::v1::Value& value = *chunk.mutable_values(i);
    value.set_time_us(WrappingSum(value.time_us(), before.time_us()));
    if (!value.has_event()) value.set_event(before.event());
    if (!value.has_source()) value.set_source(before.source());
    // No source is none, as in the first.
    if (value.source() == stored::v1::Value::SOURCE_UNSPECIFIED) value.clear_source();
  }
  return true;
}

}  // namespace retention
