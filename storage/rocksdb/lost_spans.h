// Which keys were lost with damaged table files.
#ifndef RETENTION_STORAGE_ROCKSDB_LOST_SPANS_H_
#define RETENTION_STORAGE_ROCKSDB_LOST_SPANS_H_

#include <string_view>
#include <vector>

#include "storage/store.h"

namespace retention {

// Of one family, in order; none touches another. A row that is found in a span was written after the loss; of one that
// is not, nobody can tell whether it ever was.
using LostSpans = std::vector<KeySpan>;

LostSpans With(const LostSpans& spans, KeySpan span);
// What is erased is not missed.
LostSpans Without(const LostSpans& spans, const KeySpan& erased);

bool Contains(const LostSpans& spans, std::string_view key);
bool Overlap(const LostSpans& spans, const KeySpan& range);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_LOST_SPANS_H_
