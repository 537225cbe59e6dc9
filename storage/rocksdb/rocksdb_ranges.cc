// Which table files ranges of keys lie in, and what of them is rewritten for a scrub.
#include <optional>

#include "storage/rocksdb/rocksdb_engine.h"

namespace retention {
namespace {

bool Touches(const rocksdb::SstFileMetaData& file, const KeyRange& range) {
  return file.largestkey >= range.begin && (range.end.empty() || file.smallestkey < range.end);
}

}  // namespace

std::vector<RangeFile> RocksEngine::FilesTouching(const KeyRange& range) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(range.family), &metadata);
  std::vector<RangeFile> files;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      if (!Touches(file, range)) continue;
      files.push_back({.path = directory_ + "/" + file.relative_filename,
                       .level = level.level,
                       .inside = file.smallestkey >= range.begin && (range.end.empty() || file.largestkey < range.end),
                       .being_compacted = file.being_compacted});
    }
  }
  return files;
}

bool RocksEngine::HoldsEachKeyOnce(const KeyRange& range, rocksdb::SequenceNumber written) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(range.family), &metadata);
  std::optional<int> only;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    const rocksdb::SstFileMetaData* before = nullptr;  // in the order of their keys, below level 0
    for (const rocksdb::SstFileMetaData& file : level.files) {
      if (file.smallest_seqno > written || !Touches(file, range)) continue;
      if (only.value_or(level.level) != level.level) return false;
      // Files of level 0 may have any key; one that is alone has each once, and stays there when it is compacted.
      if (before != nullptr && (level.level == 0 || before->largestkey >= file.smallestkey)) return false;
      only = level.level;
      before = &file;
    }
  }
  return true;
}

KeyRange RocksEngine::JoinedByFiles(const std::vector<KeyRange>& ranges, size_t& next) const {
  KeyRange joined = ranges[next++];
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(joined.family), &metadata);
  const auto share_file = [&](const KeyRange& later) {
    for (size_t level = 1; level < metadata.levels.size(); ++level) {
      for (const rocksdb::SstFileMetaData& file : metadata.levels[level].files) {
        if (file.smallestkey < joined.end && file.largestkey >= later.begin) return true;
      }
    }
    return false;
  };
  for (; next < ranges.size() && ranges[next].family == joined.family; ++next) {
    const KeyRange& later = ranges[next];
    if (!joined.end.empty() && later.begin > joined.end && !share_file(later)) break;
    if (later.end.empty() || (!joined.end.empty() && later.end > joined.end)) joined.end = later.end;
  }
  return joined;
}

// A compaction of RocksDB's own accord beside this one may carry rows past it: then it is done again. Files whose keys
// meet at their edges can look as if they shared one however often they are rewritten: after kRewritesMax of all of
// them nothing that was deleted before the first is left.
absl::Status RocksEngine::ScrubRange(const KeyRange& range, rocksdb::SequenceNumber written) const {
  constexpr int kRewritesMax = 3;
  for (int rewrites = 0; rewrites <= kRewritesMax && !HoldsEachKeyOnce(range, written); ++rewrites) {
    if (absl::Status status = Compact(range, /*force=*/rewrites > 0); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace retention
