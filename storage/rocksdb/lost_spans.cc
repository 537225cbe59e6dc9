#include "storage/rocksdb/lost_spans.h"

#include <algorithm>
#include <utility>

namespace retention {
namespace {

// An empty end lies behind all keys.
bool EndsBefore(std::string_view end, std::string_view other) { return !end.empty() && (other.empty() || end < other); }
bool Overlap(const KeySpan& a, const KeySpan& b) {
  return (a.end.empty() || b.begin < a.end) && (b.end.empty() || a.begin < b.end);
}
bool Touch(const KeySpan& a, const KeySpan& b) { return Overlap(a, b) || a.end == b.begin || b.end == a.begin; }

}  // namespace

LostSpans With(const LostSpans& spans, KeySpan span) {
  LostSpans changed;
  for (const KeySpan& other : spans) {
    if (!Touch(other, span)) {
      changed.push_back(other);
      continue;
    }
    span.begin = std::min(span.begin, other.begin);
    if (EndsBefore(span.end, other.end)) span.end = other.end;
  }
  const auto behind = std::find_if(changed.begin(), changed.end(), [&](const auto& o) { return o.begin > span.begin; });
  changed.insert(behind, std::move(span));
  return changed;
}

LostSpans Without(const LostSpans& spans, const KeySpan& erased) {
  LostSpans changed;
  for (const KeySpan& span : spans) {
    if (!Overlap(span, erased)) {
      changed.push_back(span);
      continue;
    }
    if (span.begin < erased.begin) changed.push_back({span.begin, erased.begin});
    if (EndsBefore(erased.end, span.end)) changed.push_back({erased.end, span.end});
  }
  return changed;
}

bool Contains(const LostSpans& spans, std::string_view key) {
  return std::any_of(spans.begin(), spans.end(),
                     [key](const KeySpan& span) { return span.begin <= key && (span.end.empty() || key < span.end); });
}

bool Overlap(const LostSpans& spans, const KeySpan& range) {
  return std::any_of(spans.begin(), spans.end(), [&](const KeySpan& span) { return Overlap(span, range); });
}

}  // namespace retention
