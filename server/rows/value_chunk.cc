#include "server/rows/value_chunk.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "server/base/wrapping.h"

namespace retention {
namespace {

// Who joins is called what the invitation called them, and people join about as they were invited: so far back it is
// looked for.
constexpr int kLookedBack = 64;
// To say where it stands takes three bytes.
constexpr size_t kWorthBytes = 4;

uint64_t SayingOf(const stored::v1::Value& value) {
  const uint64_t participant = XXH3_64bits(value.participant_id().data(), value.participant_id().size());
  return XXH3_64bits_withSeed(value.text().data(), value.text().size(), participant);
}

// How many values before value `at` the same was said of the same person; 0 for nowhere near. `sayings`: of each value.
int SaidBefore(const stored::v1::ValueChunk& chunk, int at, const std::vector<uint64_t>& sayings) {
  const stored::v1::Value& value = chunk.values(at);
  if (value.participant_id().size() + value.text().size() < kWorthBytes) return 0;
  const auto saying = sayings.begin() + at;
  for (int back = 1; back <= std::min(at, kLookedBack); ++back) {
    if (*(saying - back) != *saying) continue;
    const stored::v1::Value& before = chunk.values(at - back);
    if (before.text() == value.text() && before.participant_id() == value.participant_id()) return back;
  }
  return 0;
}

}  // namespace

std::string PackValues(stored::v1::ValueChunk& chunk) {
  std::vector<uint64_t> sayings;
  sayings.reserve(static_cast<size_t>(chunk.values_size()));
  for (const stored::v1::Value& value : chunk.values()) sayings.push_back(SayingOf(value));
  // From the last on: those before are still whole.
  for (int i = chunk.values_size(); --i > 0;) {
    const stored::v1::Value& before = chunk.values(i - 1);
    stored::v1::Value& value = *chunk.mutable_values(i);
    value.set_time_us(WrappingDifference(value.time_us(), before.time_us()));
    value.event() == before.event() ? value.clear_event() : value.set_event(value.event());
    value.source() == before.source() ? value.clear_source() : value.set_source(value.source());
    if (const int back = SaidBefore(chunk, i, sayings); back > 0) {
      value.set_said_before(static_cast<uint32_t>(back));
      value.clear_participant_id();
      value.clear_text();
    }
  }
  return chunk.SerializeAsString();
}

bool UnpackValues(std::string_view row, stored::v1::ValueChunk& chunk) {
  if (!chunk.ParseFromArray(row.data(), static_cast<int>(row.size()))) return false;
  for (int i = 0; i < chunk.values_size(); ++i) {
    stored::v1::Value& value = *chunk.mutable_values(i);
    if (value.said_before() > static_cast<uint32_t>(i)) return false;
    if (i == 0) continue;
    const stored::v1::Value& before = chunk.values(i - 1);
    value.set_time_us(WrappingSum(value.time_us(), before.time_us()));
    if (!value.has_event()) value.set_event(before.event());
    if (!value.has_source()) value.set_source(before.source());
    // No source is none, as in the first.
    if (value.source() == stored::v1::Value::SOURCE_UNSPECIFIED) value.clear_source();
    if (value.said_before() == 0) continue;
    const stored::v1::Value& said = chunk.values(i - static_cast<int>(value.said_before()));
    value.set_participant_id(said.participant_id());
    value.set_text(said.text());
    value.clear_said_before();
  }
  return true;
}

}  // namespace retention
